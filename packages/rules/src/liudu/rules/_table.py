"""What is known of many subjects: one column a fact, each cell known or not."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any, overload

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.contract import Refusal
from liudu.rules._bitmap import Bools
from liudu.rules._fact import Fact
from liudu.rules._kind import Kind, day_number

Numbers = NDArray[Any]
EXAMPLES_MAX = 5


class UnknownFactError(Refusal):
    """A table has a column that is no fact of the pack."""

    en = "{name} is not a fact of the pack{hint_en}: rename the column or leave it out."
    zh = "{name} 不是政策包中的事实{hint_zh}：请改列名，或去掉该列。"


class BadColumnError(Refusal):
    """A column is not of the type that its fact needs."""

    en = "Column {name} is {found}; the fact needs {wanted}."
    zh = "列 {name} 是 {found}，该事实需要 {wanted}。"


class ColumnLengthError(Refusal):
    """A column has another length than the table."""

    en = "Column {name} has {length} rows, the table {count}."
    zh = "列 {name} 有 {length} 行，而表有 {count} 行。"


class ColumnOutOfRangeError(Refusal):
    """A column holds values outside the declared range of its fact."""

    en = "Column {name}: {value} in row {row} is outside {minimum} to {maximum}; {count} rows are."
    zh = "列 {name}：第 {row} 行的 {value} 超出 {minimum} 至 {maximum}；共 {count} 行如此。"


class DuplicateSubjectError(Refusal):
    """One subject stands in several rows: it would be paid several times."""

    en = "{subject} stands in more than one row ({rows}); {count} subjects do: keep one row each."
    zh = "{subject} 出现在多行（{rows}）；共 {count} 个主体重复：每个主体只留一行。"


@attrs.frozen(eq=False)
class Column:
    """A fact of many subjects.

    Attributes
    ----------
    numbers
        The values in the fact's encoding (see `liudu.rules` on encodings): bool for a bool
        fact, any signed integer type otherwise. What stands in an unknown cell is ignored.
    unknown
        Where it is not known, or None if it is known of everybody.

    """

    numbers: Numbers
    unknown: Bools | None = None


@attrs.frozen(eq=False, kw_only=True)
class FactTable:
    """The facts of many subjects; a fact without a column is unknown of everybody.

    Build it with `of`, which checks it, or read it with `read_table`.
    """

    subjects: Sequence[str]
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.subjects)

    @cached_property
    def ranks(self) -> NDArray[np.int64]:
        """The place of each subject in the order of ids, so that ties are decided repeatably."""
        if isinstance(self.subjects, RowNumbers):
            return np.arange(len(self), dtype=np.int64)
        ranks = np.empty(len(self), np.int64)
        ranks[np.argsort(np.asarray(self.subjects, dtype=str), kind="stable")] = np.arange(
            len(self)
        )
        return ranks

    @classmethod
    def of(
        cls,
        facts: Mapping[str, Fact],
        columns: Mapping[str, Column],
        *,
        subjects: Sequence[str] | None = None,
    ) -> "FactTable":
        """Return a table after checking types, lengths, ranges and subjects.

        Parameters
        ----------
        facts
            The facts of the pack.
        columns
            By fact name.
        subjects
            One id a row; by default the row numbers.

        Raises
        ------
        UnknownFactError, BadColumnError, ColumnLengthError, ColumnOutOfRangeError,
        DuplicateSubjectError

        """
        count = len(subjects) if subjects is not None else _length(columns)
        for name, column in columns.items():
            if name not in facts:
                raise UnknownFactError(name=name, hint_en="", hint_zh="")
            _require_column(facts[name], column, count)
        if subjects is None:
            return cls(subjects=RowNumbers(count), columns=dict(columns))
        require_distinct(subjects)
        return cls(subjects=subjects, columns=dict(columns))

    def row(self, index: int) -> "FactTable":
        """Return the table of one row."""
        columns = {
            name: Column(
                one.numbers[index : index + 1],
                None if one.unknown is None else one.unknown[index : index + 1],
            )
            for name, one in self.columns.items()
        }
        return FactTable(subjects=[self.subjects[index]], columns=columns)

    def cell(self, name: str, index: int) -> int | None:
        """Return one value in its encoding, or None if it is unknown."""
        column = self.columns.get(name)
        if column is None or (column.unknown is not None and column.unknown[index]):
            return None
        return int(column.numbers[index])


class RowNumbers(Sequence[str]):
    """The ids of subjects that have none: their row numbers, from 0, made when asked."""

    def __init__(self, count: int) -> None:
        self.numbers = range(count)

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [str(number) for number in self.numbers[index]]
        return str(self.numbers[index])


def row_of(
    facts: Mapping[str, Fact], known: Mapping[str, object], *, subject: str = "0"
) -> FactTable:
    """Return the table of one subject from Python values; what is not named is unknown.

    Parameters
    ----------
    facts
        The facts of the pack.
    known
        By fact name: bool, int, Decimal, date or label, as written in the fact's unit; None
        is unknown.
    subject
        The id of the subject.

    Raises
    ------
    UnknownFactError, BadFactValueError, FactOutOfRangeError

    """
    encoded: dict[str, int | None] = {}
    for name, value in known.items():
        if name not in facts:
            raise UnknownFactError(name=name, hint_en="", hint_zh="")
        encoded[name] = None if value is None else facts[name].encode(value)
    return encoded_row(facts, encoded, subject=subject)


def encoded_row(
    facts: Mapping[str, Fact], known: Mapping[str, int | None], *, subject: str = "0"
) -> FactTable:
    """Return the table of one subject from values that are encoded already."""
    columns = {
        name: Column(np.array([value], storage(facts[name])))
        for name, value in known.items()
        if value is not None
    }
    return FactTable(subjects=[subject], columns=columns)


def storage(fact: Fact) -> type[np.generic]:
    """Return the smallest of the usual types that holds a fact."""
    if fact.type.kind is Kind.BOOL:
        return np.bool_
    kinds: tuple[type[np.signedinteger[Any]], ...] = (np.int8, np.int16, np.int32, np.int64)
    for kind in kinds:
        limit = np.iinfo(kind)
        if limit.min <= fact.minimum and fact.maximum <= limit.max:
            return kind
    return np.int64


def with_age(column: Column, fact: Fact, observed_date: NDArray[np.int64], *, on: date) -> Column:
    """Return the column with what was observed too long ago as unknown.

    Parameters
    ----------
    column, fact
        The column and its fact; only `valid_days` matters.
    observed_date
        For each row the day of the observation, in days since 1970-01-01.
    on
        The day of the determination.

    """
    if fact.valid_days is None:
        return column
    stale = (observed_date + fact.valid_days < day_number(on)) | (observed_date > day_number(on))
    unknown = stale if column.unknown is None else column.unknown | stale
    return Column(column.numbers, unknown if bool(unknown.any()) else None)


def require_distinct(subjects: Sequence[str]) -> None:
    """Raise `DuplicateSubjectError` if an id stands twice."""
    if len(set(subjects)) == len(subjects):
        return
    places: dict[str, list[int]] = {}
    for index, subject in enumerate(subjects):
        places.setdefault(subject, []).append(index)
    twice = {subject: rows for subject, rows in places.items() if len(rows) > 1}
    first, rows = next(iter(twice.items()))
    raise DuplicateSubjectError(
        subject=first, rows=", ".join(map(str, rows[:EXAMPLES_MAX])), count=len(twice)
    )


def _length(columns: Mapping[str, Column]) -> int:
    return max((len(one.numbers) for one in columns.values()), default=0)


def _require_column(fact: Fact, column: Column, count: int) -> None:
    numbers = column.numbers
    wanted = "b" if fact.type.kind is Kind.BOOL else "i"
    if numbers.dtype.kind != wanted:
        need = "bool" if wanted == "b" else "signed integers in its encoding"
        raise BadColumnError(name=fact.name, found=numbers.dtype, wanted=need)
    if column.unknown is not None and column.unknown.dtype != np.bool_:
        raise BadColumnError(
            name=f"{fact.name} (unknown)", found=column.unknown.dtype, wanted="bool"
        )
    for part in (numbers, column.unknown):
        if part is not None and len(part) != count:
            raise ColumnLengthError(name=fact.name, length=len(part), count=count)
    if wanted == "i" and count:
        _require_range(fact, column)


def _require_range(fact: Fact, column: Column) -> None:
    numbers = column.numbers
    if fact.minimum <= int(numbers.min()) and int(numbers.max()) <= fact.maximum:
        return
    outside = (numbers < fact.minimum) | (numbers > fact.maximum)
    if column.unknown is not None:
        outside &= ~column.unknown
    rows = np.flatnonzero(outside)
    if len(rows):
        raise ColumnOutOfRangeError(
            name=fact.name,
            value=int(numbers[rows[0]]),
            row=int(rows[0]),
            minimum=fact.minimum,
            maximum=fact.maximum,
            count=len(rows),
        )
