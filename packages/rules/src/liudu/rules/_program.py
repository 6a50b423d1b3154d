"""A pack on one day, ready to be computed: every parameter a number, every test a tree."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import TypeVar

import attrs

from liudu.contract import Refusal
from liudu.rules._core import (
    INT64_MAX,
    Constant,
    Core,
    Multiply,
    Test,
    Value,
    facts_of,
    leaves_of,
    open_parameters_of,
)
from liudu.rules._expression import Written
from liudu.rules._fact import money_text
from liudu.rules._kind import Kind
from liudu.rules._lower import (
    Scope,
    Setting,
    Sized,
    WrongKindError,
    closest,
    lower_as,
    lower_test,
    lower_value,
    whole_fen,
)
from liudu.rules._pack import (
    Budget,
    Effect,
    Group,
    How,
    NoRoundingError,
    Pack,
    PackRefusedError,
    Rule,
)
from liudu.rules._source import PackError

UNBOUNDED_FEN = INT64_MAX // 4  # of an amount whose parameter the office has not set
S = TypeVar("S")
T = TypeVar("T")


class NegativeAmountError(PackError):
    """An amount that can be less than nothing."""

    en = "{place}: the amount can be as low as {lowest_en}: write max(fen(0), …)."
    zh = "{place}：金额可能低至 {lowest}：请写成 max(fen(0), …)。"


class EffectTooFineError(PackError):
    """A payment makes a fact a number that the fact cannot hold exactly."""

    en = "{place}: this can be a fraction of what {fact} counts in; {way_en}."
    zh = "{place}：这里可能不是 {fact} 最小单位的整数倍；{way_zh}。"


class EffectOutOfRangeError(PackError):
    """A payment makes a fact a number outside its declared range."""

    en = "{place}: this can be {low_en} to {high_en}, but {fact} is {minimum_en} to {maximum_en}: write min(…) or max(…), or declare another min or max."  # noqa: E501
    zh = "{place}：这里可能是 {low} 至 {high}，而 {fact} 的范围是 {minimum} 至 {maximum}：请写 min(…)、max(…)，或改 min、max 的声明。"  # noqa: E501


class NegativeLimitError(PackError):
    """A cap or budget that can be less than nothing."""

    en = "{place}: this limit can be as low as {lowest_en}: write max(fen(0), …)."
    zh = "{place}：此上限可能低至 {lowest}：请写成 max(fen(0), …)。"


class PersonalLimitError(PackError):
    """A budget over all subjects whose limit depends on one subject's facts."""

    en = "{place}: the limit of a programme is one for all, and {facts} differs from subject to subject: write a number or a parameter."  # noqa: E501
    zh = "{place}：项目预算对所有主体是同一个数，而 {facts} 因主体而异：请写数字或参数。"


class NotInForceError(Refusal):
    """A pack is asked about a day on which it does not hold."""

    en = "{pack} {version} holds from {start} to {end}, not on {on}: take the version of that day."
    zh = "{pack} {version} 自 {start} 至 {end} 有效，{on} 不在其中：请使用当日有效的版本。"


class UnknownParameterError(Refusal):
    """A what-if names a parameter that the pack does not have."""

    en = "{name} is not a parameter of {pack}{hint_en}; it has {known}."
    zh = "{pack} 没有参数 {name}{hint_zh}；可用的有：{known}。"


class ParameterOutOfRangeError(Refusal):
    """A what-if sets a parameter outside its declared range."""

    en = "{name} = {value_en} is outside {low_en} to {high_en}."
    zh = "{name} = {value} 超出 {low} 至 {high}。"


@attrs.frozen(kw_only=True)
class AtomTest:
    """One condition, lowered; `test` has the value of the day."""

    test: Test
    advised: bool
    """Whether the subject can do something about it."""

    @property
    def waits_for_office(self) -> bool:
        """Whether a parameter that nobody has set stands in it."""
        return bool(open_parameters_of(self.test))


@attrs.frozen(kw_only=True)
class EffectTest:
    """A fact that a payment changes, lowered; `tree` is in the fact's encoding."""

    effect: Effect
    tree: Core

    @property
    def fact(self) -> str:
        """The fact's name."""
        return self.effect.fact


