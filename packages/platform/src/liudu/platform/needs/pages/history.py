"""What was written when, and by whom."""

from django.http import Http404, HttpRequest, HttpResponse

from liudu.platform.web.doors import PUBLIC, door


@door(PUBLIC)
def show(request: HttpRequest, key: str) -> HttpResponse:
    """Not there yet."""
    raise Http404
