"""Tests that may stop at any piece, and exactly what they do.

A sequential test of a ratio is two boundaries on the count of events k. With k events it proves
as soon as ``prove_at[k]`` pieces were seen, and it gives up when the k-th event comes at piece
``stop_at[k]`` or before. Between boundaries nothing happens, so the probability of each end and
the expected number of pieces follow exactly by carrying the distribution of k from boundary to
boundary: no simulation, and no approximation of the overshoot as in Wald's formulas.
"""

import math
from collections.abc import Callable

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from liudu.acceptance._betting import alternatives
from liudu.acceptance._binomial import check_share, samples_needed


@frozen(kw_only=True)
class Characteristic:
    """What a sequential test does at one true rate; exact.

    Attributes
    ----------
    proved, stopped, open_ended
        Probabilities of the three ends: proved, given up, neither when the pieces ran out.
    sample_count_mean
        Expected number of pieces at the end.

    """

    rate: float
    proved: float
    stopped: float
    open_ended: float
    sample_count_mean: float


@frozen(kw_only=True, eq=False)
class SequentialTest:
    """A sequential test that a rate is below ``limit``.

    Attributes
    ----------
    prove_at
        Shape (k_max + 1,), non-decreasing: with k events proved from this piece on.
    stop_at
        Shape (k_max + 1,), non-decreasing: given up if k events came by this piece; 0 is never.
    sample_count_max
        Pieces at which it ends in any case.

    """

    limit: float
    prove_at: NDArray[np.int64]
    stop_at: NDArray[np.int64]
    sample_count_max: int

    def characteristic(self, rate: float) -> Characteristic:
        """Return exactly what the test does when the true rate is ``rate``, in [0, 1]."""
        mass = np.array([1.0])  # probability of k events and not yet ended
        at, proved, stopped, mean = 0, 0.0, 0.0, 0.0
        for piece in self._boundaries():
            ceiling = int(np.searchsorted(self.stop_at, piece, side="left"))
            step = piece - at
            chance = _binomial(step, rate)
            mean += _pieces_spent(mass, chance, rate=rate, step=step, ceiling=ceiling)
            moved = np.convolve(mass, chance)
            stopped += float(moved[ceiling:].sum())
            mass = moved[:ceiling]
            enough = int(np.searchsorted(self.prove_at, piece, side="right"))
            proved += float(mass[:enough].sum())
            mass[:enough] = 0
            at = piece
        return Characteristic(
            rate=rate,
            proved=proved,
            stopped=stopped,
            open_ended=float(mass.sum()),
            sample_count_mean=mean,
        )

    def _boundaries(self) -> list[int]:
        points = np.concatenate([self.prove_at, self.stop_at])
        inside = points[(points > 0) & (points < self.sample_count_max)]
        return [*np.unique(inside).tolist(), self.sample_count_max]


def _binomial(step: int, rate: float) -> NDArray[np.float64]:
    """Return P(k events in ``step`` pieces) for k from 0 as far as it matters."""
    if rate in (0, 1):
        return np.append(np.zeros(int(rate) * step), 1.0)
    mean = step * rate
    k = np.arange(min(step, int(mean + 9 * math.sqrt(mean) + 25)) + 1)
    ways = gammaln(step + 1) - gammaln(k + 1) - gammaln(step - k + 1)
    return np.asarray(np.exp(ways + k * math.log(rate) + (step - k) * math.log1p(-rate)))


def _pieces_spent(
    mass: NDArray[np.float64],
    chance: NDArray[np.float64],
    *,
    rate: float,
    step: int,
    ceiling: int,
) -> float:
    """Return Σ over the next ``step`` pieces of P(the count is still below ``ceiling``).

    Σ_{j<s} P(Bin(j, p) = i) = P(Bin(s, p) > i) / p.
    """
    alive = mass[:ceiling]
    if rate == 0:
        return step * float(alive.sum())
    beyond = np.append(np.cumsum(chance[::-1])[::-1][1:], 0.0)  # P(Bin > i)
    spent = np.cumsum(beyond) / rate
    left = np.minimum(ceiling - np.arange(len(alive)), len(spent))
    return float((alive * spent[left - 1]).sum())


