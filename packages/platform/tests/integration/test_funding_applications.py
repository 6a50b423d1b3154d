"""What must be applied for: from the application to the money, and what stands in its way."""

import pytest
from graduates import CITY, DAY, FACTS, RENT, START, ordered, settled, table

from liudu.platform.actors import SYSTEM, Actor
from liudu.platform.audit.models import Line
from liudu.platform.funding import queries, services
from liudu.platform.funding.models import Application, FactRow, Grant, Subject
from liudu.platform.funding.services.applications import (
    AppliedElsewhereError,
    GrantedAlreadyError,
    NotDueError,
    NotTakenNowError,
)
from liudu.platform.funding.services.delivery import NotAutomaticError
from liudu.platform.funding.services.facts import AppliedHereError, ApplyInsteadError

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

FIRST = "rent-first-claim"
MAY = START.replace(month=5)
SAID = {name: value for name, value in FACTS.items() if name != "claimed"}


@pytest.fixture
def rent():
    """Load the city's rent policy as it is."""
    report = services.load_policies(by=SYSTEM, at=START, folder=CITY / "graduate-rent.yaml")
    assert not report.refused
    return queries.version_of(RENT, on=START.date())


@pytest.fixture
def graduate(person):
    """Return the subject of somebody with an account, and who acts for it."""
    user = person("graduate@example.org")
    subject = services.subject_for_user(at=START, user=user)
    return subject, Actor(kind="person", key=user.key, name=str(user))


def told(subject, at=START, **facts):
    return table(at, subject=subject.ref, **facts)


def applies(graduate, rent, at=START, rule=FIRST):
    subject, who = graduate
    return services.apply_for(by=who, at=at, subject=subject, version=rent, rule=rule)


def claim_of(subject):
    return queries.live_facts([subject]).get(name="claimed")


def benefit_of(subject, on=START):
    found = queries.benefits_of(subject, kind="person", on=on.date())
    return next(one for one in found if one.said.rule.name == FIRST)


def test_who_applied_once_is_paid_and_renewed_without_another_application(rent, graduate):
    subject, _ = graduate
    made = applies(graduate, rent)
    told(subject, **SAID)
    first = ordered(START, FIRST)
    assert (first.subject, first.amount_fen) == (subject, 900_000)
    made.refresh_from_db()
    assert made.state == Application.State.TAKEN
    event = first.events.get(kind="applied")
    assert event.at == made.applied_at
    settled(START, first)
    told(subject, MAY, insured_this_quarter="是", owns_home="否")
    renewal = ordered(MAY, "rent-renewal")
    assert (renewal.subject, renewal.amount_fen) == (subject, 450_000)
    assert ordered(MAY, FIRST) is None
    assert queries.recompute(first.determination).same


def test_who_has_not_applied_is_in_no_delivery(rent, graduate):
    subject, _ = graduate
    told(subject, **SAID)
    assert ordered(START, FIRST) is None
    assert benefit_of(subject).may_be_applied_for


def test_two_tabs_apply_once(rent, graduate):
    first, second = applies(graduate, rent), applies(graduate, rent, START + DAY)
    assert first == second
    assert Application.objects.count() == 1
    assert FactRow.objects.filter(name="claimed").count() == 1
    assert Line.objects.filter(verb="funding.application.made").count() == 1


def test_who_applies_after_the_delivery_took_the_first_application_has_applied(rent, graduate):
    subject, _ = graduate
    made = applies(graduate, rent)
    told(subject, **SAID)
    ordered(START, FIRST)
    assert applies(graduate, rent) == made


def test_a_condition_that_does_not_hold_refuses_with_its_sentence_and_advice(rent, graduate):
    subject, _ = graduate
    told(subject, **(SAID | {"insured_six_months_date": "2026-06-30"}))
    assert not benefit_of(subject).may_be_applied_for
    with pytest.raises(NotDueError) as caught:
        applies(graduate, rent)
    assert "连续参保满 6 个月" in caught.value.say("zh")
    assert "继续在苏参保" in caught.value.say("zh")
    assert "six insured months" in caught.value.say("en")
    assert not Application.objects.exists()


def test_what_nobody_has_told_yet_does_not_stand_in_the_way(rent, graduate):
    subject, _ = graduate
    one = benefit_of(subject)
    assert one.may_be_applied_for
    assert {fact.name for fact in one.to_check} >= {"degree", "owns_home"}
    applies(graduate, rent)
    assert not benefit_of(subject).may_be_applied_for
    assert benefit_of(subject).application == Application.objects.get()


