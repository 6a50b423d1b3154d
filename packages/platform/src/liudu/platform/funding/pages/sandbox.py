"""The sandbox: move a parameter and see what it costs, who gains and who loses."""

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.funding import queries, sandbox
from liudu.platform.funding.decisions import typed_number
from liudu.platform.funding.models import PackVersion, Subject
from liudu.platform.funding.packs import pack_of
from liudu.platform.web.doors import door
from liudu.platform.words import Words, language
from liudu.rules import Kind, Parameter, Setting

STEPS_OF_SLIDER: Final = 100
PARTS: Final = (
    ("district", Words("按区市", "By district")),
    ("sector", Words("按行业", "By sector")),
    ("size", Words("按规模", "By size")),
)
BAR_HEIGHT: Final = 26
BAR_MIDDLE: Final = 240
BAR_REACH: Final = 110
NUMERIC: Final = (Kind.COUNT, Kind.MONEY, Kind.RATE)


@door("funding.use_sandbox")
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show the sandbox of a policy; while a slider moves only the answer is sent."""
    today = clock.today()
    versions = queries.versions_on(today)
    version = _chosen(versions, request.GET.get("policy", ""))
    if version is None:
        return render(request, "funding/sandbox.html", {"versions": []})
    kinds = sorted({one.subject for one in pack_of(version).rules.values()})
    kind = request.GET.get("kind", "")
    kind = kind if kind in kinds else kinds[0]
    city = sandbox.city_of(version, kind=kind, on=today)
    context: dict[str, Any] = {
        "versions": versions,
        "version": version,
        "kind": kind,
        "kinds": [(one, Subject.Kind(one).label) for one in kinds],
        "city": city,
        "today": today,
    }
    status = 200
    try:
        context |= _tried(request, city)
    except Refusal as refusal:
        context |= {"refusal": refusal, "sliders": _sliders(city, {})}
        status = 422
    live = request.headers.get("HX-Target") == "answer"
    return render(
        request, "funding/_sandbox.html" if live else "funding/sandbox.html", context, status=status
    )


def _chosen(versions: list[PackVersion], code: str) -> PackVersion | None:
    if not versions:
        return None
    found = next((one for one in versions if one.code == code), None)
    if found is None and code:
        raise Http404
    return found or next((one for one in versions if "rent" in one.code), versions[0])


def _tried(request: HttpRequest, city: sandbox.City) -> dict[str, Any]:
    program = city.before.program
    settings: dict[str, Setting] = {}
    for name, parameter in program.pack.parameters.items():
        text = request.GET.get(f"p_{name}", "").strip()[:30]
        if text and parameter.type.kind in NUMERIC:
            number = _number(parameter, text)
            if number != program.settings[name]:
                settings[name] = number
    days = queries.date_facts(program)
    orders = {one.name for one in days}
    order = request.GET.get("order", "")
    order = order if order in orders else next(iter(sorted(orders)), "")
    budget_wan = request.GET.get("budget", "").strip()[:20]
    tried = sandbox.attempt(city, settings, budget_fen=_budget(budget_wan), order=order)
    return {
        "tried": tried,
        "changed": settings,
        "sliders": _sliders(city, settings),
        "orders": [(one.name, one.label.say(language())) for one in days],
        "order": order,
        "budget": budget_wan,
        "parts": [_drawn(label, tried.parts[name]) for name, label in PARTS],
        "rules": [
            (program.rules[one.rule].rule, one)
            for one in tried.comparison.rules
            if one.rule in program.rules
        ],
    }


class NotANumberError(Refusal):
    """A slider or a budget that is no number."""

    en = "{text!r} is not a number that fits here."
    zh = "“{text}”不是这里可用的数字。"


def _number(parameter: Parameter, text: str) -> Fraction:
    try:
        number = typed_number(parameter, text) * parameter.scale
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise NotANumberError(text=text) from error
    if parameter.type.kind is not Kind.RATE and number.denominator != 1:
        raise NotANumberError(text=text)
    return number


def _budget(text: str) -> int | None:
    if not text:
        return None
    try:
        fen = int(Decimal(text.replace(",", "")) * 1_000_000)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise NotANumberError(text=text) from error
    if not 0 <= fen < 2**62:
        raise NotANumberError(text=text)
    return fen


def _sliders(city: sandbox.City, settings: dict[str, Setting]) -> list[dict[str, Any]]:
    """Return what can be moved: numbers of the policy with a range, declared or about the value."""
    program = city.before.program
    found = []
    for name, one in program.pack.parameters.items():
        held = program.settings[name]
        if one.type.kind not in NUMERIC or isinstance(held, str | bool):
            continue
        now = settings.get(name, held)
        low, high = one.low or Fraction(0), one.high
        if high is None:
            high = Fraction(held) * 3 if isinstance(held, Fraction) and held else None
        if high is None:
            high = Fraction(1) if one.type.kind is Kind.RATE else Fraction(100 * one.scale)
        step = one.step or _step(high - low, one)
        found.append(
            {
                "one": one,
                "low": _written(low, one),
                "high": _written(high, one),
                "step": _written(step, one),
                "now": _written(now, one) if isinstance(now, Fraction) else _written(low, one),
                "said": one.show(now, language()),
                "held": one.show(held, language()),
                "is_open": held is None,
            }
        )
    return found


def _step(span: Fraction, one: Parameter) -> Fraction:
    raw = span / STEPS_OF_SLIDER
    return (
        raw if one.type.kind is Kind.RATE else Fraction(max(int(raw // one.scale), 1) * one.scale)
    )


def _written(value: Fraction, one: Parameter) -> str:
    """Return a value in the unit in which the pack writes it."""
    number = value / one.scale
    return str(int(number)) if number.denominator == 1 else f"{float(number):.6g}"


def _drawn(label: Words, parts: tuple[sandbox.Part, ...]) -> dict[str, Any]:
    """Return the bars of one division of the city: geometry for the drawing beside its table."""
    most = max((abs(one.change_fen) for one in parts), default=0) or 1
    rows = []
    for index, one in enumerate(parts):
        width = round(abs(one.change_fen) / most * BAR_REACH, 1)
        rows.append(
            {
                "part": one,
                "y": index * BAR_HEIGHT,
                "text_y": index * BAR_HEIGHT + 17,
                "x": BAR_MIDDLE if one.change_fen >= 0 else BAR_MIDDLE - width,
                "width": width,
                "more": one.change_fen >= 0,
            }
        )
    height = max(len(parts), 1) * BAR_HEIGHT
    return {"label": label, "rows": rows, "height": height, "middle": BAR_MIDDLE}
