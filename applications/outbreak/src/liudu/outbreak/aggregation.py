"""Cases as counts: by place, age, sex, disease and class, for each week or rolling window.

Every combination of the values that occur is a series, and every week of it has a count, so that
a quiet week is a zero and not a gap. Totals are sums of what they contain, from below.
"""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final, Literal, get_args

import attrs
import numpy as np
import polars as pl

from liudu.contract import Refusal
from liudu.outbreak.series import Bools, Calendar, Floats, SeriesTable, week_label, week_number

Weeks = Literal["iso", "mmwr"]
DateField = Literal["date_report", "date_onset", "date_diagnosis"]
DATE_FIELDS: Final[tuple[DateField, ...]] = get_args(DateField)
Outbreaks = Literal["label", "exclude", "count"]
OUTBREAKS: Final[tuple[Outbreaks, ...]] = get_args(Outbreaks)
DIMENSIONS: Final = (
    "district", "region", "street", "disease", "subtype", "age", "sex", "case_class", "occupation",
)  # fmt: skip
AGES: Final = (0, 5, 15, 25, 45, 65)
UNKNOWN: Final = "unknown"
ALL: Final = "*"
DAYS: Final = 7
EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
CELLS_MAX: Final = 200_000_000
AGE_GROUP: Final = re.compile(r"[<>]?\s*(\d{1,3})\s*(?:[-–—_]\s*(\d{1,3})|\+)?")
OLDEST_YEARS: Final = 125

Tree = Mapping[str, Mapping[str, str]]
"""For each column, the parent of a value; parents may have parents."""


class UnknownDimensionError(Refusal):
    """Cases cannot be counted by this."""

    en = "Cases cannot be counted by {found!r}: use {known}."
    zh = "不能按 {found!r} 计数：可用 {known}。"


class AgeBreaksError(Refusal):
    """The lower bounds of age groups are not rising numbers from 0."""

    en = "Age groups begin at {found}: give rising whole years from 0, such as 0,5,15,25,45,65."
    zh = "年龄组起点 {found} 不可用：请从 0 起依次增大，例如 0,5,15,25,45,65。"


class NoCasesError(Refusal):
    """No case is left to be counted."""

    en = "No case is left to count: {left} of {cases} were left out. Widen the weeks or classes."
    zh = "没有可计数的病例：{cases} 例中有 {left} 例被排除。请放宽周次或病例分类。"


class TooManyCellsError(Refusal):
    """The table would not fit into memory."""

    en = "{series} series of {weeks} weeks are {cells} cells, more than {cells_max}. Count by less."
    zh = "{series} 个序列、{weeks} 周，共 {cells} 格，超过 {cells_max}。请减少分组。"


class SumsDifferError(Refusal):
    """A total is not the sum of its parts."""

    en = "{parent} in {week} is {total}, but its parts add up to {parts} ({cells} cells differ)."
    zh = "{parent} 在 {week} 为 {total}，而各部分之和为 {parts}（共 {cells} 格不符）。"


class RingInTreeError(Refusal):
    """A value is its own ancestor."""

    en = "{value!r} of {column} lies within itself: correct the hierarchy."
    zh = "{column} 的 {value!r} 归属于自身：请更正层级。"


@attrs.frozen(kw_only=True, eq=False)
class Aggregation:
    """Counts, and the cases that are not in them.

    Attributes
    ----------
    table
        The counts.
    counted
        Cases in the table.
    left
        Reason → cases that were left out: ``class``, ``outbreak``, ``unfinished_week``,
        ``before_first_week``.
    dated_by_report
        Cases counted at their report date because the wanted date is empty.

    """

    table: SeriesTable
    counted: int
    left: dict[str, int]
    dated_by_report: int


@attrs.frozen(kw_only=True, eq=False)
class Daily:
    """Counts by day: series x days from `first_day` on."""

    columns: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    first_day: date
    counts: Floats

    @property
    def last_day(self) -> date:
        """The last day."""
        return self.first_day + timedelta(days=self.counts.shape[1] - 1)


