"""The desk after the login, the board, and saved views."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.city.models import District, Sector
from liudu.platform.needs.models import Need
from liudu.platform.needs.queries import visible_to
from liudu.platform.office import queries, services
from liudu.platform.office.models import SavedView
from liudu.platform.office.waiting import waiting
from liudu.platform.web.doors import actor_at, door, require

TEXT_LENGTH_MAX = 120


@door("office.see_mine")
@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """Show what waits for the reader, and for whom the rest waits."""
    actor = actor_at(request)
    at = clock.now()
    context = {"waiting": waiting(actor, at=at), "at": at}
    return render(request, "office/mine.html", context)


@door("office.see_board")
@require_safe
def board(request: HttpRequest) -> HttpResponse:
    """Show the stage of every published need."""
    asked = {
        name: " ".join(request.GET.get(name, "").replace("\x00", "").split())[:TEXT_LENGTH_MAX]
        for name in ("sector", "district", "owner")
    }
    columns = queries.board(at=clock.now(), **asked)
    chosen = request.GET.get("stage", "")
    if chosen not in Need.Stage.values:
        chosen = next((each.stage for each in columns if each.count), Need.Stage.POSTED)
    context = {
        "columns": columns,
        "asked": asked,
        "chosen": chosen,
        "query": urlencode({name: value for name, value in asked.items() if value}),
        "sectors": Sector.objects.all(),
        "districts": District.objects.all(),
    }
    return render(request, "office/board.html", context)


@door("office.start_running")
@require_POST
def run(request: HttpRequest, key: str) -> HttpResponse:
    """Say that an accepted need is in use."""
    actor = actor_at(request)
    need = get_object_or_404(visible_to(actor), key=key)
    require(actor, "office.start_running", need, seen="needs.see_need")
    services.start_running(by=actor, at=clock.now(), need=need)
    return redirect(f"{reverse('office:board')}?stage=running")


@door("office.keep_views")
@require_http_methods(["GET", "POST"])
def views(request: HttpRequest) -> HttpResponse:
    """Show the views that the reader may use; keep one more."""
    actor = actor_at(request)
    refusal: Refusal | None = None
    if request.method == "POST":
        try:
            view = services.save_view(
                by=actor,
                at=clock.now(),
                page=request.POST.get("page", ""),
                name=request.POST.get("name", ""),
                query=request.POST.get("query", "").replace("\x00", ""),
                shared=bool(request.POST.get("shared")),
            )
            return redirect(href_of(view))
        except Refusal as error:
            refusal = error
    found = queries.views_of(actor)
    context: dict[str, Any] = {
        "views": [(view, href_of(view)) for view in found],
        "refusal": refusal,
        "sent": request.POST,
    }
    status = getattr(refusal, "status", 422) if refusal else 200
    return render(request, "office/views.html", context, status=status)


def href_of(view: SavedView) -> str:
    """Return where a view leads."""
    return reverse(view.page) + (f"?{view.query}" if view.query else "")


@door("office.keep_views")
@require_POST
def share(request: HttpRequest, key: str) -> HttpResponse:
    """Show a view to the organisation, or no longer."""
    services.share_view(
        by=actor_at(request),
        at=clock.now(),
        view=_own_view(request, key),
        shared=bool(request.POST.get("shared")),
    )
    return redirect("office:views")


@door("office.keep_views")
@require_POST
def delete(request: HttpRequest, key: str) -> HttpResponse:
    """Forget a view."""
    services.delete_view(by=actor_at(request), at=clock.now(), view=_own_view(request, key))
    return redirect("office:views")


def _own_view(request: HttpRequest, key: str) -> SavedView:
    try:
        view = queries.view_for(key)
    except SavedView.DoesNotExist as error:
        raise Http404 from error
    require(actor_at(request), "office.keep_views", view, seen="office.see_view")
    return view
