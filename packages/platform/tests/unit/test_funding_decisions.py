"""What is decided about policies, facts and grants, without a database."""

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liudu.platform.funding import decisions
from liudu.rules import compile_pack, read_pack, row_of

CITY = Path(__file__).parents[4] / "cities" / "suzhou" / "policies"
ON = date(2026, 11, 20)
RENT = read_pack((CITY / "graduate-rent.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("张三", "张*"),
        ("张三丰", "张*丰"),
        ("欧阳娜娜", "欧**娜"),
        ("王", "王*"),
        ("Li Lei", "L*** L***"),
    ],
)
def test_a_name_is_masked_as_it_is_published(name, shown):
    assert decisions.masked(name) == shown


@given(st.text(st.characters(exclude_categories=["Z", "C"], exclude_characters="*"), min_size=2))
def test_a_masked_name_never_shows_the_whole(name):
    shown = decisions.masked(name)
    assert "*" in shown
    assert name not in shown


def test_a_payment_belongs_to_the_month_in_which_it_is_made():
    renewal = RENT.rules["rent-renewal"]
    assert decisions.period_of(renewal, ON) == "2026-11"
    with pytest.raises(decisions.NotPaidThisMonthError, match="2、5、8、11"):
        decisions.period_of(renewal, date(2026, 10, 31))


@given(st.integers(0, 2**48), st.sampled_from([0.0, 0.02, 0.5, 1.0]))
def test_a_sample_is_drawn_the_same_from_the_same_seed(seed, share):
    keys = [f"subject{index}" for index in range(50)]
    drawn = [decisions.is_sampled(seed=seed, subject_key=key, share=share) for key in keys]
    assert drawn == [decisions.is_sampled(seed=seed, subject_key=key, share=share) for key in keys]
    assert share not in (0.0, 1.0) or set(drawn) == {bool(share)}


def test_about_the_asked_share_is_drawn():
    drawn = [
        decisions.is_sampled(seed=6, subject_key=str(index), share=0.1) for index in range(10_000)
    ]
    assert 900 < sum(drawn) < 1100


@pytest.mark.parametrize("fact", RENT.facts.values(), ids=lambda fact: fact.name)
def test_a_fact_is_kept_and_read_back_as_it_was(fact):
    for number in {fact.minimum, fact.maximum, (fact.minimum + fact.maximum) // 2}:
        value = decisions.plain_value(fact, number)
        kind = str(fact.type.kind)
        assert decisions.encoded_value(fact, kind=kind, value=value) == number


def test_a_label_that_a_policy_does_not_know_is_unknown_to_it():
    degree = RENT.facts["degree"]
    assert decisions.encoded_value(degree, kind="enum", value="其他") is None
    assert decisions.encoded_value(degree, kind="bool", value="true") is None
    assert decisions.encoded_value(RENT.facts["months_paid"], kind="count", value="121") is None


@pytest.mark.parametrize(
    ("name", "text", "setting"),
    [
        ("rent_doctor", "1,800", Fraction(180_000)),
        ("rent_doctor", "0", Fraction(0)),
        ("months_max", "36", Fraction(36)),
    ],
)
def test_a_setting_is_read_in_the_unit_in_which_it_is_written(name, text, setting):
    assert decisions.setting_of(RENT.parameters[name], text) == setting


@pytest.mark.parametrize("text", ["", "x", "-1", "5001", "1e999", "NaN", "Infinity", "0.001"])
def test_a_setting_outside_its_range_is_refused(text):
    with pytest.raises(decisions.BadSettingError):
        decisions.setting_of(RENT.parameters["rent_doctor"], text)


def test_the_first_question_is_the_one_that_decides_most():
    program = compile_pack(RENT, on=ON, subject="person")
    known = {
        "first_claim_paid": True,
        "degree": "博士",
        "insured_this_quarter": True,
        "civil_servant": False,
        "months_paid": 6,
    }
    table = row_of(RENT.facts, known)
    asked = decisions.questions([(program, table)])
    assert {one.fact.name for one in asked} >= {"owns_home", "works_in_ai_or_quantum"}
    assert asked[0].decided == max(one.decided for one in asked)
    told = row_of(RENT.facts, known | {"owns_home": True})
    assert decisions.questions([(program, told)]) == []


def test_nothing_known_still_asks():
    program = compile_pack(RENT, on=ON, subject="person")
    assert decisions.questions([(program, row_of(RENT.facts, {}))])


def test_renewals_stand_in_the_calendar_four_times_a_year():
    found = decisions.calendar(RENT, start=date(2027, 1, 1), end=date(2027, 12, 31))
    paid = [one.on.month for one in found if one.kind == "paid" and one.rule == "rent-renewal"]
    assert paid == [2, 5, 8, 11]


def test_two_versions_differ_in_what_was_changed():
    text = (CITY / "graduate-rent.yaml").read_text(encoding="utf-8")
    new = read_pack(text.replace("{2025-03-27: 1500}", "{2025-03-27: 1500, 2027-01-01: 1800}"))
    (change,) = decisions.changes(RENT, new)
    assert (change.what, change.name) == ("parameter", "rent_doctor")
    assert "2027-01-01" in change.after
    assert decisions.changes(RENT, RENT) == []
