"""What is decided about policies, facts and grants, without a database."""

import hashlib
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, TypeVar

import attrs
import numpy as np

from liudu.contract import Refusal
from liudu.rules import (
    AtomState,
    Column,
    Determination,
    Fact,
    FactTable,
    Kind,
    Pack,
    Parameter,
    Program,
    Rule,
    Setting,
    day_of,
    run,
)
from liudu.rules import Words as Said

T = TypeVar("T")
ONCE = "once"
SAMPLE_PLACES = 2**64
FORECAST_VALUES_MAX = 6


class NotPaidThisMonthError(Refusal):
    """A delivery is wanted in a month in which the rule is not paid."""

    en = "{rule} is paid in months {months}, not on {on}: take a day in one of them."
    zh = "{rule} 在 {months} 月发放，{on} 不在其中：请选其中一个月的日期。"


class BadSettingError(Refusal):
    """A value that a parameter cannot have."""

    en = "{name}: {text!r} is not a value of {label}: write {wanted}."
    zh = "{name}：“{text}”不能作为“{label}”的值：请填写{wanted}。"


def period_of(rule: Rule, on: date) -> str:
    """Return for which period a payment on a day is: ``2026-11``, or ``once``.

    Raises
    ------
    NotPaidThisMonthError

    """
    if not rule.payment_months:
        return ONCE
    if on.month not in rule.payment_months:
        months = "、".join(map(str, rule.payment_months))
        raise NotPaidThisMonthError(rule=rule.name, months=months, on=on)
    return f"{on.year}-{on.month:02d}"


def periods_meet(one: str, other: str) -> bool:
    """Return whether two payments are for the same time; what is paid once is for all time."""
    return one == other or ONCE in (one, other)


def is_sampled(*, seed: int, subject_key: str, share: float) -> bool:
    """Return whether a subject falls into the random sample; the same seed draws the same."""
    drawn = hashlib.sha256(f"{seed}:{subject_key}".encode()).digest()[:8]
    return int.from_bytes(drawn, "big") < share * SAMPLE_PLACES


def masked(name: str) -> str:
    """Return a person's name as the public may read it: 张*、欧*娜, A*** B***."""
    if name.isascii():
        return " ".join(f"{word[0]}***" for word in name.split()) or "***"
    return name[0] + "*" * max(len(name) - 2, 1) + (name[-1] if len(name) > 2 else "")  # noqa: PLR2004


def deed_of(
    *, kind: str, code: str, rule: str, period: str, subject_key: str, part: str = ""
) -> str:
    """Return the idempotency key of an order: the same deed has the same key for ever."""
    return ":".join(filter(None, ["liudu", kind, code, rule, period, subject_key, part]))


def deed_again(deed: str, *, attempt: int) -> str:
    """Return the idempotency key of a later attempt (from 2) at a deed, from the one before it.

    What came back is known to the treasury under its old key, which is never used again.
    """
    return f"{deed.removesuffix(f':a{attempt - 1}')}:a{attempt}"


def plain_value(fact: Fact, number: int) -> str:
    """Return an encoded value as facts are kept: independent of a pack's units and labels."""
    kind = fact.type.kind
    if kind is Kind.BOOL:
        return "true" if number else "false"
    if kind is Kind.DATE:
        return day_of(number).isoformat()
    if kind is Kind.ENUM:
        return fact.type.labels[number]
    if kind is Kind.RATE:
        return format(Decimal(number) / fact.denominator, "f")
    return str(number)


def encoded_value(fact: Fact, *, kind: str, value: str) -> int | None:
    """Return a kept value in a pack's encoding; None if this pack cannot hold it.

    A label that this pack does not know, or a number outside its range, is unknown to it; it is
    never forced into another.
    """
    if kind != fact.type.kind or not value:
        return None
    try:
        if fact.type.kind is Kind.MONEY:
            return fact.encode(Decimal(value) / fact.scale)
        return fact.read(value)
    except (Refusal, InvalidOperation):
        return None


