"""The verdict on a promise: each target proved, refuted, or not yet."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from liudu.acceptance._betting import (
    Groups,
    group,
    mean_lower_bound,
    mean_upper_bound,
    proves_mean_above,
    proves_mean_below,
)
from liudu.acceptance._binomial import (
    at_most,
    lower_bound,
    proves_above,
    proves_below,
    samples_needed,
    upper_bound,
)
from liudu.acceptance._evidence import Counts, Evidence, Measured, Pace, Repeats, Values
from liudu.acceptance._pace import (
    BATCH_COUNTS,
    ITEMS_PER_BATCH_MIN,
    ITEMS_PER_REPEAT_MIN,
    REPEATS_MIN,
    PaceBound,
    batch_means_bound,
    repeats_bound,
)
from liudu.acceptance._pace import quantile_bounds as _quantile_bounds
from liudu.acceptance._promise import Promise, Target
from liudu.contract import Refusal

Answer = Literal["proved", "refuted", "not_yet"]
TrialAnswer = Literal["passed", "failed", "undecided"]

_MORE_MAX = 2**40
_PEELED_MAX = 64


class MissingEvidenceError(Refusal):
    """A target that nothing was observed for."""

    en = "There is no evidence for the target {target}: the scorer gave {given}."
    zh = "目标 {target} 没有证据：评分程序给出的是 {given}。"


class WrongEvidenceError(Refusal):
    """Evidence of a kind that the metric cannot be judged by."""

    en = "{metric} cannot be judged by {given}: give {wanted}."
    zh = "{metric} 不能用 {given} 来判定：请给出 {wanted}。"


class NoClassesError(Refusal):
    """A target for every class, and trials without their class."""

    en = "{target} holds in every class, but the evidence has no stratum: give each trial's class."
    zh = "{target} 要求每一类都达到，但证据没有分类（stratum）：请给出每次试验所属的类别。"


@frozen(kw_only=True)
class More:
    """How many further trials would prove it.

    Attributes
    ----------
    no_further_error
        If none of them fails.
    observed_rate
        If they fail at the rate seen so far; None where that rate does not keep the limit.
    unit
        ``piece`` or ``cluster``.

    """

    no_further_error: int
    observed_rate: int | None
    unit: Literal["piece", "cluster"] = "piece"

    def to_json(self) -> dict[str, object]:
        """Return it as a mapping."""
        return {
            "no_further_error": self.no_further_error,
            "observed_rate": self.observed_rate,
            "unit": self.unit,
        }


@frozen(kw_only=True)
class ClassVerdict:
    """One class of a target.

    ``answer`` is the test of this class at the target's full risk, which is all that the
    decision uses. ``lower`` and ``upper`` are for reading: intervals that hold for all classes at
    once (Bonferroni), so they are wider than the test.
    """

    name: str
    answer: Answer
    point: float | None
    lower: float
    upper: float
    events: int
    trials: int
    clusters: int | None
    more_needed: More | None

    def to_json(self) -> dict[str, object]:
        """Return it as a mapping."""
        return {
            "class": self.name,
            "answer": self.answer,
            "point": self.point,
            "lower": self.lower,
            "upper": self.upper,
            "events": self.events,
            "trials": self.trials,
            "clusters": self.clusters,
            "more_needed": None if self.more_needed is None else self.more_needed.to_json(),
        }


@frozen(kw_only=True)
class TargetVerdict:
    """What became of one target.

    Attributes
    ----------
    answer
        ``proved``, ``refuted`` or ``not_yet``.
    point
        The figure as observed; None where there was nothing to observe.
    lower, upper
        One-sided bounds, each at the target's confidence; None where there is none. Proved and
        refuted are read off them: an upper bound within the limit proves "at most".
    events, trials, clusters
        What was counted; None where nothing is.
    method
        How it was decided, for the report.
    more_needed
        Only where not yet decided and more trials can help.
    note
        Why there is no bound, if so: ``too_few_items``, ``too_short``, ``correlated``,
        ``one_measurement``, ``no_trials``.
    design_effect, icc
        With clusters: by how much dependence inflates the variance, and the correlation within.

    """

    target: Target
    answer: Answer
    point: float | None
    lower: float | None
    upper: float | None
    method: str
    events: int | None = None
    trials: int | None = None
    clusters: int | None = None
    more_needed: More | None = None
    by_class: tuple[ClassVerdict, ...] = ()
    note: str | None = None
    design_effect: float | None = None
    icc: float | None = None

    def to_json(self) -> dict[str, object]:
        """Return it as a mapping of plain values."""
        return self.target.to_json() | {
            "answer": self.answer,
            "point": self.point,
            "lower": self.lower,
            "upper": self.upper,
            "events": self.events,
            "trials": self.trials,
            "clusters": self.clusters,
            "method": self.method,
            "more_needed": None if self.more_needed is None else self.more_needed.to_json(),
            "by_class": [one.to_json() for one in self.by_class],
            "note": self.note,
            "design_effect": self.design_effect,
            "icc": self.icc,
        }


@frozen(kw_only=True)
class Verdict:
    """What became of the promise."""

    answer: TrialAnswer
    targets: tuple[TargetVerdict, ...]

    def to_json(self) -> dict[str, object]:
        """Return it as a mapping of plain values."""
        return {"answer": self.answer, "targets": [one.to_json() for one in self.targets]}


def judge(promise: Promise, evidence: Sequence[Evidence]) -> Verdict:
    """Judge a promise once, on everything that a trial of a size fixed beforehand has seen.

    Every target is tested at its own full risk α, and the trial passes only if every one is
    proved (an intersection-union test, so a bad product passes with at most α without any
    correction). It fails as soon as one target is refuted.

    To be called once. Who looks several times uses `look`: with this function, looking every 100
    pieces turns a risk of 5 % into 21 %.

    Parameters
    ----------
    promise
        What was promised.
    evidence
        At least one for each target; others are ignored.

    Raises
    ------
    MissingEvidenceError, WrongEvidenceError, NoClassesError
        Where a target cannot be judged by what was given.

    Notes
    -----
    R. L. Berger, Technometrics 24 (1982) 295-300.

    """
    verdicts = tuple(
        judge_one(target, evidence_for(target, evidence)) for target in promise.targets
    )
    return Verdict(answer=combined(verdicts), targets=verdicts)


def combined(verdicts: Sequence[TargetVerdict]) -> TrialAnswer:
    """Return the trial's answer: every target proved, one refuted, or neither."""
    if any(one.answer == "refuted" for one in verdicts):
        return "failed"
    return "passed" if all(one.answer == "proved" for one in verdicts) else "undecided"


