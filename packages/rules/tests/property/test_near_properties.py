"""What a near miss would bring to everybody at once, against what each one is told."""

from datetime import date

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from liudu.rules import (
    PackRefusedError,
    Status,
    compile_pack,
    encoded_row,
    explain,
    near_amounts,
    read_pack,
    run,
)
from liudu.rules.testing import random_pack, random_pack_text, random_table

ON = date(2026, 3, 31)
SEEDS = st.integers(0, 2**63)
OPEN = """parameters:
  open: {type: money, unit: yuan, label: 待定, values: {2026-01-01: null}}
  set: {type: money, unit: yuan, label: 已定, values: {2026-01-01: 90}}
"""
MORE = """
  gift:
    title: 规则
    clause: 一
    bureau: 局
    subject: enterprise
    when: [{atom: 'a', say: 甲, act: 去做}, {atom: 'm > yuan(5)', say: 乙, act: 去做}]
    benefit: 优先
  waits:
    title: 规则
    clause: 一
    bureau: 局
    subject: enterprise
    when: [{atom: 'a', say: 甲, act: 去做}, {atom: 'm > yuan(5)', say: 乙, act: 去做}]
    amount: min(open, set)
  shares:
    title: 规则
    clause: 一
    bureau: 局
    subject: enterprise
    when: [{atom: 'a', say: 甲, act: 去做}, {atom: 'm > yuan(5)', say: 乙, act: 去做}]
    amount: 'min(max(m, fen(0)), set)'
"""


def awkward_pack(rng):
    """A random pack with a benefit, an amount that waits, and one that reads what is missing."""
    text = random_pack_text(rng)
    if "parameters:" in text:
        text = text.replace("parameters:\n", OPEN, 1)
    else:
        text = text.replace("rules:\n", OPEN + "rules:\n", 1)
    return read_pack(text.rstrip("\n") + MORE)


def told(program, table):
    """What every subject by itself is told of every near miss."""
    return {
        (one.rule.name, row): one.would_bring_fen
        for row in range(len(table))
        for one in explain(program, table, row)
        if one.near
    }


def computed(program, table):
    result = run(program, table)
    found = {}
    for name in program.rules:
        near = near_amounts(result, name)
        for row, amount, unknown in zip(near.rows, near.amount_fen, near.unknown, strict=True):
            found[name, int(row)] = None if unknown else int(amount)
        assert near.total_fen == sum(one or 0 for key, one in found.items() if key[0] == name)
        assert near.unknown_count == int(near.unknown.sum())
    return found


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_a_whole_table_is_told_of_near_misses_what_each_subject_is_told(seed):
    rng = np.random.default_rng(seed)
    try:
        program = compile_pack(awkward_pack(rng), on=ON)
    except PackRefusedError:
        assume(condition=False)
    table = random_table(rng, program.pack.facts, count=25)
    assert computed(program, table) == told(program, table)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(0, 3))
def test_that_holds_for_packs_of_every_depth(seed, depth):
    rng = np.random.default_rng(seed)
    try:
        program = compile_pack(random_pack(rng, depth=depth), on=ON)
    except PackRefusedError:
        assume(condition=False)
    table = random_table(rng, program.pack.facts, count=70)
    assert computed(program, table) == told(program, table)


def test_the_amount_is_unknown_where_it_reads_what_is_missing_waits_or_is_no_money():
    program = compile_pack(awkward_pack(np.random.default_rng(1)), on=ON)
    row = encoded_row(program.pack.facts, {"a": 1, "m": 100})
    one = {each.rule.name: each for each in explain(program, row)}
    assert one["shares"].near
    assert one["shares"].status is Status.INELIGIBLE
    result = run(program, row)
    for name in ("shares", "gift", "waits"):
        found = near_amounts(result, name)
        assert (found.rows.tolist(), found.unknown.tolist()) == ([0], [True])
    other = run(program, encoded_row(program.pack.facts, {"a": 0, "m": 4000}))
    found = near_amounts(other, "shares")
    assert (found.amount_fen.tolist(), found.unknown.tolist()) == ([4000], [False])
