"""Upper tails and quantiles of the laws that detectors predict counts with."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]

# Below this excess the negative binomial and the Poisson law agree to nine digits, and the
# former's size, mean / excess, would overflow.
EXCESS_MIN = 1e-7
MEAN_MIN = 1e-12


def _positive(mean: ArrayLike) -> Floats:
    return np.asarray(np.maximum(np.asarray(mean, float), MEAN_MIN))


def count_tail(count: ArrayLike, *, mean: ArrayLike, factor: ArrayLike) -> Floats:
    """Return P(Y >= count) for a negative binomial count with variance ``factor * mean``.

    Parameters
    ----------
    count
        Observed counts, at least 0; broadcast with the others. NaN gives NaN.
    mean
        Expected counts; values below 1e-12 are taken as 1e-12.
    factor
        Variance divided by mean, at least 1; 1 is the Poisson law.

    """
    count, mean, factor = np.broadcast_arrays(
        np.asarray(count, float), _positive(mean), np.asarray(factor, float)
    )
    excess = factor - 1.0
    poisson = excess < EXCESS_MIN
    at_least_one = np.where(count >= 1, count, 1.0)  # the incomplete beta asks for a > 0
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        size = mean / np.where(poisson, 1.0, excess)
        negative_binomial = special.betainc(at_least_one, size, 1.0 - 1.0 / factor)
        tail = np.where(poisson, special.gammainc(at_least_one, mean), negative_binomial)
    tail = np.where(count > 0, tail, 1.0)
    return np.where(np.isnan(count) | np.isnan(mean) | np.isnan(factor), np.nan, tail)


def count_quantile(*, mean: ArrayLike, factor: ArrayLike, alpha: float) -> Floats:
    """Return the smallest u with P(Y > u) <= alpha; arguments as in `count_tail`.

    Found by doubling and bisection, since the law has no closed quantile.
    """
    mean, factor = np.broadcast_arrays(_positive(mean), np.asarray(factor, float))
    known = np.isfinite(mean) & np.isfinite(factor)
    mean, factor = np.where(known, mean, 1.0), np.where(known, factor, 1.0)
    high = np.ceil(mean + 4.0 * np.sqrt(factor * mean)) + 1.0
    while True:
        short = count_tail(high + 1.0, mean=mean, factor=factor) > alpha
        if not short.any():
            break
        high = np.where(short, 2.0 * high, high)
    low = np.full_like(high, -1.0)  # P(Y > -1) = 1 > alpha
    while (high - low > 1.0).any():
        middle = np.floor((low + high) / 2.0)
        enough = count_tail(middle + 1.0, mean=mean, factor=factor) <= alpha
        open_ = high - low > 1.0
        high = np.where(open_ & enough, middle, high)
        low = np.where(open_ & ~enough, middle, low)
    return np.where(known, high, np.nan)


def power_sd(*, mean: ArrayLike, variance: ArrayLike) -> Floats:
    """Return the SD of Y^(2/3) by the delta method: 4/9 mean^(-2/3) variance (Farrington 1996)."""
    mean = _positive(mean)
    return np.asarray(np.sqrt(4.0 / 9.0 * mean ** (-2.0 / 3.0) * np.asarray(variance, float)))


def power_tail(count: ArrayLike, *, mean: ArrayLike, variance: ArrayLike) -> Floats:
    """Return P(Y >= count) when Y^(2/3) is normal, as Farrington (1996) assumes."""
    mean = _positive(mean)
    rise = np.asarray(count, float) ** (2.0 / 3.0) - mean ** (2.0 / 3.0)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return np.asarray(special.ndtr(-rise / power_sd(mean=mean, variance=variance)))


def power_quantile(*, mean: ArrayLike, variance: ArrayLike, alpha: float) -> Floats:
    """Return the upper bound of a count whose power 2/3 is normal."""
    mean = _positive(mean)
    z = -special.ndtri(alpha)
    root = mean ** (2.0 / 3.0) + z * power_sd(mean=mean, variance=variance)
    return np.asarray(np.maximum(root, 0.0) ** 1.5)
