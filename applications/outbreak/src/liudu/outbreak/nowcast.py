"""How many cases of the last weeks are still to be reported, and what alarms that supports.

A reporting triangle counts cases by event (onset or diagnosis) and by delay until the report.
The chain ladder (Mack 1993) estimates which share is reported after each delay. The recent mean
stands behind each week with a small weight, as in Bornhuetter and Ferguson 1972: a week of which
nothing is reported yet is then not taken for a week without cases. Intervals come from a
parametric bootstrap that lets vary the delays, the week's level and what is still to come, all
overdispersed.

Alarms are made on the nowcast distribution: a detector's bound for a week comes from earlier
weeks, so one fit gives it, and the probability of an alarm is the share of nowcasts above it. A
count with inflated variance would need a normal law, which small, skewed counts do not follow.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal, get_args

import attrs
import numpy as np
import polars as pl
from numpy.typing import NDArray

from liudu.contract import Refusal
from liudu.outbreak.aggregation import (
    DAYS,
    EPOCH_ORDINAL,
    Counting,
    Weeks,
    dimension,
)
from liudu.outbreak.configuration import Configuration
from liudu.outbreak.detectors import Flag
from liudu.outbreak.series import Bools, Calendar, Floats, SeriesTable, week_label
from liudu.outbreak.watch import watch

Unit = Literal["day", "week"]
UNITS: Final[tuple[Unit, ...]] = get_args(Unit)
EventField = Literal["date_onset", "date_diagnosis"]
EVENT_FIELDS: Final[tuple[EventField, ...]] = get_args(EventField)
LEVELS: Final = (0.5, 0.9, 0.95)
DRAWS: Final = 1000
PRIOR_WEIGHT: Final = 0.1  # of a period; so a share of 0.1 reported counts as much as the mean
PRIOR_CASES: Final = 0.5  # and never more than these, so that a large outbreak is not held down
DELAY_QUANTILE: Final = 0.99
HISTORY_DELAYS: Final = 4
CELLS_MIN: Final = 20
ALPHA_LEAST: Final = 1e-12


class DelayLongerThanSeriesError(Refusal):
    """A delay cannot be learnt from a series that is no longer than it."""

    en = (
        "Delays up to {delay_max} {unit}s cannot be learnt from {times} {unit}s: no row of the "
        "triangle is complete, and the last weeks would be left uncorrected. Give at least "
        "{times_min} {unit}s of events, or a smaller --delay-max."
    )
    zh = (
        "无法用 {times} 个{unit_zh}的数据估计长达 {delay_max} 个{unit_zh}的报告延迟："
        "三角表没有一行是完整的，最近的病例数将得不到校正。"
        "请提供至少 {times_min} 个{unit_zh}的数据，或减小 --delay-max。"
    )


class NothingReportedError(Refusal):
    """No case has both dates."""

    en = "No case has {event} and a report date up to {at}: nothing tells of the delay."
    zh = "截至 {at}，没有一例同时具有 {event} 和报告日期：无从估计报告延迟。"


class NegativeDelayError(Refusal):
    """A triangle was given a delay below zero or above its largest one."""

    en = "A maximal delay of {delay_max} is not possible: give 1 or more."
    zh = "最大延迟 {delay_max} 不可用：应不小于 1。"


@attrs.frozen(kw_only=True, eq=False)
class Triangle:
    """Cases by event and by delay until the report.

    Attributes
    ----------
    columns, keys
        What tells series apart.
    unit, calendar
        Of times and delays; the kind of week.
    first_time
        Number of the first event day (since 1970-01-01) or week (see `series.week_number`).
    counts
        Series x times x delays 0..D; NaN where not yet reported.
    late
        Cases reported later than D; they are in no cell.
    undated
        Cases without an event day; they are in no cell.

    """

    columns: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    unit: Unit
    calendar: Calendar
    first_time: int
    counts: Floats
    late: int = 0
    undated: int = 0

    @property
    def delay_max(self) -> int:
        """The largest delay D."""
        return int(self.counts.shape[2]) - 1

    @property
    def late_share(self) -> float:
        """Share of the dated cases that were reported later than D."""
        inside = float(np.nansum(self.counts))
        return self.late / (self.late + inside) if self.late else 0.0


@attrs.frozen(kw_only=True, eq=False)
class Nowcast:
    """What will be known of each time once all reports are in.

    Attributes
    ----------
    triangle
        What it was made of.
    reported_share
        For each time, the estimated share that is reported by now.
    dispersion
        Variance of a cell over its mean, at least 1.
    observed, point
        Series x times: reported by now; expected in the end.
    draws
        Series x last D times x draws: totals in the end.

    """

    triangle: Triangle
    reported_share: Floats
    dispersion: float
    observed: Floats
    point: Floats
    draws: NDArray[np.int32]

    @property
    def provisional(self) -> Bools:
        """Times whose reports are not all in."""
        times = self.observed.shape[1]
        return np.asarray(np.arange(times) >= times - self.triangle.delay_max)

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Return the lower and upper bound of the totals (series x times)."""
        tails = [(1 - level) / 2, (1 + level) / 2]
        low, high = (self._quantile(tail) for tail in tails)
        return low, high

    @property
    def median(self) -> Floats:
        """The median of the totals (series x times), whole cases."""
        return self._quantile(0.5)

    def _quantile(self, share: float) -> Floats:
        found = self.observed.copy()
        last = self.draws.shape[1]
        if last:
            found[:, -last:] = np.quantile(self.draws, share, axis=2, method="inverted_cdf")
        return found

    def table(self) -> SeriesTable:
        """Return the medians as a table for detectors; see `provisional` for its last weeks."""
        return SeriesTable(
            columns=self.triangle.columns,
            keys=self.triangle.keys,
            calendar=self.triangle.calendar if self.triangle.unit == "week" else "counted",
            first_week=self.triangle.first_time,
            counts=self.median,
        )


