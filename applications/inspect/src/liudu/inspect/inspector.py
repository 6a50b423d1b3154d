"""One board against its template, from pictures to defects."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liudu.inspect import crops as cropping
from liudu.inspect.boxes import keep_best
from liudu.inspect.difference import Candidates, candidates
from liudu.inspect.network import Network, judge
from liudu.inspect.raster import Picture
from liudu.inspect.registration import register

CLASSES = ("open", "short", "mousebite", "spur", "copper", "pin-hole")
AROUND_PX = 12  # how far outside the judged part a candidate's centre may lie


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What stands out on one board, n places, before any threshold.

    Attributes
    ----------
    candidates
        int32 (n, 4): where the comparison saw a difference.
    boxes
        float64 (n, 4): the corners that the network gives to the defect.
    share
        float64 (n, 6): the probability of each kind of defect, see `CLASSES`.

    """

    candidates: Candidates
    boxes: NDArray[np.float64]
    share: NDArray[np.float64]


def inspect(network: Network, *, template: Picture, test: Picture) -> Findings:
    """Compare a board with its template and judge each place that differs.

    Parameters
    ----------
    network
        See `liudu.inspect.network.load`.
    template, test
        uint8 of one size, 0 and 255.

    """
    aligned = register(template, test)
    found = candidates(aligned, test)
    pictures, windows = cropping.crops(aligned, test, found)
    share, corners = judge(network, pictures)
    height, width = test.shape
    boxes = windows[:, [0, 1, 0, 1]] + corners * windows[:, 2:]
    return Findings(
        candidates=found,
        boxes=np.clip(boxes, 0, [width, height, width, height]).astype(np.float64),
        share=share[:, 1:].astype(np.float64),
    )


@dataclass(frozen=True, kw_only=True)
class Defect:
    """A defect to report: corners in pixels, the name of its kind, a score in [0, 1]."""

    box: tuple[float, float, float, float]
    label: str
    score: float


def defects(
    findings: Findings, *, score_min: float, classes: Collection[str] = CLASSES
) -> tuple[Defect, ...]:
    """Return the defects of the given classes that score above `score_min`, best first.

    Each place is named once, by the likeliest of the classes.
    """
    columns = [index for index, name in enumerate(CLASSES) if name in classes]
    share = findings.share[:, columns]
    score = share.max(axis=1, initial=0.0)
    chosen = np.flatnonzero((score > score_min) & _has_area(findings.boxes))
    kept = chosen[keep_best(findings.boxes[chosen], score[chosen])]
    found = []
    for index in kept:
        x1, y1, x2, y2 = (round(float(v), 1) for v in findings.boxes[index])
        label = CLASSES[columns[int(share[index].argmax())]]
        found.append(Defect(box=(x1, y1, x2, y2), label=label, score=float(score[index])))
    return tuple(found)


def _has_area(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which boxes are at least a pixel wide and high."""
    return (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)


def piece_score(findings: Findings, *, shape: tuple[int, int], margin_px: int = 0) -> float:
    """Return how surely a piece is defective, in [0, 1].

    Only candidates centred in the picture without its margin, or up to `AROUND_PX` outside,
    count: the margin is there to be compared, not to be judged.
    """
    height, width = shape
    box = findings.candidates
    x, y = (box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2
    edge = margin_px - AROUND_PX
    inside = (x >= edge) & (x < width - edge) & (y >= edge) & (y < height - edge)
    return float(np.minimum(findings.share[inside].sum(axis=1), 1.0).max(initial=0.0))
