"""Detection: boxes on pictures.

Two rules of matching, both strict (intersection over union > the promise's `iou`):

* the verdict's rule, that of PASCAL VOC: answers are taken by falling score, each takes the free
  true box of its own class that it overlaps most;
* the rule of DeepPCB (https://github.com/tangsanli5201/DeepPCB), for its figures only: true boxes
  in their order take the first free answer in its order, whatever its class, and a pair of two
  classes uses up both sides.

A true box that no answer took is missed; an answer that took none is a false call. A picture
without an answer counts as the worst: all its boxes are missed; a good one is flagged, with as
many false calls as the protocol's cap allows.

Boxes scored below the promise's `score_min` draw the precision-recall curve and its average
precision; nothing else counts them.
"""

from collections.abc import Mapping
from typing import Any, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.acceptance import Counts, Evidence, Promise, Target, Values
from liudu.contract import Boxes, Prediction
from liudu.trial.scorers.scored import WORST_MAX, Scored, share, spread
from liudu.trial.scorers.truth import BoxTruth, class_codes

NAME = "detect"
VERSION = "1"
CURVE_POINTS_MAX = 200


def options(promise: Promise) -> dict[str, Any]:
    """Return what the protocol fixes for this scorer."""
    return {
        "iou": promise.iou,
        "iou_rule": "greater",
        "match": "voc",
        "same_class": True,
        "score_min": promise.score_min,
    }


@attrs.frozen(kw_only=True, eq=False)
class _Calls:
    """All answered boxes, sorted by piece, in the order in which they were answered."""

    piece: NDArray[np.int64]  # (k,)
    box: NDArray[np.float64]  # (k, 4)
    code: NDArray[np.int32]  # (k,), -1 for a class that does not occur
    score: NDArray[np.float64]  # (k,)


@attrs.frozen(kw_only=True, eq=False)
class _Matched:
    """What was matched with what.

    Attributes
    ----------
    hit, found
        Shape (k,) and (m,): calls that took a true box, true boxes that were taken (VOC).
    located
        Shape (m,): the call that DeepPCB's rule gives to each true box, -1 for none.

    """

    truth: BoxTruth
    calls: _Calls
    missing: NDArray[np.bool_]  # (n,): pictures without an answer
    hit: NDArray[np.bool_]
    found: NDArray[np.bool_]
    located: NDArray[np.int64]

    @property
    def boxes_per_piece(self) -> NDArray[np.int64]:
        return np.bincount(self.truth.piece, minlength=len(self.truth.ids))

    @property
    def false_calls(self) -> NDArray[np.int64]:
        return np.bincount(self.calls.piece[~self.hit], minlength=len(self.truth.ids))

    @property
    def cluster(self) -> NDArray[np.int64]:
        """What each picture belongs to; at the least it is one cluster of its own boxes."""
        own = np.arange(len(self.truth.ids))
        return own if self.truth.cluster is None else self.truth.cluster


def score(truth: BoxTruth, predictions: Mapping[str, Prediction], *, promise: Promise) -> Scored:
    """Score the answers to a detection trial.

    Parameters
    ----------
    truth
        The true boxes.
    predictions
        By id.
    promise
        Whose targets want evidence; its `iou` is the overlap that a match must exceed, its
        `score_min` the score from which a box counts as a call.

    Returns
    -------
    Evidence for every detection target, and details: mAP, average precision by class, the
    figures of the DeepPCB protocol, confusion, the precision-recall curve.

    """
    ranked = _match(truth, predictions, iou=promise.iou)
    matched = ranked
    if promise.score_min > 0:
        called = _called(predictions, score_min=promise.score_min)
        matched = _match(truth, called, iou=promise.iou)
    evidence = tuple(
        _evidence(matched, target)
        for target in promise.targets
        if target.rule.kind in {"ratio", "mean"}
    )
    return Scored(evidence=evidence, details=_details(matched, ranked=ranked, promise=promise))


