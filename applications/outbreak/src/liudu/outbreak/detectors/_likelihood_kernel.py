"""The arithmetic of LR: a mixture over outbreaks that may have begun, against none."""

# The types of a kernel are the compiler's, and its scratch arrays come in as arguments.
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="untyped-decorator"
# ruff: noqa: ANN001, ANN202, PLR0917

from math import lgamma

import numba
import numpy as np

EXCESS_MIN = 1e-6  # nearer to Poisson the sizes of the negative binomial lose their digits


@numba.njit(cache=True)
def _log_pmf(count, mean, factor):
    """Return the log probability of a count with variance factor * mean."""
    excess = factor - 1.0
    if excess < EXCESS_MIN:
        return count * np.log(mean) - mean - lgamma(count + 1.0)
    size = mean / excess
    return (
        lgamma(count + size)
        - lgamma(size)
        - lgamma(count + 1.0)
        - size * np.log(factor)
        + count * np.log(excess / factor)
    )


@numba.njit(cache=True)
def log_ratio(count, mean, factor, phi, sizes, starts, shares):
    """Return the log likelihood ratio of one triple of weeks (lag 0 first).

    An outbreak of k SD that began `start` weeks ago adds k sqrt(phi m_start) share(age) Poisson
    cases to each week since; sizes are equally likely, starts weigh `starts`.
    """
    lags = starts.shape[0]
    best = -np.inf
    terms = np.empty(lags * sizes.shape[0])
    quiet = np.empty(lags)
    for lag in range(lags):
        quiet[lag] = _log_pmf(count[lag], mean[lag], factor[lag])
    at = 0
    for start in range(lags):
        sd = np.sqrt(phi * mean[start])
        for s in range(sizes.shape[0]):
            total = np.log(starts[start] / sizes.shape[0])
            for lag in range(start + 1):
                added = sizes[s] * sd * shares[start - lag]
                risen = mean[lag] + added
                total += _log_pmf(count[lag], risen, (factor[lag] * mean[lag] + added) / risen)
                total -= quiet[lag]
            terms[at] = total
            best = max(best, total)
            at += 1
    rest = 0.0
    for i in range(at):
        rest += np.exp(terms[i] - best)
    return best + np.log(rest)


@numba.njit(cache=True)
def log_ratios(counts, means, factors, phis, sizes, starts, shares, results):
    """Write `log_ratio` of every row; counts, means, factors are rows x lags."""
    for row in range(counts.shape[0]):
        known = np.isfinite(phis[row])
        for lag in range(counts.shape[1]):
            known = known and np.isfinite(counts[row, lag])
        if known:
            results[row] = log_ratio(
                counts[row], means[row], factors[row], phis[row], sizes, starts, shares
            )
