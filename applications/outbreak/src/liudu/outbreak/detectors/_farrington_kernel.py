"""The arithmetic of Farrington Flexible, one baseline after the other.

With a factor and one slope the likelihood profiles to the slope alone: given the slope every
level is cases / exposure in closed form, and so are leverages and standard errors (the bordered
information matrix has a diagonal block). Newton's method on one number replaces IRLS.
"""

# The types of a kernel are the compiler's, and its scratch arrays come in as arguments.
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="untyped-decorator"
# ruff: noqa: ANN001, ANN202, PLR0917

import numba
import numpy as np

SLOPE_MAX = 1.0  # e per week; beyond it the data hold no information on a trend
NEWTON_STEPS = 60
FREE_MIN = 1e-9  # a week alone in its level fits itself; it has no residual
NEWTON_TOLERANCE = 3e-9  # times 263 weeks: a relative error of the mean below 1e-6

MEAN, DISPERSION, TREND, VARIANCE, PEARSON, RELATIVE, USED = range(7)
RESULTS = 7


@numba.njit(cache=True)
def _slope(exposure, weight, level, offset, cases, weighted_time, with_trend, slope, sums):
    """Find the slope; leave exposure and time moments of each level in `sums`."""
    levels = cases.shape[0]
    for _ in range(NEWTON_STEPS):
        sums[:, :] = 0.0
        growth = np.exp(slope)
        trend = np.exp(slope * offset[0])
        for i in range(offset.shape[0]):
            mass = weight[i] * exposure[i] * trend
            moment = mass * offset[i]
            sums[0, level[i]] += mass
            sums[1, level[i]] += moment
            sums[2, level[i]] += moment * offset[i]
            trend *= growth
        if not with_trend:
            return 0.0, 1.0, True
        gradient = weighted_time
        information = 0.0
        for j in range(levels):
            if sums[0, j] > 0.0 and cases[j] > 0.0:
                centre = sums[1, j] / sums[0, j]
                gradient -= cases[j] * centre
                information += cases[j] * (sums[2, j] / sums[0, j] - centre * centre)
        if not information > 0.0:
            return 0.0, 1.0, False
        step = gradient / information
        if abs(step) < NEWTON_TOLERANCE:
            return slope, information, True
        slope += min(max(step, -0.1), 0.1)
        if abs(slope) > SLOPE_MAX:
            return 0.0, 1.0, False
    return 0.0, 1.0, False


@numba.njit(cache=True)
def _fit(count, exposure, weight, level, offset, with_trend, start, cases, sums, mean):
    """Fit levels and slope by weight; write the means, return slope, its information, success."""
    cases[:] = 0.0
    weighted_time = 0.0
    for i in range(count.shape[0]):
        weighted = weight[i] * count[i]
        cases[level[i]] += weighted
        weighted_time += weighted * offset[i]
    slope, information, found = _slope(
        exposure, weight, level, offset, cases, weighted_time, with_trend, start, sums
    )
    if not found:
        return slope, information, False
    growth = np.exp(slope)
    trend = np.exp(slope * offset[0])
    for i in range(count.shape[0]):
        j = level[i]
        mean[i] = cases[j] / sums[0, j] * exposure[i] * trend if sums[0, j] > 0.0 else 0.0
        trend *= growth
    return slope, information, True


@numba.njit(cache=True)
def _reweight(
    count, mean, use, level, offset, cases, sums, information, with_trend, phi, threshold, weight
):
    """Weight a week by s^-2 where its standardised Anscombe residual s passes the threshold.

    y^(2/3) is concave, so an Anscombe residual never exceeds Pearson's: the roots are only taken
    where Pearson's passes the threshold.
    """
    total = 0.0
    used = 0.0
    square = threshold * threshold * phi
    for i in range(count.shape[0]):
        weight[i] = use[i]
        excess = count[i] - mean[i]
        if excess > 0.0 and mean[i] > 0.0 and use[i] > 0.0:
            j = level[i]
            leverage = mean[i] / cases[j]
            if with_trend:
                distance = offset[i] - sums[1, j] / sums[0, j]
                leverage += mean[i] * distance * distance / information
            free = 1.0 - leverage
            if free > FREE_MIN and excess * excess > square * mean[i] * free:
                rise = np.cbrt(count[i] * count[i]) - np.cbrt(mean[i] * mean[i])
                residual = 1.5 * rise / (mean[i] ** (1.0 / 6.0) * np.sqrt(phi * free))
                if residual > threshold:
                    weight[i] = 1.0 / (residual * residual)
        total += weight[i]
        used += use[i]
    scale = used / total
    for i in range(count.shape[0]):
        weight[i] *= scale