@attrs.frozen(kw_only=True)
class RuleTest:
    """One rule, lowered: eligible where every atom is true and the amount is known.

    `amount` is whole fen; None for a benefit that is not money. `effects` is what its payment
    changes; no condition and no amount depends on them.
    """

    rule: Rule
    atoms: tuple[AtomTest, ...]
    amount: Value | None
    amount_max_fen: int
    effects: tuple[EffectTest, ...] = ()

    @cached_property
    def leaves(self) -> tuple[Test, ...]:
        """The tests that its conditions are joined from, each once: one bitmap each."""
        found = (leaf for atom in self.atoms for leaf in leaves_of(atom.test))
        return tuple(dict.fromkeys(found))

    @property
    def trees(self) -> tuple[Core, ...]:
        """Everything that this rule computes."""
        tests: tuple[Core, ...] = tuple(atom.test for atom in self.atoms)
        return (*tests, self.amount) if self.amount is not None else tests

    @property
    def facts(self) -> frozenset[str]:
        """The facts that the rule reads."""
        return frozenset[str]().union(*(facts_of(tree) for tree in self.trees))

    @property
    def facts_on_payment(self) -> frozenset[str]:
        """The facts from which is computed what its payment changes."""
        return frozenset[str]().union(*(facts_of(one.tree) for one in self.effects))


@attrs.frozen(kw_only=True)
class GroupLimit:
    """A group whose cap, if any, is a number of fen; -1 where it is not set."""

    group: Group
    rules: tuple[str, ...]
    cap: Value | None


@attrs.frozen(kw_only=True)
class BudgetLimit:
    """A budget whose limit is a value in fen."""

    budget: Budget
    limit: Value


