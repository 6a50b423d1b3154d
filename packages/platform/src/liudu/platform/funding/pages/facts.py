"""Facts: what is known of me and where it was used; what bureaus send."""

from typing import Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.funding import queries, services
from liudu.platform.funding.models import Determination, FactImport, FactRow, Subject
from liudu.platform.funding.packs import pack_of
from liudu.platform.funding.pages.mine import chosen
from liudu.platform.identity.models import Organisation
from liudu.platform.web.doors import actor_at, door, may
from liudu.platform.words import Words

PAGE_ROWS: Final = 25
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
    labels = {
        name: facts[0].label
        for name, facts in queries.fact_catalogue(who.kind, on=clock.today()).items()
    }
    rows = (
        FactRow.objects.filter(subject=who.subject)
        .select_related("superseded_by")
        .order_by("name", "-pk")
        if who.subject
        else FactRow.objects.none()
    )
    page = Paginator(rows, PAGE_ROWS * 2).get_page(request.GET.get("page"))
    used = (
        Determination.objects.filter(subject=who.subject).select_related("pack")[:50]
        if who.subject
        else []
    )
    uses: dict[str, list[Determination]] = {}
    for one in used:
        for name in one.facts:
            uses.setdefault(name, []).append(one)
    papers = {
        name: one.label
        for version in queries.versions_on(clock.today())
        for name, one in pack_of(version).documents.items()
    }
    context = {
        "who": who,
        "choices": choices,
        "page": page,
        "rows": [
            {
                "row": row,
                "label": labels.get(row.name),
                "paper": papers.get(row.document),
                "current": not hasattr(row, "superseded_by"),
                "uses": uses.get(row.name, [])[:3],
            }
            for row in page
        ],
    }
    return render(request, "funding/facts.html", context)


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
        raise NameNeededError
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
            (label, sorted(queries.fact_catalogue(kind, on=clock.today())))
            for kind, label in Subject.Kind.choices
        ],
    }
    return render(request, "funding/imports.html", context, status=422 if refusal else 200)


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
