"""The home page, the proven cases and the search."""

from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from liudu.platform import clock
from liudu.platform.front import queries
from liudu.platform.front.proofs import proofs_of
from liudu.platform.front.steps import steps_of
from liudu.platform.supply.models import Certificate
from liudu.platform.trials.models import Trial
from liudu.platform.web import charts
from liudu.platform.web.doors import PUBLIC, actor_at, door
from liudu.platform.words import Words

PAGE_SIZE: Final = 12
NEEDS_SHOWN: Final = 6
CASES_SHOWN: Final = 3
EXPECTED: Final = Words("各项指标的区间与承诺", "Every target: its interval and the promise")


@door(PUBLIC)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show in ten seconds what this is."""
    context = {
        "steps": steps_of(actor_at(request)),
        "numbers": queries.numbers(at=clock.now()),
        "needs": queries.open_needs(count=NEEDS_SHOWN),
        "cases": proofs_of(queries.cases_of(queries.proven_keys()[:CASES_SHOWN])),
    }
    return render(request, "front/home.html", context)


@door(PUBLIC)
@require_safe
def cases(request: HttpRequest) -> HttpResponse:
    """List the proven cases."""
    page = queries.Cases(queries.proven_keys(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "cases": proofs_of(queries.cases_of(page.object_list))}
    return render(request, "front/cases.html", context)


@door(PUBLIC)
@require_safe
def case(request: HttpRequest, key: str) -> HttpResponse:
    """Tell one case from the need to the proof."""
    try:
        found = queries.case_for(key)
    except (Certificate.DoesNotExist, Trial.DoesNotExist) as error:
        raise Http404 from error
    return render(request, "front/case.html", _told(found))


def _told(found: queries.Case) -> dict[str, Any]:
    rows = [charts.measured(target) for target in found.trial.result.get("targets", [])]
    return {
        "certificate": found.certificate,
        "need": found.certificate.need,
        "solution": found.certificate.version.solution,
        "vendor": found.certificate.version.solution.vendor,
        "trial": found.trial,
        "rows": rows,
        "chart": charts.forest(rows, title=str(EXPECTED)),
        "others": found.others,
    }


@door(PUBLIC)
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Search needs, solutions, vendors and the city at once."""
    text = request.GET.get("q", "").strip()[: queries.QUERY_LENGTH_MAX]
    context = {"q": text, "found": queries.find(text), "shown": queries.FOUND_MAX}
    return render(request, "front/search.html", context)
