"""Bets against a limit: e-values for means of bounded values, in clusters or alone.

Cluster i has n_i pieces and the total S_i in [0, n_i] (for counts, its bad pieces); m is the
largest n_i. A bet against the mean rate ``limit`` with the alternative ``rate`` multiplies its
capital, cluster by cluster, by

    1 + (rate − limit) (S_i − limit n_i) / (limit (1 − limit) m).

With single pieces this is the likelihood ratio of ``rate`` to ``limit``; with clusters a whole
cluster counts at most as much as one piece, however its pieces hang together.
"""

import math
from collections.abc import Callable

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray
from scipy.special import logsumexp

_BELOW = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7])
_ABOVE = np.array([1.3, 1.6, 2.0, 3.0, 5.0, 10.0, 30.0])
_FINE = np.array([0.8, 0.88, 0.94, 0.97])
_STEPS = np.array([0.01, 0.03, 0.08, 0.2, 0.4, 0.7])
_MOST = 0.98  # of what a bet may risk: a capital of zero never comes back
_BINS = 2**16
_WIDTH_MAX = 2000
_HALVINGS = 60  # exhaust a double


@frozen(kw_only=True, eq=False)
class Groups:
    """Clusters, equal ones counted once.

    Attributes
    ----------
    total
        Shape (g,): the sum within the cluster, in [0, size].
    size
        Shape (g,): pieces in the cluster, ≥ 1.
    count
        Shape (g,): how many such clusters.
    counted
        Whether each piece is a yes or a no (then single pieces are binomial).

    """

    total: NDArray[np.float64]
    size: NDArray[np.float64]
    count: NDArray[np.float64]
    counted: bool

    @property
    def size_max(self) -> float:
        """The size of the largest cluster."""
        return float(self.size.max())

    @property
    def cluster_count(self) -> int:
        """The number of clusters."""
        return int(self.count.sum())

    @property
    def mean(self) -> float:
        """Sum over all pieces by number of all pieces."""
        return float((self.total * self.count).sum() / (self.size * self.count).sum())

    def flipped(self) -> "Groups":
        """Return the groups with 1 − value for each piece."""
        return evolve(self, total=self.size - self.total)

    def scaled(self, factor: float) -> "Groups":
        """Return the groups as if every cluster had been seen ``factor`` times."""
        return evolve(self, count=self.count * factor)

    def with_clean(self, count: float) -> "Groups":
        """Return the groups and ``count`` further clusters of the mean size with total 0."""
        mean_size = float((self.size * self.count).sum() / self.count.sum())
        return evolve(
            self,
            total=np.append(self.total, 0.0),
            size=np.append(self.size, mean_size),
            count=np.append(self.count, count),
        )


def group(
    value: NDArray[np.float64] | NDArray[np.bool_],
    cluster: NDArray[np.int64] | None,
    *,
    down: bool = False,
) -> Groups:
    """Sum values in [0, 1] within clusters and count equal clusters once.

    Single values that are not yes or no are rounded to 1/65,536 where there are more of them than
    that: up, which is honest for proving a mean to be low, or ``down`` for proving it high.
    """
    counted = value.dtype == np.bool_
    total: NDArray[np.float64]
    size: NDArray[np.float64]
    if cluster is not None:
        total = np.bincount(cluster, weights=value).astype(np.float64)
        size = np.bincount(cluster).astype(np.float64)
    elif counted:
        bad = int(np.count_nonzero(value))
        count = np.array([len(value) - bad, bad], dtype=np.float64)
        return Groups(total=np.array([0.0, 1.0]), size=np.ones(2), count=count, counted=True)
    else:
        total, size = value.astype(np.float64), np.ones(len(value))
        if len(value) > _BINS:
            total = (np.floor if down else np.ceil)(total * _BINS) / _BINS
    return _equal_ones(total[size > 0], size[size > 0], counted=counted)


