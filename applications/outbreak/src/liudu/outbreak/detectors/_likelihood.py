"""LR: the likelihood ratio of an outbreak that began this week or just before; an option."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liudu.outbreak.detectors._detection import Detection, Law, detection
from liudu.outbreak.detectors._harmonic import DISPERSION_PRIOR, HARMONIC_SDS, harmonic_fits
from liudu.outbreak.detectors._harmonic_kernel import DISPERSION, LAGS, LOG_VARIANCE, MEAN
from liudu.outbreak.detectors._likelihood_kernel import log_ratios
from liudu.outbreak.detectors._weeks import YEAR_CALENDAR_WEEKS, Floats, prepared

SIZES: Final = np.array([1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 13.0])  # SD of the baseline
STARTS: Final = np.array([0.8, 0.18, 0.02])  # began this week, last week, the week before
SHARES: Final = np.array([0.5, 0.4178, 0.0682])  # of cases in its first weeks: floor(LN(0, 0.5))
DRAWS: Final = 400
SEED: Final = (
    2013  # of the draws that calibrate; the same for every cell, so that cells stand alone
)
MEAN_MIN: Final = 1e-6


def likelihood_ratio(
    counts: ArrayLike,
    *,
    at: ArrayLike,
    years: int = 10,
    weeks_not_included: int = 26,
    covariates: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    populations: ArrayLike | None = None,
    year_weeks: float = YEAR_CALENDAR_WEEKS,
    draws: int = DRAWS,
) -> Detection:
    """Decide by LR, on the fit of HR.

    Parameters
    ----------
    counts, at, years, weeks_not_included, covariates, excluded, populations, year_weeks
        As in `harmonic`.
    draws
        Draws per cell that turn a ratio into a p-value; 0 leaves the p-values out.

    Returns
    -------
    Detection
        `score` is the log likelihood ratio. `p_value` is P(ratio at least as high | no outbreak)
        by importance sampling from the alternative, P0(L >= l) = E1[1(L >= l) / L], about a tenth
        of itself uncertain with 400 draws. Ratios below 1 speak for no outbreak; their p is 1.

    Raises
    ------
    ShapeError, WeekOutsideError

    """
    cases, weeks, usable = prepared(counts, at=at, excluded=excluded)
    fits = harmonic_fits(
        cases, weeks=weeks, usable=usable, years=years, weeks_not_included=weeks_not_included,
        harmonic_sds=HARMONIC_SDS, dispersion_prior=DISPERSION_PRIOR, covariates=covariates,
        populations=populations, year_weeks=year_weeks,
    )  # fmt: skip
    lagged = _lagged(cases, weeks=weeks)
    means = np.maximum(fits[..., MEAN : MEAN + LAGS], MEAN_MIN)
    phi = fits[..., DISPERSION]
    factors = phi[..., None] + means * fits[..., LOG_VARIANCE : LOG_VARIANCE + LAGS]
    ratio = _ratios(lagged, means=means, factors=factors, phi=phi)
    p_value = _p_values(ratio, means=means, factors=factors, phi=phi, draws=draws)
    return detection(
        name="lr",
        at=weeks,
        observed=cases[:, weeks],
        expected=fits[..., MEAN],
        law=Law.COUNT,
        spread=factors[..., 0],
        p_value=p_value,
        score=ratio,
    )


def _lagged(cases: Floats, *, weeks: NDArray[np.int64]) -> Floats:
    """Return the counts of this week and the two before (series x evaluated x lags)."""
    lags = [
        np.where(weeks >= lag, cases[:, np.maximum(weeks - lag, 0)], np.nan) for lag in range(LAGS)
    ]
    return np.stack(lags, axis=-1)


def _ratios(lagged: Floats, *, means: Floats, factors: Floats, phi: Floats) -> Floats:
    results = np.full(phi.size, np.nan)
    log_ratios(
        np.ascontiguousarray(lagged.reshape(-1, LAGS)),
        np.ascontiguousarray(means.reshape(-1, LAGS)),
        np.ascontiguousarray(factors.reshape(-1, LAGS)),
        np.ascontiguousarray(phi.ravel()),
        SIZES,
        STARTS,
        SHARES,
        results,
    )
    return results.reshape(phi.shape)


def _p_values(ratio: Floats, *, means: Floats, factors: Floats, phi: Floats, draws: int) -> Floats:
    p_value = np.where(np.isnan(ratio), np.nan, 1.0)
    if draws == 0:
        return np.full(ratio.shape, np.nan)
    for cell in zip(*np.nonzero(ratio > 0.0), strict=True):
        p_value[cell] = _p_value(
            float(ratio[cell]),
            mean=means[cell],
            factor=factors[cell],
            phi=float(phi[cell]),
            draws=draws,
        )
    return p_value


def _p_value(ratio: float, *, mean: Floats, factor: Floats, phi: float, draws: int) -> float:
    """Return P0(L >= ratio) from draws of the alternative."""
    rng = np.random.default_rng(SEED)
    start = rng.choice(LAGS, size=draws, p=STARTS)
    size = rng.choice(SIZES, size=draws)
    age = start[:, None] - np.arange(LAGS)
    share = np.where(age >= 0, SHARES[np.maximum(age, 0)], 0.0)
    added = size[:, None] * np.sqrt(phi * mean[start])[:, None] * share
    excess = np.maximum(factor - 1.0, 1e-6)
    level = rng.gamma(mean / excess, excess, (draws, LAGS))
    sample = rng.poisson(level + added).astype(np.float64)
    rows = np.ones((draws, 1))
    drawn = _ratios(sample, means=rows * mean, factors=rows * factor, phi=np.full(draws, phi))
    return float(np.minimum(np.where(drawn >= ratio, np.exp(-drawn), 0.0).mean(), 1.0))
