"""Pages of no context: what went wrong."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form was too old or came from elsewhere; the answer names no inner reason."""
    del reason
    return render(request, "web/stale_form.html", status=403)
