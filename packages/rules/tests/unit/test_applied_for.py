"""A rule that needs an application names the fact that is true once it was made."""

from datetime import date

import pytest

from liudu.rules import PackRefusedError, read_pack
from liudu.rules._lower import UnknownNameError
from liudu.rules._page import render_page
from liudu.rules._reader import (
    ApplicationAndAutomaticError,
    ApplicationKindError,
    ApplicationUnreadError,
)

PACK = """\
pack: p
version: "1"
title: 示例
facts:
  ok: {type: bool, label: 符合, bureau: 局}
  claimed: {type: bool, label: 已申请, bureau: 局}
  months: {type: count, unit: months, label: 月, bureau: 局}
rules:
  r:
    title: 规则
    clause: 一
    bureau: 局
    subject: person
    valid: {from: 2026-01-01}
    windows: [{from: 2026-03-01, to: 2026-04-30}, {from: 2026-09-01}]
    when:
      - {atom: ok, say: 符合}
      - {atom: claimed, say: 已申请, act: 提出申请}
    amount: yuan(100)
    applied_for: claimed
"""


def test_the_condition_of_the_application_is_found():
    rule = read_pack(PACK).rules["r"]
    assert rule.applied_for == "claimed"
    assert rule.application is rule.atoms[1]


@pytest.mark.parametrize(
    ("on", "taken"),
    [
        (date(2025, 9, 1), False),
        (date(2026, 2, 28), False),
        (date(2026, 3, 1), True),
        (date(2026, 4, 30), True),
        (date(2026, 5, 1), False),
        (date(2026, 9, 1), True),
    ],
)
def test_applications_are_taken_while_the_rule_holds_and_a_window_is_open(on, taken):
    assert read_pack(PACK).rules["r"].takes_applications(on) is taken


def test_a_rule_that_names_no_application_takes_none():
    rule = read_pack(PACK.replace("    applied_for: claimed\n", "")).rules["r"]
    assert rule.application is None
    assert not rule.takes_applications(date(2026, 3, 1))


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("applied_for: claimed", "applied_for: claimd", UnknownNameError),
        ("applied_for: claimed", "applied_for: months", ApplicationKindError),
        ("atom: claimed", "atom: not claimed", ApplicationUnreadError),
        ("atom: claimed", "atom: claimed or ok", ApplicationUnreadError),
        ("atom: claimed", "atom: months > 3", ApplicationUnreadError),
        ("    amount", "    automatic: true\n    amount", ApplicationAndAutomaticError),
    ],
)
def test_an_application_that_cannot_be_one_is_refused_at_its_place(old, new, error):
    assert old in PACK
    with pytest.raises(PackRefusedError) as caught:
        read_pack(PACK.replace(old, new, 1), file="p.yaml")
    (found,) = caught.value.problems
    assert isinstance(found, error)
    line = next(
        number
        for number, text in enumerate(PACK.replace(old, new, 1).splitlines(), start=1)
        if "applied_for" in text
    )
    assert found.say("zh").startswith(f"p.yaml:{line}:")


def test_the_page_names_what_is_applied_for():
    page = render_page(read_pack(PACK), on=date(2026, 3, 1), language="zh")
    assert "须申请: 已申请" in page
