"""Roles in words."""

from collections.abc import Iterable

from django import template

from liudu.platform.actors import Role
from liudu.platform.identity.roles import ROLE_HINTS, ROLE_NAMES, roles_said

register = template.Library()


@register.filter
def role(value: str) -> str:
    """Return what a role is called."""
    return str(ROLE_NAMES[Role(value)])


@register.filter
def role_hint(value: str) -> str:
    """Return what a role may do."""
    return str(ROLE_HINTS[Role(value)])


@register.filter
def roles(values: Iterable[str]) -> str:
    """Return roles as a list in words."""
    return str(roles_said(values))
