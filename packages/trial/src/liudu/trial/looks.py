"""Scoring the pieces that were shown so far, and looking whether the trial is decided."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.acceptance import Counts, Evidence, Look, LookState, look
from liudu.contract import Prediction
from liudu.trial.scorers import Scored
from liudu.trial.scorers.truth import BoxTruth, ClassTruth, StepTruth, Truth, ValueTruth
from liudu.trial.scoring import Timing, measured_evidence, require_same_scorer, score_against
from liudu.trial.seal import Seal

# Not known before the end; a plain measurement is judged anew at each look, so it is not kept.
NOT_KNOWN_YET = {"memory_peak_mib": 0.0}


@attrs.define(kw_only=True, slots=False)
class Scorekeeper:
    """Scores a run against the labels of its seal, as far as pieces were shown.

    Attributes
    ----------
    seal
        With its private part.
    taken
        How many pieces had been shown at each look so far.

    """

    seal: Seal
    taken: list[int] = attrs.field(init=False, factory=list)
    _state: LookState | None = attrs.field(init=False, default=None)

    @cached_property
    def _labels(self) -> Truth:
        require_same_scorer(self.seal)
        return self.seal.labels()

    @cached_property
    def _strata(self) -> dict[str, set[str]]:
        """The classes in the whole sealed set, by metric."""
        nothing = score_against(self._labels, {}, promise=self.seal.promise)
        return {
            one.metric: {str(name) for name in np.unique(one.stratum)}
            for one in nothing.evidence
            if isinstance(one, Counts) and one.stratum is not None
        }

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """After how many pieces a look makes sense: anywhere, but never within a series."""
        count = len(self.seal.items)
        if self.seal.protocol["task"] != "alarm":
            return np.arange(1, count + 1)
        series = np.array([str(item.data.get("series")) for item in self.seal.items])
        return np.append(np.flatnonzero(series[1:] != series[:-1]) + 1, count)

    def whole(self, shown: int) -> int:
        """Return how many of the first `shown` pieces may be looked at."""
        ends = self._ends[self._ends <= shown]
        return int(ends[-1]) if len(ends) else 0

    def next_whole(self, shown: int) -> int:
        """Return the least number of pieces, from `shown` on, that may be looked at."""
        return int(self._ends[np.searchsorted(self._ends, min(shown, self._ends[-1]))])

    def scored(
        self,
        shown: int,
        predictions: Mapping[str, Prediction],
        *,
        timings: NDArray[np.float64] | None,
        measurements: Mapping[str, Any],
    ) -> Scored:
        """Score the first `shown` pieces; one without an answer counts as the worst."""
        promise = self.seal.promise
        labels = first(self._labels, shown)
        scored = score_against(labels, predictions, promise=promise)
        timing = None
        if timings is not None:
            timing = Timing(sent_at_s=timings[:shown, 0], answered_at_s=timings[:shown, 1])
        more = measured_evidence(promise, timing=timing, measurements=measurements)
        return attrs.evolve(scored, evidence=scored.evidence + more)

    def look(
        self,
        shown: int,
        predictions: Mapping[str, Prediction],
        *,
        timings: NDArray[np.float64] | None,
        measurements: Mapping[str, Any],
    ) -> Look | None:
        """Look at the first `shown` pieces, or None where there is nothing to look at yet."""
        count = self.whole(shown)
        if count == 0:
            return None
        known = {**NOT_KNOWN_YET, **measurements}
        scored = self.scored(count, predictions, timings=timings, measurements=known)
        return self.look_at(scored.evidence, count)

    def look_at(self, evidence: tuple[Evidence, ...], count: int) -> Look:
        """Look at evidence on the first `count` pieces; the next look goes on from this one."""
        at_end = count >= len(self.seal.items)
        found = look(self.seal.promise, evidence, self._state, strata=self._strata, at_end=at_end)
        self._state = found.state
        self.taken.append(count)
        return found

    def forget(self) -> None:
        """Begin again: the servings whose answers were looked at do not count."""
        self.taken, self._state = [], None


def look_row(found: Look, *, shown: int) -> dict[str, Any]:
    """Return a look as a row of ``result.json``."""
    targets = [
        {
            "metric": one.target.metric,
            "answer": one.answer,
            "point": one.point,
            "lower": one.lower,
            "upper": one.upper,
            "events": one.events,
            "trials": one.trials,
        }
        for one in found.verdict.targets
    ]
    return {"shown": shown, "decided": found.decided, "targets": targets}


def first(labels: Truth, count: int) -> Truth:
    """Return the labels of the first `count` pieces."""
    if count >= len(labels.ids):
        return labels
    ids = labels.ids[:count]
    cluster = None if labels.cluster is None else labels.cluster[:count]
    if isinstance(labels, BoxTruth):
        shown = labels.piece < count
        return attrs.evolve(
            labels,
            ids=ids,
            cluster=cluster,
            piece=labels.piece[shown],
            box=labels.box[shown],
            code=labels.code[shown],
        )
    if isinstance(labels, StepTruth):
        return attrs.evolve(
            labels,
            ids=ids,
            cluster=labels.cluster[:count],
            series=labels.series[:count],
            event=labels.event[:count],
        )
    if isinstance(labels, ValueTruth):
        return attrs.evolve(labels, ids=ids, cluster=cluster, value=labels.value[:count])
    return _first_classes(labels, ids=ids, count=count)


def _first_classes(labels: ClassTruth, *, ids: tuple[str, ...], count: int) -> ClassTruth:
    cluster = None if labels.cluster is None else labels.cluster[:count]
    return attrs.evolve(labels, ids=ids, cluster=cluster, code=labels.code[:count])
