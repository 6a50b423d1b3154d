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
