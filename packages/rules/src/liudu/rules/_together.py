"""Groups that reach over packs: who belongs to one, in what order, and what contradicts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import attrs

from liudu.contract import Refusal
from liudu.rules._core import Value
from liudu.rules._pack import OtherRule, Stacking
from liudu.rules._program import GroupLimit, Program

RuleKey = tuple[str, str]
"""The name of a pack and of a rule in it."""


class PackTwiceError(Refusal):
    """One pack is to be settled together with itself."""

    en = "{pack} is given twice ({first} and {second}): give the version of the day once."
    zh = "{pack} 给了两次（{first} 与 {second}）：当日有效的版本只给一次。"


class StackContradictionError(Refusal):
    """Two groups that share a rule do not say the same about it."""

    en = "{first} says stack: {first_stack} and {second}, which shares {rule}, says {second_stack}: make them agree."  # noqa: E501
    zh = "{first} 写明 stack: {first_stack}，而与它共有 {rule} 的 {second} 写明 {second_stack}：请改为一致。"  # noqa: E501


class OrderContradictionError(Refusal):
    """In groups of `stack: first` two rules each stand before the other."""

    en = "By their groups each of {rules} comes before the other: only the pack that yields names the other with `with`."  # noqa: E501
    zh = "按各自的组，{rules} 互为先后：只由让位的政策包用 with 写明对方。"


@attrs.frozen(kw_only=True, eq=False)
class JointGroup:
    """Rules of one or several packs of which one subject does not get everything.

    Attributes
    ----------
    name
        ``pack/group`` of the first pack that declares it, by name.
    members
        The rules in the order of service: for ``first`` those of `with` before the pack's own,
        otherwise by the name of the pack and the place in it.
    unseen
        Rules that belong to it and of which nothing is known here: their packs are not there.
    caps
        What the members may come to in all, with the pack in which each is computed.

    """

    name: str
    stack: Stacking
    members: tuple[RuleKey, ...]
    unseen: tuple[RuleKey, ...]
    caps: tuple[tuple[str, Value], ...]

    @property
    def excludes(self) -> bool:
        """Whether not everything of it is paid side by side."""
        return self.stack is not Stacking.SUM


@attrs.frozen(kw_only=True, eq=False)
class _Declared:
    """What one pack says of a group: its own rules, and those of others that are there."""

    pack: str
    limit: GroupLimit
    others: tuple[RuleKey, ...]
    unseen: tuple[RuleKey, ...]

    @property
    def name(self) -> str:
        return f"{self.pack}/{self.limit.group.name}"

    @property
    def stack(self) -> Stacking:
        return self.limit.group.stack

    @property
    def own(self) -> tuple[RuleKey, ...]:
        return tuple((self.pack, rule) for rule in self.limit.rules)

    @property
    def all(self) -> tuple[RuleKey, ...]:
        return (*self.others, *self.unseen, *self.own)


def joint_groups(
    programs: Sequence[Program], *, absent: Collection[str] = ()
) -> tuple[JointGroup, ...]:
    """Return the groups of some packs on one day, those that share a rule made one.

    Parameters
    ----------
    programs
        One for each pack; their order does not matter.
    absent
        Packs of which no version holds on the day: their rules are nobody's.

    Raises
    ------
    PackTwiceError, StackContradictionError, OrderContradictionError

    """
    by_pack: dict[str, Program] = {}
    for program in programs:
        pack = program.pack
        if pack.name in by_pack:
            first = by_pack[pack.name].pack.version
            raise PackTwiceError(pack=pack.name, first=first, second=pack.version)
        by_pack[pack.name] = program
    declared = [
        _declared(name, limit, by_pack, absent)
        for name in sorted(by_pack)
        for limit in by_pack[name].groups.values()
    ]
    return tuple(_joint(ones, by_pack) for ones in _connected(declared))


def _declared(
    pack: str, limit: GroupLimit, by_pack: Mapping[str, Program], absent: Collection[str]
) -> _Declared:
    others: list[RuleKey] = []
    unseen: list[RuleKey] = []
    for one in limit.group.others:
        if _is_there(one, by_pack):
            others.append((one.pack, one.rule))
        elif one.pack not in absent and not _is_out_of_force(one, by_pack):
            unseen.append((one.pack, one.rule))
    return _Declared(pack=pack, limit=limit, others=tuple(others), unseen=tuple(unseen))


def _is_there(one: OtherRule, by_pack: Mapping[str, Program]) -> bool:
    return one.pack in by_pack and one.rule in by_pack[one.pack].rules


def _is_out_of_force(one: OtherRule, by_pack: Mapping[str, Program]) -> bool:
    return one.pack in by_pack and one.rule in by_pack[one.pack].pack.rules


def _connected(declared: Sequence[_Declared]) -> Iterator[list[_Declared]]:
    """Yield the declarations that share rules, directly or through others, together."""
    waiting = list(declared)
    while waiting:
        found = [waiting.pop(0)]
        keys = set(found[0].all)
        while more := [one for one in waiting if not keys.isdisjoint(one.all)]:
            found += more
            keys = keys.union(*(one.all for one in more))
            waiting = [one for one in waiting if one not in more]
        yield found


def _joint(ones: Sequence[_Declared], by_pack: Mapping[str, Program]) -> JointGroup:
    first = ones[0]
    for one in ones[1:]:
        if one.stack is not first.stack:
            raise _contradiction(ones, one)
    places = {
        (name, rule): (name, place)
        for name in {pack for one in ones for pack, _ in one.all} & set(by_pack)
        for place, rule in enumerate(by_pack[name].rules)
    }
    unseen = sorted({key for one in ones for key in one.unseen})
    members = {key for one in ones for key in (*one.others, *one.own)}
    ordered = sorted(members, key=places.__getitem__)
    if first.stack is Stacking.FIRST:
        ordered = _first_things_first(ones, ordered)
    return JointGroup(
        name=first.name,
        stack=first.stack,
        members=tuple(ordered),
        unseen=tuple(unseen),
        caps=tuple((one.pack, one.limit.cap) for one in ones if one.limit.cap is not None),
    )


def _contradiction(ones: Sequence[_Declared], other: _Declared) -> StackContradictionError:
    """Name two groups that differ, and if possible the rule that they share."""
    differing = [one for one in ones if one.stack is not other.stack]
    sharing = [one for one in differing if set(one.all) & set(other.all)]
    one = (sharing or differing)[0]
    shared = sorted(set(one.all) & set(other.all)) or sorted(other.all)
    return StackContradictionError(
        first=one.name,
        first_stack=one.stack.value,
        second=other.name,
        second_stack=other.stack.value,
        rule="/".join(shared[0]),
    )


def _first_things_first(ones: Sequence[_Declared], keys: Sequence[RuleKey]) -> list[RuleKey]:
    """Return keys so that each declaration's order holds, otherwise as they came."""
    before: dict[RuleKey, set[RuleKey]] = {key: set() for key in keys}
    for one in ones:
        chain = [key for key in one.all if key in before]
        for early, late in pairwise(chain):
            before[late].add(early)
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        rules = sorted({"/".join(key) for key in error.args[1]})
        raise OrderContradictionError(rules=", ".join(rules)) from error
    ordered: list[RuleKey] = []
    while before:
        ready = next(key for key, early in before.items() if early.isdisjoint(before))
        ordered.append(ready)
        del before[ready]
    return ordered
