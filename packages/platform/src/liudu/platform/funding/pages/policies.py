"""Policies as they can be read: the clause left, its conditions right, the tests below."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.funding import queries, services
from liudu.platform.funding.decisions import calendar, changes
from liudu.platform.funding.figures import fact_text, setting_text
from liudu.platform.funding.models import Determination, PackVersion, Subject
from liudu.platform.funding.packs import outcomes_of, pack_of, settings_of
from liudu.platform.web.doors import PUBLIC, actor_at, door, may
from liudu.platform.words import Words, language
from liudu.rules import Kind, Outcome, Pack, Rule
from liudu.rules import Words as Said

PAGE_ROWS: Final = 25
MONTHS_AHEAD: Final = 12
NOT_KNOWN: Final = Words("未知", "unknown")
PERCENT_EXAMPLE: Final = "20%"
STATUSES: Final = {one.value: one.label for one in Determination.Status}


@door(PUBLIC)
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """List the policies in force, filtered by words, kind of subject and what is open."""
    today = clock.today()
    wanted = request.GET.get("q", "").strip()[:200]
    kind = request.GET.get("kind", "")
    rows = []
    for version in queries.versions_on(today):
        pack = pack_of(version)
        rules = [one for one in pack.rules.values() if kind in ("", one.subject)]
        waiting = queries.open_in(version, on=today)
        if request.GET.get("open") and not waiting:
            continue
        if rules and _mentions(pack, wanted):
            rows.append({"version": version, "rules": rules, "open": waiting, "pack": pack})
    page = Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "q": wanted,
        "kind": kind,
        "kinds": Subject.Kind.choices,
        "only_open": bool(request.GET.get("open")),
    }
    return render(request, "funding/policies.html", context)


def _mentions(pack: Pack, wanted: str) -> bool:
    said = [pack.title.zh, pack.title.en, pack.source.issuer, pack.name]
    for rule in pack.rules.values():
        said += [rule.title.zh, rule.title.en, rule.clause, rule.bureau]
    return wanted.casefold() in "\n".join(said).casefold()


@door(PUBLIC)
@require_safe
def show(request: HttpRequest, code: str) -> HttpResponse:
    """Show the version of a policy that holds today."""
    return _page(request, _held(code))


def _held(code: str) -> PackVersion:
    try:
        return queries.version_of(code, on=clock.today())
    except PackVersion.DoesNotExist as error:
        raise Http404 from error


@door(PUBLIC)
@require_safe
def version(request: HttpRequest, code: str, number: int) -> HttpResponse:
    """Show one version, with what it changed."""
    found = PackVersion.objects.filter(code=code, number=number).first()
    if found is None:
        raise Http404
    return _page(request, found)


@door("funding.set_parameter")
@require_POST
def set_value(request: HttpRequest, code: str, name: str) -> HttpResponse:
    """Give an open parameter its value, with its source."""
    held = _held(code)
    text, source = request.POST.get("value", "")[:40], request.POST.get("source", "")[:300]
    try:
        made = services.set_parameter(
            by=actor_at(request), at=clock.now(), code=code, name=name, text=text, source=source
        )
    except Refusal as refusal:
        more = {"refusal": refusal, "refused": name, "typed": text, "typed_source": source}
        return _page(request, held, **more)
    said = Words(
        f"已设定，版本 {made.number} 自 {made.valid_from} 起有效。",
        f"Set: version {made.number} holds from {made.valid_from}.",
    )
    messages.success(request, str(said))
    return redirect("funding:policy", code)


@door("funding.check_clause")
@require_POST
def check(request: HttpRequest, code: str, rule: str) -> HttpResponse:
    """Keep that a clause was compared with the official text."""
    held = _held(code)
    compared = request.POST.get("compared_with", "")[:400]
    try:
        services.check_clause(
            by=actor_at(request), at=clock.now(), version=held, rule=rule, compared_with=compared
        )
    except Refusal as refusal:
        return _page(request, held, refusal=refusal, refused=rule, typed_source=compared)
    messages.success(request, str(Words("已记录核对。", "The check is kept.")))
    return redirect(f"{reverse('funding:policy', args=[code])}#{rule}")


def _page(request: HttpRequest, shown: PackVersion, **more: Any) -> HttpResponse:  # noqa: ANN401 - context
    today = clock.today()
    pack = pack_of(shown)
    settings = settings_of(shown)
    held = {
        name: one.on(today) if settings.get(name) is None else settings[name]
        for name, one in pack.parameters.items()
    }
    history = list(PackVersion.objects.filter(code=shown.code).defer("text"))
    before = next((one for one in history if one.number < shown.number), None)
    checked = queries.checked_rules(shown)
    outcomes = outcomes_of(shown)
    seen = any(one.applied_for for one in pack.rules.values()) and may(
        actor_at(request), "funding.view_deliveries"
    )
    waiting = queries.waiting_applications(shown.code) if seen else {}
    context = {
        "version": shown,
        "pack": pack,
        "today": today,
        "rules": [
            _rule(one, pack, checked, outcomes)
            | {"waiting": waiting.get((shown.code, one.name), 0)}
            for one in pack.rules.values()
        ],
        "parameters": [
            {
                "one": one,
                "now": setting_text(one, held[name]),
                "open": held[name] is None,
                "example": PERCENT_EXAMPLE if one.type.kind is Kind.RATE else "",
                "set": shown.settings.get(name),
                "dated": [(day, setting_text(one, value)) for day, value in one.values],
            }
            for name, one in pack.parameters.items()
        ],
        "history": history,
        "before": before,
        "changes": changes(pack_of(before), pack) if before else [],
        "settings_changed": before is not None and before.settings != shown.settings,
        "is_newest": bool(history) and history[0].pk == shown.pk,
        **more,
    }
    status = 422 if more.get("refusal") else 200
    return render(request, "funding/policy.html", context, status=status)


def _rule(
    rule: Rule, pack: Pack, checked: dict[str, Any], outcomes: Sequence[Outcome]
) -> dict[str, Any]:
    mine = [one for one in outcomes if one.rule.name == rule.name]
    common = mine[0].example.common if mine else {}
    return {
        "rule": rule,
        "check": checked.get(rule.name),
        "tests": [_test(one, pack) for one in mine],
        "common": _given(common, pack),
        "passed": sum(one.passed for one in mine),
        "effects": [(pack.facts[one.fact].label, one) for one in rule.on_payment],
        "kind": Subject.Kind(rule.subject).label,
        "windows": [one for one in rule.windows if one.start or one.end],
    }


def _test(outcome: Outcome, pack: Pack) -> dict[str, Any]:
    """Return a test as people read it: what is given, what is expected, how it went."""
    example = outcome.example
    own = {
        name: number
        for name, number in example.given.items()
        if name not in example.common or example.common[name] != number
    }
    return {
        "title": example.title,
        "on": example.on,
        "given": [
            *_given(own, pack),
            *(
                (pack.parameters[name].label, setting_text(pack.parameters[name], setting))
                for name, setting in example.settings.items()
            ),
        ],
        "after": _given(example.after_payment or {}, pack),
        "wrong": [one.say(language()) for one in outcome.differences],
        "status": STATUSES.get(example.status, example.status),
        "amount_fen": example.amount_fen,
        "passed": outcome.passed,
    }


def _given(given: Mapping[str, int | None], pack: Pack) -> list[tuple[Said, str]]:
    return [
        (
            pack.facts[name].label,
            str(NOT_KNOWN) if number is None else fact_text(pack.facts[name], number),
        )
        for name, number in given.items()
    ]


@door(PUBLIC)
@require_safe
def show_calendar(request: HttpRequest) -> HttpResponse:
    """Show windows, dates of force and months of payment of the next year."""
    today = clock.today()
    start = today.replace(day=1)
    end = start + timedelta(days=31 * MONTHS_AHEAD)
    kind = request.GET.get("kind", "")
    months: dict[date, list[dict[str, Any]]] = {}
    for held in queries.versions_on(today):
        pack = pack_of(held)
        for entry in calendar(pack, start=start, end=end):
            rule = pack.rules.get(entry.rule)
            if kind and rule is not None and rule.subject != kind:
                continue
            months.setdefault(entry.on.replace(day=1), []).append(
                {"entry": entry, "version": held, "what": KINDS[entry.kind]}
            )
    ordered = [
        (month, sorted(found, key=lambda one: one["entry"].on))
        for month, found in sorted(months.items())
    ]
    context = {
        "months": ordered,
        "open_now": _open_now(today, kind),
        "kind": kind,
        "kinds": Subject.Kind.choices,
        "today": today,
    }
    return render(request, "funding/calendar.html", context)


def _open_now(today: date, kind: str) -> list[dict[str, Any]]:
    """Return the rules that one may apply for today, the one that closes first on top."""
    found = [
        {"version": held, "rule": rule, "window": window}
        for held in queries.versions_on(today)
        for rule in pack_of(held).rules.values()
        for window in rule.windows
        if window.holds(today) and kind in ("", rule.subject)
    ]
    return sorted(found, key=lambda one: one["window"].end or date.max)


KINDS: Final = {
    "parameter": Words("数值生效", "value takes effect"),
    "opens": Words("开始申报", "window opens"),
    "closes": Words("申报截止", "window closes"),
    "begins": Words("规则生效", "rule begins"),
    "ends": Words("到期", "ends"),
    "paid": Words("发放", "paid"),
}
