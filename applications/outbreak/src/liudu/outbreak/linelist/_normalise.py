"""One table of texts as cases, by lazy expressions: a file of any length streams through.

Each row gets its values, its first reason to be rejected, and the bits of what was altered.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

import attrs
import polars as pl

from liudu.contract import Refusal
from liudu.outbreak.linelist import _dates as dates
from liudu.outbreak.linelist import _values as values
from liudu.outbreak.linelist._dates import DateForm, DateOrder
from liudu.outbreak.linelist._schema import CODED, DATES, TEXTS, CaseDefinition, Schema, plain
from liudu.outbreak.linelist._tables import ROW, EmptyFileError, Source
from liudu.outbreak.quality import REASONS, REJECTED

OLDEST: Final = date(1900, 1, 1)
MARKS: Final = tuple(code for code, reason in REASONS.items() if reason.kind != "rejected")
FILE, REJECT, MARK, RAW, PERSON = "_file", "_reject", "_marks", "_raw", "person"
CONTENT_KEY: Final = "_content"
CASE: Final = (
    "case_id", "disease", "district", "date_onset", "date_diagnosis", "date_report",
    "date_death", "date_hospitalisation", "date_vaccination", "date_updated", "age_years",
    "age_group", "sex", "case_class", "outbreak_id", "outbreak", PERSON, "subtype", "disease_id",
    "subtype_id", "district_name", "street", "street_name", "region", "region_name", "country",
    "country_id", "occupation", "place_of_infection", "place_of_infection_id", "hospitalised",
    "died", "vaccinated",
)  # fmt: skip
CONTENT: Final = tuple(name for name in CASE if name not in {PERSON, "date_updated"})


class MissingColumnsError(Refusal):
    """A file has no column for a field that every case needs."""

    en = (
        "{file} has no column for {missing}; it has {found}. "
        "Rename the columns, or name them in a mapping (--mapping)."
    )
    zh = (
        "{file} 没有对应 {missing} 的列；现有列：{found}。"
        "请改列名，或在映射文件中指明（--mapping）。"
    )


@attrs.frozen(kw_only=True)
class Prepared:
    """A source with its mapping and the forms of its dates."""

    source: Source
    schema: Schema
    forms: dict[str, DateForm]
    rows: int

    def columns(self, field: str) -> list[str]:
        """Return the names of the columns that a field is taken from."""
        return [name for name, _ in columns_of(field, schema=self.schema, source=self.source)]


def columns_of(field: str, *, schema: Schema, source: Source) -> list[tuple[str, str]]:
    """Return the columns of a field that a source has, with their names in its frame."""
    if field not in schema.fields:
        return []
    place = {plain(name): (name, f"c{at}") for at, name in enumerate(source.header)}
    wanted = [plain(column) for column in schema.fields[field].columns]
    return [place[column] for column in wanted if column in place]


def prepared(source: Source, *, schema: Schema, date_order: DateOrder | None) -> Prepared:
    """Count the rows of a source and learn how its dates are written, in one pass.

    Raises
    ------
    MissingColumnsError, EmptyFileError, DateOrderInDoubtError

    """
    if missing := schema.missing(source.header):
        raise MissingColumnsError(
            file=source.label, missing=", ".join(missing), found=", ".join(source.header)
        )
    found = {
        column: (field, name)
        for field in DATES
        for name, column in columns_of(field, schema=schema, source=source)
    }
    counts = [expression for column in found for expression in dates.profile(column)]
    # Every column is looked at, for only then does the reader notice rows with too many fields.
    whole = [pl.col(f"c{at}").null_count().alias(f"#{at}") for at in range(len(source.header))]
    answer = source.frame.select(pl.len().alias("rows"), *whole, *counts)
    row = answer.collect(engine="streaming").row(0, named=True)
    if row["rows"] == 0 and not source.ragged:
        raise EmptyFileError(file=source.label)
    forms = {
        column: dates.form_of(column, row, declared=date_order, file=source.label, name=name)
        for column, (_, name) in found.items()
    }
    return Prepared(source=source, schema=schema, forms=forms, rows=int(row["rows"]))


def normalised(
    one: Prepared, *, at: date, file: int, seed: int, districts: frozenset[str] | None = None
) -> pl.LazyFrame:
    """Return the rows of a source as cases.

    Parameters
    ----------
    one
        The source.
    at
        The present day; later dates are not possible.
    file
        Its number, kept in the column ``_file`` beside ``_row``.
    seed
        Of the number that stands for a person.
    districts
        Known codes; none if any code is possible.

    """
    texts = one.source.frame.select(
        pl.col(ROW).cast(pl.UInt32),
        pl.lit(file, pl.UInt16).alias(FILE),
        *(_text(field, one=one).alias(f"t:{field}") for field in (*TEXTS, *CODED)),
        *(_text(field, one=one).alias(f"t:{field}") for field in ("age", "age_unit")),
        *(_text(field, one=one).alias(f"t:{field}") for field in DATES),
        *(_date(field, one=one).alias(f"d:{field}") for field in DATES),
        _person(one, seed=seed).alias(PERSON),
    )
    return _judged(_changed(_read(texts, one=one), schema=one.schema), one=one, at=at,
                   districts=districts)  # fmt: skip


def _stripped(column: str) -> pl.Expr:
    text = pl.col(column).str.strip_chars()
    return pl.when(text != "").then(text)


def _text(field: str, *, one: Prepared) -> pl.Expr:
    own = one.schema.fields.get(field)
    columns = columns_of(field, schema=one.schema, source=one.source)
    if own is None or not (columns or own.constant):
        return pl.lit(None, dtype=pl.String)
    parts = [_stripped(column) for _, column in columns]
    text = pl.coalesce(parts) if parts else pl.lit(None, dtype=pl.String)
    if own.constant:
        text = text.fill_null(own.constant)
    if own.longer:
        text = pl.when(text.str.len_chars() >= own.longer).then(text)
    if own.first:
        text = text.str.slice(0, own.first)
    if own.values and field not in CODED:
        text = text.replace(dict(own.values))
    return text


def _date(field: str, *, one: Prepared) -> pl.Expr:
    columns = columns_of(field, schema=one.schema, source=one.source)
    if not columns:
        return pl.lit(None, dtype=pl.Date)
    return pl.coalesce(
        dates.parsed(
            _stripped(column),
            form=one.forms[column],
            serial_offset_days=one.source.serial_offset_days,
        )
        for _, column in columns
    )


def _person(one: Prepared, *, seed: int) -> pl.Expr:
    """Return a number for each person that tells nothing about them; null where not known."""
    place = {plain(name): f"c{at}" for at, name in enumerate(one.source.header)}
    keys = []
    for group in one.schema.person:
        columns = [place.get(plain(name)) for name in group]
        if all(columns):
            parts = [_stripped(str(column)) for column in columns]
            keys.append(pl.concat_str(parts, separator="\x1f").str.to_lowercase())
    if not keys:
        return pl.lit(None, dtype=pl.UInt64)
    key = pl.coalesce(keys)
    return pl.when(key.is_not_null()).then(key.hash(seed))


def _read(texts: pl.LazyFrame, *, one: Prepared) -> pl.LazyFrame:
    codes = {
        field: values.coded(pl.col(f"t:{field}"), field=field, own=_own(one.schema, field)).alias(
            f"v:{field}"
        )
        for field in CODED
    }
    aged = values.age_years(pl.col("t:age"), pl.col("t:age_unit"))
    return texts.with_columns(*codes.values(), aged.alias("v:age"))


def _own(schema: Schema, field: str) -> dict[str, str]:
    return dict(schema.fields[field].values) if field in schema.fields else {}


def _changed(read: pl.LazyFrame, *, schema: Schema) -> pl.LazyFrame:
    """Move renamed and merged districts to their present codes, chains of changes included."""
    final: dict[str, str] = {}
    since: dict[str, date] = {}
    for change in sorted(schema.districts, key=lambda one: one.since):
        for old, new in list(final.items()):
            if new == change.old:
                final[old] = change.new
        final[change.old] = change.new
        since[change.old] = change.since
    code = pl.col("t:district")
    if not final:
        return read.with_columns(code.alias("district"), pl.lit(None, pl.Date).alias("d:changed"))
    return read.with_columns(
        code.replace(final).alias("district"),
        code.replace_strict(since, default=None, return_dtype=pl.Date).alias("d:changed"),
    )


def _judged(
    read: pl.LazyFrame, *, one: Prepared, at: date, districts: frozenset[str] | None
) -> pl.LazyFrame:
    report = pl.col("d:date_report")
    rejections = _rejections(one.schema, report=report, at=at)
    reject = pl.coalesce(
        pl.when(condition).then(pl.lit(REJECTED.index(code), pl.Int8))
        for code, condition in rejections.items()
    )
    kept = read.with_columns(reject.alias(REJECT))
    altered = _alterations(one.schema, report=report, at=at, districts=districts)
    marks = pl.sum_horizontal(
        condition.fill_null(value=False).cast(pl.UInt32) * (1 << MARKS.index(code))
        for code, condition in altered.items()
    )
    shown = ("case_id", "disease", "district", "date_report", "date_onset", "case_class", "age")
    raw = pl.concat_str([pl.col(f"t:{field}").fill_null("") for field in shown], separator="\x1f")
    made = kept.with_columns(
        pl.when(pl.col(REJECT).is_null()).then(marks).otherwise(0).cast(pl.UInt32).alias(MARK),
        pl.when(pl.col(REJECT).is_not_null()).then(raw).alias(RAW),
    )
    content = pl.struct(CONTENT).hash().alias(CONTENT_KEY)
    return made.select(*_case(at=at), FILE, ROW, REJECT, MARK, RAW).with_columns(content)


RAW_SHOWN: Final = (
    "case_id", "disease", "district", "date_report", "date_onset", "case_class", "age",
)  # fmt: skip


def _rejections(schema: Schema, *, report: pl.Expr, at: date) -> dict[str, pl.Expr]:
    """Return the reasons to reject a row, the first one first."""
    every = [pl.col(f"t:{field}") for field in (*TEXTS, *CODED, *DATES)]
    constant = {name for name, field in schema.fields.items() if field.constant}
    every = [text for text, name in zip(every, (*TEXTS, *CODED, *DATES), strict=True)
             if name not in constant]  # fmt: skip
    found = {
        "empty_row": pl.all_horizontal(text.is_null() for text in every),
        "missing_required": pl.any_horizontal(
            pl.col(f"t:{field}").is_null() for field in schema.required
        ),
        "unreadable_report_date": report.is_null(),
        "report_before_1900": report < OLDEST,
        "report_in_future": report > at,
    }
    if schema.case_definitions:
        found["outside_case_definition"] = _outside(schema.case_definitions)
    return found


def _outside(definitions: Sequence[CaseDefinition]) -> pl.Expr:
    """Tell rows whose class did not count by the definition in force on their report day."""
    day = pl.col("d:date_report")
    stated = pl.col("v:case_class").fill_null(values.UNKNOWN)
    outside = pl.lit(value=False)
    for one in definitions:
        valid = pl.col("t:disease") == one.disease
        if one.first:
            valid &= day >= one.first
        if one.last:
            valid &= day <= one.last
        outside |= valid & ~stated.is_in(list(one.classes))
    return outside


def _alterations(
    schema: Schema, *, report: pl.Expr, at: date, districts: frozenset[str] | None
) -> dict[str, pl.Expr]:
    """Return what is altered in, or noted of, a row that is kept."""
    others = [field for field in DATES if field in schema.fields and field != "date_report"]
    pairs = [(pl.col(f"t:{field}"), pl.col(f"d:{field}")) for field in others]
    none = pl.lit(value=False)
    onset, years = pl.col("d:date_onset"), pl.col("v:age")
    found = {
        "unreadable_date": pl.any_horizontal(
            none, *(text.is_not_null() & day.is_null() for text, day in pairs)
        ),
        "date_in_future": pl.any_horizontal(none, *(day > at for _, day in pairs)),
        "date_before_1900": pl.any_horizontal(none, *(day < OLDEST for _, day in pairs)),
        "report_before_onset": (onset > report) & (onset <= at),
        "unreadable_age": pl.col("t:age").is_not_null() & years.is_null(),
        "impossible_age": years > values.AGE_YEARS_MAX,
        "unknown_sex": pl.col("t:sex").is_not_null() & pl.col("v:sex").is_null(),
        "unknown_class": pl.col("t:case_class").is_not_null() & pl.col("v:case_class").is_null(),
        "district_changed": pl.col("district") != pl.col("t:district"),
        "old_district_later": pl.col("d:changed") <= report,
        "no_onset": pl.col("t:date_onset").is_null(),
    }
    if districts is not None:
        found["unknown_district"] = ~pl.col("district").is_in(sorted(districts))
    return found


def _case(*, at: date) -> list[pl.Expr]:
    """Return the columns of a case, with what is impossible left empty."""
    days = {
        field: pl.when(pl.col(f"d:{field}").is_between(OLDEST, at)).then(pl.col(f"d:{field}"))
        for field in DATES
    }
    report = days["date_report"]
    days["date_onset"] = pl.when(days["date_onset"] <= report).then(days["date_onset"])
    born = (pl.coalesce(days["date_onset"], report) - days["birth_date"]).dt.total_days() / 365.2425
    age = pl.when(pl.col("v:age") <= values.AGE_YEARS_MAX).then(pl.col("v:age"))
    born_age = pl.when(born.is_between(0, values.AGE_YEARS_MAX)).then(born)
    outbreak = (pl.col("v:outbreak") == values.YES) | pl.col("t:outbreak_id").is_not_null()
    made = {
        **{field: pl.col(f"t:{field}") for field in TEXTS},
        **{field: pl.col(f"v:{field}").fill_null(values.UNKNOWN) for field in CODED},
        **days,
        "district": pl.col("district"),
        "age_years": pl.coalesce(age, born_age).cast(pl.Float32),
        "outbreak": outbreak.fill_null(value=False),
        PERSON: pl.col(PERSON),
    }
    return [made[name].alias(name) for name in CASE]
