"""Words of line lists for sex, case class, yes and no, and ages in years, months or days."""

from typing import Final

import polars as pl

MALE, FEMALE, DIVERSE, UNKNOWN = "male", "female", "diverse", "unknown"
CONFIRMED, PROBABLE, SUSPECTED, CARRIER = "confirmed", "probable", "suspected", "carrier"
YES, NO = "yes", "no"
AGE_YEARS_MAX: Final = 125


def _words(**words: str) -> dict[str, str]:
    return {word: meaning for meaning, row in words.items() for word in row.split()}


NOT_KNOWN: Final = "unknown unk u 不详 未知 不明 未说明 其他 na n/a nan . -"
SEX: Final = _words(
    male="male m man boy 男 男性 1 männlich", female="female f woman girl 女 女性 2 w weiblich",
    diverse="diverse d divers other x", unknown=NOT_KNOWN + " 0 9",
)  # fmt: skip
CLASS: Final = _words(
    confirmed="confirmed 确诊 确诊病例 实验室诊断病例 实验室确诊病例 实验室诊断 1",
    probable="probable clinical 临床诊断 临床诊断病例 2",
    suspected="suspected suspect possible 疑似 疑似病例 3",
    carrier="carrier asymptomatic 病原携带者 无症状感染者 阳性检测 阳性检测结果 4 5",
    unknown=NOT_KNOWN,
)
ANSWER: Final = _words(
    yes="yes y true 1 是 有 已 已接种 住院 死亡", no="no n false 0 否 无 未 未接种 未住院 未死亡",
    unknown=NOT_KNOWN,
)  # fmt: skip
WORDS: Final = {
    "sex": SEX, "case_class": CLASS, "hospitalised": ANSWER, "died": ANSWER,
    "vaccinated": ANSWER, "outbreak": ANSWER,
}  # fmt: skip
CODE_OF: Final = {"sex": "unknown_sex", "case_class": "unknown_class"}

UNITS_PER_YEAR: Final = (
    (r"^(岁|周岁|年|y|yrs?|years?|a|j|jahre?)?$", 1.0),
    (r"^(月|月龄|个月|m|mo|mon|months?|monate?)$", 12.0),
    (r"^(周|w|wk|weeks?|wochen?)$", 52.1775),
    (r"^(天|日|日龄|d|days?|tage?)$", 365.2425),
)
AGE: Final = r"^(\d{1,5}(?:\.\d+)?)\s*(.*)$"
YEARS_MONTHS: Final = r"^(\d{1,3})\s*(?:岁|y|years?)\s*(\d{1,2})\s*(?:个?月|m|months?)$"


def coded(text: pl.Expr, *, field: str, own: dict[str, str]) -> pl.Expr:
    """Return the meaning of words; null where a word is not known (and where there is none)."""
    words = WORDS[field] | {old.strip().casefold(): new for old, new in own.items()}
    return text.str.to_lowercase().replace_strict(
        list(words), list(words.values()), default=None, return_dtype=pl.String
    )


def age_years(age: pl.Expr, unit: pl.Expr) -> pl.Expr:
    """Return ages in years; null where an age is not readable.

    Read are 5, 5岁, 8月, 8个月, 12天, 1岁3月, 5y, 8 months; a unit beside the number wins over
    the column of units, and years are taken where neither tells.
    """
    text = age.str.to_lowercase()
    parts = text.str.extract_groups(AGE)
    number = parts.struct.field("1").cast(pl.Float64, strict=False)
    own = parts.struct.field("2").str.strip_chars()
    named = pl.when(own != "").then(own).otherwise(unit.str.to_lowercase().fill_null(""))
    years = pl.lit(None, dtype=pl.Float64)
    for pattern, per_year in UNITS_PER_YEAR:
        years = pl.when(named.str.contains(pattern)).then(number / per_year).otherwise(years)
    both = text.str.extract_groups(YEARS_MONTHS)
    together = (
        both.struct.field("1").cast(pl.Float64, strict=False)
        + both.struct.field("2").cast(pl.Float64, strict=False) / 12
    )
    return pl.coalesce(together, years)
