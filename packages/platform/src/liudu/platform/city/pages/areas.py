"""The city, its districts and its sectors."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from liudu.platform.city import queries
from liudu.platform.city.models import (
    Aspect,
    Dimension,
    District,
    Fact,
    Milestone,
    Sector,
    Source,
    Zone,
)
from liudu.platform.web.doors import PUBLIC, door
from liudu.platform.words import language


@door(PUBLIC)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show what the sources say of the city."""
    pack = queries.newest_pack()
    plan_source = pack.about.get("plan_source", "") if pack else ""
    return render(
        request,
        "city/home.html",
        {
            "pack": pack,
            "about": pack.about if pack else {},
            "headlines": queries.headlines(),
            "map": queries.tile_map(english=language() == "en"),
            "sectors": queries.sectors_with_counts(),
            "frame": queries.facts(topic=Fact.Topic.FRAME),
            "figures": queries.facts(topic=Fact.Topic.FIGURE),
            "targets": queries.facts(topic=Fact.Topic.TARGET).filter(sector__isnull=True),
            "services": Fact.objects.filter(topic=Fact.Topic.SERVICE).select_related("source"),
            "plan_facts": queries.facts(topic=Fact.Topic.PLAN),
            "plan_source": Source.objects.filter(code=plan_source).first(),
            "aspects": Aspect.objects.select_related("source"),
            "dimensions": Dimension.objects.select_related("source"),
            "zones": Zone.objects.select_related("source", "district"),
            "milestones": Milestone.objects.select_related("source"),
            "counts": queries.counts(),
        },
    )


@door(PUBLIC)
@require_safe
def district(request: HttpRequest, code: str) -> HttpResponse:
    """Show what the sources say of one district."""
    row = get_object_or_404(District, code=code)
    return render(
        request,
        "city/district.html",
        {
            "district": row,
            "zones": row.zones.select_related("source"),
            "facts": queries.facts(district=row),
            "enterprises": queries.enterprises(district=code),
            "places": queries.places(district=code),
            "map": queries.tile_map(english=language() == "en"),
        },
    )


@door(PUBLIC)
@require_safe
def sector(request: HttpRequest, code: str) -> HttpResponse:
    """Show what the sources say of one sector."""
    row = get_object_or_404(Sector, code=code)
    return render(
        request,
        "city/sector.html",
        {
            "sector": row,
            "source": Source.objects.filter(code=row.about.get("source", "")).first(),
            "facts": row.facts.select_related("source", "sector"),
            "published": queries.published(sector=code).order_by("elsewhere", "position"),
            "sectors": queries.sectors(),
        },
    )