def evidence_for(target: Target, evidence: Sequence[Evidence]) -> Evidence:
    """Return the evidence of a target's metric, of a kind that can judge it."""
    mine = [one for one in evidence if one.metric == target.metric]
    # A metric may be promised as a whole and in every class: take what tells the classes.
    with_classes = [one for one in mine if isinstance(one, Counts) and one.stratum is not None]
    found = next(iter(with_classes if target.every_class and with_classes else mine), None)
    if found is None:
        given = ", ".join(sorted({one.metric for one in evidence})) or "-"
        raise MissingEvidenceError(target=target, given=given)
    wanted: dict[str, tuple[type, ...]] = {
        "ratio": (Counts,),
        "mean": (Values,),
        "quantile": (Values,),
        "pace": (Pace, Repeats, Measured),
        "measured": (Measured,),
    }
    kinds = wanted[target.rule.kind]
    if not isinstance(found, kinds):
        raise WrongEvidenceError(
            metric=target.metric,
            given=type(found).__name__,
            wanted=" / ".join(kind.__name__ for kind in kinds),
        )
    return found


def judge_one(target: Target, found: Evidence) -> TargetVerdict:
    """Judge one target once by its own evidence."""
    if isinstance(found, Counts):
        return _judge_classes(target, found) if target.every_class else _judge_counts(target, found)
    if isinstance(found, Pace):
        bound = batch_means_bound(found.done_at_s, confidence=target.confidence, limit=target.limit)
        fewest = BATCH_COUNTS[-1] * ITEMS_PER_BATCH_MIN
        return _judge_pace(target, bound, method="batch_means", items_min=fewest)
    if isinstance(found, Repeats):
        bound = repeats_bound(found.items, found.seconds, confidence=target.confidence)
        fewest = REPEATS_MIN * ITEMS_PER_REPEAT_MIN
        return _judge_pace(target, bound, method="repeats", items_min=fewest)
    if isinstance(found, Measured):
        return _judge_measured(target, found)
    return _judge_quantile(target, found) if target.rule.quantile else _judge_mean(target, found)


