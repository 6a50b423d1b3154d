"""``liudu-rules sql``: a pack as a query for a database."""

from pathlib import Path
from typing import Any

import click

from liudu.console import Console, with_console
from liudu.rules._pack import SUBJECTS
from liudu.rules._program import compile_pack
from liudu.rules.clock import today
from liudu.rules.commands._given import as_day, day_option, load_pack, read_settings
from liudu.rules.sql import Dialect, Source, answers_sql, counts_sql, facts_table_sql


@click.command(short_help="写成 SQL · write it as SQL")
@click.argument("pack", type=click.Path(path_type=Path))
@click.option(
    "--dialect",
    type=click.Choice([str(one) for one in Dialect]),
    required=True,
    help="数据库 · the database",
)
@click.option(
    "--what",
    type=click.Choice(["answers", "counts", "table"]),
    default="answers",
    show_default=True,
    help="逐条答案、汇总或事实表 · every answer, the counts, or the table of facts",
)
@click.option(
    "--rule", "rules", multiple=True, metavar="NAME", help="只要这条规则 · only this rule"
)
@click.option("--table", default="facts", show_default=True, help="事实表 · the table of facts")
@click.option("--subject", default="subject", show_default=True, help="主体列 · the id's column")
@click.option("--kind", type=click.Choice(SUBJECTS), help="主体类型 · the kind of subject")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="参数 · a parameter")
@day_option
@with_console
def command(
    console: Console,
    *,
    pack: Path,
    dialect: str,
    what: str,
    rules: tuple[str, ...],
    table: str,
    subject: str,
    kind: str | None,
    settings: tuple[str, ...],
    on: Any,  # noqa: ANN401 - what click hands over
) -> None:
    """把政策包写成 SQL，结果与引擎逐条一致 · Write a pack as SQL that agrees with the engine.

    先用 --what table 建事实表：金额以分，比例以其最小单位的整数，日期为日期，选项为文字，空为未知 ·
    Make the table of facts with --what table first: money in fen, rates as whole numbers of
    their smallest step, days as dates, labels as text, NULL is unknown.
    """
    policy, day = load_pack(pack), as_day(on, today())
    program = compile_pack(policy, on=day, subject=kind, settings=read_settings(policy, settings))
    target, source = Dialect(dialect), Source(table=table, subject=subject)
    if what == "table":
        text = facts_table_sql(program, dialect=target, source=source)
    else:
        write = answers_sql if what == "answers" else counts_sql
        text = write(program, dialect=target, source=source, rules=rules)
    console.emit({"dialect": dialect, "what": what, "digest": program.digest, "sql": text})
    console.say(zh=text + ";", en=text + ";")
