"""The plan: how many pieces of each kind make a promise provable."""

import math
from collections.abc import Mapping

from attrs import frozen

from liudu.acceptance._binomial import Size, samples_needed, size_for_power
from liudu.acceptance._metric import piece_name
from liudu.acceptance._pace import (
    BATCH_COUNTS,
    DURATION_S_MIN,
    ITEMS_PER_BATCH_MIN,
    ITEMS_PER_REPEAT_MIN,
    REPEATS_MIN,
    WARMUP_SHARE,
)
from liudu.acceptance._promise import Promise, Target
from liudu.acceptance._sequential import SequentialTest, e_process, sprt
from liudu.acceptance._verdict import bad_limit

_HOPED_SHARE = 0.25  # of the limit, where nothing is hoped for
_POWERS = (0.8, 0.9)


@frozen(kw_only=True)
class Expected:
    """What a sequential test costs: expected pieces and probability of proof, by true rate."""

    method: str
    rate: float
    role: str
    sample_count_mean: float
    proved: float

    def to_json(self) -> dict[str, object]:
        """Return it as a mapping."""
        return {
            "method": self.method,
            "role": self.role,
            "rate": self.rate,
            "sample_count_mean": round(self.sample_count_mean, 1),
            "proved": round(self.proved, 6),
        }


@frozen(kw_only=True)
class TargetPlan:
    """How many trials one target needs.

    Attributes
    ----------
    unit
        What the metric's trials are: ``positive``, ``negative``, ``piece``, ``item`` …
    kind_of_piece
        What one trial is called, in Chinese and in English.
    samples
        Smallest number of trials that still proves the target with so many errors; per class
        where the target holds in every class. Empty where sampling error is not binomial.
    hoped
        The error rate that power and sequential sizes are for; ``hoped_assumed`` where it is a
        quarter of the limit because none was given.
    power
        Smallest plans that prove with 80 % and 90 % probability at the hoped rate.
    sequential
        Exact expectations of the sequential tests with no error, at the hoped rate, at the limit
        and at twice the limit.

    """

    target: Target
    unit: str
    kind_of_piece: tuple[str, str]
    samples: Mapping[str, int]
    hoped: float | None
    hoped_assumed: bool
    power: tuple[tuple[float, Size], ...]
    sequential: tuple[Expected, ...]
    duration_s_min: float | None = None

    def to_json(self) -> dict[str, object]:
        """Return it as a mapping of plain values."""
        return self.target.to_json() | {
            "unit": self.unit,
            "kind_of_piece": {"zh": self.kind_of_piece[0], "en": self.kind_of_piece[1]},
            "samples": dict(self.samples),
            "hoped_error_rate": self.hoped,
            "hoped_assumed": self.hoped_assumed,
            "power": [
                {
                    "wanted": wanted,
                    "samples": size.trial_count,
                    "errors_allowed": size.event_count,
                    "power": round(size.power, 6),
                }
                for wanted, size in self.power
            ],
            "sequential": [one.to_json() for one in self.sequential],
            "duration_s_min": self.duration_s_min,
        }


@frozen(kw_only=True)
class Plan:
    """The plan of a promise.

    Attributes
    ----------
    targets
        One for each target, in the promise's order.
    samples_by_unit
        The smallest trial that can prove everything without an error: trials of each unit.
    pieces_from_line
        Pieces that the line must make for that many positive and negative ones to turn up by
        themselves, on average; None without ``line``.
    hours_on_line
        How long the line takes for them.

    """

    targets: tuple[TargetPlan, ...]
    samples_by_unit: Mapping[str, int]
    pieces_from_line: int | None
    hours_on_line: float | None

    def to_json(self) -> dict[str, object]:
        """Return it as a mapping of plain values."""
        return {
            "targets": [one.to_json() for one in self.targets],
            "samples_by_unit": dict(self.samples_by_unit),
            "pieces_from_line": self.pieces_from_line,
            "hours_on_line": self.hours_on_line,
        }


def plan(promise: Promise, *, errors_max: int = 3) -> Plan:
    """Return how many trials of each kind can show each target of a promise.

    Parameters
    ----------
    promise
        What is promised.
    errors_max
        ``samples`` are given for 0 … so many errors.

    """
    targets = tuple(_plan_target(promise, one, errors_max) for one in promise.targets)
    needed: dict[str, int] = {}
    for one in targets:
        if one.samples:
            needed[one.unit] = max(needed.get(one.unit, 0), one.samples["0"])
    pieces, hours = _on_line(promise, needed)
    return Plan(
        targets=targets, samples_by_unit=needed, pieces_from_line=pieces, hours_on_line=hours
    )


