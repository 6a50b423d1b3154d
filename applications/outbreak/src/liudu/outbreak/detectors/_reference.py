"""Detectors that compare a week with a handful of reference weeks: EARS, RKI, Bayes, CIDARS.

All of them are sums over a few gathered weeks, so numpy alone is fast enough: no compilation.
"""

from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from liudu.outbreak.detectors._detection import Detection, Law, detection
from liudu.outbreak.detectors._tails import count_tail
from liudu.outbreak.detectors._weeks import (
    YEAR_CALENDAR_WEEKS,
    Bools,
    Floats,
    Indices,
    prepared,
)

# Upper limits of Poisson means of 95 % for 0 to 20 cases: Crow and Gardner (1959), Biometrika
# 46:441-453, the table that the RKI's procedure reads.
CROW_GARDNER: Final = np.array([
    3.285, 5.323, 6.686, 8.102, 9.598, 11.177, 12.817, 13.765, 14.921, 16.768, 17.633,
    19.05, 20.335, 21.364, 22.945, 23.762, 25.4, 26.306, 27.735, 28.966, 30.017,
])  # fmt: skip
POISSON_MEAN_MAX: Final = 20.0

# (half window, past years, the last weeks of this year too)
WINDOWS: Final = {1: (6, 0, True), 2: (6, 1, True), 3: (4, 2, False)}
Variant = Literal[1, 2, 3]

RECENT_WEEKS_MIN: Final = 7
RECENT_WEEKS_MAX: Final = 52


def gathered(cases: Floats, usable: Bools, *, at: Indices, offsets: Indices) -> Floats:
    """Return the counts at `at` + `offsets` (series x evaluated x offsets), NaN if unusable."""
    weeks = at[:, None] + offsets
    inside = (weeks >= 0) & (weeks < cases.shape[1])
    clipped = np.clip(weeks, 0, cases.shape[1] - 1)
    return np.where(inside & usable[:, clipped], cases[:, clipped], np.nan)


