"""Lists of needs."""

from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from liudu.platform import clock
from liudu.platform.actors import Actor
from liudu.platform.city.models import District, Sector
from liudu.platform.needs import workbook_out
from liudu.platform.needs.listing import (
    DUE,
    PAGE_SIZE,
    SORTS,
    TRIAL,
    Filters,
    exported,
    listed,
)
from liudu.platform.needs.models import ImportRun, Need
from liudu.platform.needs.queries import whole
from liudu.platform.web.doors import PUBLIC, actor_at, door
from liudu.platform.web.paging import LongList
from liudu.platform.words import Words

FEN_PER_WAN = 1_000_000
# Long texts that the list does not show: sorting carries them along.
NOT_LISTED = (
    "problem", "problem_en", "wanted_capability", "data_at_hand", "targets", "targets_text",
)  # fmt: skip
COLUMNS = (
    Words("编号", "Key"),
    Words("需求名称", "Title"),
    Words("英文名称", "English title"),
    Words("所属行业", "Sector"),
    Words("所在区市", "District"),
    Words("需求单位", "Owner"),
    Words("状态", "Status"),
    Words("阶段", "Stage"),
    Words("拟解决问题", "Problem"),
    Words("所需能力", "Wanted capability"),
    Words("现有数据", "Data at hand"),
    Words("预算（万元）", "Budget (10,000 yuan)"),
    Words("完成时间", "Due date"),
    Words("联系单位", "Contact unit"),
    Words("发布时间", "Published"),
)
WIDTHS = (14, 36, 28, 12, 16, 24, 10, 10, 50, 40, 40, 14, 12, 20, 18)


@door(PUBLIC)
@require_safe
def show_list(request: HttpRequest) -> HttpResponse:
    """Show the needs that the reader may see, filtered, searched and in order."""
    actor = actor_at(request)
    filters = Filters.of(request.GET)
    needs = listed(actor, filters, today=clock.today())
    paginator = LongList(needs, PAGE_SIZE, whole=whole().defer(*NOT_LISTED))
    page = paginator.get_page(request.GET.get("page"))
    context = {
        "filters": filters,
        "page": page,
        "count": paginator.count,
        "more": paginator.more,
        "today": clock.today(),
        **_choices(actor, filters),
    }
    response = render(request, "needs/list.html", context)
    response["Vary"] = "HX-Request, Cookie, Accept-Language"
    return response


def _choices(actor: Actor, filters: Filters) -> dict[str, Any]:
    """Return what the filters offer."""
    statuses = [Need.Status.PUBLISHED, Need.Status.DRAFT, Need.Status.WITHDRAWN]
    run = _run(filters.imported)
    return {
        "sectors": Sector.objects.all(),
        "districts": District.objects.all(),
        "stages": Need.Stage.choices,
        "statuses": [(each.value, each.label) for each in statuses] if actor.known else [],
        "dues": DUE.items(),
        "trials": TRIAL.items(),
        "sorts": SORTS.items(),
        "run": run if run and actor.belongs_to(run.owner.key) else None,
    }


def _run(key: str) -> ImportRun | None:
    return ImportRun.objects.select_related("owner").filter(key=key).first() if key else None


@door(PUBLIC)
@require_safe
def export(request: HttpRequest) -> FileResponse:
    """Give the same list as a workbook."""
    needs = exported(actor_at(request), Filters.of(request.GET), today=clock.today())
    book = workbook_out.new_workbook()
    sheet = workbook_out.new_sheet(book, str(Words("需求清单", "Needs")), widths=WIDTHS)
    workbook_out.heading_row(sheet, COLUMNS)
    for need in needs.iterator(chunk_size=500):
        workbook_out.value_row(sheet, _cells(need))
    return workbook_out.as_download(book, file_name=f"needs-{clock.today()}.xlsx")


def _cells(need: Need) -> tuple[workbook_out.Value, ...]:
    budget = need.budget_fen_max
    return (
        need.key,
        need.title,
        need.title_en,
        str(need.sector or ""),
        str(need.district or ""),
        str(need.owner),
        str(need.get_status_display()),
        str(need.get_stage_display()) if need.status == Need.Status.PUBLISHED else "",
        need.problem,
        need.wanted_capability,
        need.data_at_hand,
        budget / FEN_PER_WAN if budget is not None else None,
        need.due_date,
        need.contact_unit,
        need.published_at,
    )