# --- ratios -------------------------------------------------------------------------------------


def bad_limit(target: Target) -> float:
    """Return the limit on the bad event: that of a good event, turned round."""
    return target.limit if target.rule.event_is_bad else 1 - target.limit


def bad_events(target: Target, counts: Counts) -> NDArray[np.bool_]:
    """Return where the bad thing happened, whichever of the two the metric counts."""
    return counts.event if target.rule.event_is_bad else ~counts.event


@frozen(kw_only=True)
class _Ratio:
    """The test of one set of trials, on the bad event."""

    answer: Answer
    point: float | None
    lower: float
    upper: float
    bad: int
    trials: int
    clusters: int | None
    more: More | None
    groups: Groups | None = None


def _tested(
    bad: NDArray[np.bool_],
    cluster: NDArray[np.int64] | None,
    *,
    limit: float,
    alpha: float,
    alpha_refute: float | None = None,
    alpha_interval: float | None = None,
) -> _Ratio:
    """Test bad events against a limit, as clusters where they hang together."""
    refute = alpha if alpha_refute is None else alpha_refute
    shown = alpha if alpha_interval is None else alpha_interval
    if len(bad) == 0:
        more = More(no_further_error=samples_needed(limit=limit, confidence=1 - alpha),
                    observed_rate=None)  # fmt: skip
        return _Ratio(answer="not_yet", point=None, lower=0.0, upper=1.0, bad=0, trials=0,
                      clusters=None, more=more)  # fmt: skip
    groups = None if cluster is None else group(bad, cluster)
    if groups is None or groups.size_max == 1:
        return _tested_pieces(bad, limit=limit, alpha=alpha, refute=refute, shown=shown)
    return _tested_clusters(groups, bad, limit=limit, alpha=alpha, refute=refute, shown=shown)


def _tested_pieces(
    bad: NDArray[np.bool_], *, limit: float, alpha: float, refute: float, shown: float
) -> _Ratio:
    count, total = int(np.count_nonzero(bad)), len(bad)
    given = {"event_count": count, "trial_count": total}
    answer: Answer = "not_yet"
    if proves_below(**given, limit=limit, alpha=alpha):
        answer = "proved"
    elif proves_above(**given, limit=limit, alpha=refute):
        answer = "refuted"
    return _Ratio(
        answer=answer,
        point=count / total,
        lower=lower_bound(**given, confidence=1 - shown),
        upper=upper_bound(**given, confidence=1 - shown),
        bad=count,
        trials=total,
        clusters=None,
        more=_more_pieces(count, total, limit=limit, alpha=alpha) if answer == "not_yet" else None,
    )


def _more_pieces(count: int, total: int, *, limit: float, alpha: float) -> More:
    clean = samples_needed(limit=limit, event_count=count, confidence=1 - alpha) - total
    rate = count / total

    def proved(more: int) -> bool:
        pieces = total + more
        return at_most(math.ceil(rate * pieces - 1e-9), pieces, limit) <= alpha

    return More(
        no_further_error=clean,
        observed_rate=smallest(proved, low=clean) if rate < limit else None,
    )


def smallest(holds: Callable[[int], bool], *, low: int) -> int | None:
    """Return about the smallest number from ``low`` for which an almost monotone rule holds."""
    if holds(low):
        return low
    high = max(2 * low, 2)
    while not holds(high):
        low, high = high, 2 * high
        if high > _MORE_MAX:
            return None
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _tested_clusters(
    groups: Groups,
    bad: NDArray[np.bool_],
    *,
    limit: float,
    alpha: float,
    refute: float,
    shown: float,
) -> _Ratio:
    answer: Answer = "not_yet"
    if proves_mean_below(groups, limit=limit, alpha=alpha):
        answer = "proved"
    elif proves_mean_above(groups, limit=limit, alpha=refute):
        answer = "refuted"
    return _Ratio(
        answer=answer,
        point=groups.mean,
        lower=mean_lower_bound(groups, alpha=shown),
        upper=mean_upper_bound(groups, alpha=shown),
        bad=int(np.count_nonzero(bad)),
        trials=len(bad),
        clusters=groups.cluster_count,
        more=_more_clusters(groups, limit=limit, alpha=alpha) if answer == "not_yet" else None,
        groups=groups,
    )


