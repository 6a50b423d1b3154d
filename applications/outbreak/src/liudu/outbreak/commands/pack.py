"""``liudu-outbreak pack``: a solution bundle in stream mode, and the questions for a trial."""

from pathlib import Path

import click

from liudu.console import Console, with_console
from liudu.contract import bundle_digest
from liudu.outbreak.detectors import DETECTORS, YEAR_CALENDAR_WEEKS, YEAR_COUNTED_WEEKS
from liudu.outbreak.pack import pack, write_questions
from liudu.outbreak.series import CALENDARS, Calendar, read_series
from liudu.outbreak.solution import Settings


@click.command("pack")
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--detector", type=click.Choice(tuple(DETECTORS)), default="hr", show_default=True,
    help="检测器 · detector",
)  # fmt: skip
@click.option("--alpha", type=float, default=0.01, show_default=True, help="α")
@click.option(
    "--calendar", type=click.Choice(CALENDARS), default="iso", show_default=True,
    help="周历；counted 为每年 52 步 · kind of week; counted has 52 steps a year",
)  # fmt: skip
@click.option(
    "--questions", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="SERIES",
    help="改为写试验用的 labels.csv（序列须有 outbreak 列）· write labels.csv for "
    "`liudu-trial seal` from labelled series instead of a bundle",
)  # fmt: skip
@click.option("--simulated", is_flag=True, help="序列是模拟的 · the series are simulated")
@with_console
def command(
    console: Console,
    *,
    output: Path,
    detector: str,
    alpha: float,
    calendar: Calendar,
    questions: Path | None,
    simulated: bool,
) -> None:
    """打包检测器，供封存试验逐周作答 · Pack a detector that a sealed trial asks week by week.

    方案只见到已发生的周；未来不可见 · It sees the weeks that have passed, never the future.
    """
    if questions is not None:
        _write_questions(console, questions, output=output, calendar=calendar, simulated=simulated)
        return
    year_weeks = YEAR_COUNTED_WEEKS if calendar == "counted" else YEAR_CALENDAR_WEEKS
    pack(output, settings=Settings(detector=detector, alpha=alpha, year_weeks=year_weeks))
    digest = bundle_digest(output)
    console.emit({"bundle": str(output), "detector": detector, "alpha": alpha, "digest": digest})
    console.say(
        zh=f"已写入 {output}（{detector}，α = {alpha:g}）。摘要：{digest}",
        en=f"Wrote {output} ({detector}, alpha = {alpha:g}). Digest: {digest}",
    )


def _write_questions(
    console: Console, series: Path, *, output: Path, calendar: Calendar, simulated: bool
) -> None:
    table = read_series(series, calendar=calendar)
    steps, events = write_questions(output, table, simulated=simulated)
    console.emit({"folder": str(output), "steps": steps, "outbreaks": events})
    console.say(
        zh=f"已写入 {output}/labels.csv：{len(table.keys)} 个序列，{steps} 步，{events} 起暴发。",
        en=f"Wrote {output}/labels.csv: {len(table.keys)} series, {steps} steps, "
        f"{events} outbreaks.",
    )
