"""One need."""

from django.http import Http404, HttpRequest, HttpResponse

from liudu.platform.web.doors import PUBLIC, door


@door(PUBLIC)
def show(request: HttpRequest, key: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


@door(PUBLIC)
def publish(request: HttpRequest, key: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


@door(PUBLIC)
def withdraw(request: HttpRequest, key: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


@door(PUBLIC)
def duplicate(request: HttpRequest, key: str) -> HttpResponse:
    """Not there yet."""
    raise Http404