def test_a_rule_that_needs_no_application_takes_none(rent, graduate):
    for rule in ("rent-renewal", "no-such-rule"):
        with pytest.raises(NotTakenNowError):
            applies(graduate, rent, rule=rule)


def test_a_policy_that_is_not_in_force_takes_no_application(rent, graduate):
    with pytest.raises(NotTakenNowError):
        applies(graduate, rent, START.replace(year=2025, month=1))


def test_whose_claim_a_bureau_has_need_not_apply(rent, graduate):
    subject, _ = graduate
    told(subject, **FACTS)
    assert not benefit_of(subject).may_be_applied_for
    with pytest.raises(AppliedElsewhereError, match="市人社局"):
        applies(graduate, rent)


def test_who_withdrew_is_in_no_delivery_and_may_apply_again(rent, graduate):
    subject, who = graduate
    made = applies(graduate, rent)
    told(subject, **SAID)
    for _ in range(2):
        services.withdraw_application(by=who, at=START, application=made)
    assert Line.objects.filter(verb="funding.application.withdrawn").count() == 1
    assert claim_of(subject).value == ""
    assert ordered(START, FIRST) is None
    again = applies(graduate, rent, MAY)
    assert again != made
    assert queries.waiting_applications() == {(RENT, FIRST): 1}


def test_what_is_granted_is_opted_out_of_and_not_withdrawn(rent, graduate):
    subject, who = graduate
    made = applies(graduate, rent)
    told(subject, **SAID)
    grant = ordered(START, FIRST)
    assert queries.waiting_applications() == {}
    with pytest.raises(GrantedAlreadyError):
        services.withdraw_application(by=who, at=START, application=made)
    Grant.objects.filter(pk=grant.pk).update(state=Grant.State.OPTED_OUT)
    services.withdraw_application(by=who, at=START, application=made)
    assert claim_of(subject).value == ""


def test_an_application_that_is_withdrawn_while_a_delivery_runs_is_not_granted(
    rent, graduate, monkeypatch
):
    subject, who = graduate
    made = applies(graduate, rent)
    told(subject, **SAID)
    from liudu.platform.funding.services import delivery  # noqa: PLC0415

    compared = delivery.run

    def while_it_withdraws(*given):
        services.withdraw_application(by=who, at=START, application=made)
        return compared(*given)

    monkeypatch.setattr(delivery, "run", while_it_withdraws)
    assert ordered(START, FIRST) is None


def test_that_one_has_applied_cannot_just_be_said(rent, graduate):
    subject, who = graduate
    for text in ("是", ""):
        with pytest.raises(ApplyInsteadError):
            services.declare_fact(by=who, at=START, subject=subject, name="claimed", text=text)
    FactRow.objects.create(
        subject=subject, name="claimed", kind="bool", value="true", origin="declared",
        observed_date=START.date(), valid_from=START.date(), entered_at=START, entered_by="-",
    )  # fmt: skip
    told(subject, **SAID)
    assert benefit_of(subject).may_be_applied_for
    assert ordered(START, FIRST) is None


def test_nobody_is_asked_whether_they_have_applied(rent, graduate):
    subject, _ = graduate
    asked = queries.answer_for(subject, kind="person", on=START.date()).questions
    assert asked
    assert "claimed" not in {one.fact.name for one in asked}


def test_a_bureau_that_does_not_know_of_the_application_does_not_undo_it(rent, graduate):
    subject, _ = graduate
    applies(graduate, rent)
    run = told(subject, START + DAY, claimed="否", owns_home="否")
    assert (run.fact_count, run.problem_count) == (1, 1)
    assert "在本平台申领" in run.problems[0]["zh"]
    with pytest.raises(AppliedHereError):
        services.enter_fact(by=SYSTEM, at=START + DAY, subject=subject, name="claimed", text="否")
    assert told(subject, START + DAY, claimed="是").fact_count == 0
    assert claim_of(subject).origin == FactRow.Origin.APPLIED


OTHER = """
pack: other
version: "1"
title: 另一项
facts:
  claimed: {type: bool, label: 另一种申请, bureau: 局}
rules:
  bonus:
    title: 另一项补贴
    clause: 申请即得。
    bureau: 局
    subject: person
    when: [{atom: claimed, say: 已申请}]
    amount: yuan(100)
    KEY
    tests:
      - {given: {claimed: true}, expect: {status: eligible, amount_yuan: 100}}
      - {given: {claimed: false}, expect: {status: ineligible}}
"""


