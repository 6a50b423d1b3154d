"""Vendors: the list, one of them, their own desk and profile."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.city.models import Sector
from liudu.platform.identity.models import Organisation
from liudu.platform.supply import queries, services
from liudu.platform.supply.forms import ProfileForm
from liudu.platform.supply.models import Vendor
from liudu.platform.supply.paging import asked_for, page_of
from liudu.platform.web.doors import PUBLIC, actor_at, door, may
from liudu.platform.words import both, language


@door(PUBLIC)
@require_safe
def show_list(request: HttpRequest) -> HttpResponse:
    """List the vendors."""
    asked = asked_for(request, "q", "sector")
    context = {
        "page": page_of(queries.vendors(**asked), request=request),
        "asked": asked,
        "filtered": any(asked.values()),
        "sectors": Sector.objects.all(),
    }
    return render(request, "supply/vendors.html", context)


@door(PUBLIC)
@require_safe
def show(request: HttpRequest, key: str) -> HttpResponse:
    """Show one vendor: what it tells, its solutions, its certificates."""
    vendor = queries.vendor_of(key)
    if vendor is None:
        raise Http404
    context = {
        "vendor": vendor,
        "page": page_of(queries.solutions_of(vendor, public=True), request=request),
        "certificates": queries.public_certificates(vendor=vendor)[:20],
        "own": may(actor_at(request), "supply.edit_profile", vendor),
    }
    return render(request, "supply/vendor.html", context)


@door("supply.be_vendor")
@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """Show a vendor's desk: invitations, solutions, offers, certificates."""
    actor = actor_at(request)
    vendor = queries.vendor_of(actor.organisation_key)
    if vendor is None:
        return redirect("supply:profile")
    offers = queries.offers_seen(actor).filter(vendor=vendor)
    context = {
        "vendor": vendor,
        "invitations": queries.invitations_of(actor)[:20],
        "page": page_of(queries.solutions_of(vendor, public=False), request=request),
        "offers": offers[:50],
        "certificates": queries.certificates_of(vendor)[:50],
    }
    return render(request, "supply/mine.html", context)


@door("supply.be_vendor")
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Write what the own organisation tells of itself."""
    actor = actor_at(request)
    organisation = get_object_or_404(Organisation, key=actor.organisation_key)
    vendor = queries.vendor_of(organisation.key)
    form = ProfileForm(request.POST or None, instance=vendor or Vendor(organisation=organisation))
    if request.method == "POST" and form.is_valid():
        try:
            services.register_vendor(
                by=actor, at=clock.now(), organisation=organisation, **form.cleaned_data
            )
        except Refusal as refusal:
            form.add_error(_field_of(refusal), refusal.say(language()))
        else:
            messages.success(request, both("供方资料已保存。", "Your profile is saved."))
            return redirect("supply:mine")
    context = {"form": form, "vendor": vendor, "organisation": organisation}
    return render(request, "supply/profile.html", context, status=422 if form.errors else 200)


def _field_of(refusal: Refusal) -> str:
    return "founded_year" if "year" in refusal.facts else "website"
