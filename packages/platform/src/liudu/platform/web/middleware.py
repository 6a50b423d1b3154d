"""Refusals that no page caught, and a database that is away, become a page that helps on."""

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from liudu.contract import Refusal
from liudu.platform.web import pages

LOG = logging.getLogger(__name__)


def answer_refusals(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Answer a `Refusal` with its sentence, and a database that is away with status 503."""

    class Answering:
        def __call__(self, request: HttpRequest) -> HttpResponse:
            return get_response(request)

        def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
            if isinstance(error, Refusal):
                return pages.refused(request, error)
            if isinstance(error, pages.DATABASE_AWAY):
                LOG.warning("the database is away: %s", error)
                return pages.database_away(request)
            return None

    return Answering()
