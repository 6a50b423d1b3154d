"""Reports, served so that nothing in them can run or leave."""

from pathlib import Path
from typing import Final

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from django_tasks import TaskResultStatus

from liudu.platform import clock
from liudu.platform.trials import places, queries, services
from liudu.platform.trials.models import Trial
from liudu.platform.trials.pages.shared import trial_at
from liudu.platform.web.doors import actor_at, door, may
from liudu.platform.words import language

# Its own styles and drawings and nothing else; as if it came from a stranger.
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
)


@door("trials.be_known")
@never_cache
@require_GET
def page(request: HttpRequest, key: str) -> FileResponse:
    """Serve the report as a page."""
    trial = trial_at(request, key, "trials.see_report")
    path = places.page_of(trial.key, with_pieces=_with_pieces(request, trial))
    response = _served(path, name="")
    response["Content-Security-Policy"] = POLICY
    return response


@door("trials.be_known")
@never_cache
@require_GET
def paper(request: HttpRequest, key: str) -> HttpResponseBase:
    """Serve the report as a PDF in the reader's language; while it is made, say so."""
    trial = trial_at(request, key, "trials.see_report")
    if not places.run_of(trial.key).is_dir():
        raise Http404
    pieces = _with_pieces(request, trial)
    path = places.paper_of(trial.key, with_pieces=pieces, language=language())
    if path.is_file():
        return _told(request) or _served(path, name=f"liudu-{trial.key}.pdf")
    return _awaited(request, trial)


def _told(request: HttpRequest) -> HttpResponse | None:
    """Send the page that waits to the file: htmx itself would swallow it."""
    if not request.htmx:  # type: ignore[attr-defined]
        return None
    return HttpResponse(status=204, headers={"HX-Redirect": request.get_full_path()})


def _awaited(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Have the PDFs made, once, and show how it stands."""
    status = queries.papers_of(trial)
    again = "again" in request.GET and status == TaskResultStatus.FAILED
    if again or status in (None, TaskResultStatus.SUCCESSFUL):
        services.order_papers(trial, soon=True)
        status = TaskResultStatus.READY
    context = {
        "trial": trial,
        "failed": status == TaskResultStatus.FAILED,
        "workers": queries.workers_at_work(clock.now()),
        "pieces": request.GET.get("pieces", ""),
    }
    return render(request, "trials/paper.html", context, status=202)


def _with_pieces(request: HttpRequest, trial: Trial) -> bool:
    """Whether the actor owns the pieces, and did not ask for the report without them."""
    wanted = request.GET.get("pieces") != "no"
    return wanted and may(actor_at(request), "trials.see_pieces", trial)


def _served(path: Path, *, name: str) -> FileResponse:
    if not path.is_file():
        raise Http404
    response = FileResponse(path.open("rb"), as_attachment=bool(name), filename=name or path.name)
    response["X-Content-Type-Options"] = "nosniff"
    return response
