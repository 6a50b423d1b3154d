"""The API of this context: translate, one call, translate."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, File, Form, Query, Router, Schema, Status
from ninja.files import UploadedFile

from liudu.platform import clock
from liudu.platform.needs.imports import receive_list, resume_list
from liudu.platform.needs.models import ImportRow, ImportRun
from liudu.platform.needs.queries import need_for
from liudu.platform.office import queries, services
from liudu.platform.office.models import SavedView
from liudu.platform.office.waiting import Group, waiting
from liudu.platform.web.api_doors import Page, PageNumber, PageSize, api_door, page_of
from liudu.platform.web.doors import actor_at, may, require

router = Router()
Text = Annotated[str, Field(max_length=120)]
Code = Annotated[str, Field(max_length=40)]


class CardOut(Schema):
    """A need on the board."""

    key: str
    title: str
    owner: str
    days_at_stage: int


class ColumnOut(Schema):
    """A stage, how many needs stand there, and the newest of them."""

    stage: str
    count: int
    needs: list[CardOut]


class Asked(Schema):
    """Which needs of the board."""

    sector: Code = ""
    district: Code = ""
    owner: Text = ""


class LineOut(Schema):
    """One thing that waits: since when, who must act, and where."""

    subject: str
    since: datetime | None = None
    who: str
    href: str


class GroupOut(Schema):
    """Things of one kind; `count` stops where `more` is true."""

    code: str
    title: str
    count: int
    more: bool
    lines: list[LineOut]


class WaitingOut(Schema):
    """What waits for you, and what you wait for."""

    mine: list[GroupOut]
    others: list[GroupOut]


class ViewIn(Schema):
    """A list with its filters, to be kept under a name."""

    page: Code
    name: Annotated[str, Field(max_length=200)]
    query: Annotated[str, Field(max_length=2000)] = ""
    shared: bool = False


class ViewOut(Schema):
    """A view that you may use."""

    key: str
    page: str
    name: str
    query: str
    shared: bool
    owner: str
    created_at: datetime

    @staticmethod
    def resolve_owner(view: SavedView) -> str:
        """Return whose it is."""
        return str(view.user)


class RunOut(Schema):
    """A list that came in."""

    key: str
    file_name: str
    state: str
    reason_zh: str
    reason_en: str
    row_count: int
    done_count: int
    taken_count: int
    take_hidden: bool
    notes: list[dict[str, object]]
    created_at: datetime
    ended_at: datetime | None = None


class RowOut(Schema):
    """What became of one row, with the address of each cell that it tells of."""

    address: str
    state: str
    cells: list[str]
    reasons: list[dict[str, object]]
    need: str | None = None

    @staticmethod
    def resolve_need(row: ImportRow) -> str | None:
        """Return the key of the need that it became."""
        return row.need.key if row.need else None


class Numbers(Schema):
    """Which page."""

    page: PageNumber = 1
    size: PageSize = 25


class RowsAsked(Numbers):
    """Which rows of a report."""

    state: ImportRow.State | None = None


@router.get("/board", response=list[ColumnOut], auth=api_door("office.see_board"))
def get_board(request: HttpRequest, asked: Query[Asked]) -> list[dict[str, object]]:
    """Return the published needs by their stage."""
    del request
    columns = queries.board(at=clock.now(), **asked.dict())
    return [
        {
            "stage": column.stage.value,
            "count": column.count,
            "needs": [
                {
                    "key": card.need.key,
                    "title": str(card.need),
                    "owner": str(card.need.owner),
                    "days_at_stage": card.days,
                }
                for card in column.cards
            ],
        }
        for column in columns
    ]


@router.post("/needs/{key}/running", response={204: None}, auth=api_door("office.start_running"))
def start_running(request: HttpRequest, key: str) -> Status[None]:
    """Say that an accepted need is in use."""
    actor = actor_at(request)
    need = need_for(actor, key)
    require(actor, "office.start_running", need, seen="needs.see_need")
    services.start_running(by=actor, at=clock.now(), need=need)
    return Status(204, None)


@router.get("/waiting", response=WaitingOut, auth=api_door("office.see_mine"))
def get_waiting(request: HttpRequest) -> dict[str, object]:
    """Return what waits for you, and for whom the rest waits."""
    found = waiting(actor_at(request), at=clock.now())
    return {"mine": [_told(g) for g in found.mine], "others": [_told(g) for g in found.others]}


def _told(group: Group) -> dict[str, object]:
    return {
        "code": group.code,
        "title": str(group.title),
        "count": group.count,
        "more": group.more,
        "lines": group.lines,
    }


@router.get("/views", response=Page[ViewOut], auth=api_door("office.keep_views"))
def list_views(request: HttpRequest, numbers: Query[Numbers]) -> dict[str, object]:
    """List your views, and those that your organisation shares."""
    return page_of(queries.views_of(actor_at(request)), page=numbers.page, size=numbers.size)


@router.post("/views", response={201: ViewOut}, auth=api_door("office.keep_views"))
def save_view(request: HttpRequest, body: ViewIn) -> Status[SavedView]:
    """Keep a list with its filters under a name."""
    view = services.save_view(by=actor_at(request), at=clock.now(), **body.dict())
    return Status(201, view)


@router.delete("/views/{key}", response={204: None}, auth=api_door("office.keep_views"))
def delete_view(request: HttpRequest, key: str) -> Status[None]:
    """Forget a view of yours."""
    view = queries.view_for(key)
    require(actor_at(request), "office.keep_views", view, seen="office.see_view")
    services.delete_view(by=actor_at(request), at=clock.now(), view=view)
    return Status(204, None)


@router.get("/imports", response=Page[RunOut], auth=api_door("needs.see_import"))
def list_imports(request: HttpRequest, numbers: Query[Numbers]) -> dict[str, object]:
    """List the lists that your organisation sent, the newest first."""
    runs = ImportRun.objects.filter(owner__key=actor_at(request).organisation_key)
    return page_of(runs.order_by("-created_at", "-pk"), page=numbers.page, size=numbers.size)


@router.post("/imports", response={201: RunOut}, auth=api_door("needs.import_list"))
def send_list(
    request: HttpRequest, file: File[UploadedFile], take_hidden: Form[bool] = False
) -> Status[ImportRun]:
    """Send a list of needs as Excel or CSV; a worker reads it, and the report follows."""
    actor = actor_at(request)
    run = receive_list(
        by=actor,
        at=clock.now(),
        file_name=file.name or "",
        chunks=file.chunks(),
        take_hidden=take_hidden,
        for_others=may(actor, "needs.import_for_others"),
    )
    return Status(201, run)


@router.get("/imports/{key}", response=RunOut, auth=api_door("needs.see_import"))
def get_import(request: HttpRequest, key: str) -> ImportRun:
    """Return how far an import is."""
    return _run(request, key)


@router.get("/imports/{key}/rows", response=Page[RowOut], auth=api_door("needs.see_import"))
def list_rows(request: HttpRequest, key: str, asked: Query[RowsAsked]) -> dict[str, object]:
    """List what became of each row, in the order of the file."""
    rows = _run(request, key).rows.select_related("need")
    if asked.state:
        rows = rows.filter(state=asked.state)
    return page_of(rows, page=asked.page, size=asked.size)


@router.post("/imports/{key}/resume", response=RunOut, auth=api_door("needs.import_list"))
def resume_import(request: HttpRequest, key: str) -> ImportRun:
    """Go on with an import whose worker died."""
    run = _run(request, key)
    resume_list(by=actor_at(request), at=clock.now(), run=run)
    run.refresh_from_db()
    return run


def _run(request: HttpRequest, key: str) -> ImportRun:
    run = ImportRun.objects.select_related("owner").get(key=key)
    require(actor_at(request), "needs.see_import", run, seen="needs.see_import")
    return run
