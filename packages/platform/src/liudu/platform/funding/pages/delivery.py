"""Deliveries without an application, step by step."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.funding import queries, services
from liudu.platform.funding.beside import kept_beside
from liudu.platform.funding.decisions import masked
from liudu.platform.funding.figures import ratio_of
from liudu.platform.funding.models import (
    Batch,
    Grant,
    Objection,
    PackVersion,
    Subject,
)
from liudu.platform.funding.packs import pack_of
from liudu.platform.funding.tasks import mail_notices
from liudu.platform.web.doors import PUBLIC, actor_at, door, may
from liudu.platform.words import Words, language

PAGE_ROWS: Final = 25
LISTED: Final = (
    Grant.State.NOTIFIED,
    Grant.State.CONFIRMED,
    Grant.State.ORDERED,
    Grant.State.PAID,
)
STAGES: Final = (
    ("match", Words("比对", "Match")),
    ("notify", Words("通知", "Notify")),
    ("confirm", Words("确认账户", "Confirm account")),
    ("pay", Words("付款指令", "Order payment")),
    ("publish", Words("公示", "Publish")),
    ("archive", Words("归档", "Archive")),
)
STEPS: Final[Mapping[str, Callable[..., Batch | int]]] = {
    "match": services.ask_matching,
    "notify": services.notify_batch,
    "pay": services.order_payments,
    "publish": services.publish_batch,
    "archive": services.archive_batch,
}
DONE: Final = {
    "match": Words("比对完成。", "Matched."),
    "notify": Words(
        "已通知：当事人可以确认账户、放弃或提出异议。",
        "Notified: subjects may confirm an account, opt out or object.",
    ),
    "publish": Words(
        "已公示：名单公开，开始受理异议。",
        "Published: the list is public, and objections are taken.",
    ),
    "archive": Words("已归档。", "Archived."),
}
REACHED: Final = {
    Batch.Stage.MATCHING: 0,
    Batch.Stage.MATCHED: 1,
    Batch.Stage.NOTIFIED: 2,
    Batch.Stage.PUBLISHED: 5,
    Batch.Stage.ARCHIVED: 6,
}
NOW_TO_DO: Final = {
    Batch.Stage.MATCHING: ("match",),
    Batch.Stage.MATCHED: ("notify",),
    Batch.Stage.NOTIFIED: ("pay", "publish"),
    Batch.Stage.PUBLISHED: ("pay", "archive"),
    Batch.Stage.ARCHIVED: (),
}


@door("funding.view_deliveries")
@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: HttpRequest) -> HttpResponse:
    """List the deliveries; POST opens one."""
    refusal = None
    if request.method == "POST":
        if not may(actor_at(request), "funding.run_delivery"):
            raise Http404
        try:
            return redirect("funding:delivery", _opened(request).key)
        except Refusal as error:
            refusal = error
    page = Paginator(queries.batches(), PAGE_ROWS).get_page(request.GET.get("page"))
    held = queries.versions_on(clock.today())
    context = {
        "page": page,
        "rows": [(one, pack_of(one.pack).rules[one.rule].title) for one in page],
        "choices": _delivered(held),
        "waiting": _waiting(held),
        "today": clock.today(),
        "refusal": refusal,
        "typed": request.POST,
    }
    status = 422 if refusal else 200
    return render(request, "funding/deliveries.html", context, status=status)


class NoDayError(Refusal):
    """A text that is no day."""

    en = "{text!r} is no day: write 2026-11-20."
    zh = "“{text}”不是日期：请按 2026-11-20 的样式填写。"


class NoShareError(Refusal):
    """A text that is no share."""

    en = "{text!r} is no share between 0 % and 100 %."
    zh = "“{text}”不是 0% 至 100% 之间的抽查比例。"


class NoLimitError(Refusal):
    """A text that is no amount above which a person looks."""

    en = "{text!r} is no amount in yuan; leave the field empty for no limit."
    zh = "“{text}”不是以元计的金额；不设上限请留空。"


def _opened(request: HttpRequest) -> Batch:
    code, _, rule = request.POST.get("rule", "").partition("/")
    on = _day(request.POST.get("on", "")[:20])
    try:
        version = queries.version_of(code, on=on)
    except PackVersion.DoesNotExist as error:
        raise Http404 from error
    return services.open_batch(
        by=actor_at(request),
        at=clock.now(),
        version=version,
        rule=rule,
        on=on,
        sample_share=_share(request.POST.get("share", "2")[:20]),
        review_above_fen=_limit(request.POST.get("above", "").strip()[:20]),
        simulated=bool(request.POST.get("simulated")),
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise NoDayError(text=text) from error


def _share(text: str) -> float:
    try:
        share = float(ratio_of(text))
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise NoShareError(text=text) from error
    if not 0 <= share <= 1:
        raise NoShareError(text=text)
    return share


def _limit(text: str) -> int | None:
    if not text:
        return None
    try:
        fen = int(Decimal(text.replace(",", "")) * 100)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise NoLimitError(text=text) from error
    if not 0 <= fen < 2**62:
        raise NoLimitError(text=text)
    return fen


def _waiting(held: Sequence[PackVersion]) -> list[dict[str, Any]]:
    """Return the rules for which applications wait, and how many."""
    counts = queries.waiting_applications()
    return [
        {"version": version, "rule": rule, "count": counts[version.code, name]}
        for version in held
        for name, rule in pack_of(version).rules.items()
        if (version.code, name) in counts
    ]


def _delivered(held: Sequence[PackVersion]) -> list[tuple[str, str]]:
    """Return the rules that can be delivered: without an application, or applied for here."""
    return [
        (f"{version.code}/{name}", f"{version.title} · {rule.title.say(language())}")
        for version in held
        for name, rule in pack_of(version).rules.items()
        if rule.automatic or rule.applied_for
    ]


def _batch(key: str) -> Batch:
    batch = Batch.objects.select_related("pack").filter(key=key).first()
    if batch is None:
        raise Http404
    return batch


@door("funding.view_deliveries")
@require_safe
def show(request: HttpRequest, key: str) -> HttpResponse:
    """Show a delivery: where it is, its grants, what waits for a person."""
    batch = _batch(key)
    todo = NOW_TO_DO[Batch.Stage(batch.stage)]
    state = request.GET.get("state", "")
    rows = batch.grants.select_related("subject").order_by("pk")
    if state in Grant.State.values:
        rows = rows.filter(state=state)
    sums = {
        one["state"]: one
        for one in batch.grants.order_by()
        .values("state")
        .annotate(count=Count("pk"), sum=Sum("amount_fen"))
    }
    if Grant.State.CONFIRMED in sums and "pay" not in todo:  # confirmed after it was archived
        todo = ("pay",)
    context = {
        "batch": batch,
        "rule": pack_of(batch.pack).rules[batch.rule],
        "steps": _steps(batch, sums),
        "todo": todo,
        "review": sums.get(Grant.State.REVIEW),
        "to_notify": sums.get(Grant.State.MATCHED),
        "to_confirm": sums.get(Grant.State.NOTIFIED),
        "to_order": sums.get(Grant.State.CONFIRMED),
        "to_settle": sums.get(Grant.State.ORDERED),
        "objections": Objection.objects.filter(
            grant__batch=batch, state=Objection.State.OPEN
        ).select_related("grant")[:PAGE_ROWS],
        "counts": [
            (value, label, sums[value]["count"], sums[value]["sum"])
            for value, label in Grant.State.choices
            if value in sums
        ],
        "total_fen": sum(one["sum"] for one in sums.values()),
        "page": Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page")),
        "state": state,
        "near_known": batch.near_count - batch.near_unknown_count,
        "beside": kept_beside(batch.beside),
        **_matching(batch),
    }
    return render(request, "funding/delivery.html", context)


def _steps(batch: Batch, sums: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the procedure as steps; accounts and orders come one by one, so they are counted."""
    reached = REACHED[Batch.Stage(batch.stage)]
    confirmed = _count(sums, Grant.State.CONFIRMED, Grant.State.ORDERED, Grant.State.PAID)
    ordered = _count(sums, Grant.State.ORDERED, Grant.State.PAID)
    reviewed = _count(sums, Grant.State.REVIEW)
    counts = {"confirm": confirmed, "pay": ordered}
    notes = {name: Words(f"{count:,} 笔", f"{count:,}") for name, count in counts.items()}
    if reviewed:
        notes["notify"] = Words(f"{reviewed:,} 笔待复核", f"{reviewed:,} to review")
    found = []
    for index, (name, label) in enumerate(STAGES):
        state = "done" if index < reached else "now" if index == reached else "next"
        if state == "done" and not counts.get(name, 1):
            state = "next"
        note = str(notes[name]) if name in notes else ""
        found.append({"label": str(label), "state": state, "note": note})
    return found


