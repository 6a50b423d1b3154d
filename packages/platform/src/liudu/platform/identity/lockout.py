"""What somebody meets who has guessed passwords too often."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from allauth.account.adapter import get_adapter
from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from liudu.platform import clock


def username(request: HttpRequest, credentials: Mapping[str, str] | None) -> str:
    """Return the address that is tried, whatever its case."""
    tried = (credentials or {}).get("email") or request.POST.get("login") or ""
    return tried.strip().lower()


def client_address(request: HttpRequest) -> str:
    """Return the address of the network that asks, as allauth's limits see it."""
    if "REMOTE_ADDR" not in request.META:  # no network asks: a program logs somebody in
        return ""
    return str(get_adapter(request).get_client_ip(request))


def locked_out(
    request: HttpRequest,
    original: HttpResponse | None = None,
    credentials: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Say until when the door stays shut, and the other way in."""
    del original
    until = _until(request, credentials)
    left = max(60, int((until - clock.now()).total_seconds()))
    context = {"until": until, "minutes": -(-left // 60)}
    answer = render(request, "identity/locked_out.html", context, status=429)
    answer["Retry-After"] = str(left)
    return answer


def _until(request: HttpRequest, credentials: Mapping[str, str] | None) -> datetime:
    last = (
        AccessAttempt.objects.filter(
            username=username(request, credentials), ip_address=client_address(request)
        )
        .order_by("-attempt_time")
        .values_list("attempt_time", flat=True)
        .first()
    )
    cool_off: timedelta = get_cool_off(request)
    return (last or clock.now()) + cool_off
