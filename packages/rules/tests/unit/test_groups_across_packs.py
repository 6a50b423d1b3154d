from datetime import date

import pytest

from liudu.rules import (
    OrderContradictionError,
    OtherDayError,
    OtherSubjectsError,
    PackRefusedError,
    PackTwiceError,
    StackContradictionError,
    compare,
    compile_pack,
    explain,
    explain_together,
    joint_groups,
    read_pack,
    row_of,
    run,
    settle,
    settle_together,
)

ON = date(2026, 3, 31)

PACK = """\
pack: {name}
version: "1"
title: 甲
facts:
  a: {{type: bool, label: 甲, bureau: 局}}
  m: {{type: money, unit: yuan, label: 额, bureau: 局, max: 1000}}
rules:
  {rule}:
    title: {{zh: 补贴{rule}, en: subsidy {rule}}}
    clause: 一
    bureau: 局
    subject: person
    when: [{{atom: a, say: 甲}}]
    amount: m
    group: home
groups:
  home: {{title: 购房, stack: {stack}, with: [{others}]}}
"""


def text(name="mine", rule="r", stack="highest", others="other/s"):
    return PACK.format(name=name, rule=rule, stack=stack, others=others)


def refused(written):
    with pytest.raises(PackRefusedError) as caught:
        read_pack(written)
    return str(caught.value)


def test_a_group_names_rules_of_other_packs():
    group = read_pack(text(others="other/s, third-pack/t")).groups["home"]
    assert [str(one) for one in group.others] == ["other/s", "third-pack/t"]


@pytest.mark.parametrize("name", ["other", "/s", "other/", "other/s/t", "'other / s'"])
def test_a_name_that_is_not_pack_and_rule_is_refused_with_its_line(name):
    said = refused(text(others=name))
    assert said.startswith("1 errors in pack.yaml:\npack.yaml:17:44: ")
    assert "write pack/rule" in said


def test_a_rule_of_the_own_pack_is_refused_with_the_way_out():
    assert "give the rule r `group: home`" in refused(text(others="mine/r"))


def test_a_rule_that_is_named_twice_is_refused():
    assert "other/s stands twice in home" in refused(text(others="other/s, third/t, other/s"))


def program(day=ON, **more):
    return compile_pack(read_pack(text(**more)), on=day)


def row(one, *, paid=None, subject="甲"):
    return row_of(one.pack.facts, {"a": paid is not None, "m": paid}, subject=subject)


def alone(rule, pack, day=ON):
    """A pack whose rule belongs to no group."""
    written = text(name=pack, rule=rule).replace("    group: home\n", "")
    return compile_pack(read_pack(written[: written.index("groups:")]), on=day)


def test_the_higher_of_two_packs_is_paid_and_both_say_so():
    mine, other = program(), alone("s", "other")
    [first], [second] = explain_together([(mine, row(mine, paid=5)), (other, row(other, paid=8))])
    assert (first.payable_fen, second.payable_fen) == (0, 800)
    assert first.outweighed_by == "other/s"
    assert "就高不重复：由“补贴s”（甲）发放 8 元，本条不再发放。" in first.reason("zh")
    assert "Only the highest is paid: subsidy s (甲) pays ¥8 instead." in first.reason("en")
    assert "同组的“补贴r”（甲）不重复享受。" in second.reason("zh")


def test_alone_the_amount_waits_for_the_rule_that_cannot_be_seen():
    mine = program()
    [one] = explain(mine, row(mine, paid=5))
    assert (one.amount_fen, one.payable_fen) == (500, None)
    assert "最终金额还取决于是否享受“other/s”" in one.reason("zh")
    assert settle(run(mine, row(mine, paid=5))).total_fen == 0


def test_a_pack_that_does_not_hold_on_the_day_pays_nothing_and_holds_nothing_up():
    mine = program()
    found = explain_together([(mine, row(mine, paid=5))], absent={"other"})
    assert found[0][0].payable_fen == 500


def test_a_named_rule_that_its_pack_does_not_have_leaves_the_group_open():
    mine, other = program(), alone("renamed", "other")
    [one], _ = explain_together([(mine, row(mine, paid=5)), (other, row(other, paid=1))])
    assert one.payable_fen is None


