"""CUSUM and GLR: detectors that add up small rises over weeks."""

import numpy as np
from numpy.typing import ArrayLike

from liudu.outbreak.detectors._accumulating_kernel import cusum as run_cusum
from liudu.outbreak.detectors._accumulating_kernel import glr as run_glr
from liudu.outbreak.detectors._detection import Detection, Law, detection
from liudu.outbreak.detectors._harmonic import DISPERSION_PRIOR, HARMONIC_SDS, harmonic_fits
from liudu.outbreak.detectors._harmonic_kernel import DISPERSION, MEAN
from liudu.outbreak.detectors._weeks import YEAR_CALENDAR_WEEKS, Floats, Indices, prepared


def cusum(
    counts: ArrayLike,
    *,
    at: ArrayLike,
    drift: float = 1.04,
    limit: float = 2.26,
    run_in_weeks: int = 0,
    years: int = 5,
    excluded: ArrayLike | None = None,
    year_weeks: float = YEAR_CALENDAR_WEEKS,
) -> Detection:
    """Decide by a CUSUM of Rossi's standardised counts (Rossi, Lampugnani, Marchi 1999).

    ``x = (y - 3 m + 2 sqrt(m y)) / (2 sqrt m)`` is nearly normal for Poisson counts;
    ``C = max(0, C + x - drift)`` alarms from `limit` on and starts again at 0. The mean m is that
    of HR's fit, so seasons and trends do not accumulate; counts more variable than Poisson do.

    Parameters
    ----------
    counts, at, excluded, year_weeks
        As in `farrington`; the weeks are evaluated in their order.
    drift, limit
        k and h; the defaults are those of R surveillance.
    run_in_weeks
        Weeks before the first evaluated one over which the sum is already kept.
    years
        Years of baseline.

    """
    cases, weeks, run, means, _ = _run_of(
        counts, at=at, run_in_weeks=run_in_weeks, years=years, excluded=excluded,
        year_weeks=year_weeks,
    )  # fmt: skip
    scores, bounds = np.full(means.shape, np.nan), np.full(means.shape, np.nan)
    run_cusum(np.ascontiguousarray(cases[:, run]), means, drift, limit, scores, bounds)
    here = weeks - run[0]
    return detection(
        name="cusum", at=weeks, observed=cases[:, weeks], expected=means[:, here],
        law=Law.LIMIT, limit=bounds[:, here], score=scores[:, here],
    )  # fmt: skip


def glr(
    counts: ArrayLike,
    *,
    at: ArrayLike,
    limit: float = 5.0,
    window_weeks: int = 26,
    run_in_weeks: int = 0,
    years: int = 5,
    excluded: ArrayLike | None = None,
    year_weeks: float = YEAR_CALENDAR_WEEKS,
    bounds: bool = True,
) -> Detection:
    """Decide by the generalised likelihood ratio for negative binomial counts (GLR-NB).

    The largest log likelihood ratio, over the week of the change and its size, of means that have
    risen by a constant factor; it alarms from `limit` on and starts again (Höhle and Paul 2008,
    Computational Statistics & Data Analysis 52:4357-4368). Means and dispersion are HR's.

    Parameters
    ----------
    counts, at, run_in_weeks, years, excluded, year_weeks
        As in `cusum`.
    limit
        The threshold of the paper, 5.
    window_weeks
        Oldest change looked for.
    bounds
        Whether to search the count that would have alarmed; it takes a dozen times longer.

    """
    cases, weeks, run, means, phi = _run_of(
        counts, at=at, run_in_weeks=run_in_weeks, years=years, excluded=excluded,
        year_weeks=year_weeks,
    )  # fmt: skip
    scores = np.full(means.shape, np.nan)
    limits = np.full(means.shape if bounds else (0, 0), np.nan)
    overdispersion = (phi - 1.0) / np.maximum(means, 1e-9)
    run_glr(
        np.ascontiguousarray(cases[:, run]),
        means,
        overdispersion,
        window_weeks,
        limit,
        scores,
        limits,
    )
    here = weeks - run[0]
    found = scores[:, here]
    observed = cases[:, weeks]
    fallback = np.where(found >= limit, observed - 0.5, observed)
    return detection(
        name="glr_nb", at=weeks, observed=observed, expected=means[:, here], law=Law.LIMIT,
        limit=limits[:, here] if bounds else fallback, score=found,
    )  # fmt: skip


def _run_of(
    counts: ArrayLike,
    *,
    at: ArrayLike,
    run_in_weeks: int,
    years: int,
    excluded: ArrayLike | None,
    year_weeks: float,
) -> tuple[Floats, Indices, Indices, Floats, Floats]:
    """Return counts, evaluated weeks, the weeks that are run through, their means and phi."""
    cases, weeks, usable = prepared(counts, at=at, excluded=excluded)
    run = np.arange(max(int(weeks.min()) - run_in_weeks, 0), int(weeks.max()) + 1)
    fits = harmonic_fits(
        cases, weeks=run, usable=usable, years=years, weeks_not_included=26,
        harmonic_sds=HARMONIC_SDS, dispersion_prior=DISPERSION_PRIOR, covariates=None,
        populations=None, year_weeks=year_weeks,
    )  # fmt: skip
    means = np.ascontiguousarray(fits[..., MEAN])
    return cases, weeks, run, means, np.ascontiguousarray(fits[..., DISPERSION])
