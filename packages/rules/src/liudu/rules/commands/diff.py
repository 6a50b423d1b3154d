"""``liudu-rules diff``: two versions of a pack over the same subjects."""

from pathlib import Path
from typing import Any

import click

from liudu.console import Console, with_console
from liudu.rules._compare import compare
from liudu.rules._intake import read_table
from liudu.rules._pack import SUBJECTS
from liudu.rules._program import compile_pack
from liudu.rules._run import run
from liudu.rules.clock import today
from liudu.rules.commands._given import as_day, day_option, load_pack
from liudu.rules.commands.what_if import show_comparison


@click.command(short_help="两版政策谁得谁失 · who gains and loses by a new version")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.argument("facts", type=click.Path(exists=True, path_type=Path))
@click.option("--by", "grouping", help="按哪个枚举事实分组 · group by an enumeration")
@click.option("--kind", type=click.Choice(SUBJECTS), help="主体类型 · the kind of subject")
@click.option("--encoding", default="utf-8", show_default=True, help="表的编码 · of the table")
@click.option(
    "--old-on", type=click.DateTime(["%Y-%m-%d"]), help="旧版按哪一天 · the day of the old one"
)
@day_option
@with_console
def command(
    console: Console,
    *,
    old: Path,
    new: Path,
    facts: Path,
    grouping: str | None,
    kind: str | None,
    encoding: str,
    old_on: Any,  # noqa: ANN401 - what click hands over
    on: Any,  # noqa: ANN401 - what click hands over
) -> None:
    """比较两版政策包 · Compare two versions of a pack.

    FACTS 按两版各自的事实各读一遍；只有一版有的列，另一版不看 · is read with the facts of each;
    a column that only one of them has is left out of the other.
    """
    first, second = load_pack(old), load_pack(new)
    day = as_day(on, today())
    earlier = as_day(old_on, _within(first.period.end, day))
    runs = [
        run(
            compile_pack(pack, on=when, subject=kind),
            read_table(facts, pack.facts, on=when, encoding=encoding, ignored=other.facts),
        )
        for pack, when, other in ((first, earlier, second), (second, day, first))
    ]
    show_comparison(console, compare(*runs), grouping)


def _within(end: Any, day: Any) -> Any:  # noqa: ANN401 - days
    """Return the day, or the last day of a version that has ended."""
    return end if end is not None and end < day else day
