"""The engine against a naive twin: one subject at a time, fractions, None for unknown.

The twin reads an expression with Python's own parser and knows nothing of the engine's trees,
encodings, bitmaps or proofs. Amounts and states must be the same for every subject.
"""

import ast
import calendar
import random
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import pytest

from liudu.rules import compile_pack, explain, read_pack, row_of

ON = date(2024, 2, 29)
PACK = """\
pack: twin
version: "1"
title: 对照
facts:
  a: {{type: bool, label: 甲, bureau: 局}}
  b: {{type: bool, label: 乙, bureau: 局}}
  m: {{type: money, unit: yuan, label: 钱, bureau: 局, min: -50000, max: 900000}}
  w: {{type: money, unit: wan, label: 万, bureau: 局, max: 9000}}
  n: {{type: count, unit: months, label: 月, bureau: 局, max: 120}}
  k: {{type: count, label: 个, bureau: 局, min: -9, max: 99}}
  r: {{type: rate, label: 占比, bureau: 局, places: 3}}
  e: {{type: enum, values: [大专, "本科", '硕士 "优"', 博士🎓], label: 学历, bureau: 局}}
  s: {{type: date, label: 始, bureau: 局}}
  t: {{type: date, label: 终, bureau: 局}}
parameters:
  q: {{type: rate, label: 比例, values: {{2020-01-01: 0.15, 2024-02-29: 0.125}}}}
  c: {{type: money, unit: wan, label: 上限, values: {{2020-01-01: 2}}}}
  u: {{type: rate, label: 未定, values: {{2020-01-01: null}}}}
  late: {{type: bool, label: 未来, values: {{2020-01-01: false, 2024-03-01: true}}}}
definitions:
  base: 'max(m, fen(0)) + w'
  senior: 'e in (''硕士 "优"'', "博士🎓")'
rules:
  x:
    title: 规则
    clause: 一
    bureau: 局
    subject: contract
    when:
      - atom: |
          {first}
        say: 一
        act: 去办
      - atom: >-
          {second}
        say: 二
    amount: |
      {amount}
    rounding: {rounding}
    round_to: {step}
"""
TESTS = (
    "a",
    "not a",
    "a and b",
    "a or not b",
    "a and (b or late)",
    "not (a and b) or k > 3",
    "0 <= k <= 9 < n",
    "k == -3 or k != 5",
    "m >= yuan(-0.5) and m < c",
    "m * 3 > w - wan(0.5)",
    "r * 2 <= 1 or r == 0.5",
    "u < 0.3 and a",
    "u < 0.3 or a",
    'e == "本科" or e == "博士🎓"',
    'e not in ("大专", "本科")',
    "s < t",
    "s <= today and t > today",
    '"2023-12-31" <= s <= "2024-02-29"',
    "months_after(s, n) <= t",
    "months_after(s, -3) > months_after(t, -1)",
    "days_after(s, 30) < t",
    "months_between(s, t) >= 12",
    "t - s > 365",
    "(n if a else 6) > months_between(s, today)",
    "k in (1, 2, 3)",
    "max(n, 6) - min(n, 12) == 0",
)
AMOUNTS = (
    "yuan(1500)",
    "min(q * base, c)",
    "r * base / 3",
    "base if a else fen(1)",
    "(wan(1) if a else c) if b else yuan(0.01)",
    'case(e, {"大专": 0, "博士🎓": c}, yuan(333.33))',
    "tiers(w, {wan(0): 0, wan(100): wan(5), wan(1000): w * 0.0125})",
    "slices(w, {wan(0): 0.3, wan(100): 0.1, wan(500): 0.0025})",
    "max(fen(0), m - yuan(1)) * 0.0005",
    "n * fen(333) + max(k, 0) * fen(1)",
    "max(min(n, months_between(s, today), 36), 0) * yuan(800) if n > 0 else 0",
    "max(fen(0), min(base * r, base * u))",
    "base * (0.2 if senior else 0.1)",
)


