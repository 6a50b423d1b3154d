"""How long something lasts, and at which second it happened."""

from datetime import datetime

from django import template
from django.utils import timezone

from liudu.platform.words import language

register = template.Library()
MINUTE_S, HOUR_S = 60, 3600


@register.filter
def lasting(seconds: float | None) -> str:
    """Return a length of time as people say it."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    zh = language() == "zh"
    if whole < MINUTE_S:
        return f"{whole} 秒" if zh else f"{whole} s"
    if whole < HOUR_S:
        minutes, rest = divmod(whole, MINUTE_S)
        return f"{minutes} 分 {rest} 秒" if zh else f"{minutes} min {rest} s"
    hours, rest = divmod(whole, HOUR_S)
    minutes = rest // MINUTE_S
    return f"{hours} 小时 {minutes} 分" if zh else f"{hours} h {minutes} min"


@register.filter
def instant(value: datetime) -> str:
    """Return a moment to the second, in the city's time."""
    return timezone.localtime(value).strftime("%m-%d %H:%M:%S")
