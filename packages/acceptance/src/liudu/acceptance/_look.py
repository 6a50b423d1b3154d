"""Looking while a trial runs: answers that stay right however often one looks."""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from liudu.acceptance._binomial import samples_needed, spread_risk
from liudu.acceptance._evidence import Counts, Evidence, Measured, Pace, Repeats, Values
from liudu.acceptance._pace import REPEATS_MIN
from liudu.acceptance._promise import Promise, Target
from liudu.acceptance._sequential import log_e
from liudu.acceptance._verdict import (
    Answer,
    ClassVerdict,
    More,
    NoClassesError,
    TargetVerdict,
    Verdict,
    bad_events,
    bad_limit,
    combined,
    evidence_for,
    judge_one,
    more_of_classes,
    scaled,
    slow_counts,
    smallest,
)
from liudu.contract import Refusal

_TURN_GROWTH = 1.25
_GIVING_UP_RISK = 0.10
_HOPED_SHARE = 0.25
_HOPED_SHARE_MIN = 0.01  # who hopes for no error at all is not given up on at the first one
_TRIALS_MIN = 30
_HALVINGS = 60
_PACE_ITEMS_MIN = 120


class ClassesUnknownError(Refusal):
    """A look at a target for every class, without knowing which classes are still to come."""

    en = (
        "{target} holds in every class, but the classes of the sealed set are not known: "
        "pass strata={{{metric!r}: [...]}}, or a class not yet shown would count as proved."
    )
    zh = (
        "{target} 要求每一类都达到，但不知道封存集里有哪些类：请传入 strata={{{metric!r}: [...]}}，"
        "否则尚未出现的类会被当作已证明。"
    )


@frozen(kw_only=True)
class Turn:
    """How often a target was tested by spending, and at how many trials last."""

    count: int = 0
    trials: int = 0


@frozen(kw_only=True)
class LookState:
    """What one look leaves to the next: what was decided, and how much risk was spent."""

    decided: Mapping[int, TargetVerdict] = field(factory=dict)
    classes: Mapping[tuple[int, str], ClassVerdict] = field(factory=dict)
    turns: Mapping[int, Turn] = field(factory=dict)


@frozen(kw_only=True)
class Look:
    """What is known at a look.

    Attributes
    ----------
    answers
        One for each target, in the promise's order.
    decided
        Whether the trial has passed or failed and may stop.
    hopeless
        Targets whose proof has become unlikely even if the product is as good as hoped (the
        lower boundary of the SPRT). Stopping then is safe and ends undecided; it is no
        refutation.
    verdict
        The verdict so far. It is the final one where the trial stops here: calling `judge` after
        looking would spend the risk twice.
    state
        For the next look.

    """

    answers: tuple[Answer, ...]
    decided: bool
    hopeless: tuple[str, ...]
    verdict: Verdict
    state: LookState


