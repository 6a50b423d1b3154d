"""Groups that reach over packs, against a naive reading: subject by subject, in plain Python."""

from datetime import date
from itertools import chain

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from liudu.rules import (
    Column,
    FactTable,
    Stacking,
    Status,
    compile_pack,
    explain_together,
    read_pack,
    run,
    settle,
    settle_together,
)

ON = date(2026, 3, 31)
RULES = 2
FEN_MAX = 6


RULE = """\
  r{i}:
    title: 规则{number}{i}
    clause: 一
    bureau: 局
    subject: person
    when: [{{atom: on{i}, say: 可}}]
    amount: sum{i}
"""
HEAD = """\
pack: p{number}
version: "1"
title: 包{number}
parameters:
  cap: {{type: money, unit: fen, label: 限, values: {{2026-01-01: {cap}}}}}
"""


def pack_text(number, groups, cap):
    """A pack of two rules, each paying its own fact; `groups` by rule, with what they name."""
    facts = "".join(
        f"  on{i}: {{type: bool, label: 可, bureau: 局}}\n"
        f"  sum{i}: {{type: money, unit: fen, label: 额, bureau: 局, max: {FEN_MAX}}}\n"
        for i in range(RULES)
    )
    rules = "".join(
        RULE.format(i=i, number=number) + (f"    group: g{i}\n" if i in groups else "")
        for i in range(RULES)
    )
    declared = "".join(
        f"  g{i}: {{title: 组, stack: {stack}, with: [{', '.join(others)}]"
        + (", cap: cap}\n" if cap else "}\n")
        for i, (stack, others) in groups.items()
    )
    head = HEAD.format(number=number, cap=cap or "null")
    named = "groups:\n" + declared if declared else ""
    return f"{head}facts:\n{facts}rules:\n{rules}{named}"


@st.composite
def cities(draw):
    """A few packs; each names only rules of packs before it, so that `first` has no circle."""
    stack = draw(st.sampled_from([str(one) for one in Stacking]))
    texts = []
    for number in range(draw(st.integers(2, 4))):
        known = [f"p{other}/r{i}" for other in range(number) for i in range(RULES)]
        groups = {}
        for i in range(RULES):
            if draw(st.booleans()):
                named = st.lists(st.sampled_from(known), unique=True, max_size=3)
                others = sorted(draw(named)) if known else []
                groups[i] = (stack, others)
        texts.append(pack_text(number, groups, draw(st.sampled_from(["", "3", "8", "null"]))))
    return stack, texts


def table_of(pack, rng, count):
    columns = {}
    for name, fact in pack.facts.items():
        kind = np.bool_ if name.startswith("on") else np.int64
        numbers = rng.integers(0, fact.maximum, count, endpoint=True).astype(kind)
        columns[name] = Column(numbers, rng.random(count) < 0.15)
    return FactTable.of(pack.facts, columns, subjects=[f"S{row}" for row in range(count)])


