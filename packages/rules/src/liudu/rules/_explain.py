"""One subject: what is due, why, why not, what is missing, and what to do next."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from graphlib import TopologicalSorter

import attrs

from liudu.contract import Language
from liudu.rules._core import facts_of, open_parameters_of
from liudu.rules._evaluate import Selection, evaluate_value
from liudu.rules._fact import Fact, Words, money_text
from liudu.rules._pack import Pack, Rule
from liudu.rules._program import Program, RuleTest
from liudu.rules._run import Run, run
from liudu.rules._settle import Settlement, settle
from liudu.rules._table import FactTable


class Status(StrEnum):
    """What a rule says of a subject. Never yes or no: YAML reads those as booleans."""

    ELIGIBLE = "eligible"
    INELIGIBLE = "ineligible"
    UNKNOWN = "unknown"


STATUS = {1: Status.ELIGIBLE, 0: Status.INELIGIBLE, -1: Status.UNKNOWN}
STATE = {1: True, 0: False, -1: None}


@attrs.frozen(kw_only=True)
class UsedFact:
    """A fact as it was used; `value` is None where it is unknown."""

    name: str
    label: Words
    value: str | None
    bureau: str
    document: str


@attrs.frozen(kw_only=True)
class AtomState:
    """One condition: its sentence, whether it holds (None: unknown), and on what facts."""

    say: Words
    holds: bool | None
    written: str
    facts: tuple[UsedFact, ...]
    open_parameters: tuple[str, ...]
    advice: Words | None
    clause: str

    @property
    def mark(self) -> str:
        """✓, ✗ or ?."""
        return {True: "✓", False: "✗", None: "?"}[self.holds]


@attrs.frozen(kw_only=True)
class Step:
    """Something to do or to get, in an order that works."""

    say: Words
    bureau: str
    document: str = ""
    working_days: int | None = None


@attrs.frozen(kw_only=True)
class Determination:
    """What one rule says of one subject on one day, and why.

    Attributes
    ----------
    id
        ``sha256:…`` over the facts used, the pack's version, the day and the rule: the same
        id is the same answer for ever.
    amount_fen
        What the rule alone brings; None unless eligible, 0 for a benefit that is not money.
    payable_fen
        After groups and limits per subject; None unless eligible, or if not final.
    near
        Whether exactly one condition is missing and something can be done about it.
    would_bring_fen
        For a near miss, the amount with the facts as they are; None where it depends on the
        very fact that is missing.
    missing
        The facts that are unknown and decide, with who holds them.
    open_parameters
        Parameters that the office has not set and that decide.
    steps
        What to do, documents in the order in which they need each other.

    """

    id: str
    rule: Rule
    pack: str
    version: str
    on: date
    subject: str
    status: Status
    amount_fen: int | None
    payable_fen: int | None
    near: bool
    would_bring_fen: int | None
    atoms: tuple[AtomState, ...]
    facts: tuple[UsedFact, ...]
    missing: tuple[UsedFact, ...]
    open_parameters: tuple[str, ...]
    steps: tuple[Step, ...]
    outweighed_by: str

    def reason(self, language: Language) -> str:
        """Return why, in one or two sentences."""
        return _reason(self, language)


def explain(program: Program, table: FactTable, row: int = 0) -> tuple[Determination, ...]:
    """Return what every rule says of one subject of a table, and why.

    Parameters
    ----------
    program
        The pack on a day.
    table, row
        The facts, and which of its rows.

    """
    one = table.row(row)
    result = run(program, one)
    settled = settle(result, programmes=False)
    shown = _Shown(program.pack, one)
    return tuple(
        _Explainer(result, settled, rule, shown).determination() for rule in program.rules.values()
    )


class _Shown:
    """The facts of one subject as they are told; many conditions read the same."""

    def __init__(self, pack: Pack, table: FactTable) -> None:
        self.pack = pack
        self.table = table
        self.known: dict[str, UsedFact] = {}

    def all(self, names: frozenset[str]) -> tuple[UsedFact, ...]:
        """Return facts in the order in which the pack names them."""
        ordered = sorted(names, key=self.pack.fact_places.__getitem__) if names else ()
        return tuple(self.one(name) for name in ordered)

    def one(self, name: str) -> UsedFact:
        found = self.known.get(name)
        if found is None:
            fact, number = self.pack.facts[name], self.table.cell(name, 0)
            found = self.known[name] = UsedFact(
                name=name,
                label=fact.label,
                value=None if number is None else fact.show(number),
                bureau=fact.bureau,
                document=fact.document,
            )
        return found


class _Explainer:
    def __init__(self, result: Run, settled: Settlement, rule: RuleTest, shown: _Shown) -> None:
        self.result = result
        self.used = shown.all
        self.settled = settled
        self.rule = rule
        self.pack = result.program.pack
        self.name = rule.rule.name
        self.table = result.table
        self.status = STATUS[int(result.status(self.name)[0])]
        self.atoms = tuple(self.atom(index) for index in range(len(rule.atoms)))

    def determination(self) -> Determination:
        program = self.result.program
        eligible = self.status is Status.ELIGIBLE
        near = bool(self.result.near(self.name)[0])
        paid = self.settled.payable[self.name]
        final = eligible and not bool(paid.open[0])
        return Determination(
            id=determination_id(program, self.rule, self.table),
            rule=self.rule.rule,
            pack=self.pack.name,
            version=self.pack.version,
            on=program.on,
            subject=self.table.subjects[0],
            status=self.status,
            amount_fen=int(self.result.amounts(self.name)[0]) if eligible else None,
            payable_fen=int(paid.amount_fen[0]) if final else None,
            near=near,
            would_bring_fen=self.would_bring() if near else None,
            atoms=self.atoms,
            facts=self.used(self.rule.facts),
            missing=self.missing(),
            open_parameters=self.open_parameters(),
            steps=self.steps(),
            outweighed_by=self.outweighed_by(final=final),
        )

    def atom(self, index: int) -> AtomState:
        written, test = self.rule.rule.atoms[index], self.rule.atoms[index].test
        return AtomState(
            say=written.say,
            holds=STATE[int(self.result.atom(self.name, index)[0])],
            written=written.test.text,
            facts=self.used(facts_of(test)),
            open_parameters=tuple(sorted(open_parameters_of(test))),
            advice=written.advice,
            clause=written.clause,
        )

    def undecided(self) -> list[AtomState]:
        return [atom for atom in self.atoms if atom.holds is None]

    def missing(self) -> tuple[UsedFact, ...]:
        """Return the unknown facts that decide: none once a condition is false."""
        if self.status is not Status.UNKNOWN:
            return ()
        names = {one.name for atom in self.undecided() for one in atom.facts if one.value is None}
        amount = self.rule.amount
        if amount is not None:
            names |= {one for one in facts_of(amount) if self.table.cell(one, 0) is None}
        return self.used(frozenset(names))

    def open_parameters(self) -> tuple[str, ...]:
        if self.status is not Status.UNKNOWN:
            return ()
        names = {name for atom in self.undecided() for name in atom.open_parameters}
        if self.rule.amount is not None:
            names |= open_parameters_of(self.rule.amount)
        return tuple(sorted(names))

    def would_bring(self) -> int | None:
        amount = self.rule.amount
        if amount is None:
            return None
        lacking = next(index for index, atom in enumerate(self.atoms) if atom.holds is not True)
        if facts_of(self.rule.atoms[lacking].test) & facts_of(amount):
            return None
        numbers, unknown = evaluate_value(amount, Selection(self.table, slice(0, 1)))
        if unknown is True or (unknown is not False and bool(unknown[0])):
            return None
        return int(numbers if isinstance(numbers, int) else numbers.reshape(-1)[0])

    def outweighed_by(self, *, final: bool) -> str:
        """Return the rule of the same group that pays instead, if one does."""
        group = self.result.program.groups.get(self.rule.rule.group)
        mine = self.settled.payable[self.name]
        if group is None or not final or int(mine.amount_fen[0]):
            return ""
        for name in group.rules:
            other = self.settled.payable[name]
            if name != self.name and len(other.rows) and int(other.amount_fen[0]):
                return name
        return ""

    def steps(self) -> tuple[Step, ...]:
        """Return what to get and what to do; nothing if a condition stands for good."""
        false = [atom for atom in self.atoms if atom.holds is False]
        if self.status is Status.ELIGIBLE or any(atom.advice is None for atom in false):
            return ()
        unknown = {one.name for atom in self.atoms for one in atom.facts if one.value is None}
        if self.rule.amount is not None:
            unknown |= {
                one for one in facts_of(self.rule.amount) if self.table.cell(one, 0) is None
            }
        facts = [self.pack.facts[name] for name in self.pack.facts if name in unknown]
        wanted = {fact.document for fact in facts} - {""}
        papers = [_paper(self.pack, name) for name in documents_in_order(self.pack, wanted)]
        asked = [_confirmation(fact) for fact in facts if not fact.document]
        advised = [
            Step(say=atom.advice, bureau=self.rule.rule.bureau)
            for atom in false
            if atom.advice is not None
        ]
        return (*papers, *asked, *advised)


def _confirmation(fact: Fact) -> Step:
    """Return the step that makes a fact known which no document proves."""
    if fact.question is not None:
        return Step(say=fact.question, bureau=fact.bureau)
    label = fact.label
    return Step(say=Words(f"核实：{label.zh}", f"confirm: {label.say('en')}"), bureau=fact.bureau)


def _paper(pack: Pack, name: str) -> Step:
    document = pack.documents[name]
    return Step(
        say=document.label,
        bureau=document.bureau,
        document=name,
        working_days=document.working_days,
    )


def documents_in_order(pack: Pack, wanted: set[str]) -> tuple[str, ...]:
    """Return some documents and all that they need, each after what it needs."""
    if not wanted:
        return ()
    graph: dict[str, tuple[str, ...]] = {}
    waiting = sorted(wanted)
    while waiting:
        name = waiting.pop()
        if name not in graph:
            graph[name] = pack.documents[name].needs
            waiting += graph[name]
    return tuple(TopologicalSorter({name: graph[name] for name in sorted(graph)}).static_order())


def determination_id(program: Program, rule: RuleTest, table: FactTable, row: int = 0) -> str:
    """Return the id of what a rule says of a subject: a hash of all that decides it.

    That is the rule, the facts it reads, and the program's digest (the pack's content, the
    day and the parameters). It does not name the subject, and a fact of few values can be
    guessed from it: it is no secret.
    """
    facts = {name: table.cell(name, row) for name in sorted(rule.facts)}
    content = {"program": program.digest, "rule": rule.rule.name, "facts": facts}
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _reason(one: Determination, language: Language) -> str:
    if one.status is Status.ELIGIBLE:
        return _why(one, language)
    if one.status is Status.INELIGIBLE:
        return _why_not(one, language)
    return _why_unknown(one, language)


def _why(one: Determination, language: Language) -> str:
    zh = language == "zh"
    if one.rule.amount is None:
        benefit = one.rule.benefit.say(language) if one.rule.benefit else ""
        return f"全部条件符合：{benefit}。" if zh else f"All conditions hold: {benefit}."
    amount = money_text(one.amount_fen or 0, language)
    text = f"全部条件符合，金额 {amount}。" if zh else f"All conditions hold: {amount}."
    if one.outweighed_by:
        name = one.outweighed_by
        text += (
            f"同组按“{name}”发放，本条不重复。"
            if zh
            else f" {name} of the same group pays instead."
        )
    elif one.payable_fen is None:
        text += (
            "最终金额还取决于尚未确定的事项。"
            if zh
            else " The final amount still depends on what is open."
        )
    elif one.payable_fen != one.amount_fen:
        paid = money_text(one.payable_fen, language)
        text += f"因上限实付 {paid}。" if zh else f" A limit leaves {paid}."
    return text


def _why_not(one: Determination, language: Language) -> str:
    zh = language == "zh"
    lacking = [atom for atom in one.atoms if atom.holds is False]
    said = _joined([_with_values(atom, language) for atom in lacking], language)
    text = f"不符合：{said}。" if zh else f"Not met: {said}."
    advice = [atom.advice.say(language) for atom in lacking if atom.advice]
    if advice and len(advice) == len(lacking):
        text += (
            f"可以：{_joined(advice, language)}。"
            if zh
            else f" You can: {_joined(advice, language)}."
        )
    if one.near and one.would_bring_fen:
        amount = money_text(one.would_bring_fen, language)
        text += (
            f"只差这一项，可得 {amount}。"
            if zh
            else f" Only this is missing; it would bring {amount}."
        )
    return text


def _why_unknown(one: Determination, language: Language) -> str:
    zh = language == "zh"
    parts: list[str] = []
    if one.missing:
        held = [_with_holder(fact, language) for fact in one.missing]
        said = _joined(held, language)
        parts.append(
            f"还不能判定，缺少：{said}。" if zh else f"Cannot be decided yet; missing: {said}."
        )
    if one.open_parameters:
        said = _joined(list(one.open_parameters), language)
        parts.append(
            f"主管部门尚未确定参数：{said}。" if zh else f"The office has not set: {said}."
        )
    if one.near and one.would_bring_fen:
        amount = money_text(one.would_bring_fen, language)
        parts.append(f"若属实可得 {amount}。" if zh else f"If so, it brings {amount}.")
    return ("" if zh else " ").join(parts)


def _with_values(atom: AtomState, language: Language) -> str:
    shown = _joined(
        [f"{one.label.say(language)}：{one.value}" if language == "zh"
         else f"{one.label.say(language)}: {one.value}"
         for one in atom.facts if one.value is not None],
        language,
    )  # fmt: skip
    said = atom.say.say(language)
    if not shown:
        return said
    return f"{said}（{shown}）" if language == "zh" else f"{said} ({shown})"


def _with_holder(fact: UsedFact, language: Language) -> str:
    label = fact.label.say(language)
    if not fact.bureau:
        return label
    return f"{label}（{fact.bureau}）" if language == "zh" else f"{label} (held by {fact.bureau})"


def _joined(parts: Sequence[str], language: Language) -> str:
    return ("；" if language == "zh" else "; ").join(parts)
