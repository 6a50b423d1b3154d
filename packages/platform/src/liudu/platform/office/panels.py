"""Saved views above the list of needs."""

from typing import Any

from django.http import HttpRequest

from liudu.platform.needs.listing import Filters
from liudu.platform.office.pages import href_of
from liudu.platform.office.queries import views_of
from liudu.platform.web.doors import actor_at, may
from liudu.platform.web.panels import panel


@panel(of="needs_list", template="office/_views_of_list.html", order=10)
def views_of_needs(request: HttpRequest, filters: Filters) -> dict[str, Any] | None:
    """Show the views of the list, and offer to keep the present one."""
    actor = actor_at(request)
    if not may(actor, "office.keep_views"):
        return None
    views = [(view, href_of(view)) for view in views_of(actor, page="needs:list")]
    return {
        "views": views,
        "query": filters.query,
        "narrowed": bool(filters.query),
        "here": next((view for view, _ in views if view.query == filters.query), None),
    }
