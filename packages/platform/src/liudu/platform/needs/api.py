"""The API of this context: translate, one call, translate."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Field, Header, Query, Router, Schema, Status
from pydantic import ConfigDict

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.identity.models import Organisation
from liudu.platform.needs import queries, services
from liudu.platform.needs.decisions import NeedPlan, changes_between, missing_of, plan_of
from liudu.platform.needs.figures import BUDGET_FEN_MAX
from liudu.platform.needs.models import Need, Revision
from liudu.platform.web.api_doors import (
    PUBLIC,
    Page,
    PageNumber,
    PageSize,
    api_door,
    page_of,
)
from liudu.platform.web.doors import actor_at, require

router = Router()
Code = Annotated[str, Field(max_length=40)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Pace = Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)]
ONE = "/{key}"


class RevisionMissingError(Refusal):
    """A change that does not say which state it was made from."""

    status = 428
    en = 'Say which revision you read: If-Match: "7", or `revision` in the body.'
    zh = '请说明依据的是第几版：在请求头写 If-Match: "7"，或在正文写 revision。'


class PlaceOut(Schema):
    """A sector, a district or an organisation."""

    key: str
    name: str


class NeedOut(Schema):
    """A need as whoever may see it reads it."""

    key: str
    title: str
    title_en: str
    problem: str
    problem_en: str
    wanted_capability: str
    data_at_hand: str
    contact_unit: str
    targets_text: str
    owner: PlaceOut
    sector: Code | None
    district: Code | None
    job: str
    targets: dict[str, Any]
    targets_fixed_at: datetime | None
    pieces_per_h: float | None
    positive_share: float | None
    budget_fen_max: int | None
    due_date: date | None
    status: Need.Status
    stage: Need.Stage
    simulated: bool
    revision: int
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None
    withdrawn_at: datetime | None
    withdrawn_reason: str
    missing: list[str]

    @staticmethod
    def resolve_owner(need: Need) -> dict[str, str]:
        """Return whose need it is."""
        return {"key": need.owner.key, "name": need.owner.name}

    @staticmethod
    def resolve_sector(need: Need) -> str | None:
        """Return the code of the sector."""
        return need.sector.code if need.sector else None

    @staticmethod
    def resolve_district(need: Need) -> str | None:
        """Return the code of the district."""
        return need.district.code if need.district else None

    @staticmethod
    def resolve_missing(need: Need) -> list[str]:
        """Return the fields without which a draft cannot be published."""
        return list(missing_of(services.content_of(need)))


class NeedIn(Schema):
    """What a need says; all but the title may come later."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(max_length=120)]
    title_en: Annotated[str, Field(max_length=200)] = ""
    problem: Annotated[str, Field(max_length=8000)] = ""
    problem_en: Annotated[str, Field(max_length=8000)] = ""
    wanted_capability: Annotated[str, Field(max_length=4000)] = ""
    data_at_hand: Annotated[str, Field(max_length=4000)] = ""
    sector: Code | None = None
    district: Code | None = None
    job: Annotated[str, Field(max_length=20)] = ""
    targets: dict[str, Any] = Field(default_factory=dict)
    pieces_per_h: Pace | None = None
    pace_per: Need.Pace = Need.Pace.HOUR
    positive_share: Share | None = None
    budget_fen_max: Annotated[int, Field(ge=0, le=BUDGET_FEN_MAX)] | None = None
    due_date: date | None = None
    simulated: bool = False


class NeedChange(NeedIn):
    """Some of what a need says; what is not named stays."""

    title: Annotated[str, Field(max_length=120)] = ""
    revision: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class PublishIn(Schema):
    """Which state is published; any where it is left out."""

    revision: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class WithdrawIn(Schema):
    """Why."""

    reason: Annotated[str, Field(max_length=500)]


class PlanIn(Schema):
    """A promise, and what is known of the line."""

    model_config = ConfigDict(extra="forbid")

    targets: dict[str, Any]
    pieces_per_h: Pace | None = None
    positive_share: Share | None = None


class KindOut(Schema):
    """How many trials of one unit: with no error, with one, with two."""

    unit: str
    zh: str
    en: str
    samples: Sequence[int]
    likely: int | None
    every_class: bool

    @staticmethod
    def resolve_likely(kind: Any) -> int | None:  # noqa: ANN401 - a plan's kind or its dump
        """Return the number that passes with 80 %."""
        return kind.likely.trial_count if kind.likely else None


class SeedingOut(Schema):
    """Known pieces put among those of the line."""

    unit: str
    seeded_count: int
    line_count: int
    piece_count: int
    hours: float


class PlanOut(Schema):
    """What a promise takes."""

    kinds: Sequence[KindOut]
    line_count: int | None
    hours: float | None
    seeding: SeedingOut | None


class ChangeOut(Schema):
    """One field that differs from the state before."""

    field: str
    before: Any
    after: Any


class RevisionOut(Schema):
    """One state of a need: who wrote it, when, and what changed."""

    number: int
    at: datetime
    by_name: str
    verb: Revision.Verb
    changes: list[ChangeOut]


class Wanted(Schema):
    """Filters of the list."""

    status: Need.Status | None = None
    stage: Need.Stage | None = None
    sector: Code | None = None
    district: Code | None = None
    owner: Annotated[str | None, Field(max_length=12)] = None


class Numbers(Schema):
    """Which page."""

    page: PageNumber = 1
    size: PageSize = 25


