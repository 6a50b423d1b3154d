"""The pages of the auditors."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from liudu.platform import clock
from liudu.platform.audit import proofs, queries
from liudu.platform.audit.deeds import CONTEXTS, DEEDS, SUBJECTS
from liudu.platform.audit.models import Line
from liudu.platform.web.doors import door
from liudu.platform.words import both

LINES_PER_PAGE = 50
BIGINT_MAX = 2**63 - 1
Choice = tuple[str, Any]  # a value and its label, or a group's name and its choices


class FilterForm(forms.Form):
    """What an auditor looks for."""

    key = forms.CharField(label=both("编号", "Key"), max_length=64, required=False)
    actor = forms.CharField(label=both("操作人", "Who"), max_length=200, required=False)
    organisation = forms.CharField(
        label=both("单位", "Organisation"), max_length=200, required=False
    )
    verb = forms.CharField(
        label=both("动作", "Deed"), max_length=80, required=False, widget=forms.Select
    )
    subject_kind = forms.CharField(
        label=both("对象", "Kind"), max_length=40, required=False, widget=forms.Select
    )
    day = forms.DateField(
        label=both("日期", "Day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    field_order = ("key", "verb", "actor", "organisation", "subject_kind", "day")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._offer("verb", _deeds())
        self._offer("subject_kind", [(kind, str(words)) for kind, words in SUBJECTS.items()])

    def _offer(self, name: str, choices: Sequence[Choice]) -> None:
        """Offer what is known by name; what an address asks for beside that stands as it is."""
        asked = self.data.get(name, "")
        known = {value for value, _label in _flat(choices)}
        strange = [(asked, asked)] if asked and asked not in known else []
        widget = self.fields[name].widget
        widget.choices = [("", both("全部", "All")), *strange, *choices]


def _deeds() -> list[Choice]:
    """Return every deed by its context; a context's own name asks for all of its deeds."""
    return [
        (
            str(words),
            [
                (f"{context}.", both(f"{words.zh}：全部", f"{words.en}: all")),
                *(
                    (verb, str(said))
                    for verb, said in DEEDS.items()
                    if verb.startswith(f"{context}.")
                ),
            ],
        )
        for context, words in CONTEXTS.items()
    ]


def _flat(choices: Sequence[Choice]) -> Iterator[tuple[str, Any]]:
    for value, label in choices:
        if isinstance(label, list):
            yield from label
        else:
            yield value, label


@door("audit.view_audit")
@require_GET
def show_list(request: HttpRequest) -> HttpResponse:
    """List lines, the newest first; the next page starts below the last number shown."""
    form = FilterForm(request.GET)
    rows = queries.found(_filters(form))
    lines = list(_below(rows, request.GET.get("below", ""))[: LINES_PER_PAGE + 1])
    context = {
        "form": form,
        "lines": lines[:LINES_PER_PAGE],
        "next": lines[LINES_PER_PAGE - 1].number if len(lines) > LINES_PER_PAGE else None,
        "query": _query(request),
        "head": queries.head(),
        "verified": proofs.newest(),
        "verifying": proofs.asked_at(),
    }
    return render(request, "audit/list.html", context, status=200 if form.is_valid() else 422)


@door("audit.view_audit")
@require_GET
def show_line(request: HttpRequest, number: int) -> HttpResponse:
    """Open one line to its content, its digest and its neighbours."""
    line = Line.objects.filter(number=number).first() if number <= BIGINT_MAX else None
    if line is None:
        raise Http404
    before, after = queries.neighbours(line)
    context = {
        "line": line,
        "before": before,
        "after": after,
        "holds": queries.line_holds(line, before=before),
        "content": json.dumps(json.loads(line.content), ensure_ascii=False, indent=2),
    }
    return render(request, "audit/line.html", context)


@door("audit.view_audit")
@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Have the whole chain walked by a worker."""
    proofs.ask_for_proof(at=clock.now())
    return redirect("audit:list")


@door("audit.export_audit")
@require_GET
def export(request: HttpRequest) -> HttpResponseBase:
    """Give the lines that were looked for as JSON lines."""
    form = FilterForm(request.GET)
    answer = StreamingHttpResponse(
        queries.export_lines(_filters(form)), content_type="application/jsonl; charset=utf-8"
    )
    day = clock.today().isoformat()
    answer["Content-Disposition"] = f'attachment; filename="liudu-audit-{day}.jsonl"'
    return answer


def _filters(form: FilterForm) -> queries.Filters:
    form.is_valid()
    return queries.Filters(**{key: value for key, value in form.cleaned_data.items() if value})


def _below(rows: QuerySet[Line], below: str) -> QuerySet[Line]:
    number = int(below) if below.isdecimal() and len(below) < len(str(BIGINT_MAX)) else None
    return rows.filter(number__lt=number) if number is not None else rows


def _query(request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop("below", None)
    return query.urlencode()