def yearly_counts(pack: Pack) -> frozenset[str]:
    """Return the facts that count what was paid in one year: in the next they begin at 0."""
    limits = (one for one in pack.budgets.values() if one.per == "subject_year")
    return frozenset(one.paid for one in limits if one.paid)


def application_facts(pack: Pack) -> frozenset[str]:
    """Return the facts that are true because the subject has applied for a rule."""
    return frozenset(rule.applied_for for rule in pack.rules.values() if rule.applied_for)


def in_the_way(said: Determination) -> list[AtomState]:
    """Return the conditions of a rule that do not hold, besides its application."""
    pairs = zip(said.rule.atoms, said.atoms, strict=True)
    asked = said.rule.application
    return [state for atom, state in pairs if state.holds is False and atom is not asked]


def has_applied(said: Determination) -> bool:
    """Return whether the application that a rule asks for is among the facts."""
    pairs = zip(said.rule.atoms, said.atoms, strict=True)
    return any(state.holds is True and atom is said.rule.application for atom, state in pairs)


def setting_of(parameter: Parameter, text: str) -> Setting:
    """Return what an officer typed, in the parameter's written unit.

    Raises
    ------
    BadSettingError

    """
    kind, cleaned = parameter.type.kind, text.strip()
    try:
        if kind is Kind.BOOL and cleaned.lower() in ("true", "false"):
            return cleaned.lower() == "true"
        if kind is Kind.DATE:
            return date.fromisoformat(cleaned)
        if kind is Kind.ENUM and cleaned in parameter.type.labels:
            return cleaned
        if kind in (Kind.COUNT, Kind.MONEY, Kind.RATE):
            number = typed_number(parameter, cleaned) * parameter.scale
            low, high = parameter.low, parameter.high
            whole = kind is Kind.RATE or number.denominator == 1
            fits = (low is None or number >= low) and (high is None or number <= high)
            if whole and fits:
                return number
    except (ValueError, InvalidOperation, OverflowError):
        pass
    raise BadSettingError(
        name=parameter.name, text=text[:40], label=parameter.label.zh, wanted=_wanted(parameter)
    )


def typed_number(parameter: Parameter, text: str) -> Fraction:
    """Return a number that somebody typed in a parameter's written unit; a rate also as ``20 %``.

    Raises
    ------
    ValueError, decimal.InvalidOperation, OverflowError

    """
    cleaned = text.replace(",", "").strip()
    if parameter.type.kind is Kind.RATE and cleaned.endswith(("%", "％")):
        return Fraction(Decimal(cleaned[:-1].strip())) / 100
    return Fraction(Decimal(cleaned))


def _wanted(parameter: Parameter) -> str:
    if parameter.type.kind is Kind.ENUM:
        return "、".join(parameter.type.labels)
    if parameter.type.kind in (Kind.BOOL, Kind.DATE):
        return {Kind.BOOL: "true / false", Kind.DATE: "2026-01-31"}[parameter.type.kind]
    if parameter.type.kind is Kind.RATE:
        least, most = parameter.low or Fraction(0), parameter.high or Fraction(1)
        return f" {float(least * 100):g}% – {float(most * 100):g}%"
    low = parameter.show(parameter.low) if parameter.low is not None else "…"
    high = parameter.show(parameter.high) if parameter.high is not None else "…"
    return f" {low} – {high}"


def open_parameters(pack: Pack, on: date, settings: Mapping[str, Setting]) -> tuple[Parameter, ...]:
    """Return the parameters that nobody has set on a day: what depends on them is unknown."""
    return tuple(
        one
        for name, one in pack.parameters.items()
        if settings.get(name) is None and one.on(on) is None
    )


def clause_digest(rule: Rule) -> str:
    """Return the digest of what was compared with the official text."""
    text = "\n".join([rule.clause, *(atom.clause for atom in rule.atoms)])
    return hashlib.sha256(text.encode()).hexdigest()


