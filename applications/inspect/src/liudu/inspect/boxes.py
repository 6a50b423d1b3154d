"""Boxes against boxes. A box is x1, y1, x2, y2, half open; its area is (x2 - x1)(y2 - y1)."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COVERED_MIN = 0.3  # share of a candidate that an annotation must cover to give it its class


def intersections(a: NDArray[np.generic], b: NDArray[np.generic]) -> Floats:
    """Return the area that each box of `a` (n, ≥4) shares with each of `b` (m, ≥4), (n, m)."""
    p, q = a[:, None, :4].astype(np.float64), b[None, :, :4].astype(np.float64)
    width = np.minimum(p[..., 2], q[..., 2]) - np.maximum(p[..., 0], q[..., 0])
    height = np.minimum(p[..., 3], q[..., 3]) - np.maximum(p[..., 1], q[..., 1])
    shared: Floats = np.clip(width, 0, None) * np.clip(height, 0, None)
    return shared


def areas(boxes: NDArray[np.generic]) -> Floats:
    """Return the area of each box, never below a millionth."""
    box = boxes[:, :4].astype(np.float64)
    area: Floats = np.maximum((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]), 1e-6)
    return area


def iou(a: NDArray[np.generic], b: NDArray[np.generic]) -> Floats:
    """Return intersection over union of each box of `a` with each of `b`, (n, m)."""
    shared = intersections(a, b)
    union: Floats = areas(a)[:, None] + areas(b)[None, :] - shared
    return shared / union


def assign(
    candidates: NDArray[np.int32], annotated: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the class and box of the annotation that covers each candidate; class 0 if none."""
    kind = np.zeros(len(candidates), np.int64)
    box = np.zeros((len(candidates), 4), np.float32)
    if len(candidates) and len(annotated):
        shared = intersections(candidates, annotated)
        nearest = shared.argmax(axis=1)
        covered = shared.max(axis=1) / areas(candidates) > COVERED_MIN
        kind[covered] = annotated[nearest[covered], 4]
        box[covered] = annotated[nearest[covered], :4]
    return kind, box


def keep_best(
    boxes: Floats, score: Floats, *, iou_max: float = 0.2, inside_max: float = 0.6
) -> NDArray[np.intp]:
    """Return the indices of the boxes to keep, best first.

    A box is dropped when it overlaps a kept box by `iou_max` or more, or lies in it with
    `inside_max` of its own area or more (non-maximum suppression).
    """
    shared = intersections(boxes, boxes)
    area = areas(boxes)
    overlap = shared / (area[:, None] + area[None, :] - shared)
    rest = np.argsort(-score, kind="stable")
    kept = []
    while len(rest):
        best, rest = rest[0], rest[1:]
        kept.append(best)
        apart = (overlap[best, rest] < iou_max) & (shared[best, rest] / area[rest] < inside_max)
        rest = rest[apart]
    return np.array(kept, np.intp)
