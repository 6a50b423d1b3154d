"""The guided form: one question a page, saved at every step, with the plan beside the targets."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from liudu.acceptance import PromiseError
from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.identity.models import Organisation
from liudu.platform.keys import new_key
from liudu.platform.needs import queries, services
from liudu.platform.needs.decisions import (
    FIELDS,
    STEPS,
    NeedPlan,
    Step,
    merged_text,
    missing_of,
    next_step,
    plan_of,
    state_of,
)
from liudu.platform.needs.forms import LineForm, StepForm, TargetsForm, form_of
from liudu.platform.needs.jobs import JOBS
from liudu.platform.needs.models import Need
from liudu.platform.needs.pages.said import Speech, fields_named, job_of_need, name_of
from liudu.platform.needs.promises import accuracy_wish, unasked
from liudu.platform.needs.services import StaleNeedError
from liudu.platform.web.doors import PUBLIC, actor_at, door, require
from liudu.platform.words import Words, language

LATER, PLAN = "later", "plan"
CHECK: Final = "check"


@frozen(kw_only=True)
class Live:
    """What the plan shows: a plan, or why there is none yet."""

    plan: NeedPlan | None = None
    refusal: Refusal | None = None
    wrong: Sequence[str] = ()
    piece: Words | None = None


@door("needs.post_need")
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Ask what should get better; the answer is a draft."""
    form = form_of("problem", request.POST or None, need=None)
    assert form is not None  # noqa: S101 - only targets have none
    if request.method == "POST" and form.is_valid():
        actor = actor_at(request)
        owner = Organisation.objects.get(key=actor.organisation_key)
        need = services.draft_need(
            by=actor,
            at=clock.now(),
            owner=owner,
            key=request.POST.get("draft", ""),
            **form.changes(),
        )
        return _onward(request, need, STEPS[0])
    return _ask(request, None, STEPS[0], form)


@door("needs.edit_need")
@require_http_methods(["GET", "HEAD", "POST"])
def step(request: HttpRequest, key: str, step: str) -> HttpResponse:
    """Ask one question of a need and write the answer down."""
    asked = _step(step)
    need = _editable(request, key)
    if request.method == "POST":
        answer = _resolve if "resolve" in request.POST else _answer
        return answer(request, need, asked)
    if need.status == Need.Status.WITHDRAWN:
        return _withdrawn(request, need)
    return _ask(request, need, asked, form_of(asked.code, need=need))


@door("needs.edit_need")
@require_safe
def check(request: HttpRequest, key: str) -> HttpResponse:
    """Show all answers, what is missing, and the button that publishes them."""
    need = _editable(request, key)
    if need.status == Need.Status.WITHDRAWN:
        return _withdrawn(request, need)
    content = services.content_of(need)
    missing = missing_of(content)
    speech = Speech()
    sections = [
        {
            "step": asked,
            "state": state_of(asked, content),
            "answers": [
                (name_of(FIELDS[name]), speech.lines(name, content[name]), name in missing)
                for name in asked.fields
                if name != "pace_per" and (name != "answers" or content[name])
            ],
        }
        for asked in STEPS
    ]
    return render(
        request,
        "needs/check.html",
        {
            "need": need,
            "sections": sections,
            "missing": fields_named(missing),
            "live": live_of(need),
            "wish": wish_of(need),
            "past": need.due_date is not None and need.due_date <= clock.today(),
        },
    )


@door(PUBLIC)
@require_safe
def plan(request: HttpRequest) -> HttpResponse:
    """Return what the promise takes, as it is typed; with a need, from what it says already."""
    key = request.GET.get("need", "")
    need = _seen(request, key) if key else None
    return render(request, "needs/_plan.html", {"live": _typed_plan(request.GET, need)})


def live_of(need: Need) -> Live:
    """Return the plan of what a need says."""
    return _live(need.targets, job=need.job, pace=need.pieces_per_h, share=need.positive_share)


def wish_of(need: Need) -> str:
    """Return what a need's texts say of accuracy as its aim, where no targets say it better."""
    if need.targets:
        return ""
    return accuracy_wish(
        need.targets_text, need.wanted_capability, need.problem, need.title, need.title_en
    )


