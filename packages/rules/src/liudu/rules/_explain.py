"""One subject: what is due, why, why not, what is missing, and what to do next."""

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import date
from enum import StrEnum
from graphlib import TopologicalSorter

import attrs

from liudu.contract import Language
from liudu.rules._core import facts_of, open_parameters_of
from liudu.rules._evaluate import Selection, evaluate_value
from liudu.rules._fact import Fact, Words, money_text
from liudu.rules._pack import Pack, Rule, Stacking
from liudu.rules._payment import PaymentEffect, effects_of
from liudu.rules._program import Program, RuleTest
from liudu.rules._run import Run, run
from liudu.rules._settle import JointSettlement, Payable, settle_together
from liudu.rules._table import FactTable
from liudu.rules._together import RuleKey


class Status(StrEnum):
    """What a rule says of a subject. Never yes or no: YAML reads those as booleans."""

    ELIGIBLE = "eligible"
    INELIGIBLE = "ineligible"
    UNKNOWN = "unknown"


STATUS = {1: Status.ELIGIBLE, 0: Status.INELIGIBLE, -1: Status.UNKNOWN}
STATE = {1: True, 0: False, -1: None}
UNDECIDED = -1


@attrs.frozen(kw_only=True)
class UsedFact:
    """A fact as it was used; `value` and `said`, in both languages, are None where unknown."""

    name: str
    label: Words
    value: str | None
    bureau: str
    document: str
    said: Words | None = None


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
class Fellow:
    """Another rule of the same group, of this pack or of another.

    Attributes
    ----------
    pack, pack_title
        Where it stands; of a pack that is not there only its name is known.
    title
        What people call it; ``pack/rule`` where its pack is not there.
    amount_fen
        What it pays to this subject; None where that is not final.

    """

    pack: str
    pack_title: Words
    rule: str
    title: Words
    amount_fen: int | None


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
    outweighed_by
        The rule of the same group that pays instead: its name, with that of its pack before
        it if it is another (``pack/rule``); empty if there is none.
    instead
        The same rule with what it pays; None where its own amount is not final.
    outweighs
        The rules of the same group that would apply and are not paid beside this one.
    waits_for
        The rules of the same group on which it depends whether this amount is final.
    after_payment
        The facts that its payment changes; none unless eligible.

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
    stack: Stacking | None = None
    instead: Fellow | None = None
    outweighs: tuple[Fellow, ...] = ()
    waits_for: tuple[Fellow, ...] = ()
    after_payment: tuple[PaymentEffect, ...] = ()
    open_said: tuple[Words, ...] = ()
    """What people call the open parameters."""

    def reason(self, language: Language) -> str:
        """Return why, in one or two sentences."""
        return _reason(self, language)


def explain(program: Program, table: FactTable, row: int = 0) -> tuple[Determination, ...]:
    """Return what every rule says of one subject of a table, and why.

    What a group shares with rules of other packs stays open: `explain_together` sees them.

    Parameters
    ----------
    program
        The pack on a day.
    table, row
        The facts, and which of its rows.

    """
    return explain_together([(program, table)], row)[0]


def explain_together(
    asked: Sequence[tuple[Program, FactTable]],
    row: int = 0,
    *,
    absent: Collection[str] = (),
    only: RuleKey | None = None,
) -> tuple[tuple[Determination, ...], ...]:
    """Return what every rule of several packs says of one subject, pack by pack.

    Groups that reach over packs are settled, so that each determination names the rule that
    pays instead, whichever pack it stands in.

    Parameters
    ----------
    asked
        Each pack on the same day with the facts that it reads; the subject stands in the same
        row of each table.
    row
        Which row.
    absent
        Packs of which no version holds on the day; see `settle_together`.
    only
        The pack and rule to explain; the others are settled and not told.

    Raises
    ------
    OtherSubjectsError, OtherDayError
    PackTwiceError, StackContradictionError, OrderContradictionError

    """
    runs = [run(program, table.row(row)) for program, table in asked]
    settled = settle_together(runs, programmes=False, absent=absent)
    fellows = _Fellows(runs, settled)
    return tuple(_explained(one, fellows, only) for one in runs)


def _explained(result: Run, fellows: "_Fellows", only: RuleKey | None) -> tuple[Determination, ...]:
    pack = result.program.pack
    shown = _Shown(pack, result.table)
    rules = result.program.rules.values()
    wanted = [one for one in rules if only in (None, (pack.name, one.rule.name))]
    return tuple(_Explainer(result, fellows, rule, shown).determination() for rule in wanted)