def _equal_ones(total: NDArray[np.float64], size: NDArray[np.float64], *, counted: bool) -> Groups:
    width = int(size.max(initial=0)) + 1
    if counted and width <= _WIDTH_MAX:
        # Whole numbers: counting in a table is faster than sorting pairs.
        table = np.bincount((size * width + total).astype(np.int64))
        codes = np.flatnonzero(table)
        count = table[codes].astype(np.float64)
        bad, pieces = (codes % width).astype(np.float64), (codes // width).astype(np.float64)
        return Groups(total=bad, size=pieces, count=count, counted=True)
    pairs, times = np.unique(total + 1j * size, return_counts=True)
    count = times.astype(np.float64)
    return Groups(total=pairs.real, size=pairs.imag, count=count, counted=counted)


def alternatives(limit: float, *, above: bool, fine: bool) -> NDArray[np.float64]:
    """Return the rates that are bet on, all on one side of ``limit``, at equal stakes.

    They are fixed before any datum is seen, which is what makes their average a valid e-value.
    ``fine`` adds rates close to the limit, which pay where values vary less than yes and no do.
    """
    if not above:
        shares = np.concatenate([_BELOW, _FINE]) if fine else _BELOW
        return limit * shares
    most = limit + (1 - limit) * _MOST
    rates = np.minimum(limit * _ABOVE, most)
    if fine:
        rates = np.concatenate([rates, limit + (1 - limit) * _STEPS])
    return rates


def log_e_value(groups: Groups, *, limit: float, above: bool = False) -> float:
    """Return the logarithm of the e-value against "the rate is not beyond the limit".

    Parameters
    ----------
    groups
        Independent clusters.
    limit
        In (0, 1).
    above
        False bets that the rate is below the limit, True that it is above.

    Notes
    -----
    Its expectation is at most 1 when the mean rate Σ E S_i / Σ n_i is at the limit or on the
    other side of it: each product of ``1 + λ x_i`` with constant λ is, by the inequality of the
    arithmetic and geometric mean, at most ``(1 + λ mean(E x_i))^k``, so clusters need not have
    equal rates. I. Waudby-Smith, A. Ramdas, JRSS B 86 (2024) 1-27; G. Shafer, JRSS A 184 (2021).

    """
    plain = groups.counted and groups.size_max == 1
    rates = alternatives(limit, above=above, fine=not plain)
    stake = (rates - limit) / (limit * (1 - limit) * groups.size_max)
    gain = groups.total - limit * groups.size
    logs = np.log1p(np.outer(stake, gain)) @ groups.count
    return float(logsumexp(logs) - math.log(len(rates)))


def clean_probability(groups: Groups, *, limit: float) -> float:
    """Return the largest probability of no event at all under a mean rate of at least ``limit``.

    With clusters of equal size it is (1 − limit)^k. With unequal ones the worst case puts the
    events where they can hide: cluster i stays clean with probability q_i, the product of the
    q_i is greatest subject to Σ n_i (1 − q_i) = limit Σ n_i, and Lagrange gives
    q_i = min(1, μ / n_i).
    """
    size, count = groups.size, groups.count
    wanted = limit * float((size * count).sum())

    largest = np.argsort(-size)
    pieces, clusters = np.cumsum((size * count)[largest]), np.cumsum(count[largest])
    # Σ (n_i − μ)⁺ is the greatest of its partial sums, the largest clusters first.
    high = max(float(np.max((pieces - wanted) / clusters)), 0.0)
    with np.errstate(divide="ignore"):
        return float(np.exp((np.log(np.minimum(1, high / size)) * count).sum()))


def proves_mean_below(groups: Groups, *, limit: float, alpha: float) -> bool:
    """Whether clusters prove, at risk ``alpha``, a mean rate below ``limit``.

    Of the risk, the part that a clean sheet would cost is spent on exactly that, so that without
    any event the answer is the exact binomial one, clusters taken as pieces; the rest is spent on
    the e-value. Both parts depend on sizes alone, so their sum is an honest ``alpha``.
    """
    clean = clean_probability(groups, limit=limit)
    if clean > alpha:
        return False
    if not (groups.total * groups.count).any():
        return True
    rest = alpha - clean
    return rest > 0 and log_e_value(groups, limit=limit) >= -math.log(rest)


def proves_mean_above(groups: Groups, *, limit: float, alpha: float) -> bool:
    """Whether clusters prove, at risk ``alpha``, a mean rate above ``limit``."""
    flipped = groups.flipped()
    clean = clean_probability(flipped, limit=1 - limit)
    if clean > alpha:
        return False
    if not (flipped.total * flipped.count).any():
        return True
    rest = alpha - clean
    return rest > 0 and log_e_value(groups, limit=limit, above=True) >= -math.log(rest)


def _edge(proves: Callable[[float], bool], low: float, high: float) -> tuple[float, float]:
    """Halve [low, high] down to where ``proves`` turns from False (low) to True (high)."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (low, middle) if proves(middle) else (middle, high)
    return low, high


def mean_upper_bound(groups: Groups, *, alpha: float) -> float:
    """Return the smallest limit that the clusters prove their mean rate to be below."""
    if groups.mean >= 1:
        return 1.0
    return _edge(lambda limit: proves_mean_below(groups, limit=limit, alpha=alpha), 0, 1)[1]


def mean_lower_bound(groups: Groups, *, alpha: float) -> float:
    """Return the greatest limit that the clusters prove their mean rate to be above."""
    if groups.mean <= 0:
        return 0.0
    # proves_mean_above is true below the edge: halve its negation.
    return _edge(lambda limit: not proves_mean_above(groups, limit=limit, alpha=alpha), 0, 1)[0]
