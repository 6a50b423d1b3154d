"""What is suspicious in a pack that can be read: found without any facts."""

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from itertools import combinations, pairwise

import attrs

from liudu.contract import Refusal
from liudu.rules._check_payment import (
    EffectUnreadError,
    effects_in,
    open_effects,
    payment_findings,
    untested_effects,
)
from liudu.rules._contradiction import contradiction, ranges
from liudu.rules._core import Rounding, Test, leaves_of, open_parameters_of
from liudu.rules._examples import Outcome, run_examples
from liudu.rules._expression import Call, names
from liudu.rules._fact import money_text
from liudu.rules._finding import Finding, Severity, error, warning
from liudu.rules._lower import Scope, lower_test, lower_value
from liudu.rules._names import names_of, through_definitions
from liudu.rules._pack import (
    Pack,
    PackRefusedError,
    Parameter,
    Rule,
    Stacking,
)
from liudu.rules._program import Program, RuleTest, VersionsOverlapError, compile_pack
from liudu.rules._source import PackError

WHOLE_OR_LESS = (None, Rounding.DOWN)  # what rounds up may pass a cap that is no whole number


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

    en = "{place}: the amount of {rule} can reach {amount_en}, above its cap of {cap_en}: write min(…, cap)."  # noqa: E501
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

    en = "{place}: {parameter} is {value_en} from {start}, outside its own {low_en} to {high_en}."
    zh = "{place}：{parameter} 自 {start} 起为 {value}，超出它自己的范围 {low} 至 {high}。"


class DateGapError(PackError):
    """A parameter without a value for some days on which a rule needs it."""

    en = "{place}: {parameter} has no value before {start}, but {rule} holds from {rule_start}."
    zh = "{place}：{parameter} 在 {start} 之前没有值，而规则 {rule} 自 {rule_start} 起有效。"


class OpenParameterError(PackError):
    """A parameter that the office must still set."""

    en = "{place}: {parameter} is not set from {start}: the answers of {rules} are unknown until the office sets it."  # noqa: E501
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
        except PackRefusedError as refusal:
            refused = True
            for one in refusal.problems:
                yield error(one)
    for program in programs:
        yield from _program_findings(program)
    yield from _unreachable(pack, programs)
    yield from _fact_findings(pack)
    yield from _unused(pack)
    yield from payment_findings(pack)
    yield from _date_findings(pack)
    if not refused:
        yield from _test_findings(pack)


def _program_findings(program: Program) -> Iterator[Finding]:
    for one in program.rules.values():
        yield from _cap_findings(program, one)
        yield from open_effects(one)
    yield from _overlaps(program)


def _unreachable(pack: Pack, programs: list[Program]) -> Iterator[Finding]:
    """Yield the rules whose conditions contradict each other on every day of change.

    What depends on the day itself may come true later and is not reasoned about.
    """
    for name, rule in pack.rules.items():
        days = [program for program in programs if name in program.rules]
        blamed = [_contradicted(program, name) for program in days]
        if blamed and all(blamed):
            yield error(UnreachableRuleError(place=rule.node.place, rule=name, fact=blamed[0]))


