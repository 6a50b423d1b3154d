"""``liudu policies``: load rule packs, or make subjects to try them on."""

from pathlib import Path

import click

from liudu.console import EXIT_NO, Console, refuse, with_console
from liudu.platform.commands import migrate, start_django


@click.group()
def command() -> None:
    """政策包 · Rule packs."""


@command.command("load")
@click.argument("folder", type=click.Path(path_type=Path))
@with_console
def load(console: Console, folder: Path) -> None:
    """载入政策包；每个文件各自成败 · Load rule packs; each file stands or falls by itself."""
    start_django()
    migrate()
    from liudu.platform import clock  # noqa: PLC0415 - after Django has started
    from liudu.platform.actors import SYSTEM  # noqa: PLC0415
    from liudu.platform.funding.services import load_policies  # noqa: PLC0415

    report = load_policies(by=SYSTEM, at=clock.now(), folder=folder)
    loaded = [version.code for version in report.loaded]
    console.say(
        zh=f"新载入 {len(loaded)} 个政策包，{len(report.unchanged)} 个没有变化。",
        en=f"Loaded {len(loaded)} rule packs; {len(report.unchanged)} are the same as before.",
    )
    if not console.json:
        for refusal in report.refused.values():
            refuse(console, refusal)
    console.emit(
        {
            "loaded": loaded,
            "unchanged": report.unchanged,
            "refused": {name: one.say(console.language) for name, one in report.refused.items()},
        }
    )
    if report.refused:
        raise SystemExit(EXIT_NO)