class _Fellows:
    """What the rules of the same group come to, for one subject."""

    def __init__(self, runs: Sequence[Run], settled: JointSettlement) -> None:
        self.runs = {one.program.pack.name: one for one in runs}
        self.settlements = settled.settlements
        self.groups = {key: group for group in settled.groups for key in group.members}

    def payable(self, key: RuleKey) -> Payable:
        return self.settlements[key[0]].payable[key[1]]

    def paid(self, key: RuleKey) -> int | None:
        """Return what a rule pays, 0 if it does not apply, None if that is not final."""
        one = self.payable(key)
        if not len(one.rows):
            return 0
        return None if bool(one.open[0]) else int(one.amount_fen[0])

    def applies(self, key: RuleKey) -> bool:
        return bool(len(self.payable(key).rows))

    def undecided(self, key: RuleKey) -> bool:
        return int(self.runs[key[0]].status(key[1])[0]) == UNDECIDED

    def others(self, key: RuleKey) -> tuple[RuleKey, ...]:
        group = self.groups.get(key)
        return tuple(one for one in group.members if one != key) if group else ()

    def instead_of(self, key: RuleKey) -> RuleKey | None:
        """Return the rule that pays instead of one that applies and is paid nothing."""
        group = self.groups.get(key)
        if group is None or not self.applies(key) or self.paid(key) != 0:
            return None
        if not group.excludes and not group.caps:
            return None
        others = self.others(key)
        waiting = [one for one in others if group.excludes and self.paid(one) is None]
        return next((one for one in others if self.paid(one)), next(iter(waiting), None))

    def not_beside(self, key: RuleKey) -> tuple[RuleKey, ...]:
        """Return the rules that apply and are not paid because this one is."""
        return tuple(one for one in self.others(key) if self.instead_of(one) == key)

    def may_change(self, key: RuleKey) -> tuple[RuleKey, ...]:
        """Return the rules on which it depends whether this one's amount is final."""
        group = self.groups.get(key)
        if group is None or not self.applies(key) or self.paid(key) is not None:
            return ()
        others = self.others(key)
        if group.stack in (Stacking.FIRST, Stacking.SUM):
            others = group.members[: group.members.index(key)]
        undecided = [one for one in others if self.undecided(one)]
        if group.stack is Stacking.EXCLUSIVE:
            undecided = [one for one in others if self.undecided(one) or self.applies(one)]
        elif group.stack is Stacking.HIGHEST:
            places = {one: place for place, one in enumerate(group.members)}
            first = max(filter(self.applies, group.members), key=self.alone)
            best = (self.alone(first), -places[first])
            undecided = [one for one in undecided if (self.most(one), -places[one]) > best]
        return (*undecided, *group.unseen)

    def alone(self, key: RuleKey) -> int:
        return int(self.runs[key[0]].amounts(key[1])[0])

    def most(self, key: RuleKey) -> int:
        return self.runs[key[0]].program.rules[key[1]].amount_max_fen

    def told(self, key: RuleKey) -> Fellow:
        pack, rule = key
        if pack not in self.runs or rule not in self.runs[pack].rules:
            name = Words("/".join(key))
            return Fellow(pack=pack, pack_title=Words(pack), rule=rule, title=name, amount_fen=None)
        program = self.runs[pack].program
        return Fellow(
            pack=pack,
            pack_title=program.pack.title,
            rule=rule,
            title=program.rules[rule].rule.title,
            amount_fen=self.paid(key),
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
                said=None if number is None else Words(fact.show(number), fact.show(number, "en")),
            )
        return found


class _Explainer:
    def __init__(self, result: Run, fellows: _Fellows, rule: RuleTest, shown: _Shown) -> None:
        self.result = result
        self.used = shown.all
        self.fellows = fellows
        self.rule = rule
        self.pack = result.program.pack
        self.name = rule.rule.name
        self.key = (self.pack.name, self.name)
        self.table = result.table
        self.status = STATUS[int(result.status(self.name)[0])]
        self.atoms = tuple(self.atom(index) for index in range(len(rule.atoms)))

    def determination(self) -> Determination:
        program = self.result.program
        eligible = self.status is Status.ELIGIBLE
        near = bool(self.result.near(self.name)[0])
        group = self.fellows.groups.get(self.key)
        instead = self.fellows.instead_of(self.key) if group else None
        return Determination(
            id=determination_id(program, self.rule, self.table),
            rule=self.rule.rule,
            pack=self.pack.name,
            version=self.pack.version,
            on=program.on,
            subject=self.table.subjects[0],
            status=self.status,
            amount_fen=int(self.result.amounts(self.name)[0]) if eligible else None,
            payable_fen=self.fellows.paid(self.key) if eligible else None,
            near=near,
            would_bring_fen=self.would_bring() if near else None,
            atoms=self.atoms,
            facts=self.used(self.rule.facts),
            missing=self.missing(),
            open_parameters=self.open_parameters(),
            open_said=tuple(self.pack.parameters[name].label for name in self.open_parameters()),
            steps=self.steps(),
            outweighed_by=self.named(instead) if instead else "",
            after_payment=effects_of(program, self.rule, self.table) if eligible else (),
            stack=group.stack if group else None,
            instead=self.fellows.told(instead) if instead else None,
            outweighs=tuple(map(self.fellows.told, self.fellows.not_beside(self.key))),
            waits_for=tuple(map(self.fellows.told, self.fellows.may_change(self.key))),
        )

    def named(self, key: RuleKey) -> str:
        """Return the name of a rule, with its pack if that is another."""
        return key[1] if key[0] == self.pack.name else "/".join(key)

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
    return Step(say=Words(f"核实：{label.zh}", f"Confirm: {label.say('en')}"), bureau=fact.bureau)


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
    read = sorted(rule.facts | rule.facts_on_payment)
    facts = {name: table.cell(name, row) for name in read}
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
    if one.instead is not None:
        text += _instead(one, one.instead, language)
    elif one.payable_fen is None:
        text += _waiting(one, language)
    elif one.payable_fen != one.amount_fen:
        paid = money_text(one.payable_fen, language)
        text += f"因上限实付 {paid}。" if zh else f" A limit leaves {paid}."
    if one.outweighs:
        titles = _titles(one.outweighs, one.pack, language)
        verb = "is" if len(one.outweighs) == 1 else "are"
        text += f"同组的{titles}不重复享受。" if zh else f" {titles} {verb} not paid besides."
    return text


