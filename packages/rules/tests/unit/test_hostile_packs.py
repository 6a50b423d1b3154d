"""Packs that contradict themselves: each is told with its line, and what would be right."""

from datetime import date

import pytest

from liudu.rules import PackRefusedError, check_pack, compile_pack, explain, read_pack, row_of

ON = date(2026, 6, 1)
PACK = """\
pack: p
version: "1"
title: 示例
valid: {from: 2026-01-01}
facts:
  ok: {type: bool, label: 符合, bureau: 局}
  cost: {type: money, unit: yuan, label: 支出, bureau: 局, max: 100000}
  months: {type: count, unit: months, label: 月, bureau: 局, max: 600}
  days: {type: count, unit: days, label: 天, bureau: 局}
  share: {type: rate, label: 占比, bureau: 局}
  born: {type: date, label: 出生, bureau: 局}
  used: {type: money, unit: yuan, label: 已付, bureau: 局}
parameters:
  rate: {type: rate, label: 比例, min: 0, max: 1, step: 0.1, values: {2026-01-01: 0.5}}
  start: {type: date, label: 开始, values: {2026-01-01: 2026-02-01}}
rules:
  r:
    title: 规则
    clause: 一
    bureau: 局
    subject: person
    when:
      - atom: ok
        say: 符合
    amount: rate * cost
    rounding: down
    group: g
    tests:
      - {given: {ok: true, cost: 100}, expect: {status: eligible, amount_yuan: 50}}
      - {given: {ok: false}, expect: {status: ineligible}}
groups:
  g: {title: 组, stack: highest}
budgets:
  b: {title: 预算, rules: [r], limit: yuan(100), per: subject, paid: used}
"""


def pack_with(*pairs):
    text = PACK
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def errors_of(text):
    try:
        found = [one.problem for one in check_pack(read_pack(text, file="p"))
                 if one.severity == "error"]  # fmt: skip
    except PackRefusedError as error:
        found = list(error.problems)
    assert all(one.say("zh").startswith("p:") for one in found)
    return [one.say("en") for one in found]


def test_the_pack_itself_has_no_errors():
    assert errors_of(PACK) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('version: "1"', "version: null", "p:2:10: version must be a version"),
        ("step: 0.1", "step: 0", "p:14:55: parameters.rate.step must be more than 0"),
        ("rules: [r], ", "rules: [r, r], ", "none of them twice"),
        ("rules: [r], ", "rules: [rr], ", "there is no rr in this pack; it has r"),
        ("group: g", "group: gg", "there is no gg in this pack; it has g"),
        ("paid: used", "paid: months", "a fact of money, and months is count of months"),
        ("yuan(100)", "fen(0) - yuan(100)", "this limit can be as low as -¥100"),
        ("amount_yuan: 50", "amount_yuan: 50, amount_fen: 5000", "left out where there is"),
        ("{given: {ok: true", "{set: {rate: 7}, given: {ok: true", "rate = 7 is outside 0 to 1"),
        ("{given: {ok: true", "{on: 2020-01-01, given: {ok: true", "not on 2020-01-01"),
        ("cost: 100}", "cost: 1e2}", "programs read 1e2 as different numbers"),
        ("rate * cost", "yuan(-5)", "as low as -¥5"),
        ("atom: ok", "atom: days_after(born, days * 9000000000) > today", "beyond 64 bits"),
        ("  g: {title", '  " ": {title', "there is no g"),
    ],
)
def test_what_contradicts_itself_is_told_with_its_place(old, new, said):
    assert any(said in one for one in errors_of(pack_with((old, new)))), errors_of(
        pack_with((old, new))
    )


def test_a_limit_over_all_subjects_is_no_matter_of_one():
    mine = pack_with(("limit: yuan(100), per: subject, paid: used",
                      "limit: cost, per: programme, order: [born]"))  # fmt: skip
    assert any("the limit of a programme is one for all" in one for one in errors_of(mine))


def test_one_wrong_fact_is_one_error():
    (said,) = errors_of(pack_with(("label: 支出", "min: 1e3, label: 支出")))
    assert "1e3" in said


def test_a_pack_of_no_rules_is_refused():
    text = PACK[: PACK.index("rules:")] + "rules: {}\n"
    assert errors_of(text) == ["p:16:8: rules must be at least one rule."]


def test_kinds_are_told_in_chinese():
    with pytest.raises(PackRefusedError) as caught:
        compile_pack(read_pack(pack_with(("atom: ok", "atom: cost > 5000"))), on=ON)
    assert "金额与不带单位的数不能放在一起" in caught.value.problems[0].say("zh")
    with pytest.raises(PackRefusedError) as caught:
        compile_pack(read_pack(pack_with(("atom: ok", "atom: months"))), on=ON)
    assert "这里需要真假，而写的是数量（months）" in caught.value.problems[0].say("zh")


