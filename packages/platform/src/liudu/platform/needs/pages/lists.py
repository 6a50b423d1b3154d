"""Lists of needs."""

from django.http import Http404, HttpRequest, HttpResponse

from liudu.platform.web.doors import PUBLIC, door


@door(PUBLIC)
def show_list(request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    raise Http404


@door(PUBLIC)
def export(request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    raise Http404
