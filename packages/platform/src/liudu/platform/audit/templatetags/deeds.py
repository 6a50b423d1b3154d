"""What lines of the audit tell, in words."""

from django import template

from liudu.platform.audit.deeds import actor_said, deed_said, subject_said

register = template.Library()


@register.filter
def deed(verb: str) -> str:
    """Return what was done."""
    return str(deed_said(verb))


@register.filter
def subject_kind(kind: str) -> str:
    """Return what it was done to."""
    return str(subject_said(kind))


@register.filter
def actor_kind(kind: str) -> str:
    """Return what kind of actor did it."""
    return str(actor_said(kind))
