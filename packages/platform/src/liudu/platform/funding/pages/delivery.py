"""Deliveries without an application, step by step, and the orders to the treasury."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.funding import queries, services
from liudu.platform.funding.decisions import masked
from liudu.platform.funding.models import Batch, Grant, PackVersion, PaymentOrder, Subject
from liudu.platform.funding.packs import pack_of
from liudu.platform.funding.services.payments import orders_csv
from liudu.platform.funding.tasks import mail_notices
from liudu.platform.web.doors import PUBLIC, actor_at, door, may
from liudu.platform.words import Words

PAGE_ROWS: Final = 25
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
    context = {
        "page": page,
        "choices": _automatic(),
        "today": clock.today(),
        "refusal": refusal,
        "typed": request.POST,
    }
    status = 422 if refusal else 200
    return render(request, "funding/deliveries.html", context, status=status)


class NoDayError(Refusal):
    """A text that is no day, or no share."""

    en = "Give a day (YYYY-MM-DD) and a share between 0 and 100 %."
    zh = "请填写日期（年-月-日）和 0 至 100 之间的抽查比例。"


def _opened(request: HttpRequest) -> Batch:
    code, _, rule = request.POST.get("rule", "").partition("/")
    try:
        on = date.fromisoformat(request.POST.get("on", ""))
        share = float(request.POST.get("share", "2")) / 100
    except ValueError as error:
        raise NoDayError from error
    if not 0 <= share <= 1:
        raise NoDayError
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
        sample_share=share,
        simulated=bool(request.POST.get("simulated")),
    )


def _automatic() -> list[tuple[str, str]]:
    return [
        (f"{version.code}/{name}", rule.title.zh if str(Words("z", "e")) == "z" else rule.title.en)
        for version in queries.versions_on(clock.today())
        for name, rule in pack_of(version).rules.items()
        if rule.automatic
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
    context = {
        "batch": batch,
        "rule": pack_of(batch.pack).rules[batch.rule],
        "steps": _steps(batch, sums),
        "todo": [(name, label) for name, label in STAGES if name in todo],
        "counts": [
            (value, label, sums[value]["count"], sums[value]["sum"])
            for value, label in Grant.State.choices
            if value in sums
        ],
        "total_fen": sum(one["sum"] for one in sums.values()),
        "page": Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page")),
        "state": state,
        **_matching(batch),
    }
    return render(request, "funding/delivery.html", context)


def _steps(batch: Batch, sums: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the procedure as steps; accounts and orders come one by one, so they are counted."""
    reached = REACHED[Batch.Stage(batch.stage)]
    ordered = sum(
        sums[one]["count"] for one in (Grant.State.ORDERED, Grant.State.PAID) if one in sums
    )
    confirmed = ordered + sums.get(Grant.State.CONFIRMED, {"count": 0})["count"]
    counts = {"confirm": confirmed, "pay": ordered}
    found = []
    for index, (name, label) in enumerate(STAGES):
        state = "done" if index < reached else "now" if index == reached else "next"
        note = str(Words(f"{counts[name]} 笔", f"{counts[name]}")) if name in counts else ""
        if state == "done" and name in counts and not counts[name]:
            state = "next"
        found.append({"label": str(label), "state": state, "note": note})
    return found


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
    return Words("已完成。", "Done.")


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
    """Show who gets what, names of persons masked; nothing before it is published."""
    batch = _batch(key)
    if batch.stage not in (Batch.Stage.PUBLISHED, Batch.Stage.ARCHIVED):
        raise Http404
    rows = batch.grants.filter(
        state__in=(
            Grant.State.NOTIFIED,
            Grant.State.CONFIRMED,
            Grant.State.ORDERED,
            Grant.State.PAID,
        )
    )
    page = Paginator(rows.select_related("subject").order_by("pk"), PAGE_ROWS).get_page(
        request.GET.get("page")
    )
    context = {
        "batch": batch,
        "rule": pack_of(batch.pack).rules[batch.rule],
        "page": page,
        "rows": [
            {
                "grant": one,
                "name": masked(one.subject.name)
                if one.subject.kind == Subject.Kind.PERSON
                else one.subject.name,
            }
            for one in page
        ],
        "total_fen": rows.aggregate(sum=Sum("amount_fen"))["sum"] or 0,
        "count": rows.count(),
    }
    return render(request, "funding/published.html", context)


@door("funding.view_deliveries")
@require_safe
def orders(request: HttpRequest) -> HttpResponse:
    """Show the outbox: orders that wait for the treasury and those handed over."""
    rows = PaymentOrder.objects.select_related("grant", "grant__batch", "grant__subject")
    state = request.GET.get("state", "")
    if state in PaymentOrder.State.values:
        rows = rows.filter(state=state)
    context = {
        "page": Paginator(rows.order_by("-pk"), PAGE_ROWS).get_page(request.GET.get("page")),
        "state": state,
        "states": PaymentOrder.State.choices,
        "waiting": PaymentOrder.objects.filter(
            state=PaymentOrder.State.WAITING, grant__batch__simulated=False
        ).aggregate(count=Count("pk"), sum=Sum("amount_fen")),
        "exports": PaymentOrder.objects.exclude(exported_at=None)
        .order_by("-exported_at")
        .values_list("exported_at", flat=True)
        .distinct()[:10],
    }
    return render(request, "funding/orders.html", context)


@door("funding.export_orders")
@require_http_methods(["GET", "POST"])
def export(request: HttpRequest) -> HttpResponse:
    """Hand the waiting orders over as CSV; GET with `at` gives an earlier export again."""
    if request.method == "POST":
        at = clock.now()
        text = services.export_orders(by=actor_at(request), at=at)
    else:
        try:
            at = datetime.fromisoformat(request.GET.get("at", ""))
        except ValueError as error:
            raise Http404 from error
        if at.tzinfo is None:
            raise Http404
        rows = list(PaymentOrder.objects.filter(exported_at=at).select_related("grant"))
        if not rows:
            raise Http404
        text = orders_csv(rows)
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    name = at.astimezone(clock.CITY_ZONE).strftime("%Y%m%d-%H%M%S")
    answer["Content-Disposition"] = f'attachment; filename="orders-{name}.csv"'
    return answer


@door("funding.export_orders")
@require_POST
def settle(request: HttpRequest, key: str) -> HttpResponse:
    """Keep the treasury's number of an order that was carried out."""
    order = PaymentOrder.objects.filter(key=key).first()
    if order is None:
        raise Http404
    reference = request.POST.get("reference", "").strip()[:80]
    if not reference:
        raise NoReferenceError
    services.settle_order(by=actor_at(request), at=clock.now(), order=order, reference=reference)
    messages.success(request, str(Words("已登记付款。", "The payment is kept.")))
    return redirect("funding:orders")


class NoReferenceError(Refusal):
    """An order is settled without the treasury's number."""

    en = "Give the treasury's reference number of the payment."
    zh = "请填写财政付款流水号。"
