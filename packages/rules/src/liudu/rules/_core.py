"""What an expression becomes on one day: a typed tree of whole numbers.

Parameters are already values, definitions are already written out, and every fraction is
gone: a value stands as an integer over a constant denominator, and comparisons are scaled
so that both sides are integers. So numpy, SQL and any other executor compute the same
thing, exactly, in 64 bits; `lower` has proved from the declared ranges that nothing overflows.

Encodings of facts: money in fen; counts as they are; a rate as rate × 10**places; a day as
days since 1970-01-01; an enumeration as the position of its label; bool as it is.

Three values. A `Value` may be unknown, a `Test` is true, false or unknown. Every node is
unknown if a part is unknown, except `Both` and `Either` (Kleene) and `Choose`, which is
unknown only if its test or the chosen branch is.
"""

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

import attrs

INT64_MAX = 2**63 - 1
TREES_REMEMBERED = 50_000  # of which it is asked again and again what they read


class Sign(StrEnum):
    """How two numbers are compared."""

    EQUAL = "=="
    DIFFERENT = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


class Rounding(StrEnum):
    """How a fraction of the smallest unit becomes whole; ties only matter to the halves."""

    DOWN = "down"
    UP = "up"
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"


@attrs.frozen(cache_hash=True)
class Value:
    """A whole number for each subject, or unknown."""


@attrs.frozen(cache_hash=True)
class Test:
    """True, false or unknown for each subject."""

    __test__ = False  # not a test of pytest


@attrs.frozen(cache_hash=True)
class FactValue(Value):
    """The fact's number in its encoding."""

    name: str


@attrs.frozen(cache_hash=True)
class Constant(Value):
    """The same number for everybody."""

    number: int


@attrs.frozen(cache_hash=True)
class OpenValue(Value):
    """A parameter that the office has not set: unknown for everybody."""

    parameter: str


@attrs.frozen(cache_hash=True)
class Add(Value):
    """``left + right``."""

    left: Value
    right: Value


@attrs.frozen(cache_hash=True)
class Subtract(Value):
    """``left - right``."""

    left: Value
    right: Value


@attrs.frozen(cache_hash=True)
class Multiply(Value):
    """``left * right``."""

    left: Value
    right: Value


@attrs.frozen(cache_hash=True)
class Least(Value):
    """The smallest of two or more; unknown if any is."""

    values: tuple[Value, ...]


@attrs.frozen(cache_hash=True)
class Greatest(Value):
    """The greatest of two or more; unknown if any is."""

    values: tuple[Value, ...]


@attrs.frozen(cache_hash=True)
class Choose(Value):
    """``then`` where the test is true, ``otherwise`` where it is false, else unknown."""

    test: "Test"
    then: Value
    otherwise: Value


@attrs.frozen(cache_hash=True)
class MonthsAfter(Value):
    """The day `months` after `day`; where that month is shorter, its last day.

    Source: Civil Code of China, article 202 (a term in months ends on the day of the same
    number, or on the last day of the month if there is none).
    """

    day: Value
    months: Value


@attrs.frozen(cache_hash=True)
class MonthsBetween(Value):
    """The greatest n such that n months after `start` is not later than `end`."""

    start: Value
    end: Value


@attrs.frozen(cache_hash=True)
class Quotient(Value):
    """``value / divisor`` made whole by a rounding rule, then times `step`.

    `divisor` is positive. `DOWN` is towards minus infinity, `UP` towards plus infinity.
    """

    value: Value
    divisor: int
    rounding: Rounding
    step: int = 1


@attrs.frozen(cache_hash=True)
class FactTrue(Test):
    """The fact of kind bool."""

    name: str


@attrs.frozen(cache_hash=True)
class Fixed(Test):
    """True or false for everybody."""

    truth: bool


@attrs.frozen(cache_hash=True)
class OpenTest(Test):
    """A parameter of kind bool that the office has not set: unknown for everybody."""

    parameter: str


@attrs.frozen(cache_hash=True)
class Compare(Test):
    """``left sign right``; unknown if a side is."""

    sign: Sign
    left: Value
    right: Value


@attrs.frozen(cache_hash=True)
class OneOf(Test):
    """The value is one of some numbers; unknown if the value is."""

    value: Value
    numbers: tuple[int, ...]


@attrs.frozen(cache_hash=True)
class Both(Test):
    """Kleene's and: false if any is false, else unknown if any is, else true."""

    tests: tuple[Test, ...]


@attrs.frozen(cache_hash=True)
class Either(Test):
    """Kleene's or: true if any is true, else unknown if any is, else false."""

    tests: tuple[Test, ...]


@attrs.frozen(cache_hash=True)
class Contrary(Test):
    """Kleene's not."""

    test: Test


Core = Value | Test
CONNECTIVES = (Both, Either, Contrary)


def parts(tree: Core) -> Iterator[Core]:
    """Yield the direct parts of a node."""
    for value in attrs.astuple(tree, recurse=False):
        if isinstance(value, Value | Test):
            yield value
        elif isinstance(value, tuple):
            yield from (one for one in value if isinstance(one, Value | Test))


def walk(tree: Core) -> Iterator[Core]:
    """Yield a node and everything below it."""
    yield tree
    for part in parts(tree):
        yield from walk(part)


@lru_cache(TREES_REMEMBERED)
def facts_of(tree: Core) -> frozenset[str]:
    """Return the names of the facts that a tree reads."""
    return frozenset(one.name for one in walk(tree) if isinstance(one, FactValue | FactTrue))


@lru_cache(TREES_REMEMBERED)
def open_parameters_of(tree: Core) -> frozenset[str]:
    """Return the parameters in a tree that nobody has set."""
    return frozenset(one.parameter for one in walk(tree) if isinstance(one, OpenValue | OpenTest))


def leaves_of(tree: Test) -> Iterator[Test]:
    """Yield the tests that the connectives join: one bitmap each."""
    if isinstance(tree, CONNECTIVES):
        for part in parts(tree):
            if isinstance(part, Test):
                yield from leaves_of(part)
    else:
        yield tree


@lru_cache(TREES_REMEMBERED)
def is_strict(tree: Core) -> bool:
    """Whether the tree is unknown exactly where one of its facts is unknown."""
    return not any(
        isinstance(one, Choose | Both | Either | OpenValue | OpenTest) for one in walk(tree)
    )
