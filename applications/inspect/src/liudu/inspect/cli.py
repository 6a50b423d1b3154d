"""The command line ``liudu-inspect``."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import ParamSpec, cast

import click

from liudu.console import EXIT_INTERRUPTED, EXIT_REFUSED, language_of_environment
from liudu.contract import Refusal

P = ParamSpec("P")
TASK = click.Choice(["detect", "classify"])
FOLDER = click.Path(path_type=Path, file_okay=False)


class FileError(Refusal):
    """A file or folder that cannot be read or written."""

    en = "{path}: {reason}. Choose another place, or mend its permissions and free space."
    zh = "{path}：{reason}。请换一个位置，或检查权限与剩余空间。"

    @classmethod
    def of(cls, error: OSError) -> "FileError":
        """Name the file and what the system said of it."""
        return cls(path=error.filename or "–", reason=error.strerror or str(error))


def say(*, zh: str, en: str) -> None:
    """Print one sentence in the reader's language."""
    click.echo(zh if language_of_environment() == "zh" else en)


@contextmanager
def bar(*, zh: str, en: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error, if that is a terminal."""
    with click.progressbar(
        length=total,
        label=zh if language_of_environment() == "zh" else en,
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
    ) as steps:
        yield steps.update


def refusing(command: Callable[P, None]) -> Callable[P, None]:
    """Say a refusal as one sentence and end with code 2."""

    @wraps(command)
    def speaking(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            command(*arguments, **options)
        except Refusal as refusal:
            click.echo("✗ " + refusal.say(language_of_environment()), err=True)
            sys.exit(EXIT_REFUSED)
        except OSError as error:
            click.echo("✗ " + FileError.of(error).say(language_of_environment()), err=True)
            sys.exit(EXIT_REFUSED)
        except KeyboardInterrupt:
            sys.exit(EXIT_INTERRUPTED)

    return speaking


@click.group()
@click.version_option(package_name="liudu-inspect")
def main() -> None:
    """对照模板检查电路板 · Printed boards against their template."""


@main.command()
@click.argument("out", type=FOLDER)
@click.option("--task", type=TASK, default="classify", show_default=True)
@click.option("--mode", type=click.Choice(["batch", "stream"]), default="batch", show_default=True)
@click.option("--score-min", type=click.FloatRange(0, 1), help="判定阈值 · operating threshold")
@click.option("--weights", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@refusing
def pack(out: Path, task: str, mode: str, score_min: float | None, weights: Path | None) -> None:
    """打包成可参加试验的方案 · Pack a solution that can be tried."""
    from liudu.inspect import pack as packing  # noqa: PLC0415 - --help answers at once

    packing.pack(
        out,
        task=cast("packing.Task", task),
        mode=cast("packing.Mode", mode),
        score_min=score_min,
        weights=weights or packing.WEIGHTS,
    )
    say(zh=f"方案已写入 {out}。", en=f"The solution lies in {out}.")


@main.command()
@click.argument("out", type=FOLDER)
@click.option("--task", type=TASK, default="classify", show_default=True)
@click.option("--pieces", "--boards", type=int, default=1000, show_default=True)
@click.option("--defect-rate", type=float, default=0.4, show_default=True)
@click.option("--seed", type=int, required=True, help="同一种子，同样的板 · same seed, same boards")
@click.option(
    "--kinds", help="逗号分隔 · comma-separated: open,short,mousebite,spur,copper,pin-hole"
)
@click.option("--shift-px", type=click.FloatRange(0, 16), default=3.0, show_default=True)
@click.option("--ragged-px", type=click.FloatRange(0, 1), default=0.2, show_default=True)
@click.option("--etch-px", type=click.FloatRange(0, 1), default=0.2, show_default=True)
@click.option("--defect-scale", type=click.FloatRange(0.7, 2), default=1.0, show_default=True)
@refusing
def simulate(
    *,
    out: Path,
    task: str,
    pieces: int,
    defect_rate: float,
    seed: int,
    kinds: str | None,
    shift_px: float,
    ragged_px: float,
    etch_px: float,
    defect_scale: float,
) -> None:
    """绘制模拟电路板 · Draw simulated boards, marked as simulated."""
    from liudu.inspect import boards  # noqa: PLC0415
    from liudu.inspect import simulate as simulating  # noqa: PLC0415

    look = boards.Look(
        shift_px_max=shift_px, ragged_px=ragged_px, etch_px=etch_px, defect_scale=defect_scale
    )
    simulation = simulating.Simulation(
        task=cast("simulating.Task", task),
        count=pieces,
        defect_rate=defect_rate,
        seed=seed,
        kinds=tuple(kinds.split(",")) if kinds else boards.KINDS,
        look=look,
    )
    with bar(zh="绘制", en="drawing", total=pieces) as advance:
        simulating.write(simulation, out, advance=advance)
    say(
        zh=f"{pieces} 件模拟样品已写入 {out}，标签在 labels.csv。",
        en=f"{pieces} simulated pieces lie in {out}, their labels in labels.csv.",
    )


@main.command()
@click.argument("source", type=click.Choice(["deeppcb"]))
@click.argument("data", type=FOLDER)
@click.argument("out", type=FOLDER)
@click.option("--split", type=click.Choice(["trainval", "devtest"]), default="devtest")
@click.option("--task", type=TASK, default="detect", show_default=True)
@click.option(
    "--cluster",
    type=click.Choice(["group", "pair"]),
    help="同簇的依据，缺省：detect 按板组，classify 按板 · default: group for detect, else pair",
)
@refusing
def dataset(
    *, source: str, data: Path, out: Path, split: str, task: str, cluster: str | None
) -> None:
    """把真实数据写成可封存的文件夹 · Write real data as a folder that can be sealed."""
    from liudu.inspect import dataset as writing  # noqa: PLC0415
    from liudu.inspect import deeppcb  # noqa: PLC0415

    del source  # there is one so far
    everything = list(deeppcb.pairs(data, split=split))
    with bar(zh="写入", en="writing", total=len(everything)) as advance:
        count = writing.write(
            everything,
            out,
            task=cast("writing.Task", task),
            cluster=cast("writing.Cluster | None", cluster),
            advance=advance,
        )
    say(zh=f"{count} 件已写入 {out}。", en=f"{count} pieces lie in {out}.")


@main.command()
@click.argument("data", type=FOLDER)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option("--seeds", default="0,1", show_default=True, help="逗号分隔 · comma-separated")
@click.option("--epochs", type=click.IntRange(1, 200), default=36, show_default=True)
@refusing
def train(data: Path, out: Path, seeds: str, epochs: int) -> None:
    """从零训练（需要 torch）· Train from scratch on DeepPCB trainval; needs torch."""
    from liudu.inspect import deeppcb, selection, training  # noqa: PLC0415
    from liudu.inspect.network import load  # noqa: PLC0415

    training.require_torch()
    fitting, validation = deeppcb.validation_pairs(list(deeppcb.pairs(data, split="trainval")))
    seen, unseen = training.samples(fitting), training.samples(validation)
    networks = [
        training.train(seen, unseen, epochs=epochs, seed=int(seed), report=click.echo)
        for seed in seeds.split(",")
    ]
    training.save(networks, out)
    chosen = selection.thresholds(load(out), validation)
    out.with_name("settings.json").write_text(
        json.dumps({"score_min": chosen}, indent=2) + "\n", encoding="utf-8"
    )
    say(zh=f"权重已写入 {out}，阈值 {chosen}。", en=f"Weights lie in {out}; thresholds {chosen}.")
