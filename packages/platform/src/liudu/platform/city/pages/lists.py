"""Lists: sources, enterprises, places, what was published elsewhere, what is missing."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from liudu.platform.city import queries
from liudu.platform.city.models import Enterprise, Place, PublishedItem, Source
from liudu.platform.web.doors import PUBLIC, door

PER_PAGE = 25


def _asked(request: HttpRequest, *names: str) -> dict[str, str]:
    """Return what the filters ask for; characters that no database takes are left out."""
    return {
        name: request.GET.get(name, "").replace("\0", "").strip()[:200] for name in ("q", *names)
    }


def _page(request: HttpRequest, rows: QuerySet[Any]) -> Page[Any]:
    return Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))


@door(PUBLIC)
@require_safe
def sources(request: HttpRequest) -> HttpResponse:
    """List the sources, and say what their grades mean."""
    asked = _asked(request, "reliability", "origin")
    rows = queries.sources(
        search=asked["q"], reliability=asked["reliability"], origin=asked["origin"]
    )
    return render(
        request,
        "city/sources.html",
        {
            "asked": asked,
            "page": _page(request, rows),
            "rejected": queries.rejected_sources(),
            "origins": Source.Origin.choices,
        },
    )


@door(PUBLIC)
@require_safe
def enterprises(request: HttpRequest) -> HttpResponse:
    """List the enterprises that sources name."""
    asked = _asked(request, "district", "layer")
    rows = queries.enterprises(search=asked["q"], district=asked["district"], layer=asked["layer"])
    return render(
        request,
        "city/enterprises.html",
        {
            "asked": asked,
            "page": _page(request, rows),
            "districts": queries.districts(),
            "layers": Enterprise.Layer.choices,
        },
    )


@door(PUBLIC)
@require_safe
def places(request: HttpRequest) -> HttpResponse:
    """List parks, communities, compute centres and platforms."""
    asked = _asked(request, "district", "kind")
    rows = queries.places(search=asked["q"], district=asked["district"], kind=asked["kind"])
    return render(
        request,
        "city/places.html",
        {
            "asked": asked,
            "page": _page(request, rows),
            "districts": queries.districts(),
            "kinds": Place.Kind.choices,
        },
    )


@door(PUBLIC)
@require_safe
def published(request: HttpRequest) -> HttpResponse:
    """List what was published elsewhere: it is not in this market."""
    asked = _asked(request, "sector", "kind", "place")
    rows = queries.published(
        search=asked["q"], sector=asked["sector"], kind=asked["kind"], place=asked["place"]
    )
    return render(
        request,
        "city/published.html",
        {
            "asked": asked,
            "page": _page(request, rows),
            "sectors": queries.sectors(),
            "kinds": PublishedItem.Kind.choices,
        },
    )


@door(PUBLIC)
@require_safe
def gaps(request: HttpRequest) -> HttpResponse:
    """Say what no source tells, and where sources contradict each other."""
    return render(request, "city/gaps.html", {"gaps": queries.gaps()})
