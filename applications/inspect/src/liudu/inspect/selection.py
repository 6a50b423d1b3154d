"""Choose the operating thresholds on validation pairs."""

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.inspect.dataset import MARGIN_PX, tiles
from liudu.inspect.deeppcb import Pair
from liudu.inspect.inspector import CLASSES, Findings, defects, inspect, piece_score
from liudu.inspect.network import Network
from liudu.inspect.protocol import Detected, match, rates
from liudu.inspect.threshold import choose

MISS_RATE_MAX = 0.006  # of tiles; the lowest round limit that the validation tiles can show
DETECT_GRID = np.arange(0.05, 0.96, 0.05)


@attrs.frozen(kw_only=True)
class TileScores:
    """Tiles of boards, judged one by one.

    Attributes
    ----------
    pair
        int (n,): which of the pairs each tile comes from.
    kind
        int (n,): 0 for a good tile, else the kind of its first defect.
    score
        float (n,): how surely it is defective.
    differs
        bool (n,): whether the comparison alone finds anything.

    """

    pair: NDArray[np.int64]
    kind: NDArray[np.int64]
    score: NDArray[np.float64]
    differs: NDArray[np.bool_]


def tile_scores(network: Network, pairs: Sequence[Pair]) -> TileScores:
    """Judge every tile of the pairs as a piece of its own."""
    rows = [
        (index, tile.kind, *_tile_score(network, tile.template, tile.test))
        for index, pair in enumerate(pairs)
        for tile in tiles(pair)
    ]
    pair, kind, score, differs = zip(*rows, strict=True)
    return TileScores(
        pair=np.array(pair), kind=np.array(kind), score=np.array(score), differs=np.array(differs)
    )


def _tile_score(
    network: Network, template: NDArray[np.uint8], test: NDArray[np.uint8]
) -> tuple[float, bool]:
    findings = inspect(network, template=template, test=test)
    shape = (test.shape[0], test.shape[1])
    certain = _all_certain(findings)
    return (
        piece_score(findings, shape=shape, margin_px=MARGIN_PX),
        piece_score(certain, shape=shape, margin_px=MARGIN_PX) > 0,
    )


def _all_certain(findings: Findings) -> Findings:
    """Return the findings as if the network called each candidate a defect."""
    ones = np.ones_like(findings.share)
    return Findings(candidates=findings.candidates, boxes=findings.boxes, share=ones)


def detected(findings: Findings, *, score_min: float) -> Detected:
    """Return the defects as rows x1, y1, x2, y2, score, class."""
    found = defects(findings, score_min=score_min)
    rows = [[*d.box, d.score, CLASSES.index(d.label) + 1] for d in found]
    return np.array(rows, np.float64).reshape(-1, 6)


def best_f_threshold(findings: Sequence[Findings], pairs: Sequence[Pair]) -> tuple[float, float]:
    """Return the highest F by the DeepPCB protocol on a grid of thresholds, and the threshold."""
    return max(
        (f_at(findings, pairs, score_min=float(score_min)), round(float(score_min), 2))
        for score_min in DETECT_GRID
    )


def f_at(findings: Sequence[Findings], pairs: Sequence[Pair], *, score_min: float) -> float:
    """Return F by the DeepPCB protocol at one threshold."""
    matched = [
        match(pair.boxes, detected(found, score_min=score_min))
        for pair, found in zip(pairs, findings, strict=True)
    ]
    return rates(matched).f


def thresholds(network: Network, validation: Sequence[Pair]) -> dict[str, float]:
    """Return the operating threshold of each task, chosen on the validation pairs.

    detect: the best F. classify: the highest threshold whose miss rate of tiles is shown to
    be at most `MISS_RATE_MAX` with 95 % confidence.
    """
    findings = [inspect(network, template=p.template, test=p.test) for p in validation]
    scores = tile_scores(network, validation)
    defective = scores.score[scores.kind > 0]
    return {
        "detect": best_f_threshold(findings, validation)[1],
        "classify": choose(defective, miss_rate_max=MISS_RATE_MAX),
    }
