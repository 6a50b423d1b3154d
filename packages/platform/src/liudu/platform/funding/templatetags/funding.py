"""What the rules say, in the reader's language."""

from django import template

from liudu.platform.web.templatetags.liudu import yuan
from liudu.platform.words import language
from liudu.rules import Determination
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
        units = [(1e9, " bn"), (1e6, " M"), (1e3, " k")]
    for size, name in units:
        if abs(yuan_part) >= size:
            sign = "¥" if language() == "en" else ""
            return f"{sign}{yuan_part / size:,.4g}{name}"
    return yuan(amount_fen)
