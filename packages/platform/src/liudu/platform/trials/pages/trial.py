"""One trial: how it goes, what came of it, and what may be done about it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from liudu.platform import clock
from liudu.platform.supply.models import Certificate, Offer
from liudu.platform.trials import places, queries, services
from liudu.platform.trials.models import Trial
from liudu.platform.trials.pages.shared import result_of, trial_at
from liudu.platform.web.doors import PUBLIC, actor_at, door, may, require
from liudu.platform.words import both, language

OPEN = (Trial.State.QUEUED, Trial.State.RUNNING)


@door(PUBLIC)
@never_cache
@require_GET
def show(request: HttpRequest, key: str) -> HttpResponse:
    """Show a trial."""
    trial = trial_at(request, key)
    actor = actor_at(request)
    result = result_of(request, trial)
    certificate = Certificate.objects.filter(trial_key=trial.key).first() if result else None
    context = {
        "trial": trial,
        "result": result,
        "certificate": certificate,
        "ordinal": queries.ordinal_of(trial),
        "inside": may(actor, "trials.see_progress", trial),
        "paper": _has_paper(request, trial),
        "may_improve": _may_improve(trial, told=bool(result))
        and actor.belongs_to(trial.vendor.organisation.key),
        "again": trial.state == Trial.State.ENDED
        and not trial.attempt_count
        and may(actor, "trials.start_trial", trial.offer),
        **_live(request, trial),
    }
    return render(request, "trials/trial.html", context)


def _has_paper(request: HttpRequest, trial: Trial) -> bool:
    pieces = may(actor_at(request), "trials.see_pieces", trial)
    return places.paper_of(trial.key, with_pieces=pieces, language=language()).is_file()


def _may_improve(trial: Trial, *, told: bool) -> bool:
    """Return whether its vendor knows that it did not pass, and its attempt is used up."""
    failed = trial.state == Trial.State.ENDED or (told and trial.verdict != "passed")
    return failed and bool(trial.attempt_count)


@door(PUBLIC)
@never_cache
@require_GET
def live(request: HttpRequest, key: str) -> HttpResponse:
    """Show how it goes at this moment; nothing where nothing has changed since `seen`."""
    trial = trial_at(request, key, "trials.see_progress")
    context = _live(request, trial)
    seen = request.GET.get("seen", "")
    if seen == context["mark"] and trial.state == Trial.State.RUNNING:
        return HttpResponse(status=204)
    response = render(request, "trials/_live.html", {"trial": trial, "inside": True, **context})
    if trial.state not in OPEN:
        response["HX-Refresh"] = "true"  # the whole page has something new to say
    return response


def _live(request: HttpRequest, trial: Trial) -> dict[str, Any]:
    at = clock.now()
    events = queries.events_of(trial)
    waits = trial.state == Trial.State.QUEUED
    until = trial.ended_at or at
    return {
        "events": events,
        "mark": f"{trial.state}.{len(events)}.{trial.done_count}",
        "live": trial.state in OPEN,
        "expectation": queries.expectation_of(trial, at=at) if waits else None,
        "elapsed_s": (until - trial.started_at).total_seconds() if trial.started_at else None,
    }


@door("trials.decide")
@require_POST
def start(request: HttpRequest, offer_key: str) -> HttpResponse:
    """Queue the trial of an offer, which admits it."""
    offers = Offer.objects.select_related("need__owner", "vendor__organisation")
    offer = get_object_or_404(offers, key=offer_key)
    require(actor_at(request), "trials.start_trial", offer, seen="trials.start_trial")
    trial = services.start_trial(by=actor_at(request), at=clock.now(), offer=offer)
    messages.success(request, both("已进入试验队列", "Queued for its trial"))
    return redirect("trials:trial", trial.key)


@door("trials.be_known")
@require_POST
def cancel(request: HttpRequest, key: str) -> HttpResponse:
    """End a trial that has no verdict yet."""
    trial = trial_at(request, key)
    require_open_or_say(request, trial)
    services.cancel_trial(by=actor_at(request), at=clock.now(), trial=trial)
    messages.success(request, both("试验已取消", "The trial was cancelled"))
    return redirect("trials:trial", trial.key)


def require_open_or_say(request: HttpRequest, trial: Trial) -> None:
    """Refuse by permission, unless the trial is over: then the service says so."""
    if trial.state in OPEN:
        require(actor_at(request), "trials.cancel_trial", trial)
    elif not may(actor_at(request), "trials.see_progress", trial):
        raise Http404


@door("trials.decide")
@require_POST
def release(request: HttpRequest, key: str) -> HttpResponse:
    """Release the verdict; it cannot be taken back."""
    trial = trial_at(request, key)
    require(actor_at(request), "trials.decide_on", trial)
    services.release_trial(by=actor_at(request), at=clock.now(), trial=trial)
    messages.success(request, both("结论已公布", "The verdict was released"))
    return redirect("trials:trial", trial.key)
