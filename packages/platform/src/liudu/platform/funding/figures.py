"""Figures of policies as people read and write them: shares and rates are percentages."""

from decimal import Decimal
from fractions import Fraction
from typing import Final

from liudu.platform.words import language
from liudu.rules import Fact, Kind, Parameter, Setting

PERCENT_SIGNS: Final = ("%", "％")


def percent(ratio: float | Fraction | Decimal) -> str:
    """Return a ratio as a percentage: 0.02 is ``2 %``, the sign kept on the number's line."""
    return f"{float(ratio) * 100:.6g}\N{NO-BREAK SPACE}%"


def setting_text(parameter: Parameter, value: Setting) -> str:
    """Return a parameter's value with its unit, in the reader's language."""
    if parameter.type.kind is Kind.RATE and isinstance(value, Fraction):
        return percent(value)
    text = parameter.show(value, language())
    unit = parameter.type.unit if parameter.type.kind is Kind.COUNT else None
    return f"{text} {unit}" if unit and value is not None and language() == "zh" else text


def fact_text(fact: Fact, number: int) -> str:
    """Return a fact's encoded value as people write it, in the reader's language."""
    if fact.type.kind is Kind.RATE:
        return percent(Decimal(number) / fact.denominator)
    return fact.show(number, language())


def ratio_of(text: str) -> Decimal:
    """Return what somebody typed as a ratio: ``2``, ``2 %`` and ``2％`` are all 0.02.

    Raises
    ------
    decimal.InvalidOperation

    """
    return Decimal(text.strip().rstrip("".join(PERCENT_SIGNS)).strip()) / 100
