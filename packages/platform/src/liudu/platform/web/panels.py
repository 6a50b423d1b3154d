"""Sections that a context adds to a page of a context below it, which knows nothing of it.

The page of a need belongs to `needs`; its trials belong to `trials`, which may import `needs`
and not the other way round. So `trials/panels.py` says ``@panel(of="need", order=30)`` and the
page says ``{% panels "need" need %}``.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs
from django.http import HttpRequest

Context = Mapping[str, Any]
Fill = Callable[[HttpRequest, Any], Context | None]


@attrs.frozen(kw_only=True)
class Panel:
    """One section: its template, its place on the page, and what fills it."""

    template: str
    order: int
    fill: Fill


_PANELS: Final[dict[str, list[Panel]]] = defaultdict(list)


def panel(*, of: str, template: str, order: int) -> Callable[[Fill], Fill]:
    """Add a section to the page of something; `fill` returns its context, or None to stay away.

    Parameters
    ----------
    of
        ``need``, ``solution``, ``vendor``, ``organisation``, ``district``, ``sector`` …
    order
        Smaller is higher.

    """

    def register(fill: Fill) -> Fill:
        _PANELS[of].append(Panel(template=template, order=order, fill=fill))
        _PANELS[of].sort(key=lambda each: each.order)
        return fill

    return register


def filled(of: str, *, request: HttpRequest, subject: object) -> Iterator[tuple[str, Context]]:
    """Yield template and context of each section that has something to show."""
    for each in _PANELS[of]:
        context = each.fill(request, subject)
        if context is not None:
            yield each.template, context
