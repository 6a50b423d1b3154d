"""The outbox of payment orders: handed to the treasury, settled with its numbers."""

from collections.abc import Callable
from typing import Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.audit.queries import lines_of
from liudu.platform.funding import services
from liudu.platform.funding.models import PaymentExport, PaymentOrder
from liudu.platform.funding.services.exports import handed_over
from liudu.platform.funding.tasks import mail_notices
from liudu.platform.web.doors import actor_at, door
from liudu.platform.words import Words

PAGE_ROWS: Final = 25
FILE_BYTES_MAX: Final = 5 << 20
NOTHING_WAITS: Final = Words(
    "没有待领取的指令；已导出的可在“以前的导出”中再次下载。",
    "No order is waiting; what was exported can be fetched again below.",
)
EXPORTED: Final = Words(
    "已导出。请下载文件交财政；文件丢失可随时在此再次下载，内容不变。",
    "Exported. Fetch the file for the treasury; if it is lost, fetch the same file here again.",
)
REHEARSED: Final = Words(
    "已导出演练指令。文件不交财政；登记任意流水号即可走完演练。",
    "The rehearsal is exported. Its file is not for the treasury; any reference settles it.",
)


@door("funding.view_deliveries")
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Show the outbox: orders that wait for the treasury and those handed over."""
    return _orders_page(request)


def _orders_page(request: HttpRequest, **more: object) -> HttpResponse:
    rows = PaymentOrder.objects.select_related(
        "grant", "grant__batch", "grant__batch__pack", "grant__subject"
    )
    state = request.GET.get("state", "")
    if state in PaymentOrder.State.values:
        rows = rows.filter(state=state)
    wanted = request.GET.get("q", "").strip()[:100]
    if wanted:
        rows = rows.filter(Q(grant__subject__name__icontains=wanted) | Q(reference=wanted))
    page = Paginator(rows.order_by("-pk"), PAGE_ROWS).get_page(request.GET.get("page"))
    refused = more.get("refused")
    context = {
        "q": wanted,
        "page": page,
        "refused_on_top": bool(refused) and all(one.key != refused for one in page),
        "state": state,
        "states": PaymentOrder.State.choices,
        "waiting": PaymentOrder.objects.filter(
            handed_over(), grant__batch__simulated=False
        ).aggregate(count=Count("pk"), sum=Sum("amount_fen")),
        "rehearsed": PaymentOrder.objects.filter(
            handed_over(), grant__batch__simulated=True
        ).count(),
        "exports": PaymentExport.objects.defer("text")[:10],
        **more,
    }
    refusal = more.get("refusal") or more.get("answers_refused")
    status = getattr(refusal, "status", 422) if refusal else 200
    return render(request, "funding/orders.html", context, status=status)


@door("funding.export_orders")
@require_POST
def export(request: HttpRequest) -> HttpResponse:
    """Hand the waiting orders over; the file is then fetched from its page, as often as needed."""
    rehearsal = bool(request.POST.get("simulated"))
    made = services.export_orders(by=actor_at(request), at=clock.now(), simulated=rehearsal)
    if made is None:
        messages.info(request, str(NOTHING_WAITS))
        return redirect("funding:orders")
    messages.success(request, str(REHEARSED if rehearsal else EXPORTED))
    return redirect("funding:export_run", made.key)


def _export(key: str) -> PaymentExport:
    export = PaymentExport.objects.filter(key=key).first()
    if export is None:
        raise Http404
    return export


@door("funding.view_deliveries")
@require_safe
def show_export(request: HttpRequest, key: str) -> HttpResponse:
    """Show what was handed to the treasury at once, and how far it is."""
    export = _export(key)
    rows = export.orders.select_related("grant", "grant__subject").order_by("pk")
    context = {
        "export": export,
        "settled": export.orders.filter(state=PaymentOrder.State.SETTLED).count(),
        "returns": export.returns.exclude(order__export=export).select_related(
            "order__grant__subject"
        ),
        "fetched": lines_of("payment_export", export.key).filter(verb="funding.orders.fetched"),
        "page": Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page")),
    }
    return render(request, "funding/export.html", context)


@door("funding.export_orders")
@require_POST
def fetch(request: HttpRequest, key: str) -> HttpResponse:
    """Give the file of an export, the same bytes each time; who fetched it is kept."""
    export = _export(key)
    file = services.fetch_export(by=actor_at(request), at=clock.now(), export=export)
    answer = HttpResponse(file, content_type="text/csv; charset=utf-8")
    name = export.exported_at.astimezone(clock.CITY_ZONE).strftime("%Y%m%d-%H%M%S")
    answer["Content-Disposition"] = f'attachment; filename="orders-{name}-{export.key}.csv"'
    return answer


@door("funding.export_orders")
@require_POST
def take_answers(request: HttpRequest) -> HttpResponse:
    """Take the treasury's table of what was settled and what came back."""
    file = request.FILES.get("file")
    try:
        if file is None or (file.size or 0) > FILE_BYTES_MAX:
            raise NoAnswersError(max_mib=FILE_BYTES_MAX >> 20)
        done = services.import_answers(
            by=actor_at(request),
            at=clock.now(),
            file_name=file.name or "answers.csv",
            content=file.read(),
        )
    except Refusal as refusal:
        problems = refusal.facts.get("problems", ())
        return _orders_page(request, answers_refused=refusal, problems=problems)
    for batch in done.returned_in:
        mail_notices.enqueue(batch, request.build_absolute_uri("/"))
    messages.success(
        request,
        str(
            Words(
                f"已登记：办结 {done.settled} 笔，退回 {done.returned} 笔；"
                f"{done.known} 笔此前已登记。",
                f"Kept: {done.settled} settled, {done.returned} came back; "
                f"{done.known} were known already.",
            )
        ),
    )
    return redirect("funding:orders")


