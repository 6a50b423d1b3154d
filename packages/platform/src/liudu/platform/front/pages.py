"""The home page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from liudu.platform.web.doors import PUBLIC, door


@door(PUBLIC)
def home(request: HttpRequest) -> HttpResponse:
    """Show in ten seconds what this is."""
    return render(request, "front/home.html")