def _count(sums: Mapping[str, Mapping[str, Any]], *states: str) -> int:
    return sum(sums[one]["count"] for one in states if one in sums)


@door("funding.run_delivery")
@require_POST
def take(request: HttpRequest, key: str, step: str) -> HttpResponse:
    """Take a step; taken twice it is taken once."""
    batch = _batch(key)
    if step not in STEPS:
        raise Http404
    done = STEPS[step](by=actor_at(request), at=clock.now(), batch=batch)
    if step == "notify":
        mail_notices.enqueue(batch.key, request.build_absolute_uri("/"))
    messages.success(request, str(_said(step, done)))
    return redirect("funding:delivery", batch.key)


def _said(step: str, done: Batch | int) -> Words:
    if isinstance(done, int):
        return Words(f"新生成 {done} 笔付款指令。", f"{done} payments ordered.")
    if step == "match" and done.stage == Batch.Stage.MATCHING:
        return Words("已交后台比对，可离开本页。", "A worker is matching; you may leave this page.")
    return DONE.get(step, Words("已完成。", "Done."))


@door("funding.view_deliveries")
@require_safe
def progress(request: HttpRequest, key: str) -> HttpResponse:
    """Show how far the matching is; once it is done the page is loaded anew."""
    batch = _batch(key)
    answer = render(request, "funding/_matching.html", {"batch": batch, **_matching(batch)})
    if batch.stage != Batch.Stage.MATCHING:
        answer["HX-Refresh"] = "true"
    return answer