class Naive:
    """Settles row by row; `paid` and `open` by (pack, rule, row) of the eligible."""

    def __init__(self, runs, absent):
        self.runs = {one.program.pack.name: one for one in runs}
        self.absent = absent
        self.paid, self.open = {}, {}
        self.count = len(runs[0].table)
        for name, one in self.runs.items():
            for rule in one.rules:
                status, amounts = one.status(rule), one.amounts(rule)
                for row in np.flatnonzero(status == 1):
                    self.paid[name, rule, int(row)] = int(amounts[row])
                    self.open[name, rule, int(row)] = False
        for parts in self.components():
            for row in range(self.count):
                self.group(parts, row)

    def components(self):
        """Groups as sets of rules, merged as long as two share one."""
        found = []
        for name, one in sorted(self.runs.items()):
            for limit in one.program.groups.values():
                keys = {(name, rule) for rule in limit.rules}
                keys |= {
                    (other.pack, other.rule)
                    for other in limit.group.others
                    if other.pack not in self.absent
                }
                found.append((keys, [(name, limit)]))
        merged = True
        while merged:
            merged = False
            for i, first in enumerate(found):
                for j in range(i + 1, len(found)):
                    if first[0] & found[j][0]:
                        other = found.pop(j)
                        found[i] = (first[0] | other[0], first[1] + other[1])
                        merged = True
                        break
                if merged:
                    break
        return found

    def group(self, component, row):
        keys, declared = component
        unseen = any(pack not in self.runs for pack, _ in keys)
        members = sorted((*key, row) for key in keys if key[0] in self.runs)
        mine = [key for key in members if key in self.paid]
        doubtful = [key for key in members if self.runs[key[0]].status(key[1])[row] == -1]
        stack = declared[0][1].group.stack
        if stack is Stacking.HIGHEST and mine:
            winner = max(mine, key=lambda key: self.paid[key])
            waits = unseen or any(self.paid[winner] < FEN_MAX or key < winner for key in doubtful)
            for key in mine:
                self.open[key] |= waits
                self.paid[key] *= key == winner
        if stack is Stacking.FIRST and mine:
            self.open[mine[0]] |= unseen or any(key < mine[0] for key in doubtful)
            for key in mine[1:]:
                self.paid[key] = 0
        if stack is Stacking.SUM and unseen:
            self.open.update(dict.fromkeys(mine, True))
        if stack is Stacking.EXCLUSIVE and len(mine) + len(doubtful) + unseen > 1:
            self.open.update(dict.fromkeys(mine, True))
        for name, limit in declared:
            if limit.group.cap is not None:
                cap = self.runs[name].program.settings["cap"]
                self.cap(members, doubtful, cap, unseen=unseen, stack=stack)

    def cap(self, members, doubtful, cap, *, unseen, stack):
        adds_up = stack is Stacking.SUM
        left = None if cap is None or (adds_up and unseen) else int(cap)
        pending = 0
        for key in members:
            if key in doubtful and adds_up:
                pending += FEN_MAX
            if key not in self.paid:
                continue
            if left is not None and pending and self.paid[key] > left - pending:
                left = None
            if left is None:
                self.open[key] |= self.paid[key] > 0
            else:
                self.paid[key] = min(self.paid[key], left)
                left -= self.paid[key]


def flat(settled):
    return {
        (pack, rule, int(row)): (int(amount), bool(waits))
        for pack, one in settled.settlements.items()
        for rule, paid in one.payable.items()
        for row, amount, waits in zip(paid.rows, paid.amount_fen, paid.open, strict=True)
    }


def drawn_runs(texts, seed, missing):
    packs = [read_pack(text) for text in texts]
    rng = np.random.default_rng(seed)
    tables = [table_of(pack, rng, 12) for pack in packs]
    runs = [run(compile_pack(one, on=ON), two) for one, two in zip(packs, tables, strict=True)]
    return [one for index, one in enumerate(runs) if index != missing]


CITY = {
    "city": cities(),
    "seed": st.integers(0, 2**63),
    "missing": st.one_of(st.none(), st.integers(0, 3)),
    "known": st.booleans(),
}


@settings(max_examples=250, deadline=None)
@given(**CITY)
def test_packs_together_pay_what_a_naive_reading_pays(city, seed, missing, known):
    runs = drawn_runs(city[1], seed, missing)
    absent = {f"p{missing}"} if known else set()
    naive = Naive(runs, absent)
    found = flat(settle_together(runs, absent=absent))
    assert found == {key: (naive.paid[key], naive.open[key]) for key in naive.paid}


@settings(max_examples=120, deadline=None)
@given(order=st.permutations(range(4)), **CITY)
def test_the_order_of_the_packs_does_not_matter(order, city, seed, missing, known):
    runs = drawn_runs(city[1], seed, missing)
    absent = {f"p{missing}"} if known else set()
    turned = [runs[index] for index in order if index < len(runs)]
    assert flat(settle_together(turned, absent=absent)) == flat(
        settle_together(runs, absent=absent)
    )


