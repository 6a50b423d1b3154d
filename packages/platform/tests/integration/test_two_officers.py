"""Two officers, not two windows of one, at the same thing at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import supplies
from django.db import connection

from liudu.contract import Refusal
from liudu.platform.actors import Role
from liudu.platform.audit.models import Line
from liudu.platform.needs.imports import SameListError, receive_list
from liudu.platform.needs.models import ImportRun
from liudu.platform.supply import services
from liudu.platform.supply.models import Offer
from liudu.platform.supply.services.offers import OfferAnsweredError

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db(transaction=True), pytest.mark.slow]
LIST = "场景名称,所属行业\n偏光片检测,制造\n".encode()


@pytest.fixture
def officers(person, organisation, actor):
    """Two officers of one bureau."""
    bureau = organisation("工信局", kind="bureau")
    users = [
        person(f"{name}@example.org", of=bureau, roles=[Role.OFFICER]) for name in ("li", "wang")
    ]
    return [actor(user, of=bureau) for user in users]


@pytest.fixture
def offer(settings, tmp_path):
    """An offer that waits for its answer."""
    settings.PRIVATE = tmp_path / "private"
    owner, maker = supplies.party("明州光电", Role.NEED_OWNER), supplies.vendor()
    version = supplies.conforming(maker, supplies.solution(maker))
    return services.offer_version(
        by=maker.actor, at=supplies.AT, need=supplies.need(owner), version=version
    )


def at_once(officers, deed):
    """Return what each officer got who did their deed at the same moment."""
    start = Barrier(len(officers))

    def act(number):
        try:
            start.wait()
            return deed(number, officers[number])
        except Refusal as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(officers)) as pool:
        return list(pool.map(act, range(len(officers))))


def test_both_admit_one_offer_and_it_is_admitted_once(officers, offer, at):
    got = at_once(officers, lambda _, by: services.admit_offer(by=by, at=at, offer=offer))
    assert [one.state for one in got] == [Offer.State.ADMITTED] * 2
    assert Line.objects.filter(verb="supply.offer.admitted").count() == 1
    assert supplies.fresh(offer).untried_since == at


def test_one_admits_and_the_other_declines_and_one_of_them_is_told(officers, offer, at):
    def answer(number, by):
        if number:
            return services.decline_offer(by=by, at=at, offer=offer, answer="精度不够")
        return services.admit_offer(by=by, at=at, offer=offer)

    got = at_once(officers, answer)
    (done,) = [one for one in got if isinstance(one, Offer)]
    (told,) = [one for one in got if isinstance(one, OfferAnsweredError)]
    assert str(done.get_state_display()) in told.say("zh")
    assert supplies.fresh(offer).state == done.state
    verbs = Line.objects.filter(subject_kind="offer", subject_key=offer.key)
    assert set(verbs.values_list("verb", flat=True)) == {
        "supply.offer.made",
        f"supply.offer.{done.state}",
    }


def test_both_send_one_list_and_it_is_read_once(officers, settings, tmp_path, at):
    settings.PRIVATE = tmp_path / "private"
    got = at_once(
        officers,
        lambda _, by: receive_list(by=by, at=at, file_name="需求.csv", chunks=[LIST]),
    )
    (run,) = [one for one in got if isinstance(one, ImportRun)]
    (told,) = [one for one in got if isinstance(one, SameListError)]
    assert ImportRun.objects.get() == run
    assert Line.objects.filter(verb="needs.list.received").count() == 1
    assert [path.name for path in (settings.PRIVATE / "imports").iterdir()] == [run.key]
    assert "导入" in told.say("zh")
