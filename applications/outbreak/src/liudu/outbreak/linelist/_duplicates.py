"""The same case twice, and the same person twice: shown, and decided by a stated rule.

Only keys are held in memory, one partition of the hashed keys at a time.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, get_args

import attrs
import polars as pl

from liudu.contract import Refusal
from liudu.outbreak.linelist._normalise import CONTENT, CONTENT_KEY, FILE, PERSON
from liudu.outbreak.linelist._tables import ROW

SamePerson = Literal["first", "keep"]
SAME_PERSON: Final[tuple[SamePerson, ...]] = get_args(SamePerson)
Decision = Literal["keep", "drop"]
PARTITION_ROWS: Final = 500_000
COMPARED_ROWS: Final = 100_000
KEY, KEPT_FILE, KEPT_ROW, CODE, FIELDS, DAY = (
    "_key",
    "kept_file",
    "kept_row",
    "code",
    "fields",
    "_day",
)
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


def place_of(file: str = FILE, row: str = ROW) -> pl.Expr:
    """Return file and row as one number: a filter streams and keeps the order, a join may not."""
    return pl.col(file).cast(pl.UInt64) * 2**32 + pl.col(row).cast(pl.UInt64)


def same_case(cases: pl.LazyFrame, *, rows: int) -> pl.DataFrame:
    """Return the rows whose case number another row has, but for the one that counts.

    It counts the row with the newest correction (``date_updated``), else the newest report,
    else the file named last, else the lower row.
    """
    keyed = cases.with_columns(pl.col("case_id").hash().alias(KEY))
    columns = ["case_id", "date_updated", "date_report", CONTENT_KEY, FILE, ROW, KEY]
    found = [_superseded(part) for part in _repeated(keyed, rows=rows, columns=columns)]
    lost = pl.concat([pl.DataFrame(schema=SHAPE), *found])
    return _compared(lost, cases=cases)


def _repeated(keyed: pl.LazyFrame, *, rows: int, columns: list[str]) -> Iterator[pl.DataFrame]:
    """Yield the rows whose key occurs more than once, one partition after the other."""
    parts = max(-(-rows // PARTITION_ROWS), 1)
    for part in range(parts):
        mine = keyed.select(columns).filter(pl.col(KEY) % parts == part)
        rows_of_part = mine.collect(engine="streaming")
        twice = rows_of_part.filter(pl.col(KEY).is_duplicated())
        if twice.height:
            yield twice


def _superseded(rows: pl.DataFrame) -> pl.DataFrame:
    order = ["case_id", "date_updated", "date_report", FILE, ROW]
    winner = {name: pl.col(name).last().over("case_id") for name in (CONTENT_KEY, FILE, ROW)}
    marked = rows.sort(order, nulls_last=False).with_columns(
        winner[FILE].alias(KEPT_FILE),
        winner[ROW].alias(KEPT_ROW),
        pl.col("case_id").alias("kept_case_id"),
        pl.lit("").alias(FIELDS),
        pl.when(pl.col(CONTENT_KEY) == winner[CONTENT_KEY])
        .then(pl.lit("duplicate_identical"))
        .otherwise(pl.lit("duplicate_superseded"))
        .alias(CODE),
    )
    lost = marked.filter((pl.col(FILE) != pl.col(KEPT_FILE)) | (pl.col(ROW) != pl.col(KEPT_ROW)))
    return lost.select(list(SHAPE))


def _compared(lost: pl.DataFrame, *, cases: pl.LazyFrame) -> pl.DataFrame:
    """Name the fields in which superseded rows differ from those that count."""
    differing = lost.filter(pl.col(CODE) == "duplicate_superseded")
    done = [lost.filter(pl.col(CODE) != "duplicate_superseded")]
    done += [_fields(part, cases=cases) for part in differing.iter_slices(COMPARED_ROWS)]
    return pl.concat(done)


def _fields(part: pl.DataFrame, *, cases: pl.LazyFrame) -> pl.DataFrame:
    own, kept = place_of(), place_of(KEPT_FILE, KEPT_ROW)
    places = pl.concat([part.select(own.alias("at"))["at"], part.select(kept.alias("at"))["at"]])
    rows = (
        cases.select(place_of().alias("_at"), *CONTENT)
        .filter(pl.col("_at").is_in(places.unique().implode()))
        .collect(engine="streaming")
    )
    both = (
        part.select(*SHAPE, own.alias("_own"), kept.alias("_kept"))
        .join(rows.select("_at", pl.struct(CONTENT).alias("_a")), left_on="_own", right_on="_at",
              how="left", maintain_order="left")
        .join(rows.select("_at", pl.struct(CONTENT).alias("_b")), left_on="_kept", right_on="_at",
              how="left", maintain_order="left")
    )  # fmt: skip
    differs = pl.concat_list(
        pl.when(pl.col("_a").struct.field(name).ne_missing(pl.col("_b").struct.field(name))).then(
            pl.lit(name)
        )
        for name in CONTENT
    )
    return both.with_columns(differs.list.drop_nulls().list.join(" ").alias(FIELDS)).select(
        list(SHAPE)
    )


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
