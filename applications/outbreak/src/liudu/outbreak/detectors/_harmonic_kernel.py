"""The arithmetic of HR: a robust, shrunken harmonic quasi-Poisson fit of many baselines.

Loops run over weeks innermost and contiguous, so that the compiler makes vector code of them.
"""

# The types of a kernel are the compiler's, and its scratch arrays come in as arguments.
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="untyped-decorator"
# ruff: noqa: ANN001, ANN202, PLR0917

import numba
import numpy as np

LAGS = 3  # this week, last week, the week before: what the likelihood ratio looks at
MEAN, LOG_VARIANCE, DISPERSION, USED = 0, LAGS, 2 * LAGS, 2 * LAGS + 1
RESULTS = 2 * LAGS + 2

USED_MIN = 26  # half a year; below it a season cannot be told from a level
ROUNDS = 3  # fit, weigh, fit, weigh, fit
NEWTON_STEPS = 25
STEP_MAX = 1.5
TOLERANCE = 1e-4  # Newton's next step would be its square
TOLERANCE_BETWEEN = 2e-2  # good enough to weigh the weeks by
EXPONENT_MAX = 30.0  # 1e13 cases a week
SHARE_MAX = 25.0  # a Pearson residual of 5
SHARE_STEPS = 12
SHARE_SETTLED = 0.999
PSEUDO_CASES = 0.5  # Jeffreys: a series of zeros still expects half a case in its window
LOG2_E = 1.4426950408889634
LN2_HIGH = 0.693145751953125
LN2_LOW = 1.428606820309417e-06

# Sums may be reordered and fused; NaN and infinity keep their meaning.
SUMS = {"reassoc", "contract"}  # noqa: RUF012, RUF100


@numba.njit(cache=True, fastmath=SUMS)
def _means(features, beta, exposure, bits, mean):
    """Write exposure * exp(features @ beta).

    exp is spelled out (range reduction, Taylor to the 11th power, error below 1e-14), for a call
    into the C library would keep the loop from being vectorised.
    """
    size = mean.shape[0]
    for i in range(size):
        mean[i] = beta[0]
    for a in range(1, beta.shape[0]):
        weight = beta[a]
        row = features[a]
        for i in range(size):
            mean[i] += weight * row[i]
    scale = bits.view(np.float64)
    for i in range(size):
        x = min(max(mean[i], -EXPONENT_MAX), EXPONENT_MAX)
        k = np.floor(x * LOG2_E + 0.5)
        r = x - k * LN2_HIGH - k * LN2_LOW
        p = 1.0 + r / 11.0
        p = 1.0 + r * p * 0.1
        p = 1.0 + r * p * (1.0 / 9.0)
        p = 1.0 + r * p * 0.125
        p = 1.0 + r * p * (1.0 / 7.0)
        p = 1.0 + r * p * (1.0 / 6.0)
        p = 1.0 + r * p * 0.2
        p = 1.0 + r * p * 0.25
        p = 1.0 + r * p * (1.0 / 3.0)
        p = 1.0 + r * p * 0.5
        mean[i] = 1.0 + r * p
        bits[i] = (np.int64(k) + 1023) << 52
    for i in range(size):
        mean[i] *= scale[i] * exposure[i]


@numba.njit(cache=True)
def _factor(matrix, lower):
    """Write the Cholesky factor."""
    for i in range(matrix.shape[0]):
        for j in range(i + 1):
            rest = matrix[i, j]
            for k in range(j):
                rest -= lower[i, k] * lower[j, k]
            lower[i, j] = np.sqrt(max(rest, 1e-12)) if i == j else rest / lower[j, j]


@numba.njit(cache=True)
def _solve(lower, right, step):
    """Solve lower lower' step = right."""
    size = right.shape[0]
    for i in range(size):
        rest = right[i]
        for k in range(i):
            rest -= lower[i, k] * step[k]
        step[i] = rest / lower[i, i]
    for i in range(size - 1, -1, -1):
        rest = step[i]
        for k in range(i + 1, size):
            rest -= lower[k, i] * step[k]
        step[i] = rest / lower[i, i]


