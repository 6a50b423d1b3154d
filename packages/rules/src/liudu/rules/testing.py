"""Random packs and random subjects, to hold executors against each other."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from liudu.rules._fact import Fact
from liudu.rules._kind import Kind, day_of
from liudu.rules._pack import Pack
from liudu.rules._reader import read_pack
from liudu.rules._table import Column, FactTable, Numbers, storage

FACTS = """
facts:
  a: {type: bool, label: 甲, bureau: 局}
  b: {type: bool, label: 乙, bureau: 局}
  m: {type: money, unit: yuan, label: 金额, bureau: 局, min: -1000000, max: 100000000}
  p: {type: money, unit: yuan, label: 投资, bureau: 局, max: 100000000}
  n: {type: count, unit: months, label: 月数, bureau: 局, max: 1000}
  k: {type: count, label: 个数, bureau: 局, min: -9, max: 9}
  r: {type: rate, label: 占比, bureau: 局, places: 2}
  e: {type: enum, values: [本科, 硕士, 博士], label: 学历, bureau: 局}
  s: {type: date, label: 开始, bureau: 局, min: 2019-01-01, max: 2027-12-31}
  t: {type: date, label: 结束, bureau: 局, min: 2019-01-01, max: 2027-12-31}
parameters:
  q: {type: rate, label: 比例, values: {2026-01-01: 0.15}}
  u: {type: rate, label: 未定, values: {2026-01-01: null}}
  c: {type: money, unit: wan, label: 上限, values: {2026-01-01: 200}}
"""


class _Author:
    """Writes expressions that are well typed, by chance."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def pick(self, *choices: str) -> str:
        return choices[int(self.rng.integers(len(choices)))]

    def test(self, depth: int) -> str:
        kind = int(self.rng.integers(10 if depth else 7))
        if kind < len(LEAVES):
            return self.leaf(kind, depth)
        if kind == len(LEAVES):
            return f"(not {self.test(depth - 1)})"
        word = self.pick(" and ", " or ")
        parts = [self.test(depth - 1) for _ in range(int(self.rng.integers(2, 4)))]
        return "(" + word.join(parts) + ")"

    def leaf(self, kind: int, depth: int) -> str:
        sign = self.pick("<", "<=", ">", ">=", "==", "!=")
        left, right = LEAVES[kind]
        if left == "bool":
            return self.pick("a", "b")
        if left == "enum":
            return self.pick(
                'e == "硕士"', 'e != "博士"', 'e in ("本科", "博士")', 'e not in ("本科",)'
            )
        one = getattr(self, left)(depth)
        other = getattr(self, right)(depth)
        return f"({one} {sign} {other})"

    def money(self, depth: int) -> str:
        if not depth:
            return self.pick("m", "p", "c", "yuan(100)", "wan(3)", "fen(77)", "m", "p")
        below = depth - 1
        form = self.pick(
            "leaf", "share", "extreme", "sum", "if", "case", "tiers", "slices", "times"
        )
        a, b = self.money(below), self.money(below)
        forms = {
            "leaf": self.money(0),
            "share": f"({self.rate()} * {self.money(0)})",
            "extreme": f"{self.pick('min', 'max')}({a}, {b})",
            "sum": f"({a} {self.pick('+', '-')} {b})",
            "if": f"({a} if {self.test(below)} else {b})",
            "case": f'case(e, {{"硕士": {a}, "博士": yuan(1500)}}, {b})',
            "tiers": f"tiers(p, {{yuan(0): 0, yuan(5000): {a}, wan(1): {b}}})",
            "slices": "slices(p, {yuan(0): 0.3, yuan(1000): 0.125, wan(1): 0.1})",
            "times": f"({self.pick('n', 'k', '3', '2.5')} * {self.money(0)})",
        }
        return forms[form]

    def rate(self, depth: int = 0) -> str:
        del depth
        return self.pick("r", "q", "u", "0.3", "0.125", "q", "r")

    def count(self, depth: int) -> str:
        leaf = self.pick("n", "n", "6", "months_between(s, t)", "months_between(s, today)")
        return leaf if not depth else f"{self.pick('min', 'max')}({leaf}, {self.pick('n', '12')})"

    def day(self, depth: int) -> str:
        del depth
        return self.pick("s", "t", "today", "months_after(s, 24)", "days_after(t, 30)",
                         "months_after(s, n)", '"2024-02-29"')  # fmt: skip

    def known_day(self, depth: int) -> str:
        del depth
        return self.pick("s", "t")


