"""``liudu-rules run``: a pack over a table of subjects."""

import csv
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TextIO

import attrs
import click

from liudu.console import Console, with_console
from liudu.rules._city import CityCount, run_city
from liudu.rules._explain import STATUS, determination_id
from liudu.rules._fact import Words, money_text
from liudu.rules._intake import CHUNK_ROWS, read_chunks, read_table
from liudu.rules._near import near_amounts
from liudu.rules._program import Program, compile_pack
from liudu.rules._run import RuleCount, Run, run
from liudu.rules._settle import BudgetUse, Settlement, settle
from liudu.rules.clock import today
from liudu.rules.commands._given import (
    as_day,
    day_option,
    load_pack,
    read_settings,
    written_whole,
)

COLUMNS = (
    *("subject", "rule", "status", "near", "near_fen", "amount_fen", "payable_fen"),
    "determination",
)


@click.command(short_help="对全体主体运行 · run a pack over all subjects")
@click.argument("pack", type=click.Path(path_type=Path))
@click.argument("facts", type=click.Path(exists=True, path_type=Path))
@click.option("--encoding", default="utf-8", show_default=True, help="表的编码 · of the table")
@click.option("--kind", help="主体类型 · enterprise, person, project, contract")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="参数 · a parameter")
@click.option("--out", type=click.Path(path_type=Path), help="逐条结果 · every answer, CSV")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="--out 也写不符合的 · --out lists the ineligible too",
)
@click.option(
    "--chunk",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help=f"分块行数，0 为一次读入 · rows at a time, 0 for all; e.g. {CHUNK_ROWS}",
)
@day_option
@with_console
def command(
    console: Console,
    *,
    pack: Path,
    facts: Path,
    encoding: str,
    kind: str | None,
    settings: tuple[str, ...],
    out: Path | None,
    chunk: int,
    on: Any,  # noqa: ANN401 - what click hands over
    everything: bool,
) -> None:
    """对一张事实表运行政策包 · Run a pack over a table of facts.

    分块时项目总预算在看完全部之后计算，--out 的金额为此之前的 · In chunks, budgets over all
    subjects are served at the end; the amounts of --out are before them.
    """
    policy, day = load_pack(pack), as_day(on, today())
    program = compile_pack(policy, on=day, subject=kind, settings=read_settings(policy, settings))
    uses: tuple[BudgetUse, ...] = ()
    steps = _Steps(program)
    with written_whole(out) if out else nullcontext() as file:
        writer = _Writer(file, program, everything=everything) if file else None
        if chunk:
            tables = read_chunks(facts, policy.facts, on=day, encoding=encoding, rows=chunk)
            count = run_city(program, tables, each=steps.then(writer))
            uses = count.budgets
        else:
            result = run(program, read_table(facts, policy.facts, on=day, encoding=encoding))
            settled = settle(result)
            steps.add(result)
            count, uses = _count(result, settled), settled.budgets
            if writer:
                writer.write(result, settled)
    console.emit(_as_json(program, count, uses, steps))
    _show(console, program, count, uses, steps)


def _count(result: Run, settled: Settlement) -> CityCount:
    payable = {name: one.total_fen for name, one in settled.payable.items()}
    return CityCount(subjects=len(result.table), rules=result.counts(), payable_fen=payable)


class _Steps:
    """What the missing steps would bring, rule by rule."""

    def __init__(self, program: Program) -> None:
        self.near_fen = dict.fromkeys(program.rules, 0)
        self.unknown = dict.fromkeys(program.rules, 0)

    def add(self, result: Run) -> None:
        for name in self.near_fen:
            near = near_amounts(result, name)
            self.near_fen[name] += near.total_fen
            self.unknown[name] += near.unknown_count

    def then(self, write: Callable[[Run], None] | None) -> Callable[[Run], None]:
        def each(result: Run) -> None:
            self.add(result)
            if write is not None:
                write(result)

        return each