@numba.njit(cache=True, fastmath=SUMS)
def _equations(features, count, mean, weight, penalty, beta, weighted, gradient, information):
    """Write gradient and information of the penalised likelihood."""
    size = count.shape[0]
    columns = beta.shape[0]
    for a in range(columns):
        row = features[a]
        push = 0.0
        for i in range(size):
            mass = weight[i] * row[i]
            push += mass * (count[i] - mean[i])
            weighted[i] = mass * mean[i]
        gradient[a] = push - penalty[a] * beta[a]
        for c in range(a + 1):
            other = features[c]
            total = 0.0
            for i in range(size):
                total += weighted[i] * other[i]
            information[a, c] = total
            information[c, a] = total
        information[a, a] += penalty[a]
    gradient[0] += PSEUDO_CASES


@numba.njit(cache=True)
def _fit(
    features, count, exposure, weight, penalty, tolerance,
    beta, bits, mean, weighted, gradient, step, information, lower,
):  # fmt: skip
    """Newton's method from `beta`; leaves `mean` at the solution."""
    for _ in range(NEWTON_STEPS):
        _means(features, beta, exposure, bits, mean)
        _equations(features, count, mean, weight, penalty, beta, weighted, gradient, information)
        _factor(information, lower)
        _solve(lower, gradient, step)
        longest = 0.0
        for a in range(beta.shape[0]):
            move = min(max(step[a], -STEP_MAX), STEP_MAX)
            beta[a] += move
            longest = max(longest, abs(move))
        if longest < tolerance:
            break
    _means(features, beta, exposure, bits, mean)


@numba.njit(cache=True, fastmath=SUMS)
def _shrunk_dispersion(count, mean, weight, columns, prior_phi, prior_weeks, square):
    """Return Pearson's dispersion, shrunk to the prior, at least 1.

    No week adds more than `SHARE_MAX` times the dispersion itself, which is found by repeating:
    one week of 2,000 times the usual cases would else hide every outbreak of the next ten years.
    Low means say little of dispersion: a week counts as 2 / (2 + 1 / m), the inverse variance of
    its Pearson residual squared in units of that of a large count.
    """
    total = 0.0
    known = 0.0
    for i in range(count.shape[0]):
        excess = count[i] - mean[i]
        square[i] = weight[i] * excess * excess / mean[i]
        total += weight[i]
        known += weight[i] * 2.0 * mean[i] / (2.0 * mean[i] + 1.0)
    free = max(total - columns, 1.0)
    limit = np.inf
    raw = 0.0
    for _ in range(SHARE_STEPS):
        pearson = 0.0
        for i in range(count.shape[0]):
            pearson += min(square[i], limit)
        moved = pearson / free
        limit = SHARE_MAX * moved
        if raw > 0.0 and moved > SHARE_SETTLED * raw:
            raw = moved
            break
        raw = moved
    return max((raw * known + prior_phi * prior_weeks) / (known + prior_weeks), 1.0)


@numba.njit(cache=True)
def _weigh(count, root, mean, use, phi, threshold, weight):
    """Weight weeks whose Anscombe residual r exceeds the threshold by (threshold / r)^2.

    y^(2/3) is concave, so an Anscombe residual never exceeds Pearson's: the roots are only taken
    where Pearson's passes the threshold.
    """
    square = threshold * threshold * phi
    for i in range(count.shape[0]):
        weight[i] = use[i]
        excess = count[i] - mean[i]
        if excess > 0.0 and excess * excess > square * mean[i] and use[i] > 0.0:
            third = np.cbrt(mean[i])
            residual = 1.5 * (root[i] - third * third) / np.sqrt(third * phi)
            if residual > threshold:
                weight[i] = (threshold / residual) ** 2


@numba.njit(cache=True)
def _spread(lower, feature, scratch):
    """Return feature' (lower lower')^-1 feature."""
    total = 0.0
    for i in range(feature.shape[0]):
        rest = feature[i]
        for k in range(i):
            rest -= lower[i, k] * scratch[k]
        scratch[i] = rest / lower[i, i]
        total += scratch[i] * scratch[i]
    return total


