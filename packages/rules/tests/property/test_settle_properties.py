"""What is paid, against a naive reading: subject by subject, purse by purse, in plain Python."""

from datetime import date
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from liudu.rules import (
    Column,
    FactTable,
    Stacking,
    compile_pack,
    day_of,
    read_pack,
    run,
    run_city,
    settle,
)
from liudu.rules.testing import random_table

ON = date(2026, 3, 31)
RULES = 5
HEAD = """\
pack: stacks
version: "1"
title: 叠加
valid: {from: 2026-01-01}
facts:
  paid: {type: money, unit: fen, label: 已付, bureau: 局, max: 30}
  came: {type: date, label: 先后, bureau: 局, min: 2026-01-01, max: 2026-01-31}
  size: {type: count, label: 大小, bureau: 局, max: 3}
"""


@st.composite
def packs(draw):
    """A pack of five rules, each paying its own fact, in drawn groups and budgets."""
    facts = "".join(
        f"  on{i}: {{type: bool, label: 可, bureau: 局}}\n"
        f"  sum{i}: {{type: money, unit: fen, label: 额, bureau: 局, max: 9}}\n"
        for i in range(RULES)
    )
    groups = draw(st.lists(st.sampled_from(["", "g", "h"]), min_size=RULES, max_size=RULES))
    rules = "".join(
        f"  r{i}:\n    title: 规则\n    clause: 一\n    bureau: 局\n    subject: enterprise\n"
        f"    when: [{{atom: on{i}, say: 可}}]\n    amount: sum{i}\n"
        + (f"    group: {group}\n" if group else "")
        for i, group in enumerate(groups)
    )
    return HEAD + facts + _parameters(draw) + "rules:\n" + rules + _groups(draw) + _budgets(draw)


def _parameters(draw):
    limits = st.sampled_from(["null", "0", "3", "9", "25", "200"])
    text = "parameters:\n"
    for name in ("cap", "mine", "purse"):
        dated = f"{{2026-01-01: {draw(limits)}}}"
        text += f"  {name}: {{type: money, unit: fen, label: 限, values: {dated}}}\n"
    return text


def _groups(draw):
    text = "groups:\n"
    for name in ("g", "h"):
        stack = draw(st.sampled_from(list(Stacking)))
        cap = draw(st.sampled_from(["", ", cap: cap"]))
        text += f"  {name}: {{title: 组, stack: {stack}{cap}}}\n"
    return text


def _budgets(draw):
    names = st.lists(st.sampled_from([f"r{i}" for i in range(RULES)]), min_size=1, unique=True)
    order = draw(st.sampled_from(["[came]", "[size, came]"]))
    split = str(draw(st.booleans())).lower()
    return (
        "budgets:\n"
        f"  purse_of_all: {{title: 总额, rules: [{', '.join(draw(names))}], limit: purse, "
        f"per: programme, order: {order}, split: {split}}}\n"
        f"  purse_of_one: {{title: 每户, rules: [{', '.join(draw(names))}], limit: mine, "
        "per: subject, paid: paid}\n"
    )