def _called(predictions: Mapping[str, Prediction], *, score_min: float) -> dict[str, Prediction]:
    """Return the answers with the boxes that count as calls."""
    answers = cast("Mapping[str, Boxes]", predictions)
    return {
        name: attrs.evolve(answer, boxes=tuple(b for b in answer.boxes if b.score >= score_min))
        for name, answer in answers.items()
    }


def _match(truth: BoxTruth, predictions: Mapping[str, Prediction], *, iou: float) -> _Matched:
    calls, missing = _calls(truth, predictions)
    hit, found = np.zeros(len(calls.piece), bool), np.zeros(len(truth.piece), bool)
    located = np.full(len(truth.piece), -1, np.int64)
    count = np.arange(len(truth.ids) + 1)
    true_at, call_at = np.searchsorted(truth.piece, count), np.searchsorted(calls.piece, count)
    busy = (np.diff(true_at) > 0) & (np.diff(call_at) > 0)
    for index in np.flatnonzero(busy):
        true = slice(true_at[index], true_at[index + 1])
        call = slice(call_at[index], call_at[index + 1])
        overlap = overlaps(truth.box[true], calls.box[call])
        same = truth.code[true, None] == calls.code[None, call]
        _voc(np.where(same, overlap, 0), calls.score[call], iou, hit=hit[call], found=found[true])
        located[true] = _deeppcb(overlap, iou, first=call.start)
    return _Matched(
        truth=truth, calls=calls, missing=missing, hit=hit, found=found, located=located
    )


def _calls(
    truth: BoxTruth, predictions: Mapping[str, Prediction]
) -> tuple[_Calls, NDArray[np.bool_]]:
    given = [cast("Boxes | None", predictions.get(name)) for name in truth.ids]
    flat = [(index, box) for index, answer in enumerate(given) if answer for box in answer.boxes]
    calls = _Calls(
        piece=np.array([index for index, _ in flat], np.int64),
        box=np.array([(b.x1, b.y1, b.x2, b.y2) for _, b in flat], float).reshape(-1, 4),
        code=class_codes([box.label for _, box in flat], classes=truth.classes),
        score=np.array([box.score for _, box in flat], float),
    )
    return calls, np.array([answer is None for answer in given], bool)


