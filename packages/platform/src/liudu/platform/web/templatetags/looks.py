"""What the components of pages need: navigation, widgets, pages of lists, small drawings."""

from html import unescape
from typing import Any, Final

from django import forms, template
from django.conf import settings
from django.forms import BoundField
from django.template.context import Context
from django.utils.safestring import SafeString

from liudu.platform.web.drawings import Interval, interval
from liudu.platform.web.navigation import Entry, entries

register = template.Library()

GROUPS: Final = (forms.RadioSelect, forms.CheckboxSelectMultiple)
NO_FILTERS: Final = ("page", "sort", "below")


@register.simple_tag(takes_context=True)
def navigation(context: Context) -> list[Entry]:
    """Return the main navigation of who reads."""
    return entries(context["request"])


@register.simple_tag
def source_code() -> str:
    """Return where the code of this platform can be read, empty if its operator does not say."""
    return str(settings.SOURCE_URL)


@register.simple_tag
def grouped_widget(field: BoundField) -> bool:
    """Return whether a field is a group of choices, each with a label of its own."""
    return isinstance(field.field.widget, GROUPS)


@register.simple_tag
def box_widget(field: BoundField) -> bool:
    """Return whether a field is one box to tick, whose label stands behind it."""
    return isinstance(field.field.widget, forms.CheckboxInput)


@register.simple_tag
def widget(field: BoundField, hint: str = "") -> SafeString:
    """Return a field's widget that names its hint and its errors to a reader of the screen."""
    described = str(field.field.widget.attrs.get("aria-describedby", "")).split()
    if hint:
        described.append(f"{field.auto_id}_hint")
    if field.help_text:
        described.append(f"{field.auto_id}_helptext")
    if field.errors:
        described.append(f"{field.auto_id}_error")
    attributes: dict[str, str | bool] = {}
    if described and not isinstance(field.field.widget, GROUPS):
        attributes["aria-describedby"] = " ".join(described)
    return field.as_widget(attrs=attributes)


@register.simple_tag(takes_context=True)
def filters_in_use(context: Context, search: str) -> int:
    """Return how many filters of a list are set, besides its search, order and page."""
    asked = context["request"].GET
    return sum(bool(asked[name]) for name in asked if name not in {search, *NO_FILTERS})


@register.simple_tag(takes_context=True)
def page_query(context: Context, number: int, name: str = "page") -> str:
    """Return the query of another page of the same list."""
    query = context["request"].GET.copy()
    query[name] = number
    return f"?{query.urlencode()}"


@register.simple_tag
def interval_of(  # noqa: PLR0917 - a tag takes what the component gives it
    low: Any,  # noqa: ANN401 - templates give numbers, None or empty text
    high: Any,  # noqa: ANN401
    value: Any,  # noqa: ANN401
    limit: Any,  # noqa: ANN401
    op: str = "<",
    unit: str = "",
    answer: str = "",
) -> Interval | None:
    """Return the geometry and the words of a small interval; None if there is nothing to draw."""
    return interval(
        low=_number(low),
        high=_number(high),
        value=_number(value),
        limit=_number(limit),
        op=unescape(op),  # a plain attribute of a component comes escaped
        unit=unit,
        answer=answer,
    )


def _number(value: Any) -> float | None:  # noqa: ANN401
    return None if value in (None, "") else float(value)
