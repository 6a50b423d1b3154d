"""Reads of needs."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet

from liudu.platform.actors import Actor, Role
from liudu.platform.needs.models import Need, Revision

SEES_WITHDRAWN = (Role.OFFICER, Role.OPERATOR)


def whole() -> QuerySet[Need]:
    """Return needs with owner, sector and district."""
    return Need.objects.select_related("owner", "sector", "district").defer("words")


def visible_to(actor: Actor) -> QuerySet[Need]:
    """Return the needs that an actor may see, with owner, sector and district.

    Everybody sees what is published; an organisation sees all of its own; officers and operators
    see what was published once and withdrawn too; auditors see everything.
    """
    needs = whole()
    if actor.kind == "system" or actor.has(Role.AUDITOR):
        return needs
    seen = Q(status=Need.Status.PUBLISHED)
    if actor.has(*SEES_WITHDRAWN):
        seen |= Q(status=Need.Status.WITHDRAWN, published_at__isnull=False)
    if actor.organisation_key:
        seen |= Q(owner__key=actor.organisation_key)
    return needs.filter(seen)


def need_for(actor: Actor, key: str) -> Need:
    """Return a need; one that the actor may not see does not exist for them.

    Raises
    ------
    Need.DoesNotExist

    """
    return visible_to(actor).get(key=key)


def revisions_of(need: Need) -> QuerySet[Revision]:
    """Return the states of a need, the newest first."""
    return need.revisions.order_by("-number")


def contents_before(need: Need, states: Sequence[Revision]) -> dict[int, dict[str, Any]]:
    """Return for each number of some neighbouring states, the newest first, what stood before."""
    contents = {state.number: state.content for state in states}
    if states and states[-1].number > 1:
        earlier = need.revisions.get(number=states[-1].number - 1)
        contents[earlier.number] = earlier.content
    return {state.number: contents.get(state.number - 1, {}) for state in states}