@attrs.frozen(kw_only=True, eq=False)
class Provisional:
    """Alarms of weeks whose reports are not all in; arrays are series x evaluated weeks.

    Attributes
    ----------
    at
        Columns of the nowcast.
    probability
        P(the count will be above the bound); 0 or 1 where all is reported, NaN where the
        detector decides nothing or has no bound.
    bound, p_value
        Of the detector; the p-value is that of the median nowcast.
    raised
        Probability at least as asked.
    flagged
        The week is provisional.

    """

    at: NDArray[np.int64]
    probability: Floats
    bound: Floats
    p_value: Floats
    raised: Bools
    flagged: Bools


def reporting_triangle(
    cases: pl.LazyFrame,
    *,
    counting: Counting,
    at: date,
    unit: Unit = "week",
    calendar: Weeks = "iso",
    event: EventField = "date_onset",
    delay_max: int | None = None,
    first: int | None = None,
) -> Triangle:
    """Count cases by event and delay, from what was reported by a day.

    Parameters
    ----------
    cases, counting
        As for `aggregate`; `counting.by` tells series apart.
    at
        The present day. Weeks are taken up to the last one that is over.
    unit, calendar
        Of times and delays; the kind of week.
    event
        Day of the event.
    delay_max
        Largest delay, in units; if none, 99 % of the cases were reported by it.
    first
        Number of the first time; if none, that of the first event.

    Raises
    ------
    NothingReportedError, NegativeDelayError, DelayLongerThanSeriesError

    """
    last = _last(at, unit=unit, calendar=calendar)
    timed = _timed(cases, counting=counting, event=event, unit=unit, calendar=calendar)
    known = timed.filter(pl.col("_time").is_not_null() & (pl.col("_report") <= last))
    cells = (
        known.group_by(*counting.by, "_time", (pl.col("_report") - pl.col("_time")).alias("_delay"))
        .len("n")
        .collect(engine="streaming")
    )
    if first is not None:
        cells = cells.filter(pl.col("_time") >= first)
    if cells.is_empty():
        raise NothingReportedError(event=event, at=at.isoformat())
    undated = timed.filter(pl.col("_time").is_null() & (pl.col("_report") <= last))
    largest = _delay_max(cells, last=last) if delay_max is None else delay_max
    start = first if first is not None else int(cells["_time"].to_numpy().min())
    check_delay(delay_max=largest, times=last - start + 1, unit=unit)
    keys, counts = _spread(cells, by=counting.by, first=start, last=last, delay_max=largest)
    return Triangle(
        columns=counting.by,
        keys=keys,
        unit=unit,
        calendar=calendar,
        first_time=start,
        counts=counts,
        late=int(cells.filter(pl.col("_delay") > largest)["n"].sum()),
        undated=int(undated.select(pl.len()).collect(engine="streaming").item()),
    )


def check_delay(*, delay_max: int, times: int, unit: Unit) -> None:
    """Refuse delays that the series cannot tell of.

    Raises
    ------
    NegativeDelayError, DelayLongerThanSeriesError

    """
    if delay_max < 1:
        raise NegativeDelayError(delay_max=delay_max)
    if times < delay_max + 2:
        raise DelayLongerThanSeriesError(
            delay_max=delay_max, times=times, times_min=delay_max + 2, unit=unit,
            unit_zh="天" if unit == "day" else "周",
        )  # fmt: skip


