"""``liudu-rules run``: packs over a table of subjects."""

import csv
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TextIO

import attrs
import click

from liudu.console import Console, with_console
from liudu.rules._city import CityCount, run_together
from liudu.rules._determination import STATUS
from liudu.rules._explain import determination_id
from liudu.rules._fact import Words, money_text
from liudu.rules._intake import CHUNK_ROWS
from liudu.rules._near import NearAmounts, near_amounts
from liudu.rules._pack import SUBJECTS
from liudu.rules._program import Program
from liudu.rules._run import RuleCount, Run, run
from liudu.rules._settle import (
    BudgetUse,
    JointSettlement,
    Payable,
    Settlement,
    settle_together,
)
from liudu.rules._table import FactTable
from liudu.rules.clock import today
from liudu.rules.commands._given import as_day, day_option, written_whole
from liudu.rules.commands._several import Chosen, chosen_packs

COLUMNS = (
    *("subject", "rule", "status", "near", "near_fen", "amount_fen", "payable_fen"),
    *("determination", "pack"),
)


@click.command(short_help="对全体主体运行 · run a pack over all subjects")
@click.argument("packs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.argument("facts", type=click.Path(exists=True, path_type=Path))
@click.option("--encoding", default="utf-8", show_default=True, help="表的编码 · of the table")
@click.option("--kind", type=click.Choice(SUBJECTS), help="主体类型 · the kind of subject")
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
    packs: tuple[Path, ...],
    facts: Path,
    encoding: str,
    kind: str | None,
    settings: tuple[str, ...],
    out: Path | None,
    chunk: int,
    on: Any,  # noqa: ANN401 - what click hands over
    everything: bool,
) -> None:
    """对一张事实表运行政策包 · Run packs over a table of facts.

    PACKS 是一个或多个文件或文件夹；多个时，跨包的组一并结算 · are files or folders; of several
    packs the groups that reach over them are settled together.

    分块时项目总预算在看完全部之后计算，--out 的金额为此之前的 · In chunks, budgets over all
    subjects are served at the end; the amounts of --out are before them.
    """
    day = as_day(on, today())
    chosen = chosen_packs(packs, on=day, kind=kind, settings=settings)
    chunks = chosen.chunks(facts, on=day, encoding=encoding, rows=chunk)
    steps = {one.pack.name: _Steps(one) for one in chosen.programs}
    with written_whole(out) if out else nullcontext() as file:
        writer = _Writer(file, everything=everything) if file else None

        def each(runs: Sequence[Run], settled: JointSettlement) -> None:
            for result in runs:
                name = result.program.pack.name
                steps[name].add(result)
                if writer:
                    writer.write(result, settled.settlements[name])

        counts = _counts(chosen, chunks, each, whole=not chunk)
    told = [
        _Told(program=one, count=count, steps=steps[one.pack.name])
        for one, count in zip(chosen.programs, counts, strict=True)
    ]
    console.emit(_as_json(chosen, told))
    for one in told:
        _show(console, one)
    _show_unseen(console, chosen)


def _counts(
    chosen: Chosen,
    chunks: Iterable[tuple[FactTable, ...]],
    each: Callable[[Sequence[Run], JointSettlement], None],
    *,
    whole: bool,
) -> tuple[CityCount, ...]:
    """Return the counts of each pack; read whole, budgets over all reach what is written."""
    if not whole:
        return run_together(chosen.programs, chunks, absent=chosen.absent, each=each)
    tables = next(iter(chunks))
    runs = [run(one, table) for one, table in zip(chosen.programs, tables, strict=True)]
    settled = settle_together(runs, absent=chosen.absent)
    each(runs, settled)
    return tuple(_count(one, settled.settlements[one.program.pack.name]) for one in runs)


def _count(result: Run, settled: Settlement) -> CityCount:
    return CityCount(
        subjects=len(result.table),
        rules=result.counts(),
        payable_fen={name: one.total_fen for name, one in settled.payable.items()},
        budgets=settled.budgets,
    )


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


