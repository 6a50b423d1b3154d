"""The pages of organisations."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.actors import Role
from liudu.platform.audit.queries import lines_of
from liudu.platform.identity import queries, services
from liudu.platform.identity.decisions import OPEN_KINDS, ROLES_OF
from liudu.platform.identity.forms import FoundForm, OrganisationForm, refuse
from liudu.platform.identity.middleware import ORGANISATION
from liudu.platform.identity.models import Organisation
from liudu.platform.identity.pages._shared import organisation_at, user_at
from liudu.platform.web.doors import actor_at, door
from liudu.platform.words import both, language

HISTORY_LINES = 10


@door("identity.view_organisations")
@require_GET
def show_list(request: HttpRequest) -> HttpResponse:
    """List organisations for the office."""
    search, kind = request.GET.get("q", "").strip()[:100], request.GET.get("kind", "")
    rows = queries.all_organisations(search=search, kind=kind)
    context = {
        "page": Paginator(rows, 25).get_page(request.GET.get("page")),
        "search": search,
        "kind": kind,
        "kinds": Organisation.Kind.choices,
    }
    return render(request, "identity/organisations.html", context)


@door("identity.found_organisation")
@require_http_methods(["GET", "POST"])
def found(request: HttpRequest) -> HttpResponse:
    """Found an organisation and act for it from now on."""
    actor = actor_at(request)
    kinds = set(ROLES_OF) if actor.has(Role.OPERATOR) else OPEN_KINDS
    form = FoundForm(request.POST or None, kinds=kinds, initial={"kind": "company"})
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                organisation = services.found_organisation(
                    by=actor, at=clock.now(), user=user_at(request), **form.cleaned_data
                )
            except Refusal as refusal:
                status = refuse(form, refusal)
            else:
                request.session[ORGANISATION] = organisation.key
                messages.success(
                    request, both("单位已创建，您现在代表它操作", "Founded: you now act for it")
                )
                return redirect("identity:organisation", organisation.key)
    return render(request, "identity/found.html", {"form": form}, status=status)


@door("identity.view_organisation")
@require_GET
def show(request: HttpRequest, key: str) -> HttpResponse:
    """Show an organisation to its members and to the office."""
    organisation = organisation_at(request, key, "identity.view_organisation")
    context = {
        "organisation": organisation,
        "members": queries.members_of(organisation),
        "lines": lines_of("organisation", organisation.key)[:HISTORY_LINES],
    }
    return render(request, "identity/organisation.html", context)


@door("identity.edit_organisation")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, key: str) -> HttpResponse:
    """Change what an organisation tells of itself."""
    organisation = organisation_at(request, key, "identity.edit_organisation")
    initial = {
        "name": organisation.name,
        "name_en": organisation.name_en,
        "credit_code": organisation.credit_code or "",
        "district": organisation.district,
    }
    form = OrganisationForm(request.POST or None, initial=initial)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                services.edit_organisation(
                    by=actor_at(request),
                    at=clock.now(),
                    organisation=organisation,
                    **form.cleaned_data,
                )
            except Refusal as refusal:
                status = refuse(form, refusal)
            else:
                messages.success(request, both("已保存", "Saved"))
                return redirect("identity:organisation", organisation.key)
    context = {"form": form, "organisation": organisation}
    return render(request, "identity/edit_organisation.html", context, status=status)


@door("identity.confirm_credit_code")
@require_POST
def confirm(request: HttpRequest, key: str) -> HttpResponse:
    """Keep that the office has seen the licence behind a credit code."""
    organisation = organisation_at(request, key, "identity.confirm_credit_code")
    try:
        services.confirm_credit_code(
            by=actor_at(request), at=clock.now(), organisation=organisation
        )
    except Refusal as refusal:
        messages.error(request, refusal.say(language()))
    else:
        messages.success(request, both("已核实信用代码", "The credit code is confirmed"))
    return redirect("identity:organisation", organisation.key)
