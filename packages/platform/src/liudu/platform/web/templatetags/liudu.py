"""Both languages beside each other in the templates, and figures as people read them."""

import re
from datetime import date, datetime

from django import template
from django.template.context import Context
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.web.doors import may as actor_may
from liudu.platform.web.panels import filled
from liudu.platform.words import language

register = template.Library()
NONE = "–"
CHINESE = re.compile("[\u4e00-\u9fff]")


@register.simple_tag
def t(zh: str, en: str) -> str:
    """Return the sentence of the reader's language; both stand in the template."""
    return en if language() == "en" else zh


@register.simple_tag
def may(actor: Actor, permission: str, subject: object = None) -> bool:
    """Return whether an actor has a permission on an object."""
    return actor_may(actor, permission, subject)


@register.filter
def say(refusal: Refusal) -> str:
    """Return a refusal's sentence in the reader's language."""
    return refusal.say(language())


@register.filter
def moment(value: datetime | None) -> str:
    """Return a moment in the city's time."""
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M") if value else NONE


@register.filter
def day(value: date | datetime | None) -> str:
    """Return a day in the city's time."""
    if isinstance(value, datetime):
        value = timezone.localtime(value)
    return value.strftime("%Y-%m-%d") if value else NONE


@register.filter
def yuan(amount_fen: int | None) -> str:
    """Return an amount in yuan, its fen only where there are any."""
    if amount_fen is None:
        return NONE
    yuan_part, fen = divmod(abs(amount_fen), 100)
    sign = "-" if amount_fen < 0 else ""
    return f"{sign}¥{yuan_part:,}" + (f".{fen:02d}" if fen else "")


@register.filter
def grouped(value: float | None) -> str:
    """Return a number with its thousands apart."""
    if value is None:
        return NONE
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


@register.filter
def tongue(text: object) -> str:
    """Return a text; marked as Chinese for who reads English and finds it in Chinese only."""
    said = str(text)
    if language() != "en" or not CHINESE.search(said):
        return said
    return format_html('<span lang="zh">{}</span>', said)


@register.simple_tag(takes_context=True)
def panels(context: Context, of: str, subject: object) -> SafeString:
    """Return the sections that other contexts add to a page."""
    request = context["request"]
    return mark_safe(  # noqa: S308 - each part is the output of a template
        "".join(
            render_to_string(template, {**more, of: subject}, request=request)
            for template, more in filled(of, request=request, subject=subject)
        )
    )
