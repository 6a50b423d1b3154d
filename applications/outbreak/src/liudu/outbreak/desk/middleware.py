"""Language, and headers that keep a page to itself."""

from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from liudu.contract import Language
from liudu.outbreak.desk.models import Message

COOKIE: Final = "liudu_lang"
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
Answer = Callable[[HttpRequest], HttpResponse]


def language_of(request: HttpRequest) -> Language:
    """Return the language of a request; Chinese first."""
    return "en" if request.COOKIES.get(COOKIE) == "en" else "zh"


def speak(answer: Answer) -> Answer:
    """Say in each answer which language it is in."""

    def speaking(request: HttpRequest) -> HttpResponse:
        response = answer(request)
        response.headers["Content-Language"] = "en" if language_of(request) == "en" else "zh-CN"
        return response

    return speaking


def guard(answer: Answer) -> Answer:
    """Let a page load nothing from elsewhere, and let no store keep what it shows."""

    def guarded(request: HttpRequest) -> HttpResponse:
        response = answer(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return guarded


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what every page needs: language, member, unread messages."""
    user = getattr(request, "user", None)
    member = getattr(user, "member", None) if user is not None and user.is_authenticated else None
    unread = 0
    if member is not None and user is not None:
        unread = Message.objects.filter(user=user.pk, read_at=None).count()
    return {
        "language": language_of(request),
        "member": member,
        "unread": unread,
        "simulated": settings.LIUDU_SITE.simulated,
    }
