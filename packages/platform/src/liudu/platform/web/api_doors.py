"""Every operation of the API is a door that names its permission, as pages are."""

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Field, Schema
from ninja.security.base import AuthBase
from ninja.utils import check_csrf

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.web.doors import PUBLIC, actor_at, may

__all__ = ["PUBLIC", "SIZE_MAX", "Page", "PageNumber", "PageSize", "api_door", "page_of"]

SIZE_MAX = 100
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PageNumber = Annotated[int, Field(ge=1, le=1_000_000)]
PageSize = Annotated[int, Field(ge=1, le=SIZE_MAX)]
T = TypeVar("T")


class LoginNeededError(Refusal):
    """Nobody stands behind the request, and the operation is not for visitors."""

    en = "Log in, or send an organisation's token as `Authorization: Bearer …`."
    zh = "请先登录，或以 `Authorization: Bearer …` 附上单位令牌。"
    status = 401


class CsrfMissingError(Refusal):
    """A browser's session changes nothing without the form's token."""

    en = "With a session, send the CSRF token as X-CSRFToken; programs use a token instead."
    zh = "以登录会话调用时须在 X-CSRFToken 中附上 CSRF 令牌；程序请改用单位令牌。"
    status = 403


class ApiDoor(AuthBase):
    """Lets in whoever has the permission; asked before anything of the request is read.

    A token speaks for itself; a session must prove by its CSRF token that the page is ours.
    """

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __init__(self, permission: str) -> None:
        self.permission = permission
        super().__init__()

    def __call__(self, request: HttpRequest) -> Actor:
        actor = actor_at(request)
        if self.permission != PUBLIC and not may(actor, self.permission):
            if not actor.known:
                raise LoginNeededError
            raise PermissionDenied(self.permission)
        if actor.kind != "token" and request.method not in SAFE_METHODS and check_csrf(request):
            raise CsrfMissingError
        return actor


def api_door(permission: str) -> ApiDoor:
    """Return the ``auth=`` of an operation; `PUBLIC` lets everybody in.

    What depends on the object is asked within by `liudu.platform.web.doors.require`.
    """
    return ApiDoor(permission)


class Page(Schema, Generic[T]):
    """One page of a list.

    Attributes
    ----------
    items
        At most `size` of them.
    next
        Number of the next page, absent on the last one.

    """

    items: Sequence[T]
    next: int | None = None


def page_of(rows: QuerySet[T], *, page: int, size: int = 25) -> dict[str, object]:  # type: ignore[type-var]
    """Return one page of a query, one row read ahead instead of all rows counted."""
    start = (page - 1) * size
    found = list(rows[start : start + size + 1])
    return {"items": found[:size], "next": page + 1 if len(found) > size else None}
