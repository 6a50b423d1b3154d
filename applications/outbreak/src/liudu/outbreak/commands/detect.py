"""``liudu-outbreak detect``: the present alarms of a table of weekly counts."""

from pathlib import Path
from typing import Any

import attrs
import click
import numpy as np

from liudu.console import Console, with_console
from liudu.outbreak import clock
from liudu.outbreak.configuration import Configuration, read_configuration
from liudu.outbreak.detectors import Flag
from liudu.outbreak.series import CALENDARS, Calendar, SeriesTable, read_series, week_of_day
from liudu.outbreak.watch import Watch, watch

DECIMALS = 4


@click.command("detect")
@click.argument("series", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--config", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="配置（YAML）· configuration")  # fmt: skip
@click.option("--at", metavar="WEEK", help="评估周，默认最后一周 · week to evaluate; the last")
@click.option("--calendar", type=click.Choice(CALENDARS), help="周历 · kind of week")
@click.option("--ignore-later", is_flag=True, help="忽略评估周之后的数据 · ignore later weeks")
@with_console
def command(
    console: Console,
    *,
    series: Path,
    config: Path | None,
    at: str | None,
    calendar: Calendar | None,
    ignore_later: bool,
) -> None:
    """找出本周异常升高的序列，按优先级排列 · The unusual rises of a week, most unusual first.

    SERIES.csv: 每行一个序列的一周；week、count 两列，其余列区分序列.
    """
    configuration = read_configuration(config) if config else Configuration()
    if calendar:
        configuration = attrs.evolve(configuration, calendar=calendar)
    today = clock.now().astimezone().date()
    table = read_series(
        series,
        calendar=configuration.calendar,
        absent=configuration.absent_weeks,
        at=None if ignore_later else at or week_of_day(today, calendar=configuration.calendar),
    )
    week = table.index(at) if at else table.counts.shape[1] - 1
    found = watch(table, configuration=configuration, at=weeks_before(week, configuration))
    answer = answered(table, found, week=week)
    console.emit(answer)
    _say(console, answer)


def weeks_before(week: int, configuration: Configuration) -> list[int]:
    """Return the week and those before it that decide whether it repeats an alarm."""
    plans = (configuration.default, *configuration.diseases.values())
    days = max(plan.quiet_days for plan in plans)
    return list(range(max(week - -(-days // 7), 0), week + 1))


def answered(table: SeriesTable, found: Watch, *, week: int) -> dict[str, Any]:
    """Return the alarms of the last evaluated week, ranked, with what was not decided."""
    last = found.raised.shape[1] - 1
    detection = found.detection
    alpha = float(found.alpha[last])
    unbounded = np.full(detection.observed.shape, np.nan)  # a budget that allows no alarm
    bound = detection.bound(alpha=alpha) if alpha > 0 else unbounded
    missing = (detection.flags[:, last] & Flag.MISSING) != 0
    undecided = (detection.flags[:, last] & (Flag.MISSING | Flag.TOO_SHORT)) != 0
    alarms = [
        {
            "rank": rank,
            "series": dict(zip(table.columns, table.keys[row], strict=True)),
            "observed": int(detection.observed[row, last]),
            "expected": _number(detection.expected[row, last]),
            "bound": _number(bound[row, last]),
            "p_value": _p(detection.p_value[row, last]),
            "detector": None if undecided[row] else detection.name(series=row, week=last),
            "reason": "fixed_rule" if found.fixed[row, last] else "unusual",
            "ladder": bool(detection.flags[row, last] & Flag.LADDER),
        }
        for rank, row in enumerate(found.ranked(week=last).tolist(), start=1)
    ]
    return {
        "week": table.label(week),
        "series": len(table.keys),
        "alarms": alarms,
        "alpha": alpha,
        "missing": int(missing.sum()),
        "weeks_without_report": int(np.isnan(table.counts[:, : week + 1]).sum()),
        "too_short": int((undecided & ~missing).sum()),
        "by_detector": _used(found, undecided=undecided),
    }  # fmt: skip


def _used(found: Watch, *, undecided: np.ndarray[Any, np.dtype[np.bool_]]) -> dict[str, int]:
    codes = found.detection.detector[~undecided, -1]
    numbers = np.bincount(codes, minlength=len(found.detection.detectors))
    return {
        name: int(number)
        for name, number in zip(found.detection.detectors, numbers, strict=True)
        if number
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), DECIMALS)


def _p(value: float) -> float | None:
    return None if np.isnan(value) else float(f"{value:.4g}")


def _say(console: Console, answer: dict[str, Any]) -> None:
    number, week = len(answer["alarms"]), answer["week"]
    console.say(
        zh=f"{week}：{answer['series']} 个序列，{number} 个信号。",
        en=f"{week}: {answer['series']} series, {number} alarms.",
    )
    gaps = answer["weeks_without_report"]
    if gaps:
        console.say(
            zh=f"共 {gaps} 个序列周没有病例数，按未知处理，不作基线"
            "（若表示无病例，请在配置中写 absent_weeks: zero）。",
            en=f"{gaps} weeks of series have no count: taken as not known, kept out of baselines "
            "(if they mean no cases, set absent_weeks: zero in the configuration).",
        )
    heads = {
        "zh": ["序", "序列", "病例", "预期", "上限", "p", "方法"],
        "en": ["#", "series", "cases", "expected", "bound", "p", "detector"],
    }[console.language]
    rows = [_row(alarm, console=console) for alarm in answer["alarms"]]
    console.table([heads, *rows] if rows else [])
    if answer["missing"] or answer["too_short"]:
        console.say(
            zh=f"未判定：缺报 {answer['missing']} 个，历史不足 7 周 {answer['too_short']} 个。",
            en=f"Not decided: {answer['missing']} without a report, "
            f"{answer['too_short']} with less than 7 weeks of history.",
        )


def _row(alarm: dict[str, Any], *, console: Console) -> list[str]:
    fixed = "固定规则" if console.language == "zh" else "fixed rule"
    shown = [
        "–" if alarm[key] is None else f"{alarm[key]:g}" for key in ("expected", "bound", "p_value")
    ]
    how = fixed if alarm["reason"] == "fixed_rule" else str(alarm["detector"])
    name = " · ".join(alarm["series"].values()) or "–"
    return [str(alarm["rank"]), name, str(alarm["observed"]), *shown, how]