def _more_clusters(groups: Groups, *, limit: float, alpha: float) -> More | None:
    def clean(more: int) -> bool:
        return proves_mean_below(groups.with_clean(more), limit=limit, alpha=alpha)

    def same(more: int) -> bool:
        factor = 1 + more / groups.cluster_count
        return proves_mean_below(groups.scaled(factor), limit=limit, alpha=alpha)

    fewest = smallest(clean, low=1)
    if fewest is None:
        return None
    observed = smallest(same, low=fewest) if groups.mean < limit else None
    unit: Literal["piece", "cluster"] = "piece" if groups.size_max == 1 else "cluster"
    return More(no_further_error=fewest, observed_rate=observed, unit=unit)


def _judge_counts(target: Target, counts: Counts) -> TargetVerdict:
    bad = bad_events(target, counts)
    tested = _tested(bad, counts.cluster, limit=bad_limit(target), alpha=target.alpha)
    verdict = _ratio_verdict(target, tested)
    if counts.stratum is None or len(bad) == 0:
        return verdict
    return evolve(verdict, by_class=tuple(one for one, _ in _by_class(target, counts)))


def _ratio_verdict(target: Target, tested: _Ratio) -> TargetVerdict:
    effect, icc = (None, None)
    if tested.groups is not None:
        effect, icc = dependence(tested.groups)
    point, lower, upper, events = _as_counted(target, tested)
    return TargetVerdict(
        target=target,
        answer=tested.answer,
        point=point,
        lower=lower,
        upper=upper,
        events=events,
        trials=tested.trials,
        clusters=tested.clusters,
        method="clopper_pearson" if tested.clusters is None else "cluster_betting",
        more_needed=tested.more,
        note=None if tested.trials else "no_trials",
        design_effect=effect,
        icc=icc,
    )


def _as_counted(target: Target, tested: _Ratio) -> tuple[float | None, float, float, int]:
    """Turn the test of the bad event back into the metric's own event."""
    if target.rule.event_is_bad:
        return tested.point, tested.lower, tested.upper, tested.bad
    point = None if tested.point is None else 1 - tested.point
    return point, 1 - tested.upper, 1 - tested.lower, tested.trials - tested.bad


def _by_class(target: Target, counts: Counts) -> list[tuple[ClassVerdict, _Ratio]]:
    """Test each class; proofs at full risk, refutations and intervals shared by Bonferroni.

    A proof of all needs each one, so it needs no correction; a refutation of one of many does.
    """
    if counts.stratum is None:
        raise NoClassesError(target=target)
    classes = _members(counts.stratum)
    bad, shared = bad_events(target, counts), target.alpha / max(len(classes), 1)
    rows = []
    for name, rows_here in classes:
        tested = _tested(
            bad[rows_here],
            None if counts.cluster is None else counts.cluster[rows_here],
            limit=bad_limit(target),
            alpha=target.alpha,
            alpha_refute=shared,
            alpha_interval=shared,
        )
        rows.append((_class_verdict(target, str(name), tested), tested))
    return rows


def _members(stratum: NDArray[Any]) -> list[tuple[str, NDArray[np.int64]]]:
    """Return the classes in their order and the rows of each.

    Peeling off one class after the other is many times faster than sorting a million texts, as
    long as there are few classes.
    """
    found: list[tuple[str, NDArray[np.int64]]] = []
    rest = np.arange(len(stratum))
    while len(rest) and len(found) < _PEELED_MAX:
        same = stratum[rest] == stratum[rest[0]]
        found.append((str(stratum[rest[0]]), rest[same]))
        rest = rest[~same]
    if len(rest):
        names, codes = np.unique(stratum[rest], return_inverse=True)
        order = rest[np.argsort(codes, kind="stable")]
        parts = np.split(order, np.cumsum(np.bincount(codes))[:-1])
        found += [(str(name), part) for name, part in zip(names, parts, strict=True)]
    return sorted(found, key=lambda one: one[0])


def _class_verdict(target: Target, name: str, tested: _Ratio) -> ClassVerdict:
    point, lower, upper, events = _as_counted(target, tested)
    return ClassVerdict(
        name=name,
        answer=tested.answer,
        point=point,
        lower=lower,
        upper=upper,
        events=events,
        trials=tested.trials,
        clusters=tested.clusters,
        more_needed=tested.more,
    )


