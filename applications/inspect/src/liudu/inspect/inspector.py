"""One board against its template, from pictures to defects."""

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
    kind
        int64 (n,): 1 … 6, the likeliest kind (see `CLASSES`).
    kind_score
        float64 (n,): the probability of that kind.
    defect_score
        float64 (n,): the probability of any defect.

    """

    candidates: Candidates
    boxes: NDArray[np.float64]
    kind: NDArray[np.int64]
    kind_score: NDArray[np.float64]
    defect_score: NDArray[np.float64]


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
        kind=share[:, 1:].argmax(axis=1) + 1,
        kind_score=share[:, 1:].max(axis=1).astype(np.float64),
        defect_score=1 - share[:, 0].astype(np.float64),
    )


@dataclass(frozen=True, kw_only=True)
class Defect:
    """A defect to report: corners in pixels, the name of its kind, a score in [0, 1]."""

    box: tuple[float, float, float, float]
    label: str
    score: float


def defects(findings: Findings, *, score_min: float) -> tuple[Defect, ...]:
    """Return the defects whose kind scores above `score_min`, each place once, best first."""
    chosen = np.flatnonzero(findings.kind_score > score_min)
    chosen = chosen[_has_area(findings.boxes[chosen])]
    kept = chosen[keep_best(findings.boxes[chosen], findings.kind_score[chosen])]
    return tuple(
        Defect(
            box=tuple(round(float(v), 1) for v in findings.boxes[i]),  # type: ignore[arg-type]
            label=CLASSES[int(findings.kind[i]) - 1],
            score=round(float(findings.kind_score[i]), 6),
        )
        for i in kept
    )


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
    return float(findings.defect_score[inside].max(initial=0.0))
