"""The outbox of payment orders: handed to the treasury, settled with its numbers."""

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
from liudu.platform.web.doors import actor_at, door
from liudu.platform.words import Words

PAGE_ROWS: Final = 25
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
    context = {
        "q": wanted,
        "page": Paginator(rows.order_by("-pk"), PAGE_ROWS).get_page(request.GET.get("page")),
        "state": state,
        "states": PaymentOrder.State.choices,
        "waiting": PaymentOrder.objects.filter(
            state=PaymentOrder.State.WAITING, grant__batch__simulated=False
        ).aggregate(count=Count("pk"), sum=Sum("amount_fen")),
        "rehearsed": PaymentOrder.objects.filter(
            state=PaymentOrder.State.WAITING, grant__batch__simulated=True
        ).count(),
        "exports": PaymentExport.objects.defer("text")[:10],
        **more,
    }
    status = 422 if more.get("refusal") else 200
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
def settle(request: HttpRequest, key: str) -> HttpResponse:
    """Keep the treasury's number of an order that was carried out."""
    order = PaymentOrder.objects.filter(key=key).first()
    if order is None:
        raise Http404
    reference = request.POST.get("reference", "").strip()[:80]
    if not reference:
        return _orders_page(request, refusal=NoReferenceError(), refused=order.key)
    services.settle_order(by=actor_at(request), at=clock.now(), order=order, reference=reference)
    messages.success(request, str(Words("已登记付款。", "The payment is kept.")))
    state = request.POST.get("state", "")
    query = f"?state={state}" if state in PaymentOrder.State.values else ""
    return redirect(reverse("funding:orders") + query)


class NoReferenceError(Refusal):
    """An order is settled without the treasury's number."""

    en = "Give the treasury's reference number of the payment."
    zh = "请填写财政付款流水号。"
