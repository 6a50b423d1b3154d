from datetime import date
from pathlib import Path

import pytest

from liudu.rules import (
    Severity,
    Status,
    check_pack,
    check_together,
    check_versions,
    compile_pack,
    explain,
    explain_together,
    read_pack,
    row_of,
    run_examples,
)

FOLDER = Path(__file__).parents[4] / "cities/suzhou/policies"
PACKS = {
    path.stem: read_pack(path.read_text(encoding="utf-8"), file=path.name)
    for path in sorted(FOLDER.glob("*.yaml"))
}

# What these packs say was decided on: a determination is found again under the same id.
DIGESTS = {
    "ai-2021": "8a7c47818c9e9d1512afa1c727f6fabda72ab1046fbf77757f3ce1e60b22c9c8",
    "ai-measures-2026": "c69df9aa4f9e2fc9e3cab55c91c90e0f12c96323d5cf6a839313d8243d40313f",
    "ai-news-2025": "70ab137fb04bddcad2bb03675c6f8ce3f7aeeaac4e5cb30fd6a4248c689dbec9",
    "embodied-ai": "7cb11bad1954ef3b85353137d897a042f6f8136eeb95a6ecd1cae07d1eacdfd8",
    "kunshan": "34cebbb4dfdb9b2233f271cb2f0f2b58a5c84569cff0b6765d6921426f827638",
    "low-altitude-2024": "66eb87c9b6846811e2d163149efdbb5f827cd25dc63d24483de38ff61e31ea35",
    "technology-2023": "0cedf3e4d4ed6f6f116abf5e36ee077221cdb2418fd8c423568392ffd1b45a74",
}


@pytest.mark.parametrize("name", DIGESTS)
def test_a_pack_whose_text_did_not_change_keeps_its_digest(name):
    assert PACKS[name].digest == f"sha256:{DIGESTS[name]}"


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_of_the_city_has_no_errors_and_passes_its_tests(name):
    errors = [one.problem for one in check_pack(PACKS[name]) if one.severity is Severity.ERROR]
    assert errors == []
    outcomes = run_examples(PACKS[name])
    assert outcomes
    assert all(one.passed for one in outcomes)


@pytest.mark.parametrize("name", PACKS)
def test_nothing_counts_as_verified_before_a_person_confirmed_it(name):
    pack = PACKS[name]
    assert not pack.source.verified
    assert not any(rule.verified for rule in pack.rules.values())
    assert all(rule.source for rule in pack.rules.values())


def test_versions_of_the_packs_neither_overlap_nor_leave_gaps():
    assert check_versions(list(PACKS.values())) == ()


def test_every_rule_says_each_sentence_in_chinese_and_in_english():
    for pack in PACKS.values():
        for rule in pack.rules.values():
            words = [rule.title, *(atom.say for atom in rule.atoms), *filter(None, [rule.note])]
            assert all(one.zh and one.en for one in words), rule.name


def test_a_share_that_no_source_gives_leaves_the_answer_unknown_and_not_zero():
    pack = PACKS["ai-news-2025"]
    program = compile_pack(pack, on=date(2026, 6, 1))
    said = {
        one.rule.name: one for one in explain(program, row_of(pack.facts, {"compute_spend": 9}))
    }
    one = said["compute-year"]
    assert (one.status, one.amount_fen) == (Status.UNKNOWN, None)
    assert one.open_parameters == ("compute_rate",)


def test_the_pack_of_the_guide_is_sound_and_passes_its_own_tests():
    guide = (FOLDER.parents[2] / "docs/how-to/write-a-policy-pack.md").read_text(encoding="utf-8")
    pack = read_pack(guide.split("```yaml\n")[1].split("```")[0])
    assert check_pack(pack) == ()
    assert len(run_examples(pack)) == 5


def test_a_graduate_follows_the_whole_subsidy_to_its_last_month():
    pack = PACKS["graduate-rent"]
    program = compile_pack(pack, on=date(2026, 8, 1))
    known = {
        "degree": "博士",
        "first_claim_paid": True,
        "insured_this_quarter": True,
        "owns_home": False,
        "civil_servant": False,
        "works_in_ai_or_quantum": True,
    }
    months, total_fen = 6, 6 * 150_000
    while True:
        facts = {**known, "months_paid": months, "rent_paid": total_fen // 100}
        said = explain(program, row_of(pack.facts, facts))
        one = next(one for one in said if one.rule.name == "rent-renewal")
        if one.status is not Status.ELIGIBLE:
            break
        months, total_fen = months + 3, total_fen + one.payable_fen
    assert (months, total_fen) == (36, 5_400_000)


BUYER = {"degree": "博士", "home_district": "园区"}
LEADER = {
    "ai_special_selected": True,
    "full_time_in_suzhou": True,
    "track": "创新",
    "full_time_years": 3,
    "salary_before_tax": 300_000,
    "home_price": 5_000_000,
}
VOUCHER = {
    "home_is_new": True,
    "insured_or_taxed_months": 6,
    "owns_home_in_sip": False,
    "home_price_per_m2": 45_000,
    "voucher_used": False,
}


def bought(on, **grants):
    """What both packs say of a leading talent who bought a new home in the park."""
    known = BUYER | LEADER | VOUCHER | {"top_talent": False} | grants
    asked = []
    for name in ("sip", "talent"):
        facts = PACKS[name].facts
        table = row_of(facts, {key: value for key, value in known.items() if key in facts})
        asked.append((compile_pack(PACKS[name], on=on, subject="person"), table))
    said = [one for told in explain_together(asked) for one in told]
    return {one.rule.name: one for one in said}


def test_a_voucher_of_the_park_and_a_home_grant_of_the_city_are_not_paid_both():
    found = bought(date(2025, 6, 1), home_grant_approved=1_500_000)
    voucher, grant = found["sip-house-voucher"], found["leading-ai-special-house"]
    assert (voucher.amount_fen, voucher.payable_fen) == (250_000_00, 0)
    assert grant.payable_fen == 1_500_000_00
    assert voucher.outweighed_by == "suzhou-talent/leading-ai-special-house"
    assert "就高不重复：由“领军人才‘人工智能专项’购房补贴”" in voucher.reason("zh")


def test_a_voucher_waits_while_the_home_grant_is_not_known():
    found = bought(date(2025, 6, 1), home_grant_approved=None)
    assert found["sip-house-voucher"].payable_fen is None
    waited = [one.rule for one in found["sip-house-voucher"].waits_for]
    assert waited == ["leading-ai-special-house"]


def test_before_the_citys_policy_began_the_voucher_stands_alone():
    pack = PACKS["sip"]
    program = compile_pack(pack, on=date(2025, 2, 1), subject="person")
    known = {key: value for key, value in (BUYER | VOUCHER).items() if key in pack.facts}
    table = row_of(pack.facts, known)
    alone = explain_together([(program, table)], absent={"suzhou-talent"})[0]
    assert {one.rule.name: one.payable_fen for one in alone}["sip-house-voucher"] == 250_000_00


def test_the_packs_of_the_city_agree_where_their_groups_meet():
    assert check_together(list(PACKS.values())) == ()
