"""The guided form."""

from django.http import Http404, HttpRequest, HttpResponse

from liudu.platform.web.doors import PUBLIC, door


@door(PUBLIC)
def new(request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    raise Http404


@door(PUBLIC)
def plan(request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    raise Http404


@door(PUBLIC)
def step(request: HttpRequest, key: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


@door(PUBLIC)
def check(request: HttpRequest, key: str) -> HttpResponse:
    """Not there yet."""
    raise Http404
