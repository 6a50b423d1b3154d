"""Reports, served so that nothing in them can run or leave."""

from pathlib import Path
from typing import Final

from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from liudu.platform import clock
from liudu.platform.trials import places, reports
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
    path = reports.page(trial.key, with_pieces=_with_pieces(request, trial))
    response = _served(path, name="")
    response["Content-Security-Policy"] = POLICY
    return response


@door("trials.be_known")
@never_cache
@require_GET
def paper(request: HttpRequest, key: str) -> FileResponse:
    """Serve the report as a PDF in the reader's language."""
    trial = trial_at(request, key, "trials.see_report")
    if not places.run_of(trial.key).is_dir():
        raise Http404
    path = reports.paper(
        trial.key,
        with_pieces=_with_pieces(request, trial),
        language=language(),
        seal=places.seal_of(trial.seal.key),
        at=clock.now(),
    )
    return _served(path, name=f"liudu-{trial.key}.pdf")


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
