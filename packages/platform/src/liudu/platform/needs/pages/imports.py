"""Lists that come in as Excel files: sending, watching, and what became of each row."""

from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from openpyxl.worksheet.datavalidation import DataValidation

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.city.models import District, Sector
from liudu.platform.needs import workbook_out
from liudu.platform.needs.imports import (
    LIST_BYTES_MAX,
    SameListError,
    is_stalled,
    receive_list,
    resume_list,
)
from liudu.platform.needs.list_words import SPELLINGS
from liudu.platform.needs.models import ImportRow, ImportRun
from liudu.platform.web.doors import actor_at, door, may, require
from liudu.platform.words import Words, both, language

PAGE_SIZE = 25
RUNS_SHOWN = 20
TEMPLATE_ROWS = 2000
ENGLISH_HEADINGS = {
    "title": "Need title", "title_en": "English title", "sector": "Sector", "owner": "Owner",
    "problem": "Problem to solve", "wanted_capability": "Required capability",
    "data_at_hand": "Available data", "targets_text": "Acceptance targets",
    "district": "District", "budget_fen_max": "Budget", "due_date": "Due date",
    "contact_unit": "Contact unit",
}  # fmt: skip
EXAMPLES_ZH: tuple[tuple[workbook_out.Value, ...], ...] = (
    (
        "偏光片外观缺陷检测（示例，请删除）", "", "制造", "", "人工目检每班漏检多，夜班更明显。",
        "拍照识别划痕、气泡、异物并给出位置", "近三个月照片约 2 万张，已标注 3000 张",
        "漏检率不高于 0.5%，过杀率不高于 3%", "", "80万元", "2026年12月31日", "质量管理部",
    ),
    (
        "政务热线工单自动分派（示例，请删除）", "", "政务服务", "", "派单靠人工，平均 40 分钟。",
        "按内容判断承办部门", "近一年工单 50 万条（脱敏）", "错派率不高于 2%", "",
        "50-100万", "2027-06-30", "热线运行科",
    ),
)  # fmt: skip
EXAMPLES_EN: tuple[tuple[workbook_out.Value, ...], ...] = (
    (
        "Surface defects of polariser film (example, delete)", "", "Manufacturing", "",
        "People miss scratches, more so at night.", "Find scratches, bubbles and foreign matter",
        "20,000 pictures of three months, 3,000 labelled", "Miss rate at most 0.5 %, overkill 3 %",
        "", "800000 yuan", "2026-12-31", "Quality management",
    ),
)  # fmt: skip


