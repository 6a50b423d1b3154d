"""``liudu-rules page``: a pack as a page that a civil servant reads."""

from pathlib import Path
from typing import Any

import click

from liudu.console import Console, with_console
from liudu.rules._page import render_page
from liudu.rules.clock import today
from liudu.rules.commands._given import as_day, day_option, load_pack, written_whole


@click.command(short_help="政策对照页 · the pack as a page")
@click.argument("pack", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="HTML 文件 · the file")
@day_option
@with_console
def command(
    console: Console,
    *,
    pack: Path,
    out: Path,
    on: Any,  # noqa: ANN401 - what click hands over
) -> None:
    """生成对照页：左为条款，右为条件，下为测试 · Clause left, conditions right, tests below."""
    policy = load_pack(pack)
    page = render_page(policy, on=as_day(on, today()), language=console.language)
    with written_whole(out) as file:
        file.write(page)
    console.emit({"page": str(out), "rules": len(policy.rules)})
    console.say(zh=f"已写入 {out}。", en=f"Written to {out}.")
