"""What is suspicious in a pack that can be read: found without any facts."""

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import combinations, pairwise

import attrs

from liudu.contract import Refusal
from liudu.rules._contradiction import contradiction, ranges
from liudu.rules._core import Rounding, Test, facts_of, leaves_of, open_parameters_of
from liudu.rules._examples import Outcome, run_examples
from liudu.rules._expression import Call, Written, names
from liudu.rules._fact import money_text
from liudu.rules._lower import Scope, lower_test, lower_value
from liudu.rules._pack import (
    Budget,
    Effect,
    How,
    Pack,
    PackRefusedError,
    Parameter,
    Rule,
    Stacking,
)
from liudu.rules._program import Program, RuleTest, VersionsOverlapError, compile_pack
from liudu.rules._source import PackError

CALLED_PAID = re.compile(r"(?:^|_)paid(?:_|$)|已发放|已领|已享受|已付|已拨付|已兑付")
WHOLE_OR_LESS = (None, Rounding.DOWN)  # what rounds up may pass a cap that is no whole number


class Severity(StrEnum):
    """An error keeps a pack from being used; a warning wants a look."""

    ERROR = "error"
    WARNING = "warning"


class UnreachableRuleError(PackError):
    """A rule whose conditions contradict each other."""

    en = "{place}: {rule} can never apply: its conditions on {fact} contradict each other."
    zh = "{place}：规则 {rule} 永远不会成立：关于 {fact} 的条件互相矛盾。"


class OverlapError(PackError):
    """Two rules of an exclusive group that may both apply."""

    en = "{place}: {first} and {second} of the exclusive group {group} can apply to one subject: add a condition that tells them apart, or stack: highest."  # noqa: E501
    zh = "{place}：互斥组 {group} 中的 {first} 与 {second} 可能同时成立：请补充区分条件，或改为 stack: highest（就高不重复）。"  # noqa: E501


class AmountAboveCapError(PackError):
    """An amount that can exceed the cap of its clause."""

    en = "{place}: the amount of {rule} can reach {amount}, above its cap of {cap}: write min(…, cap)."  # noqa: E501
    zh = "{place}：规则 {rule} 的金额可达 {amount}，超过上限 {cap}：请写成 min(…, 上限)。"


class NoSourceError(PackError):
    """A fact that a rule needs and nobody supplies."""

    en = "{place}: nobody supplies {fact}: name its bureau, or the question to ask."
    zh = "{place}：没有人提供 {fact}：请写明 bureau（由谁掌握），或 ask（向本人询问的问题）。"


class UnusedFactError(PackError):
    """A fact that no rule needs: it should not be collected."""

    en = "{place}: no rule reads {fact}: leave it out, what is not needed is not collected."
    zh = "{place}：没有规则用到 {fact}：请删去，不需要的信息不收集。"


class UnusedPartError(PackError):
    """A parameter, definition, group or document that nothing uses."""

    en = "{place}: nothing uses {name}: leave it out, or look for a name that is written otherwise."
    zh = "{place}：没有任何地方用到 {name}：请删去，或检查是否写错了名称。"


class ValueOutOfRangeError(PackError):
    """A parameter whose dated value lies outside its own range."""

    en = "{place}: {parameter} is {value} from {start}, outside its own {low} to {high}."
    zh = "{place}：{parameter} 自 {start} 起为 {value}，超出它自己的范围 {low} 至 {high}。"


class DateGapError(PackError):
    """A parameter without a value for some days on which a rule needs it."""

    en = "{place}: {parameter} has no value before {start}, but {rule} holds from {rule_start}."
    zh = "{place}：{parameter} 在 {start} 之前没有值，而规则 {rule} 自 {rule_start} 起有效。"


class OpenParameterError(PackError):
    """A parameter that the office must still set."""

    en = "{place}: {parameter} is not set from {start}: {rules} stay unknown until the office sets it."  # noqa: E501
    zh = "{place}：{parameter} 自 {start} 起尚未确定：在主管部门设定之前，{rules} 的结果均为未知。"


