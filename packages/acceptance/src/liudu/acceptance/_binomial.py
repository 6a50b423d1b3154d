"""Exact inference for a ratio: bounds, sample sizes, power."""

from typing import Literal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.special import betainc, betaincc, betaincinv

from liudu.contract import Refusal

_SEARCH_MAX = 2**53


class TooFewSamplesError(Refusal):
    """Even a perfect result on so few pieces shows nothing."""

    en = (
        "{sample_count} samples cannot show this promise even if none is missed: "
        "run the trial on at least {sample_count_min}."
    )
    zh = (
        "{sample_count} 件样本即使一件不漏也证明不了这个承诺："
        "请至少用 {sample_count_min} 件做试验。"
    )


class BadCountError(Refusal):
    """Counts that cannot be."""

    en = "{event_count} events in {trial_count} trials cannot be: give 0 ≤ events ≤ trials."
    zh = "{trial_count} 次试验中有 {event_count} 次事件，这不可能：须 0 ≤ 事件数 ≤ 试验数。"


class BadShareError(Refusal):
    """A share, risk or confidence outside (0, 1)."""

    en = "{name} is {value}; it must lie between 0 and 1, both excluded."
    zh = "{name} 是 {value}，必须大于 0 且小于 1。"


def check_share(name: str, value: float) -> None:
    """Refuse a value outside (0, 1), NaN included."""
    if not 0 < value < 1:
        raise BadShareError(name=name, value=value)


def _check_counts(event_count: int, trial_count: int) -> None:
    if not 0 <= event_count <= trial_count:
        raise BadCountError(event_count=event_count, trial_count=trial_count)


def upper_bound(*, event_count: int, trial_count: int, confidence: float = 0.95) -> float:
    """Return the exact one-sided Clopper-Pearson upper bound of a ratio.

    The smallest rate at which seeing ``event_count`` or fewer events is no more probable than
    one minus the confidence. Its coverage is at least the confidence at every rate and size.

    Parameters
    ----------
    event_count, trial_count
        Counts, 0 ≤ events ≤ trials; trials are independent.
    confidence
        One-sided, in (0, 1).

    Returns
    -------
    float
        In [0, 1]; 1 where every trial is an event or there was none.

    Notes
    -----
    C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404-413.

    Examples
    --------
    >>> round(upper_bound(event_count=0, trial_count=1497), 6)
    0.001999

    """
    _check_counts(event_count, trial_count)
    check_share("confidence", confidence)
    if event_count == trial_count:
        return 1.0
    return float(betaincinv(event_count + 1, trial_count - event_count, confidence))


def lower_bound(*, event_count: int, trial_count: int, confidence: float = 0.95) -> float:
    """Return the exact one-sided Clopper-Pearson lower bound of a ratio; see `upper_bound`."""
    _check_counts(event_count, trial_count)
    check_share("confidence", confidence)
    if event_count == 0:
        return 0.0
    # From the lower tail, for the survival function loses the digits of tiny bounds.
    return float(betaincinv(event_count, trial_count - event_count + 1, 1 - confidence))


