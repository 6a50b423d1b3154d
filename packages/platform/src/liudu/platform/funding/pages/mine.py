"""What can I get: cards from what the city knows, and the questions that decide most."""

from datetime import date
from typing import Any, Final
from urllib.parse import quote

import attrs
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.actors import Actor
from liudu.platform.funding import queries, services
from liudu.platform.funding.decisions import Question
from liudu.platform.funding.figures import unit_text
from liudu.platform.funding.models import Application, Subject
from liudu.platform.identity.models import Organisation, User
from liudu.platform.web.doors import actor_at, door, may, require
from liudu.platform.words import Words, language
from liudu.rules import Kind, Status

SKIPPED: Final = "funding_skipped"  # in the session: questions that the reader left out
QUESTIONS_SHOWN: Final = 4
Kinds = Subject.Kind


@attrs.frozen(kw_only=True)
class Who:
    """For whom the reader asks: `key` names it in the address."""

    key: str
    name: str
    kind: str
    subject: Subject | None


def choices_of(actor: Actor) -> list[Who]:
    """Return for whom an actor may ask: the organisation, its projects, oneself."""
    found: list[Who] = []
    known = queries.subjects_of(actor)
    organisation = Organisation.objects.filter(key=actor.organisation_key).first()
    if organisation is not None and organisation.kind in queries.SUBJECT_OF_KIND:
        own = next((one for one in known if one.organisation_id == organisation.pk), None)
        found.append(
            Who(key="organisation", name=str(organisation), kind=Kinds.ENTERPRISE, subject=own)
        )
    if actor.kind == "person":
        mine = next((one for one in known if one.user and one.user.key == actor.key), None)
        found.append(Who(key="me", name=actor.name, kind=Kinds.PERSON, subject=mine))
    found += [
        Who(key=one.key, name=one.name, kind=one.kind, subject=one)
        for one in known
        if one.owner_id is not None
    ]
    return found


def chosen(actor: Actor, key: str) -> tuple[Who, list[Who]]:
    """Return for whom the address asks; `Http404` where it is none of the actor's."""
    choices = choices_of(actor)
    found = next((one for one in choices if key in ("", one.key)), None)
    if found is None:
        raise Http404
    return found, choices


def may_answer(actor: Actor, who: Who) -> bool:
    """Return whether an actor speaks for oneself, or steers the organisation."""
    return who.kind == Kinds.PERSON or may(actor, "funding.answer_for_organisation")


def subject_of(who: Who, actor: Actor) -> Subject:
    """Return the subject that an answer is about; it is made when the first answer comes."""
    if who.subject is not None:
        return who.subject
    if who.kind == Kinds.PERSON:
        return services.subject_for_user(at=clock.now(), user=User.objects.get(key=actor.key))
    organisation = Organisation.objects.get(key=actor.organisation_key)
    return services.subject_for_organisation(at=clock.now(), organisation=organisation)


