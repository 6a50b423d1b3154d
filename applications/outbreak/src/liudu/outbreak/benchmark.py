"""How well detectors do: the figures of Bédubourg and Le Strat (2017), with intervals.

The silent detector, which never alarms, stands beside every other: on the grid it is right in
94 % of the weeks, so "accuracy" alone says nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.contract import Refusal
from liudu.outbreak.detectors import Detection, detector
from liudu.outbreak.simulate import TEST, YEAR_WEEKS, Grid

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Run = Callable[[Floats], Detection]

METRICS: Final = (
    "fpr", "specificity", "sensitivity", "pod", "pod_first_week", "ppv", "npv", "f1", "accuracy",
)  # fmt: skip
DRAWS: Final = 400
SILENT: Final = "silent"


class NoLabelsError(Refusal):
    """A table has no labelled outbreak, so nothing can be scored."""

    en = "The table has no week labelled as outbreak: add a column `outbreak` with 0 and 1."
    zh = "表中没有标注暴发的周：请增加 outbreak 列，取值 0 和 1。"


@attrs.frozen(kw_only=True)
class Figure:
    """A measured value with its 95 % bootstrap interval; NaN where it is not defined."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        """Return the value and its interval; what is not defined becomes null."""
        if np.isnan(self.value):
            return {"value": None, "interval": None}
        return {
            "value": round(self.value, 6),
            "interval": [round(self.low, 6), round(self.high, 6)],
        }


# Columns of a tally: sums over weeks or outbreaks of one unit of resampling.
QUIET_ALARMS, QUIET_WEEKS, TP, FN, FP, TN, OUTBREAKS, FOUND, FOUND_FIRST = range(9)
SUMS: Final = 9


def figures(tally: Floats, *, rng: np.random.Generator, draws: int = DRAWS) -> dict[str, Figure]:
    """Return the metrics of a tally (units x `SUMS`), units drawn again for the intervals."""
    units = tally.shape[0]
    chosen = rng.multinomial(units, np.full(units, 1.0 / units), size=draws)
    value = _metrics(tally.sum(axis=0)[None])
    spread = _metrics(chosen @ tally)
    answer = {}
    for index, name in enumerate(METRICS):
        known = spread[:, index][np.isfinite(spread[:, index])]
        low, high = np.quantile(known, [0.025, 0.975]) if known.size else (np.nan, np.nan)
        answer[name] = Figure(value=float(value[0, index]), low=float(low), high=float(high))
    return answer


def _metrics(sums: Floats) -> Floats:
    part = [sums[:, column].astype(np.float64) for column in range(SUMS)]
    tp, fn, fp, tn = part[TP], part[FN], part[FP], part[TN]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([
            part[QUIET_ALARMS] / part[QUIET_WEEKS],
            tn / (tn + fp),
            tp / (tp + fn),
            part[FOUND] / part[OUTBREAKS],
            part[FOUND_FIRST] / part[OUTBREAKS],
            tp / (tp + fp),
            tn / (tn + fn),
            2 * tp / (2 * tp + fp + fn),
            (tp + tn) / (tp + fn + fp + tn),
        ], axis=1)  # fmt: skip


@attrs.frozen(kw_only=True, eq=False)
class Scores:
    """What one detector said on a grid, for each pair (k1, k2); k2 = 0 is no current outbreak.

    Attributes
    ----------
    score, alarm
        Rows x test weeks: larger is more unusual; alarm at the detector's own rule.
    p_value
        Rows x test weeks; NaN where the detector has none.
    cpu_s
        CPU-seconds spent.

    """

    name: str
    score: Mapping[tuple[int, int], NDArray[np.float32]]
    p_value: Mapping[tuple[int, int], NDArray[np.float32]]
    alarm: Mapping[tuple[int, int], Bools]
    cpu_s: float


def method(name: str, *, alpha: float, **options: object) -> Run:
    """Return a named detector on the test weeks of simulated series.

    Raises
    ------
    UnknownDetectorError

    """
    chosen = detector(name)
    also: dict[str, Any] = dict(options)
    if chosen.calendar:
        also["year_weeks"] = YEAR_WEEKS
    if "cases_min" in chosen.options:
        also.setdefault("cases_min", 0)
    if name == "farrington":
        also.setdefault("alpha", alpha)
    if name == "glr_nb":
        also.setdefault("bounds", False)
    return lambda counts: chosen.run(counts, at=TEST, **also)


def collect(
    grid: Grid,
    *,
    name: str,
    run: Run,
    alpha: float,
    past_sizes: Sequence[int],
    cpu_clock: Callable[[], float],
    advance: Callable[[int], None] | None = None,
) -> Scores:
    """Run one detector over every cell of a grid; `cpu_clock` gives CPU-seconds."""
    score, p_value, alarm = {}, {}, {}
    spent = 0.0
    for past_size in past_sizes:
        for current_size in (0, *grid.current):
            counts = grid.counts(past_size=past_size, current_size=current_size)
            start = cpu_clock()
            found = run(counts.astype(np.float64))
            spent += cpu_clock() - start
            cell = (past_size, current_size)
            score[cell] = found.score.astype(np.float32)
            p_value[cell] = found.p_value.astype(np.float32)
            alarm[cell] = found.alarms(alpha=alpha)
            if advance:
                advance(1)
    return Scores(name=name, score=score, p_value=p_value, alarm=alarm, cpu_s=spent)


def silent(scores: Scores) -> Scores:
    """Return the detector that never alarms, on the same cells."""
    nothing = {cell: np.zeros_like(alarm) for cell, alarm in scores.alarm.items()}
    flat = {cell: np.zeros_like(score) for cell, score in scores.score.items()}
    unknown = {cell: np.full_like(score, np.nan) for cell, score in scores.score.items()}
    return Scores(name=SILENT, score=flat, p_value=unknown, alarm=nothing, cpu_s=0.0)


def threshold_at(scores: Scores, *, fpr: float) -> float:
    """Return the score above which the given share of all quiet weeks lies, at most.

    Counts are whole and scores tie, so the realised share can be lower; it is part of the answer.
    """
    quiet = np.concatenate([s.ravel() for (_, size), s in scores.score.items() if size == 0])
    ordered = np.sort(np.nan_to_num(quiet, nan=-np.inf))
    return float(ordered[int(np.ceil(ordered.size * (1.0 - fpr))) - 1])


def at_equal_fpr(scores: Scores, *, fpr: float) -> Scores:
    """Return the same scores with the alarms of the threshold that gives this FPR."""
    threshold = threshold_at(scores, fpr=fpr)
    alarm = {cell: np.asarray(values > threshold) for cell, values in scores.score.items()}
    return attrs.evolve(scores, alarm=alarm)


def at_alpha(scores: Scores, *, alpha: float) -> Scores:
    """Return the same scores with the alarms of p <= alpha."""
    with np.errstate(invalid="ignore"):
        alarm = {cell: np.asarray(p <= alpha) for cell, p in scores.p_value.items()}
    return attrs.evolve(scores, alarm=alarm)


def outbreak_weeks(added: NDArray[np.int32]) -> tuple[Bools, NDArray[np.int64]]:
    """Return the weeks from the first to the last case of an outbreak, and the first."""
    cases: Bools = added.astype(np.bool_)
    first = cases.argmax(axis=1)
    last = cases.shape[1] - 1 - cases[:, ::-1].argmax(axis=1)
    week = np.arange(cases.shape[1])
    inside = (
        (week >= first[:, None]) & (week <= last[:, None]) & np.asarray(cases.any(axis=1))[:, None]
    )
    return np.asarray(inside), first


def row_sums(
    grid: Grid,
    scores: Scores,
    *,
    past_sizes: Iterable[int] | None = None,
    current_sizes: Iterable[int] | None = None,
) -> Floats:
    """Return the tally of each row of the grid (rows x `SUMS`) over the chosen sizes."""
    past = set(past_sizes) if past_sizes is not None else {k1 for k1, _ in scores.alarm}
    current = set(current_sizes) if current_sizes is not None else set(grid.current)
    sums = np.zeros((grid.base.shape[0], SUMS))
    truth = {size: outbreak_weeks(grid.current[size][:, TEST]) for size in current}
    for (k1, k2), alarm in scores.alarm.items():
        if k1 not in past:
            continue
        if k2 == 0:
            sums[:, QUIET_ALARMS] += alarm.sum(axis=1)
            sums[:, QUIET_WEEKS] += alarm.shape[1]
        elif k2 in current:
            _add(sums, alarm, inside=truth[k2][0], first=truth[k2][1])
    return sums


def _add(sums: Floats, alarm: Bools, *, inside: Bools, first: NDArray[np.int64]) -> None:
    sums[:, TP] += (alarm & inside).sum(axis=1)
    sums[:, FN] += (~alarm & inside).sum(axis=1)
    sums[:, FP] += (alarm & ~inside).sum(axis=1)
    sums[:, TN] += (~alarm & ~inside).sum(axis=1)
    sums[:, OUTBREAKS] += 1
    sums[:, FOUND] += (alarm & inside).any(axis=1)
    sums[:, FOUND_FIRST] += alarm[np.arange(alarm.shape[0]), first]


def by_replicate(grid: Grid, rows: Floats, *, scenario: int | None = None) -> Floats:
    """Add the tallies of rows up to one unit per replicate, all scenarios or one."""
    keep = np.ones(rows.shape[0], bool) if scenario is None else grid.scenario == scenario
    units = np.zeros((int(grid.replicate.max()) + 1, SUMS))
    np.add.at(units, grid.replicate[keep], rows[keep])
    return units


def report(grid: Grid, scores: Scores, *, rng: np.random.Generator) -> dict[str, Any]:
    """Return all figures of a detector: overall, and by scenario, k1 and k2."""
    rows = row_sums(grid, scores)
    past = sorted({k1 for k1, _ in scores.alarm})
    return {
        "overall": _json(figures(by_replicate(grid, rows), rng=rng)),
        "by_scenario": {
            str(scenario): _json(
                figures(by_replicate(grid, rows, scenario=int(scenario)), rng=rng),
                names=("fpr", "pod"),
            )
            for scenario in np.unique(grid.scenario)
        },
        "by_k1": {
            str(k1): _json(
                figures(by_replicate(grid, row_sums(grid, scores, past_sizes=[k1])), rng=rng),
                names=("fpr", "pod", "pod_first_week"),
            )
            for k1 in past
        },
        "by_k2": {
            str(k2): _json(
                figures(by_replicate(grid, row_sums(grid, scores, current_sizes=[k2])), rng=rng),
                names=("pod", "pod_first_week", "sensitivity", "ppv", "accuracy"),
            )
            for k2 in sorted(grid.current)
        },
        "cpu_s": round(scores.cpu_s, 2),
    }


def _json(found: Mapping[str, Figure], *, names: Sequence[str] = METRICS) -> dict[str, Any]:
    return {name: found[name].to_json() for name in names}


def difference(
    grid: Grid, one: Scores, other: Scores, *, rng: np.random.Generator, draws: int = DRAWS
) -> dict[str, Figure]:
    """Return one detector's metrics less another's, replicates drawn again for both together."""
    units = [by_replicate(grid, row_sums(grid, scores)) for scores in (one, other)]
    number = units[0].shape[0]
    chosen = rng.multinomial(number, np.full(number, 1.0 / number), size=draws)
    value = _metrics(units[0].sum(axis=0)[None]) - _metrics(units[1].sum(axis=0)[None])
    spread = _metrics(chosen @ units[0]) - _metrics(chosen @ units[1])
    low, high = np.nanquantile(spread, [0.025, 0.975], axis=0)
    return {
        name: Figure(value=float(value[0, i]), low=float(low[i]), high=float(high[i]))
        for i, name in enumerate(METRICS)
    }


def labelled(alarm: Bools, *, outbreak: Bools, decided: Bools) -> Floats:
    """Return the tally of labelled real series (series x `SUMS`).

    An outbreak is a run of labelled weeks; it is found if a decided week of it alarms. Undecided
    weeks are left out of every count.
    """
    sums = np.zeros((alarm.shape[0], SUMS))
    alarm = np.asarray(alarm & decided)
    sums[:, QUIET_ALARMS] = (alarm & ~outbreak).sum(axis=1)
    sums[:, QUIET_WEEKS] = (~outbreak & decided).sum(axis=1)
    sums[:, TP] = (alarm & outbreak).sum(axis=1)
    sums[:, FN] = (~alarm & outbreak & decided).sum(axis=1)
    sums[:, FP] = sums[:, QUIET_ALARMS]
    sums[:, TN] = (~alarm & ~outbreak & decided).sum(axis=1)
    for row in range(alarm.shape[0]):
        for start, end in runs(outbreak[row]):
            if decided[row, start:end].any():
                sums[row, OUTBREAKS] += 1
                sums[row, FOUND] += alarm[row, start:end].any()
                sums[row, FOUND_FIRST] += alarm[row, start]
    return sums


def runs(weeks: Bools) -> list[tuple[int, int]]:
    """Return the half-open spans of weeks that are true without a gap."""
    edge = np.flatnonzero(np.diff(np.concatenate([[False], weeks, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in zip(edge[::2], edge[1::2], strict=True)]


def threshold_at_labels(score: Floats, *, outbreak: Bools, decided: Bools, fpr: float) -> float:
    """Return the score above which at most that share of decided, unlabelled weeks lies."""
    quiet = np.sort(score[decided & ~outbreak & np.isfinite(score)])
    if quiet.size == 0:
        raise NoLabelsError
    return float(quiet[max(int(np.ceil(quiet.size * (1.0 - fpr))) - 1, 0)])