class _Writer:
    """Writes a line for each answer."""

    def __init__(self, file: TextIO, program: Program, *, everything: bool) -> None:
        self.lines = csv.writer(file)
        self.lines.writerow(COLUMNS)
        self.program = program
        self.everything = everything

    def __call__(self, result: Run) -> None:
        self.write(result, settle(result, programmes=False))

    def write(self, result: Run, settled: Settlement) -> None:
        for name, rule in self.program.rules.items():
            status, near, amounts = result.status(name), result.near(name), result.amounts(name)
            paid, brings = settled.payable[name], near_amounts(result, name)
            known = ~brings.unknown
            near_fen = dict(zip(brings.rows[known], brings.amount_fen[known], strict=True))
            final = {
                int(row): int(amount)
                for row, amount, open_ in zip(paid.rows, paid.amount_fen, paid.open, strict=True)
                if not open_
            }
            for row in range(len(result.table)):
                if self.everything or status[row] != 0 or near[row]:
                    self.lines.writerow(
                        (
                            result.table.subjects[row],
                            name,
                            STATUS[int(status[row])],
                            int(near[row]),
                            near_fen.get(row, ""),
                            int(amounts[row]) if status[row] == 1 else "",
                            final.get(row, ""),
                            determination_id(self.program, rule, result.table, row),
                        )
                    )


def _as_json(
    program: Program, count: CityCount, uses: tuple[BudgetUse, ...], steps: _Steps
) -> dict[str, Any]:
    return {
        "pack": program.pack.name,
        "version": program.pack.version,
        "digest": program.pack.digest,
        "on": program.on,
        "subjects": count.subjects,
        "rules": [
            {
                **attrs.asdict(one),
                "payable_fen": count.payable_fen[one.rule],
                "near_fen": steps.near_fen[one.rule],
                "near_fen_unknown": steps.unknown[one.rule],
            }
            for one in count.rules
        ],
        "budgets": [attrs.asdict(one) for one in uses],
    }


def _show(
    console: Console,
    program: Program,
    count: CityCount,
    uses: tuple[BudgetUse, ...],
    steps: _Steps,
) -> None:
    console.say(
        zh=f"{program.pack.title.zh} {program.pack.version}　{program.on}　{count.subjects} 个主体",
        en=f"{program.pack.title.say('en')}, version {program.pack.version}, {program.on}, {count.subjects} subjects",  # noqa: E501
    )
    for one in count.rules:
        paid, step = count.payable_fen[one.rule], _step(one, steps)
        console.say(
            zh=f"  {one.rule}：符合 {one.eligible}，应付 {money_text(paid, 'zh')}；未知 {one.unknown}；{step.zh}",  # noqa: E501
            en=f"  {one.rule}: {one.eligible} eligible, {money_text(paid, 'en')} payable; {one.unknown} unknown; {step.en}",  # noqa: E501
        )
    for use in uses:
        _show_budget(console, use)


def _step(one: RuleCount, steps: _Steps) -> Words:
    """Say how many are one step away and what that would bring them, where it is known."""
    zh, en = f"差一步 {one.near}", f"{one.near} one step away"
    brings, unknown = steps.near_fen[one.rule], steps.unknown[one.rule]
    if one.near > unknown:
        zh += f"，可再得 {money_text(brings, 'zh')}"
        en += f", worth {money_text(brings, 'en')}"
    if unknown and one.near > unknown:
        zh, en = zh + f"（另有 {unknown} 个金额未知）", en + f" ({unknown} of unknown amount)"
    return Words(zh, en)


def _show_budget(console: Console, use: BudgetUse) -> None:
    limit = {
        "zh": "待定" if use.limit_fen is None else money_text(use.limit_fen, "zh"),
        "en": "not set" if use.limit_fen is None else money_text(use.limit_fen, "en"),
    }
    day = use.exhausted_on
    console.say(
        zh=f"  预算 {use.budget}：{limit['zh']}，已付 {money_text(use.paid_fen, 'zh')}，未获 {use.turned_away} 笔"  # noqa: E501
        + (f"，{day} 用完" if day else ""),
        en=f"  budget {use.budget}: {limit['en']}, {money_text(use.paid_fen, 'en')} paid, {use.turned_away} turned away"  # noqa: E501
        + (f", exhausted on {day}" if day else ""),
    )
