"""HR: a robust, shrunken harmonic negative binomial regression; the default detector."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from liudu.outbreak.detectors._detection import Detection, Flag, Law, detection
from liudu.outbreak.detectors._harmonic_kernel import (
    DISPERSION,
    LAGS,
    LOG_VARIANCE,
    MEAN,
    RESULTS,
    fit_all,
)
from liudu.outbreak.detectors._tails import count_tail
from liudu.outbreak.detectors._weeks import (
    YEAR_CALENDAR_WEEKS,
    Bools,
    Floats,
    Indices,
    ShapeError,
    exposures,
    prepared,
    recent_cases,
)

TREND_YEARS = 5.0  # the trend's unit: log change in five years
TREND_SD = 0.8
WEIGHTS_THRESHOLD = 2.0
COVARIATE_SD = 1.0
HARMONIC_SDS = (0.6, 0.4)
DISPERSION_PRIOR = (1.5, 6.0)  # prior mean, and its weight in weeks of high counts


def harmonic(
    counts: ArrayLike,
    *,
    at: ArrayLike,
    years: int = 10,
    weeks_not_included: int = 26,
    trend_sd: float = TREND_SD,
    harmonic_sds: Sequence[float] = HARMONIC_SDS,
    weights_threshold: float = WEIGHTS_THRESHOLD,
    dispersion_prior: tuple[float, float] = DISPERSION_PRIOR,
    covariates: ArrayLike | None = None,
    covariate_sd: float = COVARIATE_SD,
    cases_min: float = 0,
    cases_weeks: int = 4,
    excluded: ArrayLike | None = None,
    populations: ArrayLike | None = None,
    year_weeks: float = YEAR_CALENDAR_WEEKS,
) -> Detection:
    """Decide by HR: the p-value of the week's count under a fitted negative binomial law.

    A log-linear quasi-Poisson model with trend and harmonics is fitted three times, past weeks
    with a high Anscombe residual weighted down in between. Trend and harmonics are shrunk to
    none, the dispersion to a prior, so that a short or rare series borrows sense and a long one
    speaks for itself. The prediction's variance is ``phi m + m^2 var(log m)``.

    Parameters
    ----------
    counts, at, excluded, populations, year_weeks, cases_min, cases_weeks
        As in `farrington`.
    years
        Longest window; what the history has is used, from half a year on.
    weeks_not_included
        Most recent weeks that are left out so that an outbreak does not hide itself.
    trend_sd, harmonic_sds
        Prior SD of the log change in five years, and of the coefficients of each harmonic.
    weights_threshold
        Residual above which a past week is weighted down.
    dispersion_prior
        Prior mean of the dispersion, and the number of weeks of high counts it weighs.
    covariates
        Covariates x weeks: a pandemic or a changed case definition as an indicator, a holiday;
        their prior SD on the log scale is `covariate_sd`.

    Raises
    ------
    ShapeError, WeekOutsideError

    Notes
    -----
    Ours. The parts are of Farrington et al. (1996), Noufaily et al. (2013) and of empirical Bayes.

    """
    cases, weeks, usable = prepared(counts, at=at, excluded=excluded)
    fits = harmonic_fits(
        cases, weeks=weeks, usable=usable, years=years, weeks_not_included=weeks_not_included,
        trend_sd=trend_sd, harmonic_sds=harmonic_sds, threshold=weights_threshold,
        dispersion_prior=dispersion_prior, covariates=covariates, covariate_sd=covariate_sd,
        populations=populations, year_weeks=year_weeks,
    )  # fmt: skip
    observed, mean = cases[:, weeks], fits[..., MEAN]
    factor = fits[..., DISPERSION] + mean * fits[..., LOG_VARIANCE]
    few = recent_cases(cases, at=weeks, weeks=cases_weeks) < cases_min
    return detection(
        name="hr",
        at=weeks,
        observed=observed,
        expected=mean,
        law=Law.COUNT,
        spread=factor,
        p_value=count_tail(observed, mean=mean, factor=factor),
        flags=np.where(few, np.uint16(Flag.WITHHELD), np.uint16(0)),
    )


def _penalty(trend_sd: float, harmonic_sds: Sequence[float]) -> Floats:
    """Return the prior precisions: the level has next to none, sine and cosine share one."""
    pairs = [1.0 / sd**2 for sd in harmonic_sds for _ in (0, 1)]
    return np.array([1e-4, 1.0 / trend_sd**2, *pairs])


def features(offsets: Floats, *, harmonics: int, year_weeks: float) -> Floats:
    """Return the rows level, trend, cosines and sines at `offsets` (weeks from now)."""
    rows = [np.ones(offsets.size), offsets / (TREND_YEARS * 52.0)]
    for j in range(1, harmonics + 1):
        angle = 2 * np.pi * j * offsets / year_weeks
        rows += [np.cos(angle), np.sin(angle)]
    return np.array(rows)


def harmonic_fits(
    cases: Floats,
    *,
    weeks: Indices,
    usable: Bools,
    years: int,
    weeks_not_included: int,
    harmonic_sds: Sequence[float],
    dispersion_prior: tuple[float, float],
    covariates: ArrayLike | None,
    trend_sd: float = TREND_SD,
    threshold: float = WEIGHTS_THRESHOLD,
    covariate_sd: float = COVARIATE_SD,
    populations: ArrayLike | None,
    year_weeks: float,
) -> Floats:
    """Return the fitted columns (series x evaluated x RESULTS), NaN without a history."""
    first = round(years * year_weeks) + 3
    offsets = np.arange(-first, -weeks_not_included, dtype=np.float64)
    harmonics = len(harmonic_sds)
    extra = _covariates(covariates, weeks=cases.shape[1])
    room = np.zeros((extra.shape[0], offsets.size))
    window = np.vstack([features(offsets, harmonics=harmonics, year_weeks=year_weeks), room])
    lags = -np.arange(LAGS, dtype=np.float64)
    now = np.vstack([features(lags, harmonics=harmonics, year_weeks=year_weeks), room[:, :LAGS]])
    penalty = np.append(
        _penalty(trend_sd, harmonic_sds), np.full(extra.shape[0], 1.0 / covariate_sd**2)
    )
    results = np.full((cases.shape[0], weeks.size, RESULTS), np.nan)
    fit_all(
        cases, usable, exposures(populations, shape=cases.shape), extra, weeks, window,
        np.ascontiguousarray(now.T), penalty, float(threshold), float(dispersion_prior[0]),
        float(dispersion_prior[1]), first, results,
    )  # fmt: skip
    return results


def _covariates(covariates: ArrayLike | None, *, weeks: int) -> Floats:
    if covariates is None:
        return np.zeros((0, weeks))
    rows = np.atleast_2d(np.ascontiguousarray(covariates, np.float64))
    if rows.shape[1] != weeks or not np.isfinite(rows).all():
        raise ShapeError(name="covariates", found=rows.shape, wanted=f"(covariates, {weeks})")
    return rows
