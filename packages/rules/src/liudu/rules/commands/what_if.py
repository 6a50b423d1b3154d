"""``liudu-rules what-if``: what another value of a parameter would do."""

from pathlib import Path
from typing import Any

import attrs
import click

from liudu.console import Console, with_console
from liudu.rules._compare import Comparison, compare, what_if
from liudu.rules._fact import money_text
from liudu.rules._intake import read_table
from liudu.rules._pack import SUBJECTS
from liudu.rules._program import compile_pack
from liudu.rules._run import run
from liudu.rules.clock import today
from liudu.rules.commands._given import as_day, day_option, load_pack, read_settings


@click.command(short_help="改参数会怎样 · what another parameter would do")
@click.argument("pack", type=click.Path(path_type=Path))
@click.argument("facts", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--set",
    "settings",
    multiple=True,
    required=True,
    metavar="NAME=VALUE",
    help="参数 · a parameter",
)
@click.option("--by", "grouping", help="按哪个枚举事实分组 · group by an enumeration")
@click.option("--kind", type=click.Choice(SUBJECTS), help="主体类型 · the kind of subject")
@click.option("--encoding", default="utf-8", show_default=True, help="表的编码 · of the table")
@day_option
@with_console
def command(
    console: Console,
    *,
    pack: Path,
    facts: Path,
    settings: tuple[str, ...],
    grouping: str | None,
    kind: str | None,
    encoding: str,
    on: Any,  # noqa: ANN401 - what click hands over
) -> None:
    """改变参数：多花多少、谁得谁失 · Change parameters: the cost, who gains and who loses."""
    policy, day = load_pack(pack), as_day(on, today())
    table = read_table(facts, policy.facts, on=day, encoding=encoding)
    before = run(compile_pack(policy, on=day, subject=kind), table)
    after = what_if(before, read_settings(policy, settings))
    show_comparison(console, compare(before, after), grouping)


def show_comparison(console: Console, found: Comparison, grouping: str | None) -> None:
    """Say what changes between two runs."""
    groups = found.by(grouping) if grouping else ()
    console.emit(
        {
            "total_fen": found.total_fen,
            "winners": found.winners,
            "losers": found.losers,
            "rules": [attrs.asdict(one) for one in found.rules],
            "groups": [attrs.asdict(one) for one in groups],
        }
    )
    console.say(
        zh=f"合计 {money_text(found.total_fen, 'zh')}，{found.winners} 增 {found.losers} 减。",
        en=f"{money_text(found.total_fen, 'en')}; {found.winners} gain, {found.losers} lose.",
    )
    for one in found.rules:
        console.say(
            zh=f"  {one.rule}：新符合 {one.gained}，不再符合 {one.lost}，转为未知 {one.became_unknown}，{money_text(one.change_fen, 'zh')}",  # noqa: E501
            en=f"  {one.rule}: {one.gained} gained, {one.lost} lost, {one.became_unknown} became unknown, {money_text(one.change_fen, 'en')}",  # noqa: E501
        )
    for part in groups:
        console.say(
            zh=f"  {part.label}：{part.subjects} 个主体，{part.winners} 增 {part.losers} 减，{money_text(part.change_fen, 'zh')}",  # noqa: E501
            en=f"  {part.label}: {part.subjects} subjects, {part.winners} gain, {part.losers} lose, {money_text(part.change_fen, 'en')}",  # noqa: E501
        )
