"""The page that a letter leads to."""

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.identity import queries, services
from liudu.platform.identity.middleware import ORGANISATION
from liudu.platform.identity.models import User
from liudu.platform.identity.roles import roles_said
from liudu.platform.web.doors import PUBLIC, actor_at, door
from liudu.platform.words import both


@door(PUBLIC)
@require_http_methods(["GET", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """Show who invites; whoever is logged in with the letter's address joins."""
    if request.method == "POST":
        return _accept(request, token)
    try:
        invitation = queries.invitation_for(token, at=clock.now())
    except Refusal as refusal:
        return _page(request, refusal=refusal, status=410)
    if invitation is None:
        raise Http404
    return _page(
        request,
        invitation=invitation,
        roles=roles_said(invitation.roles),
        mine=isinstance(request.user, User) and request.user.email == invitation.email,
    )


def _accept(request: HttpRequest, token: str) -> HttpResponse:
    if not isinstance(request.user, User):
        return redirect_to_login(request.get_full_path())
    try:
        organisation = services.accept_invitation(
            by=actor_at(request), at=clock.now(), user=request.user, secret=token
        )
    except Refusal as refusal:
        return _page(request, refusal=refusal, status=getattr(refusal, "status", 422))
    request.session[ORGANISATION] = organisation.key
    messages.success(request, both("您已加入该单位", "You have joined the organisation"))
    return redirect("identity:organisation", organisation.key)


def _page(request: HttpRequest, *, status: int = 200, **context: object) -> HttpResponse:
    page = render(request, "identity/invitation.html", context, status=status)
    page["Cache-Control"] = "no-store"
    # The address is a secret and goes to no other site. "no-referrer" would be stricter, but with
    # it browsers send the form from the origin "null", which no protection against forgery takes.
    page["Referrer-Policy"] = "same-origin"
    return page
