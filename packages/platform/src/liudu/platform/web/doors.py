"""Every route is a door that names its permission."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from rules.permissions import has_perm

from liudu.platform.actors import Actor

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
PUBLIC = "public"


def door(permission: str) -> Callable[[View[P]], View[P]]:
    """Let only those in who have a permission; `PUBLIC` lets everybody in.

    Visitors are sent to the login, and from there to where they were: to the page of the form
    where a form was sent after the session had ended. Others are told that they may not. What
    depends on the object is asked within by `require`.
    """

    def build(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            actor = actor_at(request)
            if permission != PUBLIC and not may(actor, permission):
                if not actor.known:
                    return _to_login(request)
                raise PermissionDenied(permission)
            return view(request, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return build


def _to_login(request: HttpRequest) -> HttpResponseBase:
    """Return the way to the login; a part of a page that asked sends the whole page there."""
    part = request.headers.get("HX-Request") == "true"
    came_from = request.headers.get("HX-Current-URL" if part else "Referer", "")
    back = request.get_full_path()
    if part or request.method not in ("GET", "HEAD"):
        here = f"{request.scheme}://{request.get_host()}"
        back = came_from.removeprefix(here) if came_from.startswith(f"{here}/") else "/"
    answer = redirect_to_login(back)
    if not part:
        return answer
    whole = HttpResponse(status=204)
    whole["HX-Redirect"] = answer.url
    return whole


def actor_at(request: HttpRequest) -> Actor:
    """Return who is asking."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def may(actor: Actor, permission: str, subject: object = None) -> bool:
    """Return whether an actor has a permission on an object."""
    return bool(has_perm(permission, actor, subject))  # type: ignore[no-untyped-call]


def require(actor: Actor, permission: str, subject: object, *, seen: str = "") -> None:
    """Refuse an actor without a permission on an object.

    Who may not even see the object (permission `seen`) is told that there is none, so that
    guessing keys tells nothing.
    """
    if seen and not may(actor, seen, subject):
        raise Http404
    if not may(actor, permission, subject):
        raise PermissionDenied(permission)
