"""Where funding begins, for whoever comes."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from liudu.platform import clock
from liudu.platform.funding import queries
from liudu.platform.funding.models import Batch, Grant
from liudu.platform.web.doors import PUBLIC, actor_at, door, may


@door(PUBLIC)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show the policies in figures, what waits for the reader, and the latest publications."""
    actor = actor_at(request)
    versions = queries.versions_on(clock.today())
    waiting = (
        queries.visible_grants(actor)
        .filter(subject__in=queries.subjects_of(actor), state=Grant.State.NOTIFIED)
        .order_by("-pk")[:5]
        if actor.known
        else []
    )
    published = queries.batches().filter(
        stage__in=(Batch.Stage.PUBLISHED, Batch.Stage.ARCHIVED), simulated=False
    )[:5]
    return render(
        request,
        "funding/home.html",
        {
            "policy_count": len(versions),
            "rule_count": sum(one.rule_count for one in versions),
            "example_count": sum(one.example_count for one in versions),
            "waiting": waiting,
            "published": published,
            "is_office": may(actor, "funding.view_deliveries"),
        },
    )
