"""Reads: the board, and the views that people keep."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import attrs
from django.db.models import Count, Q, QuerySet

from liudu.platform.actors import Actor
from liudu.platform.identity.queries import organisations_named
from liudu.platform.needs.models import Need
from liudu.platform.office.models import SavedView

CARDS_SHOWN: Final = 8


@attrs.frozen(kw_only=True)
class Card:
    """A need on the board, and for how many days it has stood at its stage."""

    need: Need
    days: int


@attrs.frozen(kw_only=True)
class Column:
    """A stage of the board: how many stand there, and the newest."""

    stage: Need.Stage
    count: int
    cards: Sequence[Card]

    @property
    def left(self) -> int:
        """How many are not shown."""
        return self.count - len(self.cards)


def board(*, at: datetime, sector: str = "", district: str = "", owner: str = "") -> list[Column]:
    """Return the published needs by their stage; what is public is the same for everybody.

    Parameters
    ----------
    sector, district
        Codes, empty for all.
    owner
        The owner's key, or part of its name.

    """
    needs = _asked(sector=sector, district=district, owner=owner)
    rows = needs.order_by().values("stage").annotate(count=Count("pk"))
    counts = {row["stage"]: row["count"] for row in rows}
    return [
        Column(stage=stage, count=counts.get(stage, 0), cards=_cards(needs, stage, at=at))
        for stage in Need.Stage
    ]


def _asked(*, sector: str, district: str, owner: str) -> QuerySet[Need]:
    needs = Need.objects.filter(status=Need.Status.PUBLISHED)
    if sector:
        needs = needs.filter(sector__code=sector)
    if district:
        needs = needs.filter(district__code=district)
    if owner:
        needs = needs.filter(Q(owner__key=owner) | Q(owner__in=organisations_named(owner)))
    return needs


def _cards(needs: QuerySet[Need], stage: Need.Stage, *, at: datetime) -> list[Card]:
    newest = (
        needs.filter(stage=stage)
        .select_related("owner", "sector", "district")
        .order_by("-stage_at", "-pk")[:CARDS_SHOWN]
    )
    return [Card(need=need, days=max((at - (need.stage_at or at)).days, 0)) for need in newest]


def views_of(actor: Actor, *, page: str = "") -> QuerySet[SavedView]:
    """Return the views that an actor may use: its own first, then those shared with it."""
    views = SavedView.objects.select_related("user", "organisation").filter(
        Q(user__key=actor.key) | Q(shared=True), organisation__key=actor.organisation_key
    )
    if page:
        views = views.filter(page=page)
    return views.order_by("name", "pk")


def view_for(key: str) -> SavedView:
    """Return a view.

    Raises
    ------
    SavedView.DoesNotExist

    """
    return SavedView.objects.select_related("user", "organisation").get(key=key)