@router.get("", response=Page[NeedOut], auth=api_door(PUBLIC))
def list_needs(
    request: HttpRequest, wanted: Query[Wanted], numbers: Query[Numbers]
) -> dict[str, object]:
    """List the needs that you may see, the newest first."""
    rows = _filtered(queries.visible_to(actor_at(request)), wanted)
    return page_of(rows.order_by("-updated_at", "-pk"), page=numbers.page, size=numbers.size)


@router.post("", response={201: NeedOut}, auth=api_door("needs.post_need"))
def draft_need(request: HttpRequest, body: NeedIn) -> Status[Need]:
    """Draft a need for the organisation that you act for."""
    actor = actor_at(request)
    owner = Organisation.objects.get(key=actor.organisation_key)
    need = services.draft_need(
        by=actor, at=clock.now(), owner=owner, **body.dict(exclude_unset=True)
    )
    return Status(201, need)


@router.post("/plan", response=PlanOut, auth=api_door(PUBLIC))
def plan_targets(request: HttpRequest, body: PlanIn) -> NeedPlan:
    """Say how many pieces a promise takes, how long that is, and a shorter way."""
    del request
    return plan_of(body.targets, pieces_per_h=body.pieces_per_h, positive_share=body.positive_share)


@router.get(ONE, response=NeedOut, auth=api_door(PUBLIC))
def get_need(request: HttpRequest, response: HttpResponse, key: str) -> Need:
    """Return a need; its ETag is its revision."""
    need = _seen(request, key)
    response["ETag"] = f'"{need.revision}"'
    return need


@router.patch(ONE, response=NeedOut, auth=api_door("needs.edit_need"))
def edit_need(
    request: HttpRequest,
    key: str,
    body: NeedChange,
    if_match: Annotated[str | None, Header(max_length=40)] = None,
) -> Need:
    """Change a need; 409 where somebody else wrote it after the revision that you read."""
    need = _required(request, key, "needs.edit_need")
    changes = body.dict(exclude_unset=True)
    revision = changes.pop("revision", None) or _matched(if_match)
    return services.edit_need(
        by=actor_at(request),
        at=clock.now(),
        need_key=need.key,
        revision=revision,
        changes=changes,
    )


@router.post(ONE + "/publish", response=NeedOut, auth=api_door("needs.publish_need"))
def publish_need(request: HttpRequest, key: str, body: PublishIn) -> Need:
    """Publish a draft that says everything vendors must know."""
    need = _required(request, key, "needs.publish_need")
    return services.publish_need(
        by=actor_at(request), at=clock.now(), need_key=need.key, revision=body.revision
    )


@router.post(ONE + "/withdraw", response=NeedOut, auth=api_door("needs.withdraw_need"))
def withdraw_need(request: HttpRequest, key: str, body: WithdrawIn) -> Need:
    """Withdraw a need, with its reason."""
    need = _required(request, key, "needs.withdraw_need")
    return services.withdraw_need(
        by=actor_at(request), at=clock.now(), need_key=need.key, reason=body.reason
    )


@router.post(ONE + "/duplicate", response={201: NeedOut}, auth=api_door("needs.copy_need"))
def duplicate_need(request: HttpRequest, key: str) -> Status[Need]:
    """Copy a need that you see into a draft of your own."""
    need = _required(request, key, "needs.copy_need")
    actor = actor_at(request)
    owner = Organisation.objects.get(key=actor.organisation_key)
    copy = services.duplicate_need(by=actor, at=clock.now(), need_key=need.key, owner=owner)
    return Status(201, copy)


@router.get(ONE + "/plan", response=PlanOut, auth=api_door(PUBLIC))
def get_need_plan(request: HttpRequest, key: str) -> NeedPlan:
    """Say what the promise of a need takes; 422 while it has none."""
    need = _seen(request, key)
    return plan_of(
        need.targets,
        pieces_per_h=need.pieces_per_h,
        positive_share=need.positive_share,
        job=need.job,
    )


@router.get(ONE + "/history", response=Page[RevisionOut], auth=api_door("needs.follow_need"))
def list_need_revisions(
    request: HttpRequest, key: str, numbers: Query[Numbers]
) -> dict[str, object]:
    """List the states of a need, the newest first, each with what changed."""
    need = _seen(request, key)
    require(actor_at(request), "needs.follow_need", need, seen="needs.follow_need")
    found = page_of(queries.revisions_of(need), page=numbers.page, size=numbers.size)
    states: list[Revision] = found["items"]  # type: ignore[assignment]
    return {**found, "items": _told(need, states)}


def _told(need: Need, states: Sequence[Revision]) -> list[dict[str, object]]:
    before = queries.contents_before(need, states)
    return [
        {
            "number": state.number,
            "at": state.at,
            "by_name": state.by_name,
            "verb": state.verb,
            "changes": [
                {"field": change.field.name, "before": change.before, "after": change.after}
                for change in changes_between(before[state.number], state.content)
            ],
        }
        for state in states
    ]


def _filtered(rows: QuerySet[Need], wanted: Wanted) -> QuerySet[Need]:
    columns = {
        "status": wanted.status,
        "stage": wanted.stage,
        "sector__code": wanted.sector,
        "district__code": wanted.district,
        "owner__key": wanted.owner,
    }
    return rows.filter(**{name: value for name, value in columns.items() if value is not None})


def _matched(header: str | None) -> int:
    digits = (header or "").strip().removeprefix("W/").strip('"')
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):  # noqa: PLR2004
        raise RevisionMissingError
    return int(digits)


def _required(request: HttpRequest, key: str, permission: str) -> Need:
    need = _seen(request, key)
    require(actor_at(request), permission, need)
    return need


def _seen(request: HttpRequest, key: str) -> Need:
    return queries.need_for(actor_at(request), key)
