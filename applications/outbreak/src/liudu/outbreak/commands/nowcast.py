"""``liudu-outbreak nowcast``: what the last weeks will count once all reports are in."""

import csv
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl

from liudu.console import EXIT_NO, Console, with_console
from liudu.outbreak.aggregation import AGES, Counting, Weeks
from liudu.outbreak.commands.aggregate import day_of_import
from liudu.outbreak.configuration import Configuration, read_configuration
from liudu.outbreak.linelist import scan_cases
from liudu.outbreak.nowcast import (
    DRAWS,
    EVENT_FIELDS,
    UNITS,
    EventField,
    NothingReportedError,
    Nowcast,
    Unit,
    nowcast,
    provisional_alarms,
    reporting_triangle,
    to_rows,
)
from liudu.outbreak.progress import bar, silent

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
LATE_SHARE = 0.05


@click.command("nowcast")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True,
              help="结果表（CSV）· table of results")  # fmt: skip
@click.option("--by", default="disease", show_default=True, help="district,disease …")
@click.option("--event", type=click.Choice(EVENT_FIELDS), default="date_onset", show_default=True)
@click.option("--unit", type=click.Choice(UNITS), default="week", show_default=True)
@click.option("--weeks", type=click.Choice(["iso", "mmwr"]), default="iso", show_default=True)
@click.option("--delay-max", type=int, help="最大延迟，默认含 99 % · largest delay")
@click.option("--config", type=FILE, help="配置：对补报后的病例数判断信号 · judge the nowcasts")
@click.option("--at", type=click.DateTime(["%Y-%m-%d"]), help="今天的日期 · the present day")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--draws", type=click.IntRange(100), default=DRAWS, show_default=True)
@with_console
def command(
    console: Console,
    *,
    folder: Path,
    out: Path,
    by: str,
    event: EventField,
    unit: Unit,
    weeks: Weeks,
    delay_max: int | None,
    config: Path | None,
    at: datetime | None,
    seed: int,
    draws: int,
) -> None:
    """校正报告延迟：最近几周最终会有多少例 · Correct for the delay of reports.

    每种疾病各自估计延迟；给出中位数和 50、90、95 % 区间，均标为暂定.
    """
    columns = tuple(word.strip() for word in by.split(",") if word.strip())
    cases = scan_cases(folder)
    present = at.date() if at else day_of_import(folder)
    configuration = read_configuration(config) if config else None
    rng = np.random.default_rng(seed)
    progress = silent if console.json else bar(console.language)
    rows: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    diseases = _diseases(cases, columns=columns)
    for number, disease in enumerate(diseases):
        name = disease or "–"
        progress(f"估计 {name}", f"estimating {name}", number, len(diseases))
        own = cases if disease is None else cases.filter(pl.col("disease") == disease)
        try:
            triangle = reporting_triangle(
                own, counting=Counting(by=columns, ages=AGES), at=present, unit=unit,
                calendar=weeks, event=event, delay_max=delay_max,
            )  # fmt: skip
        except NothingReportedError as refusal:
            if len(diseases) == 1:
                raise
            told.append({"disease": disease, "left_out": refusal.say(console.language)})
            continue
        found = nowcast(triangle, rng=rng, draws=draws)
        rows += _judged(found, configuration=configuration, unit=unit)
        told.append(_told(found, disease=disease))
    progress("完成", "done", len(diseases), len(diseases))
    _write(out, rows)
    _say(console, rows=rows, told=told, out=out, at=present)
    if any(row.get("alarm") for row in rows):
        raise SystemExit(EXIT_NO)


def _diseases(cases: pl.LazyFrame, *, columns: tuple[str, ...]) -> list[str | None]:
    if "disease" not in columns:
        return [None]
    found = cases.select(pl.col("disease").unique()).collect(engine="streaming")
    return [str(name) for name in sorted(found["disease"].to_list())]


def _judged(
    found: Nowcast, *, configuration: Configuration | None, unit: Unit
) -> list[dict[str, Any]]:
    if configuration is None or unit == "day":
        return to_rows(found)
    return to_rows(found, alarms=provisional_alarms(found, configuration=configuration))


def _told(found: Nowcast, *, disease: str | None) -> dict[str, Any]:
    triangle = found.triangle
    return {
        "disease": disease,
        "delay_max": triangle.delay_max,
        "unit": triangle.unit,
        "dispersion": round(found.dispersion, 3),
        "late": triangle.late,
        "late_share": round(triangle.late_share, 4),
        "undated": triangle.undated,
    }


def _write(out: Path, rows: list[dict[str, Any]]) -> None:
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["time"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _say(
    console: Console,
    *,
    rows: list[dict[str, Any]],
    told: list[dict[str, Any]],
    out: Path,
    at: date,
) -> None:
    console.emit({"at": at.isoformat(), "file": out.name, "diseases": told, "rows": rows})
    for one in told:
        name = one["disease"] or "–"
        if "left_out" in one:
            console.say(zh=f"{name}：未估计。{one['left_out']}",
                        en=f"{name}: left out. {one['left_out']}")  # fmt: skip
            continue
        unit = {"day": "天", "week": "周"}[one["unit"]]
        console.say(
            zh=f"{name}：延迟最长 {one['delay_max']} {unit}，离散度 {one['dispersion']:.2f}；"
            f"无发病日期 {one['undated']} 例。",
            en=f"{name}: delays up to {one['delay_max']} {one['unit']}s, dispersion "
            f"{one['dispersion']:.2f}; {one['undated']} cases without an event day.",
        )
        if one["late_share"] > LATE_SHARE:
            console.say(
                zh=f"  其中 {one['late_share']:.1%} 的病例报告得更晚，未计入；可加大 --delay-max。",
                en=f"  {one['late_share']:.1%} of the cases came later and are left out; "
                "consider a larger --delay-max.",
            )
    alarms = sum(bool(row.get("alarm")) for row in rows)
    console.say(
        zh=f"已写入 {out.name}：{len(rows)} 行，均为暂定"
        + (f"；信号 {alarms} 个。" if alarms else "。"),
        en=f"Wrote {out.name}: {len(rows)} rows, all provisional"
        + (f"; {alarms} alarms." if alarms else "."),
    )
