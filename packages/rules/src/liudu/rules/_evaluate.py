"""Values and tests of the core tree over many subjects at once, with numpy."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.rules._bitmap import Bools
from liudu.rules._core import (
    Add,
    Both,
    Choose,
    Compare,
    Constant,
    Contrary,
    Either,
    FactTrue,
    FactValue,
    Fixed,
    Greatest,
    Least,
    MonthsAfter,
    MonthsBetween,
    Multiply,
    OneOf,
    OpenTest,
    OpenValue,
    Quotient,
    Rounding,
    Sign,
    Subtract,
    Test,
    Value,
)
from liudu.rules._table import FactTable

Ints = NDArray[np.int64]
Unknown = Bools | bool
Known = tuple[Ints | int, Unknown]
ThreeValued = tuple[Bools | bool, Unknown]
"""True where it is true, and unknown where it is unknown; true means nothing where unknown."""

COMPARE: dict[Sign, Callable[[Any, Any], Any]] = {
    Sign.EQUAL: np.equal,
    Sign.DIFFERENT: np.not_equal,
    Sign.LESS: np.less,
    Sign.AT_MOST: np.less_equal,
    Sign.MORE: np.greater,
    Sign.AT_LEAST: np.greater_equal,
}


@attrs.frozen(eq=False)
class Selection:
    """Some rows of a table: a range, or the rows of an index.

    Attributes
    ----------
    table, rows
        The table and which of its rows.
    start
        The row from which an index counts.
    known
        Whether it is sure that every fact that will be read is known of these rows.

    """

    table: FactTable
    rows: slice | NDArray[np.int64]
    start: int = 0
    known: bool = False

    @property
    def count(self) -> int:
        """How many rows."""
        if isinstance(self.rows, slice):
            return len(range(*self.rows.indices(len(self.table))))
        return len(self.rows)

    def stored(self, name: str) -> NDArray[Any]:
        """Return a fact's numbers as they are stored."""
        return self._picked(self.table.columns[name].numbers)

    def unknown(self, name: str) -> Unknown:
        """Return where a fact is unknown."""
        if self.known:
            return False
        column = self.table.columns.get(name)
        if column is None:
            return True
        return False if column.unknown is None else self._picked(column.unknown)

    def _picked(self, cells: NDArray[Any]) -> NDArray[Any]:
        if isinstance(self.rows, slice):
            return cells[self.rows]
        return cells[self.start :].take(self.rows)


def either(left: Unknown, right: Unknown) -> Unknown:
    """Return where one of two is true."""
    if isinstance(left, bool):
        return True if left else right
    if isinstance(right, bool):
        return True if right else left
    return left | right


def evaluate_value(tree: Value, rows: Selection) -> Known:
    """Return the numbers, and where they are unknown; a constant stays one number."""
    numbers, unknown = _VALUES[type(tree)](tree, rows)
    return numbers, _one_or_many(unknown)


def evaluate_test(tree: Test, rows: Selection) -> ThreeValued:
    """Return where a test is true and where it is unknown."""
    truth, unknown = _TESTS[type(tree)](tree, rows)
    return truth, _one_or_many(unknown)


def _one_or_many(unknown: Any) -> Unknown:  # noqa: ANN401 - what numpy makes of one number
    """Return one bool where numpy made an array without rows of what is the same for everybody."""
    return unknown if np.ndim(unknown) else bool(unknown)


def _fact_value(tree: FactValue, rows: Selection) -> Known:
    unknown = rows.unknown(tree.name)
    if unknown is True:
        return 0, True
    return rows.stored(tree.name).astype(np.int64, copy=False), unknown


def _constant(tree: Constant, rows: Selection) -> Known:
    del rows
    return tree.number, False


def _open_value(tree: OpenValue, rows: Selection) -> Known:
    del tree, rows
    return 0, True


def _pairwise(
    combine: Callable[[Any, Any], Any],
) -> Callable[[Any, Selection], Known]:
    def step(tree: Add | Subtract | Multiply, rows: Selection) -> Known:
        left, left_unknown = evaluate_value(tree.left, rows)
        right, right_unknown = evaluate_value(tree.right, rows)
        return combine(left, right), either(left_unknown, right_unknown)

    return step


def _extreme(combine: Callable[[Any, Any], Any]) -> Callable[[Any, Selection], Known]:
    def step(tree: Least | Greatest, rows: Selection) -> Known:
        ones = [evaluate_value(one, rows) for one in tree.values]
        numbers = reduce(combine, [number for number, _ in ones])
        return numbers, reduce(either, [unknown for _, unknown in ones])

    return step


def _choose(tree: Choose, rows: Selection) -> Known:
    truth, test_unknown = evaluate_test(tree.test, rows)
    then, then_unknown = evaluate_value(tree.then, rows)
    otherwise, otherwise_unknown = evaluate_value(tree.otherwise, rows)
    numbers = np.where(truth, then, otherwise)
    if then_unknown is False and otherwise_unknown is False:
        return numbers, test_unknown
    branch = np.where(truth, then_unknown, otherwise_unknown)
    return numbers, either(test_unknown, branch)


def _months_after(tree: MonthsAfter, rows: Selection) -> Known:
    day, day_unknown = evaluate_value(tree.day, rows)
    months, months_unknown = evaluate_value(tree.months, rows)
    return add_months(day, months), either(day_unknown, months_unknown)