def _on_line(promise: Promise, needed: Mapping[str, int]) -> tuple[int | None, float | None]:
    line = promise.line
    if line is None:
        return None, None
    share = {"positive": line.positive_share, "negative": 1 - line.positive_share}
    pieces = max(
        (math.ceil(count / share.get(unit, 1.0) - 1e-9) for unit, count in needed.items()),
        default=0,
    )
    return pieces, pieces / line.pieces_per_h


def _plan_target(promise: Promise, target: Target, errors_max: int) -> TargetPlan:
    name = piece_name(target.rule, task=promise.task)
    limit = _binomial_limit(target)
    counts = range(errors_max + 1)
    if limit is None:
        return _plan_other(target, name, mode=promise.mode)
    samples = {
        str(c): samples_needed(limit=limit, event_count=c, confidence=target.confidence)
        for c in counts
    }
    binomial = target.rule.kind != "mean"
    if not binomial:  # with an error, a mean needs more than counting tells
        samples = {"0": samples["0"]}
    hoped = _hoped(target, limit)
    return TargetPlan(
        target=target,
        unit=target.rule.unit,
        kind_of_piece=name,
        samples=samples,
        hoped=hoped if binomial else None,
        hoped_assumed=target.hoped is None or target.rule.kind != "ratio",
        power=_power(limit, hoped, target.confidence) if binomial else (),
        sequential=_sequential(limit, hoped, target.confidence) if binomial else (),
    )


def _plan_other(target: Target, name: tuple[str, str], *, mode: str) -> TargetPlan:
    paced = target.rule.kind == "pace"
    items = math.ceil((BATCH_COUNTS[-1] * ITEMS_PER_BATCH_MIN + 1) / (1 - WARMUP_SHARE))
    if mode == "batch":
        items = REPEATS_MIN * ITEMS_PER_REPEAT_MIN
    return TargetPlan(
        target=target,
        unit=target.rule.unit,
        kind_of_piece=name,
        samples={"0": items if paced else 1},
        hoped=None,
        hoped_assumed=False,
        power=(),
        sequential=(),
        duration_s_min=DURATION_S_MIN / (1 - WARMUP_SHARE) if paced and mode == "stream" else None,
    )


def _binomial_limit(target: Target) -> float | None:
    """Return the limit on the rate of bad trials, or None where trials are not yes or no."""
    kind = target.rule.kind
    if kind == "ratio":
        return bad_limit(target)
    if kind == "quantile":
        return 1 - (target.rule.quantile or 0.5)
    if kind == "mean" and target.metric != "bias":
        return target.limit / target.options["cap"] if "cap" in target.options else None
    return None


def _hoped(target: Target, limit: float) -> float:
    if target.hoped is None or target.rule.kind != "ratio":
        return limit * _HOPED_SHARE
    return target.hoped if target.rule.event_is_bad else 1 - target.hoped


def _power(limit: float, hoped: float, confidence: float) -> tuple[tuple[float, Size], ...]:
    sizes = (
        (wanted, size_for_power(limit=limit, rate=hoped, wanted=wanted, confidence=confidence))
        for wanted in _POWERS
    )
    return tuple((wanted, size) for wanted, size in sizes if size is not None)


def _sequential(limit: float, hoped: float, confidence: float) -> tuple[Expected, ...]:
    rates = {"no_error": 0.0, "hoped": hoped, "limit": limit, "twice_limit": min(2 * limit, 1.0)}
    aim = hoped if hoped > 0 else limit * _HOPED_SHARE
    tests: tuple[tuple[str, SequentialTest], ...] = (
        ("sprt", sprt(limit=limit, hoped=aim, confidence=confidence)),
        ("e_process", e_process(limit=limit, confidence=confidence)),
    )
    return tuple(
        Expected(
            method=method,
            rate=rate,
            role=role,
            sample_count_mean=done.sample_count_mean,
            proved=done.proved,
        )
        for method, test in tests
        for role, rate in rates.items()
        for done in (test.characteristic(rate),)
    )
