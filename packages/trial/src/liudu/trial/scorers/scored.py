"""What a scorer returns."""

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.acceptance import Evidence

WORST_MAX = 60  # errors that are listed one by one, half of them misses


@attrs.frozen(kw_only=True)
class Scored:
    """Evidence for the verdict, and details for the reader.

    Attributes
    ----------
    evidence
        One entry for each target of the promise that the scorer can speak to.
    details
        JSON values: what the report shows beside the verdict.

    """

    evidence: tuple[Evidence, ...]
    details: dict[str, Any]


def share(event: NDArray[np.bool_]) -> float | None:
    """Return the share of True, or None where there is nothing to share."""
    return float(event.mean()) if event.size else None


def spread(count: int, *, most: int) -> NDArray[np.int64]:
    """Return at most `most` indices spread over ``range(count)``, both ends included."""
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, most)).astype(np.int64))
