"""Who is asking: the person and the organisation that they act for, or a token."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from liudu.contract import Language
from liudu.platform import clock
from liudu.platform.actors import Actor
from liudu.platform.identity import queries, services
from liudu.platform.identity.models import User

ORGANISATION = "organisation"  # in the session: whom the person acts for
API = "/api/"
SCHEME = "bearer"
CODES: dict[str, str] = {"zh": "zh-hans", "en": "en"}
Next = Callable[[HttpRequest], HttpResponse]


def name_the_actor(get_response: Next) -> Next:
    """Give every request its `actor`; a token counts for the API only."""

    def answer(request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: _actor(request))  # type: ignore[attr-defined]
        return get_response(request)

    return answer


def keep_the_language(get_response: Next) -> Next:
    """Answer in the language that a person has chosen before, and keep a new choice."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        chosen = getattr(request, "language_of_login", "")
        if chosen:
            set_language_cookie(response, chosen)
        match = request.resolver_match
        if match and match.view_name == "set_language" and request.method == "POST":
            _keep(request, response)
        return response

    return answer


def set_language_cookie(response: HttpResponse, chosen: Language | str) -> None:
    """Let the browser ask for a language from now on."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        CODES[chosen],
        max_age=365 * 24 * 3600,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _keep(request: HttpRequest, response: HttpResponse) -> None:
    code = response.cookies.get(settings.LANGUAGE_COOKIE_NAME)
    if code is None or not isinstance(request.user, User):
        return
    services.keep_language(
        by=request.actor,  # type: ignore[attr-defined]
        at=clock.now(),
        user=request.user,
        language="en" if code.value.startswith("en") else "zh",
    )


def _actor(request: HttpRequest) -> Actor:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == SCHEME and request.path.startswith(API):
        at = clock.now()
        token = queries.token_of(secret.strip(), at=at)
        services.note_use(token=token, at=at)
        return queries.actor_for(token)
    key = request.session.get(ORGANISATION, "")
    return queries.actor_of(request.user, organisation_key=key)


__all__ = ["keep_the_language", "name_the_actor", "set_language_cookie"]
