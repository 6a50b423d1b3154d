"""``liudu-outbreak scan``: clusters in space and time."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl

from liudu.console import EXIT_NO, Console, with_console
from liudu.contract import Refusal
from liudu.outbreak.aggregation import Counting, Daily, daily
from liudu.outbreak.commands.aggregate import day_of_import
from liudu.outbreak.linelist import scan_cases
from liudu.outbreak.scan import (
    SIMULATIONS,
    Cluster,
    Scan,
    Window,
    plane_km,
    scan_permutation,
    scan_poisson,
)
from liudu.outbreak.series import Floats

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


class UnreadablePlacesError(Refusal):
    """The table of districts lacks what a scan needs."""

    en = (
        "{file} is no table of districts ({found}): it needs the columns district, and "
        "longitude, latitude or x_km, y_km; population is optional."
    )
    zh = (
        "{file} 不是可用的地区表（{found}）：需有 district 列，"
        "以及 longitude、latitude 或 x_km、y_km 列；population 列可选。"
    )


class UnknownPlacesError(Refusal):
    """Cases lie in districts that the table of districts does not have."""

    en = "{file} lacks {number} districts with cases, such as {sample}. Add them."
    zh = "{file} 缺少 {number} 个有病例的地区，例如 {sample}。请补充。"


@click.command("scan")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--places", type=FILE, required=True,
              help="地区中心点和人口 · centroids and people of districts")  # fmt: skip
@click.option("--disease", help="只看一种疾病 · one disease only")
@click.option("--days", type=click.IntRange(2), default=90, show_default=True,
              help="研究时段 · length of the study")  # fmt: skip
@click.option("--duration-max", type=click.IntRange(1), default=28, show_default=True,
              help="聚集最长天数 · longest cluster, days")  # fmt: skip
@click.option("--share-max", type=click.FloatRange(0, 1, min_open=True), default=0.5,
              show_default=True, help="圆内人口占比上限 · largest share of the people")  # fmt: skip
@click.option("--radius-max-km", type=click.FloatRange(0), help="半径上限 · largest radius")
@click.option("--alpha", type=float, default=0.05, show_default=True)
@click.option("--at", type=click.DateTime(["%Y-%m-%d"]), help="今天的日期 · the present day")
@click.option("--simulations", type=click.IntRange(1), default=SIMULATIONS, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@with_console
def command(
    console: Console,
    *,
    folder: Path,
    places: Path,
    disease: str | None,
    days: int,
    duration_max: int,
    share_max: float,
    radius_max_km: float | None,
    alpha: float,
    at: datetime | None,
    simulations: int,
    seed: int,
) -> None:
    """找出当前的时空聚集 · Present clusters in space and time.

    地区表有 population 列时用泊松模型，否则用时空置换模型；p 值已计入多重比较.
    有 p ≤ alpha 的聚集时以 1 退出.
    """
    cases = scan_cases(folder)
    if disease:
        cases = cases.filter(pl.col("disease") == disease)
    present = at.date() if at else day_of_import(folder)
    counts = daily(
        cases, counting=Counting(by=("district",)), at=present,
        first=present - timedelta(days=days - 1),
    )  # fmt: skip
    table = read_places(places)
    aligned = _aligned(counts, table=table, file=places.name)
    window = Window(
        duration_max=duration_max,
        share_max=share_max,
        radius_max_km=float("inf") if radius_max_km is None else radius_max_km,
    )
    rng, centroids = np.random.default_rng(seed), _centroids(table)
    if "population" in table.columns:
        found = scan_poisson(
            aligned, centroids_km=centroids, people=table["population"].to_numpy(),
            window=window, rng=rng, simulations=simulations,
        )  # fmt: skip
    else:
        found = scan_permutation(
            aligned, centroids_km=centroids, window=window, rng=rng, simulations=simulations
        )
    names = table["district"].to_list()
    rows = [_row(one, names=names, first_day=counts.first_day) for one in found.clusters]
    _answer(console, found, rows=rows, alpha=alpha, at=present)
    if any(row["p_value"] <= alpha for row in rows):
        raise SystemExit(EXIT_NO)


def read_places(path: Path) -> pl.DataFrame:
    """Read districts with their centroids, and people at risk if given.

    Raises
    ------
    UnreadablePlacesError

    """
    try:
        frame = pl.read_csv(path, infer_schema=False)
        numbers = [name for name in ("longitude", "latitude", "x_km", "y_km", "population")
                   if name in frame.columns]  # fmt: skip
        frame = frame.with_columns(pl.col(numbers).str.strip_chars().cast(pl.Float64))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnreadablePlacesError(file=path.name, found=type(error).__name__) from error
    present = set(frame.columns)
    centred = {"x_km", "y_km"} <= present or {"longitude", "latitude"} <= present
    if "district" not in present or not centred:
        raise UnreadablePlacesError(file=path.name, found=", ".join(frame.columns))
    if frame.select("district", *numbers).null_count().sum_horizontal().item():
        raise UnreadablePlacesError(file=path.name, found="null")
    return frame.with_columns(pl.col("district").str.strip_chars())


def _centroids(table: pl.DataFrame) -> Floats:
    if "x_km" in table.columns:
        return table.select("x_km", "y_km").to_numpy()
    return plane_km(table["longitude"].to_numpy(), table["latitude"].to_numpy())


def _aligned(counts: Daily, *, table: pl.DataFrame, file: str) -> np.ndarray[Any, Any]:
    row = {name: at for at, name in enumerate(table["district"].to_list())}
    missing = [key[0] for key in counts.keys if key[0] not in row]
    if missing:
        raise UnknownPlacesError(file=file, number=len(missing), sample=", ".join(missing[:5]))
    aligned = np.zeros((table.height, counts.counts.shape[1]), np.int64)
    aligned[[row[key[0]] for key in counts.keys]] = counts.counts
    return aligned


def _row(one: Cluster, *, names: list[str], first_day: date) -> dict[str, Any]:
    return {
        "districts": [names[place] for place in one.districts],
        "radius_km": round(one.radius_km, 2),
        "first_day": (first_day + timedelta(days=one.first_time)).isoformat(),
        "last_day": (first_day + timedelta(days=one.last_time)).isoformat(),
        "observed": one.observed,
        "expected": round(one.expected, 3),
        "relative_risk": round(one.relative_risk, 3) if np.isfinite(one.relative_risk) else None,
        "llr": round(one.llr, 4),
        "p_value": one.p_value,
        "p_gumbel": float(f"{one.p_gumbel:.4g}"),
    }


def _answer(
    console: Console, found: Scan, *, rows: list[dict[str, Any]], alpha: float, at: date
) -> None:
    console.emit(
        {
            "at": at.isoformat(),
            "model": found.model,
            "simulations": found.maxima.size,
            "alpha": alpha,
            "clusters": rows,
        }
    )
    clear = [row for row in rows if row["p_value"] <= alpha]
    console.say(
        zh=f"{at}：p ≤ {alpha:g} 的时空聚集 {len(clear)} 个（{found.maxima.size} 次模拟）。",
        en=f"{at}: {len(clear)} clusters with p ≤ {alpha:g} ({found.maxima.size} simulations).",
    )
    heads = {
        "zh": ["地区", "半径 km", "起", "止", "病例", "预期", "p"],
        "en": ["districts", "radius km", "from", "to", "cases", "expected", "p"],
    }[console.language]
    shown = [
        [
            " ".join(row["districts"]), f"{row['radius_km']:g}", row["first_day"],
            row["last_day"], str(row["observed"]), f"{row['expected']:.1f}",
            f"{row['p_value']:.3g}",
        ]
        for row in rows[:10]
    ]  # fmt: skip
    console.table([heads, *shown] if shown else [])