def _last(at: date, *, unit: Unit, calendar: Weeks) -> int:
    if unit == "day":
        return at.toordinal() - EPOCH_ORDINAL
    return (at.toordinal() + 1 - (1 if calendar == "iso" else 0)) // DAYS - 1


def _timed(
    cases: pl.LazyFrame, *, counting: Counting, event: EventField, unit: Unit, calendar: Weeks
) -> pl.LazyFrame:
    def number(column: str) -> pl.Expr:
        day = pl.col(column).cast(pl.Int64)
        offset = EPOCH_ORDINAL - (1 if calendar == "iso" else 0)
        return day if unit == "day" else (day + offset) // DAYS

    kept = cases
    if counting.classes:
        kept = kept.filter(pl.col("case_class").is_in(list(counting.classes)))
    if counting.outbreaks == "exclude":
        kept = kept.filter(~pl.col("outbreak"))
    return kept.select(
        *(dimension(name, counting=counting) for name in counting.by),
        number(event).alias("_time"),
        number("date_report").alias("_report"),
    ).filter(pl.col("_time").is_null() | (pl.col("_report") >= pl.col("_time")))


def _delay_max(cells: pl.DataFrame, *, last: int) -> int:
    """Return the delay by which 99 % were reported, from events that are old enough to tell."""
    delay, n, time = (cells[name].to_numpy() for name in ("_delay", "n", "_time"))
    old = time <= time.min() + (last - time.min()) // 2
    if not old.any():
        old = np.ones(time.size, np.bool_)
    order = np.argsort(delay[old], kind="stable")
    share = np.cumsum(n[old][order]) / n[old].sum()
    found = int(delay[old][order][np.searchsorted(share, DELAY_QUANTILE)])
    return max(found, 1)


def _spread(
    cells: pl.DataFrame, *, by: tuple[str, ...], first: int, last: int, delay_max: int
) -> tuple[tuple[tuple[str, ...], ...], Floats]:
    keys = sorted(set(cells.select(by).rows())) if by else [()]
    row = {key: at for at, key in enumerate(keys)}
    times = last - first + 1
    counts = np.zeros((len(keys), times, delay_max + 1))
    inside = cells.filter(pl.col("_delay") <= delay_max)
    series = [row[key] for key in inside.select(by).rows()] if by else [0] * inside.height
    np.add.at(
        counts,
        (
            np.array(series, np.int64),
            inside["_time"].to_numpy() - first,
            inside["_delay"].to_numpy(),
        ),
        inside["n"].to_numpy(),
    )
    return tuple(keys), masked(counts)


def masked(counts: Floats) -> Floats:
    """Return counts (series x times x delays) with NaN where the report is yet to come."""
    times, delays = counts.shape[1:]
    future = np.arange(times)[:, None] + np.arange(delays) > times - 1
    return np.where(future, np.nan, counts)


def reported_by(triangle_counts: Floats) -> Floats:
    """Return the share that is reported by each delay 0..D, by the chain ladder.

    Of all cases reported within d, the share reported at d itself is counted over the times
    that show both; the shares by d follow from the last delay down. A delay at which nothing
    can be counted adds nothing.

    Parameters
    ----------
    triangle_counts
        … x times x delays; NaN where not yet reported.

    """
    shown = np.isfinite(triangle_counts)
    counts = np.where(shown, triangle_counts, 0.0)
    total = np.cumsum(counts, axis=-1)
    new = np.where(shown, counts, 0.0).sum(axis=-2)
    until = np.where(shown, total, 0.0).sum(axis=-2)
    at_last = np.divide(new, until, out=np.zeros_like(new), where=until > 0)
    at_last[..., 0] = 0.0
    kept = np.minimum(1 - at_last, 1.0)
    later = np.cumprod(kept[..., ::-1], axis=-1)[..., ::-1]
    share = np.ones_like(later)
    share[..., :-1] = later[..., 1:]
    return np.asarray(np.clip(share, 1e-6, 1.0))