def _contradicted(program: Program, name: str) -> str:
    tests = [atom.test for atom in program.rules[name].atoms]
    moving: set[Test] = set()
    tomorrow = program.on + timedelta(days=1)
    rule = program.rules[name].rule
    if "today" in names_of(program.pack, rule) and program.pack.period.holds(tomorrow):
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
        yield error(
            AmountAboveCapError(
                place=(one.rule.amount or one.rule.cap).place(),
                rule=one.rule.name,
                amount=money_text(highest, "zh"),
                amount_en=money_text(highest, "en"),
                cap=money_text(cap.low // cap.denominator, "zh"),
                cap_en=money_text(cap.low // cap.denominator, "en"),
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
                yield error(
                    OverlapError(
                        place=ones[1].rule.node.place,
                        first=first,
                        second=second,
                        group=group.group.name,
                    )
                )


def _fact_findings(pack: Pack) -> Iterator[Finding]:
    used = set[str]().union(*(names_of(pack, rule) for rule in pack.rules.values()))
    for budget in pack.budgets.values():
        used |= {*budget.order, budget.paid, *names(budget.limit.tree)}
    for group in pack.groups.values():
        used |= set(names(group.cap.tree)) if group.cap is not None else set()
    changed = {effect.fact: (rule, effect) for rule, effect in effects_in(pack)}
    for fact in pack.facts.values():
        place = fact.node.place if fact.node is not None else None
        if fact.name not in used and fact.name in changed:
            rule, effect = changed[fact.name]
            problem = EffectUnreadError(place=effect.place, rule=rule.name, fact=fact.name)
            yield warning(problem)
        elif fact.name not in used:
            yield warning(UnusedFactError(place=place, fact=fact.name))
        elif not fact.has_source:
            yield error(NoSourceError(place=place, fact=fact.name))


def _unused(pack: Pack) -> Iterator[Finding]:
    """Yield what stands in the pack and means nothing, and values outside their own range."""
    written = [one.limit for one in pack.budgets.values()]
    written += [one.cap for one in pack.groups.values() if one.cap is not None]
    used = through_definitions(pack, written)
    used = used.union(*(names_of(pack, rule) for rule in pack.rules.values()))
    places = {name: one.node.place for name, one in pack.parameters.items()}
    places |= {name: one.place() for name, one in pack.definitions.items()}
    for name, place in places.items():
        if name not in used:
            yield warning(UnusedPartError(place=place, name=name))
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
        yield warning(UnusedPartError(place=node.place, name=node.name.partition(".")[2]))


def _outside(parameter: Parameter) -> Iterator[Finding]:
    low, high = parameter.low, parameter.high
    for start, value in parameter.values:
        if isinstance(value, Fraction) and (
            (low is not None and value < low) or (high is not None and value > high)
        ):
            yield error(
                ValueOutOfRangeError(
                    place=parameter.node.place,
                    parameter=parameter.name,
                    start=start,
                    value=parameter.show(value),
                    value_en=parameter.show(value, "en"),
                    low="…" if low is None else parameter.show(low),
                    low_en="…" if low is None else parameter.show(low, "en"),
                    high="…" if high is None else parameter.show(high),
                    high_en="…" if high is None else parameter.show(high, "en"),
                )
            )


def _date_findings(pack: Pack) -> Iterator[Finding]:
    for rule in pack.rules.values():
        start = max(filter(None, [rule.period.start, pack.period.start]), default=None)
        end = min(filter(None, [rule.period.end, pack.period.end]), default=None)
        if start is not None and end is not None and start > end:
            yield error(
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
    for name in sorted(names_of(pack, rule) & set(pack.parameters)):
        parameter = pack.parameters[name]
        if parameter.starts_after(first):
            yield error(
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
            rule.name for rule in pack.rules.values() if parameter.name in names_of(pack, rule)
        ]
        for start, value in parameter.values:
            if value is None and users:
                yield warning(
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
            yield error(
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
            yield warning(NoTestsError(place=rule.node.place, rule=rule.name))
        else:
            yield from _untested(rule, mine)
            yield from untested_effects(rule)


def _untested(rule: Rule, outcomes: list[Outcome]) -> Iterator[Finding]:
    for index, atom in enumerate(rule.atoms):
        states = {
            one.determination.atoms[index].holds
            for one in outcomes
            if one.determination is not None
        }
        for state, zh in ((True, "真"), (False, "假")):
            if state not in states:
                yield warning(
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
        yield error(VersionsOverlapError(on=start or end or "…", **versions))
    elif start - end > timedelta(days=1):
        day = timedelta(days=1)
        yield error(VersionGapError(start=end + day, end=start - day, **versions))
