"""What was written in a need when, and by whom."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from liudu.platform.needs import queries
from liudu.platform.needs.decisions import changes_between
from liudu.platform.needs.models import Need, Revision
from liudu.platform.needs.pages.said import Speech
from liudu.platform.web.doors import actor_at, door, require

PER_PAGE = 25


@door("needs.follow_need")
@require_safe
def show(request: HttpRequest, key: str) -> HttpResponse:
    """Show every state of a need with what changed since the one before."""
    actor = actor_at(request)
    need = get_object_or_404(queries.visible_to(actor), key=key)
    require(actor, "needs.follow_need", need, seen="needs.follow_need")
    page = Paginator(queries.revisions_of(need), PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request, "needs/history.html", {"need": need, "page": page, "entries": _entries(need, page)}
    )


def _entries(need: Need, page: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - Django's page
    """Return the states of one page, each beside the state before it."""
    states: list[Revision] = list(page.object_list)
    before = queries.contents_before(need, states)
    speech = Speech()
    return [
        {
            "revision": state,
            "changes": [
                speech.change(change)
                for change in changes_between(before[state.number], state.content)
            ],
            "stage": state.content.get("stage"),
            "reason": state.content.get("withdrawn_reason"),
            "first": state.number == 1,
        }
        for state in states
    ]