class AtomNeverTestedError(PackError):
    """A condition that no test turns true, or false."""

    en = "{place}: no test of {rule} makes this condition {state}."
    zh = "{place}：规则 {rule} 的测试中，没有一例使该条件为{state_zh}。"


class NoTestsError(PackError):
    """A rule without a test."""

    en = "{place}: {rule} has no tests: give one subject who gets it and one who does not."
    zh = "{place}：规则 {rule} 没有测试：请至少写一个符合和一个不符合的例子。"


class ExampleFailedError(PackError):
    """A test whose expectation the rule does not meet."""

    en = "{place}: test of {rule}: {found_en}."
    zh = "{place}：规则 {rule} 的测试：{found_zh}。"


class SleepingRuleError(PackError):
    """A rule whose days lie outside the pack's."""

    en = "{place}: {rule} never holds while the pack does ({start} to {end})."
    zh = "{place}：政策包有效期（{start} 至 {end}）内，规则 {rule} 从不生效。"


class EffectUnreadError(PackError):
    """A payment changes a fact that nothing reads."""

    en = "{place}: after its payment {rule} changes {fact}, which no rule and no budget reads: leave it out, or write the condition that needs it."  # noqa: E501
    zh = "{place}：规则 {rule} 发放后会改 {fact}，但没有规则或预算用到它：请删去，或补上需要它的条件。"  # noqa: E501


class EffectOpenError(PackError):
    """What a payment changes can be unknown though the payment is not."""

    en = "{place}: what {rule} makes of {fact} needs {facts}, which none of its conditions needs: where it is unknown, {fact} is unknown after the payment."  # noqa: E501
    zh = "{place}：规则 {rule} 对 {fact} 的改动用到 {facts}，而它的条件和金额都没有用到：该事实未知时，发放后 {fact} 也变为未知。"  # noqa: E501


class CountedTwiceError(PackError):
    """A payment is counted by a budget and once more by its rule."""

    en = "{place}: {fact} is what the budget {budget} counts the payments of {rule} in: leave it out here, or it counts twice."  # noqa: E501
    zh = "{place}：预算 {budget} 已经用 {fact} 累计规则 {rule} 的发放：请从这里删去，否则会记两次。"


class EndlessPaymentError(PackError):
    """A rule that is paid in every period and that nothing ends."""

    en = "{place}: {rule} is paid in every period without end: a payment changes nothing that its conditions read. Say with on_payment what it changes, give a budget per subject, or end the rule with valid."  # noqa: E501
    zh = "{place}：规则 {rule} 会每期发放、没有尽头：发放不改变它的条件所用的任何事实。请用 on_payment 写明发放后改什么，或设每个主体的预算，或用 valid 写明截止日。"  # noqa: E501


class NotCountedError(PackError):
    """A rule reads what other payments count, and does not count its own."""

    en = "{place}: {rule} reads {fact}, which is counted after the payment of {others} but not after its own: add it to on_payment."  # noqa: E501
    zh = "{place}：规则 {rule} 用到 {fact}；{others} 发放后会累计它，而本规则发放后没有：请补到 on_payment。"  # noqa: E501


class PaidUncountedError(PackError):
    """A rule that is paid again reads what was paid, and nothing keeps that up to date."""

    en = "{place}: {rule} is paid again and again and reads {fact}, which no payment changes: it is only right after every import. Name it in on_payment."  # noqa: E501
    zh = "{place}：规则 {rule} 按期反复发放，并用到 {fact}，但没有任何发放会更新它：只有每次重新导入才对。请写进 on_payment。"  # noqa: E501


