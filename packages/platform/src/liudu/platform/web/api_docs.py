"""The page that describes the API: our own, readable without scripts, nothing from elsewhere."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

METHODS = ("get", "post", "put", "patch", "delete")
Schema = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Member:
    """One parameter, or one field of a body."""

    name: str
    place: str
    kind: str
    required: bool
    about: str


@attrs.frozen(kw_only=True)
class Described:
    """One operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    permission: str
    members: list[Member]
    answers: list[str]


class Docs(DocsBase):
    """Renders the OpenAPI document as a page of ours."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **_kwargs: Any) -> HttpResponse:  # noqa: ANN401
        """Return the page."""
        schema = api.get_openapi_schema()
        groups: dict[str, list[Described]] = {}
        for tag, each in described(schema):
            groups.setdefault(tag, []).append(each)
        context = {"groups": groups.items(), "openapi_url": self.get_openapi_url(api, {})}
        return render(request, "web/api_docs.html", context)


def described(schema: Schema) -> Iterator[tuple[str, Described]]:
    """Yield tag and description of each operation of an OpenAPI document."""
    for path, methods in schema["paths"].items():
        for method in METHODS:
            operation = methods.get(method)
            if operation:
                tag = (operation.get("tags") or [""])[0]
                yield tag, _described(schema, path=path, method=method, operation=operation)


def _described(schema: Schema, *, path: str, method: str, operation: Schema) -> Described:
    return Described(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        about=operation.get("description", ""),
        permission=operation.get("x-permission", ""),
        members=[*_parameters(schema, operation), *_body(schema, operation)],
        answers=sorted(str(status) for status in operation.get("responses", {})),
    )


def _parameters(schema: Schema, operation: Schema) -> Iterator[Member]:
    for each in operation.get("parameters", []):
        yield Member(
            name=each["name"],
            place=each["in"],
            kind=_kind(schema, each["schema"]),
            required=each.get("required", False),
            about=each.get("description") or each["schema"].get("description", ""),
        )


def _body(schema: Schema, operation: Schema) -> Iterator[Member]:
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        body = _resolved(schema, content["schema"])
        for name, field in body.get("properties", {}).items():
            yield Member(
                name=name,
                place="body" if media == "application/json" else media,
                kind=_kind(schema, field),
                required=name in body.get("required", []),
                about=field.get("description", ""),
            )


def _resolved(schema: Schema, part: Schema) -> Schema:
    while "$ref" in part:
        part = schema["components"]["schemas"][part["$ref"].rpartition("/")[2]]
    return part


def _kind(schema: Schema, part: Schema) -> str:
    choices = part.get("anyOf") or part.get("oneOf")
    if choices:
        return " | ".join(_kind(schema, each) for each in choices)
    resolved = _resolved(schema, part)
    if "enum" in resolved:
        return " | ".join(str(value) for value in resolved["enum"])
    if resolved.get("type") == "array":
        return f"[{_kind(schema, resolved.get('items', {}))}]"
    name = part.get("$ref", "").rpartition("/")[2]
    return str(name or resolved.get("format") or resolved.get("type") or "any")
