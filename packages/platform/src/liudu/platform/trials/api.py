"""The API of this context: translate, one call, translate."""

from datetime import datetime
from typing import Annotated, Any, cast

from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from liudu.platform import clock
from liudu.platform.needs.models import Need
from liudu.platform.supply.models import Offer
from liudu.platform.trials import queries, services
from liudu.platform.trials.models import Seal, Trial
from liudu.platform.trials.uploads import require_small_enough
from liudu.platform.web.api_doors import PUBLIC, Page, PageNumber, PageSize, api_door, page_of
from liudu.platform.web.doors import actor_at, may, require

router = Router()
Key = Annotated[str, Field(max_length=12)]


class TargetOut(Schema):
    """One target: what was promised and what was found."""

    metric: str
    op: str
    limit: float
    confidence: float
    answer: str
    point: float | None = None
    lower: float | None = None
    upper: float | None = None
    events: int | None = None
    trials: int | None = None


class TrialOut(Schema):
    """A trial as the actor may see it; the verdict is empty until it may be seen."""

    key: str
    need: str
    solution: str
    version: int
    vendor: str
    state: str
    simulated: bool
    stage_zh: str
    stage_en: str
    done_count: int
    total_count: int | None
    attempt_count: int
    infra_count: int
    reason_code: str
    reason_zh: str
    reason_en: str
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    released_at: datetime | None
    verdict: str
    targets: list[TargetOut]


class SealOut(Schema):
    """Sealed data: counts and digests only."""

    key: str
    need: str
    state: str
    digest: str
    piece_count: int
    counts: dict[str, int]
    simulated: bool
    reason_code: str
    reason_zh: str
    reason_en: str
    created_at: datetime
    sealed_at: datetime | None


class EventOut(Schema):
    """What happened to a trial."""

    at: datetime
    kind: str
    zh: str
    en: str


class ProgressOut(Schema):
    """How a trial goes at this moment."""

    state: str
    stage_zh: str
    stage_en: str
    done_count: int
    total_count: int | None
    place: int | None
    wait_s: float | None
    events: list[EventOut]


class StartIn(Schema):
    """Which offer is to be tried."""

    offer: Key


def _told(request: HttpRequest, trial: Trial) -> dict[str, Any]:
    actor = actor_at(request)
    inside = may(actor, "trials.see_progress", trial)
    result = may(actor, "trials.see_result", trial)
    shown = ("stage_zh", "stage_en", "done_count", "total_count", "attempt_count", "infra_count")
    reasons = ("reason_code", "reason_zh", "reason_en")
    hidden = {"stage_zh": "", "stage_en": "", "done_count": 0, "total_count": None}
    hidden |= {"attempt_count": 0, "infra_count": 0} | dict.fromkeys(reasons, "")
    return {
        "key": trial.key,
        "need": trial.need.key,
        "solution": trial.version.solution.key,
        "version": trial.version.number,
        "vendor": trial.vendor.organisation.key,
        "state": trial.state,
        "simulated": trial.seal.simulated,
        "queued_at": trial.queued_at,
        "started_at": trial.started_at,
        "ended_at": trial.ended_at,
        "released_at": trial.released_at,
        "verdict": trial.verdict if result else "",
        "targets": trial.result.get("targets", []) if result else [],
        **({name: getattr(trial, name) for name in (*shown, *reasons)} if inside else hidden),
    }


def _trial(request: HttpRequest, key: str, permission: str = "trials.see_trial") -> Trial:
    trial = queries.trial_for(key)
    require(actor_at(request), permission, trial, seen="trials.see_trial")
    return trial


class TrialFilter(Schema):
    """Which trials are asked for; empty is all."""

    state: Key = ""
    verdict: Key = ""
    need: Key = ""
    vendor: Key = ""
    q: Annotated[str, Field(max_length=80)] = ""


@router.get("/trials", response=Page[TrialOut], auth=api_door(PUBLIC))
def list_trials(
    request: HttpRequest, wanted: Query[TrialFilter], page: PageNumber = 1, size: PageSize = 25
) -> dict[str, Any]:
    """List the trials that the caller may know of."""
    found = queries.listed(actor_at(request), asked=wanted.dict())
    listed = page_of(found, page=page, size=size)
    items = [_told(request, trial) for trial in cast("list[Trial]", listed["items"])]
    return {**listed, "items": items}


