"""Lists that come in as Excel files."""

from django.http import Http404, HttpRequest, HttpResponse

from liudu.platform.web.doors import PUBLIC, door


@door(PUBLIC)
def upload(request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    raise Http404


@door(PUBLIC)
def template(request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    raise Http404


@door(PUBLIC)
def run(request: HttpRequest, key: str) -> HttpResponse:
    """Not there yet."""
    raise Http404
