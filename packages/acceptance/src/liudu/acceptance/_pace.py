"""How fast: throughput from completion times or from repeats, latency by order statistics."""

import math

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from liudu.acceptance._binomial import at_least, binomial_quantile, check_share

BATCH_COUNTS = (40, 30, 20, 15, 10)
ITEMS_PER_BATCH_MIN = 10
WARMUP_SHARE = 0.1
DURATION_S_MIN = 2.0
CLEAR_FACTOR = 10.0
REPEATS_MIN = 3
ITEMS_PER_REPEAT_MIN = 50
_S_PER_H = 3600.0


@frozen(kw_only=True)
class PaceBound:
    """Items per hour with one-sided bounds, or why there are none yet.

    Attributes
    ----------
    point, lower, upper
        Items per hour; the bounds are None where nothing can be shown yet.
    batch_count, lag1
        Batches or repeats used, and the correlation of neighbouring ones.
    item_count, duration_s
        What was counted: of completion times, what was left after the warm-up.
    missing
        ``None``, ``too_few_items``, ``too_short``, ``correlated`` or ``one_measurement``.
    item_s, standard_error_s
        Mean seconds per item and its standard error.

    """

    point: float
    lower: float | None
    upper: float | None
    batch_count: int
    lag1: float
    item_count: int
    duration_s: float
    missing: str | None
    item_s: float
    standard_error_s: float


def batch_means_bound(
    done_at_s: NDArray[np.float64],
    *,
    confidence: float = 0.95,
    warmup_share: float = WARMUP_SHARE,
    duration_s_min: float = DURATION_S_MIN,
    limit: float | None = None,
) -> PaceBound:
    """Bound the items per hour of a steady run from the times at which items were done.

    The first tenth is left out as warm-up. The rest is cut into 40 batches of equal item count;
    the mean time per item of each batch is one observation, and Student's t bounds their mean.
    Neighbouring items are correlated (caches, throttling, a busy machine); batches are widened
    (30, 20, 15, 10) until the correlation of neighbouring batches is no longer significant
    (below 1.645/√b). If even ten wide batches hang together the run has not settled and nothing
    is bounded.

    Parameters
    ----------
    done_at_s
        Shape (n,), seconds since serving started, any order.
    confidence
        One-sided, of each bound.
    warmup_share
        In [0, 1).
    duration_s_min
        Seconds that must remain after the warm-up. Less shows a moment, not a pace: what slows
        a machine (heat, neighbours, a full cache) may take longer to come.
    limit
        Items per hour that are asked for. Where the lower bound is ten times as high, a shorter
        run is enough: nothing that a few seconds could still show takes nine tenths of a pace.

    Returns
    -------
    PaceBound
        Without bounds, and with what is ``missing``, where there are fewer than ten batches of
        ten items, too short a run, or lasting correlation.

    Notes
    -----
    A. M. Law, Simulation Modeling and Analysis, batch means. The bounds are asymptotic in the
    batch size, unlike all others in this package.

    """
    check_share("confidence", confidence)
    times = np.sort(done_at_s)
    times = times[int(len(times) * warmup_share) :]
    count = max(len(times) - 1, 0)
    duration = float(times[-1] - times[0]) if count else 0.0
    if count < BATCH_COUNTS[-1] * ITEMS_PER_BATCH_MIN or duration <= 0:
        return _unbounded(count, duration, missing="too_few_items")
    batches, lag1 = _settled(times, count)
    bound = _bounded(
        item_s=duration / count,
        error_s=float(batches.std(ddof=1) / math.sqrt(len(batches))),
        batch_count=len(batches),
        lag1=lag1,
        item_count=count,
        duration_s=duration,
        confidence=confidence,
    )
    if duration < duration_s_min and not _clears(bound, limit):
        return _unbounded(count, duration, missing="too_short")
    return bound


def _clears(bound: PaceBound, limit: float | None) -> bool:
    return limit is not None and bound.lower is not None and bound.lower >= CLEAR_FACTOR * limit


def repeats_bound(
    items: NDArray[np.float64], seconds: NDArray[np.float64], *, confidence: float = 0.95
) -> PaceBound:
    """Bound the items per hour from a few servings that were each timed as a whole.

    The rate is all items over all seconds. Its standard error is that of a ratio estimate: the
    spread of sᵢ − R nᵢ over the repeats, R the mean seconds per item; with repeats of equal size
    this is Student's t interval of the seconds per item. Whatever a repeat pays for itself, such
    as starting up, counts in every one: the bound is on the pace with it, so it is conservative
    for a run that starts once.

    Where neighbouring repeats hang together (correlation above 1.645/√k: a machine that warms
    up or slows down), they are joined in pairs, and again, down to three; fewer repeats, fewer
    degrees of freedom, wider bounds. That helps against drift; it does not heal it.

    Parameters
    ----------
    items
        Shape (k,), items of each repeat, in the order of time; best of equal size.
    seconds
        Shape (k,), how long each took.
    confidence
        One-sided, of each bound.

    Returns
    -------
    PaceBound
        Without bounds where there are fewer than three repeats: ``one_measurement`` of one,
        ``too_few_items`` of two.

    Notes
    -----
    Assumes that the repeats are independent, have one distribution, and are close to normal:
    each is a sum over many items, so the last holds well from some 50 items on. What would slow
    a longer run than all repeats together is not seen.
    W. G. Cochran, Sampling Techniques, 3rd ed. (1977), section 6.4.

    Examples
    --------
    >>> round(repeats_bound(np.full(4, 100.0), np.array([9.0, 10.0, 11.0, 10.0])).lower)
    32844

    """
    check_share("confidence", confidence)
    count, duration = int(items.sum()), float(seconds.sum())
    if len(items) < REPEATS_MIN or count <= 0 or duration <= 0:
        missing = "one_measurement" if len(items) == 1 and count > 0 else "too_few_items"
        return _unbounded(count, duration, missing=missing)
    item_s = duration / count
    excess, lag1 = _joined(seconds - item_s * items)
    groups = len(excess)
    spread = math.sqrt(groups / (groups - 1) * float(excess @ excess))
    return _bounded(
        item_s=item_s,
        error_s=spread / count,
        batch_count=groups,
        lag1=lag1,
        item_count=count,
        duration_s=duration,
        confidence=confidence,
        settled=True,
    )


