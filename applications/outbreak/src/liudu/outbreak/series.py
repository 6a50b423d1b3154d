"""Tables of weekly counts: series x weeks, read from and written to CSV in long form.

A week is ISO (Monday to Sunday, ``2026-W05``), MMWR (Sunday to Saturday, the same form), or
counted (1, 2, 3 ...). Weeks are counted through: week 53 is a week like any other in the years
that have one, and is refused in the years that have none. A year ago is the nearest week to
365.25 days ago, so that no week is ever joined, dropped or moved.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final, Literal, get_args

import attrs
import numpy as np
import polars as pl
from epiweeks import Week
from numpy.typing import NDArray

from liudu.contract import Refusal
from liudu.outbreak.detectors import YEAR_CALENDAR_WEEKS, YEAR_COUNTED_WEEKS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Calendar = Literal["iso", "mmwr", "counted"]
CALENDARS: Final[tuple[Calendar, ...]] = get_args(Calendar)
Absent = Literal["missing", "zero"]

WEEK, COUNT, OUTBREAK, POPULATION = "week", "count", "outbreak", "population"
ALIASES: Final = {
    "周": WEEK, "周次": WEEK, "报告周": WEEK, "病例数": COUNT, "cases": COUNT, "observed": COUNT,
    "暴发": OUTBREAK, "人口": POPULATION,
}  # fmt: skip
RESERVED: Final = (WEEK, COUNT, OUTBREAK, POPULATION)
LABEL: Final = re.compile(r"(\d{4})-?[Ww](\d{1,2})")
WEEKS_MAX: Final = 5200  # a century; a longer span is a mistyped year
DAYS: Final = 7
FIRST_LINE: Final = 2  # of a CSV file, after its header


class UnreadableTableError(Refusal):
    """The file is not a CSV table."""

    en = "{file} cannot be read as a CSV table ({found}). Save it as CSV in UTF-8 or GB18030."
    zh = "无法把 {file} 当作 CSV 表读取（{found}）。请另存为 UTF-8 或 GB18030 编码的 CSV。"


class MissingColumnError(Refusal):
    """A column that every table needs is absent."""

    en = "{file} has no column {column!r}; it has {found}. Rename the column that holds it."
    zh = "{file} 没有 {column!r} 列；现有列：{found}。请把相应的列改成这个名字。"


class EmptyFileError(Refusal):
    """A file holds nothing at all."""

    en = "{file} is empty (0 bytes or blank). Export it again, or name another file."
    zh = "{file} 是空文件。请重新导出，或换一个文件。"


class EmptyTableError(Refusal):
    """A table holds no counts."""

    en = "{file} holds no row with a count."
    zh = "{file} 中没有一行病例数。"


class UnknownWeekError(Refusal):
    """A week is not written as one, or the year does not have it."""

    en = "Line {line}: {week!r} is no week of the {calendar} calendar ({why})."
    zh = "第 {line} 行：{week!r} 不是 {calendar} 历法中的周（{why_zh}）。"


class NotACountError(Refusal):
    """A count is not a number."""

    en = "Line {line}: the count {count!r} is not a number. Leave it empty if it is not known."
    zh = "第 {line} 行：病例数 {count!r} 不是数字。若未知，请留空。"


class NegativeCountError(Refusal):
    """A count is below zero."""

    en = "Line {line}: the count {count} is negative. Give the corrected count of the week instead."
    zh = "第 {line} 行：病例数 {count} 为负。请改为该周订正后的病例数。"


class FractionalCountError(Refusal):
    """A count is not whole."""

    en = "Line {line}: the count {count} is not whole. Give cases, not rates or means."
    zh = "第 {line} 行：病例数 {count} 不是整数。请提供病例数，而不是率或均值。"


class DuplicateWeekError(Refusal):
    """A series has two rows for one week."""

    en = (
        "Series {series} has {rows} rows for week {week} (lines {lines}). Keep one, or add them up."
    )
    zh = "序列 {series} 在 {week} 有 {rows} 行（第 {lines} 行）。请保留一行或先合计。"


class FutureWeekError(Refusal):
    """A count belongs to a week after the week that is evaluated as the last."""

    en = "Line {line}: week {week} lies after {at}. Correct it, or evaluate at {week} or later."
    zh = "第 {line} 行：{week} 晚于 {at}。请更正周次，或把评估周改为 {week} 或以后。"


class WeekNotInTableError(Refusal):
    """The week to be evaluated is not in the table."""

    en = "Week {week} is not in the table, which has {first} to {last}."
    zh = "表中没有 {week} 这一周；表的范围是 {first} 至 {last}。"


class LongSpanError(Refusal):
    """The weeks span more than a century."""

    en = "The weeks span from {first} to {last}: {weeks} weeks. Look for a mistyped year."
    zh = "周次从 {first} 到 {last}，共 {weeks} 周。请检查是否有年份写错。"


class NotALabelError(Refusal):
    """An outbreak label or a population is not what it must be."""

    en = "Line {line}: {column} is {found!r}; {wanted}."
    zh = "第 {line} 行：{column} 为 {found!r}；{wanted_zh}。"


@attrs.frozen(kw_only=True, eq=False)
class SeriesTable:
    """Counts of many series over the same weeks without a gap.

    Attributes
    ----------
    columns, keys
        Names of the columns that tell series apart, and their values for each series.
    calendar, first_week
        Kind of week, and number of the first week (see `week_number`).
    counts
        Series x weeks, cases; NaN where missing.
    outbreak
        Series x weeks: weeks labelled as outbreak; none if the table has no labels.
    populations
        Series x weeks, people at risk; none if not given.

    """

    columns: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    calendar: Calendar
    first_week: int
    counts: Floats
    outbreak: Bools | None = None
    populations: Floats | None = None

    @property
    def year_weeks(self) -> float:
        """The length of a year that detectors count with."""
        return YEAR_COUNTED_WEEKS if self.calendar == "counted" else YEAR_CALENDAR_WEEKS

    @property
    def last_week(self) -> int:
        """The number of the last week."""
        return self.first_week + int(self.counts.shape[1]) - 1

    def label(self, index: int) -> str:
        """Return the name of the week in a column of `counts`."""
        return week_label(self.first_week + index, calendar=self.calendar)

    def index(self, label: str) -> int:
        """Return the column of a week by its name.

        Raises
        ------
        UnknownWeekError, WeekNotInTableError

        """
        number = week_number(label, calendar=self.calendar)
        if not self.first_week <= number <= self.last_week:
            raise WeekNotInTableError(
                week=label, first=self.label(0), last=self.label(self.counts.shape[1] - 1)
            )
        return number - self.first_week

    def name(self, row: int) -> str:
        """Return the name of a series for people."""
        return " · ".join(self.keys[row]) or "–"


def week_number(label: str, *, calendar: Calendar, line: int = 0) -> int:
    """Return the number of a week, so that neighbouring weeks are neighbouring numbers.

    Raises
    ------
    UnknownWeekError
        Also for a week 53 that its year does not have.

    """
    text = label.strip()
    if calendar == "counted":
        if not text.isdecimal():
            raise UnknownWeekError(
                line=line, week=label, calendar=calendar, why="wanted: 1, 2, 3 ...",
                why_zh="应写成 1、2、3……",
            )  # fmt: skip
        return int(text)
    found = LABEL.fullmatch(text)
    if found is None:
        raise UnknownWeekError(
            line=line,
            week=label,
            calendar=calendar,
            why="wanted: 2026-W05",
            why_zh="应写成 2026-W05",
        )
    year, week = int(found[1]), int(found[2])
    try:
        start = Week(year, week, system="iso" if calendar == "iso" else "cdc").startdate()
    except ValueError as error:
        last = weeks_of_year(year, calendar=calendar)
        raise UnknownWeekError(
            line=line, week=label, calendar=calendar, why=f"{year} has the weeks 1 to {last}",
            why_zh=f"{year} 年有第 1 至 {last} 周",
        ) from error  # fmt: skip
    return int(start.toordinal() - (1 if calendar == "iso" else 0)) // DAYS


def week_of_day(day: date, *, calendar: Calendar) -> str | None:
    """Return the name of the week of a day; None where weeks are only counted."""
    if calendar == "counted":
        return None
    week = Week.fromdate(day, system="iso" if calendar == "iso" else "cdc")
    return f"{week.year:04d}-W{week.week:02d}"


def weeks_of_year(year: int, *, calendar: Calendar) -> int:
    """Return 52 or 53."""
    try:
        Week(year, 53, system="iso" if calendar == "iso" else "cdc")
    except ValueError:
        return 52
    return 53


def week_label(number: int, *, calendar: Calendar) -> str:
    """Return the name of a numbered week."""
    if calendar == "counted":
        return str(number)
    ordinal = number * DAYS + (1 if calendar == "iso" else 0)
    day = np.datetime64("0001-01-01", "D") + np.timedelta64(ordinal - 1, "D")
    week = Week.fromdate(day.astype(object), system="iso" if calendar == "iso" else "cdc")
    return f"{week.year:04d}-W{week.week:02d}"


def read_series(
    path: Path, *, calendar: Calendar = "iso", absent: Absent = "missing", at: str | None = None
) -> SeriesTable:
    """Read a table of counts in long form: columns of the series, ``week`` and ``count``.

    Parameters
    ----------
    path
        CSV in UTF-8 or GB18030. The columns ``outbreak`` (0, 1) and ``population`` are known;
        every other column tells series apart.
    calendar
        Kind of week.
    absent
        What a week without a row means: not known, or no cases.
    at
        The present week; later counts are refused.

    Raises
    ------
    UnreadableTableError, EmptyFileError, MissingColumnError, EmptyTableError, UnknownWeekError,
    NotACountError, NegativeCountError, FractionalCountError, DuplicateWeekError, FutureWeekError,
    LongSpanError, NotALabelError

    """
    frame = _frame(path)
    columns = tuple(name for name in frame.columns if name not in RESERVED)
    numbers = _week_numbers(frame[WEEK], calendar=calendar)
    counts = _counts(frame[COUNT])
    if not np.isfinite(counts).any():
        raise EmptyTableError(file=path.name)
    if at is not None:
        _refuse_future(numbers, counts=counts, at=at, calendar=calendar)
    rows, keys = _series(frame, columns=columns)
    first, last = int(numbers.min()), int(numbers.max())
    if last - first >= WEEKS_MAX:
        raise LongSpanError(
            first=week_label(first, calendar=calendar), last=week_label(last, calendar=calendar),
            weeks=last - first + 1,
        )  # fmt: skip
    place = rows * (last - first + 1) + (numbers - first)
    _refuse_duplicates(place, numbers=numbers, keys=keys, rows=rows, calendar=calendar)
    shape = (len(keys), last - first + 1)
    fill = 0.0 if absent == "zero" else np.nan
    return SeriesTable(
        columns=columns,
        keys=keys,
        calendar=calendar,
        first_week=first,
        counts=_spread(counts, place=place, shape=shape, fill=fill),
        outbreak=_outbreak(frame, place=place, shape=shape),
        populations=_populations(frame, place=place, shape=shape),
    )


def _frame(path: Path) -> pl.DataFrame:
    try:
        content = path.read_bytes()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("gb18030")
        if not text.strip():
            raise EmptyFileError(file=path.name)
        frame = pl.read_csv(io.StringIO(text), infer_schema=False)
    except (OSError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise UnreadableTableError(file=path.name, found=type(error).__name__) from error
    frame = frame.rename({name: ALIASES.get(name.strip(), name.strip()) for name in frame.columns})
    for column in (WEEK, COUNT):
        if column not in frame.columns:
            raise MissingColumnError(file=path.name, column=column, found=", ".join(frame.columns))
    if frame.is_empty():
        raise EmptyTableError(file=path.name)
    return frame


def _week_numbers(weeks: pl.Series, *, calendar: Calendar) -> NDArray[np.int64]:
    labels = weeks.fill_null("").rename("label").to_frame().with_row_index("row")
    first = labels.group_by("label").agg(pl.col("row").min()).sort("row")
    numbers = [
        week_number(label, calendar=calendar, line=row + FIRST_LINE)
        for label, row in first.iter_rows()
    ]
    known = first.select("label").with_columns(pl.Series("number", numbers, pl.Int64))
    joined = labels.join(known, on="label", how="left", maintain_order="left")
    return joined["number"].to_numpy().astype(np.int64)


def _counts(column: pl.Series) -> Floats:
    text = column.str.strip_chars()
    text = text.set(text == "", None)
    values = text.cast(pl.Float64, strict=False)
    counts = values.to_numpy().astype(np.float64)
    known = text.is_not_null().to_numpy()
    for broken, refusal in (
        (known & ~np.isfinite(counts), NotACountError),
        (counts < 0, NegativeCountError),
        (known & (counts != np.floor(counts)), FractionalCountError),
    ):
        if broken.any():
            row = int(np.nonzero(broken)[0][0])
            raise refusal(line=row + FIRST_LINE, count=text[row])
    return counts


def _refuse_future(
    numbers: NDArray[np.int64], *, counts: Floats, at: str, calendar: Calendar
) -> None:
    later = (numbers > week_number(at, calendar=calendar)) & np.isfinite(counts)
    if later.any():
        row = int(np.nonzero(later)[0][0])
        week = week_label(int(numbers[row]), calendar=calendar)
        raise FutureWeekError(line=row + FIRST_LINE, week=week, at=at)


def _series(
    frame: pl.DataFrame, *, columns: tuple[str, ...]
) -> tuple[NDArray[np.int64], tuple[tuple[str, ...], ...]]:
    """Return the series of each row, numbered as they first appear, and their keys."""
    if not columns:
        return np.zeros(frame.height, np.int64), ((),)
    keys = frame.select(pl.col(name).fill_null("").str.strip_chars() for name in columns)
    unique = keys.unique(maintain_order=True).with_row_index("__row")
    joined = keys.join(unique, on=list(columns), how="left", maintain_order="left")
    rows = joined["__row"].to_numpy().astype(np.int64)
    return rows, tuple(unique.drop("__row").rows())


def _refuse_duplicates(
    place: NDArray[np.int64],
    *,
    numbers: NDArray[np.int64],
    keys: Sequence[tuple[str, ...]],
    rows: NDArray[np.int64],
    calendar: Calendar,
) -> None:
    _, first, number = np.unique(place, return_index=True, return_counts=True)
    if (number == 1).all():
        return
    at = int(first[number > 1].min())
    same = np.nonzero(place == place[at])[0]
    raise DuplicateWeekError(
        series=" · ".join(keys[int(rows[at])]) or "–",
        week=week_label(int(numbers[at]), calendar=calendar),
        rows=same.size,
        lines=", ".join(str(row + FIRST_LINE) for row in same[:5]),
    )


def _spread(
    values: Floats, *, place: NDArray[np.int64], shape: tuple[int, int], fill: float
) -> Floats:
    table = np.full(shape[0] * shape[1], fill)
    table[place] = values
    return table.reshape(shape)


def _outbreak(
    frame: pl.DataFrame, *, place: NDArray[np.int64], shape: tuple[int, int]
) -> Bools | None:
    if OUTBREAK not in frame.columns:
        return None
    text = frame[OUTBREAK].fill_null("0").str.strip_chars()
    broken = ~text.is_in(["0", "1", ""]).to_numpy()
    if broken.any():
        row = int(np.nonzero(broken)[0][0])
        raise NotALabelError(
            line=row + FIRST_LINE, column=OUTBREAK, found=text[row], wanted="wanted: 0 or 1",
            wanted_zh="应为 0 或 1",
        )  # fmt: skip
    return _spread((text == "1").to_numpy().astype(float), place=place, shape=shape, fill=0) > 0


def _populations(
    frame: pl.DataFrame, *, place: NDArray[np.int64], shape: tuple[int, int]
) -> Floats | None:
    """Return people at risk; weeks without a row take the last known number of their series."""
    if POPULATION not in frame.columns:
        return None
    people = frame[POPULATION].str.strip_chars().cast(pl.Float64, strict=False).to_numpy()
    broken = ~(people > 0)
    if broken.any():
        row = int(np.nonzero(broken)[0][0])
        raise NotALabelError(
            line=row + FIRST_LINE, column=POPULATION, found=frame[POPULATION][row],
            wanted="wanted: people at risk, above 0", wanted_zh="应为大于 0 的人口数",
        )  # fmt: skip
    table = _spread(people.astype(np.float64), place=place, shape=shape, fill=np.nan)
    known = np.where(np.isfinite(table), np.arange(shape[1]), -1)
    last = np.maximum.accumulate(known, axis=1)
    last = np.where(last < 0, np.argmax(np.isfinite(table), axis=1)[:, None], last)
    return np.take_along_axis(table, last, axis=1)


def write_series(
    path: Path, table: SeriesTable, *, extra: Mapping[str, Floats] | None = None
) -> int:
    """Write a table in long form and return the number of rows; missing counts are left empty.

    `extra` adds columns (series x weeks), such as the parts of a simulated count.
    """
    more = dict(extra or {})
    labels = [table.label(index) for index in range(table.counts.shape[1])]
    header = [*table.columns, WEEK, COUNT]
    header += [OUTBREAK] if table.outbreak is not None else []
    header += [POPULATION] if table.populations is not None else []
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*header, *more])
        for row, key in enumerate(table.keys):
            for week, label in enumerate(labels):
                line = [*key, label, _cell(table.counts[row, week])]
                if table.outbreak is not None:
                    line.append(str(int(table.outbreak[row, week])))
                if table.populations is not None:
                    line.append(_cell(table.populations[row, week]))
                writer.writerow([*line, *(_cell(values[row, week]) for values in more.values())])
    return len(table.keys) * len(labels)


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.12g}"
