"""``liudu city``: load a city pack, or only check it."""

from collections.abc import Mapping
from pathlib import Path

import click

from liudu.console import EXIT_REFUSED, Console, with_console
from liudu.contract import Refusal
from liudu.platform.city.decisions import CityPack, read_pack
from liudu.platform.city.reading import BadPackError
from liudu.platform.commands import migrate, start_django

FATES = {
    "added": ("新增", "added"),
    "changed": ("变更", "changed"),
    "gone": ("移除", "gone"),
    "retired": ("停用但保留（仍被引用）", "retired and kept (still in use)"),
    "kept": ("保留主管部门所填", "kept as the office filled them"),
}
SHOWN_MAX = 12


@click.group()
def command() -> None:
    """城市数据包 · City packs."""


@command.command("check")
@click.argument("folder", type=click.Path(path_type=Path))
@with_console
def check(console: Console, folder: Path) -> None:
    """检查数据包，不载入 · Check a pack without loading it."""
    pack = _read(console, folder)
    counts = {kind: len(rows) for kind, rows in pack.rows.items()}
    console.say(
        zh=f"数据包完好：{sum(counts.values())} 行，{counts['source']} 个来源。",
        en=f"The pack holds together: {sum(counts.values())} rows, {counts['source']} sources.",
    )
    console.emit({"digest": pack.digest, "rows": counts})


@command.command("load")
@click.argument("folder", type=click.Path(path_type=Path))
@with_console
def load(console: Console, folder: Path) -> None:
    """载入数据包；重复载入不改变任何内容 · Load a pack; loading it again changes nothing."""
    _read(console, folder)
    start_django()
    migrate()
    from liudu.platform import clock  # noqa: PLC0415 - after Django has started
    from liudu.platform.actors import SYSTEM  # noqa: PLC0415
    from liudu.platform.city.services import load_city  # noqa: PLC0415

    report = load_city(by=SYSTEM, at=clock.now(), folder=folder)
    if not report.fresh:
        console.say(
            zh="数据包没有变化，未改动任何内容。", en="The pack is the same: nothing changed."
        )
    for fate in FATES:
        _say_fate(console, fate, getattr(report, fate))
    console.emit(
        {
            "digest": report.digest,
            "fresh": report.fresh,
            **{fate: getattr(report, fate) for fate in FATES},
        }
    )


def _read(console: Console, folder: Path) -> CityPack:
    """Return the pack, or end with every problem of it."""
    try:
        return read_pack(folder)
    except BadPackError as error:
        if console.json:
            console.emit({"error": _as_json(error, console)})
            raise SystemExit(EXIT_REFUSED) from error
        raise


def _as_json(error: BadPackError, console: Console) -> dict[str, object]:
    def told(problem: Refusal) -> dict[str, object]:
        place = problem.facts["place"]
        return {
            "code": problem.code,
            "file": getattr(place, "file", ""),
            "line": getattr(place, "line", 0),
            "message": problem.say(console.language),
        }

    return {"code": error.code, "problems": [told(problem) for problem in error.problems]}


def _say_fate(console: Console, fate: str, codes: Mapping[str, list[str]]) -> None:
    zh, en = FATES[fate]
    for kind, rows in codes.items():
        shown = ", ".join(rows[:SHOWN_MAX]) + (" …" if len(rows) > SHOWN_MAX else "")
        console.say(zh=f"{zh} {kind} {len(rows)}：{shown}", en=f"{en}: {len(rows)} {kind}: {shown}")
