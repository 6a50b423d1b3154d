"""Who is asking: the person and the organisation that they act for."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from liudu.platform.identity.queries import actor_of

ORGANISATION = "organisation"  # in the session: whom the person acts for


def name_the_actor(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Give every request its `actor`."""

    def answer(request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(  # type: ignore[attr-defined]
            lambda: actor_of(request.user, organisation_key=request.session.get(ORGANISATION, ""))
        )
        return get_response(request)

    return answer
