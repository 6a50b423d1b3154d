"""Classification: one class for each piece, two kinds or many.

A piece is positive when its true class is the promise's `positive`. It is missed when it is
positive and the answer is any other class; it is overkill when it is not positive and the answer
is the positive class. A piece without an answer counts as the worst: missed if positive, overkill
if not, and wrong in any case.
"""

from collections.abc import Mapping
from typing import Any, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.acceptance import (
    Counts,
    Promise,
    TooFewSamplesError,
    learn_then_test,
    risk_coverage,
)
from liudu.contract import LabelColumns, Labelled, Prediction
from liudu.trial.scorers.scored import WORST_MAX, Scored
from liudu.trial.scorers.truth import ClassTruth

NAME = "classify"
VERSION = "1"
CURVE_POINTS_MAX = 200
MISSING = -2  # no answer; -1 is an answer outside the classes
Answers = Mapping[str, Prediction] | LabelColumns


def options(promise: Promise) -> dict[str, Any]:
    """Return what the protocol fixes for this scorer."""
    return {"positive": promise.positive}


@attrs.frozen(kw_only=True, eq=False)
class _Table:
    """One row a piece, as columns of shape (n,)."""

    truth: ClassTruth
    answer: NDArray[np.int32]  # index into classes, -1 another class, MISSING
    score: NDArray[np.float64]  # for the positive kind; NaN where none was given
    positive: NDArray[np.bool_]
    flagged: NDArray[np.bool_]  # called positive, or counted so for want of an answer

    @property
    def missing(self) -> NDArray[np.bool_]:
        return np.asarray(self.answer == MISSING)

    @property
    def wrong(self) -> NDArray[np.bool_]:
        return np.asarray(self.answer != self.truth.code)


def score(truth: ClassTruth, predictions: Answers, *, promise: Promise) -> Scored:
    """Score the answers to a classification trial.

    Parameters
    ----------
    truth
        The true classes.
    predictions
        By id, or as columns in any order.
    promise
        Whose targets want evidence.

    Returns
    -------
    Evidence for every classification target, and details: confusion, by class, risk-coverage.

    """
    table = _table(truth, predictions, positive=promise.positive)
    evidence = tuple(
        _counts(table, metric=target.metric, every_class=target.every_class)
        for target in promise.targets
        if target.rule.kind == "ratio"
    )
    return Scored(evidence=evidence, details=_details(table, promise=promise))


def _table(truth: ClassTruth, predictions: Answers, *, positive: str | None) -> _Table:
    labels, scores = _columns(truth, predictions, positive=positive)
    known: dict[str | None, int] = {name: code for code, name in enumerate(truth.classes)}
    known[None] = MISSING
    count = len(truth.ids)
    answer = np.fromiter((known.get(label, -1) for label in labels), np.int32, count)
    given = np.array(scores, np.float64)  # None becomes NaN
    code = known.get(positive, -3)
    is_positive = truth.code == code
    missing = answer == MISSING
    flagged = np.where(missing, ~is_positive, answer == code)
    worst = np.where(is_positive, 0.0, 1.0)
    return _Table(
        truth=truth,
        answer=answer,
        score=np.where(missing, worst, given),
        positive=is_positive,
        flagged=flagged,
    )


def _columns(
    truth: ClassTruth, predictions: Answers, *, positive: str | None
) -> tuple[list[str | None], list[float | None]]:
    """Return label and score of each piece, in item order; None where there is no answer."""
    if isinstance(predictions, LabelColumns):
        return _columns_in_order(truth, predictions)
    absent = Labelled("", cast("str", None))
    given = cast("Mapping[str, Labelled]", predictions)
    answers = [given.get(name, absent) for name in truth.ids]
    labels: list[str | None] = [answer.label for answer in answers]
    return labels, [_positive_score(answer, positive=positive) for answer in answers]


def _positive_score(answer: Labelled, *, positive: str | None) -> float | None:
    if answer.score is not None or answer.scores is None:
        return answer.score
    return answer.scores.get(positive or "", 0.0)


def _columns_in_order(
    truth: ClassTruth, columns: LabelColumns
) -> tuple[list[str | None], list[float | None]]:
    if columns.ids == list(truth.ids):
        return cast("list[str | None]", columns.labels), columns.scores
    place = {name: index for index, name in enumerate(columns.ids)}
    places = [place.get(name) for name in truth.ids]
    labels = [None if p is None else columns.labels[p] for p in places]
    return labels, [None if p is None else columns.scores[p] for p in places]


def _counts(table: _Table, *, metric: str, every_class: bool) -> Counts:
    where, event = _events(table, metric)
    cluster, classes = table.truth.cluster, np.array(table.truth.classes)
    return Counts(
        metric=metric,
        event=event[where],
        cluster=None if cluster is None else cluster[where],
        stratum=classes[table.truth.code[where]] if every_class else None,
    )


