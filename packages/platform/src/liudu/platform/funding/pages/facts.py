"""Facts: what is known of me and where it was used; what bureaus send."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.funding import queries, services
from liudu.platform.funding.models import Determination, FactImport, FactRow, Subject
from liudu.platform.funding.packs import pack_of
from liudu.platform.funding.pages.mine import Who, chosen
from liudu.platform.identity.models import Organisation
from liudu.platform.web.doors import actor_at, door, may
from liudu.platform.words import Words
from liudu.rules import Fact

PAGE_ROWS: Final = 25
USES_SHOWN: Final = 3
LOOKS_SHOWN: Final = 20
DETERMINATIONS_LOOKED_AT: Final = 50
FILE_BYTES_MAX: Final = 30 << 20


class FileTooLargeError(Refusal):
    """A table of facts that is too large, or none."""

    en = "Choose a CSV file of at most {max_mib} MiB and name the bureau that sends it."
    zh = "请选择不超过 {max_mib} MiB 的 CSV 文件，并写明提供部门。"


class NameNeededError(Refusal):
    """A project or contract without a name."""

    en = "Give the project or contract a name."
    zh = "请填写项目或合同名称。"


@door("funding.view_mine")
@require_safe
def show_own(request: HttpRequest) -> HttpResponse:
    """Show every fact about the reader, its whole history and where it was used."""
    actor = actor_at(request)
    who, choices = chosen(actor, request.GET.get("who", ""))
    return facts_page(request, who, choices)


def facts_page(request: HttpRequest, who: Who, choices: list[Who], **more: object) -> HttpResponse:
    """Return the page of what is known of somebody; a refused form keeps what was typed."""
    today = clock.today()
    catalogue = queries.fact_catalogue(who.kind, on=today)
    page = Paginator(_rows_about(who.subject), PAGE_ROWS * 2).get_page(request.GET.get("page"))
    uses = _uses_of(who.subject)
    papers = {
        name: one.label
        for version in queries.versions_on(today)
        for name, one in pack_of(version).documents.items()
    }
    context = {
        "who": who,
        "choices": choices,
        "page": page,
        "rows": [
            {
                "row": row,
                "label": catalogue[row.name][0].label if row.name in catalogue else None,
                "paper": papers.get(row.document),
                "current": not hasattr(row, "superseded_by"),
                "until": _good_until(row, catalogue.get(row.name, [])),
                "uses": uses.get(row.pk, [])[:USES_SHOWN],
            }
            for row in page
        ],
        "today": today,
        "looks": queries.looks_at(who.subject)[:LOOKS_SHOWN] if who.subject else [],
        **more,
    }
    status = 422 if more.get("refusal") else 200
    return render(request, "funding/facts.html", context, status=status)


def _rows_about(subject: Subject | None) -> QuerySet[FactRow]:
    if subject is None:
        return FactRow.objects.none()
    rows = FactRow.objects.filter(subject=subject).select_related("superseded_by", "source")
    return rows.order_by("name", "-pk")


def _uses_of(subject: Subject | None) -> dict[int, list[Determination]]:
    """Return by row the latest determinations that were made with it."""
    uses: dict[int, list[Determination]] = {}
    if subject is not None:
        used = Determination.objects.filter(subject=subject).select_related("pack")
        for one in used[:DETERMINATIONS_LOOKED_AT]:
            for kept in one.facts.values():
                uses.setdefault(kept.get("row", 0), []).append(one)
    return uses


def _good_until(row: FactRow, facts: Sequence[Fact]) -> date | None:
    """Return the last day on which a fact may be used; the policy that keeps it shortest says."""
    days = [one.valid_days for one in facts if one.valid_days is not None]
    ends = [row.observed_date + timedelta(days=min(days))] if days else []
    if row.valid_to is not None:
        ends.append(row.valid_to)
    return min(ends, default=None)


@door("funding.answer_for_organisation")
@require_POST
def add_project(request: HttpRequest) -> HttpResponse:
    """Add a project or a contract of the organisation that the reader acts for."""
    actor = actor_at(request)
    owner = Organisation.objects.filter(key=actor.organisation_key).first()
    kind = request.POST.get("kind", "")
    if owner is None or kind not in (Subject.Kind.PROJECT, Subject.Kind.CONTRACT):
        raise Http404
    name = request.POST.get("name", "").strip()[:160]
    if not name:
        who, choices = chosen(actor, "")
        more = {"refusal": NameNeededError(), "typed_kind": kind}
        return facts_page(request, who, choices, **more)
    made = services.add_subject(by=actor, at=clock.now(), kind=kind, name=name, owner=owner)
    return redirect(f"/funding/mine/?who={made.key}")


@door("funding.view_imports")
@require_http_methods(["GET", "HEAD", "POST"])
def imports(request: HttpRequest) -> HttpResponse:
    """List what bureaus sent; POST takes a table."""
    refusal = None
    if request.method == "POST":
        if not may(actor_at(request), "funding.import_facts"):
            raise Http404
        try:
            return redirect("funding:import_run", _taken(request).key)
        except Refusal as error:
            refusal = error
    page = Paginator(FactImport.objects.defer("problems"), PAGE_ROWS).get_page(
        request.GET.get("page")
    )
    context = {
        "page": page,
        "kinds": Subject.Kind.choices,
        "refusal": refusal,
        "typed": request.POST,
        "catalogue": [
            (label, _named(queries.fact_catalogue(kind, on=clock.today())))
            for kind, label in Subject.Kind.choices
        ],
    }
    return render(request, "funding/imports.html", context, status=422 if refusal else 200)


def _named(catalogue: Mapping[str, Sequence[Fact]]) -> list[Fact]:
    return [catalogue[name][0] for name in sorted(catalogue)]


def _taken(request: HttpRequest) -> FactImport:
    file = request.FILES.get("file")
    bureau, kind = request.POST.get("bureau", "").strip(), request.POST.get("kind", "")
    fits = file is not None and (file.size or 0) <= FILE_BYTES_MAX
    if file is None or not fits or not bureau or kind not in Subject.Kind.values:
        raise FileTooLargeError(max_mib=FILE_BYTES_MAX >> 20)
    run = services.import_facts(
        by=actor_at(request),
        at=clock.now(),
        file_name=file.name or "facts.csv",
        content=file.read(),
        kind=kind,
        bureau=bureau,
    )
    said = Words(
        f"{run.row_count} 行中采用 {run.taken_count} 行。",
        f"{run.taken_count} of {run.row_count} rows were taken.",
    )
    messages.success(request, str(said))
    return run


@door("funding.view_imports")
@require_safe
def show_import(request: HttpRequest, key: str) -> HttpResponse:
    """Show what became of each row of a table."""
    run = FactImport.objects.filter(key=key).first()
    if run is None:
        raise Http404
    page = Paginator(run.problems, PAGE_ROWS).get_page(request.GET.get("page"))
    return render(request, "funding/import_run.html", {"run": run, "page": page})
