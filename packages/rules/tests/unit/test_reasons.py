"""The sentences as a citizen reads them, in both languages."""

from datetime import date

import pytest

from liudu.rules import compile_pack, explain, read_pack, row_of

PACK = """\
pack: p
version: "1"
title: 示例
facts:
  lead: {type: bool, label: {zh: 牵头单位, en: is the lead}, bureau: 科技局}
  days: {type: count, unit: days, label: {zh: 天数, en: days}, bureau: 科技局}
  cost: {type: money, unit: yuan, label: {zh: 支出, en: cost}, bureau: 科技局}
parameters:
  share: {type: rate, label: {zh: 补贴比例, en: share}, values: {2026-01-01: SHARE}}
rules:
  r:
    title: {zh: 补贴, en: subsidy}
    clause: 一
    bureau: 科技局
    subject: project
    when:
      - {atom: lead, say: {zh: 牵头单位, en: is the lead}, act: {zh: 申请牵头, en: apply to lead}}
      - {atom: days >= 30, say: {zh: 已满三十天（含节假日）, en: thirty days (with holidays)}}
    amount: share * cost
    rounding: down
"""


def reasons(*, share="0.5", **facts):
    program = compile_pack(read_pack(PACK.replace("SHARE", share)), on=date(2026, 6, 1))
    (one,) = explain(program, row_of(program.pack.facts, facts))
    return one.reason("zh"), one.reason("en"), [step.say.say("en") for step in one.steps]


@pytest.mark.parametrize(
    ("facts", "zh", "en"),
    [
        (
            {"lead": False, "days": 30, "cost": 100},
            "不符合：牵头单位（登记为：否）。可以：申请牵头。只差这一项，可得 50 元。",
            (
                "Not met: is the lead (on record: no). You can: apply to lead. "
                "Only this is missing; it would bring ¥50."
            ),
        ),
        (
            {"lead": False, "days": 30},
            "不符合：牵头单位（登记为：否）。可以：申请牵头。只差这一项。",
            "Not met: is the lead (on record: no). You can: apply to lead. Only this is missing.",
        ),
        (
            {"lead": True, "days": 29, "cost": 100},
            "不符合：已满三十天（含节假日；天数：29）。",
            "Not met: thirty days (with holidays; days: 29).",
        ),
        (
            {"lead": True, "days": 30},
            "还不能判定，缺少：支出（科技局）。",
            "Cannot be decided yet; missing: cost (held by 科技局).",
        ),
        (
            {"lead": True, "cost": 100},
            "还不能判定，缺少：天数（科技局）。若属实可得 50 元。",
            "Cannot be decided yet; missing: days (held by 科技局). If so, it brings ¥50.",
        ),
        (
            {"lead": True, "days": 30, "cost": 100},
            "全部条件符合，金额 50 元。",
            "All conditions hold: ¥50.",
        ),
    ],
)
def test_the_reason_says_what_is_on_record_and_what_is_missing(facts, zh, en):
    assert reasons(**facts)[:2] == (zh, en)


def test_a_number_that_the_office_must_set_is_called_by_its_label():
    zh, en, _ = reasons(share="null", lead=True, days=30, cost=100)
    assert (zh, en) == ("主管部门尚未确定：补贴比例。", "The office has not set: share.")


def test_a_fact_without_a_paper_is_to_be_confirmed():
    assert reasons(lead=True, cost=100)[2] == ["Confirm: days"]