@attrs.frozen(kw_only=True)
class Counting:
    """What is counted, and how.

    Attributes
    ----------
    by
        Columns that tell series apart, of `DIMENSIONS`.
    date_field
        The day of a case; where it is empty, the report date counts.
    ages
        Lower bounds of age groups, years.
    classes
        Case classes that count; none for all.
    outbreaks
        Cases of known outbreaks: ``label`` counts them and labels their weeks, ``exclude``
        leaves them out, ``count`` makes no difference.
    values
        Values that have a series even if none of their cases occurs: column → values.

    """

    by: tuple[str, ...]
    date_field: DateField = "date_report"
    ages: tuple[int, ...] = AGES
    classes: tuple[str, ...] = ()
    outbreaks: Outbreaks = "label"
    values: Mapping[str, Sequence[str]] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for column in self.by:
            if column not in DIMENSIONS or self.by.count(column) > 1:
                raise UnknownDimensionError(found=column, known=", ".join(DIMENSIONS))
        rising = all(low < high for low, high in itertools.pairwise(self.ages))
        if not self.ages or self.ages[0] != 0 or not rising:
            raise AgeBreaksError(found=",".join(map(str, self.ages)))


def age_label(years: float | None, *, ages: Sequence[int] = AGES) -> str:
    """Return the group of an age, such as ``05-14`` or ``65+``."""
    if years is None:
        return UNKNOWN
    return age_labels(ages)[int(np.searchsorted(ages, years, side="right")) - 1]


def age_labels(ages: Sequence[int]) -> list[str]:
    """Return the names of age groups, which sort in their order."""
    closed = [f"{low:02d}-{high - 1:02d}" for low, high in itertools.pairwise(ages)]
    return [*closed, f"{ages[-1]:02d}+"]


def regrouped(group: str, *, ages: Sequence[int]) -> str:
    """Return the age group that contains a given one whole; ``unknown`` if none does."""
    found = AGE_GROUP.fullmatch(group.strip())
    if found is None:
        return UNKNOWN
    low = int(found[1])
    high = int(found[2]) if found[2] else (OLDEST_YEARS if group.strip()[-1] == "+" else low)
    if group.strip().startswith("<"):
        low, high = 0, low - 1
    if group.strip().startswith(">"):
        low, high = low + 1, OLDEST_YEARS
    same = age_label(low, ages=ages)
    return same if same == age_label(high, ages=ages) else UNKNOWN


def aggregate(
    cases: pl.LazyFrame,
    *,
    counting: Counting,
    calendar: Weeks = "iso",
    at: date,
    first: str | None = None,
    unfinished: bool = False,
) -> Aggregation:
    """Count cases by week.

    Parameters
    ----------
    cases
        As `scan_cases` gives them.
    counting
        What is counted, and how.
    calendar
        ISO weeks (from Monday) or MMWR weeks (from Sunday).
    at
        The present day; the last week is the last one that is over on that day.
    first
        Name of the first week; the week of the first case if not given.
    unfinished
        Also count the week that is not over.

    Raises
    ------
    NoCasesError, TooManyCellsError, UnknownWeekError

    """
    dated, left, by_report = _dated(cases, counting=counting)
    weeks = dated.with_columns(_week(calendar).alias("_time"))
    over = (at.toordinal() + 1 - (1 if calendar == "iso" else 0)) // DAYS - 1
    last = over + 1 if unfinished and _number(at, calendar) != over else over
    begin = week_number(first, calendar=calendar) if first else None
    keyed, counts, labels, start = _grid(weeks, counting=counting, first=begin, last=last)
    outside = _outside(weeks, first=start, last=last)
    left |= {"before_first_week": outside[0], "unfinished_week": outside[1]}
    table = SeriesTable(
        columns=counting.by,
        keys=keyed,
        calendar=calendar,
        first_week=start,
        counts=counts,
        outbreak=labels if counting.outbreaks == "label" else None,
    )
    return Aggregation(
        table=table,
        counted=int(counts.sum()),
        left={reason: number for reason, number in left.items() if number},
        dated_by_report=by_report,
    )