@door("funding.export_orders")
@require_POST
def settle(request: HttpRequest, key: str) -> HttpResponse:
    """Keep the treasury's number of an order that was carried out."""
    reference = request.POST.get("reference", "").strip()[:80]

    def settled(order: PaymentOrder) -> None:
        if not reference:
            raise NoReferenceError
        services.settle_order(
            by=actor_at(request),
            at=clock.now(),
            order=order,
            reference=reference,
            attempt=_attempt(request),
        )

    return _do(request, key, settled, said=Words("已登记付款。", "The payment is kept."))


@door("funding.export_orders")
@require_POST
def send_back(request: HttpRequest, key: str) -> HttpResponse:
    """Keep that the treasury could not carry an order out, and why."""
    reason = request.POST.get("reason", "")[:300]
    return _do(
        request,
        key,
        lambda order: services.return_order(
            by=actor_at(request),
            at=clock.now(),
            order=order,
            reason=reason,
            attempt=_attempt(request),
        ),
        told=True,
        said=Words("已登记退回，原因已告知收款人。", "The return is kept; the payee reads why."),
    )


@door("funding.export_orders")
@require_POST
def send_again(request: HttpRequest, key: str) -> HttpResponse:
    """Put a supplement or recovery that came back into the outbox again."""
    return _do(
        request,
        key,
        lambda order: services.send_order_again(
            by=actor_at(request),
            at=clock.now(),
            order=order,
            attempt=_attempt(request) or order.attempt,
        ),
        said=Words("已放回待领取，下次导出时交财政。", "It waits again for the next export."),
    )


@door("funding.export_orders")
@require_POST
def close(request: HttpRequest, key: str) -> HttpResponse:
    """Give an order up that came back, for good."""
    reason = request.POST.get("reason", "")[:300]
    return _do(
        request,
        key,
        lambda order: services.close_order(
            by=actor_at(request), at=clock.now(), order=order, reason=reason
        ),
        said=Words("已终止办理，理由已告知当事人。", "It is given up; the subject reads why."),
    )


def _attempt(request: HttpRequest) -> int | None:
    text = request.POST.get("attempt", "")[:5]
    return int(text) if text.isascii() and text.isdecimal() else None


def _do(
    request: HttpRequest,
    key: str,
    deed: Callable[[PaymentOrder], object],
    *,
    said: Words,
    told: bool = False,
) -> HttpResponse:
    """Do something with an order and go back to the list; a refusal is shown beside it.

    Its subject is told by mail where it is `told`.
    """
    order = PaymentOrder.objects.select_related("grant__batch").filter(key=key).first()
    if order is None:
        raise Http404
    try:
        deed(order)
    except Refusal as refusal:
        return _orders_page(request, refusal=refusal, refused=order.key, typed=request.POST)
    if told:
        mail_notices.enqueue(order.grant.batch.key, request.build_absolute_uri("/"))
    messages.success(request, str(said))
    state = request.POST.get("state", "")
    query = f"?state={state}" if state in PaymentOrder.State.values else ""
    return redirect(reverse("funding:orders") + query)


class NoAnswersError(Refusal):
    """No file of answers, or one that is too large."""

    en = "Choose the treasury's CSV file, of at most {max_mib} MiB."
    zh = "请选择财政返回的 CSV 文件，不超过 {max_mib} MiB。"


class NoReferenceError(Refusal):
    """An order is settled without the treasury's number."""

    en = "Give the treasury's reference number of the payment."
    zh = "请填写财政付款流水号。"
