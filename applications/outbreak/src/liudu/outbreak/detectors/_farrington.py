"""Farrington Flexible (Noufaily et al. 2013) and the original method (Farrington et al. 1996).

A quasi-Poisson log-linear model with a seasonal factor and a trend is fitted to the past years,
refitted with past outbreaks weighted down, and the week's count compared with its prediction.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from liudu.contract import Refusal
from liudu.outbreak.detectors._detection import Detection, Flag, Law, detection
from liudu.outbreak.detectors._farrington_kernel import (
    DISPERSION,
    MEAN,
    RELATIVE,
    RESULTS,
    TREND,
    VARIANCE,
    fit_all,
)
from liudu.outbreak.detectors._tails import MEAN_MIN, count_tail, power_tail
from liudu.outbreak.detectors._weeks import (
    YEAR_CALENDAR_WEEKS,
    Floats,
    Indices,
    exposures,
    history_weeks,
    prepared,
    recent_cases,
)

Threshold = Literal["nbPlugin", "delta", "muan"]

WEEKS_PER_YEAR = 52


class UnknownThresholdError(Refusal):
    """The threshold method is not one of the three."""

    en = "There is no threshold method {threshold!r}: take nbPlugin, delta or muan."
    zh = "没有名为 {threshold!r} 的阈值方法：可用 nbPlugin、delta 或 muan。"


@lru_cache(maxsize=32)
def layout(
    *, years: int, half_window: int, periods: int, weeks_not_included: int, year_weeks: float
) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Return offsets (weeks before now), seasonal level and membership of the baseline weeks.

    The last level holds the weeks within `half_window` of the anniversaries; the weeks between
    two anniversaries are cut into ``periods - 1`` parts as equal as whole weeks allow. With one
    period only the anniversary windows belong to the baseline.
    """
    anniversaries = [round(year_weeks * year) for year in range(years + 1)]
    first, last = -(anniversaries[-1] + half_window), -(weeks_not_included + 1)
    offsets = np.arange(first, max(last, -anniversaries[1] + half_window) + 1)
    levels = np.full(offsets.shape, -1, np.int64)
    for year in range(1, years + 1):
        reference, following = -anniversaries[year], -anniversaries[year - 1]
        between = np.arange(reference + half_window + 1, following - half_window)
        if periods > 1:
            part = np.arange(between.size) * (periods - 1) // max(between.size, 1)
            _place(levels, at=between - first, level=part)
        window = np.arange(reference - half_window, reference + half_window + 1)
        _place(levels, at=window - first, level=np.full(window.size, periods - 1))
    member = ((levels >= 0) & (offsets <= last)).astype(np.float64)
    return offsets.astype(np.float64), np.maximum(levels, 0), member


def _place(levels: NDArray[np.int64], *, at: Indices, level: NDArray[np.int64]) -> None:
    inside = (at >= 0) & (at < levels.size)
    levels[at[inside]] = level[inside]


