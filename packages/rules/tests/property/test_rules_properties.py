"""The bitmap engine against a naive interpreter of the written expressions, row by row.

The interpreter knows nothing of denominators, bitmaps or numpy: it walks the syntax tree with
fractions and None.
"""

import math
from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from liudu.rules._expression import (
    Arithmetic,
    Call,
    Comparison,
    Conditional,
    Logic,
    Membership,
    Name,
    Negative,
    Not,
    Number,
    Text,
    Truth,
)
from liudu.rules._kind import Kind, day_of
from liudu.rules._lower import OverflowRiskError
from liudu.rules._pack import PackRefusedError
from liudu.rules._program import compile_pack
from liudu.rules._run import run
from liudu.rules.testing import random_pack, random_table

ON = date(2026, 3, 31)
STEPS = {
    Number: "value",
    Truth: "value",
    Text: "value",
    Name: "name",
    Not: "contrary",
    Negative: "negative",
    Logic: "logic",
    Comparison: "comparison",
    Membership: "membership",
    Arithmetic: "arithmetic",
    Conditional: "conditional",
    Call: "call",
}
MONEY = {"fen": 1, "yuan": 100, "wan": 1_000_000}


def later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - timedelta(days=1)).day))


def months_between(start: date, end: date) -> int:
    count = -400
    while later(start, count + 1) <= end:
        count += 1
    return count


FUNCTIONS = {
    "min": lambda *values: min(values),
    "max": lambda *values: max(values),
    "months_after": lambda day, months: later(day, int(months)),
    "days_after": lambda day, days: day + timedelta(days=int(days)),
    "months_between": lambda start, end: Fraction(months_between(start, end)),
}


class Naive:
    def __init__(self, pack, row):
        self.pack, self.row = pack, row

    def __call__(self, tree):
        return getattr(self, STEPS[type(tree)])(tree)

    def value(self, tree):
        return tree.value

    def contrary(self, tree):
        value = self(tree.operand)
        return None if value is None else not value

    def name(self, tree):
        if tree.name == "today":
            return ON
        if tree.name in self.row:
            return self.row[tree.name]
        return self.pack.parameters[tree.name].on(ON)

    def logic(self, tree):
        values = [self(one) for one in tree.operands]
        decisive = tree.word == "or"
        if decisive in values:
            return decisive
        return None if None in values else not decisive

    def comparison(self, tree):
        left, right = self(tree.left), self(tree.right)
        if left is None or right is None:
            return None
        if isinstance(left, date) and isinstance(right, str):
            right = date.fromisoformat(right)
        if tree.sign in ("==", "!="):
            return (left == right) is (tree.sign == "==")
        return {
            "<": left < right,
            "<=": left <= right,
            ">": left > right,
            ">=": left >= right,
        }[tree.sign]

    def membership(self, tree):
        item = self(tree.item)
        return None if item is None else (item in [self(m) for m in tree.members]) != tree.negated

    def negative(self, tree):
        value = self(tree.operand)
        return None if value is None else -value

    def arithmetic(self, tree):
        left, right = self(tree.left), self(tree.right)
        if left is None or right is None:
            return None
        return {"+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right}[
            tree.sign
        ]()

    def conditional(self, tree):
        test = self(tree.test)
        if test is None:
            return None
        return self(tree.then) if test else self(tree.otherwise)

    def call(self, tree):
        name = tree.function
        if name in MONEY:
            return self(tree.arguments[0]) * MONEY[name]
        if name in ("case", "tiers", "slices"):
            return getattr(self, name)(tree)
        values = [self(one) for one in tree.arguments]
        return None if None in values else FUNCTIONS[name](*values)

    def case(self, tree):
        item = self(tree.arguments[0])
        if item is None:
            return None
        for key, value in tree.table:
            if self(key) == item:
                return self(value)
        return self(tree.arguments[1])

    def tiers(self, tree):
        item = self(tree.arguments[0])
        if item is None:
            return None
        reached = [(self(key), value) for key, value in tree.table if self(key) <= item]
        return self(max(reached, key=lambda row: row[0])[1])

    def slices(self, tree):
        item = self(tree.arguments[0])
        if item is None:
            return None
        rows = sorted((self(key), self(rate)) for key, rate in tree.table)
        ends = [key for key, _ in rows[1:]] + [10**30]
        return sum(
            (
                max(min(item, end) - start, 0) * rate
                for (start, rate), end in zip(rows, ends, strict=True)
            ),
            Fraction(0),
        )


def rounded(amount, rule):
    units = Fraction(amount) / rule.round_to_fen
    whole = math.floor(units)
    rest = units - whole
    up = {
        "down": False,
        "up": rest > 0,
        "half_up": rest >= Fraction(1, 2),
        "half_even": rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2 == 1),
    }[rule.rounding]
    return (whole + up) * rule.round_to_fen


def row_as_known(pack, table, index):
    known = {}
    for name, fact in pack.facts.items():
        number = table.cell(name, index)
        if number is None:
            known[name] = None
        elif fact.type.kind is Kind.BOOL:
            known[name] = bool(number)
        elif fact.type.kind is Kind.DATE:
            known[name] = day_of(number)
        elif fact.type.kind is Kind.ENUM:
            known[name] = fact.type.labels[number]
        else:
            known[name] = Fraction(number, fact.denominator)
    return known


def naive_answer(rule, compiled, ask):
    """Return status (1, 0, -1), near and amount of one subject."""
    values = [ask(atom.test.tree) for atom in rule.atoms]
    amount = ask(rule.amount.tree)
    not_true = [index for index, value in enumerate(values) if value is not True]
    near = False
    if len(not_true) == 1:
        index = not_true[0]
        can_act = rule.atoms[index].advice is not None
        waits = compiled.atoms[index].waits_for_office
        near = not waits and (values[index] is None or can_act)
    if False in values:
        return 0, near, 0
    if None in values or amount is None:
        return -1, near, 0
    return 1, near, rounded(amount, rule)


def assert_same(seed, *, depth, count):
    rng = np.random.default_rng(seed)
    pack = random_pack(rng, depth=depth)
    table = random_table(rng, pack.facts, count=count)
    try:
        program = compile_pack(pack, on=ON)
    except PackRefusedError as error:
        if any(not isinstance(one, OverflowRiskError) for one in error.problems):
            raise
        reject()
    result = run(program, table)
    status = {name: result.status(name) for name in program.rules}
    near = {name: result.near(name) for name in program.rules}
    amounts = {name: result.amounts(name) for name in program.rules}
    for index in range(count):
        ask = Naive(pack, row_as_known(pack, table, index))
        for name, compiled in program.rules.items():
            engine = (int(status[name][index]), bool(near[name][index]), int(amounts[name][index]))
            assert engine == naive_answer(compiled.rule, compiled, ask), (name, ask.row)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**63), st.integers(0, 2))
def test_the_bitmaps_say_what_a_naive_reading_of_every_row_says(seed, depth):
    assert_same(seed, depth=depth, count=12)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**63))
def test_they_agree_on_deep_expressions_and_on_more_than_a_word_of_subjects(seed):
    assert_same(seed, depth=3, count=70)
