"""One look at a whole table: every series by its disease's plan, then one budget for all."""

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.outbreak.alarms import alarms, fixed_rule, ranking, thresholds
from liudu.outbreak.configuration import Configuration, Period, Plan
from liudu.outbreak.detectors import DETECTORS, Detection, Flag, detect, detector
from liudu.outbreak.series import SeriesTable, week_number

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
NAMES = tuple(DETECTORS)
RUN_IN_WEEKS = 52


@attrs.frozen(kw_only=True, eq=False)
class Watch:
    """The answer: decisions, alarms, and for each evaluated week the p that alarms at most.

    Attributes
    ----------
    detection
        Decisions (series x evaluated weeks); `detection.detectors` are the keys of `DETECTORS`.
    raised, fixed
        Alarms, and those among them that a fixed rule raised.
    alpha
        Largest p that alarms, of each evaluated week; 0 where the budget allows none.

    """

    detection: Detection
    raised: Bools
    fixed: Bools
    alpha: Floats

    def ranked(self, *, week: int) -> Indices:
        """Return the alarming rows of an evaluated week, most unusual first."""
        return ranking(self.detection, raised=self.raised, week=week)


def watch(table: SeriesTable, *, configuration: Configuration, at: Sequence[int]) -> Watch:
    """Evaluate weeks of a table.

    Parameters
    ----------
    table
        Counts.
    configuration
        Plans for each disease and the budget for all.
    at
        Columns of `table.counts`; each is judged from earlier weeks only. Consecutive weeks are
        needed for `quiet_days` to have an effect.

    Raises
    ------
    UnknownWeekError
        If a period names a week that does not exist.

    """
    weeks = np.asarray(at, np.int64)
    plans = plans_of(table, configuration=configuration)
    answer = _empty(table.counts[:, weeks], at=weeks)
    fixed = np.zeros(answer.observed.shape, np.bool_)
    for plan in dict.fromkeys(plans):
        rows = np.array([row for row, own in enumerate(plans) if own == plan])
        _fill(answer, _decided(table, rows=rows, plan=plan, at=weeks), rows=rows)
        few = _few(table.counts[rows], plan=plan, at=weeks)
        answer.flags[rows] |= np.where(few, np.uint16(Flag.WITHHELD), np.uint16(0))
        if plan.fixed is not None:
            fixed[rows] = fixed_rule(
                table.counts[rows], at=weeks, cases=plan.fixed.cases, weeks=plan.fixed.weeks
            )
    answer.flags[fixed] |= np.uint16(Flag.FIXED)
    raised = _raised(answer, plans=plans, configuration=configuration, fixed=fixed)
    alpha = thresholds(answer, budget=configuration.budget)
    return Watch(detection=answer, raised=raised, fixed=fixed, alpha=alpha)


def plans_of(table: SeriesTable, *, configuration: Configuration) -> list[Plan]:
    """Return the plan of each series, by its disease if the table has that column."""
    if configuration.disease_column not in table.columns:
        return [configuration.default] * len(table.keys)
    place = table.columns.index(configuration.disease_column)
    return [configuration.plan(key[place]) for key in table.keys]


def _decided(table: SeriesTable, *, rows: Indices, plan: Plan, at: Indices) -> Detection:
    method = detector(plan.detector)
    options = dict(plan.options)
    if "cases_min" in method.options:
        options.setdefault("cases_min", 0)  # the plan withholds, for every method alike
    if "run_in_weeks" in method.options:
        options.setdefault("run_in_weeks", RUN_IN_WEEKS)  # a sum over one week would be none
    return detect(
        table.counts[rows],
        at=at,
        name=plan.detector,
        options=options,
        excluded=_excluded(table, rows=rows, plan=plan),
        covariates=_covariates(table, plan=plan),
        populations=None if table.populations is None else table.populations[rows],
        year_weeks=table.year_weeks,
    )


def _excluded(table: SeriesTable, *, rows: Indices, plan: Plan) -> Bools:
    """Return the cells that stay out of baselines."""
    weeks = np.zeros(table.counts.shape[1], np.bool_)
    for period in plan.periods:
        if period.treat == "exclude":
            weeks |= weeks_of(period, table=table)
    excluded = np.broadcast_to(weeks, (rows.size, weeks.size))
    if plan.known_outbreaks == "exclude" and table.outbreak is not None:
        excluded = excluded | table.outbreak[rows]
    return np.asarray(excluded)


def _covariates(table: SeriesTable, *, plan: Plan) -> Floats | None:
    modelled = [period for period in plan.periods if period.treat == "model"]
    if not modelled:
        return None
    return np.array([weeks_of(period, table=table).astype(float) for period in modelled])


def weeks_of(period: Period, *, table: SeriesTable) -> Bools:
    """Return the mask of a period over the weeks of a table; weeks outside it are ignored.

    Raises
    ------
    UnknownWeekError

    """
    numbers = table.first_week + np.arange(table.counts.shape[1])
    if period.weeks:
        named = [week_number(week, calendar=table.calendar) for week in period.weeks]
        return np.asarray(np.isin(numbers, named))
    first = week_number(period.first or "", calendar=table.calendar)
    last = week_number(period.last or "", calendar=table.calendar)
    return np.asarray((numbers >= first) & (numbers <= last))


def _few(counts: Floats, *, plan: Plan, at: Indices) -> Bools:
    total = np.cumsum(np.nan_to_num(counts), axis=1)
    start = at - plan.cases_weeks
    before = np.where(start >= 0, total[:, np.maximum(start, 0)], 0.0)
    return np.asarray(total[:, at] - before < plan.cases_min)


def _raised(
    answer: Detection, *, plans: list[Plan], configuration: Configuration, fixed: Bools
) -> Bools:
    raised = alarms(answer, budget=configuration.budget, fixed=fixed)
    for days in {plan.quiet_days for plan in plans} - {0}:
        rows = np.array([plan.quiet_days == days for plan in plans])
        quiet = alarms(answer, budget=configuration.budget, quiet_days=days, fixed=fixed)
        raised[rows] = quiet[rows]
    return raised


def _empty(observed: Floats, *, at: Indices) -> Detection:
    blank = {name: np.full(observed.shape, np.nan) for name in ("expected", "p_value", "score")}
    return Detection(
        at=at,
        observed=observed,
        spread=np.full(observed.shape, np.nan),
        limit=np.full(observed.shape, np.nan),
        law=np.zeros(observed.shape, np.int8),
        detector=np.zeros(observed.shape, np.int8),
        flags=np.zeros(observed.shape, np.uint16),
        detectors=NAMES,
        **blank,
    )


def _fill(answer: Detection, found: Detection, *, rows: Indices) -> None:
    """Copy the decisions of some rows, with the names of the methods made common."""
    for field in ("expected", "p_value", "score", "spread", "law", "limit", "flags"):
        getattr(answer, field)[rows] = getattr(found, field)
    codes = np.array([NAMES.index(name) for name in found.detectors], np.int8)
    answer.detector[rows] = codes[found.detector]