@attrs.frozen(kw_only=True, eq=False)
class _Told:
    """What is told of one pack."""

    program: Program
    count: CityCount
    steps: _Steps


class _Writer:
    """Writes a line for each answer."""

    def __init__(self, file: TextIO, *, everything: bool) -> None:
        self.lines = csv.writer(file)
        self.lines.writerow(COLUMNS)
        self.everything = everything

    def write(self, result: Run, settled: Settlement) -> None:
        for name, rule in result.program.rules.items():
            status, near, amounts = result.status(name), result.near(name), result.amounts(name)
            final, brings = _final(settled.payable[name]), _brings(near_amounts(result, name))
            for row in range(len(result.table)):
                if self.everything or status[row] != 0 or near[row]:
                    self.lines.writerow(
                        (
                            result.table.subjects[row],
                            name,
                            STATUS[int(status[row])],
                            int(near[row]),
                            brings.get(row, ""),
                            int(amounts[row]) if status[row] == 1 else "",
                            final.get(row, ""),
                            determination_id(result.program, rule, result.table, row),
                            result.program.pack.name,
                        )
                    )


def _final(paid: Payable) -> dict[int, int]:
    """Return by row what is paid where that is final."""
    settled = ~paid.open
    return dict(zip(paid.rows[settled].tolist(), paid.amount_fen[settled].tolist(), strict=True))


def _brings(near: NearAmounts) -> dict[int, int]:
    """Return by row what the missing step would bring where that is known."""
    known = ~near.unknown
    return dict(zip(near.rows[known].tolist(), near.amount_fen[known].tolist(), strict=True))


def _as_json(chosen: Chosen, told: Sequence[_Told]) -> dict[str, Any]:
    """Return the answer for machines: of one pack as it is, of several as a list."""
    packs = [_pack_json(one) for one in told]
    unseen = list(chosen.unseen)
    if len(packs) == 1 and not chosen.absent:
        return {**packs[0], "unseen": unseen}
    return {"packs": packs, "absent": sorted(chosen.absent), "unseen": unseen}


def _pack_json(told: _Told) -> dict[str, Any]:
    program, count = told.program, told.count
    return {
        "pack": program.pack.name,
        "version": program.pack.version,
        "digest": program.pack.digest,
        "program": program.digest,
        "on": program.on,
        "subjects": count.subjects,
        "rules": [
            {
                **attrs.asdict(one),
                "payable_fen": count.payable_fen[one.rule],
                "near_fen": told.steps.near_fen[one.rule],
                "near_fen_unknown": told.steps.unknown[one.rule],
            }
            for one in count.rules
        ],
        "budgets": [attrs.asdict(one) for one in count.budgets],
    }


def _show(console: Console, told: _Told) -> None:
    program, count = told.program, told.count
    console.say(
        zh=f"{program.pack.title.zh} {program.pack.version}　{program.on}　{count.subjects} 个主体",
        en=f"{program.pack.title.say('en')}, version {program.pack.version}, {program.on}, {count.subjects} subjects",  # noqa: E501
    )
    for one in count.rules:
        paid, step = count.payable_fen[one.rule], _step(one, told.steps)
        console.say(
            zh=f"  {one.rule}：符合 {one.eligible}，应付 {money_text(paid, 'zh')}；未知 {one.unknown}；{step.zh}",  # noqa: E501
            en=f"  {one.rule}: {one.eligible} eligible, {money_text(paid, 'en')} payable; {one.unknown} unknown; {step.en}",  # noqa: E501
        )
    for use in count.budgets:
        _show_budget(console, use)


def _show_unseen(console: Console, chosen: Chosen) -> None:
    for name in sorted(chosen.absent):
        console.say(zh=f"{name}：当日没有有效版本", en=f"{name}: no version holds on the day")
    if chosen.unseen:
        names = ", ".join(chosen.unseen)
        console.say(
            zh=f"同组的 {names} 未给出：可能受其影响的金额不作定论，请一并给出该政策包。",
            en=f"{names} of the same group is not given: amounts that it could change stay open; give its pack too.",  # noqa: E501
        )


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