def test_an_unknown_outside_rule_holds_up_only_what_it_could_exceed():
    mine, other = program(), alone("s", "other")
    unknown = row_of(other.pack.facts, {"a": True}, subject="甲")
    for paid, payable in ((999, None), (1000, 100_000)):
        [one], _ = explain_together([(mine, row(mine, paid=paid)), (other, unknown)])
        assert one.payable_fen == payable
    [one], _ = explain_together([(mine, row(mine, paid=999)), (other, unknown)])
    assert [each.title.zh for each in one.waits_for] == ["补贴s"]


def test_where_the_first_counts_the_named_pack_comes_first_whatever_it_is_called():
    mine, other = program(stack="first", others="zzz/s"), alone("s", "zzz")
    [first], [second] = explain_together([(mine, row(mine, paid=9)), (other, row(other, paid=1))])
    assert (first.payable_fen, second.payable_fen) == (0, 100)
    assert "“补贴s”（甲）在先，由其发放 1 元" in first.reason("zh")


def test_what_comes_after_the_first_is_told_so_though_the_first_is_not_final():
    packs = [
        program(name="p1", stack="first", others="p2/r"),
        program(name="p2", stack="first", others="p3/r"),
        alone("r", "p3"),
    ]
    facts = [row(packs[0], paid=1), row(packs[1], paid=2)]
    facts.append(row_of(packs[2].pack.facts, {}, subject="甲"))
    [last], [middle], _ = explain_together(list(zip(packs, facts, strict=True)))
    assert (last.payable_fen, middle.payable_fen) == (0, None)
    assert "“补贴r”（甲）在先，由其发放，本条不再发放。" in last.reason("zh")
    assert "subsidy r (甲) comes first and pays instead." in last.reason("en")


def test_two_that_exclude_each_other_are_left_to_a_person():
    mine, other = program(stack="exclusive"), alone("s", "other")
    [one], [two] = explain_together([(mine, row(mine, paid=9)), (other, row(other, paid=1))])
    assert (one.payable_fen, two.payable_fen) == (None, None)
    assert "与“补贴s”（甲）不能同时享受，须由人工认定。" in one.reason("zh")
    assert "It excludes subsidy s (甲); a person decides." in one.reason("en")


def test_both_packs_may_declare_the_group_and_a_chain_is_one_group():
    packs = [
        program(name="p1", others="p2/r"),
        program(name="p2", others="p1/r, p3/r"),
        program(name="p3", others="p2/r"),
    ]
    [group] = joint_groups(packs)
    assert group.members == (("p1", "r"), ("p2", "r"), ("p3", "r"))
    found = explain_together(
        [(one, row(one, paid=p)) for one, p in zip(packs, (3, 7, 5), strict=True)]
    )
    assert [one.payable_fen for (one,) in found] == [0, 700, 0]


def test_groups_that_contradict_are_refused_by_name():
    packs = [program(name="p1", others="p2/r"), program(name="p2", stack="sum", others="p1/r")]
    with pytest.raises(StackContradictionError, match="p1/home says stack: highest and p2/home"):
        joint_groups(packs)


def test_two_that_each_come_first_are_refused_by_name():
    packs = [program(name=f"p{i}", stack="first", others=f"p{3 - i}/r") for i in (1, 2)]
    with pytest.raises(OrderContradictionError, match="each of p1/r, p2/r"):
        joint_groups(packs)


def test_runs_of_other_subjects_days_or_of_one_pack_twice_are_refused():
    mine, other = program(), alone("s", "other")
    one = run(mine, row(mine, paid=1))
    with pytest.raises(OtherSubjectsError, match="甲 ≠ 乙"):
        settle_together([one, run(other, row(other, paid=1, subject="乙"))])
    tomorrow = alone("s", "other", date(2026, 4, 1))
    later = run(tomorrow, row(tomorrow, paid=1))
    with pytest.raises(OtherDayError, match="2026-04-01"):
        settle_together([one, later])
    with pytest.raises(PackTwiceError, match="mine is given twice"):
        settle_together([one, one])


def test_what_a_pack_costs_by_itself_leaves_out_the_rules_of_others():
    mine = program()
    less, more = (run(mine, row(mine, paid=paid)) for paid in (5, 7))
    assert settle(less).total_fen == 0
    assert settle(less, by_itself=True).total_fen == 500
    assert compare(less, more).total_fen == 200
