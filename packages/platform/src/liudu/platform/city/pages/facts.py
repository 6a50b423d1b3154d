"""One source, one fact, one published item; the office fills a slot and verifies."""

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.city import queries, services
from liudu.platform.city.models import Fact, PublishedItem, Source
from liudu.platform.web.doors import PUBLIC, actor_at, door, may, require
from liudu.platform.words import both, language


class SlotForm(forms.Form):
    """What an officer says to fill a slot."""

    value = forms.CharField(label=both("数值", "Value"), max_length=400)
    unit = forms.CharField(label=both("单位", "Unit"), max_length=40, required=False)
    as_of = forms.CharField(
        label=both("截至（年、年月或年月日）", "As of (year, month or day)"),
        max_length=10,
        required=False,
    )
    source_title = forms.CharField(label=both("来源标题", "Title of the source"), max_length=400)
    source_url = forms.URLField(
        label=both("来源网址", "Address of the source"),
        max_length=600,
        required=False,
        assume_scheme="https",
    )


@door(PUBLIC)
@require_safe
def source(request: HttpRequest, code: str) -> HttpResponse:
    """Show a source and everything that rests on it."""
    row = get_object_or_404(Source, code=code)
    resting = queries.resting_on(row)
    return render(request, "city/source.html", {"source": row, "resting": resting})


@door(PUBLIC)
@require_safe
def item(request: HttpRequest, code: str) -> HttpResponse:
    """Show one published item."""
    row = get_object_or_404(PublishedItem.objects.select_related("source", "sector"), code=code)
    return render(
        request,
        "city/item.html",
        {
            "item": row,
            "list": PublishedItem.objects.filter(code=row.list_code).first(),
            "items": PublishedItem.objects.filter(list_code=row.code),
        },
    )


@door(PUBLIC)
@require_http_methods(["GET", "HEAD", "POST"])
def fact(request: HttpRequest, code: str) -> HttpResponse:
    """Show a fact; a POST of the office fills it."""
    row = _fact(code)
    if request.method != "POST":
        return _show_fact(request, row, form=SlotForm(initial=_said(row)))
    actor = actor_at(request)
    require(actor, "city.fill_slot", row)
    form = SlotForm(request.POST)
    if form.is_valid():
        try:
            services.fill_slot(by=actor, at=clock.now(), code=code, **form.cleaned_data)
        except Refusal as refusal:
            field = "as_of" if isinstance(refusal, services.WrongDayError) else None
            form.add_error(field, refusal.say(language()))
        else:
            return redirect("city:fact", code)
    return _show_fact(request, row, form=form, status=422)


def _fact(code: str) -> Fact:
    return get_object_or_404(Fact.objects.select_related("source", "district", "sector"), code=code)


def _said(row: Fact) -> dict[str, str]:
    if row.source is None:
        return {}
    return {
        "value": row.value,
        "unit": row.unit,
        "as_of": row.as_of,
        "source_title": row.source.title,
        "source_url": row.source.url,
    }


def _show_fact(
    request: HttpRequest, row: Fact, *, form: SlotForm, status: int = 200
) -> HttpResponse:
    fillable = row.status != Fact.Status.STATED and may(actor_at(request), "city.fill_slot", row)
    context: dict[str, Any] = {
        "fact": row,
        "further": Source.objects.filter(code__in=row.also),
        "sought": Source.objects.filter(code__in=row.sought),
        "form": form if fillable else None,
    }
    return render(request, "city/fact.html", context, status=status)


@door("city.verify_row")
@require_POST
def verify(request: HttpRequest, kind: str, code: str) -> HttpResponse:
    """Say that a row was compared with the official text, or take it back."""
    model = services.VERIFIABLE.get(kind)
    if model is None or not model.objects.filter(code=code).exists():
        raise Http404
    services.verify_row(
        by=actor_at(request),
        at=clock.now(),
        kind=kind,
        code=code,
        verified=request.POST.get("verified", "yes") == "yes",
    )
    back = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        return redirect(back)
    return redirect("city:home")