class Twin:
    """Evaluates an expression for one subject."""

    def __init__(self, facts, parameters, definitions):
        self.known = {**parameters, **facts, "today": ON, "true": True, "false": False}
        self.definitions = definitions

    def of(self, text):
        return self.node(ast.parse(" ".join(text.split()), mode="eval").body)

    def node(self, tree):
        return getattr(self, f"on_{type(tree).__name__}")(tree)

    def on_Constant(self, tree):  # noqa: N802 - the name of Python's node
        value = tree.value
        return value if isinstance(value, bool | str) else Fraction(str(Decimal(str(value))))

    def on_Name(self, tree):  # noqa: N802
        if tree.id in self.definitions:
            return self.of(self.definitions[tree.id])
        return self.known[tree.id]

    def on_UnaryOp(self, tree):  # noqa: N802
        value = self.node(tree.operand)
        if value is None:
            return None
        return (not value) if isinstance(tree.op, ast.Not) else -value

    def on_BoolOp(self, tree):  # noqa: N802
        values = [self.node(one) for one in tree.values]
        decisive = isinstance(tree.op, ast.Or)
        if decisive in values:
            return decisive
        return None if None in values else not decisive

    def on_Compare(self, tree):  # noqa: N802
        sides = [tree.left, *tree.comparators]
        results = [
            self.one(left, op, right)
            for left, op, right in zip(sides[:-1], tree.ops, sides[1:], strict=True)
        ]
        if False in results:
            return False
        return None if None in results else True

    def one(self, left, op, right):
        item = self.node(left)
        if isinstance(op, ast.In | ast.NotIn):
            if item is None:
                return None
            found = item in [self.node(one) for one in right.elts]
            return found if isinstance(op, ast.In) else not found
        other = self.node(right)
        if item is None or other is None:
            return None
        if isinstance(item, date) or isinstance(other, date):
            item, other = as_day(item), as_day(other)
        return {
            ast.Eq: item == other,
            ast.NotEq: item != other,
            **(
                {}
                if isinstance(item, str)
                else {
                    ast.Lt: item < other,
                    ast.LtE: item <= other,
                    ast.Gt: item > other,
                    ast.GtE: item >= other,
                }
            ),
        }[type(op)]

    def on_BinOp(self, tree):  # noqa: N802
        left, right = self.node(tree.left), self.node(tree.right)
        if left is None or right is None:
            return None
        if isinstance(left, date):
            return Fraction((left - right).days)
        return {
            ast.Add: lambda: left + right,
            ast.Sub: lambda: left - right,
            ast.Mult: lambda: left * right,
            ast.Div: lambda: left / right,
        }[type(tree.op)]()

    def on_IfExp(self, tree):  # noqa: N802
        test = self.node(tree.test)
        return None if test is None else self.node(tree.body if test else tree.orelse)

    def on_Call(self, tree):  # noqa: N802
        name = tree.func.id
        if name in ("case", "tiers", "slices"):
            return getattr(self, name)(tree)
        values = [self.node(one) for one in tree.args]
        return None if None in values else FUNCTIONS[name](*values)

    def rows(self, tree):
        return list(zip(tree.args[1].keys, tree.args[1].values, strict=True))

    def case(self, tree):
        item = self.node(tree.args[0])
        if item is None:
            return None
        for key, value in self.rows(tree):
            if key.value == item:
                return self.node(value)
        return self.node(tree.args[2])

    def tiers(self, tree):
        item = self.node(tree.args[0])
        if item is None:
            return None
        reached = [value for key, value in self.rows(tree) if self.node(key) <= item]
        return self.node(reached[-1])

    def slices(self, tree):
        item = self.node(tree.args[0])
        if item is None:
            return None
        starts = [self.node(key) for key, _ in self.rows(tree)]
        ends = [*starts[1:], None]
        total = Fraction(0)
        for (_, rate), start, end in zip(self.rows(tree), starts, ends, strict=True):
            top = item if end is None else min(item, end)
            total += max(top - start, 0) * self.node(rate)
        return total


def as_day(value):
    return date.fromisoformat(value) if isinstance(value, str) else value


