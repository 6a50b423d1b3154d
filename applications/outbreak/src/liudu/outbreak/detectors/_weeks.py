"""How a detector looks back from a week: the weeks it may use, the year it counts with."""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liudu.contract import Refusal

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.int64]

TABLE: Final = 2  # dimensions: series and weeks

# Weeks are counted through, a 53rd week like any other; "a year ago" is the nearest week.
YEAR_CALENDAR_WEEKS = 365.25 / 7
YEAR_COUNTED_WEEKS = 52.0  # simulated series and R's frequency = 52


class ShapeError(Refusal):
    """An argument does not have the shape of the counts."""

    en = "{name} has the shape {found}; {wanted} is wanted."
    zh = "{name} 的形状是 {found}，应为 {wanted}。"


class WeekOutsideError(Refusal):
    """A week to be evaluated lies outside the table."""

    en = "Week {week} cannot be evaluated: the table has the weeks 0 to {last}."
    zh = "第 {week} 周无法评估：表中只有第 0 至 {last} 周。"


def prepared(
    counts: ArrayLike, *, at: ArrayLike, excluded: ArrayLike | None = None
) -> tuple[Floats, Indices, Bools]:
    """Return counts (series x weeks), evaluated weeks and the weeks usable as baseline.

    `excluded` is a mask of weeks (weeks) or of cells (series x weeks): true is kept out of every
    baseline, as the pandemic years or the weeks of a known outbreak are. Missing counts are NaN.

    Raises
    ------
    ShapeError, WeekOutsideError

    """
    cases = np.ascontiguousarray(counts, np.float64)
    if cases.ndim != TABLE:
        raise ShapeError(name="counts", found=cases.shape, wanted="(series, weeks)")
    weeks = np.atleast_1d(np.asarray(at, np.int64))
    for week in weeks[(weeks < 0) | (weeks >= cases.shape[1])]:
        raise WeekOutsideError(week=int(week), last=cases.shape[1] - 1)
    usable = np.isfinite(cases)
    if excluded is not None:
        usable &= ~broadcast(np.asarray(excluded, bool), name="excluded", shape=cases.shape)
    return cases, weeks, usable


def broadcast(array: NDArray[Any], *, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the array for every series; it is given per week or per cell.

    Raises
    ------
    ShapeError

    """
    if array.shape not in (shape, shape[1:]):
        raise ShapeError(name=name, found=array.shape, wanted=f"{shape} or {shape[1:]}")
    return np.broadcast_to(array, shape)


def history_weeks(usable: Bools, *, at: Indices) -> NDArray[np.int64]:
    """Return the number of usable weeks before each evaluated week (series x evaluated)."""
    before: NDArray[np.int64] = np.cumsum(usable, axis=1) - usable
    return np.asarray(before[:, at], np.int64)


def recent_cases(counts: Floats, *, at: Indices, weeks: int) -> Floats:
    """Return the cases of the last `weeks` weeks, the evaluated one included; missing is 0."""
    total = np.cumsum(np.nan_to_num(counts), axis=1)
    start = at - weeks
    earlier = np.where(start >= 0, total[:, np.maximum(start, 0)], 0.0)
    return np.asarray(total[:, at] - earlier)


def exposures(populations: ArrayLike | None, *, shape: tuple[int, ...]) -> Floats:
    """Return the people at risk, one row for all series or one each; ones if not given.

    Raises
    ------
    ShapeError
        Also where nobody is at risk.

    """
    if populations is None:
        return np.ones((1, shape[1]))
    people = np.asarray(populations, np.float64)
    people = broadcast(people, name="populations", shape=shape)
    if not (people > 0).all():
        raise ShapeError(name="populations", found="values of 0 or less", wanted="people at risk")
    return np.ascontiguousarray(people)
