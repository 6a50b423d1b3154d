"""Selective prediction: a score threshold with a guarantee, and the curve behind it."""

import math

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.special import betaincinv

from liudu.acceptance._binomial import (
    check_share,
    events_allowed,
    lower_bound,
    require_provable,
    upper_bound,
)
from liudu.contract import Refusal


class BadScoreError(Refusal):
    """A score that cannot be ordered."""

    en = "{count} of the scores are not finite numbers: score such pieces as the worst, 1."
    zh = "有 {count} 个分数不是有限的数：请把这些件按最可疑（1）计分。"


def _check_scores(scores: NDArray[np.float64]) -> None:
    count = int(np.count_nonzero(~np.isfinite(scores)))
    if count:
        raise BadScoreError(count=count)


@frozen(kw_only=True)
class Selection:
    """A threshold that is certified, with both numbers that it is chosen for.

    A piece whose score is **below** ``threshold`` needs no second look.

    Attributes
    ----------
    threshold
        Infinite where nothing at all needs a second look.
    missed, positives
        Positive pieces below the threshold, of all.
    miss_upper
        Upper bound of the miss ratio; at most the promised one.
    released, negatives
        Negative pieces below the threshold, of all; both 0 without negative scores.
    cut_lower
        Lower bound of the share of negative pieces that need no second look; None without
        negative scores.
    confidence
        That ``miss_upper`` and ``cut_lower`` hold both at once.

    """

    threshold: float
    missed: int
    positives: int
    miss_upper: float
    released: int
    negatives: int
    cut_lower: float | None
    confidence: float


def learn_then_test(
    positive_scores: NDArray[np.float64],
    negative_scores: NDArray[np.float64] | None = None,
    *,
    miss_ratio_max: float,
    confidence: float = 0.95,
) -> Selection:
    """Return the largest threshold whose miss ratio is certified, and what it saves.

    Learn-then-Test with a fixed sequence: thresholds are tested from the safest upward with the
    exact binomial p-value, and the last one before the first failure is taken. Since misses only
    grow with the threshold, the sequence need not be a grid: all thresholds are tested at once,
    and the answer is the (c + 1)-th smallest positive score, c being the misses allowed. Pieces
    that tie with it keep their second look.

    With negative scores the risk is halved (Bonferroni) between the two numbers, so that both
    hold together with ``confidence``.

    Parameters
    ----------
    positive_scores
        Shape (n,), of pieces that must not be missed; higher is more suspicious. Independent
        calibration pieces that the solution was not trained or tuned on.
    negative_scores
        Shape (m,), of good pieces; to compare with a line that sends only some of them to review
        today, give those.
    miss_ratio_max
        In (0, 1).
    confidence
        In (0, 1).

    Raises
    ------
    TooFewSamplesError
        Where even a threshold without a miss could not be certified.

    Notes
    -----
    A. N. Angelopoulos et al., Learn then Test, Annals of Applied Statistics 19 (2025),
    arXiv 2110.01052. The monotone case without a grid: S. Bates et al., J. ACM 68 (2021), thm 1.

    """
    check_share("miss_ratio_max", miss_ratio_max)
    check_share("confidence", confidence)
    side = confidence if negative_scores is None else (1 + confidence) / 2
    positives = np.sort(np.asarray(positive_scores, dtype=np.float64))
    _check_scores(positives)
    count = len(positives)
    require_provable(limit=miss_ratio_max, trial_count=count, confidence=side)
    allowed = events_allowed(limit=miss_ratio_max, trial_count=count, confidence=side)
    threshold = float(positives[allowed]) if allowed < count else math.inf
    missed = int(np.searchsorted(positives, threshold, side="left"))
    negatives = np.zeros(0) if negative_scores is None else np.asarray(negative_scores)
    _check_scores(negatives)
    released = int(np.count_nonzero(negatives < threshold))
    return Selection(
        threshold=threshold,
        missed=missed,
        positives=count,
        miss_upper=upper_bound(event_count=missed, trial_count=count, confidence=side),
        released=released,
        negatives=len(negatives),
        cut_lower=None
        if negative_scores is None
        else lower_bound(event_count=released, trial_count=len(negatives), confidence=side),
        confidence=confidence,
    )


@frozen(kw_only=True, eq=False)
class RiskCoverage:
    """Risk against coverage over thresholds, from the safest upward; arrays of one shape (t,).

    Attributes
    ----------
    threshold
        Pieces whose score is below it need no second look.
    coverage
        Share of all pieces that need none.
    risk
        Share of the positive pieces among those that need none: the miss ratio.
    risk_upper
        Its exact one-sided upper bound, at each threshold by itself.
    cut
        Share of the negative pieces that need no second look.

    """

    threshold: NDArray[np.float64]
    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    risk_upper: NDArray[np.float64]
    cut: NDArray[np.float64]

    def to_json(self) -> list[dict[str, float | None]]:
        """Return one mapping for each threshold; an infinite threshold is None."""
        columns = (self.threshold, self.coverage, self.risk, self.risk_upper, self.cut)
        names = ("threshold", "coverage", "risk", "risk_upper", "cut")
        rows = (
            dict(zip(names, map(float, row), strict=True)) for row in zip(*columns, strict=True)
        )
        return [
            {key: value if math.isfinite(value) else None for key, value in row.items()}
            for row in rows
        ]


def risk_coverage(
    score: NDArray[np.float64],
    positive: NDArray[np.bool_],
    *,
    points: int = 200,
    confidence: float = 0.95,
) -> RiskCoverage:
    """Return the risk-coverage curve of a score at about ``points`` thresholds.

    Every distinct score is a threshold; where there are more than ``points``, those are kept
    that divide the pieces most evenly, and the two ends. A million scores take a sort.

    Parameters
    ----------
    score
        Shape (n,), higher is more suspicious.
    positive
        Shape (n,), True where the piece must not be missed.

    """
    check_share("confidence", confidence)
    scores = np.asarray(score, dtype=np.float64)
    _check_scores(scores)
    order = np.argsort(scores)
    ordered = scores[order]
    misses = np.concatenate([[0], np.cumsum(positive[order])])
    starts = np.flatnonzero(np.diff(ordered, prepend=-math.inf) > 0)
    below = np.append(starts, len(scores)).astype(np.int64)  # pieces below each threshold
    if len(below) > points:
        even = np.linspace(0, len(scores), points)
        below = np.unique(below[np.searchsorted(below, even)])
    edges = np.append(ordered, math.inf)
    return _curve(below, misses[below], total=len(scores), positives=int(misses[-1]),
                  threshold=edges[below], confidence=confidence)  # fmt: skip


def _curve(
    below: NDArray[np.int64],
    missed: NDArray[np.int64],
    *,
    total: int,
    positives: int,
    threshold: NDArray[np.float64],
    confidence: float,
) -> RiskCoverage:
    negatives = total - positives
    upper = np.ones(len(missed))
    some = missed < positives
    upper[some] = betaincinv(missed[some] + 1, positives - missed[some], confidence)
    return RiskCoverage(
        threshold=threshold,
        coverage=below / max(total, 1),
        risk=missed / max(positives, 1),
        risk_upper=upper,
        cut=(below - missed) / max(negatives, 1),
    )
