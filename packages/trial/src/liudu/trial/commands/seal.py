"""``liudu-trial seal``: fix data, labels, protocol and scorer before anyone submits."""

from pathlib import Path
from shlex import quote

import click
import numpy as np

from liudu.console import Console, with_console
from liudu.contract import Language
from liudu.trial import clock
from liudu.trial.promise import load_promise
from liudu.trial.seal import Entropy, Seal, seal


@click.command(short_help="封存数据 · fix the data by their hashes")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="标签 CSV，默认 DATA/labels.csv · labels, DATA/labels.csv by default",
)
@click.option(
    "--targets",
    type=click.Path(path_type=Path),
    required=True,
    help="承诺文件 · the promise, a YAML file",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="要新建的封存文件夹 · the folder to make",
)
@click.option("--name", help="试验名称，默认取文件夹名 · what the trial is called")
@click.option("--encoding", help="标签的编码：utf-8 或 gb18030 · encoding of the labels")
@click.option("--simulated", is_flag=True, help="标为模拟数据 · mark the data as simulated")
@click.option(
    "--strict",
    is_flag=True,
    help="样本量不足以证明承诺时拒绝 · refuse data too few for the promise",
)
@click.option("--seed", type=int, hidden=True, help="仅供测试：编号可被猜出 · tests only")
@with_console
def command(
    console: Console,
    data: Path,
    labels: Path | None,
    targets: Path,
    out: Path,
    *,
    name: str | None,
    encoding: str | None,
    simulated: bool,
    strict: bool,
    seed: int | None,
) -> None:
    """封存一个数据文件夹 · Seal a folder of data.

    DATA 是样本所在的文件夹，只读取，绝不改动 · is the folder with the pieces; it is only read.
    """
    extra = {} if seed is None else {"entropy": _predictable(seed)}
    sealed = seal(
        data,
        labels=labels or data / "labels.csv",
        promise=load_promise(targets),
        into=out,
        at=clock.now(),
        name=name,
        simulated=simulated or seed is not None,  # ids that can be guessed seal nothing
        encoding=encoding,
        strict=strict,
        ignored=(targets,),
        progress=console,
        **extra,
    )
    console.emit(summary(sealed, language=console.language))
    _tell(console, sealed)


def summary(sealed: Seal, *, language: Language) -> dict[str, object]:
    """Return what was sealed, for machines."""
    return {
        "seal": str(sealed.folder),
        "digest": sealed.digest,
        "commitment": dict(sealed.commitment),
        "notices": [
            {"code": notice.code, "message": notice.say(language)} for notice in sealed.notices
        ],
    }


def _tell(console: Console, sealed: Seal) -> None:
    count, clusters = len(sealed.items), sealed.protocol["cluster_count"]
    console.say(
        zh=f"✓ 已封存 {count} 件样本"
        + (f"（{clusters} 簇）" if clusters else "")
        + f"：{sealed.folder}",
        en=f"✓ {count} pieces sealed"
        + (f" ({clusters} clusters)" if clusters else "")
        + f": {sealed.folder}",
    )
    if sealed.simulated:
        console.say(
            zh="  数据标为模拟：据此签发的证书不能用于正式验收。",
            en="  Marked as simulated: a certificate from it is not valid for production.",
        )
    for notice in sealed.notices:
        console.say(zh=f"! {notice.zh}", en=f"! {notice.en}")
    folder = quote(str(sealed.folder))
    console.say(
        zh=f"可公开的承诺：{sealed.folder / 'commitment.json'}\n  {sealed.digest}\n"
        f"private/ 含标签与盐，切勿外传。下一步：liudu-trial run {folder} 解决方案",
        en=f"To be published: {sealed.folder / 'commitment.json'}\n  {sealed.digest}\n"
        "Never hand on private/: it holds labels and salt. "
        f"Next: liudu-trial run {folder} SOLUTION",
    )


def _predictable(seed: int) -> Entropy:
    return np.random.default_rng(seed).bytes
