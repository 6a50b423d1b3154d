"""Whether conditions can all be true of one subject: the proof that they cannot."""

from collections.abc import Container, Iterator, Mapping, Sequence

import attrs

from liudu.rules._core import (
    Both,
    Compare,
    Constant,
    Contrary,
    Either,
    FactTrue,
    FactValue,
    Fixed,
    Multiply,
    OneOf,
    Sign,
    Test,
    Value,
    facts_of,
)
from liudu.rules._fact import Fact

HOLES_MAX = 1000  # more alternatives than that are not told apart
CASES_MAX = 512  # more combinations of `or` than that are not followed
ORDERS = {  # of left and right: smaller, equal, greater
    Sign.LESS: {-1},
    Sign.AT_MOST: {-1, 0},
    Sign.EQUAL: {0},
    Sign.DIFFERENT: {-1, 1},
    Sign.AT_LEAST: {0, 1},
    Sign.MORE: {1},
}
MIRRORED = {
    Sign.LESS: Sign.MORE,
    Sign.MORE: Sign.LESS,
    Sign.AT_MOST: Sign.AT_LEAST,
    Sign.AT_LEAST: Sign.AT_MOST,
    Sign.EQUAL: Sign.EQUAL,
    Sign.DIFFERENT: Sign.DIFFERENT,
}
OPPOSITE = {
    Sign.LESS: Sign.AT_LEAST,
    Sign.AT_LEAST: Sign.LESS,
    Sign.MORE: Sign.AT_MOST,
    Sign.AT_MOST: Sign.MORE,
    Sign.EQUAL: Sign.DIFFERENT,
    Sign.DIFFERENT: Sign.EQUAL,
}
BETWEEN = {  # how a whole number stands to the quotient rounded down, where there is a rest
    Sign.LESS: Sign.AT_MOST,
    Sign.AT_MOST: Sign.AT_MOST,
    Sign.AT_LEAST: Sign.MORE,
    Sign.MORE: Sign.MORE,
}
Wish = tuple[Test, bool]  # a test that must be true, or false


def contradiction(
    tests: Sequence[Test], facts: Mapping[str, Fact], *, moving: Container[Test] = ()
) -> str:
    """Return the fact about which tests contradict each other, or an empty text.

    Followed are conditions on one fact and a constant, two comparisons of the same two
    values, and every combination of `or` up to a limit. An empty text proves nothing.

    Parameters
    ----------
    tests
        What shall all be true.
    facts
        The facts of the pack, with their ranges.
    moving
        Comparisons whose constant moves with the day: they are held against each other only.

    """
    blamed = ""
    for number, case in enumerate(_cases([(test, True) for test in tests])):
        if number >= CASES_MAX:
            return ""
        found = _Knowledge(facts, moving).refuted_by(case)
        if not found:
            return ""
        blamed = blamed or found
    return blamed


def ranges(tests: Sequence[Test], facts: Mapping[str, Fact]) -> dict[str, tuple[int, int]]:
    """Return, by fact, between which numbers it lies where all tests are true."""
    knowledge = _Knowledge(facts)
    case = next(iter(_cases([(test, True) for test in tests], split=False)), [])
    knowledge.refuted_by(case)
    return {name: (one.low, one.high) for name, one in knowledge.domains.items()}


def _cases(wishes: list[Wish], *, split: bool = True) -> Iterator[list[Wish]]:
    """Yield the ways to make all wishes true, each as leaves; without `split`, `or` is left out."""
    leaves: list[Wish] = []
    waiting = list(wishes)
    while waiting:
        test, wanted = waiting.pop()
        if isinstance(test, Contrary):
            waiting.append((test.test, not wanted))
        elif isinstance(test, Both | Either) and isinstance(test, Both) is wanted:
            waiting += [(part, wanted) for part in test.tests]
        elif isinstance(test, Both | Either):
            if split:
                for part in test.tests:
                    yield from _cases([*leaves, *waiting, (part, wanted)])
                return
        else:
            leaves.append((test, wanted))
    yield leaves


