"""A what-if computes only what a parameter touches; the answer must be that of starting afresh."""

from datetime import date
from fractions import Fraction

import numpy as np
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from liudu.rules import compile_pack, read_pack, run, settle, what_if
from liudu.rules._pack import PackRefusedError
from liudu.rules._program import recompile
from liudu.rules.testing import random_pack_text, random_table

ON = date(2026, 3, 31)
TAIL = """\
definitions: {ceiling: 'min(c, roof)', roof: c}
groups:
  best: {title: 就高, stack: highest, cap: c}
  either: {title: 二者取一, stack: exclusive}
budgets:
  purse: {title: 预算, rules: [r0, r2], limit: roof, per: programme, order: [s], split: true}
"""
GROUPS = {"r0": "best", "r1": "best", "r2": "either", "r3": "either"}
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "q": st.sampled_from([Fraction(0), Fraction(15, 100), Fraction(1, 8), None]),
        "u": st.sampled_from([Fraction(1, 3), Fraction(1), None]),
        "c": st.sampled_from([Fraction(0), Fraction(70_000), Fraction(2_000_000), None]),
    },
)


def pack_with_everything(rng):
    text = random_pack_text(rng).replace("wan(3)", "ceiling")
    for rule, group in GROUPS.items():
        text = text.replace(f"  {rule}:\n", f"  {rule}:\n    group: {group}\n")
    return read_pack(text + TAIL)


def assert_same(one, two):
    assert one.program == two.program
    for name, rule in two.rules.items():
        for part in ("eligible", "unknown", "near", "amount_fen"):
            assert np.array_equal(getattr(one.rules[name], part), getattr(rule, part)), name
        for index in range(len(two.program.rules[name].atoms)):
            assert np.array_equal(one.atom(name, index), two.atom(name, index))
    mine, theirs = settle(one), settle(two)
    assert mine.budgets == theirs.budgets
    assert np.array_equal(mine.by_subject(len(one.table)), theirs.by_subject(len(two.table)))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**63), st.lists(SETTINGS, min_size=1, max_size=3))
def test_a_what_if_after_a_what_if_says_what_a_fresh_run_says(seed, moves):
    rng = np.random.default_rng(seed)
    pack = pack_with_everything(rng)
    table = random_table(rng, pack.facts, count=70)
    held = {}
    try:
        step = run(compile_pack(pack, on=ON), table)
        for move in moves:
            held |= move
            step = what_if(step, move)
            assert_same(step, run(compile_pack(pack, on=ON, settings=held), table))
    except PackRefusedError:
        reject()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**63), SETTINGS)
def test_a_pack_that_is_refused_afresh_is_refused_by_a_what_if_too(seed, move):
    pack = pack_with_everything(np.random.default_rng(seed))
    try:
        before = compile_pack(pack, on=ON)
    except PackRefusedError:
        reject()
    answers = []
    for compiled in (
        lambda: recompile(before, move),
        lambda: compile_pack(pack, on=ON, settings=move),
    ):
        try:
            answers.append(compiled())
        except PackRefusedError as error:
            answers.append(sorted(map(str, error.problems)))
    assert answers[0] == answers[1]


def test_a_rule_that_does_not_name_the_parameter_is_not_compiled_again():
    pack = pack_with_everything(np.random.default_rng(3))
    before = compile_pack(pack, on=ON)
    after = recompile(before, {"c": Fraction(123)})
    touched = {name for name in pack.rules if after.rules[name] is not before.rules[name]}
    assert touched == {name for name, named in pack.parameters_of.items() if "c" in named}
    after = recompile(before, {"u": Fraction(1, 2)})
    kept = {name for name in pack.rules if after.rules[name] is before.rules[name]}
    assert kept == {name for name, named in pack.parameters_of.items() if "u" not in named}
    assert kept
