"""What is suspicious where the groups of several packs meet: found without any facts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import combinations

import attrs

from liudu.contract import Language, Refusal
from liudu.rules._contradiction import contradiction
from liudu.rules._core import Test, facts_of
from liudu.rules._fact import Fact
from liudu.rules._finding import Finding, Severity, error
from liudu.rules._kind import Kind
from liudu.rules._lower import closest
from liudu.rules._pack import Group, OtherRule, Pack, Stacking
from liudu.rules._program import (
    NoPackError,
    Program,
    VersionsOverlapError,
    compile_pack,
    version_on,
)
from liudu.rules._source import PackError
from liudu.rules._together import JointGroup, RuleKey, joint_groups

MONEY_UNITS = {1: ("分", "fen"), 100: ("元", "yuan"), 1_000_000: ("万元", "wan")}


class NoOtherPackError(PackError):
    """A group names a pack that is not there."""

    en = "{place}: {group} names {name}, and no pack {pack} is given{hint_en}: what it could change stays open."  # noqa: E501
    zh = "{place}：组 {group} 写明 {name}，但没有政策包 {pack}{hint_zh}：可能受其影响的金额不作定论。"  # noqa: E501


class NoOtherRuleError(PackError):
    """A group names a rule that its pack does not have."""

    en = "{place}: {group} names {name}, and {pack} has no such rule{hint_en}; it has {known}."
    zh = "{place}：组 {group} 写明 {name}，但 {pack} 没有这条规则{hint_zh}；现有：{known}。"


class OtherKindError(PackError):
    """A group of rules for different kinds of subjects: they never meet."""

    en = "{place}: {group} is about {mine}, and {name} about {theirs}: they never meet; leave it out or name another rule."  # noqa: E501
    zh = "{place}：组 {group} 面向 {mine}，而 {name} 面向 {theirs}，两者不会相遇：请删去或改写。"


class OverlapAcrossError(PackError):
    """Two rules of an exclusive group in different packs that may both apply."""

    en = "{place}: {first} and {second}, which exclude each other, can apply to one subject: add a condition that tells them apart, or stack: highest."  # noqa: E501
    zh = "{place}：互斥的 {first} 与 {second} 可能同时成立：请补充区分条件，或改为 stack: highest（就高不重复）。"  # noqa: E501


class FactDiffersError(PackError):
    """Packs of one group read a fact of one name differently: one table cannot serve both."""

    en = "{place}: {fact} is {mine_en} here and {theirs_en} in {pack}, which shares a group: write it alike."  # noqa: E501
    zh = "{place}：{fact} 在这里是 {mine_zh}，在同组的 {pack} 中是 {theirs_zh}：请写成一致。"


def check_together(packs: Sequence[Pack]) -> tuple[Finding, ...]:
    """Return what is wrong where groups reach over packs, errors first.

    Parameters
    ----------
    packs
        All versions of all packs. With one pack alone a rule of another is only a warning: it
        may be right and was not given.

    """
    by_name: dict[str, list[Pack]] = {}
    for pack in packs:
        by_name.setdefault(pack.name, []).append(pack)
    findings: dict[str, Finding] = {}
    for one in _findings(by_name):
        findings.setdefault(str(one.problem), one)
    return tuple(sorted(findings.values(), key=lambda one: one.severity is Severity.WARNING))


def _findings(by_name: Mapping[str, Sequence[Pack]]) -> Iterator[Finding]:
    for versions in by_name.values():
        for pack in versions:
            for group in pack.groups.values():
                for other in group.others:
                    yield from _named(pack, group, other, by_name)
    involved = _involved(by_name)
    for day in sorted({day for pack in involved for day in pack.epochs()}):
        yield from _on_day(involved, day)


def _named(
    pack: Pack, group: Group, other: OtherRule, by_name: Mapping[str, Sequence[Pack]]
) -> Iterator[Finding]:
    """Check that a rule that a group names is there and about the same kind of subject."""
    facts = {"place": other.place, "group": group.name, "name": other, "pack": other.pack}
    if other.pack not in by_name:
        severity = Severity.ERROR if len(by_name) > 1 else Severity.WARNING
        hints = _hints(closest(other.pack, [name for name in by_name if name != pack.name]))
        yield Finding(severity=severity, problem=NoOtherPackError(**facts, **hints))
        return
    versions = by_name[other.pack]
    found = [one.rules[other.rule] for one in versions if other.rule in one.rules]
    if not found:
        known = list(dict.fromkeys(name for one in versions for name in one.rules))
        hints = _hints(closest(other.rule, known))
        yield error(NoOtherRuleError(**facts, **hints, known=", ".join(known)))
        return
    mine = {rule.subject for rule in pack.rules.values() if rule.group == group.name}
    theirs = {rule.subject for rule in found}
    if mine and not mine & theirs:
        kinds = {"mine": ", ".join(sorted(mine)), "theirs": ", ".join(sorted(theirs))}
        yield error(OtherKindError(**facts, **kinds))


def _hints(near: str | None) -> dict[str, str]:
    return {
        "hint_en": f" (did you mean {near}?)" if near else "",
        "hint_zh": f"（是否指 {near}？）" if near else "",
    }


def _involved(by_name: Mapping[str, Sequence[Pack]]) -> list[Pack]:
    """Return the packs that name rules of others, and those that are named."""
    names: set[str] = set()
    for versions in by_name.values():
        for pack in versions:
            others = {other.pack for group in pack.groups.values() for other in group.others}
            names |= others | ({pack.name} if others else set())
    return [pack for name in sorted(names & set(by_name)) for pack in by_name[name]]


def _on_day(packs: Sequence[Pack], day: date) -> Iterator[Finding]:
    """Check the groups as they stand on a day; what cannot be compiled is told elsewhere."""
    programs: dict[str, Program] = {}
    for name in dict.fromkeys(pack.name for pack in packs):
        try:
            programs[name] = compile_pack(version_on(packs, name=name, on=day), on=day)
        except (NoPackError, VersionsOverlapError):
            continue
        except Refusal:
            return
    try:
        groups = joint_groups(list(programs.values()))
    except Refusal as problem:
        yield error(problem)
        return
    for group in groups:
        for first, second in combinations(group.members, 2):
            if first[0] != second[0]:
                yield from _pair(group, first, second, programs)


def _pair(
    group: JointGroup, first: RuleKey, second: RuleKey, programs: Mapping[str, Program]
) -> Iterator[Finding]:
    """Check two rules of different packs in one group."""
    ones = [programs[pack].rules[rule] for pack, rule in (first, second)]
    facts = [programs[pack].pack.facts for pack, _ in (first, second)]
    names = ones[0].facts & ones[1].facts
    differing = sorted(name for name in names if not _alike(facts[0][name], facts[1][name]))
    for name in differing:
        mine, theirs = facts[0][name], facts[1][name]
        place = mine.node.place if mine.node is not None else None
        problem = FactDiffersError(
            place=place,
            fact=name,
            pack=second[0],
            mine_en=_shown(mine, "en"),
            mine_zh=_shown(mine, "zh"),
            theirs_en=_shown(theirs, "en"),
            theirs_zh=_shown(theirs, "zh"),
        )
        yield Finding(severity=Severity.WARNING, problem=problem)
    if group.stack is not Stacking.EXCLUSIVE or ones[0].rule.subject != ones[1].rule.subject:
        return
    tests = [atom.test for one in ones for atom in one.atoms]
    sound = [test for test in tests if facts_of(test).isdisjoint(differing)]
    if not _contradict(sound, facts[0], facts[1]):
        place = ones[0].rule.node.place
        pair = {"first": "/".join(first), "second": "/".join(second)}
        yield error(OverlapAcrossError(place=place, **pair))


def _contradict(
    tests: Sequence[Test], mine: Mapping[str, Fact], theirs: Mapping[str, Fact]
) -> bool:
    """Return whether tests of two packs contradict; a shared fact has the wider range."""
    facts = {**theirs, **mine}
    for name in mine.keys() & theirs.keys():
        one, other = mine[name], theirs[name]
        low, high = min(one.minimum, other.minimum), max(one.maximum, other.maximum)
        facts[name] = attrs.evolve(one, minimum=low, maximum=high)
    return bool(contradiction(tests, facts))


def _alike(one: Fact, other: Fact) -> bool:
    return (one.type, one.scale, one.denominator) == (other.type, other.scale, other.denominator)


def _shown(fact: Fact, language: Language) -> str:
    if fact.type.kind is not Kind.MONEY:
        return fact.type.say(language)
    zh, en = MONEY_UNITS.get(fact.scale, (str(fact.scale), str(fact.scale)))
    return f"金额（{zh}）" if language == "zh" else f"money in {en}"
