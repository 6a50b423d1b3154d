import pytest

from liudu.rules import Severity, check_pack, check_versions, read_pack
from liudu.rules._check import (
    AmountAboveCapError,
    AtomNeverTestedError,
    DateGapError,
    ExampleFailedError,
    NoSourceError,
    NoTestsError,
    OpenParameterError,
    OverlapError,
    SleepingRuleError,
    UnreachableRuleError,
    UnusedFactError,
    VersionGapError,
)
from liudu.rules._program import VersionsOverlapError

RULE = """\
  {name}:
    title: 规则
    clause: 一
    bureau: 局
    subject: enterprise
    when:
      - {{atom: '{atom}', say: 条件}}
    amount: {amount}
    group: g
{more}"""
PACK = """\
pack: p
version: "1"
title: 示例
valid: {{from: 2026-01-01}}
facts:
  ok: {{type: bool, label: 甲, bureau: 局}}
  n: {{type: count, label: 数, bureau: 局, max: 100}}
  e: {{type: enum, values: [甲, 乙, 丙], label: 类, bureau: 局}}
  m: {{type: money, unit: yuan, label: 钱, bureau: 局}}
{facts}parameters:
  c: {{type: money, unit: yuan, label: 上限, values: {{{start}: {value}}}}}
groups:
  g: {{title: 组, stack: {stack}}}
rules:
{rules}"""


def pack_of(*rules, facts="", start="2026-01-01", value="100", stack="sum"):
    text = PACK.format(facts=facts, start=start, value=value, stack=stack, rules="".join(rules))
    return read_pack(text)


def rule(atom='ok and n > 1 and e == "甲" and m > c', *, name="r", amount="min(m, c)", more=""):
    return RULE.format(name=name, atom=atom, amount=amount, more=more)


def problems(pack, severity=Severity.ERROR):
    return [type(one.problem) for one in check_pack(pack) if one.severity is severity]


@pytest.mark.parametrize(
    "atom",
    [
        "ok and not ok",
        "n > 5 and n < 6",
        "n > 100",
        'e == "甲" and e == "乙"',
        'e in ("甲", "乙") and e not in ("乙", "甲")',
        "not (ok or n > 5) and n == 7",
        "False",
        "5 > n and n >= 5",
    ],
)
def test_conditions_that_contradict_each_other_are_found(atom):
    assert UnreachableRuleError in problems(pack_of(rule(atom)))


@pytest.mark.parametrize("atom", ["ok or not ok", "n >= 5 and n <= 5", 'e != "甲" and e != "乙"'])
def test_conditions_that_can_hold_are_left_alone(atom):
    assert UnreachableRuleError not in problems(pack_of(rule(atom)))


def test_an_overlap_in_an_exclusive_group_is_found_and_a_partition_is_not():
    low, high = rule("n < 5", name="low"), rule("n >= 5", name="high")
    assert OverlapError not in problems(pack_of(low, high, stack="exclusive"))
    wide = rule("n >= 4", name="high")
    assert OverlapError in problems(pack_of(low, wide, stack="exclusive"))
    assert OverlapError not in problems(pack_of(low, wide, stack="highest"))


def test_an_amount_that_can_pass_its_cap_is_found():
    assert AmountAboveCapError in problems(pack_of(rule(amount="m", more="    cap: c\n")))
    assert AmountAboveCapError not in problems(pack_of(rule(more="    cap: c\n")))


def test_rounding_up_can_pass_a_cap_too():
    more = "    rounding: up\n    round_to: yuan\n    cap: fen(50)\n"
    assert AmountAboveCapError in problems(pack_of(rule(amount="min(m, fen(50))", more=more)))


def test_a_fact_that_nobody_supplies_is_found_and_one_that_is_asked_is_not():
    lonely = "  x: {type: bool, label: 谁知道}\n"
    assert NoSourceError in problems(pack_of(rule("ok and x"), facts=lonely))
    asked = "  x: {type: bool, label: 谁知道, ask: 是吗}\n"
    assert NoSourceError not in problems(pack_of(rule("ok and x"), facts=asked))


def test_a_fact_that_no_rule_reads_is_told():
    assert UnusedFactError in problems(pack_of(rule("ok")), Severity.WARNING)
    assert UnusedFactError not in problems(pack_of(rule()), Severity.WARNING)


def test_days_without_a_value_are_found():
    assert DateGapError in problems(pack_of(rule(), start="2026-02-01"))


def test_a_parameter_that_the_office_must_set_is_told():
    assert OpenParameterError in problems(pack_of(rule(), value="null"), Severity.WARNING)


def test_a_rule_that_never_holds_while_its_pack_does_is_found():
    more = "    valid: {to: 2025-12-31}\n"
    assert SleepingRuleError in problems(pack_of(rule(more=more)))


def test_a_test_that_fails_is_an_error_and_a_rule_without_tests_a_warning():
    wrong = "    tests:\n      - {given: {ok: true}, expect: {status: ineligible}}\n"
    assert ExampleFailedError in problems(pack_of(rule(more=wrong)))
    assert NoTestsError in problems(pack_of(rule()), Severity.WARNING)


def test_a_condition_that_no_test_turns_false_is_told():
    half = "    tests:\n      - {given: {ok: true, m: 5}, expect: {status: eligible}}\n"
    found = [
        one.problem
        for one in check_pack(pack_of(rule("ok", more=half)))
        if isinstance(one.problem, AtomNeverTestedError)
    ]
    assert [one.state for one in found] == ["false"]
    whole = half + "      - {given: {ok: false}, expect: {status: ineligible}}\n"
    assert AtomNeverTestedError not in problems(pack_of(rule("ok", more=whole)), Severity.WARNING)


def test_gaps_and_overlaps_between_versions_are_found():
    def version(number, start, end):
        text = PACK.format(
            facts="", start="2026-01-01", value="1", stack="sum", rules=rule()
        ).replace("valid: {from: 2026-01-01}", f"valid: {{from: {start}, to: {end}}}")
        return read_pack(text.replace('"1"', f'"{number}"'))

    first = version(1, "2026-01-01", "2026-06-30")
    late, early = (version(2, day, "2026-12-31") for day in ("2026-07-02", "2026-06-30"))
    follows = version(2, "2026-07-01", "2026-12-31")
    assert [type(one.problem) for one in check_versions([late, first])] == [VersionGapError]
    assert [type(one.problem) for one in check_versions([first, early])] == [VersionsOverlapError]
    assert check_versions([first, follows]) == ()