@attrs.define
class _Domain:
    """The numbers that a fact may still have: a range without some holes."""

    low: int
    high: int
    holes: set[int] = attrs.Factory(set)

    @property
    def is_empty(self) -> bool:
        while self.low in self.holes and self.low <= self.high:
            self.low += 1
        while self.high in self.holes and self.low <= self.high:
            self.high -= 1
        return self.low > self.high

    def narrow(self, sign: Sign, limit: int) -> None:
        if sign is Sign.DIFFERENT:
            self.holes.add(limit)
        if sign in (Sign.AT_LEAST, Sign.MORE, Sign.EQUAL):
            self.low = max(self.low, limit + (sign is Sign.MORE))
        if sign in (Sign.AT_MOST, Sign.LESS, Sign.EQUAL):
            self.high = min(self.high, limit - (sign is Sign.LESS))

    def narrow_to(self, numbers: tuple[int, ...], *, wanted: bool) -> None:
        if not wanted:
            self.holes |= set(numbers)
            return
        self.low, self.high = max(self.low, min(numbers)), min(self.high, max(numbers))
        if max(numbers) - min(numbers) <= HOLES_MAX:
            self.holes |= set(range(min(numbers), max(numbers))) - set(numbers)


class _Knowledge:
    """What follows of the facts from leaves that must be true, or false."""

    def __init__(self, facts: Mapping[str, Fact], moving: Container[Test] = ()) -> None:
        self.facts = facts
        self.moving = moving
        self.domains: dict[str, _Domain] = {}
        self.orders: dict[tuple[Value, Value], set[int]] = {}

    def refuted_by(self, leaves: Sequence[Wish]) -> str:
        """Take leaves in; return the fact that cannot be, or an empty text."""
        for test, wanted in leaves:
            found = self.take(test, wanted)
            if found:
                return found
        return ""

    def take(self, test: Test, wanted: bool) -> str:
        if isinstance(test, Fixed):
            return "" if test.truth is wanted else "false"
        if isinstance(test, FactTrue):
            return self.narrow(test.name, Sign.EQUAL, int(wanted))
        if isinstance(test, OneOf):
            return self.member(test, wanted=wanted)
        if isinstance(test, Compare):
            sign = test.sign if wanted else OPPOSITE[test.sign]
            if test in self.moving:
                return self.order(test.left, sign, test.right)
            return self.compare(test.left, sign, test.right)
        return ""

    def member(self, test: OneOf, *, wanted: bool) -> str:
        if test in self.moving or not isinstance(test.value, FactValue):
            return ""
        domain = self.domain(test.value.name)
        domain.narrow_to(test.numbers, wanted=wanted)
        return test.value.name if domain.is_empty else ""

    def domain(self, name: str) -> _Domain:
        if name not in self.domains:
            self.domains[name] = _Domain(self.facts[name].minimum, self.facts[name].maximum)
        return self.domains[name]

    def narrow(self, name: str, sign: Sign, limit: int) -> str:
        domain = self.domain(name)
        domain.narrow(sign, limit)
        return name if domain.is_empty else ""

    def compare(self, left: Value, sign: Sign, right: Value) -> str:
        if isinstance(left, Constant):
            left, sign, right = right, MIRRORED[sign], left
        if isinstance(right, Constant):
            if isinstance(left, FactValue):
                return self.narrow(left.name, sign, right.number)
            if isinstance(left, Multiply):
                return self.compare_multiple(left, sign, right.number)
        return self.order(left, sign, right)

    def compare_multiple(self, left: Multiply, sign: Sign, limit: int) -> str:
        """Narrow a fact of which a positive multiple is compared."""
        fact, factor = left.left, left.right
        if not isinstance(fact, FactValue):
            fact, factor = factor, fact
        if not isinstance(fact, FactValue) or not isinstance(factor, Constant):
            return self.order(left, sign, Constant(limit))
        if factor.number <= 0:
            return ""
        whole, rest = divmod(limit, factor.number)
        if rest and sign is Sign.EQUAL:
            return fact.name
        if rest and sign is Sign.DIFFERENT:
            return ""
        return self.narrow(fact.name, BETWEEN[sign] if rest else sign, whole)

    def order(self, left: Value, sign: Sign, right: Value) -> str:
        """Remember how two values stand to each other."""
        if (right, left) in self.orders:
            left, sign, right = right, MIRRORED[sign], left
        known = self.orders.setdefault((left, right), {-1, 0, 1})
        known &= ORDERS[sign]
        about = sorted(facts_of(left) | facts_of(right))
        return "" if known or not about else ", ".join(about)