class EffectNeverTestedError(PackError):
    """No test says what a payment changes."""

    en = "{place}: no test of {rule} says what {fact} is after the payment: expect {{after_payment: {{{fact}: …}}}}."  # noqa: E501
    zh = "{place}：规则 {rule} 没有测试写明发放后的 {fact}：请在 expect 中写 {{after_payment: {{{fact}: …}}}}。"  # noqa: E501


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that a check found."""

    severity: Severity
    problem: Refusal


def check_pack(pack: Pack) -> tuple[Finding, ...]:
    """Return what is wrong or suspicious in a pack, errors first.

    Every day on which something changes is compiled, every test is run, and the conditions
    are searched for contradictions, overlaps, gaps and untested parts. The search is sound
    for what it reports as an error, and not complete: only conditions on single facts are
    reasoned about.
    """
    findings = list(_findings(pack))
    seen: dict[str, Finding] = {}
    for one in findings:
        seen.setdefault(str(one.problem), one)
    return tuple(sorted(seen.values(), key=lambda one: one.severity is Severity.WARNING))


def _findings(pack: Pack) -> Iterator[Finding]:
    programs: list[Program] = []
    refused = False
    for day in pack.epochs():
        try:
            programs.append(compile_pack(pack, on=day))
        except PackRefusedError as error:
            refused = True
            for one in error.problems:
                yield _error(one)
    for program in programs:
        yield from _program_findings(program)
    yield from _unreachable(pack, programs)
    yield from _fact_findings(pack)
    yield from _unused(pack)
    yield from _payment_findings(pack)
    yield from _date_findings(pack)
    if not refused:
        yield from _test_findings(pack)


def _error(problem: Refusal) -> Finding:
    return Finding(severity=Severity.ERROR, problem=problem)


def _warning(problem: Refusal) -> Finding:
    return Finding(severity=Severity.WARNING, problem=problem)


def _program_findings(program: Program) -> Iterator[Finding]:
    for one in program.rules.values():
        yield from _cap_findings(program, one)
        yield from _open_effects(one)
    yield from _overlaps(program)


def _unreachable(pack: Pack, programs: list[Program]) -> Iterator[Finding]:
    """Yield the rules whose conditions contradict each other on every day of change.

    What depends on the day itself may come true later and is not reasoned about.
    """
    for name, rule in pack.rules.items():
        days = [program for program in programs if name in program.rules]
        blamed = [_contradicted(program, name) for program in days]
        if blamed and all(blamed):
            yield _error(UnreachableRuleError(place=rule.node.place, rule=name, fact=blamed[0]))


def _contradicted(program: Program, name: str) -> str:
    tests = [atom.test for atom in program.rules[name].atoms]
    moving: set[Test] = set()
    tomorrow = program.on + timedelta(days=1)
    rule = program.rules[name].rule
    if "today" in _names_of(program.pack, rule) and program.pack.period.holds(tomorrow):
        scope = attrs.evolve(_scope(program), today=tomorrow)
        later = {leaf for atom in rule.atoms for leaf in leaves_of(lower_test(atom.test, scope))}
        moving = set(program.rules[name].leaves) - later
    return contradiction(tests, program.pack.facts, moving=moving)


def _scope(program: Program) -> Scope:
    return Scope(
        facts=program.pack.facts,
        parameters=program.pack.parameters,
        settings=program.settings,
        definitions=program.pack.definitions,
        today=program.on,
    )


def _cap_findings(program: Program, one: RuleTest) -> Iterator[Finding]:
    if one.rule.cap is None or one.amount is None or open_parameters_of(one.amount):
        return
    cap = lower_value(one.rule.cap, _scope(program))
    if open_parameters_of(cap.value) or _is_cut(one.rule):
        return
    highest = _highest_fen(program, one)
    if highest * cap.denominator > cap.low:
        yield _error(
            AmountAboveCapError(
                place=(one.rule.amount or one.rule.cap).place(),
                rule=one.rule.name,
                amount=money_text(highest, "en"),
                cap=money_text(cap.low // cap.denominator, "en"),
            )
        )


def _is_cut(rule: Rule) -> bool:
    """Whether the amount is min(…, cap), of a cap that differs from subject to subject."""
    tree = rule.amount.tree if rule.amount is not None else None
    if not isinstance(tree, Call) or rule.cap is None or rule.rounding not in WHOLE_OR_LESS:
        return False
    return tree.function == "min" and rule.cap.tree in tree.arguments


def _highest_fen(program: Program, one: RuleTest) -> int:
    """Return the highest amount of those who meet the conditions, in fen."""
    if one.rule.amount is None:
        return 0
    known = ranges([atom.test for atom in one.atoms], program.pack.facts)
    facts = {
        name: attrs.evolve(fact, minimum=known[name][0], maximum=known[name][1])
        if name in known and known[name][0] <= known[name][1]
        else fact
        for name, fact in program.pack.facts.items()
    }
    sized = lower_value(one.rule.amount, attrs.evolve(_scope(program), facts=facts))
    step = sized.denominator * one.rule.round_to_fen
    if one.rule.rounding is Rounding.DOWN:
        return sized.high // step * one.rule.round_to_fen
    return -(-sized.high // step) * one.rule.round_to_fen


def _overlaps(program: Program) -> Iterator[Finding]:
    for group in program.groups.values():
        if group.group.stack is not Stacking.EXCLUSIVE:
            continue
        for first, second in combinations(group.rules, 2):
            ones = program.rules[first], program.rules[second]
            tests = [atom.test for one in ones for atom in one.atoms]
            if ones[0].rule.subject == ones[1].rule.subject and not contradiction(
                tests, program.pack.facts
            ):
                yield _error(
                    OverlapError(
                        place=ones[1].rule.node.place,
                        first=first,
                        second=second,
                        group=group.group.name,
                    )
                )


def _open_effects(one: RuleTest) -> Iterator[Finding]:
    for effect in one.effects:
        others = facts_of(effect.tree) - one.facts
        if others:
            yield _warning(
                EffectOpenError(
                    place=effect.effect.place,
                    rule=one.rule.name,
                    fact=effect.fact,
                    facts=", ".join(sorted(others)),
                )
            )


def _names_of(pack: Pack, rule: Rule) -> set[str]:
    """Return every name that a rule uses, through definitions."""
    effects = [one.written for one in rule.on_payment]
    return _names_read(pack, rule) | _through_definitions(pack, effects)


def _names_read(pack: Pack, rule: Rule) -> set[str]:
    """Return every name in a rule's conditions, amount and cap, through definitions."""
    money = [one for one in (rule.amount, rule.cap) if one is not None]
    return _through_definitions(pack, [*(atom.test for atom in rule.atoms), *money])


