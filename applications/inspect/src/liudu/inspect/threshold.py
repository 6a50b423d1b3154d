"""Choose the operating threshold on validation pieces, with a guarantee (Learn then Test).

Angelopoulos et al., "Learn then Test", arXiv 2110.01052: thresholds are tested one after the
other, the safest first, each with the exact binomial p-value of its misses; the last one that
is not rejected is used. With probability `confidence` its true miss rate is at most
`miss_rate_max`, for pieces like the validation pieces and independent of each other.
"""

from math import exp, lgamma, log, log1p

import numpy as np
from numpy.typing import NDArray

from liudu.contract import Refusal


class TooFewDefectivePiecesError(Refusal):
    """The validation pieces cannot show the wished miss rate at any threshold."""

    en = (
        "{piece_count} defective pieces cannot show a miss rate of at most {miss_rate_max} "
        "with {miss_count} missed at the lowest threshold: validate on more pieces, or allow more."
    )
    zh = (
        "仅有 {piece_count} 件缺陷样品，且在最低阈值下已漏检 {miss_count} 件，"
        "无法证明漏检率不超过 {miss_rate_max}：请增加验证样品，或放宽要求。"
    )


def choose(
    score_of_defective: NDArray[np.float64], *, miss_rate_max: float, confidence: float = 0.95
) -> float:
    """Return the highest threshold whose miss rate is shown to be at most `miss_rate_max`.

    Parameters
    ----------
    score_of_defective
        The scores of the defective validation pieces; a score at or below the threshold is
        a miss.
    miss_rate_max, confidence
        In (0, 1).

    Raises
    ------
    TooFewDefectivePiecesError
        When no threshold can be shown to keep the limit.

    """
    ordered = np.sort(score_of_defective)
    count = len(ordered)
    misses = 0
    while misses < count and (
        binomial_cdf(misses, count=count, rate=miss_rate_max) <= 1 - confidence
    ):
        misses += 1
    # `misses` is the first number that is too many: the threshold stays below that score.
    if misses == 0 or ordered[misses - 1] <= 0:
        missed = int(np.count_nonzero(ordered <= 0))
        raise TooFewDefectivePiecesError(
            piece_count=count, miss_count=missed, miss_rate_max=miss_rate_max
        )
    return float(np.nextafter(ordered[misses - 1], 0.0))


def binomial_cdf(successes: int, *, count: int, rate: float) -> float:
    """Return P(X ≤ successes) for X binomial with `count` trials at `rate`, exactly summed."""
    return sum(
        exp(
            lgamma(count + 1)
            - lgamma(k + 1)
            - lgamma(count - k + 1)
            + k * log(rate)
            + (count - k) * log1p(-rate)
        )
        for k in range(successes + 1)
    )
