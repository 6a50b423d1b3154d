"""Pages of no context: what went wrong, and how to go on."""

import re
import sys
from typing import Final

import attrs
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.http.response import HttpResponseBase
from django.shortcuts import render

from liudu.contract import Refusal

RETRY_AFTER_S: Final = 5
FIELDS_SHOWN_MAX: Final = 200
SECRET: Final = re.compile(r"passw|secret|token|code|otp|\bkey\b", re.IGNORECASE)
OWN: Final = "csrfmiddlewaretoken"
DATABASE_AWAY: Final = (OperationalError, InterfaceError)


@attrs.frozen(kw_only=True)
class Kept:
    """A form that could not be saved, so that its writer can send it once more.

    Attributes
    ----------
    fields
        Name and value in the order of the form; never what looks like a secret.
    secret_count
        How many fields were left out for that.
    files
        Names of the files that were chosen; browsers do not let a page choose them again.

    """

    action: str
    fields: tuple[tuple[str, str], ...]
    secret_count: int
    files: tuple[str, ...]


def kept_form(request: HttpRequest) -> Kept | None:
    """Return what was typed into the form of a request, or None if there was none to read."""
    if request.method != "POST":
        return None
    try:
        posted = [(name, value) for name, values in request.POST.lists() for value in values]
        files = tuple(
            str(file.name) for name in request.FILES for file in request.FILES.getlist(name)
        )
    except (UnreadablePostError, OSError, ValueError):
        return None
    shown = [(name, value) for name, value in posted if name != OWN and not SECRET.search(name)]
    own = sum(1 for name, _ in posted if name == OWN)
    return Kept(
        action=request.get_full_path(),
        fields=tuple(shown[:FIELDS_SHOWN_MAX]),
        secret_count=len(posted) - own - len(shown),
        files=files,
    )


def database_away(request: HttpRequest) -> HttpResponse:
    """Say that the database is away, and show the form again that it could not take."""
    context = {"kept": kept_form(request)}
    response = render(request, "web/away.html", context, status=503)
    response["Retry-After"] = str(RETRY_AFTER_S)
    response["Cache-Control"] = "no-store"
    return response


def refused(request: HttpRequest, error: Refusal) -> HttpResponse:
    """Say which rule was broken: a conflict with status 409, everything else with 422."""
    status = getattr(error, "status", 422)
    template = "web/conflict.html" if status == 409 else "web/refused.html"  # noqa: PLR2004
    return render(request, template, {"refusal": error, "back": _back(request)}, status=status)


def _back(request: HttpRequest) -> str:
    here = f"{request.scheme}://{request.get_host()}"
    came_from = request.headers.get("Referer", "")
    return came_from.removeprefix(here) if came_from.startswith(f"{here}/") else ""


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form was too old or came from elsewhere; the answer names no inner reason."""
    del reason
    return render(request, "web/stale_form.html", status=403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that the request cannot be read."""
    del exception
    return render(request, "web/bad_request.html", status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that the actor has not the role for this."""
    del exception
    return render(request, "web/forbidden.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is nothing, or nothing that the actor may see."""
    del exception
    return render(request, "web/not_found.html", status=404)


def broken(request: HttpRequest) -> HttpResponseBase:
    """Say that the fault is ours; where it is the database that is away, say that."""
    if isinstance(sys.exc_info()[1], DATABASE_AWAY):
        return database_away(request)
    return render(request, "web/broken.html", status=500)