@pytest.mark.parametrize("key", ["automatic: true", "applied_for: claimed"])
def test_an_application_counts_for_its_own_policy_only(tmp_path, rent, graduate, key):
    (tmp_path / "other.yaml").write_text(OTHER.replace("KEY", key), encoding="utf-8")
    assert not services.load_policies(by=SYSTEM, at=START, folder=tmp_path).refused
    applies(graduate, rent)
    assert ordered(START, "bonus", code="other") is None


def test_a_rule_that_does_not_say_how_one_comes_to_it_is_not_delivered(tmp_path, graduate):
    (tmp_path / "other.yaml").write_text(OTHER.replace("    KEY\n", ""), encoding="utf-8")
    services.load_policies(by=SYSTEM, at=START, folder=tmp_path)
    with pytest.raises(NotAutomaticError, match="applied_for"):
        ordered(START, "bonus", code="other")
    assert Subject.objects.count() == 1


MINE = "/funding/mine/"


@pytest.fixture
def today(monkeypatch):
    """Let the pages open on the day of the policy's first payment."""
    monkeypatch.setattr("liudu.platform.clock.now", lambda: START)


@pytest.fixture
def browser(signed_in, graduate):
    subject, _ = graduate
    return signed_in(subject.user)


def test_one_applies_on_the_card_and_withdraws_there(today, rent, graduate, browser):
    del today
    subject, _ = graduate
    page = browser.get(MINE).content.decode()
    assert f'action="/funding/mine/apply/{RENT}/{FIRST}/"' in page
    assert "发放前由部门核对" in page
    answer = browser.post(f"/funding/mine/apply/{RENT}/{FIRST}/", {"who": "me"}, follow=True)
    page = answer.content.decode()
    assert "已申领" in page
    assert "等待下一期发放" in page
    made = Application.objects.get(subject=subject)
    assert f"/funding/mine/applications/{made.key}/withdraw/" in page
    part = browser.post(
        f"/funding/mine/applications/{made.key}/withdraw/",
        {"who": "me"},
        headers={"HX-Request": "true"},
    )
    assert "申领已撤回" in part.content.decode()
    assert queries.waiting_applications() == {}


def test_a_refused_application_says_why_on_the_page(today, rent, graduate, browser):
    del today, rent
    subject, _ = graduate
    told(subject, **(SAID | {"owns_home": "是"}))
    assert "/funding/mine/apply/" not in browser.get(MINE).content.decode()
    answer = browser.post(f"/funding/mine/apply/{RENT}/{FIRST}/", {"who": "me"})
    assert answer.status_code == 422
    assert "在苏州无自有住房" in answer.content.decode()
    assert browser.post("/funding/mine/apply/no-such/rule/", {"who": "me"}).status_code == 404


def test_nobody_withdraws_for_another(today, rent, graduate, signed_in, person):
    del today
    made = applies(graduate, rent)
    other = signed_in(person("other@example.org"))
    answer = other.post(f"/funding/mine/applications/{made.key}/withdraw/", {"who": "me"})
    assert answer.status_code == 404
    made.refresh_from_db()
    assert made.state == Application.State.WAITING


@pytest.fixture
def officer(signed_in, person, organisation):
    office = organisation("场景办", kind="public_body")
    return signed_in(person("office@example.org", of=office, roles=["officer"]))


def test_the_office_sees_how_many_wait_for_a_delivery(today, rent, graduate, officer, browser):
    del today
    applies(graduate, rent)
    page = officer.get("/funding/deliveries/").content.decode()
    assert 'id="waiting"' in page
    assert f'value="{RENT}/{FIRST}"' in page
    policy = f"/funding/policies/{RENT}/"
    assert "1 份申领等待发放" in officer.get(policy).content.decode()
    assert "申领等待发放" not in browser.get(policy).content.decode()


def test_a_refused_application_leaves_nobody_behind(today, rent, signed_in, person):
    del today, rent
    stranger = signed_in(person("new@example.org"))
    answer = stranger.post(f"/funding/mine/apply/{RENT}/rent-renewal/", {"who": "me"})
    assert answer.status_code == 409
    assert not Subject.objects.exists()
