"""The API: what the pages do, for programs, with a token for each organisation."""

import logging
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from importlib import import_module
from typing import Any, Final

import orjson
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, RequestDataTooBig
from django.db import DataError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from liudu.contract import Refusal
from liudu.platform.identity import once
from liudu.platform.web import pages
from liudu.platform.web.api_docs import Docs
from liudu.platform.web.api_doors import ApiDoor
from liudu.platform.web.doors import PUBLIC, door
from liudu.platform.words import Words, language

CONTEXTS: Final = ("city", "identity", "needs", "supply", "trials", "funding", "office", "audit")
PROBLEM: Final = "application/problem+json"
LOG = logging.getLogger(__name__)

TITLES: Final = {
    400: Words("请求无法读取", "The request cannot be read"),
    401: Words("需要登录或令牌", "A login or a token is needed"),
    403: Words("没有权限", "Not allowed"),
    404: Words("没有找到", "Not found"),
    405: Words("不支持这种方法", "This method is not offered"),
    409: Words("与现状冲突", "In conflict with what is there"),
    413: Words("请求过大", "The request is too large"),
    422: Words("未被接受", "Refused"),
    429: Words("请求过于频繁", "Too many requests"),
    500: Words("系统出错", "Something went wrong"),
    503: Words("数据库暂不可用", "The database is away for a moment"),
}
DETAILS: Final = {
    403: Words(
        "当前身份没有这项操作的权限；请换用有相应角色的单位或令牌。",
        "You may not do this: act for an organisation, or use a token, with the role for it.",
    ),
    404: Words("没有这一对象，或您无权查看。", "There is no such thing, or you may not see it."),
    413: Words("请求正文超过上限。", "The body is larger than the limit."),
    422: Words(
        "请求不符合接口说明，请看 errors 中的字段。",
        "The request is not as the API describes it: see the fields in errors.",
    ),
    500: Words(
        "错误已记录；稍后再试，若仍出错请联系平台运营方。",
        "It has been logged: try again, and tell the operator if it stays.",
    ),
    503: Words(
        "数据未改动；请稍候几秒后重试。",
        "Nothing was changed: try again in a few seconds.",
    ),
}
NOT_STORABLE: Final = Words(
    "有一个值超出范围或含有 NUL 字符：请改正后重发。",
    "A value is out of range or holds a NUL character: mend it and send it again.",
)


