"""Detections judged by the DeepPCB protocol, with the pair as the unit of resampling.

A detection is right when it overlaps an annotation with IoU above 0.33 and names its class.
Matching is greedy, annotations and detections in file order, by place first: a box at the
right place with the wrong class uses up both sides. AP is the micro average over all classes:
the precision at each hit, summed, over the number of annotations. The paper does not define
its mAP; the mean of the six classes' interpolated average precisions (PASCAL VOC) stands
beside it. Source: arXiv 1902.06197 and the evaluation script of its repository, whose boxes
are the same and whose text was not copied.
"""

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.inspect.boxes import iou

Annotated = NDArray[np.int32]  # (n, 5): x1, y1, x2, y2, class
Detected = NDArray[np.float64]  # (m, 6): x1, y1, x2, y2, score, class

IOU_MIN = 0.33
KIND_COUNT = 6


@attrs.frozen(kw_only=True)
class Matched:
    """What one pair contributes.

    Attributes
    ----------
    annotated
        int (7,): annotations by class; index 0 is unused.
    score, kind
        float, int (m,): of each detection.
    hit
        bool (m,): right by the DeepPCB protocol.
    voc_hit
        bool (m,): right by the rule of PASCAL VOC, best score first within the class.

    """

    annotated: NDArray[np.int64]
    score: NDArray[np.float64]
    kind: NDArray[np.int64]
    hit: NDArray[np.bool_]
    voc_hit: NDArray[np.bool_]


def match(annotated: Annotated, detected: Detected, *, iou_min: float = IOU_MIN) -> Matched:
    """Match one pair's detections with its annotations."""
    overlap = iou(annotated, detected)
    kind = detected[:, 5].astype(np.int64)
    return Matched(
        annotated=np.bincount(annotated[:, 4], minlength=KIND_COUNT + 1),
        score=detected[:, 4],
        kind=kind,
        hit=_greedy(overlap > iou_min, annotated[:, 4], kind),
        voc_hit=_by_score(overlap, annotated[:, 4], kind, detected[:, 4], iou_min=iou_min),
    )


def _greedy(
    near: NDArray[np.bool_], truth: NDArray[np.int32], kind: NDArray[np.int64]
) -> NDArray[np.bool_]:
    hit, free = np.zeros(len(kind), bool), np.ones(len(kind), bool)
    for row, true_kind in zip(near, truth, strict=True):
        candidates = np.flatnonzero(row & free)
        if len(candidates):
            free[candidates[0]] = False
            hit[candidates[0]] = kind[candidates[0]] == true_kind
    return hit


def _by_score(
    overlap: NDArray[np.float64],
    truth: NDArray[np.int32],
    kind: NDArray[np.int64],
    score: NDArray[np.float64],
    *,
    iou_min: float,
) -> NDArray[np.bool_]:
    hit, free = np.zeros(len(kind), bool), np.ones(len(truth), bool)
    for index in np.argsort(-score, kind="stable") if len(truth) else ():
        fitting = np.where(free & (truth == kind[index]), overlap[:, index], -1.0)
        best = int(fitting.argmax())
        if fitting[best] > iou_min:
            hit[index], free[best] = True, False
    return hit


@attrs.frozen(kw_only=True)
class Rates:
    """Precision, recall and their harmonic mean at one threshold."""

    precision: float
    recall: float
    f: float


def rates(matched: Sequence[Matched]) -> Rates:
    """Return P, R and F over all pairs."""
    right = sum(int(m.hit.sum()) for m in matched)
    answered = sum(len(m.hit) for m in matched)
    annotated = sum(int(m.annotated.sum()) for m in matched)
    precision, recall = right / max(answered, 1), right / max(annotated, 1)
    f = 2 * right / max(answered + annotated, 1)
    return Rates(precision=precision, recall=recall, f=f)


def average_precision(matched: Sequence[Matched]) -> float:
    """Return the micro average over all classes."""
    score = np.concatenate([m.score for m in matched])
    hit = np.concatenate([m.hit for m in matched])[np.argsort(-score, kind="stable")]
    annotated = sum(int(m.annotated.sum()) for m in matched)
    precision = np.cumsum(hit)[hit] / (np.flatnonzero(hit) + 1)
    return float(precision.sum() / max(annotated, 1))


def average_precision_by_kind(matched: Sequence[Matched]) -> NDArray[np.float64]:
    """Return the interpolated average precision of each of the six classes, (6,)."""
    score = np.concatenate([m.score for m in matched])
    order = np.argsort(-score, kind="stable")
    kind = np.concatenate([m.kind for m in matched])[order]
    hit = np.concatenate([m.voc_hit for m in matched])[order]
    annotated = np.sum([m.annotated for m in matched], axis=0)
    return np.array(
        [_interpolated(hit[kind == k], int(annotated[k])) for k in range(1, KIND_COUNT + 1)]
    )


def _interpolated(hit: NDArray[np.bool_], annotated: int) -> float:
    """Return the area under the precision that is still reached at each recall or beyond."""
    right = np.cumsum(hit)
    precision = right / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[hit].sum() / max(annotated, 1))
