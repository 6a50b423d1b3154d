"""What the rules say, in the reader's language."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from django import template
from django.utils.safestring import SafeString, mark_safe

from liudu.platform.funding.figures import percent
from liudu.platform.funding.models import FactRow
from liudu.platform.web.templatetags.liudu import yuan
from liudu.platform.words import Words, language
from liudu.rules import Determination, UsedFact
from liudu.rules import Words as Said

register = template.Library()


@register.filter
def words(said: Said | None) -> str:
    """Return a text of a pack."""
    return said.say(language()) if said is not None else ""


@register.filter
def reason(said: Determination) -> str:
    """Return why, in one or two sentences."""
    return said.reason(language())


@register.filter
def fen(text: str) -> str:
    """Return an amount that is kept as a text of fen."""
    return yuan(int(text)) if text else "–"


@register.filter
def short_yuan(amount_fen: int) -> str:
    """Return an amount to three figures, in the units in which people speak of large ones."""
    yuan_part = amount_fen / 100
    units = [(1e8, " 亿元"), (1e4, " 万元")]
    if language() == "en":
        units = [(1e9, "bn"), (1e6, "M"), (1e3, "k")]
    for size, name in units:
        if abs(yuan_part) >= size:
            sign = "¥" if language() == "en" else ""
            return f"{sign}{yuan_part / size:,.4g}{name}"
    return yuan(amount_fen)


@register.filter
def share(ratio: float) -> str:
    """Return a ratio as a percentage."""
    return percent(ratio)


@register.filter
def used_value(fact: UsedFact) -> str:
    """Return the value of a fact that was used, in the reader's language."""
    return fact.said.say(language()) if fact.said is not None else ""


@register.filter
def kept_value(row: FactRow) -> str:
    """Return the value of a fact as it is kept, in the reader's language; a dash for none."""
    if not row.value:
        return "–"
    if row.kind == "bool":
        return str(Words("是", "yes") if row.value == "true" else Words("否", "no"))
    if row.kind == "money":
        return yuan(int(row.value))
    if row.kind == "rate":
        try:
            return percent(Decimal(row.value))
        except InvalidOperation:
            return row.value
    return row.value


@register.filter
def period(name: str) -> str:
    """Return for which period a grant is, as people say it: 2026 年 11 月, November 2026."""
    if name == "once":
        return str(Words("一次性", "one-time"))
    try:
        month = date.fromisoformat(f"{name}-01")
    except ValueError:
        return name
    return f"{month:%B %Y}" if language() == "en" else f"{month.year} 年 {month.month} 月"


@register.filter
def month(day: date) -> str:
    """Return a month as people say it."""
    return f"{day:%B %Y}" if language() == "en" else f"{day.year} 年 {day.month} 月"


@register.filter
def fact_label(row: FactRow, labels: Mapping[str, Said]) -> str:
    """Return what a kept fact is called; its name where the policy knows it no more."""
    return words(labels[row.name]) if row.name in labels else row.name


@register.filter
def tongue(name: str) -> SafeString:
    """Return the attribute that tells a reader of the screen to read a name as Chinese."""
    return mark_safe("" if name.isascii() else ' lang="zh"')  # noqa: S308 - no part of the name
