"""``liudu-outbreak simulate``: series with outbreaks whose weeks are known."""

from pathlib import Path

import click
import numpy as np

from liudu.console import Console, with_console
from liudu.outbreak.benchmark import outbreak_weeks
from liudu.outbreak.series import SeriesTable, write_series
from liudu.outbreak.simulate import SCENARIOS, SHAPES, Grid, Shape, simulate


@click.command("simulate")
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--seed", type=int, required=True, help="随机种子 · the same seed, the same series")
@click.option("--replicates", type=click.IntRange(1, 1000), default=1, show_default=True)
@click.option(
    "--scenarios", default="1-42", show_default=True, help="情景 · scenarios, e.g. 1-6 or 1,14,42"
)
@click.option(
    "--past", type=click.IntRange(0, 100), default=5, show_default=True,
    help="既往暴发大小 k1（基线标准差）· size of the four past outbreaks, SD",
)  # fmt: skip
@click.option(
    "--current", type=click.IntRange(0, 100), default=8, show_default=True,
    help="当前暴发大小 k2 · size of the current outbreak, SD",
)  # fmt: skip
@click.option("--shape", type=click.Choice(SHAPES), default="lognormal", show_default=True)
@with_console
def command(
    console: Console,
    *,
    output: Path,
    seed: int,
    replicates: int,
    scenarios: str,
    past: int,
    current: int,
    shape: Shape,
) -> None:
    """模拟周病例数并标注暴发周 · Simulate weekly counts with labelled outbreaks.

    42 个情景（Noufaily 等 2013）；列：scenario、replicate、week、count、outbreak.
    """
    chosen = _chosen(scenarios)
    grid = simulate(
        seed=seed,
        replicates=replicates,
        scenarios=tuple(SCENARIOS[number - 1] for number in chosen),
        past_sizes=(past,),
        current_sizes=(current,),
        shape=shape,
    )
    table = simulated_table(grid, past=past, current=current)
    rows = write_series(output, table)
    labelled = int(table.outbreak.sum()) if table.outbreak is not None else 0
    console.emit(
        {"file": output.name, "series": len(table.keys), "rows": rows, "outbreak_weeks": labelled}
    )
    console.say(
        zh=f"已写入 {output.name}：{len(table.keys)} 个序列，{rows} 行，暴发周 {labelled} 个。",
        en=f"Wrote {output.name}: {len(table.keys)} series, {rows} rows, "
        f"{labelled} outbreak weeks.",
    )


def _chosen(text: str) -> list[int]:
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise click.BadParameter(f"{part!r}: 1-6, 1,14,42", param_hint="--scenarios")
        numbers += range(int(first), int(last or first) + 1)
    if not numbers or min(numbers) < 1 or max(numbers) > len(SCENARIOS):
        raise click.BadParameter(f"1-{len(SCENARIOS)}", param_hint="--scenarios")
    return sorted(set(numbers))


def simulated_table(grid: Grid, *, past: int, current: int) -> SeriesTable:
    """Return one cell of a grid as a table, with the outbreak weeks as labels.

    A past outbreak's weeks are those with an added case; the current one's run from its first
    to its last case, as the benchmark counts them.
    """
    labels = np.zeros(grid.base.shape, np.bool_)
    if past:
        labels |= grid.past[past] > 0
    if current:
        labels |= outbreak_weeks(grid.current[current])[0]
    return SeriesTable(
        columns=("scenario", "replicate"),
        keys=tuple(
            (str(scenario), str(replicate + 1))
            for scenario, replicate in zip(grid.scenario, grid.replicate, strict=True)
        ),
        calendar="counted",
        first_week=1,
        counts=grid.counts(past_size=past, current_size=current).astype(np.float64),
        outbreak=labels,
    )