def interval(
    *, event_count: int, trial_count: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the exact two-sided interval: each end one-sided at half the risk."""
    check_share("confidence", confidence)
    side = (1 + confidence) / 2
    return (
        lower_bound(event_count=event_count, trial_count=trial_count, confidence=side),
        upper_bound(event_count=event_count, trial_count=trial_count, confidence=side),
    )


def at_most(event_count: int, trial_count: int, rate: float) -> float:
    """Return P(X ≤ events) of a binomial X, by the incomplete beta function, to full precision."""
    if event_count < 0:
        return 0.0
    if event_count >= trial_count:
        return 1.0
    return float(betaincc(event_count + 1, trial_count - event_count, rate))


def binomial_quantile(share: float, trial_count: int, rate: float) -> int:
    """Return the smallest count k with P(X ≤ k) ≥ share, of a binomial X."""
    low, high = 0, trial_count
    while low < high:
        middle = (low + high) // 2
        if at_most(middle, trial_count, rate) >= share:
            high = middle
        else:
            low = middle + 1
    return low


def at_least(event_count: int, trial_count: int, rate: float) -> float:
    """Return P(X ≥ events) of a binomial X."""
    if event_count <= 0:
        return 1.0
    if event_count > trial_count:
        return 0.0
    return float(betainc(event_count, trial_count - event_count + 1, rate))


def proves_below(*, event_count: int, trial_count: int, limit: float, alpha: float) -> bool:
    """Whether the exact test rejects "the rate is at the limit or above" at ``alpha``."""
    return trial_count > 0 and at_most(event_count, trial_count, limit) <= alpha


def proves_above(*, event_count: int, trial_count: int, limit: float, alpha: float) -> bool:
    """Whether the exact test rejects "the rate is at the limit or below" at ``alpha``."""
    return trial_count > 0 and at_least(event_count, trial_count, limit) <= alpha


def samples_needed(*, limit: float, event_count: int = 0, confidence: float = 0.95) -> int:
    """Return the smallest number of trials at which so many events still prove a rate below.

    An exact search, not a normal approximation.

    Parameters
    ----------
    limit
        The rate to stay below, in (0, 1).
    event_count
        Events allowed, from 0.
    confidence
        One-sided, in (0, 1).

    Examples
    --------
    >>> [samples_needed(limit=0.002, event_count=c) for c in range(4)]
    [1497, 2371, 3146, 3875]

    """
    check_share("limit", limit)
    check_share("confidence", confidence)
    _check_counts(0, event_count)
    alpha = 1 - confidence
    low, high = event_count + 1, 2 * (event_count + 1)
    while at_most(event_count, high, limit) > alpha:
        low, high = high, 2 * high
        if high > _SEARCH_MAX:
            raise BadShareError(name="limit", value=limit)
    while low < high:
        middle = (low + high) // 2
        if at_most(event_count, middle, limit) <= alpha:
            high = middle
        else:
            low = middle + 1
    return low


def events_allowed(*, limit: float, trial_count: int, confidence: float = 0.95) -> int:
    """Return how many events still prove a rate below ``limit``; -1 if not even none does."""
    check_share("limit", limit)
    check_share("confidence", confidence)
    alpha = 1 - confidence
    count = binomial_quantile(alpha, trial_count, limit)
    return count if at_most(count, trial_count, limit) <= alpha else count - 1


def power(*, limit: float, rate: float, trial_count: int, confidence: float = 0.95) -> float:
    """Return the exact probability that ``trial_count`` trials prove a rate below ``limit``.

    ``rate`` is the true one, in [0, 1].
    """
    if not 0 <= rate <= 1:
        raise BadShareError(name="rate", value=rate)
    allowed = events_allowed(limit=limit, trial_count=trial_count, confidence=confidence)
    return at_most(allowed, trial_count, rate)


@frozen(kw_only=True)
class Size:
    """A fixed plan: prove with at most ``event_count`` events in ``trial_count`` trials."""

    trial_count: int
    event_count: int
    power: float


def size_for_power(
    *,
    limit: float,
    rate: float,
    wanted: float,
    confidence: float = 0.95,
    event_count_max: int = 2000,
) -> Size | None:
    """Return the smallest plan that proves with probability ``wanted`` at the true ``rate``.

    None where more than ``event_count_max`` events would have to be allowed, which happens when
    the rate is hardly better than the limit.
    """
    check_share("wanted", wanted)
    if not 0 <= rate < limit:
        raise BadShareError(name="rate", value=rate)
    for allowed in range(event_count_max + 1):
        count = samples_needed(limit=limit, event_count=allowed, confidence=confidence)
        reached = at_most(allowed, count, rate)
        if reached >= wanted:
            return Size(trial_count=count, event_count=allowed, power=reached)
    return None


def require_provable(*, limit: float, trial_count: int, confidence: float = 0.95) -> None:
    """Refuse a trial that could not prove a rate below ``limit`` even without a single event.

    Raises
    ------
    TooFewSamplesError
        With the size that is needed.

    Examples
    --------
    >>> require_provable(limit=0.002, trial_count=1000)
    Traceback (most recent call last):
    ...
    liudu.acceptance._binomial.TooFewSamplesError: 1000 samples cannot show this promise even if \
none is missed: run the trial on at least 1497.

    """
    needed = samples_needed(limit=limit, confidence=confidence)
    if trial_count < needed:
        raise TooFewSamplesError(sample_count=trial_count, sample_count_min=needed)


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Holm's adjusted p-values: each may be compared with the family's risk.

    S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    order = np.argsort(p_values)
    count = len(p_values)
    stepped = np.maximum.accumulate(p_values[order] * (count - np.arange(count)))
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


@frozen(kw_only=True)
class McNemar:
    """Two solutions on the same pieces: how often only one of them was wrong, and the test."""

    only_first: int
    only_second: int
    p_value: float
    better: Literal["first", "second", "neither"]


def mcnemar(
    first_wrong: NDArray[np.bool_], second_wrong: NDArray[np.bool_], *, alpha: float = 0.05
) -> McNemar:
    """Compare two solutions that answered the same pieces: the exact two-sided McNemar test.

    Pieces on which both are right or both wrong say nothing about the difference; among the
    others a fair coin decides if the two are equally good.
    Q. McNemar, Psychometrika 12 (1947) 153-157, in its exact binomial form.

    Parameters
    ----------
    first_wrong, second_wrong
        Shape (n,), same order, True where the answer was wrong. Independent pieces.
    alpha
        Two-sided risk of naming a better one where there is none.

    """
    if first_wrong.shape != second_wrong.shape:
        raise BadCountError(event_count=len(first_wrong), trial_count=len(second_wrong))
    only_first = int((first_wrong & ~second_wrong).sum())
    only_second = int((second_wrong & ~first_wrong).sum())
    total = only_first + only_second
    p_value = min(1.0, 2 * at_most(min(only_first, only_second), total, 0.5))
    better: Literal["first", "second", "neither"] = "neither"
    if p_value <= alpha:
        better = "first" if only_first < only_second else "second"
    return McNemar(only_first=only_first, only_second=only_second, p_value=p_value, better=better)


def spent_confidence(*, confidence: float, submission: int) -> float:
    """Return the confidence at which the ``submission``-th try on one sealed set is judged.

    The risk α is spread over all tries as α/(k(k+1)), k = 1, 2, 3, …, whose sum over for ever is
    α: however often a vendor submits, the probability that a bad product is ever accepted stays
    below α. It holds although later tries learn from earlier verdicts, for each try's own test is
    valid; it does not hold if labels leak, so a set is retired once its later tries can no
    longer prove anything (`require_provable` with this confidence).

    Examples
    --------
    >>> [round(1 - spent_confidence(confidence=0.95, submission=k), 4) for k in (1, 2, 3)]
    [0.025, 0.0083, 0.0042]

    """
    check_share("confidence", confidence)
    if submission < 1:
        raise BadCountError(event_count=submission, trial_count=submission)
    return 1 - (1 - confidence) / (submission * (submission + 1))


def spread_risk(alpha: float, *, turn: int) -> float:
    """Return the risk of the ``turn``-th of an endless row of tests that together risk alpha."""
    return alpha / (turn * (turn + 1))
