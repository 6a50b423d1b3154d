import pytest

from liudu.rules import PackRefusedError, read_pack

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
