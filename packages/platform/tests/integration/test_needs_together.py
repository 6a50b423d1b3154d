"""Several people at one need in the same moment, each on a connection of their own."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from django.db import connection

from liudu.platform.actors import Actor, Role
from liudu.platform.audit.models import Line
from liudu.platform.city.models import District, Sector
from liudu.platform.identity.models import Organisation
from liudu.platform.needs.models import Need
from liudu.platform.needs.services import (
    NeedPublishedError,
    StaleNeedError,
    advance_stage,
    draft_need,
    edit_need,
    publish_need,
)

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db(transaction=True), pytest.mark.slow]

PEOPLE = 4
TARGETS = {
    "task": "classify",
    "positive": "defective",
    "targets": [
        {"metric": "miss_rate", "op": "<", "limit": 0.002},
        {"metric": "overkill_rate", "op": "<=", "limit": 0.03},
    ],
}


def somebody(number):
    return Actor(
        kind="person", key=f"k{number}", name=f"p{number}", roles=frozenset({Role.NEED_OWNER})
    )


@pytest.fixture
def draft(at):
    return draft_need(
        by=somebody(0),
        at=at,
        owner=Organisation.objects.create(name="明州光电", kind="company", created_at=at),
        title="焊点",
        problem="人工目检每班漏掉三四块坏板。",
        data_at_hand="图像",
        sector=Sector.objects.create(code="m", number=1, name="制造", name_en="Making"),
        district=District.objects.create(code="d", name="园区", name_en="Park"),
        targets=TARGETS,
        budget_fen_max=0,
        due_date=date(2027, 6, 30),
    )


def together(deed):
    """Return what each of several people got who did a deed at once: a need or an error."""
    start = Barrier(PEOPLE)

    def act(number):
        try:
            start.wait()
            return deed(number)
        except (StaleNeedError, NeedPublishedError) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(PEOPLE) as pool:
        return list(pool.map(act, range(PEOPLE)))


def test_one_of_many_publishes_and_the_others_are_told(draft, at):
    outcomes = together(
        lambda number: publish_need(by=somebody(number), at=at, need_key=draft.key, revision=1)
    )
    assert sum(isinstance(one, Need) for one in outcomes) == 1
    assert sum(isinstance(one, NeedPublishedError) for one in outcomes) == PEOPLE - 1
    assert Line.objects.filter(verb="needs.need.published").count() == 1


def test_one_of_many_writes_and_the_others_see_what_was_written(draft, at):
    outcomes = together(
        lambda number: edit_need(
            by=somebody(number),
            at=at,
            need_key=draft.key,
            revision=1,
            changes={"title": f"标题 {number}"},
        )
    )
    winners = [one for one in outcomes if isinstance(one, Need)]
    losers = [one for one in outcomes if isinstance(one, StaleNeedError)]
    assert (len(winners), len(losers)) == (1, PEOPLE - 1)
    for loser in losers:
        (clash,) = loser.clashes
        assert clash.theirs == winners[0].title
        assert clash.mine not in {clash.theirs, clash.before}
    assert list(draft.revisions.order_by("number").values_list("number", flat=True)) == [1, 2]


def test_a_stage_is_moved_once_by_many(draft, at):
    publish_need(by=somebody(0), at=at, need_key=draft.key)
    together(
        lambda number: advance_stage(by=somebody(number), at=at, need=draft, to=Need.Stage.MATCHED)
    )
    assert Line.objects.filter(verb="needs.need.advanced").count() == 1
    assert Need.objects.get().revision == 3
