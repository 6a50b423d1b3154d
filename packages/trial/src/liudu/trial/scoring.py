"""From answers to evidence: the scorer that the seal fixed, and what was measured outside."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.acceptance import Evidence, Measured, Pace, Promise, Repeats, Values
from liudu.contract import LabelColumns, Prediction, Refusal
from liudu.trial import scorers
from liudu.trial.scorers import Scored, truth
from liudu.trial.seal import Seal


class ScorerChangedError(Refusal):
    """The scorer at hand is not the one that the seal fixed."""

    en = (
        "The seal fixed scorer {name} {version} ({sealed}); this program has {found}. Use the "
        "release of liudu-trial that made the seal, or seal again."
    )
    zh = (
        "封存固定的评分器是 {name} {version}（{sealed}），本程序的是 {found}。"
        "请使用制作该封存的 liudu-trial 版本，或重新封存。"
    )


@attrs.frozen(kw_only=True, eq=False)
class Timing:
    """When items were sent and answered: seconds from the start of serving, shape (n,) each.

    In batch mode nothing is known of single items, and there is no `Timing`.
    """

    sent_at_s: NDArray[np.float64]
    answered_at_s: NDArray[np.float64]

    @property
    def latency_s(self) -> NDArray[np.float64]:
        """Seconds from sending to answering, of the items that were answered."""
        answered = np.isfinite(self.answered_at_s)
        return self.answered_at_s[answered] - self.sent_at_s[answered]


def score(
    seal: Seal,
    predictions: Mapping[str, Prediction] | LabelColumns,
    *,
    timing: Timing | None = None,
    measurements: Mapping[str, Any] | None = None,
) -> Scored:
    """Score a run against the labels of its seal.

    Parameters
    ----------
    seal
        With its private part.
    predictions
        By id; for classification also as columns.
    timing
        In stream mode, when items were sent and answered.
    measurements
        What was measured outside, by metric name, such as ``memory_peak_mib``; in batch mode
        also ``servings``, each with ``answered`` and ``wall_s``.

    Raises
    ------
    ScorerChangedError
        If the scorer's source is not the one that the seal committed to.

    """
    require_same_scorer(seal)
    promise = seal.promise
    scored = score_against(seal.labels(), predictions, promise=promise)
    return attrs.evolve(
        scored,
        evidence=scored.evidence
        + measured_evidence(promise, timing=timing, measurements=measurements or {}),
    )


def require_same_scorer(seal: Seal) -> None:
    """Refuse to score by another rule than the one that was sealed."""
    sealed, found = seal.commitment["digests"]["scorer"], scorers.digest(seal.protocol["task"])
    if sealed != found:
        card = seal.protocol["scorer"]
        raise ScorerChangedError(
            name=card["name"], version=card["version"], sealed=sealed[:19], found=found[:19]
        )


def score_against(
    labels: truth.Truth,
    predictions: Mapping[str, Prediction] | LabelColumns,
    *,
    promise: Promise,
) -> Scored:
    """Score answers against true ones, both in memory."""
    scored = scorers.scorer_of(promise.task).score(labels, predictions, promise=promise)
    if not isinstance(scored, Scored):
        raise TypeError(type(scored))
    return scored


def measured_evidence(
    promise: Promise, *, timing: Timing | None, measurements: Mapping[str, Any]
) -> tuple[Evidence, ...]:
    """Return evidence for the targets on speed and memory, as far as something was measured."""
    found: list[Evidence] = []
    for target in promise.targets:
        if target.rule.kind == "pace" and timing is not None:
            answered = timing.answered_at_s[np.isfinite(timing.answered_at_s)]
            found.append(Pace(done_at_s=answered))
        elif target.rule.kind == "pace" and measurements.get("servings"):
            found.append(_repeats(measurements["servings"]))
        elif target.rule.kind == "quantile" and timing is not None:
            found.append(Values(metric=target.metric, value=timing.latency_s * 1000, low=0.0))
        elif target.metric in measurements:
            found.append(Measured(metric=target.metric, value=measurements[target.metric]))
    return tuple(found)


def _repeats(servings: Sequence[Mapping[str, Any]]) -> Repeats:
    """Return the chunks of a batch: each was started, served and timed by itself."""
    return Repeats(
        items=[row["answered"] for row in servings], seconds=[row["wall_s"] for row in servings]
    )
