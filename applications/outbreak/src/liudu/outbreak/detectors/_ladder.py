"""Which detector decides, by the length of the history; and all detectors by name."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import ArrayLike

from liudu.contract import Refusal
from liudu.outbreak.detectors._accumulating import cusum, glr
from liudu.outbreak.detectors._detection import Detection, Flag
from liudu.outbreak.detectors._farrington import farrington, farrington_original
from liudu.outbreak.detectors._harmonic import harmonic
from liudu.outbreak.detectors._likelihood import likelihood_ratio
from liudu.outbreak.detectors._reference import (
    RECENT_WEEKS_MIN,
    Variant,
    bayes,
    ears,
    moving_percentile,
    recent,
    rki,
)
from liudu.outbreak.detectors._weeks import (
    YEAR_CALENDAR_WEEKS,
    Bools,
    Floats,
    Indices,
    history_weeks,
    prepared,
)

YEAR: Final = 52
HR_WEEKS_MIN: Final = YEAR


class UnknownDetectorError(Refusal):
    """No detector has this name."""

    en = "There is no detector {detector!r}: take one of {detectors}."
    zh = "没有名为 {detector!r} 的检测器：可用 {detectors}。"


class UnknownOptionError(Refusal):
    """A detector does not have this option."""

    en = "Detector {detector} has no option {option!r}: it has {options}."
    zh = "检测器 {detector} 没有选项 {option!r}：可用 {options}。"


@attrs.frozen(kw_only=True)
class Detector:
    """A method by its name.

    Attributes
    ----------
    weeks_min
        Usable weeks of history below which the ladder takes a simpler method.
    options
        The names of its own keyword arguments.
    modelled
        Whether it takes covariates, and so can model a pandemic instead of leaving it out.
    populations, calendar
        Whether it takes people at risk, and the length of a year.

    """

    name: str
    run: Callable[..., Detection]
    weeks_min: int
    options: tuple[str, ...] = ()
    modelled: bool = False
    populations: bool = False
    calendar: bool = True
    has_p: bool = True


_FARRINGTON = ("years", "half_window", "cases_min", "cases_weeks", "compat")
_FLEXIBLE = (
    *_FARRINGTON, "periods", "weeks_not_included", "weights_threshold", "trend_p_max",
    "trend_years_min", "threshold", "alpha",
)  # fmt: skip
_HR = ("years", "weeks_not_included", "trend_sd", "weights_threshold", "cases_min", "cases_weeks")
VARIANTS: Final[tuple[Variant, ...]] = (1, 2, 3)
_SUMS = ("limit", "run_in_weeks", "years")

DETECTORS: Final[Mapping[str, Detector]] = {
    detector.name: detector
    for detector in (
        Detector(
            name="hr", run=harmonic, weeks_min=HR_WEEKS_MIN, options=_HR, modelled=True,
            populations=True,
        ),
        Detector(
            name="lr", run=likelihood_ratio, weeks_min=2 * YEAR, modelled=True, populations=True,
            options=("years", "weeks_not_included", "draws"),
        ),
        Detector(
            name="farrington", run=farrington, weeks_min=5 * YEAR, options=_FLEXIBLE,
            populations=True,
        ),
        Detector(
            name="farrington_original", run=farrington_original, weeks_min=5 * YEAR,
            options=_FARRINGTON, populations=True,
        ),
        *(
            Detector(
                name=f"ears_c{k}", run=partial(ears, variant=k), weeks_min=9 if k > 1 else 7,
                options=("baseline_weeks", "sd_min"), calendar=False,
            )
            for k in VARIANTS
        ),
        *(
            Detector(name=f"rki{k}", run=partial(rki, variant=k), weeks_min=weeks, has_p=False)
            for k, weeks in zip(VARIANTS, (6, 58, 108), strict=True)
        ),
        *(
            Detector(name=f"bayes{k}", run=partial(bayes, variant=k), weeks_min=weeks)
            for k, weeks in zip(VARIANTS, (6, 58, 108), strict=True)
        ),
        Detector(
            name="recent", run=recent, weeks_min=RECENT_WEEKS_MIN, options=("weeks_max",),
            calendar=False,
        ),
        Detector(
            name="moving_percentile", run=moving_percentile, weeks_min=3 * YEAR, has_p=False,
            options=("years", "half_window", "percentile"),
        ),
        Detector(
            name="cusum", run=cusum, weeks_min=2 * YEAR, options=("drift", *_SUMS), has_p=False
        ),
        Detector(
            name="glr_nb", run=glr, weeks_min=2 * YEAR, has_p=False,
            options=("window_weeks", "bounds", *_SUMS),
        ),
    )
}  # fmt: skip

# What decides where the history is too short for the asked detector, longest first. Measured on
# cut histories: from one year on HR finds more than EARS and than the mean of recent weeks at the
# same false-alarm rate (docs/explanation/outbreak-detectors.md).
STEPS: Final = (("hr", HR_WEEKS_MIN), ("recent", RECENT_WEEKS_MIN))


def detector(name: str) -> Detector:
    """Return a detector by its name.

    Raises
    ------
    UnknownDetectorError

    """
    if name not in DETECTORS:
        raise UnknownDetectorError(detector=name, detectors=", ".join(DETECTORS))
    return DETECTORS[name]


def rungs(asked: Detector) -> tuple[tuple[Detector, int], ...]:
    """Return the methods from the asked one down, with the weeks of history each needs."""
    below = [(DETECTORS[name], weeks) for name, weeks in STEPS if weeks < asked.weeks_min]
    return ((asked, asked.weeks_min), *below)


def detect(
    counts: ArrayLike,
    *,
    at: ArrayLike,
    name: str = "hr",
    options: Mapping[str, Any] | None = None,
    excluded: ArrayLike | None = None,
    covariates: ArrayLike | None = None,
    populations: ArrayLike | None = None,
    year_weeks: float = YEAR_CALENDAR_WEEKS,
) -> Detection:
    """Decide by the named detector where the history is long enough, else by a simpler one.

    Parameters
    ----------
    counts, at, excluded, covariates, populations, year_weeks
        As in `harmonic`. Methods that cannot use covariates or populations ignore them.
    name, options
        A key of `DETECTORS` and its own keyword arguments.

    Returns
    -------
    Detection
        `detectors` names the methods, `detector` says for each cell which one decided, and
        `Flag.LADDER` marks cells that a simpler one decided. A history of less than 7 weeks
        decides nothing (`Flag.TOO_SHORT`).

    Raises
    ------
    UnknownDetectorError, UnknownOptionError, ShapeError, WeekOutsideError

    """
    asked = detector(name)
    options = dict(options or {})
    for option in options:
        if option not in asked.options:
            listed = ", ".join(asked.options) or "none"
            raise UnknownOptionError(detector=name, option=option, options=listed)
    cases, weeks, usable = prepared(counts, at=at, excluded=excluded)
    history = history_weeks(usable, at=weeks)
    steps = rungs(asked)
    rung = np.full(history.shape, len(steps), np.int8)
    for index in range(len(steps) - 1, -1, -1):
        rung[history >= steps[index][1]] = index
    answer = _nothing(cases[:, weeks], at=weeks, names=tuple(step.name for step, _ in steps))
    for index, (step, _) in enumerate(steps):
        rows = np.nonzero((rung == index).any(axis=1))[0]
        if rows.size == 0:
            continue
        found = _run(
            step, cases[rows], at=weeks, options=options if index == 0 else {},
            excluded=~usable[rows], covariates=covariates,
            populations=_of_rows(populations, rows=rows, shape=cases.shape), year_weeks=year_weeks,
        )  # fmt: skip
        _merge(answer, found, rows=rows, cells=rung[rows] == index, index=index)
    return answer


def _of_rows(
    populations: ArrayLike | None, *, rows: Indices, shape: tuple[int, ...]
) -> Floats | None:
    if populations is None:
        return None
    people = np.asarray(populations, np.float64)
    return people[rows] if people.shape == shape else people


def _run(
    step: Detector,
    cases: Floats,
    *,
    at: Indices,
    options: Mapping[str, Any],
    excluded: Bools,
    covariates: ArrayLike | None,
    populations: ArrayLike | None,
    year_weeks: float,
) -> Detection:
    also: dict[str, Any] = dict(options)
    if step.modelled:
        also["covariates"] = covariates
    if step.populations:
        also["populations"] = populations
    if step.calendar:
        also["year_weeks"] = year_weeks
    return step.run(cases, at=at, excluded=excluded, **also)


def _nothing(observed: Floats, *, at: Indices, names: tuple[str, ...]) -> Detection:
    unknown = np.full(observed.shape, np.nan)
    missing = np.where(np.isnan(observed), Flag.MISSING, 0) | Flag.TOO_SHORT
    return Detection(
        at=at,
        observed=observed,
        expected=unknown.copy(),
        p_value=unknown.copy(),
        score=unknown.copy(),
        spread=unknown.copy(),
        law=np.zeros(observed.shape, np.int8),
        limit=unknown.copy(),
        detector=np.zeros(observed.shape, np.int8),
        flags=missing.astype(np.uint16),
        detectors=names,
    )


def _merge(answer: Detection, found: Detection, *, rows: Indices, cells: Bools, index: int) -> None:
    """Copy the decided cells of some rows into the answer."""
    for field in ("expected", "p_value", "score", "spread", "law", "limit", "flags"):
        target, source = getattr(answer, field), getattr(found, field)
        target[rows] = np.where(cells, source, target[rows])
    answer.detector[rows] = np.where(cells, index, answer.detector[rows])
    if index > 0:
        answer.flags[rows] |= np.where(cells, np.uint16(Flag.LADDER), np.uint16(0))
