"""Solutions: the list, one of them, and the form."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.city.models import Sector
from liudu.platform.supply import queries, services
from liudu.platform.supply.decisions import TASK_WORDS
from liudu.platform.supply.forms import SolutionForm
from liudu.platform.supply.models import Solution
from liudu.platform.supply.paging import asked_for, page_of
from liudu.platform.web.doors import PUBLIC, actor_at, door, may, require
from liudu.platform.words import both, language


@door(PUBLIC)
@require_safe
def show_list(request: HttpRequest) -> HttpResponse:
    """List the public solutions."""
    asked = asked_for(request, "q", "sector", "task", "proven")
    found = queries.solutions(
        q=asked["q"],
        sector=asked["sector"],
        task=asked["task"] if asked["task"] in TASK_WORDS else "",
        proven=bool(asked["proven"]),
    )
    page = page_of(found, request=request)
    context = {
        "page": page,
        "asked": asked,
        "filtered": any(asked.values()),
        "sectors": Sector.objects.all(),
        "tasks": TASK_WORDS.items(),
    }
    return render(request, "supply/solutions.html", context)


@door(PUBLIC)
@require_safe
def show(request: HttpRequest, key: str) -> HttpResponse:
    """Show one solution with its versions and certificates."""
    solution = found(request, key)
    inside = may(actor_at(request), "supply.see_inside", solution)
    context = {
        "solution": solution,
        "versions": queries.versions_of(solution, inside=inside)[:50],
        "certificates": queries.public_certificates(solution=solution)[:20],
        "inside": inside,
        "editable": may(actor_at(request), "supply.edit_solution", solution),
    }
    return render(request, "supply/solution.html", context)


@door("supply.be_vendor")
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """Add a solution."""
    actor = actor_at(request)
    vendor = queries.vendor_of(actor.organisation_key)
    if vendor is None:
        messages.info(
            request, both("请先填写供方资料。", "First tell who you are: your vendor profile.")
        )
        return redirect("supply:profile")
    form = SolutionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            solution = services.add_solution(
                by=actor, at=clock.now(), vendor=vendor, **form.cleaned_data
            )
        except Refusal as refusal:
            form.add_error("name", refusal.say(language()))
        else:
            return redirect("supply:upload", key=solution.key)
    return _form(request, form=form, solution=None)


@door("supply.be_vendor")
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, key: str) -> HttpResponse:
    """Change the words of a solution."""
    solution = found(request, key)
    require(actor_at(request), "supply.edit_solution", solution)
    form = SolutionForm(request.POST or None, instance=solution)
    if request.method == "POST" and form.is_valid():
        try:
            services.edit_solution(
                by=actor_at(request), at=clock.now(), solution=solution, **form.cleaned_data
            )
        except Refusal as refusal:
            form.add_error("name", refusal.say(language()))
        else:
            messages.success(request, both("方案已保存。", "The solution is saved."))
            return redirect("supply:solution", key=solution.key)
    return _form(request, form=form, solution=solution)


def found(request: HttpRequest, key: str) -> Solution:
    """Return a solution that who asks may see.

    Raises
    ------
    Http404

    """
    try:
        solution = queries.solution_for(key)
    except Solution.DoesNotExist as error:
        raise Http404 from error
    require(actor_at(request), "supply.see_solution", solution, seen="supply.see_solution")
    return solution


def _form(request: HttpRequest, *, form: SolutionForm, solution: Solution | None) -> HttpResponse:
    context = {"form": form, "solution": solution}
    status = 422 if form.errors else 200
    return render(request, "supply/solution_form.html", context, status=status)
