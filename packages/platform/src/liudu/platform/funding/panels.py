"""Sections that funding adds to other pages."""

from django.http import HttpRequest

from liudu.platform.funding import queries
from liudu.platform.funding.models import Grant
from liudu.platform.identity.models import Organisation
from liudu.platform.needs.models import Need
from liudu.platform.web.doors import actor_at, may
from liudu.platform.web.panels import Context, panel

SHOWN_MAX = 5


@panel(of="organisation", template="funding/_of_organisation.html", order=60)
def of_organisation(request: HttpRequest, organisation: Organisation) -> Context | None:
    """Return the latest grants of an organisation, for itself, the office and the audit."""
    actor = actor_at(request)
    subject = queries.subject_of_organisation(organisation)
    own = actor.belongs_to(organisation.key)
    if not own and (subject is None or not may(actor, "funding.see_subject", subject)):
        return None
    grants = (
        Grant.objects.filter(subject=subject).select_related("batch__pack")[:SHOWN_MAX]
        if subject
        else []
    )
    return {"grants": grants, "own": own}


@panel(of="need", template="funding/_of_need.html", order=60)
def of_need(request: HttpRequest, need: Need) -> Context | None:
    """Return the way to the benefits, for the owner of a need."""
    if not actor_at(request).belongs_to(need.owner.key):
        return None
    return {}