def conflict(
    request: HttpRequest, error: StaleNeedError, *, action: str = "", back: str = ""
) -> HttpResponse:
    """Show both versions of a need, and let the second writer choose; status 409.

    Parameters
    ----------
    action
        Where the choice goes; empty where the second one wrote nothing.
    back
        Of the step, kept on its way.

    """
    speech = Speech()
    rows = [
        {
            "field": clash.field,
            "name": name_of(clash.field),
            "before": speech.lines(clash.field.name, clash.before),
            "theirs": speech.lines(clash.field.name, clash.theirs),
            "mine": speech.lines(clash.field.name, clash.mine) if clash.written else None,
            "both": clash.both,
            "text": clash.field.length_max > 200,  # noqa: PLR2004 - a title is not joined
        }
        for clash in error.clashes
    ]
    mine = {clash.field.name: clash.mine for clash in error.clashes if clash.written}
    context = {
        "need": error.need,
        "refusal": error,
        "rows": rows,
        "mine": json.dumps(mine, ensure_ascii=False),
        "action": action if mine else "",
        "back": back,
    }
    return render(request, "needs/conflict.html", context, status=409)


def _answer(request: HttpRequest, need: Need, asked: Step) -> HttpResponse:
    """Write an answer down, or say beside it what is wrong."""
    form = form_of(asked.code, request.POST, need=need)
    if form is None:
        return redirect("needs:step", need.key, "job")
    valid = form.is_valid()
    if isinstance(form, TargetsForm) and request.POST.get("do") == LATER and not form.made:
        return _write(request, need, asked, form.unfinished())
    if not valid or request.POST.get("do") == PLAN:
        return _ask(request, need, asked, form)
    return _write(request, need, asked, form.changes(), form=form)


def _ask(
    request: HttpRequest,
    need: Need | None,
    asked: Step,
    form: StepForm | None,
    *,
    status: int = 422,
) -> HttpResponse:
    """Show a question; with a status of its own where the answer was refused."""
    if form is None:
        messages.info(request, str(Words("请先选择任务类型。", "Choose the kind of job first.")))
        return redirect("needs:step", need.key if need else "", "job")
    typed = request.POST if form.is_bound else {}
    context = {
        "need": need,
        "step": asked,
        "form": form,
        "steps": _steps(need, asked),
        "number": STEPS.index(asked) + 1,
        "count": len(STEPS),
        "jobs": JOBS.values(),
        "job": job_of_need(need) if need else None,
        "revision": typed.get("revision", need.revision if need else 1),
        "draft": typed.get("draft") or new_key(),
        "back": request.POST.get("back") or request.GET.get("back", ""),
        "live": _typed_plan(typed, need) if typed and need else live_of(need) if need else None,
        "wish": wish_of(need) if need else "",
        "rowless": unasked(need.targets) if need else (),
        "fixed_step": any(FIELDS[name].fixed for name in asked.fields),
        "previous": STEPS[STEPS.index(asked) - 1] if asked != STEPS[0] else None,
    }
    refused = form.is_bound and not form.is_valid()
    return render(
        request, f"needs/step_{asked.code}.html", context, status=status if refused else 200
    )


def _write(
    request: HttpRequest,
    need: Need,
    asked: Step,
    changes: Mapping[str, Any],
    *,
    form: StepForm | None = None,
) -> HttpResponse:
    back = request.POST.get("back", "")
    try:
        written = services.edit_need(
            by=actor_at(request),
            at=clock.now(),
            need_key=need.key,
            revision=_revision(request),
            changes=changes,
        )
    except StaleNeedError as error:
        action = reverse("needs:step", args=[need.key, asked.code])
        return conflict(request, error, action=action, back=back)
    except Refusal as refusal:
        if form is None:
            raise
        fields = [name for name in getattr(refusal, "fields", ()) if name in form.fields]
        form.add_error(fields[0] if fields else None, refusal.say(language()))
        return _ask(request, need, asked, form, status=getattr(refusal, "status", 422))
    return _onward(request, written, asked)