def add_months(day: Ints | int, months: Ints | int) -> Ints:
    """Return the days since 1970-01-01 that lie some months later; the month's last at most."""
    days = np.asarray(day, np.int64).astype("datetime64[D]")
    month = days.astype("datetime64[M]")
    within = (days - month.astype("datetime64[D]")).astype(np.int64)
    target = month + np.asarray(months, np.int64).astype("timedelta64[M]")
    first = target.astype("datetime64[D]").astype(np.int64)
    following = (target + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64)
    later: Ints = first + np.minimum(within, following - first - 1)
    return later


def months_between(start: Ints | int, end: Ints | int) -> Ints:
    """Return the greatest n such that n months after `start` is not later than `end`."""
    begun, ended = (
        np.asarray(one, np.int64).astype("datetime64[D]").astype("datetime64[M]")
        for one in (start, end)
    )
    months = (ended - begun).astype(np.int64)
    whole: Ints = months - (add_months(start, months) > end)
    return whole


def _months_between(tree: MonthsBetween, rows: Selection) -> Known:
    start, start_unknown = evaluate_value(tree.start, rows)
    end, end_unknown = evaluate_value(tree.end, rows)
    return months_between(start, end), either(start_unknown, end_unknown)


def _quotient(tree: Quotient, rows: Selection) -> Known:
    number, unknown = evaluate_value(tree.value, rows)
    return rounded(number, tree.divisor, tree.rounding) * tree.step, unknown


def rounded(number: Ints | int, divisor: int, rounding: Rounding) -> Ints | int:
    """Return ``number / divisor`` made whole by a rounding rule."""
    if rounding is Rounding.DOWN:
        return number // divisor
    if rounding is Rounding.UP:
        return -(-number // divisor)
    whole = number // divisor
    twice = 2 * (number - whole * divisor)
    if rounding is Rounding.HALF_UP:
        return whole + (twice >= divisor)
    return whole + ((twice > divisor) | ((twice == divisor) & (whole % 2 == 1)))


def _fact_true(tree: FactTrue, rows: Selection) -> ThreeValued:
    unknown = rows.unknown(tree.name)
    return (False, True) if unknown is True else (rows.stored(tree.name), unknown)


def _fixed(tree: Fixed, rows: Selection) -> ThreeValued:
    del rows
    return tree.truth, False


def _open_test(tree: OpenTest, rows: Selection) -> ThreeValued:
    del tree, rows
    return False, True


def _compare(tree: Compare, rows: Selection) -> ThreeValued:
    if isinstance(tree.left, FactValue) and isinstance(tree.right, Constant):
        unknown = rows.unknown(tree.left.name)
        if unknown is True:
            return False, True
        # The stored type is narrower than 64 bits, so this reads less memory.
        return COMPARE[tree.sign](rows.stored(tree.left.name), tree.right.number), unknown
    left, left_unknown = evaluate_value(tree.left, rows)
    right, right_unknown = evaluate_value(tree.right, rows)
    return COMPARE[tree.sign](left, right), either(left_unknown, right_unknown)


def _one_of(tree: OneOf, rows: Selection) -> ThreeValued:
    if isinstance(tree.value, FactValue):
        unknown = rows.unknown(tree.value.name)
        number: Any = 0 if unknown is True else rows.stored(tree.value.name)
    else:
        number, unknown = evaluate_value(tree.value, rows)
    truth = reduce(np.logical_or, [np.equal(number, one) for one in tree.numbers])
    return truth, unknown


def _both(tree: Both, rows: Selection) -> ThreeValued:
    return _kleene(tree.tests, rows, decisive=False)


def _either_test(tree: Either, rows: Selection) -> ThreeValued:
    return _kleene(tree.tests, rows, decisive=True)


def _kleene(tests: tuple[Test, ...], rows: Selection, *, decisive: bool) -> ThreeValued:
    """Combine tests: one decisive value decides, else one unknown leaves it open."""
    decided: Any = False
    unknown: Unknown = False
    for test in tests:
        truth, one_unknown = evaluate_test(test, rows)
        says = np.equal(truth, decisive) & np.logical_not(one_unknown)
        decided = np.logical_or(decided, says)
        unknown = either(unknown, one_unknown)
    truth = decided if decisive else np.logical_not(decided)
    return truth, np.logical_and(unknown, np.logical_not(decided))


def _contrary(tree: Contrary, rows: Selection) -> ThreeValued:
    truth, unknown = evaluate_test(tree.test, rows)
    return np.logical_not(truth), unknown


_VALUES: dict[type[Value], Callable[[Any, Selection], Known]] = {
    FactValue: _fact_value,
    Constant: _constant,
    OpenValue: _open_value,
    Add: _pairwise(np.add),
    Subtract: _pairwise(np.subtract),
    Multiply: _pairwise(np.multiply),
    Least: _extreme(np.minimum),
    Greatest: _extreme(np.maximum),
    Choose: _choose,
    MonthsAfter: _months_after,
    MonthsBetween: _months_between,
    Quotient: _quotient,
}
_TESTS: dict[type[Test], Callable[[Any, Selection], ThreeValued]] = {
    FactTrue: _fact_true,
    Fixed: _fixed,
    OpenTest: _open_test,
    Compare: _compare,
    OneOf: _one_of,
    Both: _both,
    Either: _either_test,
    Contrary: _contrary,
}
