"""The API of this context: translate, one call, translate."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema

from liudu.platform import clock
from liudu.platform.city import queries, services
from liudu.platform.city.models import (
    District,
    Fact,
    Sector,
    Source,
)
from liudu.platform.web.api_doors import PUBLIC, Page, PageNumber, PageSize, api_door, page_of
from liudu.platform.web.doors import actor_at, require

router = Router()
Search = Annotated[str, Field(max_length=200)]
Code = Annotated[str, Field(max_length=80)]


class DistrictOut(Schema):
    """A district and its tile on the schematic map."""

    code: str
    name: str
    name_en: str
    adcode: str
    column: int
    row: int


class SectorOut(Schema):
    """One of the sectors."""

    code: str
    number: int
    name: str
    name_en: str


class SourceOut(Schema):
    """Where facts come from; reliability A (official) to D (do not rely on it)."""

    code: str
    title: str
    url: str
    site: str
    reliability: str
    note: str
    origin: str


class StatedOut(Schema):
    """What rests on a source; `believed` names the fields that the source does not say itself."""

    code: str
    source: str | None = Field(None, alias="source_id")
    also: list[str]
    believed: list[str]
    detail: dict[str, str]
    note: str
    note_en: str
    verified_at: datetime | None


class FactOut(StatedOut):
    """A figure, a target …; `status` not_found is an empty slot."""

    topic: str
    status: str
    district: str | None
    sector: str | None
    label: str
    label_en: str
    op: str
    value: str
    unit: str
    as_of: str
    due: str
    document: str

    @staticmethod
    def resolve_district(row: Fact) -> str | None:
        """Return its code."""
        return row.district.code if row.district else None

    @staticmethod
    def resolve_sector(row: Fact) -> str | None:
        """Return its code."""
        return row.sector.code if row.sector else None


class EnterpriseOut(StatedOut):
    """An enterprise that a source names."""

    name: str
    layer: str
    product: str
    role: str


class PlaceOut(StatedOut):
    """A park, a community, a compute centre or a platform."""

    kind: str
    name: str
    citywide: bool
    as_of: str


class PublishedOut(StatedOut):
    """What was published elsewhere; not a need of this platform."""

    kind: str
    elsewhere: bool
    city: str
    title: str
    title_en: str
    owner: str
    vendor: str
    date: str
    metrics: list[dict[str, str]]


class SlotIn(Schema):
    """What fills an empty slot: a value and the source that says it."""

    value: Annotated[str, Field(min_length=1, max_length=400)]
    unit: Annotated[str, Field(max_length=40)] = ""
    as_of: Annotated[str, Field(max_length=10)] = ""
    source_title: Annotated[str, Field(min_length=1, max_length=400)]
    source_url: Annotated[str, Field(max_length=600, pattern=r"^(https?://\S+)?$")] = ""


class VerifiedIn(Schema):
    """Whether the fact was compared with the official text."""

    verified: bool


@router.get("/districts", response=list[DistrictOut], auth=api_door(PUBLIC))
def districts(request: HttpRequest) -> list[District]:
    """List the districts."""
    return list(queries.districts())


@router.get("/sectors", response=list[SectorOut], auth=api_door(PUBLIC))
def sectors(request: HttpRequest) -> list[Sector]:
    """List the sectors."""
    return list(queries.sectors())


@router.get("/sources", response=Page[SourceOut], auth=api_door(PUBLIC))
def sources(
    request: HttpRequest, q: Search = "", page: PageNumber = 1, size: PageSize = 25
) -> dict[str, object]:
    """List the sources; those on which most rests come first."""
    return page_of(queries.sources(search=q), page=page, size=size)


@router.get("/sources/{code}", response=SourceOut, auth=api_door(PUBLIC))
def source(request: HttpRequest, code: Code) -> Source:
    """Show a source."""
    return Source.objects.get(code=code)


@router.get("/facts", response=Page[FactOut], auth=api_door(PUBLIC))
def facts(
    request: HttpRequest,
    *,
    topic: Code = "",
    district: Code = "",
    sector: Code = "",
    status: Code = "",
    page: PageNumber = 1,
    size: PageSize = 25,
) -> dict[str, object]:
    """List facts of the city, its districts and sectors."""
    rows = queries.all_facts(topic=topic, district=district, sector=sector, status=status)
    return page_of(rows, page=page, size=size)


@router.get("/facts/{code}", response=FactOut, auth=api_door(PUBLIC))
def fact(request: HttpRequest, code: Code) -> Fact:
    """Show a fact."""
    return queries.all_facts().get(code=code)


@router.put("/facts/{code}", response=FactOut, auth=api_door("city.fill_slot"))
def fill(request: HttpRequest, code: Code, slot: SlotIn) -> Fact:
    """Fill an empty slot; the office names its source."""
    actor = actor_at(request)
    require(actor, "city.fill_slot", queries.all_facts().get(code=code))
    services.fill_slot(by=actor, at=clock.now(), code=code, **slot.dict())
    return queries.all_facts().get(code=code)


@router.put("/facts/{code}/verified", response=FactOut, auth=api_door("city.verify_row"))
def verify(request: HttpRequest, code: Code, told: VerifiedIn) -> Fact:
    """Say that a fact was compared with the official text, or take it back."""
    services.verify_row(
        by=actor_at(request), at=clock.now(), kind="fact", code=code, verified=told.verified
    )
    return queries.all_facts().get(code=code)


@router.get("/enterprises", response=Page[EnterpriseOut], auth=api_door(PUBLIC))
def enterprises(
    request: HttpRequest,
    *,
    q: Search = "",
    district: Code = "",
    layer: Code = "",
    page: PageNumber = 1,
    size: PageSize = 25,
) -> dict[str, object]:
    """List enterprises that sources name."""
    rows = queries.enterprises(search=q, district=district, layer=layer)
    return page_of(rows, page=page, size=size)


@router.get("/places", response=Page[PlaceOut], auth=api_door(PUBLIC))
def places(
    request: HttpRequest,
    *,
    q: Search = "",
    district: Code = "",
    kind: Code = "",
    page: PageNumber = 1,
    size: PageSize = 25,
) -> dict[str, object]:
    """List parks, communities, compute centres and platforms."""
    return page_of(queries.places(search=q, district=district, kind=kind), page=page, size=size)


@router.get("/published", response=Page[PublishedOut], auth=api_door(PUBLIC))
def published(
    request: HttpRequest,
    *,
    q: Search = "",
    sector: Code = "",
    kind: Code = "",
    place: Code = "",
    page: PageNumber = 1,
    size: PageSize = 25,
) -> dict[str, object]:
    """List what was published elsewhere."""
    rows = queries.published(search=q, sector=sector, kind=kind, place=place)
    return page_of(rows, page=page, size=size)
