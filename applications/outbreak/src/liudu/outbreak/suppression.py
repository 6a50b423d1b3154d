"""Small counts are hidden, and so many others that none of them can be worked out from totals.

Primary: counts of 1 to below the threshold. Secondary (complementary): further counts or totals,
until every hidden count could be at least two different numbers for a reader who knows all that
is published, that hidden counts are not zero, and how the totals add up. The audit bounds each
hidden count by linear programming (Fischetti and Salazar 2000, the attacker's problem), so it
does not depend on how the cells to hide were chosen. Both kinds carry the same mark: a reader
must not learn which was small.

What it does not cover: two publications that differ by one case, and other sources.
"""

from collections.abc import Iterator
from typing import Any, Final, cast

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from liudu.contract import Refusal
from liudu.outbreak.series import Bools, Floats

THRESHOLD: Final = 5
MARK: Final = "*"
ROUNDS_MAX: Final = 10_000
HIDDEN_MAX: Final = 20_000
TOTAL_COST: Final = 1e6  # a hidden total costs readers more than any hidden count
APART: Final = 1 - 1e-6
PROBES: Final = 8

Cell = tuple[int, ...]
Matrix = sparse.csr_array[Any]


class ThresholdError(Refusal):
    """A threshold hides nothing or is no number."""

    en = "A threshold of {threshold} hides nothing: give 2 or more (5 and 11 are usual)."
    zh = "阈值 {threshold} 不起隐藏作用：应不小于 2（常用 5 和 11）。"


class NotCountsError(Refusal):
    """What is to be published is not counts."""

    en = "A published table holds {found}: give whole counts of 0 or more."
    zh = "待发布的表中有 {found}：应为不小于 0 的整数。"


class TableTooLargeError(Refusal):
    """Too many hidden counts to be audited."""

    en = (
        "{hidden} counts would be hidden, more than {hidden_max} can be audited. Publish fewer "
        "totals, longer periods or larger districts."
    )
    zh = "需隐藏 {hidden} 格，超过可核查的 {hidden_max} 格。请减少合计、延长时段或合并地区。"


@attrs.frozen(kw_only=True, eq=False)
class Suppressed:
    """A table that can be published.

    Attributes
    ----------
    values
        Counts with their totals (the last place of each axis in `totals`); NaN where hidden.
    hidden, primary
        Places that are hidden, and those of them that were small.
    totals
        Axes over which totals are published.

    """

    values: Floats
    hidden: Bools
    primary: Bools
    totals: tuple[int, ...]

    @property
    def inner(self) -> Floats:
        """The table without its totals."""
        return self.values[_inside(self.values.ndim, self.totals)]

    def shown(self, *, mark: str = MARK) -> NDArray[np.object_]:
        """Return texts for a page or a file, with one mark for all that is hidden."""
        texts = np.full(self.values.shape, mark, dtype=object)
        for cell in np.argwhere(~self.hidden):
            texts[tuple(cell)] = f"{self.values[tuple(cell)]:.0f}"
        return texts


def suppress(
    counts: NDArray[Any], *, threshold: int = THRESHOLD, totals: tuple[int, ...] | None = None
) -> Suppressed:
    """Hide small counts and whatever would give them away.

    Parameters
    ----------
    counts
        Whole counts, of any number of axes; without totals.
    threshold
        Counts of 1 to `threshold` - 1 are hidden.
    totals
        Axes over which totals are published, all their combinations included; all axes if none.

    Raises
    ------
    ThresholdError, NotCountsError, TableTooLargeError

    """
    if threshold < 2:  # noqa: PLR2004 - one hides nothing
        raise ThresholdError(threshold=threshold)
    table = np.asarray(counts, np.float64)
    broken = ~np.isfinite(table) | (table < 0) | (table != np.floor(table))
    if broken.any():
        raise NotCountsError(found=f"{table[broken][0]:g}")
    axes = tuple(range(table.ndim)) if totals is None else tuple(sorted(set(totals)))
    whole = with_margins(table, axes=axes)
    primary = (whole > 0) & (whole < threshold)
    hidden = _protected(whole, primary, axes=axes) if primary.any() else primary.copy()
    return Suppressed(
        values=np.where(hidden, np.nan, whole), hidden=hidden, primary=primary, totals=axes
    )


def with_margins(table: Floats, *, axes: tuple[int, ...]) -> Floats:
    """Append totals over each of the axes."""
    whole = table
    for axis in axes:
        whole = np.concatenate([whole, whole.sum(axis=axis, keepdims=True)], axis=axis)
    return whole


def _inside(ndim: int, totals: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(None, -1 if axis in totals else None) for axis in range(ndim))


def _protected(whole: Floats, primary: Bools, *, axes: tuple[int, ...]) -> Bools:
    hidden = primary.copy()
    cost = np.where(_is_total(whole.shape, axes), TOTAL_COST + whole, whole)
    for _ in range(ROUNDS_MAX):
        _pair(whole, hidden, cost=cost, axes=axes)
        if int(hidden.sum()) > HIDDEN_MAX:
            raise TableTooLargeError(hidden=int(hidden.sum()), hidden_max=HIDDEN_MAX)
        exposed = recoverable(whole, hidden, axes=axes)
        if not exposed:
            return hidden
        for cell in exposed:
            _hide_beside(cell, whole=whole, hidden=hidden, cost=cost, axes=axes)
    return (whole > 0) | hidden