@attrs.frozen(kw_only=True)
class Program:
    """A pack on one day for one kind of subject.

    Attributes
    ----------
    rules
        The rules in force, by name, in the order of the pack.
    settings
        The value of every parameter on that day.
    digest
        ``sha256:…`` over the pack's digest, the day and the settings: whatever has the same
        digest gives the same answers.

    """

    pack: Pack
    on: date
    subject: str | None
    settings: Mapping[str, Setting]
    rules: Mapping[str, RuleTest]
    groups: Mapping[str, GroupLimit]
    budgets: Mapping[str, BudgetLimit]
    digest: str

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts that some rule, cap, budget or payment reads, in the order of the pack."""
        used = set[str]().union(*(one.facts | one.facts_on_payment for one in self.rules.values()))
        for limit in self.budgets.values():
            used |= facts_of(limit.limit) | {*limit.budget.order, limit.budget.paid}
        for group in self.groups.values():
            used |= facts_of(group.cap) if group.cap is not None else set()
        return tuple(name for name in self.pack.facts if name in used)


def compile_pack(
    pack: Pack,
    *,
    on: date,
    subject: str | None = None,
    settings: Mapping[str, Setting] | None = None,
) -> Program:
    """Return a pack as it stands on a day.

    Parameters
    ----------
    pack
        The pack.
    on
        The day that decides which rules and which values hold, and what ``today`` means.
    subject
        Only the rules for this kind of subject, or all.
    settings
        Values that replace those of the day: money in fen, rates as fractions (a what-if).

    Raises
    ------
    NotInForceError
        If the pack does not hold on that day.
    UnknownParameterError, ParameterOutOfRangeError
        If a setting does not fit.
    PackRefusedError
        With every unknown name, unit clash or possible overflow.

    """
    if not pack.period.holds(on):
        raise NotInForceError(
            pack=pack.name,
            version=pack.version,
            start=pack.period.start or "…",
            end=pack.period.end or "…",
            on=on,
        )
    held = {name: one.on(on) for name, one in pack.parameters.items()}
    for name, setting in (settings or {}).items():
        _require_setting(pack, name, setting)
        held[name] = setting
    return _Compiler(pack, on, held).program(subject)


def recompile(program: Program, settings: Mapping[str, Setting]) -> Program:
    """Return a program with some parameters changed; only what names them is compiled.

    The same as compiling the pack afresh with ``{**program.settings, **settings}``.

    Parameters
    ----------
    program
        The pack as it stands.
    settings
        The new values by parameter: money in fen, rates as fractions.

    Raises
    ------
    UnknownParameterError, ParameterOutOfRangeError
        If a setting does not fit.
    PackRefusedError
        If an amount could overflow or become negative under it.

    """
    pack = program.pack
    for name, setting in settings.items():
        _require_setting(pack, name, setting)
    changed = {name for name, one in settings.items() if program.settings[name] != one}
    if not changed:
        return program
    compiler = _Compiler(pack, program.on, {**program.settings, **settings})
    return compiler.program(program.subject, before=program, changed=changed)


def _require_setting(pack: Pack, name: str, setting: Setting) -> None:
    if name not in pack.parameters:
        near = closest(name, list(pack.parameters))
        raise UnknownParameterError(
            name=name,
            pack=pack.name,
            known=", ".join(pack.parameters) or "-",
            hint_en=f" (did you mean {near}?)" if near else "",
            hint_zh=f"（是否指 {near}？）" if near else "",
        )
    one = pack.parameters[name]
    low, high = one.low, one.high
    if isinstance(setting, Fraction) and (
        (low is not None and setting < low) or (high is not None and setting > high)
    ):
        raise ParameterOutOfRangeError(
            name=name,
            value=one.show(setting),
            value_en=one.show(setting, "en"),
            low=one.show(low) if low is not None else "…",
            low_en=one.show(low, "en") if low is not None else "…",
            high=one.show(high) if high is not None else "…",
            high_en=one.show(high, "en") if high is not None else "…",
        )


class _Compiler:
    def __init__(self, pack: Pack, on: date, settings: Mapping[str, Setting]) -> None:
        self.pack = pack
        self.settings = settings
        self.errors: list[Refusal] = []
        self.on = on
        self.scope = Scope(
            facts=pack.facts,
            parameters=pack.parameters,
            settings=settings,
            definitions=pack.definitions,
            today=on,
        )

    def program(
        self,
        subject: str | None,
        *,
        before: Program | None = None,
        changed: AbstractSet[str] = frozenset(),
    ) -> Program:
        """Compile; a rule of `before` that names nothing of what changed is taken as it is."""
        kept = {
            name: one
            for name, one in (before.rules if before else {}).items()
            if self.pack.parameters_of[name].isdisjoint(changed)
        }
        rules = {
            name: lowered
            for name, rule in self.pack.rules.items()
            if rule.in_force(self.on) and subject in (None, rule.subject)
            for lowered in ([kept[name]] if name in kept else self.attempt(self.rule, rule))
        }
        groups = {
            name: lowered
            for name, group in self.pack.groups.items()
            for lowered in self.attempt(lambda one: self.group(one, rules), group)
        }
        budgets = {
            name: lowered
            for name, budget in self.pack.budgets.items()
            for lowered in self.attempt(self.budget, budget)
        }
        if self.errors:
            raise PackRefusedError(file=self.pack.file, errors=self.errors)
        return Program(
            pack=self.pack,
            on=self.on,
            subject=subject,
            settings=self.settings,
            rules=rules,
            groups={name: one for name, one in groups.items() if one.rules},
            budgets={
                name: one for name, one in budgets.items() if set(one.budget.rules) & set(rules)
            },
            digest=self.digest(),
        )

    def attempt(self, lower: Callable[[S], T], one: S) -> list[T]:
        try:
            return [lower(one)]
        except Refusal as error:
            if not any(str(error) == str(other) for other in self.errors):
                self.errors.append(error)
            return []

    def rule(self, rule: Rule) -> RuleTest:
        atoms = [
            AtomTest(test=test, advised=atom.advice is not None)
            for atom in rule.atoms
            for test in self.attempt(lambda one: lower_test(one.test, self.scope), atom)
        ]
        amount, high = self.amount(rule)
        effects = [found for one in rule.on_payment for found in self.attempt(self.effect, one)]
        return RuleTest(
            rule=rule,
            atoms=tuple(atoms),
            amount=amount,
            amount_max_fen=high,
            effects=tuple(effects),
        )

    def effect(self, effect: Effect) -> EffectTest:
        fact = self.pack.facts[effect.fact]
        lowered = lower_as(effect.written, fact.type, self.scope)
        if isinstance(lowered, Test):
            return EffectTest(effect=effect, tree=lowered)
        factor, rest = divmod(fact.denominator, lowered.denominator)
        if rest:
            money = fact.type.kind is Kind.MONEY
            raise EffectTooFineError(
                place=effect.written.place(),
                fact=fact.name,
                way_en="whole fen are needed" if money else "declare more places, or whole numbers",
                way_zh="须为整数分" if money else "请声明更多 places，或改用整数",
            )
        if not open_parameters_of(lowered.value):
            self.require_room(effect, lowered.low * factor, lowered.high * factor)
        tree = lowered.value if factor == 1 else Multiply(lowered.value, Constant(factor))
        return EffectTest(effect=effect, tree=tree)

    def require_room(self, effect: Effect, low: int, high: int) -> None:
        """Raise `EffectOutOfRangeError` if a fact could not hold what a payment makes of it."""
        fact = self.pack.facts[effect.fact]
        least, most = fact.minimum, fact.maximum
        if effect.how is How.ADDS:
            least, most = least - most, most - least
        if least <= low and high <= most:
            return
        raise EffectOutOfRangeError(
            place=effect.written.place(),
            fact=fact.name,
            low=fact.show(low),
            low_en=fact.show(low, "en"),
            high=fact.show(high),
            high_en=fact.show(high, "en"),
            minimum=fact.show(fact.minimum),
            minimum_en=fact.show(fact.minimum, "en"),
            maximum=fact.show(fact.maximum),
            maximum_en=fact.show(fact.maximum, "en"),
        )

    def amount(self, rule: Rule) -> tuple[Value | None, int]:
        if rule.amount is None:
            return None, 0
        sized = self.money(rule.amount)
        if sized.denominator * rule.round_to_fen != 1 and rule.rounding is None:
            raise NoRoundingError(place=rule.amount.place())
        if sized.low < 0:
            raise NegativeAmountError(place=rule.amount.place(), **_lowest(sized))
        value = whole_fen(sized, rule.rounding, rule.round_to_fen)
        if open_parameters_of(value):
            return value, UNBOUNDED_FEN
        step = rule.round_to_fen
        return value, -(-sized.high // (sized.denominator * step)) * step

    def money(self, written: Written) -> Sized:
        sized = lower_value(written, self.scope)
        if sized.type.kind is not Kind.MONEY and not sized.is_zero:
            raise WrongKindError(
                place=written.place(),
                found=str(sized.type),
                wanted="money",
                hint_en="; write yuan(…), wan(…) or fen(…)",
                hint_zh="；请写 yuan(…)、wan(…) 或 fen(…)",
            )
        return sized

    def whole(self, written: Written) -> Value:
        sized = self.money(written)
        if sized.low < 0:
            raise NegativeLimitError(place=written.place(), **_lowest(sized))
        if sized.denominator != 1:
            raise NoRoundingError(place=written.place())
        return sized.value

    def group(self, group: Group, rules: Mapping[str, RuleTest]) -> GroupLimit:
        members = tuple(name for name, one in rules.items() if one.rule.group == group.name)
        cap = self.whole(group.cap) if group.cap is not None else None
        return GroupLimit(group=group, rules=members, cap=cap)

    def budget(self, budget: Budget) -> BudgetLimit:
        limit = self.whole(budget.limit)
        if budget.per == "programme" and facts_of(limit):
            raise PersonalLimitError(
                place=budget.limit.place(), facts=", ".join(sorted(facts_of(limit)))
            )
        return BudgetLimit(budget=budget, limit=limit)

    def digest(self) -> str:
        settings = {name: str(value) for name, value in sorted(self.settings.items())}
        content = {"pack": self.pack.digest, "on": self.on.isoformat(), "settings": settings}
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _lowest(sized: Sized) -> dict[str, str]:
    fen = sized.low // sized.denominator
    return {"lowest": money_text(fen, "zh"), "lowest_en": money_text(fen, "en")}


class NoPackError(Refusal):
    """No version of a pack holds on a day."""

    en = "No version of {pack} holds on {on}; there are {known}."
    zh = "{on} 没有有效的 {pack} 版本；现有：{known}。"


class VersionsOverlapError(Refusal):
    """Two versions of a pack hold on one day."""

    en = "{first} and {second} of {pack} both hold on {on}: end one before the other begins."
    zh = "{pack} 的 {first} 与 {second} 在 {on} 同时有效：请让前者先结束。"


def version_on(packs: Sequence[Pack], *, name: str, on: date) -> Pack:
    """Return the one version of a pack that holds on a day.

    Raises
    ------
    NoPackError, VersionsOverlapError

    """
    versions = [pack for pack in packs if pack.name == name]
    held = [pack for pack in versions if pack.period.holds(on)]
    if not held:
        known = ", ".join(
            f"{one.version} ({one.period.start or '…'} – {one.period.end or '…'})"
            for one in versions
        )
        raise NoPackError(pack=name, on=on, known=known or "-")
    if len(held) > 1:
        raise VersionsOverlapError(pack=name, on=on, first=held[0].version, second=held[1].version)
    return held[0]
