"""Every page names who may open it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from liudu.outbreak.clock import now
from liudu.outbreak.desk.audit import record
from liudu.outbreak.desk.decisions import may

PUBLIC: Final = "public"
Page = Callable[Concatenate[HttpRequest, ...], HttpResponse]


def needs(role: str) -> Callable[[Page], Page]:
    """Open a page to members of at least this role; others are sent to the login or refused."""

    def decorated(page: Page) -> Page:
        @wraps(page)
        def guarded(request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:  # noqa: ANN401
            user = request.user
            if not user.is_authenticated:
                return redirect(
                    f"/login?next={request.path}" if request.method == "GET" else "/login"
                )
            member = getattr(user, "member", None)
            if member is None or not may(member.role, at_least=role):
                record(
                    at=now(), actor=user.get_username(), verb="page.refused", subject=request.path
                )
                from liudu.outbreak.desk.pages import refused  # noqa: PLC0415 - pages need this

                return refused(request)
            return page(request, *arguments, **named)

        guarded.permission = role  # type: ignore[attr-defined]
        return guarded

    return decorated


def public(page: Page) -> Page:
    """Open a page to everybody."""
    page.permission = PUBLIC  # type: ignore[attr-defined]
    return page
