"""Refusals that no page caught become a page or a problem document."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from liudu.contract import Refusal


def answer_refusals(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Answer a `Refusal` with its sentence and status 422."""

    class Answering:
        def __call__(self, request: HttpRequest) -> HttpResponse:
            return get_response(request)

        def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
            if not isinstance(error, Refusal):
                return None
            return render(request, "web/refused.html", {"refusal": error}, status=422)

    return Answering()