@numba.njit(cache=True)
def _gather(
    counts, usable, exposures, covariates, series, week, first, features,
    count, root, exposure, use,
):  # fmt: skip
    """Fill the window of one week; return used weeks, cases and weeks at risk."""
    people = min(series, exposures.shape[0] - 1)
    fixed = features.shape[0] - covariates.shape[0]
    used = 0.0
    cases = 0.0
    risk = 0.0
    for i in range(count.shape[0]):
        k = week - first + i
        here = k >= 0 and usable[series, k]
        use[i] = 1.0 if here else 0.0
        count[i] = counts[series, k] if here else 0.0
        exposure[i] = exposures[people, k] / exposures[people, week] if here else 1.0
        root[i] = np.cbrt(count[i] * count[i]) if count[i] > 0.0 else 0.0
        used += use[i]
        cases += count[i]
        risk += use[i] * exposure[i]
        for a in range(covariates.shape[0]):
            features[fixed + a, i] = covariates[a, k] if k >= 0 else 0.0
    return used, cases, risk


@numba.njit(cache=True)
def _predict(exposures, covariates, series, week, now, beta, lower, phi, scratch, result):
    """Write mean and variance of the log mean for this week and the two before."""
    people = min(series, exposures.shape[0] - 1)
    fixed = beta.shape[0] - covariates.shape[0]
    for lag in range(LAGS):
        then = max(week - lag, 0)
        for a in range(covariates.shape[0]):
            now[lag, fixed + a] = covariates[a, then]
        exponent = 0.0
        for a in range(beta.shape[0]):
            exponent += now[lag, a] * beta[a]
        ratio = exposures[people, then] / exposures[people, week]
        result[MEAN + lag] = np.exp(min(exponent, EXPONENT_MAX)) * ratio
        result[LOG_VARIANCE + lag] = phi * _spread(lower, now[lag], scratch)


@numba.njit(cache=True)
def fit_all(
    counts, usable, exposures, covariates, at, features, now, penalty, threshold,
    prior_phi, prior_weeks, first, results,
):  # fmt: skip
    """Fit every series at every evaluated week.

    `features` (columns x window) and `now` (lags x columns) end with room for the covariates of
    the weeks at hand, which are filled in here; `first` is the window's start before the week.
    """
    columns, size = features.shape
    count, root, exposure = np.zeros(size), np.zeros(size), np.ones(size)
    use, weight, mean, weighted = np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(size)
    bits = np.zeros(size, np.int64)
    beta, gradient, step = np.zeros(columns), np.zeros(columns), np.zeros(columns)
    scratch, scaled = np.zeros(columns), np.zeros(columns)
    information, lower = np.zeros((columns, columns)), np.zeros((columns, columns))
    for series in range(counts.shape[0]):
        for q in range(at.shape[0]):
            used, cases, risk = _gather(
                counts, usable, exposures, covariates, series, at[q], first, features,
                count, root, exposure, use,
            )  # fmt: skip
            if used < USED_MIN:
                continue
            beta[:] = 0.0
            beta[0] = np.log((cases + PSEUDO_CASES) / risk)
            weight[:] = use
            phi = 1.0
            for turn in range(ROUNDS):
                if turn > 0:
                    _weigh(count, root, mean, use, phi, threshold, weight)
                scaled[:] = penalty * phi
                _fit(
                    features, count, exposure, weight, scaled,
                    TOLERANCE if turn == ROUNDS - 1 else TOLERANCE_BETWEEN,
                    beta, bits, mean, weighted, gradient, step, information, lower,
                )  # fmt: skip
                phi = _shrunk_dispersion(
                    count, mean, weight, columns, prior_phi, prior_weeks, weighted
                )
            _predict(
                exposures, covariates, series, at[q], now, beta, lower, phi, scratch,
                results[series, q],
            )  # fmt: skip
            results[series, q, DISPERSION] = phi
            results[series, q, USED] = used
