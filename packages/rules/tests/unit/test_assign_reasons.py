"""One contract or several, a city and a district that exclude each other."""

from fractions import Fraction

import pytest

from liudu.rules.assignment import (
    BadProgrammeError,
    Contract,
    NameTwiceError,
    Part,
    Programme,
    UnknownProgrammeError,
    best_assignment,
)

WAN = 1_000_000
DISTRICT = Programme(name="区算力券", rate=Fraction(1, 2), cap_fen=200 * WAN, excludes="算力")
CITY = Programme(name="市算力券", rate=Fraction(3, 10), cap_fen=800 * WAN, excludes="算力")
BOTH = ("区算力券", "市算力券")


def contract(name, wan, programmes=BOTH):
    return Contract(name=name, amount_fen=wan * WAN, programmes=programmes)


def test_one_small_contract_goes_to_the_higher_rate():
    found = best_assignment([contract("A", 300)], [DISTRICT, CITY])
    assert found.parts == (Part("A", "区算力券", 300 * WAN, 150 * WAN),)


def test_one_large_contract_goes_to_the_higher_cap_though_its_rate_is_lower():
    found = best_assignment([contract("A", 1000)], [DISTRICT, CITY])
    assert found.parts == (Part("A", "市算力券", 1000 * WAN, 300 * WAN),)


def test_a_contract_may_be_divided_where_that_is_lawful():
    found = best_assignment([contract("A", 1000)], [DISTRICT, CITY], divide=True)
    assert found.parts == (
        Part("A", "区算力券", 400 * WAN, 200 * WAN),
        Part("A", "市算力券", 600 * WAN, 180 * WAN),
    )
    assert (found.total_fen, found.undivided_fen) == (380 * WAN, 300 * WAN)
    assert found.divided == ("A",)


def test_two_contracts_are_shared_out_better_than_by_the_highest_payment_each():
    offers = [
        Programme(name="区", rate=Fraction(1, 2), cap_fen=100 * WAN, excludes="x"),
        Programme(name="市", rate=Fraction(2, 5), cap_fen=100 * WAN, excludes="x"),
    ]
    both = ("区", "市")
    found = best_assignment([contract("大", 210, both), contract("小", 200, ("区",))], offers)
    assert found.total_fen == 184 * WAN
    assert found.highest_rate_fen == 100 * WAN


def test_programmes_that_exclude_nothing_add_up():
    loan = Programme(name="贴息", rate=Fraction(1, 20), cap_fen=50 * WAN)
    found = best_assignment([contract("A", 300, (*BOTH, "贴息"))], [DISTRICT, CITY, loan])
    assert found.total_fen == (150 + 15) * WAN
    assert found.divided == ()


def test_a_contract_without_a_payer_does_not_stop_the_others():
    found = best_assignment(
        [contract("大", 900, ("无额度",)), contract("小", 100)],
        [Programme(name="无额度", rate=Fraction(1, 2), cap_fen=0, excludes="算力"), DISTRICT, CITY],
    )
    assert found.total_fen == 50 * WAN
    assert any("合同 大 得不到资助" in line for line in found.reasons("zh"))


def test_a_part_is_never_smaller_than_its_programme_takes():
    city = Programme(
        name="市算力券", rate=Fraction(3, 10), cap_fen=800 * WAN, excludes="算力",
        contract_min_fen=500 * WAN,
    )  # fmt: skip
    found = best_assignment([contract("A", 800)], [DISTRICT, city], divide=True)
    assert found.parts == (
        Part("A", "区算力券", 300 * WAN, 150 * WAN),
        Part("A", "市算力券", 500 * WAN, 150 * WAN),
    )


def test_the_reasons_name_the_parts_the_caps_and_what_was_won():
    found = best_assignment([contract("A", 1000)], [DISTRICT, CITY], divide=True)
    assert found.reasons("zh") == (
        "把合同 A 在签订前分为 4,000,000 元、6,000,000 元 几份，各由不同项目资助。",
        "合同 A：区算力券 按 4,000,000 元 的 50% 资助 2,000,000 元。",
        "合同 A：市算力券 按 6,000,000 元 的 30% 资助 1,800,000 元。",
        "合计 3,800,000 元，比逐份合同就高选择多 800,000 元，比不拆分多 800,000 元。",
    )
    whole = best_assignment([contract("A", 500, ("区算力券",))], [DISTRICT, CITY])
    assert whole.reasons("en") == (
        "Contract A: 区算力券 pays 50% of ¥5,000,000, ¥2,000,000, all that is left of its cap.",
        "¥2,000,000 in all, as the highest contract by contract.",
    )


