"""The sandbox: move a parameter and see what it costs, who gains and who loses."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

import attrs
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.funding import queries, sandbox
from liudu.platform.funding.bars import bar_of, scale_of
from liudu.platform.funding.decisions import typed_number
from liudu.platform.funding.figures import setting_text, unit_text
from liudu.platform.funding.models import PackVersion, Subject
from liudu.platform.funding.packs import pack_of, program_of
from liudu.platform.web.doors import door
from liudu.platform.words import Words, language
from liudu.rules import Kind, Parameter, Program, Setting

STEPS_OF_SLIDER: Final = 100
STEP_POWERS: Final = 12
RATE_PARTS: Final = 10_000
PARTS: Final = (
    ("district", Words("按区市", "By district")),
    ("sector", Words("按行业", "By sector")),
    ("size", Words("按规模", "By size")),
)
MONEY_UNITS: Final = {100: Words("元", "yuan"), 1_000_000: Words("万元", "10,000 yuan")}
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
    program = program_of(version, on=today, subject=kind)
    days = queries.date_facts(program)
    context: dict[str, Any] = {
        "versions": versions,
        "version": version,
        "kind": kind,
        "kinds": [(one, Subject.Kind(one).label) for one in kinds],
        "orders": [(one.name, one.label.say(language())) for one in days],
        "today": today,
    }
    live = request.headers.get("HX-Target") == "answer"
    template = "funding/_sandbox.html" if live else "funding/sandbox.html"
    try:
        asked = _asked(request, program, orders=sorted(one.name for one in days))
        context |= {"asked": asked, "sliders": _sliders(program, asked.settings)}
        whole = live or bool(request.GET.get("wait"))
        if not whole and sandbox.takes_long(version, kind=kind, on=today):
            return render(request, template, {**context, "loading": True})
        city = sandbox.city_of(version, kind=kind, on=today)
        context |= {"city": city, **_tried(city, asked)}
    except Refusal as refusal:
        context |= {"refusal": refusal, "sliders": _sliders(program, {})}
        return render(request, template, context, status=422)
    return render(request, template, context)


@attrs.frozen(kw_only=True)
class Asked:
    """What is tried: other values of parameters, a budget, and who is served first."""

    settings: Mapping[str, Setting]
    budget: str
    budget_fen: int | None
    order: str


def _chosen(versions: list[PackVersion], code: str) -> PackVersion | None:
    if not versions:
        return None
    found = next((one for one in versions if one.code == code), None)
    if found is None and code:
        raise Http404
    return found or next((one for one in versions if "rent" in one.code), versions[0])


def _asked(request: HttpRequest, program: Program, *, orders: Sequence[str]) -> Asked:
    settings: dict[str, Setting] = {}
    for name, parameter in program.pack.parameters.items():
        text = request.GET.get(f"p_{name}", "").strip()[:30]
        if text and parameter.type.kind in NUMERIC:
            number = _number(parameter, text)
            if number != program.settings[name]:
                settings[name] = number
    order = request.GET.get("order", "")
    budget = request.GET.get("budget", "").strip()[:20]
    return Asked(
        settings=settings,
        budget=budget,
        budget_fen=_budget(budget),
        order=order if order in orders else next(iter(orders), ""),
    )


def _tried(city: sandbox.City, asked: Asked) -> dict[str, Any]:
    program = city.before.program
    tried = sandbox.attempt(city, asked.settings, budget_fen=asked.budget_fen, order=asked.order)
    moved = bool(asked.settings)
    return {
        "tried": tried,
        "changed": asked.settings,
        "parts": [
            _drawn(label, tried.parts[name], moved=moved)
            for name, label in PARTS
            if len(tried.parts[name]) > 1
        ],
        "short_fen": max(tried.after_fen - asked.budget_fen, 0) if asked.budget_fen else 0,
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


def _sliders(program: Program, settings: Mapping[str, Setting]) -> list[dict[str, Any]]:
    """Return what can be moved: numbers of the policy with a range, declared or about the value."""
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
        held_from_low = held - low if isinstance(held, Fraction) else Fraction(0)
        step = one.step or _step(high - low, one, reaches=held_from_low)
        found.append(
            {
                "one": one,
                "low": _written(low, one),
                "high": _written(high, one),
                "step": _written(step, one),
                "now": _written(now, one) if isinstance(now, Fraction) else _written(low, one),
                "said": setting_text(one, now),
                "held": setting_text(one, held),
                "moved": now != held,
                "range": (setting_text(one, low), setting_text(one, high)),
                "unit": _unit(one),
                "is_open": held is None,
            }
        )
    return found


def _unit(one: Parameter) -> str:
    """Return the unit in which a slider's figures are: rates are percentages."""
    if one.type.kind is Kind.RATE:
        return "%"
    if one.type.kind is Kind.MONEY:
        return str(MONEY_UNITS.get(one.scale, Words("分", "fen")))
    return unit_text(one.type.unit)


def _step(span: Fraction, one: Parameter, *, reaches: Fraction) -> Fraction:
    """Return a round step of about a hundredth of the span that reaches the value of today.

    A slider that cannot stand on the value of today would move it without anybody's hand.
    """
    finest = Fraction(1, RATE_PARTS) if one.type.kind is Kind.RATE else Fraction(one.scale)
    steps = [finest * 10**power * digit for power in range(STEP_POWERS) for digit in (1, 2, 5)]
    wanted = span / STEPS_OF_SLIDER
    fitting = [step for step in steps if step <= wanted and reaches % step == 0]
    return max(fitting, default=finest)


def _written(value: Fraction, one: Parameter) -> str:
    """Return a value in the unit in which the pack writes it."""
    number = value / one.scale
    return str(int(number)) if number.denominator == 1 else f"{float(number):.6g}"


def _drawn(label: Words, parts: tuple[sandbox.Part, ...], *, moved: bool) -> dict[str, Any]:
    """Return the bars of one division of the city: what changes, or the cost while nothing does."""
    amounts = [one.change_fen if moved else one.after_fen for one in parts]
    scale = scale_of(amounts)
    rows = [
        {"part": part, "bar": bar_of(scale, amount)}
        for part, amount in zip(parts, amounts, strict=True)
    ]
    return {"label": label, "rows": rows, "scale": scale, "zero": scale.place(0)}
