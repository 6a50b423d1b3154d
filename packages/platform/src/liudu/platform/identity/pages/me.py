"""The page of who is logged in."""

from allauth.mfa.utils import is_mfa_enabled
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from liudu.platform import clock
from liudu.platform.identity import queries, services
from liudu.platform.identity.forms import ProfileForm
from liudu.platform.identity.middleware import ORGANISATION, set_language_cookie
from liudu.platform.identity.models import Membership
from liudu.platform.identity.pages._shared import user_at
from liudu.platform.web.doors import actor_at, door
from liudu.platform.words import Words


@door("identity.view_me")
@require_http_methods(["GET", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """Show and keep how a person is called and answered; lead to all that keeps them safe."""
    user = user_at(request)
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        user.refresh_from_db()  # the form has written into it, and the audit tells what was
        services.edit_profile(by=actor_at(request), at=clock.now(), user=user, **form.cleaned_data)
        answer = redirect("identity:me")
        set_language_cookie(answer, user.language or "zh")
        said = Words("已保存", "Saved")
        messages.success(request, said.say("en" if user.language == "en" else "zh"))
        return answer
    context = {
        "form": form,
        "memberships": _memberships(request),
        "mfa": is_mfa_enabled(user),
        "session_count": UserSession.objects.filter(user=user).count(),
    }
    return render(request, "identity/me.html", context, status=422 if form.errors else 200)


@door("identity.choose_organisation")
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Act for another organisation from now on, in this session."""
    key = request.POST.get("organisation", "")
    if not Membership.objects.filter(user=user_at(request), organisation__key=key).exists():
        raise Http404
    request.session[ORGANISATION] = key
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return redirect(wanted if safe else "office:mine")


def _memberships(request: HttpRequest) -> list[dict[str, object]]:
    rows = Membership.objects.filter(user=user_at(request)).select_related("organisation")
    held: dict[str, dict[str, object]] = {}
    for row in rows.order_by("since", "pk"):
        entry = held.setdefault(
            row.organisation.key,
            {"organisation": row.organisation, "since": row.since, "all": []},
        )
        entry["all"].append(row.role)  # type: ignore[attr-defined]
    return [
        {**entry, "roles": queries.sorted_roles(entry.pop("all"))}  # type: ignore[arg-type]
        for entry in held.values()
    ]