class Naive:
    """Pays row by row; `paid` and `open` by (rule, row) of the eligible."""

    def __init__(self, result):
        self.result, self.table, self.pack = result, result.table, result.program.pack
        self.rows = range(len(result.table))
        status = {name: result.status(name) for name in result.rules}
        amounts = {name: result.amounts(name) for name in result.rules}
        keys = [(name, row) for name in result.rules for row in self.rows]
        self.unknown = {key for key in keys if status[key[0]][key[1]] == -1}
        eligible = [key for key in keys if status[key[0]][key[1]] == 1]
        self.paid = {(name, row): int(amounts[name][row]) for name, row in eligible}
        self.open = dict.fromkeys(eligible, False)
        self.uses = []
        for group in result.program.groups.values():
            for row in self.rows:
                self.group(group, row)
        for one in sorted(self.pack.budgets.values(), key=lambda each: each.per == "programme"):
            self.programme(one) if one.per == "programme" else self.each(one)

    def setting(self, written):
        value = self.pack.parameters[written.text].on(ON)
        return None if value is None else int(value)

    def group(self, group, row):
        mine = [(name, row) for name in group.rules if (name, row) in self.paid]
        doubtful = [(name, row) for name in group.rules if (name, row) in self.unknown]
        stack = group.group.stack
        if stack is Stacking.HIGHEST and mine:
            winner = max(mine, key=lambda key: self.paid[key])  # the first of equal ones
            tops = {
                name: self.result.program.rules[name].amount_max_fen + (name < winner[0]) / 2
                for name, _ in doubtful
            }
            for key in mine:
                self.open[key] |= any(top > self.paid[winner] for top in tops.values())
            for key in set(mine) - {winner}:
                self.paid[key] = 0
        if stack is Stacking.FIRST and mine:
            before = group.rules[: group.rules.index(mine[0][0])]
            self.open[mine[0]] |= any((name, row) in self.unknown for name in before)
            for key in mine[1:]:
                self.paid[key] = 0
        if stack is Stacking.EXCLUSIVE and len(mine) + len(doubtful) > 1:
            self.open.update(dict.fromkeys(mine, True))
        if group.group.cap is not None:
            self.cap(group, row, self.setting(group.group.cap))

    def cap(self, group, row, left):
        pending = 0
        for name in group.rules:
            key = (name, row)
            if key in self.unknown and group.group.stack is Stacking.SUM:
                pending += self.result.program.rules[name].amount_max_fen
            if key in self.paid:
                if left is not None and pending and self.paid[key] > left - pending:
                    left = None
                self.cut([key], left)
                left = None if left is None else left - self.paid[key]

    def cut(self, keys, left):
        for key in keys:
            if left is None:
                self.open[key] |= self.paid[key] > 0
            else:
                self.paid[key] = min(self.paid[key], left)
                left -= self.paid[key]

    def each(self, budget):
        for row in self.rows:
            limit, used = self.setting(budget.limit), self.table.cell(budget.paid, row)
            left = None if None in (limit, used) else max(limit - used, 0)
            self.cut([(n, row) for n in budget.rules if (n, row) in self.paid], left)

    def programme(self, budget):
        queue = []
        for place, name in enumerate(budget.rules):
            for row in self.rows:
                key = (name, row)
                if key in self.paid:
                    order = [self.table.cell(fact, row) for fact in budget.order]
                    self.open[key] |= None in order
                    if not self.open[key]:
                        queue.append((order, self.table.subjects[row], place, key))
        purse, asked = self.setting(budget.limit), sum(self.paid[one[-1]] for one in queue)
        if purse is None:
            members = [key for key in self.paid if key[0] in budget.rules]
            self.open.update(dict.fromkeys(members, True))
            self.uses.append((None, asked, 0, 0, 0, None))
            return
        self.serve(budget, sorted(queue), purse, asked)

    def serve(self, budget, queue, purse, asked):
        left, stopped, served, away = purse, None, 0, 0
        for order, _, _, key in queue:
            wanted = self.paid[key]
            if stopped is None and wanted > left:
                stopped = order
                self.paid[key] = left if budget.split else 0
                left -= self.paid[key]
            elif stopped is not None:
                self.paid[key] = 0
            else:
                left -= wanted
            served += wanted > 0 and self.paid[key] > 0
            away += wanted > 0 and self.paid[key] == 0
        day = stopped and budget.order[0] == "came"
        exhausted = day_of(stopped[0]) if day else None
        self.uses.append((purse, asked, purse - left, served, away, exhausted))


@settings(max_examples=80, deadline=None)
@given(packs(), st.integers(0, 2**63), st.integers(0, 12))
def test_what_is_paid_is_what_a_naive_reading_pays(text, seed, count):
    pack = read_pack(text)
    table = random_table(np.random.default_rng(seed), pack.facts, count=count, unknown=0.15)
    result = run(compile_pack(pack, on=ON), table)
    settled, naive = settle(result), Naive(result)
    for name, one in settled.payable.items():
        keys = [(name, int(row)) for row in one.rows]
        assert [bool(x) for x in one.open] == [naive.open[key] for key in keys], name
        assert [int(x) for x in one.amount_fen] == [naive.paid[key] for key in keys], name
    uses = [
        (u.limit_fen, u.asked_fen, u.paid_fen, u.served, u.turned_away, u.exhausted_on)
        for u in settled.budgets
    ]
    assert uses == naive.uses
    final = sum(fen for key, fen in naive.paid.items() if not naive.open[key])
    assert settled.total_fen == final


def in_parts(table, cuts):
    """Cut a table into chunks at some rows."""
    edges = [0, *sorted(min(cut, len(table)) for cut in cuts), len(table)]
    for start, end in pairwise(edges):
        columns = {
            name: Column(
                one.numbers[start:end], None if one.unknown is None else one.unknown[start:end]
            )
            for name, one in table.columns.items()
        }
        yield FactTable(subjects=table.subjects[start:end], columns=columns)


@settings(max_examples=300, deadline=None)
@given(
    text=packs(),
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 40),
    cuts=st.lists(st.integers(0, 40), max_size=5),
)
def test_a_city_in_chunks_pays_what_it_pays_at_once(text, seed, count, cuts):
    program = compile_pack(read_pack(text), on=ON)
    table = random_table(np.random.default_rng(seed), program.pack.facts, count=count, unknown=0.15)
    named = FactTable(
        subjects=[f"S{(7 * row) % count:03d}-{row}" for row in range(count)], columns=table.columns
    )
    whole = settle(run(program, named))
    city = run_city(program, in_parts(named, cuts))
    assert city.budgets == whole.budgets
    assert city.payable_fen == {name: one.total_fen for name, one in whole.payable.items()}
