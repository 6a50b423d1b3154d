"""The main navigation: what each kind of actor finds on every page."""

from typing import Final

import attrs
from django.http import HttpRequest
from django.urls import reverse

from liudu.platform.actors import VISITOR, Actor, Role
from liudu.platform.words import Words


@attrs.frozen(kw_only=True)
class Place:
    """One place of the navigation; `roles` empty means everybody, `known` who has logged in."""

    name: Words
    route: str
    roles: frozenset[Role] = frozenset()
    known: bool = False

    def open_to(self, actor: Actor) -> bool:
        """Whether the actor is shown this place."""
        if self.roles:
            return actor.has(*self.roles)
        return actor.known or not self.known


@attrs.frozen(kw_only=True)
class Entry:
    """A place as one page shows it."""

    name: Words
    href: str
    here: bool


PLACES: Final = (
    Place(name=Words("工作台", "My work"), route="office:mine", known=True),
    Place(name=Words("需求", "Needs"), route="needs:list"),
    Place(name=Words("方案", "Solutions"), route="supply:solutions"),
    Place(name=Words("案例", "Cases"), route="front:cases"),
    Place(name=Words("政策", "Funding"), route="funding:home"),
    Place(name=Words("城市", "City"), route="city:home"),
    Place(
        name=Words("看板", "Board"),
        route="office:board",
        roles=frozenset({Role.OFFICER, Role.OPERATOR, Role.AUDITOR}),
    ),
    Place(
        name=Words("账号", "Accounts"),
        route="identity:users",
        roles=frozenset({Role.OPERATOR}),
    ),
    Place(
        name=Words("审计", "Audit"),
        route="audit:list",
        roles=frozenset({Role.AUDITOR, Role.OPERATOR}),
    ),
)


def entries(request: HttpRequest) -> list[Entry]:
    """Return what the reader of a page is shown, and which of it they are at."""
    # A request for another host is refused before anybody asks who it is.
    actor: Actor = getattr(request, "actor", VISITOR)
    match = request.resolver_match
    view_name = match.view_name if match else ""
    return [
        Entry(
            name=place.name,
            href=reverse(place.route),
            here=_is_at(place.route, view_name),
        )
        for place in PLACES
        if place.open_to(actor)
    ]


def _is_at(route: str, view_name: str) -> bool:
    alone = {"office:mine", "office:board", "front:cases", "identity:users"}
    if route in alone:
        return view_name.startswith(route.removesuffix("s"))
    return view_name.partition(":")[0] == route.partition(":")[0]
