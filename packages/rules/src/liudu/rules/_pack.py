"""A policy pack: facts, dated parameters, rules, groups and budgets, as they were written."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from graphlib import TopologicalSorter

import attrs

from liudu.contract import Language, Refusal
from liudu.rules._core import Rounding
from liudu.rules._expression import Name, Written, names
from liudu.rules._fact import (
    Fact,
    Words,
    money_text,
)
from liudu.rules._kind import Kind, Type
from liudu.rules._lower import Setting, UnknownLabelError
from liudu.rules._source import Node, PackError, Place, Scalar

SUBJECTS = ("enterprise", "person", "project", "contract")


class NoRoundingError(PackError):
    """A rule whose amount can be a fraction of a fen and that names no rounding."""

    en = "{place}: the amount can be a fraction of its smallest unit: name `rounding`, one of down, up, half_up, half_even."  # noqa: E501
    zh = "{place}：金额可能不是最小单位的整数倍：请写明 rounding（down 舍去、up 进位、half_up 四舍五入、half_even 四舍六入五成双）。"  # noqa: E501


class PackRefusedError(Refusal):
    """A pack with errors; `problems` has each of them."""

    en = "{count} errors in {file}:\n{lines_en}"
    zh = "{file} 中有 {count} 处错误：\n{lines_zh}"

    def __init__(self, *, file: str, errors: Sequence[Refusal]) -> None:
        lines_en = "\n".join(error.say("en") for error in errors)
        lines_zh = "\n".join(error.say("zh") for error in errors)
        super().__init__(
            file=file, count=len(errors), errors=tuple(errors), lines_en=lines_en, lines_zh=lines_zh
        )
        self.problems = tuple(errors)

    def __reduce__(self) -> tuple[object, ...]:
        return (_refused, (self.facts["file"], self.problems))


def _refused(file: str, errors: Sequence[Refusal]) -> PackRefusedError:
    return PackRefusedError(file=file, errors=errors)


class Stacking(StrEnum):
    """What one subject gets of a group in which several rules apply."""

    HIGHEST = "highest"  # 就高不重复
    SUM = "sum"
    FIRST = "first"  # the first that applies, in the order of the pack
    EXCLUSIVE = "exclusive"  # two must never apply; if they do, a person decides


class How(StrEnum):
    """What a payment does to a fact."""

    BECOMES = "becomes"
    ADDS = "adds"


COUNTED = (Kind.COUNT, Kind.MONEY, Kind.RATE)  # one can add to these


@attrs.frozen(kw_only=True)
class Period:
    """From a day to a day, both included; None is open."""

    start: date | None = None
    end: date | None = None

    def holds(self, on: date) -> bool:
        """Whether a day lies in it."""
        return (self.start is None or self.start <= on) and (self.end is None or on <= self.end)


@attrs.frozen(kw_only=True)
class Parameter:
    """A number of the policy, with the days from which its values hold.

    Attributes
    ----------
    values
        From which day which value holds, oldest first; None: not set, so unknown.
    low, high, step
        The range and step of a slider, in the parameter's encoding, if declared.

    """

    name: str
    type: Type
    label: Words
    values: tuple[tuple[date, Setting], ...]
    scale: int = 1
    low: Fraction | None = None
    high: Fraction | None = None
    step: Fraction | None = None
    source: str = ""
    node: Node = attrs.field(eq=False, repr=False)

    def on(self, day: date) -> Setting:
        """Return the value that holds on a day; None where none does."""
        return next((value for start, value in reversed(self.values) if start <= day), None)

    def starts_after(self, day: date) -> bool:
        """Whether the first dated value begins later than a day."""
        return bool(self.values) and self.values[0][0] > day

    def read(self, node: Node) -> Setting:
        """Return what a pack or an option writes as a setting; a day may stand in quotes."""
        if self.type.kind is Kind.DATE and node.value() is not None:
            return node.day()
        numeric = self.type.kind in (Kind.COUNT, Kind.MONEY, Kind.RATE)
        return self.setting(node.numeric() if numeric else node.value(), node)

    def setting(self, value: Scalar, node: Node | None = None) -> Setting:
        """Return a written value as a setting; `WrongShapeError` at `node` if it is none."""
        where = node or self.node
        if value is None or (self.type.kind is Kind.BOOL and isinstance(value, bool)):
            return value
        if self.type.kind is Kind.DATE and isinstance(value, date):
            return value
        if self.type.kind is Kind.ENUM and isinstance(value, str):
            if value not in self.type.labels:
                labels = ", ".join(self.type.labels)
                raise UnknownLabelError(place=where.place, label=value, labels=labels)
            return value
        numeric = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if numeric and self.type.kind in (Kind.COUNT, Kind.MONEY, Kind.RATE):
            number = Fraction(str(value)) * self.scale
            whole = self.type.kind is Kind.RATE or number.denominator == 1
            if whole:
                return number
        raise where.wrong(
            en=f"a value of kind {self.type}, or null",
            zh=f" {self.type.say('zh')} 类的值或 null",
        )

    def show(self, setting: Setting, language: Language = "zh") -> str:
        """Return a setting as people write it."""
        if setting is None:
            return {"zh": "待定", "en": "not set"}[language]
        if isinstance(setting, Fraction) and self.type.kind is Kind.MONEY:
            return money_text(int(setting), language)
        if isinstance(setting, Fraction):
            return str(int(setting)) if setting.denominator == 1 else str(float(setting))
        return str(setting)


@attrs.frozen(kw_only=True)
class Atom:
    """One condition of a rule: its expression, its sentence, and what the subject can do."""

    test: Written
    say: Words
    advice: Words | None = None
    clause: str = ""


@attrs.frozen(kw_only=True)
class Example:
    """A test that stands beside its rule; `common` is what all tests of the rule start from."""

    title: str
    on: date | None
    settings: Mapping[str, Setting]
    given: Mapping[str, int | None]
    common: Mapping[str, int | None]
    status: str
    amount_fen: int | None
    missing: tuple[str, ...] | None
    near: bool | None
    after_payment: Mapping[str, int | None]
    place: Place


@attrs.frozen(kw_only=True)
class Effect:
    """A fact that the payment of a rule changes, and into what, or by how much."""

    fact: str
    how: How
    written: Written
    place: Place = attrs.field(eq=False, repr=False)


@attrs.frozen(kw_only=True)
class Rule:
    """One benefit: who gets it, how much, by which clause, and what its payment changes.

    Attributes
    ----------
    applied_for
        The fact that is true once the subject has applied; empty where nobody need apply, or
        the pack does not say.

    """

    name: str
    title: Words
    clause: str
    bureau: str
    subject: str
    atoms: tuple[Atom, ...]
    amount: Written | None
    benefit: Words | None
    rounding: Rounding | None
    round_to_fen: int
    cap: Written | None
    group: str
    automatic: bool
    period: Period
    windows: tuple[Period, ...]
    payment_months: tuple[int, ...]
    on_payment: tuple[Effect, ...]
    source: str
    note: Words | None
    verified: bool
    examples: tuple[Example, ...]
    applied_for: str = ""
    node: Node = attrs.field(eq=False, repr=False)

    def in_force(self, on: date) -> bool:
        """Whether the rule holds on a day."""
        return self.period.holds(on)

    def takes_applications(self, on: date) -> bool:
        """Whether one may apply for it on a day: it is in force, and a window is open."""
        opened = not self.windows or any(one.holds(on) for one in self.windows)
        return bool(self.applied_for) and opened and self.in_force(on)

    @property
    def application(self) -> Atom | None:
        """The condition that holds once the subject has applied, if it names one."""
        return next((one for one in self.atoms if _is_fact(one, self.applied_for)), None)


def _is_fact(atom: Atom, name: str) -> bool:
    tree = atom.test.tree
    return isinstance(tree, Name) and tree.name == name


@attrs.frozen(kw_only=True)
class OtherRule:
    """A rule of another pack, written ``pack/rule``."""

    pack: str
    rule: str
    place: Place = attrs.field(eq=False, repr=False)

    def __str__(self) -> str:
        return f"{self.pack}/{self.rule}"


@attrs.frozen(kw_only=True)
class Group:
    """Rules of which one subject does not get everything.

    Attributes
    ----------
    others
        The rules of other packs that belong to it too.

    """

    name: str
    title: Words
    stack: Stacking
    cap: Written | None
    others: tuple[OtherRule, ...] = ()
    node: Node = attrs.field(eq=False, repr=False)


@attrs.frozen(kw_only=True)
class Budget:
    """A limit over several payments.

    Attributes
    ----------
    per
        ``programme``: over all subjects, served in `order`; ``subject`` and
        ``subject_year``: over one subject.
    paid
        For a limit per subject: the fact that says how much of it is used already.
    order
        For a programme: the facts that decide who is served first, lowest first; ties go by
        the subject's id.
    split
        Whether the last one served may get what is left, less than the full amount.

    """

    name: str
    title: Words
    rules: tuple[str, ...]
    limit: Written
    per: str
    paid: str
    order: tuple[str, ...]
    split: bool
    node: Node = attrs.field(eq=False, repr=False)


@attrs.frozen(kw_only=True)
class Document:
    """A paper that proves facts, where it comes from, and what one needs before it."""

    name: str
    label: Words
    bureau: str
    needs: tuple[str, ...]
    working_days: int | None
    node: Node = attrs.field(eq=False, repr=False)


@attrs.frozen(kw_only=True)
class Provenance:
    """Where the text of a policy comes from."""

    issuer: str = ""
    document: str = ""
    published: date | None = None
    url: str = ""
    verified: bool = False


@attrs.frozen(kw_only=True)
class Pack:
    """Policies as data, in one version.

    Attributes
    ----------
    digest
        ``sha256:…`` of the content without comments and layout: the version for machines.

    """

    name: str
    version: str
    title: Words
    source: Provenance
    period: Period
    facts: Mapping[str, Fact]
    documents: Mapping[str, Document]
    parameters: Mapping[str, Parameter]
    definitions: Mapping[str, Written]
    rules: Mapping[str, Rule]
    groups: Mapping[str, Group]
    budgets: Mapping[str, Budget]
    digest: str
    file: str

    @cached_property
    def fact_places(self) -> Mapping[str, int]:
        """By fact, where it stands in the pack."""
        return {name: place for place, name in enumerate(self.facts)}

    @cached_property
    def parameters_of(self) -> Mapping[str, frozenset[str]]:
        """By rule, the parameters that it names, also by definitions."""
        return {name: self._named_by(rule) for name, rule in self.rules.items()}

    def _named_by(self, rule: Rule) -> frozenset[str]:
        found: set[str] = set()
        waiting = [atom.test for atom in rule.atoms]
        waiting += [rule.amount] if rule.amount is not None else []
        waiting += [one.written for one in rule.on_payment]
        while waiting:
            fresh = set(names(waiting.pop().tree)) - found
            found |= fresh
            waiting += [self.definitions[name] for name in fresh if name in self.definitions]
        return frozenset(found & set(self.parameters))

    def epochs(self) -> tuple[date, ...]:
        """Return the days on which something in the pack changes, oldest first.

        The first is a day on which the pack holds, so there is always one.
        """
        days = {start for one in self.parameters.values() for start, _ in one.values}
        days |= {rule.period.start for rule in self.rules.values() if rule.period.start}
        first = self.period.start or min(days, default=date(2000, 1, 1))
        return tuple(sorted({first} | {day for day in days if self.period.holds(day)}))

    def order_of_documents(self) -> tuple[str, ...]:
        """Return the documents so that what one needs stands before it."""
        graph = {name: one.needs for name, one in self.documents.items()}
        return tuple(TopologicalSorter(graph).static_order())
