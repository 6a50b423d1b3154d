"""The signals of a week: what alarms, how unusual it is, and how urgent that makes it."""

from typing import Final

import attrs
import numpy as np

from liudu.outbreak.configuration import Configuration
from liudu.outbreak.detectors import Flag
from liudu.outbreak.series import SeriesTable
from liudu.outbreak.text import Text
from liudu.outbreak.watch import Watch, watch

DAYS_PER_WEEK: Final = 7
DISTRICT_COLUMNS: Final = ("district", "区县", "地区", "district_name", "region")
# One in a hundred thousand is expected about once in forty years of a city of fifty series.
VERY_HIGH_P, HIGH_P, MEDIUM_P = 1e-6, 1e-5, 1e-3
PRIORITIES: Final = {
    1: Text("很高", "Very high"),
    2: Text("高", "High"),
    3: Text("中", "Medium"),
    4: Text("低", "Low"),
}


@attrs.frozen(kw_only=True)
class Raised:
    """One alarm of the evaluated week.

    Attributes
    ----------
    row
        Of the table.
    p_value, expected, bound
        None where the method has none.
    fixed
        Raised by a fixed rule, whatever the statistics say.
    ladder
        The history was too short for the asked detector; `detector` decided instead.

    """

    row: int
    rank: int
    series: dict[str, str]
    disease: str
    district: str
    observed: int
    expected: float | None
    bound: float | None
    p_value: float | None
    detector: str
    fixed: bool
    ladder: bool
    priority: int

    @property
    def name(self) -> str:
        """The series for people."""
        return " · ".join(value for value in self.series.values() if value) or "–"


@attrs.frozen(kw_only=True, eq=False)
class Week:
    """All that one evaluation of a week found.

    Attributes
    ----------
    undecided
        Rows without a report or with less than seven weeks of history.

    """

    label: str
    index: int
    alpha: float
    raised: tuple[Raised, ...]
    series: int
    missing: int
    too_short: int
    found: Watch


def priority(*, p_value: float | None, fixed: bool) -> int:
    """Return 1 (very high) to 4 (low): a fixed rule first, then by p."""
    if fixed or (p_value is not None and p_value < VERY_HIGH_P):
        return 1
    if p_value is None:
        return 3
    return 2 if p_value < HIGH_P else 3 if p_value < MEDIUM_P else 4


def weeks_before(week: int, *, configuration: Configuration) -> list[int]:
    """Return the week and those before it that decide whether it repeats an alarm."""
    plans = (configuration.default, *configuration.diseases.values())
    days = max(plan.quiet_days for plan in plans)
    return list(range(max(week - -(-days // DAYS_PER_WEEK), 0), week + 1))


def evaluate(table: SeriesTable, *, configuration: Configuration, week: int) -> Week:
    """Evaluate one column of a table and rank what alarms.

    Raises
    ------
    UnknownWeekError
        When a period of the configuration names a week that does not exist.

    """
    found = watch(
        table, configuration=configuration, at=weeks_before(week, configuration=configuration)
    )
    detection, last = found.detection, found.raised.shape[1] - 1
    bound = detection.bound(alpha=max(float(found.alpha[last]), 1e-12))[:, last]
    flags = detection.flags[:, last]
    missing = (flags & Flag.MISSING) != 0
    raised = [
        _raised(table, found, row=row, bound=float(bound[row]), configuration=configuration)
        for row in found.ranked(week=last).tolist()
    ]
    raised.sort(key=lambda one: one.priority)  # stable: most unusual first within a priority
    return Week(
        label=table.label(week),
        index=week,
        alpha=float(found.alpha[last]),
        raised=tuple(attrs.evolve(one, rank=rank) for rank, one in enumerate(raised, start=1)),
        series=len(table.keys),
        missing=int(missing.sum()),
        too_short=int((((flags & Flag.TOO_SHORT) != 0) & ~missing).sum()),
        found=found,
    )


def _raised(
    table: SeriesTable, found: Watch, *, row: int, bound: float, configuration: Configuration
) -> Raised:
    detection, last = found.detection, found.raised.shape[1] - 1
    p_value = _known(detection.p_value[row, last])
    fixed = bool(found.fixed[row, last])
    series = dict(zip(table.columns, table.keys[row], strict=True))
    return Raised(
        row=row,
        rank=0,
        series=series,
        disease=series.get(configuration.disease_column, ""),
        district=district_of(series),
        observed=int(detection.observed[row, last]),
        expected=_known(detection.expected[row, last]),
        bound=_known(bound),
        p_value=p_value,
        detector=detection.name(series=row, week=last),
        fixed=fixed,
        ladder=bool(detection.flags[row, last] & Flag.LADDER),
        priority=priority(p_value=p_value, fixed=fixed),
    )


def district_of(series: dict[str, str]) -> str:
    """Return the district of a series by the usual names of its column; empty if it has none."""
    return next((series[name] for name in DISTRICT_COLUMNS if name in series), "")


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
