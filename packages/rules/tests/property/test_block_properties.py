"""Bitmaps and blocks: whichever way is the fastest, the answer is the same."""

from datetime import date
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from liudu.rules import _run
from liudu.rules._bitmap import pack, rows_of
from liudu.rules._pack import PackRefusedError
from liudu.rules._program import compile_pack
from liudu.rules._run import run
from liudu.rules.testing import random_pack, random_table

ON = date(2026, 3, 31)
PARTS = ("eligible", "unknown", "near", "amount_fen")


@pytest.mark.parametrize("share", [0, 0.0005, 0.005, 0.05, 0.099, 0.4, 1])
@pytest.mark.parametrize("count", [1, 64, 512, 513, 20_000])
def test_the_rows_of_a_bitmap_are_those_whose_bit_is_set(count, share):
    truth = np.random.default_rng(count).random(count) < share
    assert np.array_equal(rows_of(pack(truth)), np.flatnonzero(truth))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**63),
    count=st.integers(1, 900),
    join_words=st.integers(1, 9),
    pay_words=st.integers(1, 9),
)
def test_a_run_in_small_blocks_says_what_a_run_in_one_block_says(
    seed, count, join_words, pay_words
):
    rng = np.random.default_rng(seed)
    made = random_pack(rng, depth=2)
    table = random_table(rng, made.facts, count=count)
    try:
        program = compile_pack(made, on=ON)
    except PackRefusedError:  # a random amount may overflow
        reject()
    whole = run(program, table)
    with patch.object(_run, "JOIN_WORDS", join_words), patch.object(_run, "PAY_WORDS", pay_words):
        pieces = run(program, table)
    for name, one in whole.rules.items():
        assert len(one.amount_fen) == len(one.rows)
        for part in PARTS:
            assert np.array_equal(getattr(one, part), getattr(pieces.rules[name], part))