def _joined(excess: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Join neighbours until they no longer correlate; return the rest and their correlation.

    Three cannot: the correlation of their neighbours is never above zero.
    """
    lag1 = _lag1(excess)
    while lag1 > _lag1_max(len(excess)):
        groups = max(len(excess) // 2, REPEATS_MIN)
        excess = np.array([part.sum() for part in np.array_split(excess, groups)])
        lag1 = _lag1(excess)
    return excess, lag1


def _bounded(
    *,
    item_s: float,
    error_s: float,
    batch_count: int,
    lag1: float,
    item_count: int,
    duration_s: float,
    confidence: float,
    settled: bool = False,
) -> PaceBound:
    """Turn seconds per item and their error into items per hour with bounds."""
    reach = float(stdtrit(batch_count - 1, confidence)) * error_s
    correlated = not settled and lag1 > _lag1_max(batch_count)
    return PaceBound(
        point=_S_PER_H / item_s,
        lower=None if correlated else _S_PER_H / (item_s + reach),
        upper=None if correlated or reach >= item_s else _S_PER_H / (item_s - reach),
        batch_count=batch_count,
        lag1=lag1,
        item_count=item_count,
        duration_s=duration_s,
        missing="correlated" if correlated else None,
        item_s=item_s,
        standard_error_s=error_s,
    )


def _unbounded(count: int, duration: float, *, missing: str) -> PaceBound:
    return PaceBound(
        point=_S_PER_H * count / duration if duration > 0 else 0.0,
        lower=None,
        upper=None,
        batch_count=0,
        lag1=0.0,
        item_count=count,
        duration_s=duration,
        missing=missing,
        item_s=duration / count if count else 0.0,
        standard_error_s=0.0,
    )


def _lag1_max(batch_count: int) -> float:
    return 1.645 / math.sqrt(batch_count)


def _settled(times: NDArray[np.float64], count: int) -> tuple[NDArray[np.float64], float]:
    """Widen batches until neighbours no longer correlate; return means per item and the rest."""
    means, lag1 = np.zeros(0), math.inf
    for batch_count in BATCH_COUNTS:
        if count // batch_count < ITEMS_PER_BATCH_MIN:
            continue
        # Edges cover every item: the mean of the batches is the mean of the run.
        edges = np.linspace(0, count, batch_count + 1).astype(np.int64)
        means = np.diff(times[edges]) / np.diff(edges)
        lag1 = _lag1(means)
        if lag1 <= _lag1_max(batch_count):
            break
    return means, lag1


def _lag1(values: NDArray[np.float64]) -> float:
    centred = values - values.mean()
    spread = float(centred @ centred)
    # A perfectly even run has no correlation to speak of, only rounding.
    if spread <= 1e-18 * float(values @ values):
        return 0.0
    return float(centred[1:] @ centred[:-1]) / spread


def quantile_bounds(
    values: NDArray[np.float64], *, quantile: float, confidence: float = 0.95
) -> tuple[float | None, float | None]:
    """Return the one-sided lower and upper bounds of a quantile by exact order statistics.

    The r-th smallest of n values lies at or above the q-quantile with probability
    P(Bin(n, q) < r), whatever the distribution; the smallest such r gives the upper bound, the
    mirror image the lower. None where n is too small for any.

    Parameters
    ----------
    values
        Shape (n,), independent.
    quantile, confidence
        In (0, 1).

    Notes
    -----
    H. A. David, H. N. Nagaraja, Order Statistics, 3rd ed., section 7.1.

    """
    check_share("quantile", quantile)
    check_share("confidence", confidence)
    count = len(values)
    above = binomial_quantile(confidence, count, quantile) + 1
    below = binomial_quantile(1 - confidence, count, quantile)
    while below > 0 and at_least(below, count, quantile) < confidence:
        below -= 1
    wanted = [rank - 1 for rank in (below, above) if 1 <= rank <= count]
    ordered = np.partition(values, wanted) if wanted else values
    upper = float(ordered[above - 1]) if above <= count else None
    lower = float(ordered[below - 1]) if below >= 1 else None
    return lower, upper


def queries_needed(*, quantile: float, margin: float, confidence: float = 0.99) -> int:
    """Return the queries that put the share below a quantile within ± ``margin``.

    The planning rule of MLPerf Inference: n = z² q (1 − q) / margin², z two-sided.

    Examples
    --------
    >>> queries_needed(quantile=0.90, margin=0.005)
    23886

    """
    check_share("quantile", quantile)
    check_share("margin", margin)
    check_share("confidence", confidence)
    z = -float(ndtri((1 - confidence) / 2))
    return math.ceil(z * z * quantile * (1 - quantile) / margin**2)