@settings(max_examples=120, deadline=None)
@given(**CITY)
def test_nobody_gets_two_of_a_group_and_nothing_is_added(city, seed, missing, known):
    stack, packs = city
    runs = drawn_runs(packs, seed, missing)
    settled = settle_together(runs, absent={f"p{missing}"} if known else set())
    found = flat(settled)
    for group in settled.groups:
        for row in range(len(runs[0].table)):
            final = [
                found[pack, rule, row][0]
                for pack, rule in group.members
                if (pack, rule, row) in found and not found[pack, rule, row][1]
            ]
            if stack != "sum":
                assert sum(amount > 0 for amount in final) <= 1
            elif group.caps:
                caps = [
                    one.program.settings["cap"]
                    for one in runs
                    if one.program.pack.name in dict(group.caps)
                ]
                assert sum(final) <= min(0 if cap is None else cap for cap in caps)
    before = sum(one.rules[name].total_fen for one in runs for name in one.rules)
    assert settled.total_fen <= before
    assert settled.by_subject(len(runs[0].table)).sum() == settled.total_fen


@settings(max_examples=100, deadline=None)
@given(**CITY)
def test_a_pack_alone_finally_pays_nothing_that_another_could_change(city, seed, missing, known):
    del missing, known
    runs = drawn_runs(city[1], seed, None)
    together = flat(settle_together(runs))
    for one in runs:
        name = one.program.pack.name
        others_name_it = any(
            other.pack == name
            for run_ in runs
            for limit in run_.program.groups.values()
            for other in limit.group.others
        )
        if others_name_it:
            continue
        for rule, paid in settle(one).payable.items():
            for row, amount, waits in zip(paid.rows, paid.amount_fen, paid.open, strict=True):
                if not waits:
                    assert together[name, rule, int(row)] == (int(amount), False)


def told_all(one, rng):
    """The same run with some number in place of everything unknown."""
    columns = {}
    for name, column in one.table.columns.items():
        known = Column(column.numbers.copy(), None)
        top = one.program.pack.facts[name].maximum
        some = rng.integers(0, top, len(one.table), endpoint=True).astype(known.numbers.dtype)
        if column.unknown is not None:
            known.numbers[column.unknown] = some[column.unknown]
        columns[name] = known
    table = FactTable.of(one.program.pack.facts, columns, subjects=one.table.subjects)
    return run(one.program, table)


@settings(max_examples=150, deadline=None)
@given(**CITY)
def test_what_is_final_stays_whatever_the_unknown_facts_turn_out_to_be(city, seed, missing, known):
    runs = drawn_runs(city[1], seed, missing)
    absent = {f"p{missing}"} if known else set()
    rng = np.random.default_rng(seed)
    later = flat(settle_together([told_all(one, rng) for one in runs], absent=absent))
    for key, (amount, waits) in flat(settle_together(runs, absent=absent)).items():
        if not waits:
            assert later[key] == (amount, False)


@settings(max_examples=60, deadline=None)
@given(**CITY)
def test_each_subject_is_told_what_is_paid_and_which_rule_pays_instead(city, seed, missing, known):
    runs = drawn_runs(city[1], seed, missing)
    absent = {f"p{missing}"} if known else set()
    found = flat(settle_together(runs, absent=absent, programmes=False))
    asked = [(one.program, one.table) for one in runs]
    for row in range(4):
        said = list(chain(*explain_together(asked, row, absent=absent)))
        by_key = {(one.pack, one.rule.name): one for one in said}
        for one in said:
            amount, waits = found.get((one.pack, one.rule.name, row), (None, False))
            assert one.payable_fen == (None if waits else amount)
            assert (one.status is Status.ELIGIBLE) == (amount is not None)
            for language in ("zh", "en"):
                assert one.reason(language)
            if one.instead is not None:
                other = by_key[one.instead.pack, one.instead.rule]
                assert one.payable_fen == 0
                assert other.payable_fen == one.instead.amount_fen != 0
                assert other.instead is None
                assert one.instead.title.zh in one.reason("zh")
