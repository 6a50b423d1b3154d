"""What every detector answers."""

from enum import IntEnum, IntFlag

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy import special

from liudu.outbreak.detectors._tails import count_quantile, power_quantile

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Law(IntEnum):
    """How a count is predicted, and so how a bound follows from an alpha."""

    LIMIT = 0  # no law: the method gives a limit of its own, the same at every alpha
    COUNT = 1  # negative binomial, `spread` is variance / mean
    NORMAL = 2  # normal, `spread` is the SD
    POWER = 3  # the power 2/3 is normal, `spread` is the variance of the count


class Flag(IntFlag):
    """What is to be known about one decision."""

    MISSING = 1  # the week's count is missing: nothing is decided
    TOO_SHORT = 2  # no usable baseline: nothing is decided
    TREND = 4  # a trend was kept
    WITHHELD = 8  # too few cases in the last weeks for an alarm
    LADDER = 16  # the history is too short for the asked detector; a simpler one decided
    FIXED = 32  # a fixed rule raised the alarm, whatever the statistics say


@attrs.frozen(kw_only=True, eq=False)
class Detection:
    """The decisions of one run: every array is series x evaluated weeks.

    Attributes
    ----------
    at
        Index of each evaluated week in the table of counts.
    observed
        Counts; NaN where missing.
    expected
        Predicted counts without an outbreak; NaN where nothing could be predicted.
    p_value
        P(count at least as high | no outbreak), in [0, 1]; NaN where the method has none.
    score
        Larger is more unusual; comparable within one detector, for ranking and ROC curves.
    spread, law
        The predictive law, see `Law`.
    limit
        Bound of methods without a law; NaN elsewhere.
    detector
        Index into `detectors` of the method that decided.
    flags
        Bits of `Flag`.

    """

    at: NDArray[np.int64]
    observed: Floats
    expected: Floats
    p_value: Floats
    score: Floats
    spread: Floats
    law: NDArray[np.int8]
    limit: Floats
    detector: NDArray[np.int8]
    flags: NDArray[np.uint16]
    detectors: tuple[str, ...]

    def bound(self, *, alpha: float) -> Floats:
        """Return the count above which a week alarms at `alpha`; NaN where nothing is decided."""
        with np.errstate(invalid="ignore"):
            normal = self.expected - special.ndtri(alpha) * self.spread
        choices = {Law.NORMAL: normal, Law.LIMIT: self.limit}
        bound = np.full(self.observed.shape, np.nan)
        for law, values in choices.items():
            bound = np.where(self.law == law, values, bound)
        count, power = self.law == Law.COUNT, self.law == Law.POWER
        bound[count] = count_quantile(
            mean=self.expected[count], factor=self.spread[count], alpha=alpha
        )
        bound[power] = power_quantile(
            mean=self.expected[power], variance=self.spread[power], alpha=alpha
        )
        return bound

    def alarms(self, *, alpha: float) -> Bools:
        """Return the alarms at `alpha`: (p <= alpha, or count > limit), with at least one case.

        Weeks withheld for too few cases do not alarm; weeks under a fixed rule do.
        """
        with np.errstate(invalid="ignore"):
            unusual = self.p_value <= alpha
            over = (self.law == Law.LIMIT) & (self.observed > self.limit)
            some = self.observed > 0
        kept = (self.flags & Flag.WITHHELD) == 0
        fixed = (self.flags & Flag.FIXED) != 0
        return np.asarray(((np.where(self.law == Law.LIMIT, over, unusual) & some) & kept) | fixed)

    def name(self, *, series: int, week: int) -> str:
        """Return the name of the method that decided one cell."""
        return self.detectors[int(self.detector[series, week])]


def detection(
    *,
    name: str,
    at: NDArray[np.int64],
    observed: Floats,
    expected: Floats,
    law: Law,
    spread: Floats | None = None,
    p_value: Floats | None = None,
    score: Floats | None = None,
    limit: Floats | None = None,
    flags: NDArray[np.uint16] | None = None,
) -> Detection:
    """Return a `Detection` of one method, with what is missing filled and flagged."""
    nothing = np.full(observed.shape, np.nan)
    missing = np.isnan(observed)
    flags = np.zeros(observed.shape, np.uint16) if flags is None else flags
    flags = flags | np.where(missing, np.uint16(Flag.MISSING), np.uint16(0))
    flags = flags | np.where(np.isnan(expected), np.uint16(Flag.TOO_SHORT), np.uint16(0))
    p_value = nothing if p_value is None else np.where(missing, np.nan, p_value)
    if score is None:
        score = surprise(p_value)
    return Detection(
        at=at,
        observed=observed,
        expected=expected,
        p_value=p_value,
        score=np.where(missing, np.nan, score),
        spread=nothing if spread is None else spread,
        law=np.full(observed.shape, law, np.int8),
        limit=nothing if limit is None else limit,
        detector=np.zeros(observed.shape, np.int8),
        flags=flags.astype(np.uint16),
        detectors=(name,),
    )


def surprise(p_value: Floats) -> Floats:
    """Return -log10 p; a p that underflows counts as 1e-300."""
    return np.asarray(-np.log10(np.maximum(p_value, 1e-300)))