def daily(cases: pl.LazyFrame, *, counting: Counting, at: date, first: date | None = None) -> Daily:
    """Count cases by day, up to and with the day `at`; raises as `aggregate`."""
    dated, _, _ = _dated(cases, counting=counting)
    days = dated.with_columns(pl.col("_day").cast(pl.Int64).alias("_time"))
    begin = None if first is None else first.toordinal() - EPOCH_ORDINAL
    keys, counts, _, start = _grid(
        days, counting=counting, first=begin, last=at.toordinal() - EPOCH_ORDINAL
    )
    return Daily(
        columns=counting.by,
        keys=keys,
        first_day=date.fromordinal(start + EPOCH_ORDINAL),
        counts=counts,
    )


def rolling(table: Daily, *, days: int = DAYS) -> Floats:
    """Return for every day the cases of the `days` days up to it; NaN before they are complete."""
    total = np.cumsum(np.pad(table.counts, ((0, 0), (1, 0))), axis=1)
    sums = np.full(table.counts.shape, np.nan)
    if table.counts.shape[1] >= days:
        sums[:, days - 1 :] = total[:, days:] - total[:, :-days]
    return sums


def windows_ending(table: Daily, *, day: date, days: int = DAYS) -> SeriesTable:
    """Return counts of windows that follow each other, the last of them ending on `day`.

    So a detector can be asked every day: a cluster over the boundary of two weeks is seen whole
    by one of seven such tables. Weeks are counted, 1, 2, 3 …
    """
    until = (day - table.first_day).days + 1
    number = until // days
    if number < 1 or day > table.last_day:
        raise NoCasesError(left=0, cases=int(table.counts.sum()))
    used = table.counts[:, until - number * days : until]
    return SeriesTable(
        columns=table.columns,
        keys=table.keys,
        calendar="counted",
        first_week=1,
        counts=used.reshape(len(table.keys), number, days).sum(axis=2),
    )


def _week(calendar: Calendar) -> pl.Expr:
    offset = EPOCH_ORDINAL - (1 if calendar == "iso" else 0)
    return (pl.col("_day").cast(pl.Int64) + offset) // DAYS


def _number(day: date, calendar: Calendar) -> int:
    return (day.toordinal() - (1 if calendar == "iso" else 0)) // DAYS


def _dated(cases: pl.LazyFrame, *, counting: Counting) -> tuple[pl.LazyFrame, dict[str, int], int]:
    """Return the cases that count with their day, why others do not, and whose day was empty."""
    counts = pl.lit(value=True)
    if counting.classes:
        counts = pl.col("case_class").is_in(list(counting.classes))
    inside = pl.lit(value=True)
    if counting.outbreaks == "exclude":
        inside = ~pl.col("outbreak")
    empty = pl.col(counting.date_field).is_null()
    numbers = cases.select(
        (~counts).sum().alias("class"),
        (counts & ~inside).sum().alias("outbreak"),
        (counts & inside & empty).sum().alias("empty"),
    ).collect(engine="streaming")
    row = numbers.row(0, named=True)
    day = pl.coalesce(counting.date_field, "date_report").alias("_day")
    dated = cases.filter(counts & inside).select(
        *(dimension(name, counting=counting) for name in counting.by),
        day,
        pl.col("outbreak").alias("_outbreak"),
    )
    return dated, {"class": row["class"], "outbreak": row["outbreak"]}, row["empty"]


