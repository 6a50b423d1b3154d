"""The tokens of an organisation."""

from datetime import datetime, time, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.identity import queries, services
from liudu.platform.identity.decisions import ROLES_OF
from liudu.platform.identity.forms import TokenForm, refuse
from liudu.platform.identity.models import Token
from liudu.platform.identity.pages._shared import organisation_at
from liudu.platform.web.doors import actor_at, door
from liudu.platform.words import both


@door("identity.manage_tokens")
@require_http_methods(["GET", "POST"])
def show(request: HttpRequest, key: str) -> HttpResponse:
    """List tokens and make one, whose secret this answer alone shows."""
    organisation = organisation_at(request, key, "identity.manage_tokens")
    actor = actor_at(request)
    roles = ROLES_OF[organisation.kind] & actor.roles
    form = TokenForm(request.POST or None, roles=roles, today=clock.today())
    status, made = 200, None
    if request.method == "POST":
        status = 422
        if form.is_valid():
            end = datetime.combine(form.cleaned_data["last_date"], time.max, clock.CITY_ZONE)
            try:
                token, secret = services.make_token(
                    by=actor,
                    at=clock.now(),
                    organisation=organisation,
                    name=form.cleaned_data["name"],
                    roles=form.chosen,
                    expires_at=end + timedelta(microseconds=1),
                )
            except Refusal as refusal:
                status = refuse(form, refusal)
            else:
                status, made = 201, {"token": token, "secret": secret}
                form = TokenForm(roles=roles, today=clock.today())
    context = {
        "organisation": organisation,
        "form": form,
        "made": made,
        "tokens": queries.tokens_of(organisation),
        "now": clock.now(),
    }
    answer = render(request, "identity/tokens.html", context, status=status)
    answer["Cache-Control"] = "no-store"
    return answer


@door("identity.manage_tokens")
@require_POST
def revoke(request: HttpRequest, key: str, token_key: str) -> HttpResponse:
    """Make a token worthless."""
    organisation = organisation_at(request, key, "identity.manage_tokens")
    token = get_object_or_404(
        Token.objects.select_related("organisation"), organisation=organisation, key=token_key
    )
    services.revoke_token(by=actor_at(request), at=clock.now(), token=token)
    messages.success(request, both("令牌已停用", "The token is revoked"))
    return redirect("identity:tokens", organisation.key)