@door("funding.view_mine")
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show the cards and the next question."""
    return _page(request, request.GET.get("who", ""))


@door("funding.answer_question")
@require_POST
def answer(request: HttpRequest) -> HttpResponse:
    """Keep an answer; the cards are computed anew."""
    actor = actor_at(request)
    who, _ = chosen(actor, request.POST.get("who", ""))
    if not may_answer(actor, who):
        raise PermissionDenied
    subject = subject_of(who, actor)
    require(actor, "funding.answer_question", subject, seen="funding.see_subject")
    name, text = request.POST.get("fact", "")[:80], request.POST.get("value", "")[:120]
    try:
        services.declare_fact(by=actor, at=clock.now(), subject=subject, name=name, text=text)
    except Refusal as refusal:
        return _page(request, who.key, refusal=refusal, asked=name, typed=text)
    return _again(request, who.key)


@door("funding.answer_question")
@require_POST
def skip(request: HttpRequest) -> HttpResponse:
    """Leave a question out; it comes back with “ask me again”."""
    name = request.POST.get("fact", "")[:80]
    skipped: list[str] = request.session.get(SKIPPED, [])
    request.session[SKIPPED] = [*skipped, name][-200:] if name else []
    return _again(request, request.POST.get("who", ""))


@door("funding.apply_for_benefit")
@require_POST
def apply(request: HttpRequest, code: str, rule: str) -> HttpResponse:
    """Apply for a benefit; its card then says since when."""
    actor = actor_at(request)
    who, _ = chosen(actor, request.POST.get("who", ""))
    if not may_answer(actor, who):
        raise PermissionDenied
    held = [one for one in queries.versions_on(clock.today()) if one.code == code]
    if not held:
        raise Http404
    try:
        with transaction.atomic():  # who is refused leaves nothing behind, not even as a subject
            subject = subject_of(who, actor)
            require(actor, "funding.apply_for_benefit", subject, seen="funding.see_subject")
            services.apply_for(
                by=actor, at=clock.now(), subject=subject, version=held[0], rule=rule
            )
    except Refusal as refusal:
        return _page(request, who.key, refusal=refusal)
    return _done(request, who.key, Words("已申领。", "You have applied."))


@door("funding.apply_for_benefit")
@require_POST
def withdraw(request: HttpRequest, key: str) -> HttpResponse:
    """Take an application back."""
    actor = actor_at(request)
    made = Application.objects.select_related(
        "subject__user", "subject__organisation", "subject__owner"
    )
    application = made.filter(key=key).first()
    if application is None:
        raise Http404
    require(actor, "funding.apply_for_benefit", application.subject, seen="funding.see_subject")
    who = request.POST.get("who", "")
    try:
        services.withdraw_application(by=actor, at=clock.now(), application=application)
    except Refusal as refusal:
        return _page(request, who, refusal=refusal)
    return _done(request, who, Words("申领已撤回。", "Your application is withdrawn."))


def _done(request: HttpRequest, who: str, said: Words) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return _page(request, who, done=said)
    messages.success(request, str(said))
    return redirect(f"{reverse('funding:mine')}?who={quote(who)}")


def _again(request: HttpRequest, who: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return _page(request, who)
    return redirect(f"{reverse('funding:mine')}?who={who}#next")


def _page(request: HttpRequest, key: str, **more: Any) -> HttpResponse:  # noqa: ANN401 - context
    actor = actor_at(request)
    if not choices_of(actor):
        return render(request, "funding/mine_nobody.html")
    who, choices = chosen(actor, key)
    skipped = frozenset(request.session.get(SKIPPED, []))
    today = clock.today()
    found = queries.answer_for(who.subject, kind=who.kind, on=today, skip=skipped)
    asked = list(found.questions)
    if more.get("asked"):
        asked.sort(key=lambda one: one.fact.name != more["asked"])
    context = {
        "who": who,
        "choices": choices,
        "skipped": len(skipped),
        "question": _asked(asked[0]) if asked else None,
        "may_answer": may_answer(actor, who),
        "later": [one.said.say(language()) for one in asked[1:QUESTIONS_SHOWN]],
        "question_count": len(asked),
        **_sorted_out(found.benefits, today),
        **more,
    }
    part = "funding/_mine.html" if request.headers.get("HX-Request") else "funding/mine.html"
    refusal: Refusal | None = more.get("refusal")
    return render(
        request, part, context, status=getattr(refusal, "status", 422) if refusal else 200
    )


def _sorted_out(benefits: tuple[queries.Benefit, ...], today: date) -> dict[str, Any]:
    due = [one for one in benefits if one.said.status is Status.ELIGIBLE]
    near = [one for one in benefits if one.said.near and one.said.status is not Status.ELIGIBLE]
    near.sort(key=lambda one: not one.is_open_to_apply)  # what one can do here stands on top
    rest = [one for one in benefits if one not in due and one not in near]
    claims = [one for one in rest if one.is_open_to_apply]
    rest = [one for one in rest if not one.is_open_to_apply]
    return {
        "today": today,
        "due": due,
        "due_fen": sum(one.said.payable_fen or 0 for one in due),
        "near": near,
        "claims": claims,
        "near_open": sum(not one.said.would_bring_fen for one in near),
        "near_fen": sum(one.said.would_bring_fen or 0 for one in near),
        "unknown": [one for one in rest if one.said.status is Status.UNKNOWN],
        "no": [one for one in rest if one.said.status is Status.INELIGIBLE],
    }


def _asked(question: Question) -> dict[str, Any]:
    """Return a question as the page asks it: words, the widget, what it is about."""
    fact = question.fact
    kind = fact.type.kind
    options: list[tuple[str, str]] = []
    if kind is Kind.BOOL:
        options = [("true", str(Words("是", "Yes"))), ("false", str(Words("否", "No")))]
    elif kind is Kind.ENUM:
        shown = [fact.show(code, language()) for code in range(len(fact.type.labels))]
        options = list(zip(fact.type.labels, shown, strict=True))
    units = {100: Words("元", "yuan"), 1_000_000: Words("万元", "10,000 yuan")}
    unit = (
        units.get(fact.scale, Words("分", "fen"))
        if kind is Kind.MONEY
        else unit_text(fact.type.unit)
    )
    return {
        "name": fact.name,
        "said": question.said.say(language()),
        "bureau": fact.bureau,
        "may_be_asked": fact.question is not None,
        "options": options,
        "input": "date" if kind is Kind.DATE else "text",
        "unit": unit or "",
        "decided": question.decided,
    }
