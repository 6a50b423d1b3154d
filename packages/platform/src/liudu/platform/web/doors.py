"""Every route is a door that names its permission."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from rules.permissions import has_perm

from liudu.platform.actors import Actor

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
PUBLIC = "public"


def door(permission: str) -> Callable[[View[P]], View[P]]:
    """Let only those in who have a permission; `PUBLIC` lets everybody in.

    Visitors are sent to the login; others are told that they may not. What depends on the
    object is asked within by `require`.
    """

    def build(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            actor = actor_at(request)
            if permission != PUBLIC and not may(actor, permission):
                if not actor.known:
                    return redirect_to_login(request.get_full_path())
                raise PermissionDenied(permission)
            return view(request, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return build


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