def overlaps(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return intersection over union of boxes (m, 4) and (k, 4) as (m, k); areas without the +1."""
    a, b = first[:, None], second[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    common = np.clip(sides, 0, None).prod(axis=-1)
    size = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1)
    return cast("NDArray[np.float64]", common / (size - common))


def _voc(
    overlap: NDArray[np.float64],
    given: NDArray[np.float64],
    iou: float,
    *,
    hit: NDArray[np.bool_],
    found: NDArray[np.bool_],
) -> None:
    """Match one picture by falling score; `overlap` is 0 between classes. Fills hit and found."""
    for call in np.argsort(-given, kind="stable"):
        free = np.where(found, -1, overlap[:, call])
        best = free.argmax()
        if free[best] > iou:
            hit[call] = found[best] = True


def _deeppcb(overlap: NDArray[np.float64], iou: float, *, first: int) -> list[int]:
    """Return for each true box of one picture the call that it takes, or -1."""
    used: set[int] = set()
    taken = []
    for row in overlap > iou:
        call = next((int(j) for j in np.flatnonzero(row) if j not in used), None)
        if call is not None:
            used.add(call)
        taken.append(-1 if call is None else first + call)
    return taken


def _evidence(matched: _Matched, target: Target) -> Evidence:
    if target.metric == "false_calls_per_piece":
        return _false_calls(matched, cap=target.options["cap"])
    if target.rule.unit == "positive":
        return _boxes(matched, target)
    if target.rule.unit == "flagged":
        return _flagged(matched, target)
    return _good_pieces(matched, target)


def _false_calls(matched: _Matched, *, cap: float) -> Values:
    count = np.where(matched.missing, cap, np.minimum(matched.false_calls, cap))
    return Values(
        metric="false_calls_per_piece",
        value=count,
        cluster=matched.truth.cluster,
        low=0.0,
        high=cap,
    )


def _boxes(matched: _Matched, target: Target) -> Counts:
    bad = target.rule.event_is_bad
    classes = np.array(matched.truth.classes)
    return Counts(
        metric=target.metric,
        event=~matched.found if bad else matched.found,
        cluster=matched.cluster[matched.truth.piece],
        stratum=classes[matched.truth.code] if target.every_class else None,
    )


def _flagged(matched: _Matched, target: Target) -> Counts:
    """Count calls; a good picture without an answer adds one false call."""
    silent = np.flatnonzero(matched.missing & (matched.boxes_per_piece == 0))
    hit = np.concatenate([matched.hit, np.zeros(silent.size, bool)])
    piece = np.concatenate([matched.calls.piece, silent])
    return Counts(
        metric=target.metric,
        event=~hit if target.rule.event_is_bad else hit,
        cluster=matched.cluster[piece],
    )


def _good_pieces(matched: _Matched, target: Target) -> Counts:
    good = matched.boxes_per_piece == 0
    flagged = (matched.false_calls > 0) | matched.missing
    cluster = matched.truth.cluster
    return Counts(
        metric=target.metric,
        event=(flagged if target.rule.event_is_bad else ~flagged)[good],
        cluster=None if cluster is None else cluster[good],
    )


def _details(matched: _Matched, *, ranked: _Matched, promise: Promise) -> dict[str, Any]:
    by_class = _by_class(matched, ranked=ranked)
    known = [row["average_precision"] for row in by_class if row["average_precision"] is not None]
    good = matched.boxes_per_piece == 0
    flagged = (matched.false_calls > 0) | matched.missing
    return {
        "iou": promise.iou,
        "score_min": promise.score_min,
        "counts": {
            "pieces": len(matched.truth.ids),
            "good_pieces": int(good.sum()),
            "good_pieces_flagged": int((good & flagged).sum()),
            "boxes": len(matched.found),
            "missed": int((~matched.found).sum()),
            "calls": len(matched.hit),
            "false_calls": int((~matched.hit).sum()),
        },
        "missing": int(matched.missing.sum()),
        "map": float(np.mean(known)) if known else None,
        "f1": _f1(share(matched.hit), share(matched.found)),
        "precision": share(matched.hit),
        "recall": share(matched.found),
        "deeppcb": {
            **_deeppcb_point(matched),
            "average_precision": _deeppcb_area(ranked),
        },
        "by_class": by_class,
        "confusion": _confusion(matched),
        "precision_recall": _curve(ranked),
        "worst": _worst(matched),
    }


def _f1(precision: float | None, recall: float | None) -> float | None:
    if precision is None or recall is None:
        return None
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def average_precision(hit: NDArray[np.bool_], given: NDArray[np.float64], *, boxes: int) -> float:
    """Return the area under the interpolated precision-recall curve (PASCAL VOC 2010).

    Parameters
    ----------
    hit, given
        Shape (k,): whether each call is right, and its score.
    boxes
        True boxes, at least one.

    """
    ordered = hit[np.argsort(-given, kind="stable")]
    if not ordered.size:
        return 0.0
    right = np.cumsum(ordered)
    precision = right / np.arange(1, ordered.size + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[ordered].sum() / boxes)


def _by_class(matched: _Matched, *, ranked: _Matched) -> list[dict[str, Any]]:
    truth, calls = matched.truth, matched.calls
    rows = []
    for code, name in enumerate(truth.classes):
        mine, called = truth.code == code, calls.code == code
        boxes = int(mine.sum())
        scored = ranked.calls.code == code
        area = (
            average_precision(ranked.hit[scored], ranked.calls.score[scored], boxes=boxes)
            if boxes
            else None
        )
        rows.append(
            {
                "class": name,
                "boxes": boxes,
                "missed": int((mine & ~matched.found).sum()),
                "false_calls": int((called & ~matched.hit).sum()),
                "average_precision": area,
            }
        )
    return rows


def _deeppcb_right(matched: _Matched) -> NDArray[np.bool_]:
    """Return for each call whether DeepPCB's rule finds it right, shape (k,)."""
    truth, calls, located = matched.truth, matched.calls, matched.located
    taken = located >= 0
    right = np.zeros(len(calls.piece), bool)
    right[located[taken]] = calls.code[located[taken]] == truth.code[taken]
    return right


def _deeppcb_point(matched: _Matched) -> dict[str, float | None]:
    """Return precision, recall and F of DeepPCB's own script."""
    right = _deeppcb_right(matched)
    boxes = len(matched.truth.piece)
    p = share(right)
    r = float(right.sum() / boxes) if boxes else None
    return {"precision": p, "recall": r, "f1": _f1(p, r)}


def _deeppcb_area(ranked: _Matched) -> float | None:
    """Return the micro average precision of DeepPCB's own script.

    It has no envelope: the mean over all true boxes of the precision at each right call, by
    falling score.
    """
    ordered = _deeppcb_right(ranked)[np.argsort(-ranked.calls.score, kind="stable")]
    precision = np.cumsum(ordered) / np.arange(1, ordered.size + 1)
    boxes = len(ranked.truth.piece)
    return float(precision[ordered].sum() / boxes) if boxes else None


def _confusion(matched: _Matched) -> dict[str, Any]:
    """Count located boxes by true and answered class (rows: truth), and what was not located."""
    size, truth = len(matched.truth.classes), matched.truth
    taken = matched.located >= 0
    answer = matched.calls.code[matched.located[taken]]
    same = answer >= 0
    flat = truth.code[taken][same] * size + answer[same]
    missed = np.bincount(truth.code[~taken], minlength=size)
    return {
        "classes": list(truth.classes),
        "counts": np.bincount(flat, minlength=size * size).reshape(size, size).tolist(),
        "other": np.bincount(truth.code[taken][~same], minlength=size).tolist(),
        "missing": missed.tolist(),
    }


def _curve(matched: _Matched) -> list[dict[str, float]]:
    order = np.argsort(-matched.calls.score, kind="stable")
    boxes = len(matched.found)
    if not order.size or not boxes:
        return []
    right = np.cumsum(matched.hit[order])
    points = spread(order.size, most=CURVE_POINTS_MAX)
    return [
        {
            "threshold": float(matched.calls.score[order[point]]),
            "precision": float(right[point] / (point + 1)),
            "recall": float(right[point] / boxes),
        }
        for point in points
    ]


def _worst(matched: _Matched) -> list[dict[str, Any]]:
    """List the pictures with the most missed boxes first, then those with the most false calls."""
    missed = np.bincount(matched.truth.piece[~matched.found], minlength=len(matched.truth.ids))
    false = matched.false_calls
    order = np.lexsort((-false, -missed, ~matched.missing))
    wrong = (missed > 0) | (false > 0) | matched.missing
    chosen = [int(index) for index in order if wrong[index]][:WORST_MAX]
    return [_picture(matched, i, missed=int(missed[i]), false=int(false[i])) for i in chosen]


def _picture(matched: _Matched, index: int, *, missed: int, false: int) -> dict[str, Any]:
    truth, calls = matched.truth, matched.calls
    true = np.flatnonzero(truth.piece == index)
    call = np.flatnonzero(calls.piece == index)
    named = [*truth.classes, None]
    return {
        "id": truth.ids[index],
        "truth": [
            {
                "box": truth.box[k].tolist(),
                "label": truth.classes[truth.code[k]],
                "found": bool(matched.found[k]),
            }
            for k in true
        ],
        "answer": [
            {
                "box": calls.box[k].tolist(),
                "label": named[calls.code[k]],
                "score": float(calls.score[k]),
                "hit": bool(matched.hit[k]),
            }
            for k in call
        ],
        "score": None,
        "why": _why(missing=bool(matched.missing[index]), missed=missed, false=false),
    }


def _why(*, missing: bool, missed: int, false: int) -> dict[str, str]:
    if missing:
        return {"zh": "没有回答，按最差计", "en": "no answer, counted as the worst"}
    return {
        "zh": f"漏检 {missed} 处，误报 {false} 处",
        "en": f"{missed} missed, {false} false calls",
    }