def look(
    promise: Promise,
    evidence: Sequence[Evidence],
    state: LookState | None = None,
    *,
    strata: Mapping[str, Collection[str]] | None = None,
    at_end: bool = False,
) -> Look:
    """Judge what was seen so far, validly however often and whenever one looks and stops.

    Independent yes-or-no trials (ratios, latency quantiles) are judged by mixture e-processes: by
    Ville's inequality a false proof has at most the risk α over all looks together, and so has a
    false refutation. Trials in clusters, which may be half shown at a look, means and the pace
    are tested in turns: a turn comes when there are a quarter more trials
    than at the last one, and the k-th turn risks α/(k(k+1)), which adds up to α. The end of the
    sealed set is a turn too, for where it lies was known before.

    What is decided stays decided.

    Parameters
    ----------
    promise
        What was promised.
    evidence
        ALL evidence so far, in the order in which it was seen; each look extends the last one.
    state
        Of the last look; None at the first.
    strata
        For targets in every class: the classes in the sealed set, by metric.
    at_end
        Whether the whole sealed set was shown; never because of what it showed.

    Returns
    -------
    Look
        Bounds in its verdict are confidence sequences: they hold at all looks together.

    Notes
    -----
    J. Ville, Étude critique de la notion de collectif (1939); A. Ramdas, P. Grünwald, V. Vovk,
    G. Shafer, Statistical Science 38 (2023) 576-601.

    """
    before = state or LookState()
    decided, turns, classes = dict(before.decided), dict(before.turns), dict(before.classes)
    verdicts, hopeless = [], []
    for place, target in enumerate(promise.targets):
        if place in decided:
            verdicts.append(decided[place])
            continue
        found = evidence_for(target, evidence)
        turn = turns.get(place, Turn())
        if isinstance(found, Counts) and target.every_class:
            names = _known_classes(target, strata)
            if _clustered(found.cluster):
                verdict, turns[place] = _turned(target, found, turn, at_end=at_end)
                if verdict.answer == "proved" and not _all_classes_seen(verdict, names):
                    verdict = evolve(verdict, answer="not_yet")
            else:
                verdict = _look_classes(place, target, found, classes, names)
        else:
            verdict, turns[place] = _look_target(target, found, turn, at_end=at_end)
        if verdict.answer != "not_yet" and not isinstance(found, Measured):
            decided[place] = verdict
        elif _is_hopeless(target, found):
            hopeless.append(target.metric)
        verdicts.append(verdict)
    whole = Verdict(answer=combined(verdicts), targets=tuple(verdicts))
    return Look(
        answers=tuple(one.answer for one in verdicts),
        decided=whole.answer != "undecided",
        hopeless=tuple(hopeless),
        verdict=whole,
        state=LookState(decided=decided, classes=classes, turns=turns),
    )


def _look_target(
    target: Target, found: Evidence, turn: Turn, *, at_end: bool
) -> tuple[TargetVerdict, Turn]:
    if isinstance(found, Measured):
        return judge_one(target, found), turn
    quantile = target.rule.quantile
    if isinstance(found, Values) and quantile and not _clustered(found.cluster):
        return _look_quantile(target, found, quantile), turn
    if isinstance(found, Counts) and not _clustered(found.cluster):
        path = _path(bad_events(target, found), limit=bad_limit(target), alpha=target.alpha)
        return _path_verdict(target, path, ratio=True), turn
    return _turned(target, found, turn, at_end=at_end)


def _look_quantile(target: Target, values: Values, quantile: float) -> TargetVerdict:
    """Look at a quantile as at the share of values beyond its limit, which is the same claim."""
    slow = slow_counts(target, values).event
    path = _path(slow, limit=1 - quantile, alpha=target.alpha)
    verdict = _path_verdict(target, path, ratio=False)
    count = len(slow)
    if not count:
        return verdict
    ordered, beyond = np.sort(values.value), np.arange(count + 1)
    bar = -math.log(target.alpha)
    few = np.flatnonzero(log_e(beyond, count, limit=1 - quantile) >= bar)
    many = np.flatnonzero(log_e(beyond, count, limit=1 - quantile, above=True) >= bar)
    return evolve(
        verdict,
        point=float(np.quantile(ordered, quantile, method="inverted_cdf")),
        lower=float(ordered[count - many[0]]) if len(many) else None,
        upper=float(ordered[count - few[-1] - 1]) if len(few) else None,
    )


def _clustered(cluster: NDArray[np.int64] | None) -> bool:
    return cluster is not None and _cluster_count(cluster) < len(cluster)


def _cluster_count(cluster: NDArray[np.int64] | None) -> int:
    return 0 if cluster is None or not len(cluster) else int(np.count_nonzero(np.bincount(cluster)))


# --- by e-process -------------------------------------------------------------------------------


@frozen(kw_only=True)
class _Path:
    """The course of the e-process over a row of trials."""

    answer: Answer
    bad: int
    trials: int
    lower: float
    upper: float
    more: More | None


