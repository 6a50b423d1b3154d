"""Reads of people and organisations."""

from django.contrib.auth.models import AnonymousUser

from liudu.platform.actors import VISITOR, Actor, Role
from liudu.platform.identity.models import Membership, Organisation, User
from liudu.platform.words import language


def actor_of(user: User | AnonymousUser, *, organisation_key: str = "") -> Actor:
    """Return who a user is, acting for one of their organisations (the first if none is named)."""
    if not isinstance(user, User) or not user.is_active:
        return VISITOR
    memberships = list(
        Membership.objects.filter(user=user).select_related("organisation").order_by("since", "pk")
    )
    organisations = {row.organisation.key: row.organisation for row in memberships}
    chosen: Organisation | None = organisations.get(organisation_key) or next(
        iter(organisations.values()), None
    )
    return Actor(
        kind="person",
        key=user.key,
        name=str(user),
        organisation_key=chosen.key if chosen else "",
        organisation_name=chosen.name if chosen else "",
        roles=frozenset(Role(row.role) for row in memberships if row.organisation == chosen),
        language=language(),
    )