def moments(reference: Floats, *, weeks_min: int) -> tuple[Floats, Floats, Floats]:
    """Return number, mean and SD of the known reference counts; NaN below `weeks_min`."""
    known = np.isfinite(reference)
    number = known.sum(axis=-1).astype(np.float64)
    number = np.where(number >= weeks_min, number, np.nan)
    mean = np.nansum(reference, axis=-1) / number
    deviation = np.where(known, reference - mean[..., None], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        sd = np.sqrt((deviation**2).sum(axis=-1) / (number - 1.0))
    return number, mean, sd


def ears(
    counts: ArrayLike,
    *,
    at: ArrayLike,
    variant: Variant = 1,
    baseline_weeks: int = 7,
    sd_min: float = 0.2,
    excluded: ArrayLike | None = None,
) -> Detection:
    """Decide by EARS C1, C2 or C3 (Hutwagner et al. 2003; formulas of Fricker et al. 2008).

    C1 compares with the mean and SD of the last 7 weeks, C2 with 7 weeks that end three weeks
    ago, C3 adds to C2 what the two weeks before exceeded 1 SD by. `score` is C; the p-value is
    normal. With so few weeks the normal law is optimistic: expect far more alarms than alpha.

    Parameters
    ----------
    counts, at, excluded
        As in `farrington`.
    sd_min
        Floor of the SD, cases; 0.2 lies below every SD that seven whole numbers can have, so
        it changes no decision and keeps a baseline without variation finite.

    """
    cases, weeks, usable = prepared(counts, at=at, excluded=excluded)
    lag = 0 if variant == 1 else 2
    offsets = np.arange(-(baseline_weeks + lag), -lag)
    score, mean, sd = _standardised(cases, usable, at=weeks, offsets=offsets, sd_min=sd_min)
    if variant == 3:  # noqa: PLR2004 - C3
        carried = np.zeros(score.shape)
        for back in (1, 2):
            earlier = np.maximum(weeks - back, 0)
            past, _, _ = _standardised(cases, usable, at=earlier, offsets=offsets, sd_min=sd_min)
            carried += np.maximum(np.nan_to_num(np.where(weeks >= back, past, 0.0)) - 1.0, 0.0)
        score = score + carried
        mean = mean - sd * carried  # the bound z SD above falls by what was carried
    return detection(
        name=f"ears_c{variant}", at=weeks, observed=cases[:, weeks], expected=mean,
        law=Law.NORMAL, spread=sd, p_value=np.asarray(special.ndtr(-score)), score=score,
    )  # fmt: skip


def _standardised(
    cases: Floats, usable: Bools, *, at: Indices, offsets: Indices, sd_min: float
) -> tuple[Floats, Floats, Floats]:
    reference = gathered(cases, usable, at=at, offsets=offsets)
    _, mean, sd = moments(reference, weeks_min=(offsets.size + 1) // 2)
    sd = np.maximum(sd, sd_min)
    return (cases[:, at] - mean) / sd, mean, sd


def _window(variant: Variant, *, year_weeks: float) -> Indices:
    half, years, this_year = WINDOWS[variant]
    past = [
        np.arange(-round(year_weeks * year) - half, -round(year_weeks * year) + half + 1)
        for year in range(1, years + 1)
    ]
    return np.concatenate([*([np.arange(-half, 0)] if this_year else []), *past])


def rki(
    counts: ArrayLike,
    *,
    at: ArrayLike,
    variant: Variant = 1,
    excluded: ArrayLike | None = None,
    year_weeks: float = YEAR_CALENDAR_WEEKS,
) -> Detection:
    """Decide by the RKI's procedures 1, 2 or 3 (Höhle 2007, Computational Statistics 22:571-582).

    The reference weeks are the last 6; these and the 13 around the week a year ago; or the 9
    around the week in each of two past years. Up to a mean of 20 the limit is Crow and Gardner's
    for the mean without its decimals, above it mean + 2 SD; there is no alpha. Arguments as in
    `farrington`.
    """
    cases, weeks, usable = prepared(counts, at=at, excluded=excluded)
    offsets = _window(variant, year_weeks=year_weeks)
    reference = gathered(cases, usable, at=weeks, offsets=offsets)
    _, mean, sd = moments(reference, weeks_min=(offsets.size + 1) // 2)
    row = np.nan_to_num(np.minimum(np.floor(mean), POISSON_MEAN_MAX)).astype(np.int64)
    limit = np.where(mean <= POISSON_MEAN_MAX, CROW_GARDNER[row], mean + 2.0 * sd)
    limit = np.where(np.isnan(mean), np.nan, limit)
    observed = cases[:, weeks]
    sd = np.where(mean <= POISSON_MEAN_MAX, np.sqrt(mean + 0.5), np.maximum(sd, 0.2))
    return detection(
        name=f"rki{variant}", at=weeks, observed=observed, expected=mean, law=Law.LIMIT,
        limit=limit, score=(observed - limit) / sd,
    )  # fmt: skip


def bayes(
    counts: ArrayLike,
    *,
    at: ArrayLike,
    variant: Variant = 1,
    excluded: ArrayLike | None = None,
    year_weeks: float = YEAR_CALENDAR_WEEKS,
) -> Detection:
    """Decide by Bayes 1, 2 or 3 (Riebler 2004; Höhle 2007): the reference weeks of `rki`.

    Counts are Poisson with Jeffreys' prior on the mean, so the next is negative binomial with
    size sum + 1/2 and factor 1 + 1 / weeks. Arguments as in `farrington`.
    """
    cases, weeks, usable = prepared(counts, at=at, excluded=excluded)
    offsets = _window(variant, year_weeks=year_weeks)
    reference = gathered(cases, usable, at=weeks, offsets=offsets)
    number, mean, _ = moments(reference, weeks_min=(offsets.size + 1) // 2)
    mean, factor = mean + 0.5 / number, 1.0 + 1.0 / number
    observed = cases[:, weeks]
    return detection(
        name=f"bayes{variant}", at=weeks, observed=observed, expected=mean, law=Law.COUNT,
        spread=factor, p_value=count_tail(observed, mean=mean, factor=factor),
    )  # fmt: skip


def recent(
    counts: ArrayLike,
    *,
    at: ArrayLike,
    weeks_max: int = RECENT_WEEKS_MAX,
    dispersion_prior: tuple[float, float] = (1.5, 6.0),
    excluded: ArrayLike | None = None,
) -> Detection:
    """Decide by the mean of the last weeks, for histories that show no season yet.

    Negative binomial around the mean of the last 7 to `weeks_max` weeks; the dispersion is shrunk
    to its prior as in `harmonic`, and the mean's own variance is added. Other arguments as in
    `farrington`.
    """
    cases, weeks, usable = prepared(counts, at=at, excluded=excluded)
    reference = gathered(cases, usable, at=weeks, offsets=np.arange(-weeks_max, 0))
    number, mean, sd = moments(reference, weeks_min=RECENT_WEEKS_MIN)
    mean = mean + 0.5 / number
    prior, prior_weeks = dispersion_prior
    known = number * 2.0 * mean / (2.0 * mean + 1.0)
    phi = np.maximum((sd**2 / mean * known + prior * prior_weeks) / (known + prior_weeks), 1.0)
    factor = phi * (1.0 + 1.0 / number)
    observed = cases[:, weeks]
    return detection(
        name="recent", at=weeks, observed=observed, expected=mean, law=Law.COUNT, spread=factor,
        p_value=count_tail(observed, mean=mean, factor=factor),
    )  # fmt: skip


def moving_percentile(
    counts: ArrayLike,
    *,
    at: ArrayLike,
    years: int = 3,
    half_window: int = 2,
    percentile: float = 80.0,
    excluded: ArrayLike | None = None,
    year_weeks: float = YEAR_CALENDAR_WEEKS,
) -> Detection:
    """Decide by the moving percentile of CIDARS (Yang et al. 2011; BMC Infect Dis 17:488).

    The limit is a percentile of the counts within two weeks of the week in past years. The
    p-value is the rank among them, (1 + those at least as high) / (1 + all): never below 1/16
    with 3 years, so it can rank but hardly serve an alarm budget. Arguments as in `farrington`.
    """
    cases, weeks, usable = prepared(counts, at=at, excluded=excluded)
    span = np.arange(-half_window, half_window + 1)
    offsets = np.concatenate([span - round(year_weeks * year) for year in range(1, years + 1)])
    reference = gathered(cases, usable, at=weeks, offsets=offsets)
    number, mean, _ = moments(reference, weeks_min=(offsets.size + 1) // 2)
    limit = _percentile(reference, number=number, percentile=percentile)
    observed = cases[:, weeks]
    higher = (reference >= observed[..., None]).sum(axis=-1)
    return detection(
        name="moving_percentile", at=weeks, observed=observed, expected=mean, law=Law.LIMIT,
        limit=limit, p_value=(1.0 + higher) / (1.0 + number),
        score=(observed - limit) / np.sqrt(np.maximum(limit, 0.0) + 1.0),
    )  # fmt: skip


def _percentile(reference: Floats, *, number: Floats, percentile: float) -> Floats:
    """Return the percentile of the known values, interpolated; NaN where too few are known.

    np.nanpercentile gives the same a hundred times slower, one slice after the other.
    """
    ordered = np.sort(reference, axis=-1)  # NaN last
    place = np.nan_to_num(number - 1.0) * percentile / 100.0
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.nan_to_num(number - 1.0).astype(np.int64))
    below = np.take_along_axis(ordered, low[..., None], axis=-1)[..., 0]
    above = np.take_along_axis(ordered, high[..., None], axis=-1)[..., 0]
    return np.where(np.isnan(number), np.nan, below + (above - below) * (place - low))