@pytest.mark.parametrize(
    ("old", "new", "chinese", "english"),
    [
        ("limit: yuan(100)", "limit: yuan(-1)", "低至 -1 元", "as low as -¥1"),
        ("rate * cost", "cost - yuan(1)", "低至 -1 元", "as low as -¥1"),
        (
            "group: g",
            "cap: yuan(5)",
            "可达 50,000 元，超过上限 5 元",
            "reach ¥50,000, above its cap",
        ),
        (
            "group: g",
            "on_payment: {cost: {becomes: cost + yuan(1)}}",
            "1 元 至 100,001 元，而 cost 的范围是 0 元",
            "¥1 to ¥100,001, but cost is ¥0",
        ),
        ("group: g", "on_payment: {ok: {adds: 1}}", "ok 的类型是“是否”", "ok is bool"),
    ],
)
def test_sums_and_kinds_are_told_in_the_language_of_the_reader(old, new, chinese, english):
    text = pack_with((old, new))
    try:
        [found] = [one.problem for one in check_pack(read_pack(text)) if one.severity == "error"]
    except PackRefusedError as error:
        [found] = error.problems
    assert chinese in found.say("zh")
    assert english in found.say("en")


def said_of(text, **facts):
    program = compile_pack(read_pack(text), on=ON)
    (one,) = explain(program, row_of(program.pack.facts, facts))
    return one


def test_days_in_quotes_are_days_everywhere():
    quoted = pack_with(
        ("from: 2026-01-01", 'from: "2026-01-01"'),
        ("{2026-01-01: 2026-02-01}", "{'2026-01-01': '2026-02-01'}"),
        ("label: 出生", 'min: "2000-01-01", label: 出生'),
        ("{ok: true, cost", '{born: "2001-02-28", ok: true, cost'),
        ("atom: ok", "atom: ok and start > today"),
    )
    pack = read_pack(quoted)
    assert pack.period.start == date(2026, 1, 1)
    assert pack.parameters["start"].on(ON) == date(2026, 2, 1)
    assert errors_of(quoted) == []


@pytest.mark.parametrize(
    "amount",
    [
        "cost / rate",
        "cost * (1 / rate)",
        "tiers(share, {0: 0, rate: yuan(5)})",
        "slices(share, {0: 0, rate: 0.5}) * cost",
        "cost if share in (rate, 0.25) else yuan(1)",
        "min(rate * cost, yuan(5))",
        "max(rate * cost, yuan(5))",
    ],
)
def test_what_the_office_has_not_set_is_unknown_wherever_it_stands(amount):
    text = pack_with(
        ("{2026-01-01: 0.5}", "{2026-01-01: null}"),
        ("amount: rate * cost", f"amount: '{amount}'"),
    )
    one = said_of(text, ok=True, cost=100, share=0)
    assert (one.status, one.amount_fen, one.open_parameters) == ("unknown", None, ("rate",))


def test_membership_of_an_open_parameter_is_true_where_another_member_is_met():
    text = pack_with(
        ("{2026-01-01: 0.5}", "{2026-01-01: null}"),
        ("atom: ok", "atom: share in (rate, 0, 1)"),
        ("amount: rate * cost", "amount: cost"),
    )
    assert said_of(text, cost=1, share=1).status == "eligible"
    assert said_of(text.replace("share in", "share not in"), cost=1, share=1).status == "ineligible"
    half = said_of(text, cost=1, share=0)
    assert half.status == "eligible"


def test_negative_constants_are_constants():
    text = pack_with(("atom: ok", "atom: months in (-1, 3) or months - 5 == -2"))
    assert said_of(text, months=3, cost=1).status == "eligible"


def test_a_rule_that_may_bring_more_once_the_office_sets_a_sum_keeps_its_group_open():
    other = """\
  s:
    title: 另一条
    clause: 二
    bureau: 局
    subject: person
    when:
      - {atom: ok, say: 符合}
    amount: later
    group: g
groups:
"""
    open_sum = "{type: money, unit: yuan, label: 待定, values: {2026-01-01: null}}"
    text = pack_with(
        ("groups:\n", other),
        ("parameters:\n", f"parameters:\n  later: {open_sum}\n"),
    )
    program = compile_pack(read_pack(text), on=ON)
    first, second = explain(
        program, row_of(program.pack.facts, {"ok": True, "cost": 100, "used": 0})
    )
    assert (first.amount_fen, first.payable_fen, second.status) == (5000, None, "unknown")
