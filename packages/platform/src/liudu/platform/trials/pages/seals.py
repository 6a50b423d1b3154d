"""Where an owner seals the data of a need."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.needs.models import Need
from liudu.platform.trials import queries, sealing, services
from liudu.platform.trials.forms import SealForm
from liudu.platform.trials.models import Seal
from liudu.platform.trials.uploads import takes_upload
from liudu.platform.web.doors import actor_at, door, may, require
from liudu.platform.words import both, language

OPEN = (Seal.State.WAITING, Seal.State.SEALING, Seal.State.BROKEN)


@door("trials.be_known")
@takes_upload(lambda: settings.SEAL_BYTES_MAX)
@never_cache
@require_http_methods(["GET", "POST"])
def show(request: HttpRequest, key: str) -> HttpResponse:
    """Show what is sealed for a need; its owner uploads here."""
    need = Need.objects.select_related("owner").filter(key=key).first()
    if need is None:
        raise Http404
    require(actor_at(request), "trials.see_seals", need, seen="trials.see_seals")
    if request.method == "POST":
        require(actor_at(request), "trials.seal_need", need)
        return _upload(request, need)
    return _page(request, need, form=SealForm())


def _upload(request: HttpRequest, need: Need) -> HttpResponse:
    form = SealForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, need, form=form, status=422)
    try:
        services.seal_data(
            by=actor_at(request),
            at=clock.now(),
            need=need,
            stream=form.cleaned_data["archive"],
            simulated=form.cleaned_data["simulated"],
            encoding=form.cleaned_data["encoding"],
        )
    except Refusal as refusal:
        form.refuse(refusal)
        return _page(request, need, form=form, status=getattr(refusal, "status", 422))
    messages.success(request, both("已收到，正在封存", "Received; being sealed"))
    return redirect("trials:seal", need.key)


def _page(request: HttpRequest, need: Need, *, form: SealForm, status: int = 200) -> HttpResponse:
    actor = actor_at(request)
    seals = queries.seals_of(need)
    newest = queries.newest_seal(need)
    context: dict[str, Any] = {
        "need": need,
        "form": form,
        "seals": seals,
        "newest": newest,
        "wanted": queries.wanted_of(need, seal=newest),
        "owner": may(actor, "trials.seal_need", need),
        "open": any(seal.state in OPEN for seal in seals),
        "refusal": _refusal(request, seals),
        "size_mib_max": settings.SEAL_BYTES_MAX >> 20,
    }
    return render(request, "trials/seal.html", context, status=status)


def _refusal(request: HttpRequest, seals: list[Seal]) -> str:
    """Return why the newest data were refused, in full, to their owner only."""
    newest = seals[0] if seals else None
    if newest is None or newest.state != Seal.State.REFUSED:
        return ""
    if not may(actor_at(request), "trials.see_refusal", newest):
        return ""
    kept = sealing.refusal_kept(newest.key)
    return kept[language()] if kept else ""