def _resolve(request: HttpRequest, need: Need, asked: Step) -> HttpResponse:
    """Write what the second writer chose of both versions."""
    try:
        mine = json.loads(request.POST.get("mine", ""))
    except ValueError:
        raise Http404 from None
    if not isinstance(mine, dict):
        raise Http404
    content = services.content_of(need)
    changes = {}
    for name, value in mine.items():
        choice = request.POST.get(f"take_{name}", "mine")
        if choice == "both":
            changes[name] = merged_text(str(value), str(content.get(name) or ""))
        elif choice == "mine":
            changes[name] = value
    return _write(request, need, asked, changes)


def _onward(request: HttpRequest, need: Need, asked: Step) -> HttpResponse:
    """Go where the button says: on, back to the answers, or away for now."""
    if request.POST.get("do") == LATER:
        saved = Words("已保存，可随时回来继续。", "Saved. Come back any time.")
        messages.success(request, str(saved))
        return redirect("needs:detail", need.key)
    following = next_step(asked.code)
    if need.status == Need.Status.PUBLISHED:
        messages.success(request, str(Words("修改已生效。", "Your change is in force.")))
        return redirect("needs:detail", need.key)
    if request.POST.get("back") == CHECK or following is None:
        return redirect("needs:check", need.key)
    return redirect("needs:step", need.key, following.code)


def _steps(need: Need | None, asked: Step) -> list[dict[str, Any]]:
    """Return the list of steps with what is done and what is missing."""
    content = services.content_of(need) if need else {}
    states = {
        "done": Words("已填", "done"),
        "missing": Words("待填", "to do"),
        "optional": Words("选填", "optional"),
    }
    listed = []
    for each in STEPS:
        state = state_of(each, content)
        listed.append(
            {
                "label": Words(each.zh, each.en),
                "state": "now" if each == asked else "done" if state == "done" else "next",
                "note": states[state],
                "href": reverse("needs:step", args=[need.key, each.code]) if need else "",
            }
        )
    return listed


def _typed_plan(typed: Mapping[str, Any], need: Need | None) -> Live:
    """Return the plan of what stands in the fields just now, filled up from the need."""
    targets: Mapping[str, Any] = need.targets if need else {}
    code = str(typed.get("job") or (need.job if need else ""))
    job = JOBS.get(code) or (job_of_need(need) if need else None)
    if job and any(str(name).endswith("_limit") for name in typed):
        form = TargetsForm(typed, job=job, need=need)
        form.is_valid()
        if form.refusals:
            return Live(refusal=next(iter(form.refusals.values())))
        targets = form.made
    pace = need.pieces_per_h if need else None
    share = need.positive_share if need else None
    if "pieces" in typed:
        line = LineForm(typed)
        if not line.is_valid():
            return Live(wrong=[str(text) for texts in line.errors.values() for text in texts])
        pace, share = _line(line)
    return _live(targets, job=job.code if job else "", pace=pace, share=share)


def _line(form: LineForm) -> tuple[float | None, float | None]:
    changes = form.changes()
    return changes["pieces_per_h"], changes["positive_share"]


def _live(targets: Mapping[str, Any], *, job: str, pace: float | None, share: float | None) -> Live:
    if not targets:
        return Live()
    bare = {key: value for key, value in targets.items() if key != "line"}
    piece = JOBS[job].piece if job in JOBS else ("件", "piece")
    try:
        made = plan_of(bare, pieces_per_h=pace, positive_share=share, job=job)
    except PromiseError as refusal:
        return Live(refusal=refusal)
    return Live(plan=made, piece=Words(piece[0], f"{piece[1]}s"))


def _editable(request: HttpRequest, key: str) -> Need:
    need = _seen(request, key)
    require(actor_at(request), "needs.edit_need", need)
    return need


def _withdrawn(request: HttpRequest, need: Need) -> HttpResponse:
    refusal = services.NeedWithdrawnError(title=need.title)
    messages.info(request, refusal.say(language()))
    return redirect("needs:detail", need.key)


def _seen(request: HttpRequest, key: str) -> Need:
    return get_object_or_404(queries.visible_to(actor_at(request)), key=key)


def _step(code: str) -> Step:
    found = next((step for step in STEPS if step.code == code), None)
    if found is None:
        raise Http404
    return found


def _revision(request: HttpRequest) -> int:
    try:
        return int(request.POST.get("revision", ""))
    except ValueError:
        return 0