def dimension(name: str, *, counting: Counting) -> pl.Expr:
    """Return the column of cases that tells series apart by one dimension."""
    if name != "age":
        return pl.col(name).cast(pl.String).fill_null(UNKNOWN)
    labels = age_labels(counting.ages)
    own = pl.lit(None, dtype=pl.String)
    for low, label in zip(counting.ages, labels, strict=True):
        own = pl.when(pl.col("age_years") >= low).then(pl.lit(label)).otherwise(own)
    given = pl.col("age_group").map_batches(
        lambda groups: _regrouped(groups, ages=counting.ages), return_dtype=pl.String
    )
    return pl.coalesce(own, given, pl.lit(UNKNOWN)).alias("age")


def _regrouped(groups: pl.Series, *, ages: Sequence[int]) -> pl.Series:
    """Map given age groups by their few different values."""
    unique = groups.drop_nulls().unique().to_list()
    meaning = [regrouped(group, ages=ages) for group in unique]
    return groups.replace_strict(unique, meaning, default=None, return_dtype=pl.String)


def _outside(weeks: pl.LazyFrame, *, first: int, last: int) -> tuple[int, int]:
    time = pl.col("_time")
    row = weeks.select((time < first).sum().alias("a"), (time > last).sum().alias("b"))
    before, after = row.collect(engine="streaming").row(0)
    return int(before), int(after)


def _grid(
    timed: pl.LazyFrame, *, counting: Counting, first: int | None, last: int
) -> tuple[tuple[tuple[str, ...], ...], Floats, Bools, int]:
    """Count into series x times, zero-filled; return keys, counts, labels and the first time."""
    time = pl.col("_time")
    inside = timed.filter(time <= last)
    if first is not None:
        inside = inside.filter(time >= first)
    grouped = (
        inside.group_by(*counting.by, "_time")
        .agg(pl.len().alias("n"), pl.col("_outbreak").any().alias("label"))
        .collect(engine="streaming")
    )
    if grouped.is_empty():
        total = timed.select(pl.len()).collect().item()
        raise NoCasesError(left=total, cases=total)
    start = first if first is not None else int(grouped["_time"].to_numpy().min())
    values = [_values(grouped, column=name, counting=counting) for name in counting.by]
    series, times = int(np.prod([len(one) for one in values], dtype=np.int64)), last - start + 1
    if series * times > CELLS_MAX:
        raise TooManyCellsError(
            series=series, weeks=times, cells=series * times, cells_max=CELLS_MAX
        )
    row = np.zeros(grouped.height, np.int64)
    for name, one in zip(counting.by, values, strict=True):
        place = grouped[name].replace_strict(one, list(range(len(one))), return_dtype=pl.Int64)
        row = row * len(one) + place.to_numpy()
    column = grouped["_time"].to_numpy() - start
    counts = np.zeros((series, times))
    counts[row, column] = grouped["n"].to_numpy()
    labels = np.zeros((series, times), np.bool_)
    labels[row, column] = grouped["label"].to_numpy()
    return tuple(itertools.product(*values)), counts, labels, start


def _values(grouped: pl.DataFrame, *, column: str, counting: Counting) -> list[str]:
    """Return the values of a column: those that occur and those asked for, in order."""
    found = set(grouped[column].to_list()) | set(counting.values.get(column, ()))
    if column == "age":
        found |= set(age_labels(counting.ages))
    return sorted(found, key=lambda value: (value == UNKNOWN, value))


def with_totals(table: SeriesTable, *, tree: Tree) -> SeriesTable:
    """Add a series for every parent: the sum of all leaves below it, in every column of `tree`.

    Counts of the parents that the table already has are replaced, so that children always sum
    to parents (reconciliation from below). A week is missing where one of its leaves is. A
    leaf's value has no children in `tree`.

    Raises
    ------
    RingInTreeError

    """
    leaves = [row for row, key in enumerate(table.keys) if _is_leaf(key, table=table, tree=tree)]
    rows: dict[tuple[str, ...], list[int]] = {}
    for row in leaves:
        chains = [
            [value, *_ancestors(value, column=column, tree=tree)]
            for column, value in zip(table.columns, table.keys[row], strict=True)
        ]
        for key in itertools.product(*chains):
            rows.setdefault(key, []).append(row)
    keys = tuple(rows)
    outbreak, people = table.outbreak, table.populations
    return attrs.evolve(
        table,
        keys=keys,
        counts=np.array([table.counts[rows[key]].sum(axis=0) for key in keys]),
        outbreak=None if outbreak is None else np.array(
            [outbreak[rows[key]].any(axis=0) for key in keys]
        ),
        populations=None if people is None else np.array(
            [people[rows[key]].sum(axis=0) for key in keys]
        ),
    )  # fmt: skip


