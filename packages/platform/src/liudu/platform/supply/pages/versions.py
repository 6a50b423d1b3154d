"""Versions: uploading a bundle, watching its check, reading what was found."""

from django.conf import settings
from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.supply import queries, services, uploads
from liudu.platform.supply.decisions import (
    CHECKS_MAX,
    MODE_WORDS,
    REASON_WORDS,
    TASK_WORDS,
    named_in,
)
from liudu.platform.supply.models import Solution, Version
from liudu.platform.supply.pages.solutions import found as found_solution
from liudu.platform.supply.services.solutions import SameBundleError
from liudu.platform.web.doors import PUBLIC, actor_at, door, may, require
from liudu.platform.words import both

POLL = (Version.State.WAITING, Version.State.CHECKING, Version.State.BROKEN)


@csrf_exempt  # the token is in the form: `_take` asks for it once the file has a place to go
@door("supply.be_vendor")
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest, key: str) -> HttpResponse:
    """Take a bundle in."""
    solution = found_solution(request, key)
    require(actor_at(request), "supply.edit_solution", solution)
    if request.method != "POST":
        return _form(request, solution)
    try:
        with uploads.incoming(request) as incoming:
            return _take(request, solution=solution, incoming=incoming)
    except Refusal as refusal:
        return _form(request, solution, refusal=refusal)


@csrf_protect
def _take(request: HttpRequest, *, solution: Solution, incoming: uploads.Incoming) -> HttpResponse:
    version = services.add_version(
        by=actor_at(request),
        at=clock.now(),
        solution=solution,
        received=incoming.received(request),
    )
    return redirect("supply:version", key=solution.key, number=version.number)


def _form(
    request: HttpRequest, solution: Solution, *, refusal: Refusal | None = None
) -> HttpResponse:
    same = None
    if isinstance(refusal, SameBundleError):
        same = reverse(
            "supply:version", kwargs={"key": solution.key, "number": refusal.facts["number"]}
        )
    context = {
        "solution": solution,
        "refusal": refusal,
        "same": same,
        "size_bytes_max": settings.BUNDLE_BYTES_MAX,
        "size_mib_max": f"{settings.BUNDLE_BYTES_MAX / (1 << 20):g}",
    }
    status = getattr(refusal, "status", 422) if refusal else 200
    return render(request, "supply/upload.html", context, status=status)


@door(PUBLIC)
@require_safe
@never_cache
def show(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Show one version: what it declares and what its check found."""
    return render(request, "supply/version.html", _context(request, key=key, number=number))


@door(PUBLIC)
@require_safe
@never_cache
def show_check(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Answer the part of the page that changes while the check runs."""
    return render(request, "supply/_check.html", _context(request, key=key, number=number))


@door("supply.recheck")
@require_POST
def recheck(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Try a check again that the platform failed at."""
    version = _found(request, key=key, number=number)
    require(actor_at(request), "supply.recheck_version", version)
    try:
        services.recheck_version(by=actor_at(request), at=clock.now(), version=version)
    except Refusal as refusal:
        messages.error(request, both(refusal.say("zh"), refusal.say("en")))
    return redirect("supply:version", key=key, number=number)


@door("supply.be_vendor")
@require_safe
def bundle(request: HttpRequest, key: str, number: int) -> FileResponse:
    """Give a vendor its own bundle back."""
    version = _found(request, key=key, number=number)
    require(actor_at(request), "supply.download_bundle", version, seen="supply.see_version")
    try:
        file = queries.bundle_path(version).open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    return FileResponse(
        file,
        as_attachment=True,
        filename=version.file_name,
        content_type="application/octet-stream",
    )


def _found(request: HttpRequest, *, key: str, number: int) -> Version:
    try:
        version = queries.version_for(key, number)
    except Version.DoesNotExist as error:
        raise Http404 from error
    require(actor_at(request), "supply.see_version", version, seen="supply.see_version")
    return version


def _context(request: HttpRequest, *, key: str, number: int) -> dict[str, object]:
    version = _found(request, key=key, number=number)
    actor = actor_at(request)
    waiting = version.state == Version.State.WAITING
    mode = version.manifest.get("mode", "")
    return {
        "version": version,
        "solution": version.solution,
        "inside": may(actor, "supply.see_inside", version.solution),
        "own": may(actor, "supply.download_bundle", version),
        "may_recheck": may(actor, "supply.recheck_version", version)
        and version.state == Version.State.BROKEN,
        "open": version.state in POLL and not _given_up(version),
        "given_up": _given_up(version),
        "before": queries.checks_before(version) if waiting else 0,
        "tasks": [TASK_WORDS.get(task, task) for task in version.manifest.get("tasks", ())],
        "mode": MODE_WORDS.get(mode, mode),
        "reasons": [(code, REASON_WORDS[code]) for code in named_in(version.reason_code)],
        "certificates": queries.public_certificates(solution=version.solution).filter(
            version=version
        )[:20],
    }


def _given_up(version: Version) -> bool:
    return version.state == Version.State.BROKEN and (
        version.lease_until is None and version.check_count % CHECKS_MAX == 0
    )