def _through_definitions(pack: Pack, written: Iterable[Written]) -> set[str]:
    waiting = [name for one in written for name in names(one.tree)]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            if name in pack.definitions:
                waiting += names(pack.definitions[name].tree)
    return found


def _fact_findings(pack: Pack) -> Iterator[Finding]:
    used = set[str]().union(*(_names_of(pack, rule) for rule in pack.rules.values()))
    for budget in pack.budgets.values():
        used |= {*budget.order, budget.paid, *names(budget.limit.tree)}
    for group in pack.groups.values():
        used |= set(names(group.cap.tree)) if group.cap is not None else set()
    changed = {effect.fact: (rule, effect) for rule, effect in _effects(pack)}
    for fact in pack.facts.values():
        place = fact.node.place if fact.node is not None else None
        if fact.name not in used and fact.name in changed:
            rule, effect = changed[fact.name]
            problem = EffectUnreadError(place=effect.place, rule=rule.name, fact=fact.name)
            yield _warning(problem)
        elif fact.name not in used:
            yield _warning(UnusedFactError(place=place, fact=fact.name))
        elif not fact.has_source:
            yield _error(NoSourceError(place=place, fact=fact.name))


def _unused(pack: Pack) -> Iterator[Finding]:
    """Yield what stands in the pack and means nothing, and values outside their own range."""
    written = [one.limit for one in pack.budgets.values()]
    written += [one.cap for one in pack.groups.values() if one.cap is not None]
    used = _through_definitions(pack, written)
    used = used.union(*(_names_of(pack, rule) for rule in pack.rules.values()))
    used |= {name for rule in pack.rules.values() for name in _names_read(pack, rule)}
    places = {name: one.node.place for name, one in pack.parameters.items()}
    places |= {name: one.place() for name, one in pack.definitions.items()}
    for name, place in places.items():
        if name not in used:
            yield _warning(UnusedPartError(place=place, name=name))
    yield from _idle(pack)
    for parameter in pack.parameters.values():
        yield from _outside(parameter)