@numba.njit(cache=True)
def _dispersion(count, mean, weight):
    """Return the weighted sums of (y - m)^2 / m and of (y - m)^2 / m^2."""
    pearson = 0.0
    relative = 0.0
    for i in range(count.shape[0]):
        if mean[i] > 0.0:
            square = weight[i] * (count[i] - mean[i]) ** 2 / mean[i]
            pearson += square
            relative += square / mean[i]
        else:
            relative += weight[i]
    return pearson, relative


@numba.njit(cache=True)
def _week(
    count, exposure, use, level, offset, with_trend, threshold, critical, relative_error,
    cases, sums, mean, weight, result,
):  # fmt: skip
    """Fit one baseline twice; false if the trend must go."""
    used = 0.0
    highest = 0.0
    occupied = 0
    for i in range(count.shape[0]):
        used += use[i]
        highest = max(highest, count[i])
    _, _, found = _slope(exposure, use, level, offset, cases, 0.0, False, 0.0, sums)
    for j in range(cases.shape[0]):
        if sums[0, j] > 0.0:
            occupied += 1
    now = cases.shape[0] - 1
    free = used - occupied - (1.0 if with_trend else 0.0)
    if sums[0, now] <= 0.0 or free < 1.0:
        return not with_trend
    slope, information, found = _fit(
        count, exposure, use, level, offset, with_trend, 0.0, cases, sums, mean
    )
    if not found:
        return False
    pearson, _ = _dispersion(count, mean, use)
    phi = max(pearson / free, 1.0)
    _reweight(
        count,
        mean,
        use,
        level,
        offset,
        cases,
        sums,
        information,
        with_trend,
        phi,
        threshold,
        weight,
    )
    slope, information, found = _fit(
        count, exposure, weight, level, offset, with_trend, slope, cases, sums, mean
    )
    if not found:
        return False
    pearson, relative = _dispersion(count, mean, weight)
    phi = max(pearson / free, 1.0)
    expected = cases[now] / sums[0, now]
    variance = 1.0 / cases[now] if cases[now] > 0.0 else 1e9
    if with_trend:
        error = relative / free if relative_error else phi
        significant = abs(slope) >= critical[int(free)] * np.sqrt(error / information)
        if expected > highest or not significant:
            return False
        variance += (sums[1, now] / sums[0, now]) ** 2 / information
    result[MEAN] = expected
    result[DISPERSION] = phi
    result[TREND] = 1.0 if with_trend else 0.0
    result[VARIANCE] = variance
    result[PEARSON] = pearson / free
    result[RELATIVE] = relative / free
    result[USED] = used
    return True


@numba.njit(cache=True)
def fit_all(
    counts, usable, exposures, at, trend_wanted, offset, level, member, levels, threshold,
    critical, relative_error, results,
):  # fmt: skip
    """Fit every series at every evaluated week; `exposures` has one row for all or one each."""
    size = offset.shape[0]
    count, exposure, use = np.zeros(size), np.ones(size), np.zeros(size)
    mean, weight = np.zeros(size), np.zeros(size)
    cases, sums = np.zeros(levels), np.zeros((3, levels))
    for series in range(counts.shape[0]):
        people = min(series, exposures.shape[0] - 1)
        for q in range(at.shape[0]):
            first = at[q] + int(offset[0])
            now = exposures[people, at[q]]
            for i in range(size):
                k = first + i
                usable_here = k >= 0 and usable[series, k] and member[i] > 0.0
                use[i] = 1.0 if usable_here else 0.0
                count[i] = counts[series, k] if usable_here else 0.0
                exposure[i] = exposures[people, k] / now if usable_here else 0.0
            fitted = False
            for with_trend in (True, False):
                if not fitted and (trend_wanted[series, q] or not with_trend):
                    fitted = _week(
                        count, exposure, use, level, offset, with_trend, threshold, critical,
                        relative_error, cases, sums, mean, weight, results[series, q],
                    )  # fmt: skip