LEAVES = (
    ("bool", ""),
    ("enum", ""),
    ("money", "money"),
    ("money", "money"),
    ("count", "count"),
    ("known_day", "day"),
    ("rate", "rate"),
)


def random_pack(rng: np.random.Generator, *, rules: int = 4, depth: int = 2) -> Pack:
    """Return a well-typed pack whose rules are random.

    Parameters
    ----------
    rng
        The source of chance.
    rules
        How many rules.
    depth
        How deep conditions and amounts nest, 0 to 3.

    """
    return read_pack(random_pack_text(rng, rules=rules, depth=depth))


def random_pack_text(rng: np.random.Generator, *, rules: int = 4, depth: int = 2) -> str:
    """Return such a pack as YAML."""
    author = _Author(rng)
    lines = ["pack: random", 'version: "1"', "title: 随机", "valid: {from: 2026-01-01}", FACTS]
    lines.append("rules:")
    for index in range(rules):
        lines += [f"  r{index}:", "    title: 规则", "    clause: 一", "    bureau: 局"]
        lines += ["    subject: enterprise", "    when:"]
        for _ in range(int(rng.integers(1, 5))):
            act = ", act: 去做" if rng.random() < 0.5 else ""  # noqa: PLR2004 - an even chance
            lines.append(f"      - {{atom: '{author.test(depth)}', say: 条件{act}}}")
        lines.append(f"    amount: 'max(fen(0), {author.money(depth)})'")
        rounding = author.pick("down", "up", "half_up", "half_even")
        lines += [f"    rounding: {rounding}", f"    round_to: {author.pick('fen', 'yuan')}"]
    return "\n".join(lines) + "\n"


def random_table(
    rng: np.random.Generator, facts: Mapping[str, Fact], *, count: int, unknown: float = 0.2
) -> FactTable:
    """Return random subjects; small numbers, so that limits are met exactly now and then."""
    columns: dict[str, Column] = {}
    for name, fact in facts.items():
        low, high = fact.minimum, min(fact.maximum, 3_000_000)
        if fact.type.kind is Kind.MONEY:
            low = max(low, -100_000)
        numbers = rng.integers(low, high, count, endpoint=True).astype(storage(fact))
        if fact.type.kind is Kind.DATE:
            numbers = _around_month_ends(rng, numbers)
        where = rng.random(count) < unknown
        columns[name] = Column(numbers, where if bool(where.any()) else None)
    return FactTable.of(facts, columns, subjects=[f"S{index:06d}" for index in range(count)])


def _around_month_ends(rng: np.random.Generator, numbers: Numbers) -> Numbers:
    """Move half of the days to a month's end, where calendars go wrong."""
    moved = numbers.copy()
    for index in np.flatnonzero(rng.random(len(numbers)) < 0.5):  # noqa: PLR2004 - an even chance
        day = day_of(int(numbers[index]))
        first = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        moved[index] += (first - timedelta(days=1) - day).days
    return moved


def as_written(fact: Fact, number: int) -> object:
    """Return an encoded value as a Python value in the fact's written unit."""
    if fact.type.kind is Kind.BOOL:
        return bool(number)
    if fact.type.kind is Kind.DATE:
        return day_of(number)
    if fact.type.kind is Kind.ENUM:
        return fact.type.labels[number]
    return Decimal(number) / fact.scale / fact.denominator