def _idle(pack: Pack) -> Iterator[Finding]:
    groups = {rule.group for rule in pack.rules.values()}
    papers = {fact.document for fact in pack.facts.values()}
    papers |= {name for one in pack.documents.values() for name in one.needs}
    idle = [one.node for name, one in pack.groups.items() if name not in groups]
    idle += [one.node for name, one in pack.documents.items() if name not in papers]
    for node in idle:
        yield _warning(UnusedPartError(place=node.place, name=node.name.partition(".")[2]))


def _outside(parameter: Parameter) -> Iterator[Finding]:
    low, high = parameter.low, parameter.high
    for start, value in parameter.values:
        if isinstance(value, Fraction) and (
            (low is not None and value < low) or (high is not None and value > high)
        ):
            yield _error(
                ValueOutOfRangeError(
                    place=parameter.node.place,
                    parameter=parameter.name,
                    start=start,
                    value=parameter.show(value),
                    low="…" if low is None else parameter.show(low),
                    high="…" if high is None else parameter.show(high),
                )
            )


def _effects(pack: Pack) -> Iterator[tuple[Rule, Effect]]:
    return ((rule, effect) for rule in pack.rules.values() for effect in rule.on_payment)


def _payment_findings(pack: Pack) -> Iterator[Finding]:
    for rule, effect in _effects(pack):
        for budget in _limits(pack, rule):
            if budget.paid == effect.fact:
                yield _error(
                    CountedTwiceError(
                        place=effect.place, fact=effect.fact, budget=budget.name, rule=rule.name
                    )
                )
    for rule in pack.rules.values():
        if rule.payment_months and not _ends(pack, rule):
            yield _warning(EndlessPaymentError(place=rule.node.place, rule=rule.name))
        yield from _not_counted(pack, rule)
        yield from _paid_uncounted(pack, rule)


def _limits(pack: Pack, rule: Rule) -> list[Budget]:
    """Return the budgets that count what one subject has had of a rule."""
    return [one for one in pack.budgets.values() if one.paid and rule.name in one.rules]


def _ends(pack: Pack, rule: Rule) -> bool:
    """Return whether something can end the payments of a rule to one subject.

    A limit per subject, the rule's last day, a fact that its own payment changes, a day that
    is compared with today, or a fact that grows old and must be confirmed again.
    """
    read = _names_read(pack, rule)
    changed = {effect.fact for effect in rule.on_payment}
    aging = {name for name, fact in pack.facts.items() if fact.valid_days is not None}
    return bool(
        _limits(pack, rule) or rule.period.end or read & changed or read & aging or "today" in read
    )


def _not_counted(pack: Pack, rule: Rule) -> Iterator[Finding]:
    """Find what a recurring rule reads and only the payments of others count."""
    mine = {effect.fact for effect in rule.on_payment}
    for name in sorted(_names_read(pack, rule) - mine) if rule.payment_months else ():
        others = [
            other.name
            for other, effect in _effects(pack)
            if (effect.fact, effect.how) == (name, How.ADDS)
        ]
        if others:
            yield _warning(
                NotCountedError(
                    place=rule.node.place, rule=rule.name, fact=name, others=", ".join(others)
                )
            )


def _paid_uncounted(pack: Pack, rule: Rule) -> Iterator[Finding]:
    """Find what a recurring rule reads, is called paid, and nothing counts."""
    counted = {effect.fact for _, effect in _effects(pack)}
    counted |= {budget.paid for budget in pack.budgets.values()}
    for name in sorted(_names_read(pack, rule) - counted) if rule.payment_months else ():
        fact = pack.facts.get(name)
        if fact is not None and (CALLED_PAID.search(name) or CALLED_PAID.search(fact.label.zh)):
            yield _warning(PaidUncountedError(place=rule.node.place, rule=rule.name, fact=name))