def _judge_classes(target: Target, counts: Counts) -> TargetVerdict:
    """Judge a target that every class must keep: proved if each is, refuted if one is."""
    rows = _by_class(target, counts)
    whole = _tested(
        bad_events(target, counts), counts.cluster, limit=bad_limit(target), alpha=target.alpha
    )
    answers = [one.answer for one, _ in rows]
    answer: Answer = "not_yet"
    if "refuted" in answers:
        answer = "refuted"
    elif answers and all(one == "proved" for one in answers):
        answer = "proved"
    verdict = _ratio_verdict(target, whole)
    return evolve(
        verdict,
        answer=answer,
        method=f"{verdict.method}_every_class",
        by_class=tuple(one for one, _ in rows),
        more_needed=more_of_classes([one.more_needed for one, _ in rows])
        if answer == "not_yet"
        else None,
    )


def more_of_classes(parts: list[More | None]) -> More | None:
    """Add up what the open classes need: each needs pieces of its own."""
    needed = [one for one in parts if one is not None]
    if not needed:
        return None
    at_rate = [one.observed_rate for one in needed]
    return More(
        no_further_error=sum(one.no_further_error for one in needed),
        observed_rate=None if None in at_rate else sum(one or 0 for one in at_rate),
        unit=needed[0].unit,
    )


def design_effect(
    value: NDArray[np.bool_] | NDArray[np.float64], cluster: NDArray[np.int64]
) -> tuple[float, float]:
    """Return the design effect and the intra-cluster correlation of values in clusters.

    Parameters
    ----------
    value
        Shape (n,), yes or no, or in [0, 1].
    cluster
        Shape (n,), whole numbers from 0; equal ones belong together.

    """
    return dependence(group(value, cluster))


def dependence(groups: Groups) -> tuple[float, float]:
    """Return the design effect and the intra-cluster correlation of clustered values.

    Correlation by one-way analysis of variance, cut to [0, 1]; design effect
    1 + (m̃ − 1)·ICC with m̃ = Σ n² / Σ n. They describe; the decision does not use them.
    L. Kish, Survey Sampling (1965), 5.4.
    """
    size, total, count = groups.size, groups.total, groups.count
    pieces, clusters = float((size * count).sum()), float(count.sum())
    weighted_size = float((size**2 * count).sum()) / pieces
    if clusters < 2 or pieces <= clusters:  # noqa: PLR2004 - no variance between fewer than two
        return weighted_size, 1.0
    rate = groups.mean
    between = float((count * size * (total / size - rate) ** 2).sum()) / (clusters - 1)
    inside = float((count * (total - total**2 / size)).sum()) / (pieces - clusters)
    typical = (pieces - weighted_size) / (clusters - 1)
    spread = between + (typical - 1) * inside
    icc = min(max((between - inside) / spread, 0.0), 1.0) if spread > 0 else 0.0
    return 1 + (weighted_size - 1) * icc, icc


# --- means, quantiles, pace, measurements -------------------------------------------------------


def scaled(target: Target, values: Values) -> tuple[NDArray[np.float64], float, float]:
    """Return values in [0, 1], what the limit becomes there, and the width of the range."""
    if not math.isfinite(values.high):
        raise WrongEvidenceError(
            metric=target.metric, given="Values(high=inf)", wanted="Values(low, high)"
        )
    width = values.high - values.low
    return (values.value - values.low) / width, (target.limit - values.low) / width, width


def _judge_mean(target: Target, values: Values) -> TargetVerdict:
    unit, limit, width = scaled(target, values)
    if target.metric == "bias":
        return _judge_bias(target, values, unit, width)
    if len(unit) == 0:
        return _nothing(target, method="betting")
    groups = group(unit, values.cluster)
    downward = group(unit, values.cluster, down=True)
    answer: Answer = "not_yet"
    if limit >= 1 or proves_mean_below(groups, limit=limit, alpha=target.alpha):
        answer = "proved"
    elif proves_mean_above(downward, limit=limit, alpha=target.alpha):
        answer = "refuted"
    return TargetVerdict(
        target=target,
        answer=answer,
        point=float(values.value.mean()),
        lower=values.low + width * mean_lower_bound(downward, alpha=target.alpha),
        upper=values.low + width * mean_upper_bound(groups, alpha=target.alpha),
        trials=len(unit),
        clusters=None if values.cluster is None else groups.cluster_count,
        method="betting" if values.cluster is None else "cluster_betting",
        more_needed=_more_clusters(groups, limit=limit, alpha=target.alpha)
        if answer == "not_yet"
        else None,
    )


