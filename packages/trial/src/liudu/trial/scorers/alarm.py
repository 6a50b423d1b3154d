"""Alarms on time series: outbreaks are events, everything else is quiet.

An event is caught when an alarm is given in any of its steps, while it lasts; it is caught in its
first step when the alarm is given there. A false alarm is an alarm in a quiet step. A step without
an answer counts as the worst: no alarm during an event, an alarm when it is quiet. Steps of one
series belong together and are one cluster.
"""

from collections.abc import Mapping
from typing import Any, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.acceptance import Counts, Promise, Target
from liudu.contract import Alarm, Prediction
from liudu.trial.scorers.scored import WORST_MAX, Scored, share
from liudu.trial.scorers.truth import StepTruth

NAME = "alarm"
VERSION = "1"


def options(promise: Promise) -> dict[str, Any]:
    """Return what the protocol fixes for this scorer."""
    del promise
    return {"caught": "any step while the event lasts", "cluster": "series"}


@attrs.frozen(kw_only=True, eq=False)
class _Steps:
    """Answers by step, shape (n,), and events, shape (e,)."""

    truth: StepTruth
    alarm: NDArray[np.bool_]  # the worst where there was no answer
    missing: NDArray[np.bool_]
    score: NDArray[np.float64]  # NaN where none was given
    first: NDArray[np.int64]  # first step of each event
    length: NDArray[np.int64]  # steps of each event
    delay: NDArray[np.int64]  # steps from the first step to the first alarm, -1 when never

    @property
    def quiet(self) -> NDArray[np.bool_]:
        return self.truth.event < 0


def score(truth: StepTruth, predictions: Mapping[str, Prediction], *, promise: Promise) -> Scored:
    """Score the answers to an alarm trial.

    Parameters
    ----------
    truth
        The steps, each series in the order of time.
    predictions
        By id.
    promise
        Whose targets want evidence.

    Returns
    -------
    Evidence for every alarm target, and details: timeliness, false alarms per quiet step.

    """
    steps = _steps(truth, predictions)
    evidence = tuple(
        _counts(steps, target) for target in promise.targets if target.rule.kind == "ratio"
    )
    return Scored(evidence=evidence, details=_details(steps))


def _steps(truth: StepTruth, predictions: Mapping[str, Prediction]) -> _Steps:
    given = [cast("Alarm | None", predictions.get(name)) for name in truth.ids]
    missing = np.array([answer is None for answer in given], bool)
    said = np.array([answer is not None and answer.alarm for answer in given], bool)
    alarm = np.where(missing, truth.event < 0, said)
    scores = [None if answer is None else answer.score for answer in given]
    inside = truth.event >= 0
    count = int(truth.event.max(initial=-1)) + 1
    step = np.arange(len(truth.ids))
    first = _first(truth.event[inside], step[inside], count=count)
    called = inside & alarm
    caught = _first(truth.event[called], step[called], count=count)
    return _Steps(
        truth=truth,
        alarm=alarm,
        missing=missing,
        score=np.array(scores, float),
        first=first,
        length=np.bincount(truth.event[inside], minlength=count),
        delay=np.where(caught < 0, -1, caught - first),
    )


def _first(event: NDArray[np.int64], step: NDArray[np.int64], *, count: int) -> NDArray[np.int64]:
    """Return the first step of each event, -1 for an event without one."""
    none = np.iinfo(np.int64).max
    first = np.full(count, none)
    np.minimum.at(first, event, step)
    return np.where(first == none, -1, first)


def _counts(steps: _Steps, target: Target) -> Counts:
    cluster = steps.truth.cluster
    if target.rule.unit == "positive":
        caught = steps.delay == 0 if target.metric == "first_step_rate" else steps.delay >= 0
        event, cluster = caught, cluster[steps.first]
    elif target.rule.unit == "negative":
        event, cluster = ~steps.alarm[steps.quiet], cluster[steps.quiet]
    else:
        event, cluster = ~steps.quiet[steps.alarm], cluster[steps.alarm]
    return Counts(
        metric=target.metric,
        event=~event if target.rule.event_is_bad else event,
        cluster=cluster,
    )


def _details(steps: _Steps) -> dict[str, Any]:
    caught = steps.delay >= 0
    false = steps.alarm & steps.quiet
    return {
        "counts": {
            "series": len(np.unique(steps.truth.series)),
            "events": len(steps.delay),
            "missed": int((~caught).sum()),
            "quiet_steps": int(steps.quiet.sum()),
            "false_alarms": int(false.sum()),
        },
        "missing": int(steps.missing.sum()),
        "sensitivity": share(caught),
        "first_step_rate": share(steps.delay == 0),
        "false_alarms_per_quiet_step": share(steps.alarm[steps.quiet]),
        "delay_steps": _delays(steps.delay[caught]),
        "by_class": _by_series(steps, false=false),
        "worst": _worst(steps, false=false),
    }


def _delays(delay: NDArray[np.int64]) -> dict[str, Any] | None:
    """Return how many steps the caught events waited for their first alarm."""
    if not delay.size:
        return None
    return {
        "mean": float(delay.mean()),
        "median": float(np.median(delay)),
        "max": int(delay.max()),
        "counts": np.bincount(delay).tolist(),
    }


def _by_series(steps: _Steps, *, false: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Return figures by series, numbered in the order in which they were shown."""
    series = steps.truth.series
    count = int(series.max(initial=-1)) + 1
    quiet = np.bincount(series[steps.quiet], minlength=count)
    alarms = np.bincount(series[false], minlength=count)
    events = np.bincount(series[steps.first], minlength=count)
    missed = np.bincount(series[steps.first[steps.delay < 0]], minlength=count)
    return [
        {
            "class": str(number + 1),
            "events": int(events[number]),
            "missed": int(missed[number]),
            "quiet_steps": int(quiet[number]),
            "false_alarms": int(alarms[number]),
        }
        for number in range(count)
    ]


def _worst(steps: _Steps, *, false: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """List missed events, the longest first, then the surest false alarms."""
    missed = np.flatnonzero(steps.delay < 0)
    missed = missed[np.argsort(-steps.length[missed], kind="stable")][: WORST_MAX // 2]
    where = np.flatnonzero(false)
    sure = np.nan_to_num(steps.score[where], nan=0.5)
    where = where[np.argsort(-sure, kind="stable")][: WORST_MAX // 2]
    rows = [
        _error(
            steps,
            int(steps.first[event]),
            answer=False,
            zh=f"整个事件（{steps.length[event]} 步）没有报警",
            en=f"no alarm during the whole event ({steps.length[event]} steps)",
        )
        for event in missed
    ]
    return rows + [_false_alarm(steps, int(step)) for step in where]


def _false_alarm(steps: _Steps, step: int) -> dict[str, Any]:
    if steps.missing[step]:
        zh, en = "没有回答，按最差计", "no answer, counted as the worst"
        return _error(steps, step, answer=None, zh=zh, en=en)
    return _error(steps, step, answer=True, zh="平静时误报", en="false alarm in a quiet step")


def _error(steps: _Steps, step: int, *, answer: bool | None, zh: str, en: str) -> dict[str, Any]:
    given = float(steps.score[step])
    return {
        "id": steps.truth.ids[step],
        "truth": bool(steps.truth.event[step] >= 0),
        "answer": answer,
        "score": None if np.isnan(given) else given,
        "why": {"zh": zh, "en": en},
    }
