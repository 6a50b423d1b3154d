"""The same case twice, and the same person twice: shown, and decided by a stated rule.

Only keys are held in memory, one partition of the hashed keys at a time.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, get_args

import attrs
import polars as pl

from liudu.contract import Refusal
from liudu.outbreak.linelist._normalise import CASE, FILE, PERSON
from liudu.outbreak.linelist._tables import ROW

SamePerson = Literal["first", "keep"]
SAME_PERSON: Final[tuple[SamePerson, ...]] = get_args(SamePerson)
Decision = Literal["keep", "drop"]
PARTITION_ROWS: Final = 1_000_000
KEY, KEPT_FILE, KEPT_ROW, CODE, FIELDS, DAY = (
    "_key",
    "kept_file",
    "kept_row",
    "code",
    "fields",
    "_day",
)
CONTENT: Final = tuple(name for name in CASE if name not in {PERSON, "date_updated"})
SHAPE: Final = {
    FILE: pl.UInt16, ROW: pl.UInt32, "case_id": pl.String, CODE: pl.String,
    KEPT_FILE: pl.UInt16, KEPT_ROW: pl.UInt32, "kept_case_id": pl.String, FIELDS: pl.String,
}  # fmt: skip


class UnreadableDecisionsError(Refusal):
    """A file of decisions is not what an import wrote."""

    en = (
        "{file} holds no decisions ({found}): take duplicates.csv of an import and write keep or "
        "drop into its column decision."
    )
    zh = (
        "{file} 中没有人工决定（{found}）："
        "请在导入生成的 duplicates.csv 的 decision 列填 keep 或 drop。"
    )


@attrs.frozen(kw_only=True)
class Repeats:
    """Rows that repeat others: `dropped` of them go, `noted` of them stay."""

    dropped: pl.DataFrame
    noted: pl.DataFrame


def read_decisions(path: Path) -> dict[str, Decision]:
    """Return what a person decided on rows of the same person: case number → keep or drop.

    Raises
    ------
    UnreadableDecisionsError

    """
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnreadableDecisionsError(file=path.name, found=type(error).__name__) from error
    if not {"case_id", "decision"} <= set(frame.columns):
        raise UnreadableDecisionsError(file=path.name, found=", ".join(frame.columns))
    decided = frame.with_columns(
        pl.col("decision").fill_null("").str.strip_chars().str.to_lowercase()
    )
    decided = decided.filter(pl.col("decision") != "")
    wrong = decided.filter(~pl.col("decision").is_in(["keep", "drop"]))
    if wrong.height:
        raise UnreadableDecisionsError(file=path.name, found=repr(wrong["decision"][0]))
    return dict(decided.select("case_id", "decision").iter_rows())


def same_case(cases: pl.LazyFrame, *, rows: int) -> pl.DataFrame:
    """Return the rows whose case number another row has, but for the one that counts.

    It counts the row with the newest correction (``date_updated``), else the newest report,
    else the file named last, else the lower row.
    """
    keyed = cases.with_columns(pl.col("case_id").hash().alias(KEY))
    found = [
        _superseded(part) for part in _repeated(keyed, rows=rows, columns=[*CASE, FILE, ROW, KEY])
    ]
    return pl.concat([pl.DataFrame(schema=SHAPE), *found])


def _repeated(keyed: pl.LazyFrame, *, rows: int, columns: list[str]) -> Iterator[pl.DataFrame]:
    """Yield the rows whose key occurs more than once, one partition after the other."""
    parts = max(-(-rows // PARTITION_ROWS), 1)
    for part in range(parts):
        mine = keyed.filter(pl.col(KEY) % parts == part)
        keys = mine.select(KEY).collect(engine="streaming")
        twice = keys.filter(pl.col(KEY).is_duplicated()).unique()
        if twice.height:
            again = mine.select(columns).join(twice.lazy(), on=KEY, how="semi")
            yield again.collect(engine="streaming")


def _superseded(rows: pl.DataFrame) -> pl.DataFrame:
    order = ["case_id", "date_updated", "date_report", FILE, ROW]
    ordered = rows.sort(order, nulls_last=False)
    winner = {name: pl.col(name).last().over("case_id") for name in (*CONTENT, FILE, ROW)}
    differing = pl.concat_list(
        pl.when(pl.col(name).ne_missing(winner[name])).then(pl.lit(name)) for name in CONTENT
    ).list.drop_nulls()
    marked = ordered.with_columns(
        winner[FILE].alias(KEPT_FILE),
        winner[ROW].alias(KEPT_ROW),
        pl.col("case_id").alias("kept_case_id"),
        differing.list.join(" ").alias(FIELDS),
    )
    lost = marked.filter((pl.col(FILE) != pl.col(KEPT_FILE)) | (pl.col(ROW) != pl.col(KEPT_ROW)))
    code = pl.when(pl.col(FIELDS) == "").then(pl.lit("duplicate_identical"))
    named = code.otherwise(pl.lit("duplicate_superseded"))
    return lost.with_columns(named.alias(CODE)).select(list(SHAPE))


def same_person(
    cases: pl.LazyFrame,
    *,
    rows: int,
    days: int,
    rule: SamePerson,
    decisions: Mapping[str, Decision],
) -> Repeats:
    """Return the rows of a person whose disease was reported within the days before.

    Parameters
    ----------
    cases
        Rows that are kept so far.
    rows
        How many they are, at most.
    days
        A report within so many days of the one before it belongs to the same illness.
    rule
        ``first``: only the first report of an illness counts; ``keep``: all count.
    decisions
        Case number → keep or drop; stronger than the rule.

    """
    keyed = cases.filter(pl.col(PERSON).is_not_null()).with_columns(
        pl.struct(PERSON, "disease").hash().alias(KEY)
    )
    columns = ["case_id", PERSON, "disease", "date_onset", "date_report", FILE, ROW, KEY]
    found = [_close(part, days=days) for part in _repeated(keyed, rows=rows, columns=columns)]
    close = pl.concat([pl.DataFrame(schema=SHAPE), *found])
    return _decided(close, rule=rule, decisions=decisions)


def _close(rows: pl.DataFrame, *, days: int) -> pl.DataFrame:
    one = [PERSON, "disease"]
    ordered = rows.with_columns(pl.coalesce("date_onset", "date_report").alias(DAY)).sort(
        [*one, DAY, "date_report", FILE, ROW]
    )
    since = (pl.col(DAY) - pl.col(DAY).shift(1).over(one)).dt.total_days()
    again = ordered.with_columns(
        since.alias("_since"),
        pl.col(FILE).shift(1).over(one).alias(KEPT_FILE),
        pl.col(ROW).shift(1).over(one).alias(KEPT_ROW),
        pl.col("case_id").shift(1).over(one).alias("kept_case_id"),
        pl.lit("same_person").alias(CODE),
    ).filter(pl.col("_since") <= days)
    return again.with_columns(pl.format("{} d", pl.col("_since")).alias(FIELDS)).select(list(SHAPE))


def _decided(
    close: pl.DataFrame, *, rule: SamePerson, decisions: Mapping[str, Decision]
) -> Repeats:
    standard = "drop" if rule == "first" else "keep"
    names, wishes = list(decisions), list(decisions.values())
    wish = pl.lit(None, dtype=pl.String)
    if names:
        wish = pl.col("case_id").replace_strict(names, wishes, default=None, return_dtype=pl.String)
    judged = close.with_columns(wish.alias("_wish"))
    drop = pl.col("_wish").fill_null(standard) == "drop"
    code = pl.when(pl.col("_wish") == "drop").then(pl.lit("dropped_by_decision"))
    dropped = judged.filter(drop).with_columns(code.otherwise(pl.col(CODE)).alias(CODE))
    noted = judged.filter(~drop).with_columns(pl.lit("person_reviewed").alias(CODE))
    return Repeats(dropped=dropped.select(list(SHAPE)), noted=noted.select(list(SHAPE)))
