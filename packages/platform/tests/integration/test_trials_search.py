"""Trials found by the words of their need, solution and vendor."""

import pytest
from django.urls import reverse

from liudu.platform.needs.models import Need
from liudu.platform.supply.models import Offer, Solution, Vendor, Version
from liudu.platform.trials.models import Seal, Trial
from liudu.platform.web import paging

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]


@pytest.fixture
def trial(organisation, sector, at):
    """Make a released trial of a published need."""
    owner = organisation("明州光电")
    stamps = {"created_at": at, "updated_at": at}

    def make(title, *, solution="看得清", vendor="智检科技", **more):
        number = Trial.objects.count()
        need = Need.objects.create(
            owner=owner, title=title, sector=sector, status="published", published_at=at, **stamps
        )
        of = Vendor.objects.create(organisation=organisation(f"{vendor}{number}"), updated_at=at)
        made = Solution.objects.create(vendor=of, name=solution, **stamps)
        version = Version.objects.create(
            solution=made, number=1, size_bytes=1, archive_digest=str(number), uploaded_at=at
        )
        offer = Offer.objects.create(need=need, version=version, vendor=of, offered_at=at)
        seal = Seal.objects.create(need=need, state="sealed", created_at=at)
        state = {"state": "decided", "verdict": "passed", "queued_at": at, "released_at": at}
        return Trial.objects.create(
            need=need, seal=seal, offer=offer, version=version, vendor=of, **{**state, **more}
        )

    return make


@pytest.fixture
def found(client):
    """Return the trials that a visitor finds, as they are listed."""

    def find(words, **more):
        page = client.get(reverse("trials:list"), {"q": words, **more}).context["page"]
        return [one.key for one in page]

    return find


def test_each_word_is_found_in_need_solution_or_vendor(trial, found):
    one = trial("焊点漏检", solution="Solder Sight", vendor="六角智能")
    other = trial("织物疵点", solution="布眼", vendor="一灯")
    assert found("焊点") == [one.key]
    assert found("solder") == [one.key]
    assert found("六角") == [one.key]
    assert found("焊点 六角 SIGHT") == [one.key]
    assert found("焊点 一灯") == []
    assert found("%") == []
    assert set(found(" ")) == {one.key, other.key}


def test_a_visitor_finds_no_trial_that_is_not_released(trial, found):
    trial("焊点漏检", released_at=None)
    assert found("焊点") == []


def test_a_search_is_kept_up_to_a_number_and_says_so(trial, client, monkeypatch):
    monkeypatch.setattr(paging, "FOUND_MAX", 2)
    for _ in range(3):
        trial("焊点漏检")
    answer = client.get(reverse("trials:list"), {"q": "焊点"})
    paginator = answer.context["page"].paginator
    assert (paginator.count, paginator.more) == (2, True)
    assert "只列出前 2 条" in answer.content.decode()
    monkeypatch.setattr(paging, "FOUND_MAX", 3)
    answer = client.get(reverse("trials:list"), {"q": "焊点"})
    assert not answer.context["page"].paginator.more
