"""``liudu-outbreak backtest``: how well detectors do on series whose outbreaks are known."""

import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from liudu.console import Console, with_console
from liudu.outbreak import benchmark
from liudu.outbreak.detectors import detect, detector
from liudu.outbreak.series import CALENDARS, Calendar, SeriesTable, read_series
from liudu.outbreak.simulate import PAST_SIZES, SHAPES, Grid, Shape, simulate

STANDARD = "hr,farrington,ears_c1"
SHOWN = ("fpr", "sensitivity", "pod", "pod_first_week", "ppv", "f1", "accuracy")
RUN_IN_WEEKS = 7


@click.command("backtest")
@click.argument(
    "series", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False
)
@click.option(
    "--detectors", default=STANDARD, show_default=True, help="检测器 · separated by commas"
)
@click.option("--alpha", type=float, default=0.01, show_default=True, help="α")
@click.option("--fpr", type=float, help="在相同误报率下比较 · compare at this false-alarm rate")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--replicates", type=click.IntRange(1, 1000), default=2, show_default=True)
@click.option(
    "--shape", type=click.Choice(SHAPES), default="lognormal", show_default=True,
    help="模拟暴发的形态 · shape of simulated outbreaks",
)  # fmt: skip
@click.option("--calendar", type=click.Choice(CALENDARS), default="iso", show_default=True)
@with_console
def command(
    console: Console,
    *,
    series: Path | None,
    detectors: str,
    alpha: float,
    fpr: float | None,
    seed: int,
    replicates: int,
    shape: Shape,
    calendar: Calendar,
) -> None:
    """在已知暴发上回测，总列出“从不报警” · Backtest, the silent detector always beside.

    SERIES.csv 须有 outbreak 列（0、1）；不给文件时用 42 个情景的模拟数据.
    """
    names = [name.strip() for name in detectors.split(",") if name.strip()]
    for name in names:
        detector(name)
    rng = np.random.default_rng(seed)
    if series is None:
        grid = simulate(seed=seed, replicates=replicates, shape=shape)
        found = on_grid(grid, names, alpha=alpha, fpr=fpr, rng=rng)
    else:
        table = read_series(series, calendar=calendar)
        found = on_table(table, names, alpha=alpha, fpr=fpr, rng=rng)
    rule = {"alpha": alpha} if fpr is None else {"fpr": fpr}
    console.emit({"rule": rule, "detectors": found})
    _say(console, found)


def on_grid(
    grid: Grid,
    names: list[str],
    *,
    alpha: float,
    fpr: float | None,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return the figures of each detector on the simulated grid."""
    found: dict[str, Any] = {}
    for name in names:
        scores = benchmark.collect(
            grid, name=name, run=benchmark.method(name, alpha=alpha), alpha=alpha,
            past_sizes=PAST_SIZES, cpu_clock=time.process_time,
        )  # fmt: skip
        if benchmark.SILENT not in found:
            quiet = benchmark.silent(scores)
            found[benchmark.SILENT] = benchmark.report(grid, quiet, rng=rng)
        if fpr is not None:
            scores = benchmark.at_equal_fpr(scores, fpr=fpr)
        found[name] = benchmark.report(grid, scores, rng=rng)
    return found


def on_table(
    table: SeriesTable,
    names: list[str],
    *,
    alpha: float,
    fpr: float | None,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return the figures of each detector on labelled series; a series is the unit drawn again.

    Labelled weeks stay in the baselines, as they do on the day when nobody has labelled them.

    Raises
    ------
    NoLabelsError

    """
    if table.outbreak is None or not table.outbreak.any():
        raise benchmark.NoLabelsError
    at = np.arange(RUN_IN_WEEKS, table.counts.shape[1])
    truth = table.outbreak[:, at]
    found: dict[str, Any] = {}
    for name in names:
        decisions = detect(table.counts, at=at, name=name, year_weeks=table.year_weeks)
        decided = np.isfinite(decisions.score)
        alarm = decisions.alarms(alpha=alpha)
        if fpr is not None:
            limit = benchmark.threshold_at_labels(
                decisions.score, outbreak=truth, decided=decided, fpr=fpr
            )
            alarm = np.asarray(decisions.score > limit)
        if benchmark.SILENT not in found:
            found[benchmark.SILENT] = _figures(np.zeros_like(alarm), truth, decided, rng=rng)
        found[name] = _figures(alarm, truth, decided, rng=rng)
    return found


def _figures(
    alarm: benchmark.Bools, truth: benchmark.Bools, decided: benchmark.Bools, *,
    rng: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    tally = benchmark.labelled(alarm, outbreak=truth, decided=decided)
    found = benchmark.figures(tally, rng=rng)
    return {"overall": {name: figure.to_json() for name, figure in found.items()}}


def _say(console: Console, found: dict[str, Any]) -> None:
    head = ["检测器" if console.language == "zh" else "detector", *SHOWN]
    rows = [
        [name, *(_cell(answer["overall"][key]) for key in SHOWN)] for name, answer in found.items()
    ]
    console.table([head, *rows])
    accuracy = found[benchmark.SILENT]["overall"]["accuracy"]["value"]
    console.say(
        zh=f"从不报警的检测器准确率为 {accuracy:.1%}：单看准确率不能说明问题。",
        en=f"The detector that never alarms is right in {accuracy:.1%} of weeks: "
        "accuracy alone says nothing.",
    )


def _cell(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return "–"
    low, high = figure["interval"]
    return f"{figure['value']:.3f} [{low:.3f}, {high:.3f}]"
