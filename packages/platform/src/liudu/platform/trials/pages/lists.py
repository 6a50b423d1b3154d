"""The list of trials."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from liudu.platform import clock
from liudu.platform.trials import queries
from liudu.platform.trials.models import Trial
from liudu.platform.web.doors import PUBLIC, actor_at, door, may
from liudu.platform.web.paging import Findings, LongList

FILTERS = ("q", "state", "verdict", "need", "vendor")


@door(PUBLIC)
@require_GET
def show_list(request: HttpRequest) -> HttpResponse:
    """List the trials that the actor may know of."""
    actor = actor_at(request)
    asked = {name: request.GET.get(name, "").replace("\x00", "") for name in FILTERS}
    found = queries.listed(actor, asked=asked)
    pages = (Findings if asked["q"].strip() else LongList)(found, 25, whole=queries.whole())
    page = pages.get_page(request.GET.get("page"))
    rows = [
        {
            "trial": trial,
            "verdict": trial.verdict if may(actor, "trials.see_result", trial) else "",
        }
        for trial in page
    ]
    context = {
        "page": page,
        "rows": rows,
        "asked": asked,
        "filtered": any(asked.values()),
        "states": Trial.State.choices,
        "verdicts": queries.VERDICTS,
    }
    if may(actor, "trials.see_queue"):
        at = clock.now()
        context |= {"counts": queries.counts_by_state(), "workers": queries.workers_at_work(at)}
    return render(request, "trials/list.html", context)
