"""Determinations and grants: what was decided about somebody, and what became of it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.actors import Actor
from liudu.platform.funding import queries, services
from liudu.platform.funding.effects import effects_of_payment, facts_counted
from liudu.platform.funding.figures import fact_text
from liudu.platform.funding.models import Determination, Grant, Objection, PaymentOrder
from liudu.platform.funding.packs import pack_of
from liudu.platform.funding.pages.delivery import published_page
from liudu.platform.funding.pages.mine import choices_of
from liudu.platform.funding.services.payments import net_fen
from liudu.platform.funding.tasks import mail_notices
from liudu.platform.web.doors import actor_at, door, may, require
from liudu.platform.words import Words
from liudu.rules import How, Pack, PaymentEffect

PAGE_ROWS: Final = 25
LOOKS_SHOWN: Final = 10
NOT_KNOWN: Final = Words("未知", "unknown")
State = Grant.State
STEPS: Final[Sequence[tuple[str, Words]]] = (
    ("match", Words("比对", "Match")),
    ("review", Words("人工复核", "Review")),
    ("notify", Words("通知", "Notify")),
    ("confirm", Words("确认账户", "Confirm account")),
    ("order", Words("付款指令", "Order payment")),
    ("pay", Words("到账", "Paid")),
)
TOLD: Final = (State.NOTIFIED, State.CONFIRMED, State.ORDERED, State.PAID)
NEXT_STEP: Final[Mapping[str, str]] = {
    State.REVIEW: "review",
    State.MATCHED: "notify",
    State.NOTIFIED: "confirm",
    State.CONFIRMED: "order",
    State.ORDERED: "pay",
    State.PAID: "",
}


@door("funding.view_mine")
@require_safe
def determination(request: HttpRequest, key: str) -> HttpResponse:
    """Explain a determination, and compute it again from what was stored."""
    found = (
        Determination.objects.select_related(
            "subject", "subject__user", "subject__organisation", "subject__owner", "pack"
        )
        .filter(key=key)
        .first()
    )
    if found is None:
        raise Http404
    actor = actor_at(request)
    require(actor, "funding.see_determination", found, seen="funding.see_determination")
    services.note_look(by=actor, at=clock.now(), subject=found.subject, what="determination")
    again = queries.recompute(found)
    pack = pack_of(found.pack)
    read = {fact.name for fact in again.said.facts}
    known = [_known(pack, name, kept) for name, kept in found.facts.items()]
    grants = list(found.grants.select_related("batch"))
    context = {
        "one": found,
        "again": again,
        "rule": pack.rules[found.rule],
        "used": [one for one in known if one["fact"].name in read],
        "others": [one for one in known if one["fact"].name not in read],
        "beside": [
            (version, [_known(pack_of(version), name, kept) for name, kept in facts.items()])
            for version, facts in queries.beside_determination(found)
        ],
        "absent": (found.beside or {}).get("absent", []),
        "grants": grants,
        "effects": [_effect(one) for one in effects_of_payment(found)],
        "counted": facts_counted(grants),
        "own": _own(actor, found),
        "labels": {name: fact.label for name, fact in pack.facts.items()},
        "looks": queries.looks_at(found.subject)[:LOOKS_SHOWN],
    }
    return render(request, "funding/determination.html", context)


def _own(actor: Actor, said: Determination) -> str:
    """Return how the page of the reader's own facts calls the subject; empty if it is no own."""
    own = (one.key for one in choices_of(actor) if one.subject == said.subject)
    return next(own, "")


def _effect(effect: PaymentEffect) -> dict[str, Any]:
    """Return what a payment changes in one fact, in words."""
    number = effect.number
    said = str(NOT_KNOWN) if number is None else fact_text(effect.fact, number)
    return {"label": effect.fact.label, "adds": effect.how is How.ADDS, "said": said}


