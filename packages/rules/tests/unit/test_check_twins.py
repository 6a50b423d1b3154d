"""Each static check with a pack that must trigger it, and a near twin that must not."""

import pytest

from liudu.rules import check_pack, read_pack
from liudu.rules._check import (
    AmountAboveCapError,
    DateGapError,
    NoSourceError,
    OverlapError,
    UnreachableRuleError,
    UnusedPartError,
    ValueOutOfRangeError,
)

PACK = """\
pack: p
version: "1"
title: 示例
valid: {{from: 2026-01-01}}
facts:
  a: {{type: bool, label: 甲, bureau: 局}}
  b: {{type: bool, label: 乙, bureau: 局{source}}}
  n: {{type: count, label: 数, bureau: 局, max: 100}}
  k: {{type: count, label: 另一数, bureau: 局, max: 100}}
  r: {{type: rate, label: 占比, bureau: 局}}
  e: {{type: enum, values: [甲, 乙, 丙], label: 类, bureau: 局}}
  d: {{type: date, label: 日, bureau: 局}}
  m: {{type: money, unit: yuan, label: 钱, bureau: 局, max: 1000000}}
parameters:
  on: {{type: bool, label: 开关, values: {{2026-01-01: false, 2026-07-01: true}}}}
  c: {{type: money, unit: yuan, label: 上限, min: 0, max: 500, values: {{{start}: {cap}}}}}
groups:
  g: {{title: 组, stack: exclusive}}
rules:
  x:
    title: 规则
    clause: 一
    bureau: 局
    subject: enterprise
    when:
      - {{atom: '{first}', say: 条件}}
    amount: {amount}
    rounding: {rounding}
    cap: {limit}
    group: g
  y:
    title: 另一条
    clause: 二
    bureau: 局
    subject: enterprise
    when:
      - {{atom: '{second}', say: 条件}}
    benefit: 证书
    group: g
"""
USED = 'a and b and n > 1 and k > 1 and r > 0 and e in ("甲", "乙") and m > c and not on'
AS_IS = {
    "first": "a",
    "second": "not a",
    "amount": "min(m, c)",
    "rounding": "down",
    "limit": "c",
    "start": "2026-01-01",
    "cap": "100",
    "source": "",
}


def found(**changes):
    text = PACK.format(**{**AS_IS, **changes})
    return {type(one.problem) for one in check_pack(read_pack(text))}


@pytest.mark.parametrize(
    ("contradictory", "possible"),
    [
        ("a and not a", "a and not b"),
        ("(a or b) and not a and not b", "(a or b) and not a"),
        ("n > 5 and n < 6", "n > 5 and n < 7"),
        ("n * 3 > 5 and n * 3 < 6", "n * 3 > 5 and n * 3 < 7"),
        ("n * 3 == 5", "n * 3 == 6"),
        ("n > k and n < k", "n > k and n < k + 2"),
        ("n > k and k >= n", "n >= k and k >= n"),
        ("n + 1 > k and not n + 1 > k", "n + 1 > k and not n > k"),
        ("r > 0.12345 and r < 0.12346", "r > 0.1234 and r < 0.1236"),
        ('e not in ("甲", "乙", "丙")', 'e not in ("甲", "乙")'),
        ('(e == "甲" or n > 5) and e == "乙" and n < 3', '(e == "甲" or n > 5) and e == "乙"'),
        ("n > 100", "n >= 100"),
        ("m > yuan(1000000)", "m >= yuan(1000000)"),
        ('d > "2199-12-31"', 'd >= "2199-12-31"'),
        ("False", "True"),
        ("on and not on", "on"),  # true from July
        ("d < today and d >= today", 'd >= "2026-06-01" and d < today'),  # true from June
    ],
)
def test_a_rule_that_can_never_apply_and_one_that_can(contradictory, possible):
    assert UnreachableRuleError in found(first=contradictory)
    assert UnreachableRuleError not in found(first=possible)


@pytest.mark.parametrize(
    ("first", "apart", "together"),
    [
        ("a", "not a", "b"),
        ("a or b", "not a and not b", "not a"),
        ("n < 5", "n >= 5", "n >= 4"),
        ("n >= k", "n < k", "n <= k"),
        ('e in ("甲", "乙")', 'e == "丙"', 'e in ("乙", "丙")'),
        ("months_between(d, today) < 12", "months_between(d, today) >= 12", "d < today"),
        ("m < 0.5 * c", "m >= 0.5 * c", "m >= 0.4 * c"),
        ('a and (e == "甲" or n > 5)', 'not a or (e == "乙" and n == 3)', "a"),
    ],
)
def test_two_rules_of_an_exclusive_group_that_overlap_and_two_that_do_not(first, apart, together):
    assert OverlapError not in found(first=first, second=apart)
    assert OverlapError in found(first=first, second=together)


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ({"amount": "m"}, {"amount": "min(m, c)"}),
        ({"amount": "0.5 * m", "first": "m <= yuan(201)"},
         {"amount": "0.5 * m", "first": "m <= yuan(200)"}),
        ({"amount": "n * yuan(1)", "limit": "yuan(99)"},
         {"amount": "n * yuan(1)", "limit": "yuan(100)"}),
        ({"amount": "min(m, 0.3 * m)", "limit": "0.2 * m"},
         {"amount": "min(m, 0.2 * m)", "limit": "0.2 * m"}),
        ({"amount": "min(m, fen(10001) / 2)", "limit": "fen(10001) / 2", "rounding": "up"},
         {"amount": "min(m, fen(10001) / 2)", "limit": "fen(10001) / 2", "rounding": "down"}),
        ({"amount": "yuan(101) if n > 50 else yuan(1)"},
         {"amount": "yuan(100) if n > 50 else yuan(1)"}),
    ],
)  # fmt: skip
def test_an_amount_that_can_pass_its_cap_and_one_that_cannot(above, below):
    assert AmountAboveCapError in found(**above)
    assert AmountAboveCapError not in found(**below)


def test_a_date_gap_a_value_outside_its_range_and_what_nothing_uses():
    assert DateGapError in found(start="2026-02-01")
    assert DateGapError not in found(start="2025-12-01")
    assert ValueOutOfRangeError in found(cap="501")
    assert ValueOutOfRangeError not in found(cap="500")
    assert UnusedPartError in found()  # `on`
    assert UnusedPartError not in found(first=USED)


def test_a_fact_that_nobody_supplies_and_one_that_is_asked():
    text = PACK.format(**{**AS_IS, "first": "b"})
    silent = text.replace("label: 乙, bureau: 局", "label: 乙")
    assert NoSourceError in {type(one.problem) for one in check_pack(read_pack(silent))}
    asked = text.replace("label: 乙, bureau: 局", "label: 乙, ask: 是否乙？")
    assert NoSourceError not in {type(one.problem) for one in check_pack(read_pack(asked))}