def nowcast(
    triangle: Triangle,
    *,
    rng: np.random.Generator,
    draws: int = DRAWS,
    history: int | None = None,
    prior_weight: float = PRIOR_WEIGHT,
) -> Nowcast:
    """Estimate the final counts of the last D times.

    Delays are shared by all series of the triangle; make one triangle for each disease.

    Parameters
    ----------
    triangle
        Counts by event and delay.
    rng, draws
        Source and number of draws.
    history
        Last times from which delays are learnt; if none, four times the largest delay, and at
        least a quarter of the series.
    prior_weight
        Weight of the recent mean beside a week's own reports, in weeks; at most half a case.

    Raises
    ------
    DelayLongerThanSeriesError, NegativeDelayError, NothingReportedError

    """
    times, delays = triangle.counts.shape[1:]
    last = delays - 1
    check_delay(delay_max=last, times=times, unit=triangle.unit)
    used = history or max(HISTORY_DELAYS * delays, times // 4)
    used = min(max(used, delays + 1), times)
    recent = triangle.counts[:, -used:]
    if not np.nansum(recent) > 0:
        raise NothingReportedError(event="event", at=str(times))
    share = reported_by(recent.sum(axis=0))
    dispersion = _dispersion(recent, share=share)
    observed = np.nansum(triangle.counts, axis=2)
    by_time = np.concatenate([np.ones(times - last), share[:last][::-1]])
    level = _level(observed, delays=last)
    weight = np.minimum(prior_weight, PRIOR_CASES / np.maximum(level, PRIOR_CASES))[:, None]
    bootstrap = _bootstrap(recent, share=share, dispersion=dispersion, rng=rng, draws=draws)
    totals = _totals(
        observed[:, -last:], shares=bootstrap[:, :last][:, ::-1], level=level,
        dispersion=dispersion, weight=weight, rng=rng,
    )  # fmt: skip
    mean = (weight * level[:, None] + observed) / (weight + by_time)
    point = np.where(by_time < 1, observed + (1 - by_time) * mean, observed)
    return Nowcast(
        triangle=triangle,
        reported_share=by_time,
        dispersion=dispersion,
        observed=observed,
        point=point,
        draws=totals,
    )


def _fitted(counts: Floats, *, share: Floats) -> Floats:
    """Return the means of the cells (series x times x delays), the seen and the unseen."""
    seen = np.nansum(counts, axis=2)
    times, delays = counts.shape[1:]
    by_now = share[np.minimum(np.arange(times)[::-1], delays - 1)]
    probability = np.diff(share, prepend=0.0)
    return np.asarray((seen / by_now)[:, :, None] * probability)


def _dispersion(counts: Floats, *, share: Floats) -> float:
    """Return Pearson's dispersion of the cells, at least 1 (1 where too few cells tell)."""
    mean = _fitted(counts, share=share)
    shown = np.isfinite(counts) & (mean > 0)
    residual = np.divide(
        (np.nan_to_num(counts) - mean) ** 2, mean, out=np.zeros_like(mean), where=shown
    )
    rows = int((shown.sum(axis=2) > 0).sum())
    free = int(shown.sum()) - rows - (counts.shape[2] - 1)
    if free < CELLS_MIN:
        return 1.0
    return float(max(residual.sum() / free, 1.0))


def _level(observed: Floats, *, delays: int) -> Floats:
    """Return the mean of the complete times that came last, as many as there are delays."""
    complete = observed[:, : observed.shape[1] - delays]
    return np.asarray(complete[:, -max(delays, 4) :].mean(axis=1))


def counts_drawn(mean: Floats, *, dispersion: float, rng: np.random.Generator) -> Floats:
    """Draw counts with the given means and variance `dispersion` x mean."""
    if dispersion <= 1:
        return rng.poisson(mean).astype(np.float64)
    size = np.maximum(mean / (dispersion - 1), 1e-12)
    return rng.negative_binomial(size, 1 / dispersion).astype(np.float64)


def _bootstrap(
    counts: Floats, *, share: Floats, dispersion: float, rng: np.random.Generator, draws: int
) -> Floats:
    """Return shares by delay learnt anew from `draws` simulated triangles (draws x delays)."""
    pooled = counts.sum(axis=0)
    mean = _fitted(pooled[None], share=share)[0]
    found = np.empty((draws, share.size))
    step = max(int(4_000_000 / mean.size), 1)
    for start in range(0, draws, step):
        number = min(step, draws - start)
        drawn = counts_drawn(
            np.broadcast_to(mean, (number, *mean.shape)), dispersion=dispersion, rng=rng
        )
        found[start : start + number] = reported_by(np.where(np.isfinite(pooled), drawn, np.nan))
    return found


def _totals(
    observed: Floats,
    *,
    shares: Floats,
    level: Floats,
    dispersion: float,
    weight: Floats,
    rng: np.random.Generator,
) -> NDArray[np.int32]:
    """Draw final counts (series x last times x draws) from shares by now (draws x last times)."""
    by_now = shares.T[None]
    shape = (weight[:, :, None] * level[:, None, None] + observed[:, :, None]) / dispersion
    scale = dispersion / (weight[:, :, None] + by_now)
    mean = rng.gamma(np.maximum(shape, 1e-9), 1.0, (*observed.shape, shares.shape[0])) * scale
    rest = counts_drawn(mean * (1 - by_now), dispersion=dispersion, rng=rng)
    return np.asarray(observed[:, :, None] + rest, np.int32)


def provisional_alarms(
    found: Nowcast,
    *,
    configuration: Configuration,
    at: Sequence[int] | None = None,
    probability_min: float = 0.5,
) -> Provisional:
    """Judge weeks on their nowcast distribution.

    Parameters
    ----------
    found
        A nowcast in weeks.
    configuration
        Detectors and budget.
    at
        Columns of the nowcast; if none, the provisional ones.
    probability_min
        Probability of being above the bound from which an alarm is raised.

    """
    weeks = np.asarray(np.nonzero(found.provisional)[0] if at is None else at, np.int64)
    judged = watch(found.table(), configuration=configuration, at=weeks.tolist())
    detection = judged.detection
    bound = np.empty(detection.observed.shape)
    for column, alpha in enumerate(judged.alpha):
        bound[:, column] = detection.bound(alpha=max(float(alpha), ALPHA_LEAST))[:, column]
    probability = _above(found, weeks=weeks, bound=bound)
    withheld = (detection.flags & Flag.WITHHELD) != 0
    with np.errstate(invalid="ignore"):
        raised = (probability >= probability_min) & ~withheld
    return Provisional(
        at=weeks,
        probability=probability,
        bound=bound,
        p_value=detection.p_value,
        raised=np.asarray(raised | judged.fixed),
        flagged=found.provisional[weeks],
    )


def _above(found: Nowcast, *, weeks: NDArray[np.int64], bound: Floats) -> Floats:
    times, last = found.observed.shape[1], found.draws.shape[1]
    probability = np.empty(bound.shape)
    for column, week in enumerate(weeks.tolist()):
        place = week - (times - last)
        totals = found.draws[:, place] if place >= 0 else found.observed[:, week, None]
        limit = bound[:, column, None]
        share = ((totals > limit) & (totals > 0)).mean(axis=1)
        probability[:, column] = np.where(np.isnan(limit[:, 0]), np.nan, share)
    return probability


def to_rows(
    found: Nowcast, *, alarms: Provisional | None = None, levels: Sequence[float] = LEVELS
) -> list[dict[str, Any]]:
    """Return one row for each series and provisional time, for files and pages."""
    bounds = {level: found.interval(level) for level in levels}
    median = found.median
    rows = []
    for series, key in enumerate(found.triangle.keys):
        for time in np.nonzero(found.provisional)[0].tolist():
            row: dict[str, Any] = dict(zip(found.triangle.columns, key, strict=True))
            row |= {
                "time": time_label(found.triangle, time),
                "reported": int(found.observed[series, time]),
                "reported_share": round(float(found.reported_share[time]), 4),
                "point": round(float(found.point[series, time]), 2),
                "median": int(median[series, time]),
            }
            for level, (low, high) in bounds.items():
                row[f"low_{level * 100:g}"] = int(low[series, time])
                row[f"high_{level * 100:g}"] = int(high[series, time])
            rows.append({**row, **_judgement(alarms, series=series, time=time)})
    return rows


def _judgement(alarms: Provisional | None, *, series: int, time: int) -> Mapping[str, Any]:
    if alarms is None:
        return {}
    place = np.nonzero(alarms.at == time)[0]
    if not place.size:
        return {}
    column = int(place[0])
    probability, bound = alarms.probability[series, column], alarms.bound[series, column]
    return {
        "bound": None if np.isnan(bound) else round(float(bound), 2),
        "alarm_probability": None if np.isnan(probability) else round(float(probability), 4),
        "alarm": bool(alarms.raised[series, column]),
        "provisional": bool(alarms.flagged[column]),
    }


def time_label(triangle: Triangle, time: int) -> str:
    """Return the name of an event week or day."""
    if triangle.unit == "day":
        return date.fromordinal(triangle.first_time + time + EPOCH_ORDINAL).isoformat()
    return week_label(triangle.first_time + time, calendar=triangle.calendar)