def months_after(day, months):
    month = day.year * 12 + day.month - 1 + int(months)
    year, month = divmod(month, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def months_between(start, end):
    number = -2400
    while months_after(start, number + 1) <= end:
        number += 1
    return Fraction(number)


FUNCTIONS = {
    "yuan": lambda x: x * 100,
    "wan": lambda x: x * 1_000_000,
    "fen": lambda x: x,
    "min": min,
    "max": max,
    "months_after": months_after,
    "months_between": months_between,
    "days_after": lambda day, days: day + timedelta(days=int(days)),
}
PARAMETERS = {"q": Fraction(1, 8), "c": Fraction(2_000_000), "u": None, "late": False}
SENIOR = """e in ('硕士 "优"', "博士🎓")"""
DEFINITIONS = {"base": "max(m, fen(0)) + w", "senior": SENIOR}
ROUND = {
    "down": floor,
    "up": ceil,
    "half_up": lambda x: floor(x + Fraction(1, 2)),
    "half_even": round,
}
DAYS = [date(2024, 2, 29), date(2024, 1, 31), date(2023, 2, 28), date(2024, 3, 1),
        date(2023, 12, 31), date(2020, 2, 29), date(2024, 2, 28), date(2023, 8, 31)]  # fmt: skip
VALUES = {
    "a": [True, False],
    "b": [True, False],
    "m": [Decimal("-0.5"), Decimal(0), Decimal("19999.99"), Decimal(20000), Decimal("0.01")],
    "w": [Decimal(0), Decimal(2), Decimal("99.999999"), Decimal(100), Decimal(500), Decimal(9000)],
    "n": [0, 1, 6, 12, 13, 36, 120],
    "k": [-9, -3, 0, 1, 3, 5, 9, 99],
    "r": [Decimal(0), Decimal("0.5"), Decimal("0.001"), Decimal("0.333"), Decimal(1)],
    "e": ["大专", "本科", '硕士 "优"', "博士🎓"],
    "s": DAYS,
    "t": DAYS,
}
SCALE = {"m": 100, "w": 1_000_000}


def subject(chance):
    return {name: None if chance.random() < 0.15 else chance.choice(values)
            for name, values in VALUES.items()}  # fmt: skip


def as_number(name, value):
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return value
    return Fraction(str(value)) * SCALE.get(name, 1)


def expected(twin, rule):
    """Return status, amount and near as the issue defines them."""
    states = [twin.of(rule["first"]), twin.of(rule["second"])]
    exact = twin.of(rule["amount"])
    if False in states:
        status = "ineligible"
    else:
        status = "unknown" if None in states or exact is None else "eligible"
    lacking = [index for index, one in enumerate(states) if one is not True]
    near = False
    if len(lacking) == 1:
        waits = "u" in rule[("first", "second")[lacking[0]]].split()
        near = not waits and (states[lacking[0]] is None or lacking[0] == 0)
    step = {"fen": 1, "yuan": 100}[rule["step"]]
    amount = ROUND[rule["rounding"]](exact / step) * step if status == "eligible" else None
    return states, status, amount, near


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("rounding", list(ROUND))
def test_the_engine_says_what_a_naive_twin_says(amount, rounding):
    chance = random.Random(f"{amount} {rounding}")  # noqa: S311 - no secret
    for step in ("fen", "yuan"):
        rule = {"first": chance.choice(TESTS), "second": chance.choice(TESTS),
                "amount": amount, "rounding": rounding, "step": step}  # fmt: skip
        agree(rule, chance, count=8)


@pytest.mark.parametrize("test", TESTS)
def test_every_condition_is_true_false_or_unknown_as_the_twin_says(test):
    chance = random.Random(test)  # noqa: S311 - no secret
    rule = {"first": test, "second": chance.choice(TESTS), "amount": "yuan(1500)",
            "rounding": "down", "step": "fen"}  # fmt: skip
    agree(rule, chance, count=25)


def agree(rule, chance, *, count):
    pack = read_pack(PACK.format(**rule))
    program = compile_pack(pack, on=ON)
    for _ in range(count):
        facts = subject(chance)
        (said,) = explain(program, row_of(pack.facts, facts))
        numbers = {name: as_number(name, value) for name, value in facts.items()}
        states, status, amount, near = expected(Twin(numbers, PARAMETERS, DEFINITIONS), rule)
        found = ([one.holds for one in said.atoms], str(said.status), said.amount_fen, said.near)
        assert found == (states, status, amount, near), (rule, facts)
