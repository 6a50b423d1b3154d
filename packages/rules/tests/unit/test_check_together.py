import pytest

from liudu.rules import Severity, check_together, read_pack

PACK = """\
pack: {name}
version: "1"
title: 甲
valid: {{from: {start}}}
facts:
  size: {{type: count, label: 人数, bureau: 局, max: 1000}}
  wage: {{type: money, unit: {unit}, label: 工资, bureau: 局, max: 1000}}
rules:
  r:
    title: 补贴
    clause: 一
    bureau: 局
    subject: {subject}
    when: [{{atom: '{atom}', say: 条件}}]
    amount: wage
    group: home
groups:
  home: {{title: 购房, stack: {stack}, with: [{others}]}}
"""


def pack(name, *, others="", stack="highest", subject="person", atom="size > 5", start="2026-01-01",
         unit="yuan"):  # fmt: skip
    return read_pack(
        PACK.format(
            name=name,
            others=others,
            stack=stack,
            subject=subject,
            atom=atom,
            start=start,
            unit=unit,
        )
    )


def found(*packs):
    return [(one.severity, one.problem.say("en")) for one in check_together(packs)]


def test_packs_that_agree_have_no_findings_in_any_order():
    ones = [pack("a", others="b/r"), pack("b"), pack("c")]
    assert found(*ones) == found(*reversed(ones)) == []


def test_a_rule_that_its_pack_does_not_have_is_an_error_with_its_line():
    [(severity, said)] = found(pack("a", others="b/rr"), pack("b"))
    assert severity is Severity.ERROR
    assert said == "pack.yaml:18:44: home names b/rr, and b has no such rule; it has r."


def test_a_pack_that_is_not_there_is_an_error_among_several_and_a_warning_alone():
    [(severity, said)] = found(pack("housing", others="sip-homes/r"), pack("sip-home"))
    assert severity is Severity.ERROR
    assert "no pack sip-homes is given (did you mean sip-home?)" in said
    [(severity, _)] = found(pack("a", others="b/r"))
    assert severity is Severity.WARNING


def test_a_rule_about_another_kind_of_subject_is_an_error():
    [(severity, said)] = found(pack("a", others="b/r"), pack("b", subject="enterprise"))
    assert (severity, "is about person, and b/r about enterprise" in said) == (Severity.ERROR, True)


def test_groups_that_contradict_are_an_error():
    [(severity, said)] = found(pack("a", others="b/r"), pack("b", stack="sum"))
    assert severity is Severity.ERROR
    assert "a/home says stack: highest and b/home, which shares b/r, says sum" in said


def test_contradicting_packs_of_different_years_do_not_meet():
    early = read_pack(
        PACK.format(
            name="b",
            others="",
            stack="sum",
            subject="person",
            atom="size > 5",
            unit="yuan",
            start="2024-01-01, to: 2025-12-31",
        )
    )
    assert found(pack("a", others="b/r"), early) == []


@pytest.mark.parametrize(("atom", "wrong"), [("size > 4", True), ("size <= 5", False)])
def test_an_exclusive_group_wants_proof_that_two_packs_never_meet(atom, wrong):
    ones = pack("a", others="b/r", stack="exclusive"), pack("b", stack="exclusive", atom=atom)
    said = found(*ones)
    assert bool(said) is wrong
    if wrong:
        assert "a/r and b/r, which exclude each other, can apply to one subject" in said[0][1]


def test_a_fact_written_in_other_units_is_a_warning_for_one_table_serves_both():
    [(severity, said)] = found(pack("a", others="b/r"), pack("b", unit="wan"))
    assert severity is Severity.WARNING
    assert "wage is money in yuan here and money in wan in b" in said
