"""Words of the contract as people read them."""

from django import template

from liudu.platform.supply.decisions import REASON_WORDS, TASK_WORDS, tasks_of
from liudu.platform.words import Words, language

register = template.Library()
MIB = 1 << 20
KIB = 1 << 10


@register.simple_tag
def task_names(text: str) -> str:
    """Return the tasks of a solution in words."""
    names = [str(TASK_WORDS.get(task, task)) for task in tasks_of(text)]
    return (", " if language() == "en" else "、").join(names)


@register.filter
def size(value: int | None) -> str:
    """Return a size in bytes, KiB or MiB."""
    if value is None:
        return "–"
    if value < KIB:
        return f"{value} B"
    return f"{value / KIB:.1f} KiB" if value < MIB else f"{value / MIB:.1f} MiB"


@register.simple_tag
def said(record: dict[str, str], name: str = "") -> str:
    """Return `zh` or `en` of a record, or `NAME_zh` and `NAME_en`."""
    prefix = f"{name}_" if name else ""
    return record.get(f"{prefix}{language()}", "")


@register.filter
def meaning(code: str) -> Words | str:
    """Return the contract's wording of a reason code; nothing for any other code."""
    return REASON_WORDS.get(code, "")
