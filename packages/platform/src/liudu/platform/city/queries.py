"""Reads of the city."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
from django.db.models import Count, Q, QuerySet

from liudu.platform.city.models import (
    Citation,
    Conflict,
    Dimension,
    District,
    Enterprise,
    Fact,
    Gap,
    Milestone,
    PackVersion,
    Place,
    PublishedItem,
    RejectedSource,
    Sector,
    Source,
    Zone,
)

HEADLINES: Final = ("ai_revenue_2024", "chain", "ai_talent", "industrial_llm", "ai_fund", "listed")
CITED: Final[Mapping[str, Any]] = {
    "fact": Fact,
    "zone": Zone,
    "dimension": Dimension,
    "enterprise": Enterprise,
    "place": Place,
    "published": PublishedItem,
    "milestone": Milestone,
    "conflict": Conflict,
    "sector": Sector,
}


def districts() -> QuerySet[District]:
    """Return the districts that the pack has, as they stand on the map."""
    return District.objects.filter(retired_at__isnull=True)


def sectors() -> QuerySet[Sector]:
    """Return the sectors that the pack has, by number."""
    return Sector.objects.filter(retired_at__isnull=True)


def newest_pack() -> PackVersion | None:
    """Return the state of the pack that is loaded, or None where there is no city yet."""
    return PackVersion.objects.order_by("-pk").first()


def facts(*, topic: str = "", district: District | None = None) -> QuerySet[Fact]:
    """Return facts of the whole city, or of a district; with their sources."""
    rows = Fact.objects.select_related("source", "sector")
    rows = rows.filter(district=district) if district else rows.filter(district__isnull=True)
    return rows.filter(topic=topic) if topic else rows


def all_facts(
    *, topic: str = "", district: str = "", sector: str = "", status: str = ""
) -> QuerySet[Fact]:
    """Return facts of the city, its districts and its sectors."""
    asked = {"topic": topic, "status": status}
    asked |= {"district__code": district, "sector__code": sector}
    rows = Fact.objects.select_related("source", "district", "sector")
    return rows.filter(**{name: value for name, value in asked.items() if value})


def headlines() -> list[Fact]:
    """Return the few figures that say most, in order; those that the pack has."""
    codes = [f"city.{name}" for name in HEADLINES]
    found = {row.code: row for row in Fact.objects.select_related("source").filter(code__in=codes)}
    stated = [found[code] for code in codes if code in found]
    if stated:
        return stated
    return list(facts(topic=Fact.Topic.FIGURE).filter(sector__isnull=True)[: len(HEADLINES)])


@attrs.frozen(kw_only=True)
class Tile:
    """A district on the schematic map; x and y are the corner of its tile in drawing units."""

    district: District
    x: int
    y: int
    lines: Sequence[str]
    zone: Zone | None

    @property
    def middle(self) -> tuple[int, int]:
        """The middle of the tile."""
        return self.x + TILE // 2, self.y + TILE // 2


TILE: Final = 96
GAP: Final = 6


@attrs.frozen(kw_only=True)
class TileMap:
    """All tiles, and how large the drawing is."""

    tiles: Sequence[Tile]
    width: int
    height: int
    side: int = TILE


def tile_map(*, english: bool) -> TileMap:
    """Return the districts as tiles of a schematic map."""
    rows = list(districts())
    zones = {zone.district_id: zone for zone in Zone.objects.all()}
    left = min((row.column for row in rows), default=0)
    top = min((row.row for row in rows), default=0)
    step = TILE + GAP
    tiles = [
        Tile(
            district=row,
            x=(row.column - left) * step,
            y=(row.row - top) * step,
            lines=_broken(row.name_en if english else row.name, words=english),
            zone=zones.get(row.pk),
        )
        for row in rows
    ]
    return TileMap(
        tiles=tiles,
        width=max((tile.x for tile in tiles), default=0) + TILE,
        height=max((tile.y for tile in tiles), default=0) + TILE,
    )


def _broken(name: str, *, words: bool) -> list[str]:
    """Return a name in at most three lines that fit a tile."""
    name = name.partition("（")[0].partition(" (")[0]
    if words:
        return name.split()[:3]
    return [name] if len(name) <= 4 else [name[: len(name) // 2], name[len(name) // 2 :]]  # noqa: PLR2004 - four signs fit


def sectors_with_counts() -> QuerySet[Sector]:
    """Return the sectors with how many published items and empty slots they have."""
    return sectors().annotate(
        published_count=Count("published", distinct=True),
        slot_count=Count("facts", filter=Q(facts__status="not_found"), distinct=True),
    )


def sources(*, search: str = "", reliability: str = "", origin: str = "") -> QuerySet[Source]:
    """Return sources with how much rests on each."""
    rows = Source.objects.annotate(
        first_count=Count("citations", filter=Q(citations__first=True)),
        citation_count=Count("citations"),
    ).order_by("-first_count", "code")
    if search:
        rows = rows.filter(
            Q(title__icontains=search) | Q(code__iexact=search) | Q(url__icontains=search)
        )
    if reliability:
        rows = rows.filter(reliability=reliability)
    return rows.filter(origin=origin) if origin else rows


def rejected_sources() -> QuerySet[RejectedSource]:
    """Return what was read and refused."""
    return RejectedSource.objects.order_by("pk")


def resting_on(source: Source) -> dict[str, list[Any]]:
    """Return the rows that rest on a source, by kind."""
    codes: dict[str, list[str]] = {}
    for kind, code in Citation.objects.filter(source=source).values_list("kind", "row_code"):
        codes.setdefault(kind, []).append(code)
    return {
        kind: list(CITED[kind].objects.filter(code__in=codes[kind]))
        for kind in CITED
        if kind in codes
    }


def enterprises(*, search: str = "", district: str = "", layer: str = "") -> QuerySet[Enterprise]:
    """Return enterprises that sources name."""
    rows = Enterprise.objects.select_related("source", "district")
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(product__icontains=search))
    if district == "unknown":
        rows = rows.filter(district__isnull=True)
    elif district:
        rows = rows.filter(district__code=district)
    return rows.filter(layer=layer) if layer else rows


def places(*, search: str = "", district: str = "", kind: str = "") -> QuerySet[Place]:
    """Return parks, communities, compute centres and platforms."""
    rows = Place.objects.select_related("source", "district")
    if search:
        rows = rows.filter(name__icontains=search)
    if district:
        rows = rows.filter(district__code=district)
    return rows.filter(kind=kind) if kind else rows


def published(
    *, search: str = "", sector: str = "", kind: str = "", place: str = ""
) -> QuerySet[PublishedItem]:
    """Return what was published elsewhere; `place` is ``here`` (this city) or ``elsewhere``."""
    rows = PublishedItem.objects.select_related("source", "sector")
    if search:
        rows = rows.filter(
            Q(title__icontains=search)
            | Q(title_en__icontains=search)
            | Q(owner__icontains=search)
            | Q(vendor__icontains=search)
        )
    if sector:
        rows = rows.filter(sector__code=sector)
    if kind:
        rows = rows.filter(kind=kind)
    return rows.filter(elsewhere=place == "elsewhere") if place else rows


def slots() -> QuerySet[Fact]:
    """Return the empty slots."""
    return Fact.objects.filter(status=Fact.Status.NOT_FOUND).select_related("district", "sector")


@attrs.frozen(kw_only=True)
class Gaps:
    """What no source says, and what sources say against each other."""

    texts: Sequence[Gap]
    slots: Sequence[Fact]
    unread: Sequence[PublishedItem]
    conflicts: Sequence[tuple[Conflict, Sequence[tuple[str, Source | None]]]]


def gaps() -> Gaps:
    """Return everything that is missing or contradicts itself."""
    known = {row.code: row for row in Source.objects.all()}
    return Gaps(
        texts=list(Gap.objects.all()),
        slots=list(slots()),
        unread=list(
            PublishedItem.objects.filter(kind=PublishedItem.Kind.NEED_LIST)
            .exclude(found="")
            .select_related("source")
        ),
        conflicts=[
            (row, [(each["value"], known.get(each["source"])) for each in row.values])
            for row in Conflict.objects.all()
        ],
    )


@attrs.frozen(kw_only=True)
class Counts:
    """How many rows there are of what the home page of the city leads to."""

    enterprises: int
    places: int
    published: int
    sources: int
    slots: int
    unverified: int


def counts() -> Counts:
    """Return them."""
    return Counts(
        enterprises=Enterprise.objects.count(),
        places=Place.objects.count(),
        published=PublishedItem.objects.count(),
        sources=Source.objects.filter(retired_at__isnull=True).count(),
        slots=slots().count(),
        unverified=Fact.objects.filter(verified_at__isnull=True)
        .exclude(status="not_found")
        .count(),
    )
