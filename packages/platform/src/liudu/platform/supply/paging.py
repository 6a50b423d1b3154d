"""Pages of long lists without counting them: one row is read ahead."""

from typing import Any, Final

import attrs
from django.core.paginator import InvalidPage
from django.db.models import QuerySet
from django.http import Http404, HttpRequest

SIZE: Final = 25
NUMBER_MAX: Final = 4000  # an offset beyond it costs more than it shows: search instead


@attrs.frozen
class Uncounted:
    """Stands for the paginator, which would count."""

    num_pages: int | None = None


@attrs.frozen(kw_only=True)
class Page:
    """One page of a list, as templates use Django's."""

    object_list: list[Any]
    number: int
    has_next: bool
    paginator: Uncounted = Uncounted()

    def __iter__(self) -> Any:  # noqa: ANN401 - of whatever is listed
        return iter(self.object_list)

    def __len__(self) -> int:
        return len(self.object_list)

    @property
    def has_previous(self) -> bool:
        """Whether there is a page before."""
        return self.number > 1

    @property
    def has_other_pages(self) -> bool:
        """Whether there is any other page."""
        return self.has_previous or self.has_next

    @property
    def next_page_number(self) -> int:
        """The page after."""
        return self.number + 1

    @property
    def previous_page_number(self) -> int:
        """The page before."""
        return self.number - 1


def page_of(rows: QuerySet[Any], *, request: HttpRequest, name: str = "page") -> Page:
    """Return the page that a request asks for.

    Raises
    ------
    Http404
        For what is no number of a page.

    """
    try:
        number = _number(request.GET.get(name) or "1")
    except InvalidPage as error:
        raise Http404 from error
    start = (number - 1) * SIZE
    # The index tells which rows; only those are then read whole.
    keys = list(rows.values_list("pk", flat=True)[start : start + SIZE + 1])
    whole = {row.pk: row for row in rows.filter(pk__in=keys)}
    found = [whole[key] for key in keys if key in whole]
    return Page(object_list=found[:SIZE], number=number, has_next=len(found) > SIZE)


def asked_for(request: HttpRequest, *names: str) -> dict[str, str]:
    """Return what a list is asked for, without the one character that no database takes."""
    return {name: request.GET.get(name, "").replace("\x00", "").strip() for name in names}


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(NUMBER_MAX)):
        raise InvalidPage(text)
    number = int(text)
    if not 1 <= number <= NUMBER_MAX:
        raise InvalidPage(text)
    return number
