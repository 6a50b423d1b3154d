"""Offers, answers and invitations."""

import pytest
import supplies

from liudu.platform.actors import Role
from liudu.platform.audit.models import Line
from liudu.platform.needs.models import Need
from liudu.platform.supply import queries, services
from liudu.platform.supply.models import Offer
from liudu.platform.supply.services import offers
from liudu.trial.runtime import WrongModeError, WrongTaskError

pytestmark = [pytest.mark.django_db, pytest.mark.everywhere]
AT = supplies.AT


@pytest.fixture(autouse=True)
def private(settings, tmp_path):
    """A private folder of its own for each test."""
    settings.PRIVATE = tmp_path / "private"


@pytest.fixture
def owner():
    """Who posts needs."""
    return supplies.party("明州光电", Role.NEED_OWNER)


@pytest.fixture
def need(owner):
    """A published need."""
    return supplies.need(owner)


@pytest.fixture
def whose():
    """A vendor."""
    return supplies.vendor()


@pytest.fixture
def version(whose):
    """A version that conforms."""
    return supplies.conforming(whose, supplies.solution(whose))


@pytest.fixture
def offer(whose, need, version):
    """An offer that waits for its answer."""
    return services.offer_version(by=whose.actor, at=AT, need=need, version=version, note="合适")


def test_the_first_offer_matches_the_need(offer, need):
    assert supplies.fresh(need).stage == Need.Stage.MATCHED
    assert offer.state == Offer.State.OFFERED
    assert Line.objects.filter(verb="supply.offer.made", subject_key=offer.key).count() == 1


def test_a_version_that_was_not_checked_cannot_be_offered(whose, need):
    version = supplies.upload(whose, supplies.solution(whose))
    with pytest.raises(offers.VersionNotReadyError):
        services.offer_version(by=whose.actor, at=AT, need=need, version=version)
    assert supplies.fresh(need).stage == Need.Stage.POSTED


def test_a_solution_for_another_task_is_told_so(whose, need):
    version = supplies.conforming(whose, supplies.solution(whose), tasks=["detect"])
    with pytest.raises(WrongTaskError, match="made for detect"):
        services.offer_version(by=whose.actor, at=AT, need=need, version=version)
    (choice,) = queries.choices_for(need, actor=whose.actor)
    assert "classify" in choice.refusals[0].say("zh")


def test_a_solution_in_the_other_mode_is_told_so(whose, need):
    version = supplies.conforming(whose, supplies.solution(whose), mode="stream")
    with pytest.raises(WrongModeError, match="works in stream mode"):
        services.offer_version(by=whose.actor, at=AT, need=need, version=version)


def test_a_need_without_targets_takes_any_solution(whose, owner):
    open_need = supplies.need(owner, targets={})
    version = supplies.conforming(whose, supplies.solution(whose), tasks=["value"])
    made = services.offer_version(by=whose.actor, at=AT, need=open_need, version=version)
    assert made.state == Offer.State.OFFERED


def test_the_same_version_is_offered_once_and_again_after_it_was_withdrawn(
    whose, need, version, offer
):
    with pytest.raises(offers.OfferedAlreadyError):
        services.offer_version(by=whose.actor, at=AT, need=need, version=version)
    services.withdraw_offer(by=whose.actor, at=AT, offer=offer)
    again = services.offer_version(by=whose.actor, at=AT, need=need, version=version)
    assert again.pk != offer.pk


def test_nothing_is_offered_to_a_need_that_is_not_open(whose, need, version):
    need.status = Need.Status.WITHDRAWN
    with pytest.raises(offers.NeedNotOpenError):
        services.offer_version(by=whose.actor, at=AT, need=need, version=version)


def test_an_offer_is_admitted_once_and_then_stays_so(owner, offer):
    admitted = services.admit_offer(by=owner.actor, at=AT, offer=offer, answer="请准备")
    assert (admitted.state, admitted.answered_by) == (Offer.State.ADMITTED, "明州光电")
    services.admit_offer(by=owner.actor, at=AT, offer=offer)
    assert Line.objects.filter(verb="supply.offer.admitted").count() == 1
    with pytest.raises(offers.OfferAnsweredError):
        services.decline_offer(by=owner.actor, at=AT, offer=offer, answer="不了")


def test_who_is_declined_is_told_why(owner, offer):
    with pytest.raises(offers.AnswerMissingError):
        services.decline_offer(by=owner.actor, at=AT, offer=offer, answer="  ")
    declined = services.decline_offer(by=owner.actor, at=AT, offer=offer, answer="太慢")
    assert declined.answer == "太慢"


def test_an_invitation_is_made_once_and_answered_by_an_offer(owner, whose, need, version):
    vendor = queries.vendor_of(whose.organisation.key)
    invited = services.invite_vendor(
        by=owner.actor, at=AT, need=need, vendor=vendor, message="请看看"
    )
    with pytest.raises(offers.InvitedAlreadyError):
        services.invite_vendor(by=owner.actor, at=AT, need=need, vendor=vendor)
    services.offer_version(by=whose.actor, at=AT, need=need, version=version)
    assert supplies.fresh(invited).answered_at == AT


def test_vendors_of_the_needs_sector_are_proposed_first(owner, need):
    supplies.vendor("甲")
    fitting = supplies.vendor("乙")
    services.register_vendor(
        by=fitting.actor, at=AT, organisation=fitting.organisation, sectors=[need.sector]
    )
    assert [str(each) for each in queries.not_invited(need)] == ["乙", "甲"]


def test_vendors_never_see_each_others_offers(offer, whose, owner):
    rival = supplies.vendor("对手")
    officer = supplies.party("场景办", Role.OFFICER, kind="bureau")
    assert list(queries.offers_seen(rival.actor)) == []
    for who in (whose, owner, officer):
        assert list(queries.offers_seen(who.actor)) == [offer]
