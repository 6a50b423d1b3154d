"""Certificates: the page that verifies then and there, the document, showing and revoking."""

import orjson
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.supply import queries, services
from liudu.platform.supply.models import Certificate
from liudu.platform.web.doors import PUBLIC, actor_at, door, may, require
from liudu.platform.words import both

MEDIA_TYPE = "application/vc"  # Verifiable Credentials Data Model 2.0, section 6.2


@door(PUBLIC)
@require_safe
@never_cache
def show(request: HttpRequest, key: str) -> HttpResponse:
    """Verify a certificate and say in words what it is worth."""
    certificate = _found(request, key)
    actor = actor_at(request)
    context = {
        "certificate": certificate,
        "examined": queries.examine(certificate, at=clock.now()),
        "address": request.build_absolute_uri(),
        "may_show": may(actor, "supply.show_certificate", certificate),
        "may_revoke": may(actor, "supply.revoke_certificate") and certificate.revoked_at is None,
    }
    return render(request, "supply/certificate.html", context)


@door(PUBLIC)
@require_safe
@never_cache
def document(request: HttpRequest, key: str) -> HttpResponse:
    """Give the certificate as it was signed."""
    certificate = _found(request, key)
    return HttpResponse(
        orjson.dumps(certificate.document, option=orjson.OPT_INDENT_2),
        content_type=MEDIA_TYPE,
        headers={
            "Content-Disposition": f'attachment; filename="liudu-{certificate.key}.json"',
            "X-Content-Type-Options": "nosniff",
        },
    )


@door("supply.be_vendor")
@require_POST
def publish(request: HttpRequest, key: str) -> HttpResponse:
    """Show a certificate to everybody, or no longer."""
    certificate = _found(request, key)
    require(actor_at(request), "supply.show_certificate", certificate)
    public = request.POST.get("public") == "yes"
    try:
        services.show_certificate(
            by=actor_at(request), at=clock.now(), certificate=certificate, public=public
        )
    except Refusal as refusal:
        messages.error(request, both(refusal.say("zh"), refusal.say("en")))
    return redirect("supply:certificate", key=key)


@door("supply.revoke_certificate")
@require_POST
def revoke(request: HttpRequest, key: str) -> HttpResponse:
    """Revoke a certificate for a reason that everybody reads."""
    certificate = _found(request, key)
    try:
        services.revoke_certificate(
            by=actor_at(request),
            at=clock.now(),
            certificate=certificate,
            reason=request.POST.get("reason", ""),
        )
    except Refusal as refusal:
        messages.error(request, both(refusal.say("zh"), refusal.say("en")))
    else:
        messages.success(request, both("证书已吊销。", "The certificate is revoked."))
    return redirect("supply:certificate", key=key)


def _found(request: HttpRequest, key: str) -> Certificate:
    try:
        certificate = queries.certificate_for(key)
    except Certificate.DoesNotExist as error:
        raise Http404 from error
    require(actor_at(request), "supply.see_certificate", certificate, seen="supply.see_certificate")
    return certificate