@attrs.frozen(kw_only=True)
class Question:
    """A fact that nobody has told yet, and what its answer is expected to bring.

    Attributes
    ----------
    decided
        How many rules, now undecided, the answer is expected to decide, over its values.
    amount_fen
        The expected amount that would become certain.

    """

    fact: Fact
    decided: float
    amount_fen: float

    @property
    def said(self) -> Said:
        """The question in words."""
        if self.fact.question is not None:
            return self.fact.question
        label = self.fact.label
        return Said(f"{label.zh}？", f"{label.say('en')}?")


def questions(
    programs: Sequence[tuple[Program, FactTable]], *, skip: frozenset[str] = frozenset()
) -> list[Question]:
    """Return the facts to ask for, the one that decides most first.

    For each unknown fact that an undecided rule reads, its possible values are tried (both
    truths, every label, both sides of every threshold), each as likely as the others. A fact of
    several packs counts in all of them.
    """
    found: dict[str, Question] = {}
    for program, table in programs:
        for one in _questions_of(program, table):
            if one.fact.name in skip:
                continue
            before = found.get(one.fact.name)
            found[one.fact.name] = (
                attrs.evolve(
                    before,
                    decided=before.decided + one.decided,
                    amount_fen=before.amount_fen + one.amount_fen,
                )
                if before
                else one
            )
    return sorted(found.values(), key=lambda one: (-one.decided, -one.amount_fen, one.fact.name))


def _questions_of(program: Program, table: FactTable) -> Iterator[Question]:
    now = run(program, table)
    undecided = [name for name in program.rules if int(now.status(name)[0]) == -1]
    wanted = {name for rule in undecided for name in program.rules[rule].facts}
    facts = [
        fact
        for name, fact in program.pack.facts.items()
        if name in wanted and table.cell(name, 0) is None
    ]
    if not facts:
        return
    trials = [(fact, value) for fact in facts for value in _values_to_try(program, fact)]
    then = run(program, _variants(program.pack, table, trials))
    decided = np.sum([then.status(name) != -1 for name in undecided], axis=0)
    amounts = np.sum([then.amounts(name) for name in undecided], axis=0)
    for fact in facts:
        mine = [index for index, (tried, _) in enumerate(trials) if tried is fact]
        yield Question(
            fact=fact,
            decided=float(decided[mine].mean()),
            amount_fen=float(amounts[mine].mean()),
        )


def _values_to_try(program: Program, fact: Fact) -> list[int]:
    if fact.type.kind is Kind.BOOL:
        return [0, 1]
    if fact.type.kind is Kind.ENUM:
        return list(range(len(fact.type.labels)))
    edges = sorted(_thresholds(program, fact.name))
    near = [edge + shift for edge in edges for shift in (-1, 0, 1)]
    inside = [value for value in near if fact.minimum <= value <= fact.maximum]
    middle = fact.minimum + (fact.maximum - fact.minimum) // 2
    return [*inside[:FORECAST_VALUES_MAX], middle] if inside else [fact.minimum, middle]


def _thresholds(program: Program, name: str) -> set[int]:
    """Return the constants with which a fact is compared directly."""
    found: set[int] = set()
    for rule in program.rules.values():
        for leaf in rule.leaves:
            sides = [getattr(leaf, "left", None), getattr(leaf, "right", None)]
            if any(getattr(side, "name", None) == name for side in sides):
                numbers = [getattr(side, "number", None) for side in sides]
                found |= {one for one in numbers if one is not None}
    return found


def _variants(pack: Pack, table: FactTable, trials: Sequence[tuple[Fact, int]]) -> FactTable:
    """Return one row for each tried value: the subject as it is, with that one fact known."""
    count = len(trials)
    columns: dict[str, Column] = {}
    for name, fact in pack.facts.items():
        known = table.cell(name, 0)
        kind = np.bool_ if fact.type.kind is Kind.BOOL else np.int64
        numbers: Any = np.full(count, 0 if known is None else known).astype(kind)
        unknown = np.full(count, known is None)
        for index, (tried, value) in enumerate(trials):
            if tried.name == name:
                numbers[index], unknown[index] = value, False
        columns[name] = Column(numbers, unknown if bool(unknown.any()) else None)
    return FactTable(subjects=[str(index) for index in range(count)], columns=columns)