def farrington(
    counts: ArrayLike,
    *,
    at: ArrayLike,
    years: int = 5,
    half_window: int = 3,
    periods: int = 10,
    weeks_not_included: int = 26,
    weights_threshold: float = 2.58,
    trend_p_max: float = 1.0,
    trend_years_min: int = 3,
    threshold: Threshold = "nbPlugin",
    alpha: float = 0.01,
    cases_min: float = 5,
    cases_weeks: int = 4,
    excluded: ArrayLike | None = None,
    populations: ArrayLike | None = None,
    year_weeks: float = YEAR_CALENDAR_WEEKS,
    compat: Literal["R"] | None = None,
    name: str = "farrington",
) -> Detection:
    """Decide by Farrington Flexible.

    Parameters
    ----------
    counts
        Series x weeks, whole numbers at least 0, NaN where missing.
    at
        Indices of the weeks to evaluate. Each is judged from earlier weeks only.
    years, half_window, periods, weeks_not_included
        Years of baseline (b), half width of the anniversary windows (w), levels of the seasonal
        factor, and most recent weeks that are left out so that an outbreak does not hide itself.
    weights_threshold
        Standardised Anscombe residual above which a past week is weighted down.
    trend_p_max, trend_years_min
        A trend is kept if its p is below `trend_p_max` (1: always), there are that many years of
        history, and the prediction does not exceed every count of the baseline.
    threshold
        ``nbPlugin`` (negative binomial with estimates plugged in), ``delta`` (power 2/3) or
        ``muan`` (negative binomial around the upper bound of the mean at `alpha`; its p-value
        therefore belongs to this alpha).
    cases_min, cases_weeks
        Withhold alarms with fewer cases in so many weeks, the evaluated included (limit54).
    excluded
        Mask of weeks or cells that are kept out of baselines.
    populations
        People at risk, per week or per cell; the model then speaks of cases per person.
    year_weeks
        Length of a year; 52 counts years as R does with ``frequency = 52``.
    compat
        ``"R"`` repeats a defect of R surveillance up to 1.23.1: standard errors from
        sum w ((y - m) / m)^2 / df instead of Pearson's sum w (y - m)^2 / m / df. They are then
        too small for high counts and too large for low ones; `delta`, `muan` and the trend's
        test are affected, `nbPlugin` without a trend test is not.

    Raises
    ------
    ShapeError, WeekOutsideError, UnknownThresholdError

    Notes
    -----
    Noufaily, Enki, Farrington, Garthwaite, Andrews, Charlett (2013), Statistics in Medicine
    32:1206-1222.

    """
    if threshold not in ("nbPlugin", "delta", "muan"):
        raise UnknownThresholdError(threshold=threshold)
    cases, weeks, usable = prepared(counts, at=at, excluded=excluded)
    offset, level, member = layout(
        years=years,
        half_window=half_window,
        periods=periods,
        weeks_not_included=weeks_not_included,
        year_weeks=year_weeks,
    )
    long_enough = history_weeks(usable, at=weeks) >= trend_years_min * WEEKS_PER_YEAR
    results = np.full((*cases[:, weeks].shape, RESULTS), np.nan)
    fit_all(
        cases, usable, exposures(populations, shape=cases.shape), weeks, long_enough, offset,
        level, member, periods, weights_threshold, _critical(trend_p_max, offset.size),
        compat == "R", results,
    )  # fmt: skip
    enough = recent_cases(cases, at=weeks, weeks=cases_weeks) >= cases_min
    flags = np.where(enough, 0, Flag.WITHHELD) | np.where(results[..., TREND] > 0, Flag.TREND, 0)
    return _judged(
        cases[:, weeks], at=weeks, results=results, threshold=threshold, alpha=alpha, compat=compat,
        flags=flags.astype(np.uint16), name=name,
    )  # fmt: skip


def _critical(p_max: float, size: int) -> Floats:
    """Return the |t| from which a trend is kept, for 0 to `size` degrees of freedom."""
    if p_max >= 1.0:
        return np.zeros(size + 1)
    df = np.maximum(np.arange(size + 1), 1)
    return np.asarray(stats.t.isf(p_max / 2.0, df), np.float64)


def _judged(
    observed: Floats,
    *,
    at: Indices,
    results: Floats,
    threshold: Threshold,
    alpha: float,
    compat: str | None,
    flags: NDArray[np.uint16],
    name: str,
) -> Detection:
    mean, phi = results[..., MEAN], results[..., DISPERSION]
    scale = results[..., RELATIVE] if compat == "R" else phi
    log_variance = scale * results[..., VARIANCE]
    law, expected, spread = Law.COUNT, mean, phi
    if threshold == "delta":
        law, spread = Law.POWER, phi * mean + mean**2 * log_variance
        p_value = power_tail(observed, mean=mean, variance=spread)
    else:
        if threshold == "muan":
            rise = -special.ndtri(alpha) * np.sqrt(log_variance)
            expected = np.maximum(mean, MEAN_MIN) * np.exp(np.minimum(rise, 50.0))
        p_value = count_tail(observed, mean=expected, factor=phi)
    return detection(
        name=name, at=at, observed=observed, expected=expected, law=law, spread=spread,
        p_value=p_value, flags=flags,
    )  # fmt: skip


def farrington_original(
    counts: ArrayLike,
    *,
    at: ArrayLike,
    years: int = 5,
    half_window: int = 3,
    cases_min: float = 5,
    cases_weeks: int = 4,
    excluded: ArrayLike | None = None,
    populations: ArrayLike | None = None,
    year_weeks: float = YEAR_CALENDAR_WEEKS,
    compat: Literal["R"] | None = None,
) -> Detection:
    """Decide by the method of Farrington et al. (1996), J. R. Statist. Soc. A 159:547-563.

    Only the weeks around the anniversaries, a trend kept at p < 0.05, weights from a residual of
    1 on, and the power 2/3. The paper's bound is two-sided; ask `Detection.alarms` at half its
    alpha. Arguments as in `farrington`.
    """
    return farrington(
        counts,
        at=at,
        years=years,
        half_window=half_window,
        periods=1,
        weeks_not_included=0,
        weights_threshold=1.0,
        trend_p_max=0.05,
        threshold="delta",
        cases_min=cases_min,
        cases_weeks=cases_weeks,
        excluded=excluded,
        populations=populations,
        year_weeks=year_weeks,
        compat=compat,
        name="farrington_original",
    )