def _events(table: _Table, metric: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the trials that a metric counts, and what it counts on them; both of shape (n,)."""
    positive, flagged = table.positive, table.flagged
    every = np.ones(len(positive), bool)
    rules = {
        "miss_rate": (positive, ~flagged),
        "sensitivity": (positive, flagged),
        "overkill_rate": (~positive, flagged),
        "specificity": (~positive, ~flagged),
        "precision": (flagged, positive),
        "false_discovery_rate": (flagged, ~positive),
        "accuracy": (every, ~table.wrong),
        "error_rate": (every, table.wrong),
        "class_error_rate": (every, table.wrong),
    }
    return rules[metric]


def _details(table: _Table, *, promise: Promise) -> dict[str, Any]:
    missed, overkill = table.positive & ~table.flagged, ~table.positive & table.flagged
    return {
        "positive": promise.positive,
        "counts": {
            "positive": int(table.positive.sum()),
            "negative": int((~table.positive).sum()),
            "missed": int(missed.sum()),
            "overkill": int(overkill.sum()),
            "wrong": int(table.wrong.sum()),
        },
        "missing": int(table.missing.sum()),
        "confusion": _confusion(table),
        "by_class": _by_class(table),
        "risk_coverage": _risk_coverage(table, promise=promise),
        "selective": _selective(table, promise=promise),
        "worst": _worst(table, missed=missed, overkill=overkill),
    }


def _confusion(table: _Table) -> dict[str, Any]:
    """Rows are true classes; the columns are the answers, then “another class”, then no answer."""
    size = len(table.truth.classes)
    column = np.where(table.answer >= 0, table.answer, size - 1 - table.answer)
    flat = np.bincount(table.truth.code * (size + 2) + column, minlength=size * (size + 2))
    return {
        "classes": list(table.truth.classes),
        "counts": flat.reshape(size, size + 2)[:, :size].tolist(),
        "other": flat.reshape(size, size + 2)[:, size].tolist(),
        "missing": flat.reshape(size, size + 2)[:, size + 1].tolist(),
    }


def _by_class(table: _Table) -> list[dict[str, Any]]:
    size = len(table.truth.classes)
    pieces = np.bincount(table.truth.code, minlength=size)
    wrong = np.bincount(table.truth.code, weights=table.wrong, minlength=size)
    return [
        {
            "class": name,
            "pieces": int(pieces[code]),
            "wrong": int(wrong[code]),
            "error_rate": float(wrong[code] / pieces[code]) if pieces[code] else None,
        }
        for code, name in enumerate(table.truth.classes)
    ]


def _risk_coverage(table: _Table, *, promise: Promise) -> list[dict[str, float | None]] | None:
    """Return what is risked when pieces scored below a threshold get no second look.

    None when a piece was answered without a score, or when nothing is positive.
    """
    if not _has_scores(table):
        return None
    confidence = min(target.confidence for target in promise.targets)
    curve = risk_coverage(
        table.score, table.positive, points=CURVE_POINTS_MAX, confidence=confidence
    )
    # The last row, where nothing gets a second look, has no threshold that JSON could hold.
    return [row for row in curve.to_json() if row["threshold"] is not None]


def _has_scores(table: _Table) -> bool:
    return bool(table.positive.any()) and not bool(np.isnan(table.score).any())


def _selective(table: _Table, *, promise: Promise) -> dict[str, Any] | None:
    """Return the threshold below which a second look can be spared, with its guarantee.

    None without scores, without a promise on misses, or where pieces hang together: the guarantee
    is for independent pieces only.
    """
    targets = {target.metric: target for target in promise.targets}
    target = targets.get("miss_rate") or targets.get("sensitivity")
    if target is None or not _has_scores(table) or table.truth.cluster is not None:
        return None
    limit = target.limit if target.rule.event_is_bad else 1 - target.limit
    negatives = table.score[~table.positive]
    try:
        chosen = learn_then_test(
            table.score[table.positive],
            negatives if negatives.size else None,
            miss_ratio_max=limit,
            confidence=target.confidence,
        )
    except TooFewSamplesError as refusal:
        return {"refused": {"zh": refusal.say("zh"), "en": refusal.say("en")}}
    threshold = chosen.threshold if np.isfinite(chosen.threshold) else None
    return attrs.asdict(chosen) | {"miss_ratio_max": limit, "threshold": threshold}


def _worst(
    table: _Table, *, missed: NDArray[np.bool_], overkill: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """List misses first, the surest first, then overkill, then confusions of other classes."""
    sure = np.nan_to_num(table.score, nan=0.5)
    mixed = table.wrong & ~missed & ~overkill
    half = WORST_MAX // 2
    rows: list[int] = []
    for kind, key in ((missed, sure), (overkill, -sure), (mixed, sure)):
        where = np.flatnonzero(kind)
        rows += [int(i) for i in where[np.argsort(key[where], kind="stable")][:half]]
    return [_error(table, index, is_miss=bool(missed[index])) for index in rows[:WORST_MAX]]


def _error(table: _Table, index: int, *, is_miss: bool) -> dict[str, Any]:
    code, given = int(table.answer[index]), float(table.score[index])
    answer = table.truth.classes[code] if code >= 0 else None
    return {
        "id": table.truth.ids[index],
        "truth": table.truth.classes[int(table.truth.code[index])],
        "answer": answer,
        "score": None if code == MISSING or np.isnan(given) else given,
        "why": _why(code, is_miss=is_miss, is_overkill=bool(table.flagged[index])),
    }


def _why(code: int, *, is_miss: bool, is_overkill: bool) -> dict[str, str]:
    if code == MISSING:
        return {"zh": "没有回答，按最差计", "en": "no answer, counted as the worst"}
    if is_miss:
        return {"zh": "漏检", "en": "missed"}
    if is_overkill:
        return {"zh": "过杀", "en": "overkill"}
    return {"zh": "类别答错", "en": "wrong class"}
