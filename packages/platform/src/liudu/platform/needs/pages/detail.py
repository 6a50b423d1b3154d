"""One need: what it says, how far it has come, and what can be done with it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.actors import Actor
from liudu.platform.identity.models import Organisation
from liudu.platform.needs import queries, services
from liudu.platform.needs.decisions import STEPS, missing_of
from liudu.platform.needs.models import Need
from liudu.platform.needs.pages.form import conflict, live_of, wish_of
from liudu.platform.needs.pages.said import fields_named, job_of_need, job_words, target_lines
from liudu.platform.needs.services import StaleNeedError
from liudu.platform.web.doors import PUBLIC, actor_at, door, may, require
from liudu.platform.web.templatetags.liudu import day
from liudu.platform.words import Words, language


@door(PUBLIC)
@require_safe
def show(request: HttpRequest, key: str) -> HttpResponse:
    """Show a need to whoever may see it."""
    return _page(request, _seen(actor_at(request), key))


@door("needs.publish_need")
@require_POST
def publish(request: HttpRequest, key: str) -> HttpResponse:
    """Publish what was checked; somebody else's change in between is shown first."""
    need = _required(request, key, "needs.publish_need")
    try:
        services.publish_need(
            by=actor_at(request), at=clock.now(), need_key=need.key, revision=_revision(request)
        )
    except StaleNeedError as error:
        return conflict(request, error)
    except (services.NeedPublishedError, services.NeedWithdrawnError) as refusal:
        messages.info(request, refusal.say(language()))
        return redirect("needs:detail", need.key)
    words = Words("需求已发布，供方现在可以看到。", "Published: vendors can see it now.")
    messages.success(request, str(words))
    return redirect("needs:detail", need.key)


@door("needs.withdraw_need")
@require_POST
def withdraw(request: HttpRequest, key: str) -> HttpResponse:
    """Withdraw a need, with its reason."""
    need = _required(request, key, "needs.withdraw_need")
    reason = request.POST.get("reason", "")
    try:
        services.withdraw_need(
            by=actor_at(request), at=clock.now(), need_key=need.key, reason=reason
        )
    except (services.ReasonMissingError, services.ReasonTooLongError) as refusal:
        return _page(request, need, refusal=refusal, reason=reason)
    messages.success(request, str(Words("需求已撤回。", "The need is withdrawn.")))
    return redirect("needs:detail", need.key)


@door("needs.copy_need")
@require_POST
def duplicate(request: HttpRequest, key: str) -> HttpResponse:
    """Make a draft of the actor's own from a need that they see."""
    need = _required(request, key, "needs.copy_need")
    actor = actor_at(request)
    owner = Organisation.objects.get(key=actor.organisation_key)
    copy = services.duplicate_need(by=actor, at=clock.now(), need_key=need.key, owner=owner)
    words = Words(
        "已复制为新草稿，请填写新的日期。", "Copied into a new draft: give it a new date."
    )
    messages.success(request, str(words))
    return redirect("needs:step", copy.key, STEPS[0].code)


def _page(
    request: HttpRequest, need: Need, *, refusal: Refusal | None = None, reason: str = ""
) -> HttpResponse:
    job = job_of_need(need)
    context: dict[str, Any] = {
        "need": need,
        "job": job_words(job) if job else None,
        "target_lines": target_lines(need.targets),
        "live": live_of(need),
        "loop": loop_of(need),
        "refusal": refusal,
        "reason": reason,
        "missing": [],
    }
    if need.status == Need.Status.DRAFT and may(actor_at(request), "needs.edit_need", need):
        context["missing"] = fields_named(missing_of(services.content_of(need)))
        context["wish"] = wish_of(need)
    return render(request, "needs/detail.html", context, status=422 if refusal else 200)


def loop_of(need: Need) -> list[dict[str, Any]]:
    """Return the stages of the loop with where the need stands."""
    stages = list(Need.Stage)
    here = stages.index(Need.Stage(need.stage)) if need.published_at else -1
    return [
        {
            "label": stage.label,
            "state": "done" if place < here else "now" if place == here else "next",
            "note": day(need.stage_at) if place == here and need.stage_at else "",
        }
        for place, stage in enumerate(stages)
    ]


def _required(request: HttpRequest, key: str, permission: str) -> Need:
    actor = actor_at(request)
    need = _seen(actor, key)
    require(actor, permission, need)
    return need


def _seen(actor: Actor, key: str) -> Need:
    return get_object_or_404(queries.visible_to(actor), key=key)


def _revision(request: HttpRequest) -> int | None:
    typed = request.POST.get("revision", "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else None  # noqa: PLR2004
