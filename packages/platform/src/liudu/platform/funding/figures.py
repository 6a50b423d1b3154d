"""Figures of policies as people read and write them: shares and rates are percentages."""

from decimal import Decimal
from fractions import Fraction
from typing import Final

from liudu.platform.words import Words, language
from liudu.rules import Fact, Kind, Parameter, Setting

PERCENT_SIGNS: Final = ("%", "％")
UNITS: Final = {
    "months": Words("个月", "months"),
    "days": Words("天", "days"),
    "years": Words("年", "years"),
    "people": Words("人", "people"),
    "persons": Words("人", "persons"),
    "items": Words("项", "items"),
    "times": Words("次", "times"),
    "projects": Words("个项目", "projects"),
    "contracts": Words("份合同", "contracts"),
    "patents": Words("件专利", "patents"),
}


def percent(ratio: float | Fraction | Decimal) -> str:
    """Return a ratio as a percentage: 0.02 is ``2 %``, the sign kept on the number's line."""
    return f"{float(ratio) * 100:.6g}\N{NO-BREAK SPACE}%"


def unit_text(unit: str | None) -> str:
    """Return the unit of a count in the reader's language; one that is not known, as it is."""
    if not unit:
        return ""
    return str(UNITS[unit]) if unit in UNITS else unit


def setting_text(parameter: Parameter, value: Setting) -> str:
    """Return a parameter's value with its unit, in the reader's language."""
    if parameter.type.kind is Kind.RATE and isinstance(value, Fraction):
        return percent(value)
    text = parameter.show(value, language())
    counted = parameter.type.kind is Kind.COUNT and value is not None
    return _with_unit(text, parameter.type.unit if counted else None)


def fact_text(fact: Fact, number: int) -> str:
    """Return a fact's encoded value as people write it, in the reader's language."""
    if fact.type.kind is Kind.RATE:
        return percent(Decimal(number) / fact.denominator)
    text = fact.show(number, language())
    return _with_unit(text, fact.type.unit if fact.type.kind is Kind.COUNT else None)


def _with_unit(text: str, unit: str | None) -> str:
    said = unit_text(unit)
    return f"{text}\N{NO-BREAK SPACE}{said}" if said else text


def ratio_of(text: str) -> Decimal:
    """Return what somebody typed as a ratio: ``2``, ``2 %`` and ``2％`` are all 0.02.

    Raises
    ------
    decimal.InvalidOperation

    """
    return Decimal(text.strip().rstrip("".join(PERCENT_SIGNS)).strip()) / 100