def sprt(
    *,
    limit: float,
    hoped: float,
    confidence: float = 0.95,
    giving_up_risk: float = 0.10,
    sample_count_max: int | None = None,
) -> SequentialTest:
    """Return Wald's sequential probability ratio test of ``limit`` against ``hoped``.

    It proves a rate below ``limit`` with the given confidence at any stop, and gives up when the
    hoped rate has become implausible; a product that is as good as hoped is given up on with at
    most about ``giving_up_risk``. Giving up is not a refutation.

    Parameters
    ----------
    limit, hoped
        0 < hoped < limit < 1.
    giving_up_risk
        In (0, 1).
    sample_count_max
        Pieces at which it ends undecided; default 40 times the smallest proof.

    Notes
    -----
    A. Wald, Annals of Mathematical Statistics 16 (1945) 117-186. The bound for proving is
    log(1/α), not Wald's log((1−β)/α): by Ville's inequality it holds 1 − confidence exactly,
    also for the truncated test.

    """
    for name, value in (("limit", limit), ("hoped", hoped), ("confidence", confidence)):
        check_share(name, value)
    check_share("hoped / limit", hoped / limit)
    check_share("giving_up_risk", giving_up_risk)
    end = sample_count_max or _default_end(limit, confidence)
    good, bad = math.log((1 - hoped) / (1 - limit)), math.log(hoped / limit)
    prove, stop = math.log(1 / (1 - confidence)), math.log(giving_up_risk)
    events = np.arange(_event_max(end, limit))
    # k·bad + (n−k)·good ≥ prove, and ≤ stop
    prove_at = events + np.ceil((prove - events * bad) / good - 1e-12)
    stop_at = events + np.floor((stop - events * bad) / good + 1e-12)
    return SequentialTest(
        limit=limit,
        prove_at=np.minimum(prove_at, end + 1).astype(np.int64),
        stop_at=np.clip(np.where(stop_at >= events, stop_at, 0), 0, end).astype(np.int64),
        sample_count_max=end,
    )


def e_process(
    *, limit: float, confidence: float = 0.95, sample_count_max: int | None = None
) -> SequentialTest:
    """Return the mixture e-process of ``limit``: proof and refutation at any piece, both sure.

    Two mixtures of likelihood ratios run side by side: alternatives below the limit prove, those
    above it refute, each when its average reaches 1/α. By Ville's inequality the probability
    that a rate at the limit is ever proved, or ever refuted, at whatever piece one looks, is at
    most α each. It needs no hoped rate. ``stopped`` in its characteristic means refuted.

    Notes
    -----
    H. Robbins, Annals of Mathematical Statistics 41 (1970) 1397-1409; A. Ramdas et al.,
    Statistical Science 38 (2023) 576-601.

    """
    check_share("limit", limit)
    check_share("confidence", confidence)
    end = sample_count_max or _default_end(limit, confidence)
    bar = math.log(1 / (1 - confidence))
    counts = np.arange(_event_max(end, limit))
    prove_at = _first(lambda n: log_e(counts, n, limit=limit) >= bar, counts, end + 1)
    spared = _first(
        lambda n: log_e(counts, n, limit=limit, above=True) < bar, np.maximum(counts, 1), end + 1
    )
    stop_at = spared - 1
    ends = np.maximum.accumulate(np.where(stop_at >= counts, stop_at, 0))
    return SequentialTest(
        limit=limit,
        prove_at=prove_at,
        stop_at=np.minimum(ends, end).astype(np.int64),
        sample_count_max=end,
    )


def naive_peeking(
    *, limit: float, every: int, confidence: float = 0.95, sample_count_max: int
) -> SequentialTest:
    """Return what must not be done: the fixed-sample bound looked at every so many pieces.

    Here to be measured: its characteristic at the limit is the false acceptance that peeking
    costs.
    """
    prove_at, count = [], 0
    while True:
        needed = samples_needed(limit=limit, event_count=count, confidence=confidence)
        if needed > sample_count_max:
            break
        prove_at.append(-(-needed // every) * every)
        count += 1
    rest = np.full(_event_max(sample_count_max, limit) - len(prove_at), sample_count_max + 1)
    bounds = np.concatenate([np.array(prove_at, dtype=np.int64), rest])
    return SequentialTest(
        limit=limit,
        prove_at=bounds,
        stop_at=np.zeros(len(bounds), dtype=np.int64),
        sample_count_max=sample_count_max,
    )


def log_e(
    event_count: int | NDArray[np.int64],
    trial_count: int | NDArray[np.int64],
    *,
    limit: float,
    above: bool = False,
) -> NDArray[np.float64]:
    """Return the logarithm of the mixture e-process after so many events in so many trials.

    Counts broadcast; the result has their shape.
    """
    rates = alternatives(limit, above=above, fine=False)
    bad, good = np.log(rates / limit), np.log1p((limit - rates) / (1 - limit))
    events, trials = np.asarray(event_count)[..., None], np.asarray(trial_count)[..., None]
    logs = events * bad + (trials - events) * good
    return np.asarray(logsumexp(logs, axis=-1) - math.log(len(rates)))


def _default_end(limit: float, confidence: float) -> int:
    return 40 * samples_needed(limit=limit, confidence=confidence)


def _event_max(end: int, limit: float) -> int:
    """Return a count of events that ``end`` pieces at up to twice the limit hardly exceed."""
    expected = min(2 * limit, 1) * end
    return int(min(end, expected + 10 * math.sqrt(expected) + 20)) + 1


def _first(
    holds: Callable[[NDArray[np.int64]], NDArray[np.bool_]], low: NDArray[np.int64], end: int
) -> NDArray[np.int64]:
    """Return, for each row, the smallest n in [low, end] at which its rule holds, or ``end``."""
    high = np.full(len(low), end)
    low = np.minimum(low, end)
    while (low < high).any():
        middle = (low + high) // 2
        yes = holds(middle)
        low, high = np.where(yes, low, middle + 1), np.where(yes, middle, high)
        low = np.minimum(low, high)
    return low