@router.get("/trials/{key}", response=TrialOut, auth=api_door(PUBLIC))
def get_trial(request: HttpRequest, key: str) -> dict[str, Any]:
    """Return one trial."""
    return _told(request, _trial(request, key))


@router.get("/trials/{key}/progress", response=ProgressOut, auth=api_door(PUBLIC))
def get_progress(request: HttpRequest, key: str) -> dict[str, Any]:
    """Return how a trial goes, for those who are in it."""
    trial = _trial(request, key, "trials.see_progress")
    waits = trial.state == Trial.State.QUEUED
    expected = queries.expectation_of(trial, at=clock.now()) if waits else None
    names = ("state", "stage_zh", "stage_en", "done_count", "total_count")
    return {
        **{name: getattr(trial, name) for name in names},
        "place": expected.place if expected else None,
        "wait_s": expected.wait_s if expected else None,
        "events": queries.events_of(trial),
    }


@router.post("/trials", response={201: TrialOut}, auth=api_door("trials.decide"))
def start_trial(request: HttpRequest, given: StartIn) -> Status[Any]:
    """Queue the trial of an offer, which admits it."""
    offers = Offer.objects.select_related("need__owner", "vendor__organisation")
    offer = offers.get(key=given.offer)
    require(actor_at(request), "trials.start_trial", offer, seen="trials.start_trial")
    trial = services.start_trial(by=actor_at(request), at=clock.now(), offer=offer)
    return Status(201, _told(request, queries.trial_for(trial.key)))


@router.post("/trials/{key}/cancel", response=TrialOut, auth=api_door("trials.be_known"))
def cancel_trial(request: HttpRequest, key: str) -> dict[str, Any]:
    """End a trial that has no verdict yet."""
    trial = _trial(request, key, "trials.see_progress")
    if trial.state in (Trial.State.QUEUED, Trial.State.RUNNING):
        require(actor_at(request), "trials.cancel_trial", trial)
    services.cancel_trial(by=actor_at(request), at=clock.now(), trial=trial)
    return _told(request, queries.trial_for(key))


@router.post("/trials/{key}/release", response=TrialOut, auth=api_door("trials.decide"))
def release_trial(request: HttpRequest, key: str) -> dict[str, Any]:
    """Release the verdict; it cannot be taken back."""
    trial = _trial(request, key)
    require(actor_at(request), "trials.decide_on", trial)
    services.release_trial(by=actor_at(request), at=clock.now(), trial=trial)
    return _told(request, queries.trial_for(key))


@router.get("/seals", response=list[SealOut], auth=api_door("trials.be_known"))
def list_seals(request: HttpRequest, need: Key) -> list[dict[str, Any]]:
    """List what was uploaded for a need: counts and digests."""
    found = _need(request, need, "trials.see_seals")
    return [_seal_told(seal) for seal in queries.seals_of(found)]


@router.post(
    "/seals",
    response={201: SealOut},
    auth=api_door("trials.be_known"),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
def seal_data(
    request: HttpRequest, need: Key, simulated: bool = False, encoding: Key = ""
) -> Status[Any]:
    """Take in a need's data, a zip as the body of the request; a worker seals them."""
    found = _need(request, need, "trials.seal_need")
    require_small_enough(request, settings.SEAL_BYTES_MAX)
    seal = services.seal_data(
        by=actor_at(request),
        at=clock.now(),
        need=found,
        stream=request,  # read as it comes
        simulated=simulated,
        encoding=encoding,
    )
    return Status(201, _seal_told(seal))


def _need(request: HttpRequest, key: str, permission: str) -> Need:
    need = Need.objects.select_related("owner").get(key=key)
    require(actor_at(request), permission, need, seen="trials.see_seals")
    return need


def _seal_told(seal: Seal) -> dict[str, Any]:
    names = SealOut.model_fields.keys() - {"need"}
    return {name: getattr(seal, name) for name in names} | {"need": seal.need.key}