@attrs.frozen(kw_only=True)
class Entry:
    """Something in the calendar: what begins or ends or is paid on a day."""

    on: date
    kind: str  # parameter, opens, closes, begins, ends, paid
    code: str
    rule: str
    said: Said


def calendar(pack: Pack, *, start: date, end: date) -> list[Entry]:
    """Return what happens in a pack between two days, both included, earliest first."""
    entries = [*_of_parameters(pack), *_of_rules(pack, start=start, end=end)]
    if pack.period.end:
        entries.append(_entry(pack, pack.period.end, "ends", "", pack.title))
    inside = [one for one in entries if start <= one.on <= end]
    return sorted(inside, key=lambda one: (one.on, one.rule, one.kind))


def _entry(pack: Pack, on: date, kind: str, rule: str, said: Said) -> Entry:
    return Entry(on=on, kind=kind, code=pack.name, rule=rule, said=said)


def _of_parameters(pack: Pack) -> Iterator[Entry]:
    for one in pack.parameters.values():
        for day, value in one.values:
            said = Said(
                f"{one.label.zh}：{one.show(value)}",
                f"{one.label.say('en')}: {one.show(value, 'en')}",
            )
            yield _entry(pack, day, "parameter", "", said)


def _of_rules(pack: Pack, *, start: date, end: date) -> Iterator[Entry]:
    for rule in pack.rules.values():
        for window in rule.windows:
            if window.start:
                yield _entry(pack, window.start, "opens", rule.name, rule.title)
            if window.end:
                yield _entry(pack, window.end, "closes", rule.name, rule.title)
        if rule.period.start:
            yield _entry(pack, rule.period.start, "begins", rule.name, rule.title)
        if rule.period.end:
            yield _entry(pack, rule.period.end, "ends", rule.name, rule.title)
        for month in months_between(start, end):
            if month.month in rule.payment_months and rule.in_force(month):
                yield _entry(pack, max(month, start), "paid", rule.name, rule.title)


def months_between(start: date, end: date) -> Iterator[date]:
    """Yield the first day of every month from that of `start` to that of `end`."""
    month = start.replace(day=1)
    while month <= end:
        yield month
        month += timedelta(days=monthrange(month.year, month.month)[1])


@attrs.frozen(kw_only=True)
class Change:
    """One thing that differs between two versions of a pack."""

    what: str  # rule, parameter
    name: str
    title: Said
    before: str
    after: str


def changes(old: Pack, new: Pack) -> list[Change]:
    """Return what differs between two versions, in words that an officer compares."""
    return [
        *_differences("rule", old.rules, new.rules, lambda one: one.title, _rule_text),
        *_differences(
            "parameter", old.parameters, new.parameters, lambda one: one.label, _parameter_text
        ),
    ]


def _differences(
    what: str,
    old: Mapping[str, T],
    new: Mapping[str, T],
    title: Callable[[T], Said],
    text: Callable[[T], str],
) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        before = text(old[name]) if name in old else ""
        after = text(new[name]) if name in new else ""
        if before != after:
            named = title(new[name] if name in new else old[name])
            yield Change(what=what, name=name, title=named, before=before, after=after)


def _rule_text(rule: Rule) -> str:
    lines = [rule.clause, *(f"· {atom.say.zh}：{atom.test.text}" for atom in rule.atoms)]
    lines += [f"= {rule.amount.text}"] if rule.amount else []
    lines += [f"≤ {rule.cap.text}"] if rule.cap else []
    lines += [f"→ {one.fact} {one.how}: {one.written.text}" for one in rule.on_payment]
    lines += [f"✎ {rule.applied_for}"] if rule.applied_for else []
    if rule.payment_months:
        lines.append("/".join(map(str, rule.payment_months)))
    return "\n".join(lines)


def _parameter_text(one: Parameter) -> str:
    return "\n".join(f"{day.isoformat()}: {one.show(value)}" for day, value in one.values)