def _path(
    bad: NDArray[np.bool_], *, limit: float, alpha: float, alpha_refute: float | None = None
) -> _Path:
    """Follow both e-processes over every single trial, not only the end of each chunk.

    The proving one peaks just before a bad trial or at the end, the refuting one just after it.
    """
    total = len(bad)
    at = np.flatnonzero(bad)
    ranks = np.arange(len(at))
    proof_k, proof_n = np.append(ranks, len(at)), np.append(at, total)
    proved = _first_crossing(proof_k, proof_n, limit=limit, alpha=alpha, above=False)
    refute_risk = alpha if alpha_refute is None else alpha_refute
    refuted = _first_crossing(ranks + 1, at + 1, limit=limit, alpha=refute_risk, above=True)
    answer: Answer = "not_yet"
    if proved is not None and (refuted is None or proved[1] <= refuted[1]):
        answer = "proved"
    elif refuted is not None:
        answer = "refuted"
    end = (len(at), total)
    upper = min(_sequence_upper(*point, alpha=alpha) for point in (end, proved) if point)
    lower = max(_sequence_lower(*point, alpha=refute_risk) for point in (end, refuted) if point)
    return _Path(
        answer=answer,
        bad=len(at),
        trials=total,
        lower=min(lower, upper),
        upper=upper,
        more=_more(len(at), total, limit=limit, alpha=alpha) if answer == "not_yet" else None,
    )


def _first_crossing(
    events: NDArray[np.int64],
    trials: NDArray[np.int64],
    *,
    limit: float,
    alpha: float,
    above: bool,
) -> tuple[int, int] | None:
    high = np.flatnonzero(log_e(events, trials, limit=limit, above=above) >= -math.log(alpha))
    return (int(events[high[0]]), int(trials[high[0]])) if len(high) else None


def _sequence_upper(events: int, trials: int, *, alpha: float) -> float:
    """Return the smallest limit that the e-process proves the rate to be below at this point."""
    low, high = (events / trials if trials else 1.0), 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        proved = log_e(events, trials, limit=middle) >= -math.log(alpha)
        low, high = (low, middle) if proved else (middle, high)
    return high


