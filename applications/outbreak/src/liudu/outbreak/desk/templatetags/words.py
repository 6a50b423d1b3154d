"""Both languages beside each other in the templates, and numbers as people read them."""

from datetime import datetime
from typing import Any

from django import template
from django.template.context import Context
from django.utils import timezone
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from liudu.outbreak import text
from liudu.outbreak.text import Text

register = template.Library()


@register.simple_tag(takes_context=True)
def t(context: Context, zh: str, en: str) -> str:
    """Return the sentence of the reader's language; `zh` and `en` stand in the template."""
    return en if context.get("language") == "en" else zh


@register.filter
def say(words: Text, language: str) -> str:
    """Return a text in a language."""
    return words.en if language == "en" else words.zh


@register.filter
def of(words: dict[Any, Text], key: object) -> Text:
    """Return the text of a key; an unknown key speaks for itself."""
    return words.get(key, Text(str(key), str(key)))


@register.filter
def count(value: float | None) -> str:
    """Return a count as people read it."""
    return text.number(value)


@register.filter
def p(value: float | None) -> str:
    """Return a p-value as people read it."""
    return text.p_text(value)


@register.filter
def moment(value: datetime | None) -> str:
    """Return a moment in the city's time."""
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M") if value else "–"


@register.filter
def written(value: str) -> str:
    """Return a moment that was written down, in the city's time, to the second."""
    return timezone.localtime(datetime.fromisoformat(value)).strftime("%Y-%m-%d %H:%M:%S")


@register.filter
def share(value: float | None) -> str:
    """Return a share in percent."""
    return "–" if value is None else f"{value * 100:.0f} %"


@register.filter
def hours(value: float | None) -> str:
    """Return hours with one decimal."""
    return "–" if value is None else f"{value:.1f}"


@register.filter
def drawing(svg: str) -> SafeString:
    """Return a drawing of ours for a page; names within it were escaped when it was drawn."""
    return mark_safe(svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))  # noqa: S308


@register.filter
def lines(value: str) -> SafeString:
    """Return a note with its line breaks."""
    return mark_safe("<br>".join(conditional_escape(line) for line in value.splitlines()))  # noqa: S308
