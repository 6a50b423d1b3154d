"""``liudu-rules explain``: one subject, every rule, and why."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click

from liudu.console import Console, with_console
from liudu.contract import Refusal
from liudu.rules._determination import Determination, Status, Step
from liudu.rules._explain import explain_together
from liudu.rules._fact import Words, money_text
from liudu.rules._lower import closest
from liudu.rules._pack import SUBJECTS, Pack
from liudu.rules._table import FactTable, UnknownFactError, encoded_row
from liudu.rules.clock import today
from liudu.rules.commands._given import as_day, assignments, day_option
from liudu.rules.commands._several import Chosen, chosen_packs

SIGN = {
    Status.ELIGIBLE: click.style("✓", fg="green"),
    Status.INELIGIBLE: click.style("✗", fg="red"),
    Status.UNKNOWN: click.style("?", fg="yellow"),
}


class NoSuchSubjectError(Refusal):
    """The table has no row of that subject."""

    en = "{subject} is not in {file}."
    zh = "{file} 中没有 {subject}。"


class WhoseFactsError(Refusal):
    """A table of several subjects, and nobody named."""

    en = "{file} has {count} subjects: name one, --subject {example}."
    zh = "{file} 中有 {count} 个主体：请指定一个，如 --subject {example}。"


class FactsTwiceError(Refusal):
    """Facts from a table and facts one by one."""

    en = "--fact and --facts exclude each other: take one of them."
    zh = "--fact 与 --facts 不能同时使用：请只用一种。"


class NoSuchRuleError(Refusal):
    """The pack has no such rule in force."""

    en = "{rule} is no rule in force on {on}{hint}; there are {known}."
    zh = "{on} 没有生效的规则 {rule}{hint}；现有：{known}。"


@click.command(short_help="解释一个主体的判定 · explain one subject")
@click.argument("packs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--fact", "facts", multiple=True, metavar="NAME=VALUE", help="一个事实 · one fact")
@click.option("--facts", "table", type=click.Path(path_type=Path), help="事实表 · a table, CSV")
@click.option("--subject", help="表中的主体 · whom of the table")
@click.option("--encoding", default="utf-8", show_default=True, help="表的编码 · of the table")
@click.option("--rule", help="只看一条规则 · only one rule")
@click.option("--kind", type=click.Choice(SUBJECTS), help="主体类型 · the kind of subject")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="参数 · a parameter")
@day_option
@with_console
def command(
    console: Console,
    *,
    packs: tuple[Path, ...],
    facts: tuple[str, ...],
    table: Path | None,
    subject: str | None,
    encoding: str,
    rule: str | None,
    kind: str | None,
    settings: tuple[str, ...],
    on: Any,  # noqa: ANN401 - what click hands over
) -> None:
    """解释一个主体：能享受什么、为什么、还差什么 · Explain what one subject is due, and why.

    PACKS 是一个或多个政策包（或文件夹）；未给出的事实按未知处理 · are packs, or folders of them; a
    fact that is not given is unknown. --rule 可写 政策包/规则 · may be written pack/rule.
    """
    day = as_day(on, today())
    chosen = chosen_packs(packs, on=day, kind=kind, settings=settings)
    if rule is not None:
        _require_rule(rule, chosen, day)
    tables, index = _row(
        chosen, facts=facts, table=table, subject=subject, encoding=encoding, day=day
    )
    asked = list(zip(chosen.programs, tables, strict=True))
    said = [
        one
        for told in explain_together(asked, index, absent=chosen.absent)
        for one in told
        if rule in (None, one.rule.name, f"{one.pack}/{one.rule.name}")
    ]
    console.emit({"determinations": [as_json(one) for one in said]})
    for one in said:
        _show(console, one)


def _require_rule(rule: str, chosen: Chosen, day: date) -> None:
    known = [name for one in chosen.programs for name in one.rules]
    full = [f"{one.pack.name}/{name}" for one in chosen.programs for name in one.rules]
    if rule not in (*known, *full):
        near = closest(rule.rpartition("/")[2], known)
        shown = known if len(chosen.programs) == 1 else full
        raise NoSuchRuleError(
            rule=rule, on=day, hint=f" ({near}?)" if near else "", known=", ".join(shown)
        )


def _row(
    chosen: Chosen,
    *,
    facts: tuple[str, ...],
    table: Path | None,
    subject: str | None,
    encoding: str,
    day: date,
) -> tuple[tuple[FactTable, ...], int]:
    if table is not None and facts:
        raise FactsTwiceError
    if table is None:
        known = assignments(facts)
        for name in known:
            _require_fact(name, chosen)
        packs = [one.pack for one in chosen.programs]
        return tuple(_told(one, known, subject=subject or "-") for one in packs), 0
    tables = next(chosen.chunks(table, on=day, encoding=encoding, rows=0))
    rows = tables[0]
    if subject is None and len(rows) == 1:
        return tables, 0
    if subject is None and len(rows):
        raise WhoseFactsError(file=table.name, count=len(rows), example=rows.subjects[0])
    if subject is None or subject not in rows.subjects:
        raise NoSuchSubjectError(subject=subject or "-", file=table.name)
    return tables, list(rows.subjects).index(subject)


def _told(pack: Pack, known: Mapping[str, str], *, subject: str) -> FactTable:
    """Return what a pack reads of facts that were told; an empty value is unknown."""
    read = {
        name: pack.facts[name].read(value) if value else None
        for name, value in known.items()
        if name in pack.facts
    }
    return encoded_row(pack.facts, read, subject=subject)


def _require_fact(name: str, chosen: Chosen) -> None:
    if name not in chosen.facts:
        near = closest(name, sorted(chosen.facts))
        raise UnknownFactError(
            name=name,
            hint_en=f" (did you mean {near}?)" if near else "",
            hint_zh=f"（是否指 {near}？）" if near else "",
        )


def as_json(one: Determination) -> dict[str, Any]:
    """Return a determination for machines."""
    return {
        "id": one.id,
        "pack": one.pack,
        "version": one.version,
        "on": one.on,
        "subject": one.subject,
        "rule": one.rule.name,
        "title": _both(one.rule.title),
        "status": one.status,
        "amount_fen": one.amount_fen,
        "payable_fen": one.payable_fen,
        "near": one.near,
        "would_bring_fen": one.would_bring_fen,
        "outweighed_by": one.outweighed_by or None,
        "waits_for": [f"{other.pack}/{other.rule}" for other in one.waits_for],
        "clause": one.rule.clause,
        "bureau": one.rule.bureau,
        "reason": {"zh": one.reason("zh"), "en": one.reason("en")},
        "atoms": [
            {
                "say": atom.say.zh,
                "say_en": atom.say.say("en"),
                "holds": atom.holds,
                "expression": atom.written,
                "facts": {fact.name: fact.value for fact in atom.facts},
                "act": atom.advice.zh if atom.advice else None,
                "act_en": atom.advice.say("en") if atom.advice else None,
            }
            for atom in one.atoms
        ],
        "missing": [{"fact": fact.name, "bureau": fact.bureau} for fact in one.missing],
        "open_parameters": list(one.open_parameters),
        "steps": [
            {
                "say": step.say.zh,
                "say_en": step.say.say("en"),
                "bureau": step.bureau,
                "document": step.document or None,
                "working_days": step.working_days,
            }
            for step in one.steps
        ],
        "after_payment": [
            {
                "fact": effect.fact.name,
                "how": effect.how,
                "number": effect.number,
                "say": {"zh": effect.say("zh"), "en": effect.say("en")},
            }
            for effect in one.after_payment
        ],
    }


def _both(words: Words) -> dict[str, str]:
    return {"zh": words.zh, "en": words.say("en")}


def _show(console: Console, one: Determination) -> None:
    title = {"zh": one.rule.title.zh, "en": one.rule.title.say("en")}
    amount = (
        "" if one.amount_fen in (None, 0) else money_text(one.amount_fen or 0, console.language)
    )
    console.say(
        zh=f"{SIGN[one.status]} {title['zh']} {amount}　{one.rule.clause}　{one.rule.bureau}",
        en=f"{SIGN[one.status]} {title['en']} {amount}  {one.rule.clause}  {one.rule.bureau}",
    )
    for atom in one.atoms:
        console.say(
            zh=f"    {atom.mark} {atom.say.say('zh')}", en=f"    {atom.mark} {atom.say.say('en')}"
        )
    console.say(zh=f"    {one.reason('zh')}", en=f"    {one.reason('en')}")
    if one.after_payment:
        zh = "；".join(effect.say("zh") for effect in one.after_payment)
        en = "; ".join(effect.say("en") for effect in one.after_payment)
        console.say(zh=f"    发放后记作：{zh}", en=f"    after payment: {en}")
    for number, step in enumerate(one.steps, 1):
        _show_step(console, number, step)
    console.say(zh=f"    编号 {one.id}", en=f"    id {one.id}")


def _show_step(console: Console, number: int, step: Step) -> None:
    zh, en = [step.bureau] if step.bureau else [], [step.bureau] if step.bureau else []
    if step.working_days:
        zh.append(f"{step.working_days} 个工作日")
        en.append(f"{step.working_days} working days")
    console.say(
        zh=f"    {number}. {step.say.say('zh')}" + (f"（{'，'.join(zh)}）" if zh else ""),
        en=f"    {number}. {step.say.say('en')}" + (f" ({', '.join(en)})" if en else ""),
    )
