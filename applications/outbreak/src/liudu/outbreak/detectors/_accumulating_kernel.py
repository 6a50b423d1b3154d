"""The arithmetic of CUSUM and GLR, which remember the weeks since they last alarmed."""

# The types of a kernel are the compiler's, and its scratch arrays come in as arguments.
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="untyped-decorator"
# ruff: noqa: ANN001, ANN202, PLR0917

import numba
import numpy as np

NEWTON_STEPS = 50
CHANGE_MAX = 10.0  # e^10 times the expected count
TOLERANCE = 1e-8
OVERDISPERSION_MIN = 1e-9  # below it the law is Poisson
COUNT_MAX = 1e15


@numba.njit(cache=True)
def cusum(counts, means, drift, limit, scores, bounds):
    """Run Rossi's standardised CUSUM over the weeks; restart after an alarm."""
    for series in range(counts.shape[0]):
        level = 0.0
        for week in range(counts.shape[1]):
            mean = means[series, week]
            count = counts[series, week]
            if not np.isfinite(mean) or not mean > 0.0:
                continue
            need = limit - level + drift
            root = -np.sqrt(mean) + np.sqrt(max(4.0 * mean + 2.0 * np.sqrt(mean) * need, 0.0))
            bounds[series, week] = max(root, 0.0) ** 2
            if not np.isfinite(count):
                continue
            rise = (count - 3.0 * mean + 2.0 * np.sqrt(mean * count)) / (2.0 * np.sqrt(mean))
            level = max(0.0, level + rise - drift)
            scores[series, week] = level
            if level >= limit:
                level = 0.0


@numba.njit(cache=True)
def _log_ratio(counts, means, overdispersion, first, last, change):
    """Return value, slope and curvature of the log likelihood ratio of means e^change higher."""
    value = 0.0
    slope = 0.0
    curvature = 0.0
    factor = np.exp(change)
    for week in range(first, last + 1):
        count = counts[week]
        mean = means[week]
        if not np.isfinite(count) or not mean > 0.0:
            continue
        a = overdispersion[week]
        quiet = 1.0 + a * mean
        risen = 1.0 + a * mean * factor
        if a < OVERDISPERSION_MIN:
            value += count * change - mean * (factor - 1.0)
        else:
            value += count * change - (count + 1.0 / a) * np.log(risen / quiet)
        slope += (count - mean * factor) / risen
        curvature += mean * factor * (1.0 + a * count) / (risen * risen)
    return value, slope, curvature


@numba.njit(cache=True)
def _best(counts, means, overdispersion, first, last, start):
    """Return the largest log ratio over changes of at least 0, and where it is.

    The likelihood is concave in the log of the change: Newton's method with bounded steps.
    """
    change = start
    value = 0.0
    for _ in range(NEWTON_STEPS):
        value, slope, curvature = _log_ratio(counts, means, overdispersion, first, last, change)
        if curvature <= 0.0:
            break
        moved = min(max(change + min(max(slope / curvature, -1.0), 1.0), 0.0), CHANGE_MAX)
        if abs(moved - change) < TOLERANCE:
            break
        change = moved
    return value, change


@numba.njit(cache=True)
def glr(counts, means, overdispersion, window, limit, scores, bounds):
    """Run the generalised likelihood ratio over the weeks; restart after an alarm.

    The bound of a week is the smallest whole count that would alarm, less one half.
    """
    for series in range(counts.shape[0]):
        origin = 0
        trial = np.empty(counts.shape[1])
        trial[:] = counts[series]
        for week in range(counts.shape[1]):
            if not means[series, week] > 0.0 or not np.isfinite(counts[series, week]):
                continue
            score = _strongest(
                trial, means[series], overdispersion[series], max(origin, week - window + 1), week
            )
            scores[series, week] = score
            if bounds.shape[0] > 0:
                bounds[series, week] = _bound(
                    trial, means[series], overdispersion[series],
                    max(origin, week - window + 1), week, limit,
                )  # fmt: skip
            if score >= limit:
                origin = week + 1


@numba.njit(cache=True)
def _strongest(counts, means, overdispersion, first, last):
    strongest = 0.0
    change = 0.1
    for begin in range(last, first - 1, -1):
        value, change = _best(counts, means, overdispersion, begin, last, max(change, 0.1))
        strongest = max(strongest, value)
    return strongest


@numba.njit(cache=True)
def _bound(counts, means, overdispersion, first, last, limit):
    kept = counts[last]
    low, high = -1.0, max(np.ceil(means[last]), 1.0)
    counts[last] = high
    while _strongest(counts, means, overdispersion, first, last) < limit and high < COUNT_MAX:
        high = 2.0 * high
        counts[last] = high
    while high - low > 1.0:
        counts[last] = np.floor((low + high) / 2.0)
        if _strongest(counts, means, overdispersion, first, last) >= limit:
            high = counts[last]
        else:
            low = counts[last]
    counts[last] = kept
    return high - 0.5