class ListForm(forms.Form):
    """A list and how to read it."""

    file = forms.FileField(label=both("清单文件", "The list"))
    take_hidden = forms.BooleanField(
        label=both("同时导入隐藏的行和工作表", "Take hidden rows and sheets too"), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.fields["file"].widget.attrs["accept"] = ".xlsx,.xlsm,.csv"
        self.fields["file"].error_messages = {
            "required": both("请选择一个文件。", "Choose a file."),
            "missing": both("请选择一个文件。", "Choose a file."),
            "empty": both("文件是空的，请选择有内容的文件。", "The file is empty: choose another."),
            "invalid": both("没有收到文件，请重新选择。", "No file came: choose it again."),
            "max_length": both("文件名太长，请改短。", "The file's name is too long: shorten it."),
        }


@door("needs.import_list")
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Take a list in, and show those that came before."""
    sent = request.method == "POST"
    form = ListForm(request.POST, request.FILES) if sent else ListForm()
    status, before = 200, None
    if sent:
        status = 422
        if form.is_valid():
            try:
                return _received(request, form)
            except Refusal as refusal:
                form.add_error("file", refusal.say(language()))
                status = getattr(refusal, "status", 422)
                before = refusal.run_key if isinstance(refusal, SameListError) else None
    context = {
        "form": form,
        "before": before,
        "runs": _runs(request),
        "size_mib_max": LIST_BYTES_MAX >> 20,
    }
    return render(request, "needs/import.html", context, status=status)


def _received(request: HttpRequest, form: ListForm) -> HttpResponse:
    actor, file = actor_at(request), form.cleaned_data["file"]
    run = receive_list(
        by=actor,
        at=clock.now(),
        file_name=file.name,
        chunks=file.chunks(),
        take_hidden=form.cleaned_data["take_hidden"],
        for_others=may(actor, "needs.import_for_others"),
    )
    return redirect("needs:import_run", run.key)


def _runs(request: HttpRequest) -> list[ImportRun]:
    runs = ImportRun.objects.filter(owner__key=actor_at(request).organisation_key)
    return list(runs.order_by("-created_at")[:RUNS_SHOWN])


@door("needs.see_import")
@require_safe
def run(request: HttpRequest, key: str) -> HttpResponse:
    """Show what became of each row, also while it is read."""
    found = _run(request, key)
    chosen = request.GET.get("state", "")
    rows = found.rows.select_related("need__owner")
    if chosen in ImportRow.State.values:
        rows = rows.filter(state=chosen)
    else:
        chosen = ""
    counts = {
        row["state"]: row["count"]
        for row in found.rows.order_by().values("state").annotate(count=Count("pk"))
    }
    context = {
        "run": found,
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "chosen": chosen,
        "tabs": _tabs(counts),
        "open": found.state in (ImportRun.State.WAITING, ImportRun.State.RUNNING),
        "stalled": is_stalled(found, at=clock.now()),
        "refused_count": counts.get(ImportRow.State.REFUSED, 0),
        "duplicate_count": counts.get(ImportRow.State.DUPLICATE, 0),
        "skipped_count": counts.get(ImportRow.State.SKIPPED, 0),
        "several_sheets": len(found.headings) > 1,
    }
    return render(request, "needs/import_run.html", context)


def _tabs(counts: dict[str, int]) -> list[tuple[str, Any, int]]:
    every = ("", both("全部", "All"), sum(counts.values()))
    return [every, *((value, label, counts.get(value, 0)) for value, label in _states())]


def _states() -> list[tuple[str, Any]]:
    return list(ImportRow.State.choices)


def _run(request: HttpRequest, key: str) -> ImportRun:
    found = ImportRun.objects.select_related("owner").filter(key=key).first()
    if found is None:
        raise Http404
    require(actor_at(request), "needs.see_import", found, seen="needs.see_import")
    return found


@door("needs.see_import")
@require_safe
def report(request: HttpRequest, key: str) -> FileResponse:
    """Give the rows as they came, each with what became of it."""
    found = _run(request, key)
    book = workbook_out.new_workbook()
    more = [
        Words("位置", "Where"),
        Words("结果", "Result"),
        Words("说明", "Why"),
        Words("需求", "Need"),
    ]
    for name, headings in (found.headings or {"": []}).items():
        widths = [18, 10, 50, 14, *([18] * len(headings))][:26]
        title = _sheet_title(name)
        sheet = workbook_out.new_sheet(book, title, widths=widths)
        workbook_out.heading_row(sheet, [*more, *headings])
        rows = found.rows.filter(sheet=name).select_related("need")
        for row in rows.iterator(chunk_size=500):
            workbook_out.value_row(sheet, _report_cells(row))
    return workbook_out.as_download(book, file_name=f"import-{found.key}.xlsx")


def _sheet_title(name: str) -> str:
    """Return a name that Excel allows."""
    allowed = "".join(each for each in name if each not in r"[]:*?/\'")[:31]
    return allowed or str(Words("导入报告", "Report"))


def _report_cells(row: ImportRow) -> list[workbook_out.Value]:
    why = "\n".join(str(reason.get(language(), "")) for reason in row.reasons)
    key = row.need.key if row.need else ""
    return [row.address, str(row.get_state_display()), why, key, *row.cells]


@door("needs.import_list")
@require_POST
def resume(request: HttpRequest, key: str) -> HttpResponse:
    """Go on with an import whose worker died."""
    found = _run(request, key)
    resume_list(by=actor_at(request), at=clock.now(), run=found)
    return redirect("needs:import_run", key)


@door("needs.import_list")
@require_safe
def template(request: HttpRequest) -> FileResponse:
    """Give an empty list with headings, examples and lists to pick from."""
    del request
    book = workbook_out.new_workbook()
    fields = list(ENGLISH_HEADINGS)
    english = language() == "en"
    sheet = workbook_out.new_sheet(
        book, str(Words("需求清单", "Needs")), widths=[30, 24, 14, 24, *[36] * 4, 16, 16, 18, 18]
    )
    picks = _add_picks(sheet, fields)
    workbook_out.heading_row(
        sheet, (ENGLISH_HEADINGS[each] if english else SPELLINGS[each][0] for each in fields)
    )
    for example in EXAMPLES_EN if english else EXAMPLES_ZH:
        workbook_out.value_row(sheet, example)
    _add_choices(book, picks)
    return workbook_out.as_download(book, file_name="needs-template.xlsx")


def _add_picks(sheet: Any, fields: list[str]) -> list[tuple[Words, list[str]]]:  # noqa: ANN401
    """Let sector and district be picked from the second sheet; return what it holds."""
    picks = [
        ("sector", Words("行业", "Sectors"), [str(row) for row in Sector.objects.all()]),
        ("district", Words("区市", "Districts"), [str(row) for row in District.objects.all()]),
    ]
    second = str(_CHOICES)
    for column, (field, _, names) in enumerate(picks):
        letter, own = chr(ord("A") + column), chr(ord("A") + fields.index(field))
        rule = DataValidation(
            type="list", formula1=f"'{second}'!${letter}$2:${letter}${len(names) + 1}"
        )
        rule.showErrorMessage = False  # other words are read too, and the report says how
        rule.add(f"{own}2:{own}{TEMPLATE_ROWS}")
        if names:
            sheet.data_validations.append(rule)
    return [(label, names) for _, label, names in picks]


_CHOICES = Words("可选项", "Choices")


def _add_choices(book: Any, picks: list[tuple[Words, list[str]]]) -> None:  # noqa: ANN401
    sheet = workbook_out.new_sheet(book, str(_CHOICES), widths=[24, 28])
    workbook_out.heading_row(sheet, [label for label, _ in picks])
    for number in range(max((len(names) for _, names in picks), default=0)):
        workbook_out.value_row(
            sheet, [names[number] if number < len(names) else "" for _, names in picks]
        )