def _is_total(shape: tuple[int, ...], axes: tuple[int, ...]) -> Bools:
    total = np.zeros(shape, np.bool_)
    for axis in axes:
        place: list[slice | int] = [slice(None)] * len(shape)
        place[axis] = -1
        total[tuple(place)] = True
    return total


def _pair(whole: Floats, hidden: Bools, *, cost: Floats, axes: tuple[int, ...]) -> None:
    """Hide a second count in every line that has one hidden, until no line has just one."""
    changed = True
    while changed:
        changed = False
        for axis in axes:
            alone = np.argwhere(hidden.sum(axis=axis) == 1)
            for other in alone:
                line = (*other[:axis], slice(None), *other[axis:])
                changed |= _hide_cheapest(whole[line], hidden[line], cost[line])


def _hide_cheapest(whole: Floats, hidden: Bools, cost: Floats) -> bool:
    """Hide the cheapest shown count above zero of a line; tell whether there was one."""
    free = ~hidden & (whole > 0)
    if hidden.sum() != 1 or not free.any():
        return False
    hidden[int(np.argmin(np.where(free, cost, np.inf)))] = True
    return True


def _hide_beside(
    cell: Cell, *, whole: Floats, hidden: Bools, cost: Floats, axes: tuple[int, ...]
) -> None:
    """Hide the cheapest count in a line of an exposed cell, else the cheapest of the table."""
    near: Bools = np.zeros(whole.shape, np.bool_)
    for axis in axes:
        line: tuple[int | slice, ...] = (*cell[:axis], slice(None), *cell[axis + 1 :])
        near[line] = True
    free = ~hidden & (whole > 0)
    for place in (free & near, free):
        if place.any():
            chosen = np.argmin(np.where(place, cost, np.inf))
            hidden[np.unravel_index(chosen, whole.shape)] = True
            return


def recoverable(whole: Floats, hidden: Bools, *, axes: tuple[int, ...]) -> list[Cell]:
    """Return the hidden cells that a reader can tell exactly.

    The reader knows the shown cells, that the hidden ones are at least 1, and that the last
    place of each axis in `axes` is the sum of the others.
    """
    cells = [tuple(int(at) for at in cell) for cell in np.argwhere(hidden)]
    if not cells:
        return []
    matrix, right = equations(whole, hidden, axes=axes)
    truth = whole[hidden]
    low, high = truth.copy(), truth.copy()
    for direction in _probes(len(cells)):
        _widen(direction, matrix, right, low=low, high=high)
    for at in np.nonzero(high - low < APART)[0]:
        for sign in (1.0, -1.0):
            if high[at] - low[at] < APART:
                direction = np.zeros(len(cells))
                direction[at] = sign
                _widen(direction, matrix, right, low=low, high=high)
    return [cells[at] for at in np.nonzero(high - low < APART)[0]]


def _probes(number: int) -> Iterator[Floats]:
    """Yield directions that show many cells at once to be free; fixed, so that runs repeat."""
    rng = np.random.default_rng(number)
    for _ in range(PROBES):
        direction = rng.normal(size=number)
        yield direction
        yield -direction


def _widen(direction: Floats, matrix: Matrix, right: Floats, *, low: Floats, high: Floats) -> None:
    """Move as far as the equations let go, and note what every hidden cell then is."""
    reach = float(np.abs(right).sum() + high.sum() + 10)
    found = optimize.linprog(
        direction, A_eq=cast("Any", matrix), b_eq=right, bounds=(1, reach), method="highs-ds"
    )
    if found.status == 0 and found.x is not None:
        np.minimum(low, found.x, out=low)
        np.maximum(high, found.x, out=high)


def equations(whole: Floats, hidden: Bools, *, axes: tuple[int, ...]) -> tuple[Matrix, Floats]:
    """Return what the totals tell of the hidden cells: matrix x hidden = right side."""
    number = np.full(whole.shape, -1)
    number[hidden] = np.arange(int(hidden.sum()))
    rows: list[int] = []
    columns: list[int] = []
    signs: list[float] = []
    right: list[float] = []
    for axis in axes:
        sign = np.ones(whole.shape[axis])
        sign[-1] = -1.0
        for other in np.argwhere(hidden.any(axis=axis)):
            line = (*other[:axis], slice(None), *other[axis:])
            open_cells = np.nonzero(hidden[line])[0]
            rows += [len(right)] * open_cells.size
            columns += number[line][open_cells].tolist()
            signs += sign[open_cells].tolist()
            right.append(-float((whole[line] * sign)[~hidden[line]].sum()))
    shape = (len(right), int(hidden.sum()))
    return sparse.csr_array((signs, (rows, columns)), shape=shape), np.array(right)