def problem(
    status: int,
    *,
    code: str,
    detail: str = "",
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> HttpResponse:
    """Return a problem document of RFC 9457 in the reader's language.

    Parameters
    ----------
    code
        Name of the broken rule, stable for programs.
    detail
        The sentence; that of the status where there is none.
    more
        Further members: ``facts`` of a refusal, ``errors`` of a validation.

    """
    words = DETAILS.get(status)
    content = {
        "type": "about:blank",
        "title": str(TITLES.get(status) or HTTPStatus(status).phrase),
        "status": status,
        "code": code,
        "detail": detail or (str(words) if words else ""),
        **more,
    }
    return HttpResponse(
        orjson.dumps(content, default=str),
        status=status,
        content_type=PROBLEM,
        headers={"Content-Language": language(), "Vary": "Accept-Language", **(headers or {})},
    )


def _refused(_request: HttpRequest, error: Refusal) -> HttpResponse:
    status = getattr(error, "status", HTTPStatus.UNPROCESSABLE_ENTITY)
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    return problem(
        status,
        code=error.code,
        detail=error.say(language()),
        headers=headers,
        facts={name: _plain(value) for name, value in error.facts.items()},
    )


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _not_found(_request: HttpRequest, _error: Exception) -> HttpResponse:
    return problem(404, code="NotFound")


def _forbidden(_request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(403, code="Forbidden", permission=str(error))


def _invalid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [
        {
            "field": ".".join(str(part) for part in each["loc"]),
            "code": each["type"],
            "detail": each["msg"],
        }
        for each in error.errors
    ]
    return problem(422, code="Invalid", errors=errors)


def _http(_request: HttpRequest, error: HttpError) -> HttpResponse:
    wait = getattr(error, "wait", None)
    return problem(
        error.status_code,
        code=type(error).__name__.removesuffix("Error"),
        detail=str(error),
        headers={"Retry-After": str(wait)} if wait else {},
    )


def _too_big(_request: HttpRequest, _error: Exception) -> HttpResponse:
    return problem(413, code="TooLarge")


def _database_away(_request: HttpRequest, error: Exception) -> HttpResponse:
    LOG.warning("the database is away: %s", error)
    return problem(503, code="DatabaseAway", headers={"Retry-After": "5"})


def _not_storable(_request: HttpRequest, _error: Exception) -> HttpResponse:
    return problem(422, code="NotStorable", detail=str(NOT_STORABLE))


def _broken(request: HttpRequest, error: Exception) -> HttpResponse:
    if isinstance(error, ValueError) and "NUL" in str(error):  # PostgreSQL keeps none in a text
        return _not_storable(request, error)
    LOG.error("%s %s", request.method, request.path, exc_info=error)
    return problem(500, code="Broken")


def _handled(api: NinjaAPI) -> NinjaAPI:
    handlers: Mapping[Any, Any] = {
        Exception: _broken,
        Refusal: _refused,
        Http404: _not_found,
        ObjectDoesNotExist: _not_found,
        PermissionDenied: _forbidden,
        ValidationError: _invalid,
        HttpError: _http,
        RequestDataTooBig: _too_big,
        OperationalError: _database_away,
        DataError: _not_storable,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)
    return api


PROBLEM_SCHEMA: Final = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Name of the broken rule"},
        "detail": {"type": "string", "description": "In the language of Accept-Language"},
        "facts": {"type": "object", "description": "The values that the sentence names"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


class Api(NinjaAPI):
    """Names in its OpenAPI document the permission and the problem of every operation."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        self._documents: dict[str, OpenAPISchema] = {}

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """Return the document; it is written once for each prefix, and shared: do not change it."""
        prefix = self.get_root_path(path_params or {}) if path_prefix is None else path_prefix
        if prefix not in self._documents:
            self._documents[prefix] = self._described(path_prefix=prefix)
        return self._documents[prefix]

    def _described(self, *, path_prefix: str) -> OpenAPISchema:
        schema = super().get_openapi_schema(path_prefix=path_prefix)
        schema["components"].setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
        doors = {self.get_openapi_operation_id(each): permission_of(each) for each in operations()}
        for methods in schema["paths"].values():
            for operation in methods.values():
                operation["x-permission"] = doors[operation["operationId"]]
                operation["responses"]["4XX"] = {
                    "description": "Problem",
                    "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
        return schema

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return context and name of the function, as a program would name the call."""
        name = getattr(operation.view_func, "__name__", "")
        return f"{operation.view_func.__module__.split('.')[-2]}_{name}"


def operations() -> Iterator[Operation]:
    """Yield every operation of the API."""
    for router in api._get_bound_routers():  # noqa: SLF001 - ninja has no public way to ask
        for view in router.path_operations.values():
            yield from view.operations


def permission_of(operation: Operation) -> str:
    """Return the permission that an operation names; empty where it names none."""
    named = (each.permission for each in operation.auth_callbacks if isinstance(each, ApiDoor))
    return next(named, "")


api = _handled(
    Api(
        title="Liudu 六度",
        version="1",
        urls_namespace="api",
        description=(
            "需求、供给、试验与证书。凭单位令牌（Authorization: Bearer …）或登录会话调用；"
            "错误为 RFC 9457 问题文档，语言随 Accept-Language。\n\n"
            "Needs, supply, trials and certificates. Call it with an organisation's token "
            "(Authorization: Bearer …) or a session; errors are RFC 9457 problem documents in the "
            "language of Accept-Language. A POST may carry an Idempotency-Key."
        ),
        docs=Docs(),
        docs_decorator=door(PUBLIC),
    )
)
for context in CONTEXTS:
    api.add_router(
        f"/{context}", import_module(f"liudu.platform.{context}.api").router, tags=[context]
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is nothing at an address: to programs as a problem, to people as a page."""
    if request.path.startswith("/api/"):
        return _not_found(request, exception)
    return pages.not_found(request, exception)


def answer_once(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Give the kept answer to a request that comes again with its idempotency key."""
    return once.answer_once(get_response, refuse=lambda refusal: _refused(HttpRequest(), refusal))
