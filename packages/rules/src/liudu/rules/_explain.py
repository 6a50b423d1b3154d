"""One subject: what is due, why, why not, what is missing, and what to do next."""

import hashlib
import json
from collections.abc import Collection, Sequence
from graphlib import TopologicalSorter

from liudu.rules._core import facts_of, open_parameters_of
from liudu.rules._determination import (
    STATUS,
    AtomState,
    Determination,
    Fellow,
    Status,
    Step,
    UsedFact,
)
from liudu.rules._evaluate import Selection, evaluate_value
from liudu.rules._fact import Fact, Words
from liudu.rules._pack import Pack, Stacking
from liudu.rules._payment import effects_of
from liudu.rules._program import Program, RuleTest
from liudu.rules._run import Run, run
from liudu.rules._settle import JointSettlement, Payable, settle_together
from liudu.rules._table import FactTable
from liudu.rules._together import RuleKey

STATE = {1: True, 0: False, -1: None}
UNDECIDED = -1


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