def _instead(one: Determination, other: Fellow, language: Language) -> str:
    """Say which rule pays instead, how much if that is final, and by which kind of stacking."""
    zh = language == "zh"
    title = _titles((other,), one.pack, language)
    amount = "" if other.amount_fen is None else f" {money_text(other.amount_fen, language)}"
    if one.stack is Stacking.HIGHEST:
        return (
            f"就高不重复：由{title}发放{amount}，本条不再发放。"
            if zh
            else f" Only the highest is paid: {title} pays{amount} instead."
        )
    if one.stack is Stacking.FIRST:
        return (
            f"{title}在先，由其发放{amount}，本条不再发放。"
            if zh
            else f" {title} comes first and pays{amount} instead."
        )
    return (
        f"同组合计已达上限（其中{title}{amount}），本条不再发放。"
        if zh
        else f" The limit of the group is reached ({title} pays{amount}); nothing is left."
    )


def _waiting(one: Determination, language: Language) -> str:
    """Say on what it depends whether the amount is final."""
    zh = language == "zh"
    if not one.waits_for:
        return (
            "最终金额还取决于尚未确定的事项。"
            if zh
            else " The final amount still depends on what is open."
        )
    titles = _titles(one.waits_for, one.pack, language)
    if one.stack is Stacking.EXCLUSIVE:
        return (
            f"与{titles}不能同时享受，须由人工认定。"
            if zh
            else f" It excludes {titles}; a person decides."
        )
    return (
        f"最终金额还取决于是否享受{titles}。"
        if zh
        else f" The final amount still depends on {titles}."
    )


def _inner(title: str) -> str:
    """Return a title as it stands within quotation marks."""
    return title.replace("“", "‘").replace("”", "’")


def _titles(fellows: Sequence[Fellow], pack: str, language: Language) -> str:
    """Name rules, with the title of their pack where it is another."""
    if language == "zh":
        return "、".join(
            f"“{_inner(one.title.zh)}”" + ("" if one.pack == pack else f"（{one.pack_title.zh}）")
            for one in fellows
        )
    return ", ".join(
        one.title.say("en") + ("" if one.pack == pack else f" ({one.pack_title.say('en')})")
        for one in fellows
    )


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
    return text + (_only_this(one, language) if one.near else "")


def _only_this(one: Determination, language: Language) -> str:
    """Say that one step is missing, and what it would bring if that is known."""
    zh = language == "zh"
    if not one.would_bring_fen:
        return "只差这一项。" if zh else " Only this is missing."
    amount = money_text(one.would_bring_fen, language)
    return (
        f"只差这一项，可得 {amount}。" if zh else f" Only this is missing; it would bring {amount}."
    )


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
        said = _joined([words.say(language) for words in one.open_said], language)
        parts.append(f"主管部门尚未确定：{said}。" if zh else f"The office has not set: {said}.")
    if one.near and one.would_bring_fen:
        amount = money_text(one.would_bring_fen, language)
        parts.append(f"若属实可得 {amount}。" if zh else f"If so, it brings {amount}.")
    return ("" if zh else " ").join(parts)


def _with_values(atom: AtomState, language: Language) -> str:
    """Return a condition with what is on record about its facts."""
    zh = language == "zh"
    said = atom.say.say(language)
    known = [(one.label.say(language), one.said.say(language)) for one in atom.facts if one.said]
    if not known:
        return said
    shown = _joined(
        [f"{label}：{value}" if zh else f"{label}: {value}" for label, value in known], language
    )
    if [label for label, _ in known] == [said]:  # not the same words twice
        shown = f"登记为：{known[0][1]}" if zh else f"on record: {known[0][1]}"
    if said.endswith(("）", ")")):
        return f"{said[:-1]}；{shown}）" if zh else f"{said[:-1]}; {shown})"
    return f"{said}（{shown}）" if zh else f"{said} ({shown})"


def _with_holder(fact: UsedFact, language: Language) -> str:
    label = fact.label.say(language)
    if not fact.bureau:
        return label
    return f"{label}（{fact.bureau}）" if language == "zh" else f"{label} (held by {fact.bureau})"


def _joined(parts: Sequence[str], language: Language) -> str:
    return ("；" if language == "zh" else "; ").join(parts)