def test_many_contracts_and_programmes_are_a_matter_of_seconds():
    offers = [
        Programme(name=f"p{index}", rate=Fraction(1, 5 + index), cap_fen=100 * WAN, excludes="x")
        for index in range(5)
    ]
    names = tuple(one.name for one in offers)
    contracts = [contract(f"c{index}", 7 + index % 13, names) for index in range(400)]
    found = best_assignment(contracts, offers)
    assert found.highest_rate_fen <= found.total_fen <= 500 * WAN
    assert found.total_fen + found.gap_max_fen >= 499 * WAN


def test_a_payment_is_rounded_down_to_whole_fen():
    offers = [Programme(name="p", rate=Fraction(1, 3), cap_fen=10**9)]
    one = Contract(name="A", amount_fen=100, programmes=("p",))
    assert best_assignment([one], offers).total_fen == 33


def test_nothing_to_pay_is_an_empty_answer():
    assert best_assignment([], [DISTRICT]).parts == ()
    assert best_assignment([contract("A", 1, ())], []).total_fen == 0


def test_a_programme_that_is_not_given_is_refused_by_name():
    with pytest.raises(UnknownProgrammeError, match="省算力券"):
        best_assignment([contract("A", 1, ("省算力券",))], [DISTRICT])


def test_two_of_one_name_are_refused():
    with pytest.raises(NameTwiceError, match="A is given twice"):
        best_assignment([contract("A", 1), contract("A", 2)], [DISTRICT, CITY])


@pytest.mark.parametrize(
    ("programme", "what"),
    [
        (Programme(name="p", rate=Fraction(3, 2), cap_fen=1), "rate"),
        (Programme(name="p", rate=Fraction(1, 2), cap_fen=-1), "cap_fen"),
        (Programme(name="p", rate=Fraction(1, 2), cap_fen=1, contract_min_fen=-1), "contract_min"),
    ],
)
def test_numbers_that_cannot_be_are_refused(programme, what):
    with pytest.raises(BadProgrammeError, match=what):
        best_assignment([], [programme])


def test_with_very_many_contracts_the_answer_says_how_far_it_may_be_from_the_best():
    amounts = [401_000_003 + 13_000_007 * index for index in range(120)]
    contracts = [
        Contract(name=f"c{index}", amount_fen=amount, programmes=BOTH)
        for index, amount in enumerate(amounts)
    ]
    district = Programme(
        name="区算力券", rate=Fraction(1, 2), cap_fen=7_777_777_777, excludes="算力"
    )
    city = Programme(name="市算力券", rate=Fraction(3, 10), cap_fen=10**14, excludes="算力")
    found = best_assignment(contracts, [district, city])
    assert 0 < found.gap_max_fen < found.total_fen / 100
    assert found.total_fen >= found.highest_rate_fen
    assert "up to ¥" in found.reasons("en")[-1]


def test_a_few_contracts_are_compared_completely():
    contracts = [contract(f"c{index}", 101 + 37 * index) for index in range(8)]
    assert best_assignment(contracts, [DISTRICT, CITY], divide=True).gap_max_fen == 0


def test_where_the_solver_fails_to_undo_its_simplification_it_is_asked_without():
    offers = [
        Programme(name="p0", rate=Fraction(1, 5), cap_fen=48, excludes="x"),
        Programme(name="p1", rate=Fraction(1, 20), cap_fen=13, excludes="x"),
    ]
    both = ("p0", "p1")
    contracts = [
        Contract(name="c0", amount_fen=175, programmes=both),
        Contract(name="c2", amount_fen=110, programmes=both),
    ]
    found = best_assignment(contracts, offers)
    assert (found.total_fen, found.gap_max_fen) == (48, 0)
