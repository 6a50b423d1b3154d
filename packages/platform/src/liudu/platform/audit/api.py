"""The API of this context: translate, one call, translate."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

import orjson
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from liudu.platform.audit import queries
from liudu.platform.audit.models import Line
from liudu.platform.web.api_doors import PageSize, api_door

router = Router()
Text = Annotated[str, Field(max_length=200)]
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]


class LineOut(Schema):
    """One line with its digests."""

    number: int
    at: datetime
    verb: str
    actor_kind: str
    actor_key: str
    actor_name: str
    organisation_key: str
    organisation_name: str
    subject_kind: str
    subject_key: str
    subject_name: str
    content: dict[str, Any]
    previous: str
    digest: str

    @staticmethod
    def resolve_content(line: Line) -> Any:  # noqa: ANN401
        """Return the canonical JSON as an object."""
        return orjson.loads(line.content)


class LinesOut(Schema):
    """Lines, the newest first; `below` of the next page."""

    items: Sequence[LineOut]
    below: int | None = None


class HeadOut(Schema):
    """The newest line: note it down elsewhere, and a chain written anew is found."""

    number: int
    digest: str


class FiltersIn(Schema):
    """What is looked for."""

    key: Text = ""
    verb: Text = ""
    actor: Text = ""
    organisation: Text = ""
    subject_kind: Text = ""
    day: date | None = None


@router.get("/lines", response=LinesOut, auth=api_door("audit.view_audit"))
def list_lines(
    request: HttpRequest,
    filters: Query[FiltersIn],
    below: Number | None = None,
    size: PageSize = 25,
) -> dict[str, object]:
    """List lines, the newest first."""
    del request
    rows = queries.found(queries.Filters(**filters.dict()))
    if below is not None:
        rows = rows.filter(number__lt=below)
    lines = list(rows[: size + 1])
    more = len(lines) > size
    return {"items": lines[:size], "below": lines[size - 1].number if more else None}


@router.get("/lines/{number}", response=LineOut, auth=api_door("audit.view_audit"))
def get_line(request: HttpRequest, number: Number) -> Line:
    """Return one line."""
    del request
    return Line.objects.get(number=number)


@router.get("/head", response=HeadOut, auth=api_door("audit.view_audit"))
def get_head(request: HttpRequest) -> object:
    """Return number and digest of the newest line."""
    del request
    return queries.head()
