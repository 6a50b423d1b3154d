"""What supply adds to the pages of contexts below it."""

from typing import Any

from django.http import HttpRequest

from liudu.platform.actors import Role
from liudu.platform.city.models import Sector
from liudu.platform.identity.models import Organisation
from liudu.platform.needs.models import Need
from liudu.platform.supply import queries
from liudu.platform.web.doors import actor_at, may
from liudu.platform.web.panels import Context, panel

SHOWN_MAX = 50


@panel(of="need", template="supply/_of_need.html", order=20)
def offers_of_need(request: HttpRequest, need: Need) -> Context | None:
    """Show all offers to who answers them, a vendor its own, and everybody how many there are."""
    if need.status == Need.Status.DRAFT:
        return None
    actor = actor_at(request)
    answers = may(actor, "supply.invite_vendor", need)
    sees_all = answers or actor.has(Role.AUDITOR)
    offers: Any = queries.offers_seen(actor).filter(need=need)[:SHOWN_MAX]
    is_vendor = actor.has(Role.VENDOR)
    invited = queries.invitations_of(actor).filter(need=need).first() if is_vendor else None
    return {
        "offers": offers,
        "answers": answers,
        "sees_all": sees_all,
        "may_offer": is_vendor and need.status == Need.Status.PUBLISHED,
        "invited": invited,
        "invitations": queries.invitations_to(need)[:SHOWN_MAX] if sees_all else (),
        "count": queries.offer_count(need),
        "open": need.status == Need.Status.PUBLISHED,
    }


@panel(of="organisation", template="supply/_of_organisation.html", order=30)
def vendor_of_organisation(request: HttpRequest, organisation: Organisation) -> Context | None:
    """Lead from an organisation to what it offers."""
    del request
    vendor = queries.vendor_of(organisation.key)
    if vendor is None:
        return None
    return {"vendor": vendor, "solutions": queries.solutions_of(vendor, public=True)[:5]}


@panel(of="sector", template="supply/_of_sector.html", order=40)
def solutions_of_sector(request: HttpRequest, sector: Sector) -> Context | None:
    """Show what has been proven in a sector."""
    del request
    proven = queries.solutions(sector=sector.code, proven=True)[:5]
    return {"solutions": proven} if proven else None