def _matching(batch: Batch) -> dict[str, Any]:
    """Return how far a worker is; nothing where none was asked."""
    if batch.stage != Batch.Stage.MATCHING or batch.matching_by is None:
        return {}
    problem = batch.matching_problem
    return {
        "matching": True,
        "total": services.subjects_to_match(batch),
        "problem": str(Words(problem["zh"], problem["en"])) if problem else "",
    }


@door(PUBLIC)
@require_safe
def published(request: HttpRequest, key: str) -> HttpResponse:
    """Show who gets what, names of persons masked; nothing before it is published.

    Whoever is logged in may object to a row (``?object=`` and the key of its grant).
    """
    batch = _batch(key)
    if batch.stage not in (Batch.Stage.PUBLISHED, Batch.Stage.ARCHIVED):
        raise Http404
    wanted = request.GET.get("object", "")[:12]
    objected = _listed(batch).filter(key=wanted).select_related("subject").first()
    return published_page(request, batch, objected=objected if wanted else None)


def _listed(batch: Batch) -> QuerySet[Grant]:
    return batch.grants.filter(state__in=LISTED)


def published_page(
    request: HttpRequest, batch: Batch, *, objected: Grant | None, **more: object
) -> HttpResponse:
    """Return the page of a publication, with the form to object to one of its rows."""
    rows = _listed(batch)
    page = Paginator(rows.select_related("subject").order_by("pk"), PAGE_ROWS).get_page(
        request.GET.get("page")
    )
    sums = rows.aggregate(sum=Sum("amount_fen"), count=Count("pk"))
    taken = batch.stage == Batch.Stage.PUBLISHED and actor_at(request).kind in (
        "person",
        "visitor",
    )
    context = {
        "batch": batch,
        "rule": pack_of(batch.pack).rules[batch.rule],
        "page": page,
        "rows": [{"grant": one, "name": _public_name(one)} for one in page],
        "total_fen": sums["sum"] or 0,
        "count": sums["count"],
        "objections_taken": taken,
        "objected": objected if taken else None,
        "objected_name": _public_name(objected) if objected else "",
        **more,
    }
    status = 422 if more.get("refusal") else 200
    return render(request, "funding/published.html", context, status=status)


def _public_name(grant: Grant) -> str:
    """Return how the public reads whom a grant is for."""
    name = grant.subject.name
    return masked(name) if grant.subject.kind == Subject.Kind.PERSON else name
