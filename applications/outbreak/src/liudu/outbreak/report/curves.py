"""The epidemic curve of a series: counts beside what was expected and what would alarm."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.outbreak.configuration import Configuration
from liudu.outbreak.series import SeriesTable
from liudu.outbreak.suppression import suppress
from liudu.outbreak.watch import watch

Floats = NDArray[np.float64]
WEEKS_SHOWN: Final = 104
BAND: Final = 0.05  # the band leaves out so much on either side
ALPHA_MIN: Final = 1e-12


@attrs.frozen(kw_only=True)
class Curve:
    """The last weeks of one series, oldest first; NaN is written as None.

    Attributes
    ----------
    counts
        Cases; None where missing.
    expected, low, high
        Expected count, and the 5 % and 95 % points of its law.
    bound
        The count above which the week alarms.
    alarm, provisional, hidden
        Weeks that alarm, that may still grow, and whose count is hidden in exports.
    projected
        What a provisional week is expected to reach; None elsewhere.

    """

    weeks: tuple[str, ...]
    counts: tuple[float | None, ...]
    expected: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    bound: tuple[float | None, ...]
    alarm: tuple[bool, ...]
    provisional: tuple[bool, ...]
    hidden: tuple[bool, ...]
    projected: tuple[float | None, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the curve for storage."""
        return attrs.asdict(self)

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Curve":
        """Return what `to_json` wrote."""
        return cls(**{name: tuple(values) for name, values in content.items()})

    def suppressed(self, *, threshold: int) -> "Curve":
        """Return the curve as it may be exported.

        Counts from 1 to below the threshold are taken out, and every bound is lifted to at least
        threshold - 1: a lower one would tell, by alarm or silence, what the count was.
        """
        if threshold <= 1:
            return self
        known = np.array([0.0 if count is None else count for count in self.counts])
        # No totals over weeks are published, so no further week has to be hidden.
        hidden = tuple(suppress(known, threshold=threshold, totals=()).hidden.tolist())
        lifted = tuple(None if b is None else max(b, threshold - 1.0) for b in self.bound)
        return attrs.evolve(
            self,
            hidden=hidden,
            counts=tuple(None if h else c for h, c in zip(hidden, self.counts, strict=True)),
            bound=lifted,
            projected=tuple(
                None if p is not None and 0 < p < threshold else p for p in self.projected
            ),
        )


def curves(
    table: SeriesTable,
    *,
    configuration: Configuration,
    rows: Sequence[int],
    week: int,
    alpha: float,
    weeks_shown: int = WEEKS_SHOWN,
    provisional: int = 0,
    projected: Mapping[tuple[tuple[str, ...], str], float] | None = None,
) -> tuple[Curve, ...]:
    """Return the curves of some rows up to a column of the table.

    Parameters
    ----------
    alpha
        Largest p that alarms in that week; bounds of earlier weeks are drawn at the same.
    provisional
        So many of the last weeks may still grow by late reports.
    projected
        Key of a series and week → what a nowcast expects of it.

    """
    chosen = np.asarray(rows, np.int64)
    if not chosen.size:
        return ()
    part = attrs.evolve(
        table,
        keys=tuple(table.keys[row] for row in chosen),
        counts=table.counts[chosen],
        outbreak=None if table.outbreak is None else table.outbreak[chosen],
        populations=None if table.populations is None else table.populations[chosen],
    )
    at = list(range(max(week - weeks_shown + 1, 0), week + 1))
    detection = watch(part, configuration=configuration, at=at).detection
    level = max(alpha, ALPHA_MIN)
    bound = detection.bound(alpha=level)
    low, high = detection.bound(alpha=1.0 - BAND), detection.bound(alpha=BAND)
    alarm = detection.alarms(alpha=level)
    late = tuple(index > len(at) - 1 - provisional for index in range(len(at)))
    labels = tuple(table.label(index) for index in at)
    return tuple(
        Curve(
            weeks=labels,
            counts=_plain(detection.observed[row]),
            expected=_plain(detection.expected[row]),
            low=_plain(low[row]),
            high=_plain(high[row]),
            bound=_plain(bound[row]),
            alarm=tuple(bool(value) for value in alarm[row]),
            provisional=late,
            hidden=(False,) * len(at),
            projected=tuple((projected or {}).get((part.keys[row], name)) for name in labels),
        )
        for row in range(chosen.size)
    )


def _plain(values: Floats) -> tuple[float | None, ...]:
    return tuple(round(float(v), 3) if np.isfinite(v) else None for v in values)