def _sequence_lower(events: int, trials: int, *, alpha: float) -> float:
    low, high = 0.0, (events / trials if trials else 0.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        proved = log_e(events, trials, limit=middle, above=True) >= -math.log(alpha)
        low, high = (middle, high) if proved else (low, middle)
    return low


def _more(events: int, trials: int, *, limit: float, alpha: float) -> More:
    rate, bar = events / max(trials, 1), -math.log(alpha)

    def clean(more: int) -> bool:
        return bool(log_e(events, trials + more, limit=limit) >= bar)

    def same(more: int) -> bool:
        pieces = trials + more
        return bool(log_e(math.ceil(rate * pieces - 1e-9), pieces, limit=limit) >= bar)

    fewest = smallest(clean, low=1) or 1
    return More(
        no_further_error=fewest,
        observed_rate=smallest(same, low=fewest) if trials and rate < limit else None,
    )


def _path_verdict(target: Target, path: _Path, *, ratio: bool) -> TargetVerdict:
    flipped = ratio and not target.rule.event_is_bad
    point = path.bad / path.trials if path.trials else None
    if flipped and point is not None:
        point = 1 - point
    return TargetVerdict(
        target=target,
        answer=path.answer,
        point=point if ratio else None,
        lower=(1 - path.upper if flipped else path.lower) if ratio else None,
        upper=(1 - path.lower if flipped else path.upper) if ratio else None,
        events=path.trials - path.bad if flipped else path.bad,
        trials=path.trials,
        method="e_process",
        more_needed=path.more,
        note=None if path.trials else "no_trials",
    )


def _known_classes(target: Target, strata: Mapping[str, Collection[str]] | None) -> tuple[str, ...]:
    if strata is None or target.metric not in strata:
        raise ClassesUnknownError(target=target, metric=target.metric)
    return tuple(sorted({str(name) for name in strata[target.metric]}))


def _look_classes(
    place: int,
    target: Target,
    counts: Counts,
    latched: dict[tuple[int, str], ClassVerdict],
    names: tuple[str, ...],
) -> TargetVerdict:
    """Look at each class by itself: all proved proves, one refuted (at α by classes) refutes."""
    bad = bad_events(target, counts)
    if counts.stratum is None and len(bad):
        raise NoClassesError(target=target)
    stratum = np.zeros(0, dtype=str) if counts.stratum is None else counts.stratum.astype(str)
    rows = []
    for name in names:
        one = latched.get((place, name))
        if one is None:
            one = _look_class(target, name, bad[stratum == name], classes=len(names))
            if one.answer != "not_yet":
                latched[place, name] = one
        rows.append(one)
    answers = [one.answer for one in rows]
    answer: Answer = "not_yet"
    if "refuted" in answers:
        answer = "refuted"
    elif answers and all(one == "proved" for one in answers):
        answer = "proved"
    path = _path(bad, limit=bad_limit(target), alpha=target.alpha)
    return evolve(
        _path_verdict(target, path, ratio=True),
        answer=answer,
        by_class=tuple(rows),
        method="e_process_every_class",
        more_needed=more_of_classes([one.more_needed for one in rows])
        if answer == "not_yet"
        else None,
    )


def _look_class(target: Target, name: str, bad: NDArray[np.bool_], *, classes: int) -> ClassVerdict:
    path = _path(
        bad, limit=bad_limit(target), alpha=target.alpha, alpha_refute=target.alpha / classes
    )
    shown = _path_verdict(target, path, ratio=True)
    return ClassVerdict(
        name=name,
        answer=path.answer,
        point=shown.point,
        lower=shown.lower or 0.0,
        upper=1.0 if shown.upper is None else shown.upper,
        events=shown.events or 0,
        trials=path.trials,
        clusters=None,
        more_needed=path.more,
    )


# --- by turns -----------------------------------------------------------------------------------


def _turned(
    target: Target, found: Evidence, turn: Turn, *, at_end: bool
) -> tuple[TargetVerdict, Turn]:
    """Test when it is time, at the turn's share of the risk; else say where it stands.

    When a turn comes depends on the number of trials alone, never on what they showed.
    """
    trials = _unit_count(found)
    due = trials >= max(_first_turn(target, found), math.ceil(turn.trials * _TURN_GROWTH))
    due = due or (at_end and trials > turn.trials)
    number = turn.count + 1 if due else max(turn.count, 1)
    spent = evolve(target, confidence=1 - spread_risk(target.alpha, turn=number))
    verdict = judge_one(spent, found)
    verdict = evolve(
        verdict,
        target=target,
        method=f"{verdict.method}_in_turns",
        answer=verdict.answer if due else "not_yet",
    )
    return verdict, Turn(count=number, trials=trials) if due else turn


def _unit_count(found: Evidence) -> int:
    if isinstance(found, Pace):
        return found.done_at_s.size
    if isinstance(found, Repeats):
        return found.items.size
    if isinstance(found, Measured):
        return 1
    length = found.value.size if isinstance(found, Values) else found.event.size
    return length if found.cluster is None else _cluster_count(found.cluster)


def _first_turn(target: Target, found: Evidence) -> int:
    """Return the number of trials before which even a clean sheet proves nothing."""
    confidence = 1 - spread_risk(target.alpha, turn=1)
    if isinstance(found, Pace):
        return _PACE_ITEMS_MIN
    if isinstance(found, Repeats):
        return REPEATS_MIN
    if isinstance(found, Counts):
        return samples_needed(limit=bad_limit(target), confidence=confidence)
    if target.rule.quantile:
        return samples_needed(limit=1 - target.rule.quantile, confidence=confidence)
    if isinstance(found, Values) and target.metric != "bias":
        _, limit, _ = scaled(target, found)
        return samples_needed(limit=limit, confidence=confidence) if limit < 1 else 1
    return _TRIALS_MIN


def _all_classes_seen(verdict: TargetVerdict, names: tuple[str, ...]) -> bool:
    return set(names) <= {one.name for one in verdict.by_class}


# --- giving up ----------------------------------------------------------------------------------


def _is_hopeless(target: Target, found: Evidence) -> bool:
    """Whether the SPRT of the limit against the hoped rate has reached its lower boundary."""
    if not isinstance(found, Counts):
        return False
    limit, bad = bad_limit(target), bad_events(target, found)
    hoped = target.hoped
    if hoped is None:
        hoped = limit * _HOPED_SHARE
    elif not target.rule.event_is_bad:
        hoped = 1 - hoped
    hoped = max(hoped, limit * _HOPED_SHARE_MIN)
    at = np.flatnonzero(bad)
    steps = (np.arange(len(at)) + 1) * math.log(hoped / limit)
    good = (at - np.arange(len(at))) * math.log((1 - hoped) / (1 - limit))
    return bool((steps + good <= math.log(_GIVING_UP_RISK)).any())
