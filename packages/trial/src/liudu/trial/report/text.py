"""Sentences in two languages, and figures as people read them."""

import math
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal

import attrs

from liudu.contract import Language


@attrs.frozen
class Text:
    """One sentence or word, in Chinese and in English."""

    zh: str
    en: str

    def say(self, language: Language) -> str:
        """Return it in one language."""
        return self.zh if language == "zh" else self.en


def same(value: object) -> Text:
    """Return what reads alike in both languages: a name, a figure, a digest."""
    return Text(str(value), str(value))


DASH = same("–")
PLACES_MAX = 9
DIGITS, DIGITS_MAX = 3, 8


def count(value: float | None) -> str:
    """Return a whole number with thousands set apart."""
    return "–" if value is None else f"{value:,.0f}"


def significant(value: float, *, digits: int = 3, rounding: str = ROUND_HALF_EVEN) -> str:
    """Return a figure with so many significant digits, never as 1e-05.

    A bound is given with ``ROUND_CEILING`` or ``ROUND_FLOOR``, so that what is printed never
    claims more than what was proved.
    """
    if not math.isfinite(value):
        return "∞" if value > 0 else "–"
    if value == 0:
        return "0"
    places = min(max(0, digits - 1 - math.floor(math.log10(abs(value)))), PLACES_MAX)
    exact = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-places), rounding=rounding)
    text = f"{exact:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def apart(value: float, *, beside: float | None, write: Callable[[float, int], str]) -> str:
    """Write a figure with three digits, or with so many that it differs from the one beside it.

    A bound that keeps its limit by a hair would else be printed as the limit. `write` takes the
    value and the digits.
    """
    for digits in range(DIGITS, DIGITS_MAX):
        text = write(value, digits)
        if beside is None or value == beside or text != write(beside, digits):
            return text
    return write(value, DIGITS_MAX)


def percent(ratio: float, *, digits: int = 3, rounding: str = ROUND_HALF_EVEN) -> str:
    """Return a ratio in [0, 1] as a percentage."""
    hundredfold = float(Decimal(repr(float(ratio))) * 100)
    return f"{significant(hundredfold, digits=digits, rounding=rounding)}\u202f%"


def duration(seconds: float) -> Text:
    """Return a span of time in the unit that suits it."""
    if seconds < 1:
        return Text(f"{significant(seconds * 1000)} 毫秒", f"{significant(seconds * 1000)} ms")
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return Text(f"{significant(seconds)} 秒", f"{significant(seconds)} s")
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return Text(f"{hours} 小时 {minutes} 分", f"{hours} h {minutes} min")
    return Text(f"{minutes} 分 {rest} 秒", f"{minutes} min {rest} s")


def shorten(text: str, *, length: int = 80) -> str:
    """Return the text, cut in its middle if it is too long for a line."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