def _date_findings(pack: Pack) -> Iterator[Finding]:
    for rule in pack.rules.values():
        start = max(filter(None, [rule.period.start, pack.period.start]), default=None)
        end = min(filter(None, [rule.period.end, pack.period.end]), default=None)
        if start is not None and end is not None and start > end:
            yield _error(
                SleepingRuleError(
                    place=rule.node.place,
                    rule=rule.name,
                    start=pack.period.start or "…",
                    end=pack.period.end or "…",
                )
            )
            continue
        yield from _parameter_gaps(pack, rule, start)
    yield from _open_parameters(pack)


def _parameter_gaps(pack: Pack, rule: Rule, start: date | None) -> Iterator[Finding]:
    first = start or pack.epochs()[0]
    for name in sorted(_names_of(pack, rule) & set(pack.parameters)):
        parameter = pack.parameters[name]
        if parameter.starts_after(first):
            yield _error(
                DateGapError(
                    place=parameter.node.place,
                    parameter=name,
                    start=parameter.values[0][0],
                    rule=rule.name,
                    rule_start=first,
                )
            )


def _open_parameters(pack: Pack) -> Iterator[Finding]:
    for parameter in pack.parameters.values():
        users = [
            rule.name for rule in pack.rules.values() if parameter.name in _names_of(pack, rule)
        ]
        for start, value in parameter.values:
            if value is None and users:
                yield _warning(
                    OpenParameterError(
                        place=parameter.node.place,
                        parameter=parameter.name,
                        start=start,
                        rules=", ".join(users),
                    )
                )


def _test_findings(pack: Pack) -> Iterator[Finding]:
    outcomes = run_examples(pack)
    for one in outcomes:
        if not one.passed:
            yield _error(
                ExampleFailedError(
                    place=one.example.place,
                    rule=one.rule.name,
                    found_en="; ".join(found.say("en") for found in one.differences),
                    found_zh="；".join(found.say("zh") for found in one.differences),
                )
            )
    for rule in pack.rules.values():
        mine = [one for one in outcomes if one.rule.name == rule.name]
        if not mine:
            yield _warning(NoTestsError(place=rule.node.place, rule=rule.name))
        else:
            yield from _untested(rule, mine)
            yield from _untested_effects(rule)


def _untested_effects(rule: Rule) -> Iterator[Finding]:
    tested = {name for example in rule.examples for name in example.after_payment}
    for effect in rule.on_payment:
        if effect.fact not in tested:
            yield _warning(
                EffectNeverTestedError(place=effect.place, rule=rule.name, fact=effect.fact)
            )


def _untested(rule: Rule, outcomes: list[Outcome]) -> Iterator[Finding]:
    for index, atom in enumerate(rule.atoms):
        states = {
            one.determination.atoms[index].holds
            for one in outcomes
            if one.determination is not None
        }
        for state, zh in ((True, "真"), (False, "假")):
            if state not in states:
                yield _warning(
                    AtomNeverTestedError(
                        place=atom.test.place(),
                        rule=rule.name,
                        state=str(state).lower(),
                        state_zh=zh,
                    )
                )


class VersionGapError(Refusal):
    """Days between two versions of a pack on which none holds."""

    en = "No version of {pack} holds from {start} to {end}: {first} ends before, {second} begins after."  # noqa: E501
    zh = "{start} 至 {end} 没有有效的 {pack} 版本：{first} 已结束，{second} 尚未开始。"


def check_versions(packs: list[Pack]) -> tuple[Finding, ...]:
    """Return the gaps and overlaps between the versions of each pack."""
    by_name: dict[str, list[Pack]] = {}
    for pack in packs:
        by_name.setdefault(pack.name, []).append(pack)
    return tuple(
        found
        for name, versions in by_name.items()
        for first, second in pairwise(sorted(versions, key=_start))
        for found in _between(name, first, second)
    )


def _start(pack: Pack) -> date:
    return pack.period.start or date.min


def _between(name: str, first: Pack, second: Pack) -> Iterator[Finding]:
    end, start = first.period.end, second.period.start
    versions = {"pack": name, "first": first.version, "second": second.version}
    if end is None or start is None or start <= end:
        yield _error(VersionsOverlapError(on=start or end or "…", **versions))
    elif start - end > timedelta(days=1):
        day = timedelta(days=1)
        yield _error(VersionGapError(start=end + day, end=start - day, **versions))