def city_tree(table: SeriesTable, *, columns: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return a tree in which all values of each column belong to ``*``."""
    tree: dict[str, dict[str, str]] = {}
    for column in columns:
        if column not in table.columns:
            raise UnknownDimensionError(found=column, known=", ".join(table.columns))
        place = table.columns.index(column)
        tree[column] = {key[place]: ALL for key in table.keys if key[place] != ALL}
    return tree


def check_sums(table: SeriesTable, *, tree: Tree) -> None:
    """Refuse a table in which a total differs from the sum of its leaves.

    Raises
    ------
    SumsDifferError, RingInTreeError

    """
    summed = with_totals(table, tree=tree)
    place = {key: row for row, key in enumerate(summed.keys)}
    rows = [row for row, key in enumerate(table.keys) if key in place]
    own = table.counts[rows]
    parts = summed.counts[[place[table.keys[row]] for row in rows]]
    differ = ~((own == parts) | (np.isnan(own) & np.isnan(parts)))
    if differ.any():
        row, week = (int(one[0]) for one in np.nonzero(differ))
        raise SumsDifferError(
            parent=table.name(rows[row]),
            week=week_label(table.first_week + week, calendar=table.calendar),
            total=f"{own[row, week]:g}",
            parts=f"{parts[row, week]:g}",
            cells=int(differ.sum()),
        )


def _is_leaf(key: tuple[str, ...], *, table: SeriesTable, tree: Tree) -> bool:
    return not any(
        value in set(tree.get(column, {}).values())
        for column, value in zip(table.columns, key, strict=True)
    )


def _ancestors(value: str, *, column: str, tree: Tree) -> list[str]:
    chain: list[str] = []
    parents = tree.get(column, {})
    while value in parents:
        value = parents[value]
        if value in chain:
            raise RingInTreeError(value=value, column=column)
        chain.append(value)
    return chain


def cases_behind(
    cases: pl.LazyFrame,
    *,
    table: SeriesTable,
    row: int,
    week: int,
    counting: Counting,
    tree: Tree | None = None,
) -> pl.LazyFrame:
    """Return the line list behind one cell of a table that `aggregate` made: all columns.

    Parameters
    ----------
    cases, counting
        What the table was made of, and how.
    table, row, week
        The table, and the cell by its place in ``counts``; of a total, all cases below it.
    tree
        The hierarchy that totals were made with; ``*`` needs none.

    """
    kept = cases
    if counting.classes:
        kept = kept.filter(pl.col("case_class").is_in(list(counting.classes)))
    if counting.outbreaks == "exclude":
        kept = kept.filter(~pl.col("outbreak"))
    kept = kept.with_columns(pl.coalesce(counting.date_field, "date_report").alias("_day"))
    kept = kept.filter(_week(table.calendar) == table.first_week + week)
    for name, value in zip(table.columns, table.keys[row], strict=True):
        if value != ALL:
            leaves = _below(value, parents=(tree or {}).get(name, {}))
            kept = kept.filter(dimension(name, counting=counting).is_in(leaves))
    return kept.drop("_day")


def _below(value: str, *, parents: Mapping[str, str]) -> list[str]:
    """Return the values whose chain of parents holds `value`, and itself."""
    return [value, *(
        child for child in parents if value in _ancestors(child, column="", tree={"": parents})
    )]  # fmt: skip