def _judge_bias(
    target: Target, values: Values, unit: NDArray[np.float64], width: float
) -> TargetVerdict:
    """Judge |mean| against a limit: below it on both sides proves, beyond one refutes.

    Two one-sided tests; each at full risk for the proof, at half for the refutation.
    """
    if len(unit) == 0:
        return _nothing(target, method="betting")
    groups = group(unit, values.cluster)
    downward = group(unit, values.cluster, down=True)
    low = values.low + width * mean_lower_bound(downward, alpha=target.alpha)
    high = values.low + width * mean_upper_bound(groups, alpha=target.alpha)
    half_low = values.low + width * mean_lower_bound(downward, alpha=target.alpha / 2)
    half_high = values.low + width * mean_upper_bound(groups, alpha=target.alpha / 2)
    answer: Answer = "not_yet"
    if -target.limit <= low and high <= target.limit:
        answer = "proved"
    elif half_low > target.limit or half_high < -target.limit:
        answer = "refuted"
    return TargetVerdict(
        target=target,
        answer=answer,
        point=float(values.value.mean()),
        lower=low,
        upper=high,
        trials=len(unit),
        clusters=None if values.cluster is None else groups.cluster_count,
        method="betting_two_one_sided",
    )


def _nothing(target: Target, *, method: str) -> TargetVerdict:
    return TargetVerdict(
        target=target,
        answer="not_yet",
        point=None,
        lower=None,
        upper=None,
        trials=0,
        method=method,
        note="no_trials",
    )


def slow_counts(target: Target, values: Values) -> Counts:
    """Return which values break a quantile's limit: at most 1 − q of them may."""
    over = values.value > target.limit if target.op == "<=" else values.value >= target.limit
    return Counts(metric="error_rate", event=over, cluster=values.cluster)


def _judge_quantile(target: Target, values: Values) -> TargetVerdict:
    quantile = target.rule.quantile or 0.5
    if len(values.value) == 0:
        return _nothing(target, method="order_statistics")
    slow = slow_counts(target, values)
    tested = _tested(slow.event, slow.cluster, limit=1 - quantile, alpha=target.alpha)
    lower, upper = _quantile_bounds(values.value, quantile=quantile, confidence=target.confidence)
    clustered = tested.clusters is not None
    return TargetVerdict(
        target=target,
        answer=tested.answer,
        point=float(np.quantile(values.value, quantile, method="inverted_cdf")),
        # Order statistics know nothing of clusters: no bound is better than a wrong one.
        lower=None if clustered else lower,
        upper=None if clustered else upper,
        events=tested.bad,
        trials=tested.trials,
        clusters=tested.clusters,
        method="cluster_betting" if clustered else "order_statistics",
        more_needed=tested.more,
    )


def _judge_pace(target: Target, bound: PaceBound, *, method: str, items_min: int) -> TargetVerdict:
    answer: Answer = "not_yet"
    if bound.lower is not None and bound.lower >= target.limit:
        answer = "proved"
    elif bound.upper is not None and bound.upper <= target.limit:
        answer = "refuted"
    fewer = items_min - bound.item_count
    return TargetVerdict(
        target=target,
        answer=answer,
        point=bound.point,
        lower=bound.lower,
        upper=bound.upper,
        trials=bound.item_count,
        method=method,
        note=bound.missing,
        more_needed=More(no_further_error=fewer, observed_rate=None) if fewer > 0 else None,
    )


def _judge_measured(target: Target, measured: Measured) -> TargetVerdict:
    """Judge a single figure; one of a pace proves nothing, for it shows no variation."""
    value, limit = measured.value, target.limit
    kept = {"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}
    answer: Answer = "proved" if kept[target.op] else "refuted"
    if target.rule.kind == "pace":
        answer = "not_yet"
    return TargetVerdict(
        target=target,
        answer=answer,
        point=value,
        lower=None,
        upper=None,
        trials=1,
        method="measured",
        note="one_measurement",
    )