def _known(pack: Pack, name: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return a fact as a determination keeps it, with until when it could be used."""
    fact = pack.facts[name]
    observed = date.fromisoformat(kept["date"])
    days = fact.valid_days
    return {
        "fact": fact,
        "value": fact_text(fact, kept["number"]),
        "kept": kept,
        "document": pack.documents.get(kept["document"]),
        "until": None if days is None else observed + timedelta(days=days),
    }


@door("funding.view_mine")
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """List the reader's grants; the office sees all."""
    actor = actor_at(request)
    rows = queries.visible_grants(actor)
    state = request.GET.get("state", "")
    if state in Grant.State.values:
        rows = rows.filter(state=state)
    wanted = request.GET.get("q", "").strip()[:100]
    if wanted:
        rows = rows.filter(subject__name__icontains=wanted)
    page = Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page"))
    context = {"page": page, "q": wanted, "state": state, "states": Grant.State.choices}
    return render(request, "funding/grants.html", context)


def _seen(request: HttpRequest, key: str, permission: str = "funding.see_grant") -> Grant:
    rows = Grant.objects.select_related(
        "subject__user",
        "subject__organisation",
        "subject__owner",
        "batch__pack",
        "determination",
    )
    grant = rows.filter(key=key).first()
    if grant is None:
        raise Http404
    seen = "funding.object_to_grant" if permission == "funding.object_to_grant" else ""
    require(actor_at(request), permission, grant, seen=seen or "funding.see_grant")
    return grant


@door("funding.view_mine")
@require_safe
def show(request: HttpRequest, key: str) -> HttpResponse:
    """Show one grant with its history and what can be done."""
    grant = _seen(request, key)
    services.note_look(by=actor_at(request), at=clock.now(), subject=grant.subject, what="grant")
    return _page(request, grant)


@door("funding.view_mine")
@require_safe
def letter(request: HttpRequest, key: str) -> HttpResponse:
    """Show the notice of a grant as a letter to print: why, how much, and what can be done."""
    grant = _seen(request, key)
    if grant.state not in TOLD:
        raise Http404
    services.note_look(by=actor_at(request), at=clock.now(), subject=grant.subject, what="grant")
    rule = pack_of(grant.batch.pack).rules[grant.rule]
    said = queries.recompute(grant.determination).said
    context = {
        "grant": grant,
        "rule": rule,
        "said": said,
        "address": request.build_absolute_uri(reverse("funding:grant", args=[grant.key])),
    }
    return render(request, "funding/letter.html", context)


def _page(request: HttpRequest, grant: Grant, **more: Any) -> HttpResponse:  # noqa: ANN401 - context
    rule = pack_of(grant.batch.pack).rules[grant.rule]
    can_opt_out = grant.state in (State.NOTIFIED, State.CONFIRMED)
    orders = list(grant.orders.all())
    returned = _returned(grant, orders)
    can_confirm = can_opt_out or returned is not None
    mine = may(actor_at(request), "funding.confirm_account", grant)
    context = {
        "grant": grant,
        "rule": rule,
        "steps": _steps(grant),
        "rivals": _rivals(grant) if may(actor_at(request), "funding.review_grant") else [],
        "has_letter": grant.state in TOLD,
        "events": grant.events.all(),
        "orders": orders,
        "returned": returned,
        "can_opt_out": can_opt_out,
        "objections": grant.objections.all(),
        "net_fen": net_fen(grant),
        "can_confirm": can_confirm,
        "before": queries.account_before(grant) if can_confirm and mine else None,
        "can_recover": grant.state in (State.ORDERED, State.PAID),
        **more,
    }
    context["refused_on_top"] = bool(more.get("refusal")) and not _form_is_there(context)
    refusal = more.get("refusal")
    status = getattr(refusal, "status", 422) if refusal else 200
    return render(request, "funding/grant.html", context, status=status)


def _returned(grant: Grant, orders: Sequence[PaymentOrder]) -> PaymentOrder | None:
    """Return what came back for want of an account: the payment, or after it a supplement."""
    wanted = {
        State.NOTIFIED: PaymentOrder.Kind.PAYMENT,
        State.ORDERED: PaymentOrder.Kind.SUPPLEMENT,
        State.PAID: PaymentOrder.Kind.SUPPLEMENT,
    }.get(State(grant.state))
    back = (one for one in orders if one.state == PaymentOrder.State.RETURNED)
    return next((one for one in back if one.kind == wanted), None)


def _rivals(grant: Grant) -> list[tuple[Grant, object]]:
    """Return the other grants of which only one is to be paid, each with its rule's title."""
    others = queries.rivals_of(grant)
    return [(one, pack_of(one.batch.pack).rules[one.rule].title) for one in others]


def _form_is_there(context: Mapping[str, Any]) -> bool:
    """Return whether the form that was refused is still on the page, to show why beside it."""
    refused, grant = context["refused"], context["grant"]
    there = {
        "account": context["can_confirm"],
        "opt_out": False,
        "review": grant.state == State.REVIEW,
        "recover": context["can_recover"],
        "object": True,
    }
    open_ones = [one.key for one in context["objections"] if one.state == Objection.State.OPEN]
    return bool(there.get(refused, refused in open_ones))


def _steps(grant: Grant) -> list[dict[str, str]]:
    """Return how far a grant is; nothing where it ended without a payment."""
    if grant.state not in NEXT_STEP:
        return []
    taken = [one for one in STEPS if one[0] != "review" or grant.sampled_for]
    names = [name for name, _ in taken]
    now = NEXT_STEP[grant.state]
    reached = names.index(now) if now else len(names)
    marks = ["done"] * reached + ["now"] + ["next"] * len(names)
    return [
        {"label": str(label), "state": mark} for (_, label), mark in zip(taken, marks, strict=False)
    ]


def _do(
    request: HttpRequest, grant: Grant, deed: Callable[[], object], *, zh: str, en: str, which: str
) -> HttpResponse:
    """Do it and go back to the grant; a refusal is shown there beside what was typed."""
    try:
        deed()
    except Refusal as refusal:
        grant.refresh_from_db()
        return _page(request, grant, refusal=refusal, refused=which, typed=request.POST)
    messages.success(request, str(Words(zh, en)))
    return redirect("funding:grant", grant.key)


@door("funding.confirm_account")
@require_POST
def confirm(request: HttpRequest, key: str) -> HttpResponse:
    """Keep the account of the subject."""
    grant = _seen(request, key, "funding.confirm_account")
    given = {name: request.POST.get(name, "")[:120] for name in ("holder", "bank", "number")}
    before = queries.account_before(grant) if request.POST.get("as_before") else None
    if before is not None:
        given = {
            "holder": before.account_holder,
            "bank": before.account_bank,
            "number": before.account_number,
        }
    return _do(
        request,
        grant,
        lambda: services.confirm_account(
            by=actor_at(request), at=clock.now(), grant=grant, **given
        ),
        zh="账户已确认。",
        en="The account is confirmed.",
        which="account",
    )


@door("funding.confirm_account")
@require_POST
def give_up(request: HttpRequest, key: str) -> HttpResponse:
    """Opt out."""
    grant = _seen(request, key, "funding.confirm_account")
    return _do(
        request,
        grant,
        lambda: services.opt_out(by=actor_at(request), at=clock.now(), grant=grant),
        zh="已放弃这笔资金。",
        en="You have opted out.",
        which="opt_out",
    )


@door("funding.object_to_grant")
@require_POST
def raise_objection(request: HttpRequest, key: str) -> HttpResponse:
    """Take an objection."""
    grant = _seen(request, key, "funding.object_to_grant")
    actor = actor_at(request)
    own_page = may(actor, "funding.see_grant", grant)
    text = request.POST.get("text", "")[:1000]
    try:
        services.raise_objection(by=actor, at=clock.now(), grant=grant, text=text)
    except Refusal as refusal:
        if own_page:
            more = {"refusal": refusal, "refused": "object", "typed": request.POST}
            return _page(request, grant, **more)
        return published_page(request, grant.batch, objected=grant, refusal=refusal, typed=text)
    messages.success(
        request,
        str(
            Words(
                "异议已收到，主管部门将书面答复。",
                "Your objection is taken; the office answers in writing.",
            )
        ),
    )
    if own_page:
        return redirect("funding:grant", grant.key)
    return redirect("funding:published", grant.batch.key)


@door("funding.review_grant")
@require_POST
def review(request: HttpRequest, key: str) -> HttpResponse:
    """Let a grant of the sample go on, or refuse it with the reason."""
    grant = _seen(request, key, "funding.review_grant")
    note, by, at = request.POST.get("note", "")[:300], actor_at(request), clock.now()

    def refuse() -> Grant:
        _chosen(request, "decision", ("refuse",))
        return services.refuse_grant(by=by, at=at, grant=grant, reason=note)

    if request.POST.get("decision") != "approve":
        return _do(
            request,
            grant,
            refuse,
            zh="已记录：复核未通过。",
            en="Refused in review.",
            which="review",
        )

    def approve() -> Grant:
        approved = services.approve_grant(by=by, at=at, grant=grant, note=note)
        if approved.state == Grant.State.NOTIFIED:
            mail_notices.enqueue(grant.batch.key, request.build_absolute_uri("/"))
        return approved

    return _do(
        request,
        grant,
        approve,
        zh="复核通过。",
        en="Approved.",
        which="review",
    )


class NoDecisionError(Refusal):
    """A form without the button that says yes or no."""

    en = "Nothing was decided: press one of the two buttons."
    zh = "没有收到决定：请点击两个按钮之一。"


def _chosen(request: HttpRequest, field: str, values: tuple[str, ...]) -> str:
    chosen = request.POST.get(field, "")
    if chosen not in values:
        raise NoDecisionError
    return chosen


class NoAmountError(Refusal):
    """A text that is no amount of money."""

    en = "{text!r} is no amount in yuan, at most two decimals."
    zh = "“{text}”不是以元计、至多两位小数的金额。"


def _fen(text: str) -> int:
    try:
        fen = Decimal(text.replace(",", "").strip()) * 100
        if fen == fen.to_integral_value() and abs(fen) < 2**62:
            return int(fen)
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise NoAmountError(text=text[:40])


@door("funding.review_grant")
@require_POST
def recover(request: HttpRequest, key: str) -> HttpResponse:
    """Order that an amount is taken back."""
    grant = _seen(request, key, "funding.review_grant")
    text, reason = request.POST.get("amount", "")[:30], request.POST.get("reason", "")[:300]
    seen = request.POST.get("seen_fen", "")[:15]
    return _do(
        request,
        grant,
        lambda: services.recover_grant(
            by=actor_at(request),
            at=clock.now(),
            grant=grant,
            amount_fen=_fen(text),
            reason=reason,
            seen_fen=int(seen) if seen.isdecimal() else None,
        ),
        zh="已生成追回指令。",
        en="The recovery is ordered.",
        which="recover",
    )


@door("funding.review_grant")
@require_POST
def answer_objection(request: HttpRequest, key: str) -> HttpResponse:
    """Answer an objection, with a correction if it is right."""
    objection = Objection.objects.select_related("grant").filter(key=key).first()
    if objection is None:
        raise Http404
    grant = _seen(request, objection.grant.key, "funding.review_grant")
    text = request.POST.get("amount", "").strip()[:30]
    return _do(
        request,
        grant,
        lambda: services.answer_objection(
            by=actor_at(request),
            at=clock.now(),
            objection=objection,
            upheld=_chosen(request, "upheld", ("yes", "no")) == "yes",
            answer=request.POST.get("answer", "")[:1000],
            amount_fen=_fen(text) if text else None,
        ),
        zh="已答复。",
        en="Answered.",
        which=objection.key,
    )
