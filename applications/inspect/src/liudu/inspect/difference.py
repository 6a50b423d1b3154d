"""Where the board differs from its template beyond the tolerance: candidates for a defect.

Pictures are uint8 (height, width) of 0 and 255. Candidates are int32 (n, 4): x1, y1, x2, y2,
half open, in pixels.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from liudu.inspect.raster import Picture, as_picture

Candidates = NDArray[np.int32]
Box = tuple[int, int, int, int]

K3 = np.ones((3, 3), np.uint8)
K5 = np.ones((5, 5), np.uint8)
JOIN = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
SEEDS_MIN = 2
SPLIT_PX = 40  # most annotated defects are shorter; a longer blob may hold edge noise
WINDOW_PX = 56
WINDOW_STEP_PX = 48
WINDOW_PIXELS_MIN = 8


def candidates(aligned: Picture, test: Picture) -> Candidates:
    """Return the places that differ by more than one pixel of tolerance.

    A blob longer than `SPLIT_PX` is kept and split as well: it may be a defect merged with
    the noise of an edge. First by two pixels of tolerance; what stays too long is cut into
    overlapping windows.
    """
    difference = as_picture(cv2.bitwise_xor(aligned, test))
    found = blobs(beyond(aligned, test, kernel=K3), difference)
    parts = [box for box in found if longest(box) > SPLIT_PX]
    if parts:
        strict = beyond(aligned, test, kernel=K5)
        found += [part for box in parts for part in split(box, strict, difference)]
    return np.array(sorted(set(found)), np.int32).reshape(-1, 4)


def beyond(aligned: Picture, test: Picture, *, kernel: NDArray[np.uint8]) -> Picture:
    """Return the pixels that are missing or extra beyond the tolerance that `kernel` grants."""
    missing = cv2.subtract(cv2.erode(aligned, kernel), test)
    extra = cv2.subtract(test, cv2.dilate(aligned, kernel))
    return as_picture(cv2.bitwise_or(missing, extra))


def longest(box: Box) -> int:
    """Return the longer side in pixels."""
    return max(box[2] - box[0], box[3] - box[1])


def blobs(seeds: Picture, difference: Picture, *, left: int = 0, top: int = 0) -> list[Box]:
    """Grow seeds two steps inside the difference, join what is near, and box it."""
    grown = cv2.bitwise_and(cv2.dilate(seeds, K3, iterations=2), difference)
    count, label, stat, _ = cv2.connectedComponentsWithStats(cv2.dilate(seeds, JOIN))
    seed_count = np.bincount(label[seeds > 0], minlength=count)
    boxes = []
    for index in range(1, count):
        x, y, width, height, _ = (int(v) for v in stat[index])
        if seed_count[index] < SEEDS_MIN:
            continue
        at = slice(y, y + height), slice(x, x + width)
        part = (label[at] == index) & (grown[at] > 0)
        if part.any():
            boxes.append(_bounds(part, left=left + x, top=top + y))
    return boxes


def _bounds(mask: NDArray[np.bool_], *, left: int, top: int) -> Box:
    """Return the smallest box around the true pixels of a mask that has some."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (
        left + int(columns[0]),
        top + int(rows[0]),
        left + int(columns[-1]) + 1,
        top + int(rows[-1]) + 1,
    )


def split(box: Box, strict: Picture, difference: Picture) -> list[Box]:
    """Return what a blob that is too long holds beyond the stricter tolerance."""
    x1, y1, x2, y2 = box
    at = slice(y1, y2), slice(x1, x2)
    parts = []
    for part in blobs(strict[at], difference[at], left=x1, top=y1):
        parts += [part] if longest(part) <= WINDOW_PX else windows(part, difference)
    return parts


def windows(box: Box, difference: Picture) -> list[Box]:
    """Cut a box into overlapping windows, each shrunk to what differs in it."""
    x1, y1, x2, y2 = box
    cut = []
    for y in range(y1, y2, WINDOW_STEP_PX):
        for x in range(x1, x2, WINDOW_STEP_PX):
            part = difference[y : min(y + WINDOW_PX, y2), x : min(x + WINDOW_PX, x2)]
            if cv2.countNonZero(part) > WINDOW_PIXELS_MIN:
                cut.append(_bounds(part > 0, left=x, top=y))
    return cut
