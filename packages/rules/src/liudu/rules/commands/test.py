"""``liudu-rules test``: run the tests that stand beside the rules."""

import sys
from pathlib import Path

import click

from liudu.console import EXIT_NO, Console, with_console
from liudu.rules._examples import Outcome, run_examples
from liudu.rules.commands._given import load_pack, pack_files


@click.command(short_help="运行规则旁的测试 · run the tests beside the rules")
@click.argument("packs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--verbose", "-v", is_flag=True, help="通过的也列出 · list the passed ones too")
@with_console
def command(console: Console, packs: tuple[Path, ...], *, verbose: bool) -> None:
    """运行政策包里的测试 · Run the tests of packs.

    PACKS 是文件或文件夹 · are files, or folders of them.
    """
    outcomes = [one for path in pack_files(packs) for one in run_examples(load_pack(path))]
    failed = [one for one in outcomes if not one.passed]
    for one in outcomes:
        if verbose or not one.passed:
            _show(console, one)
    console.emit(
        {
            "passed": len(outcomes) - len(failed),
            "failed": [
                {
                    "rule": one.rule.name,
                    "place": str(one.example.place),
                    "differences": [found.say("en") for found in one.differences],
                }
                for one in failed
            ],
        }
    )
    console.say(
        zh=f"{len(outcomes)} 个测试，{len(failed)} 个未通过。",
        en=f"{len(outcomes)} tests, {len(failed)} failed.",
    )
    if failed:
        sys.exit(EXIT_NO)


def _show(console: Console, one: Outcome) -> None:
    sign = click.style("✓", fg="green") if one.passed else click.style("✗", fg="red")
    title = one.example.title or str(one.example.place)
    zh = "；".join(found.say("zh") for found in one.differences)
    en = "; ".join(found.say("en") for found in one.differences)
    console.say(
        zh=f"{sign} {one.rule.name} {title} {zh}", en=f"{sign} {one.rule.name} {title} {en}"
    )
