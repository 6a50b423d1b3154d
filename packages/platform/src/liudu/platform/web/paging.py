"""Pages of long lists: the index tells which rows, only those are read whole."""

from typing import TYPE_CHECKING, Any, Final, cast

from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property

if TYPE_CHECKING:
    from django.db.models import QuerySet

COUNT_MAX: Final = 10_000  # counted no further: nobody turns to page 400
FOUND_MAX: Final = 1000  # of a search by words, which looks at every row


class LongList(Paginator[Any]):
    """Pages of an ordered queryset that is counted up to `COUNT_MAX` and says when there are more.

    A page takes two queries: the keys of its rows, in order, and those rows with all that the
    pages show. In one query SQLite would join first and sort afterwards, every row of it.

    Parameters
    ----------
    rows
        Filtered and in order; they need not join anything.
    per_page
        How many stand on a page.
    whole
        The same model without filters, with all that a page shows of a row.

    """

    def __init__(self, rows: "QuerySet[Any]", per_page: int, *, whole: "QuerySet[Any]") -> None:
        super().__init__(rows, per_page)
        self.whole = whole

    def page(self, number: int | str) -> Page[Any]:
        """Return one page of rows."""
        valid = self.validate_number(number)
        start = (valid - 1) * self.per_page
        keys = self.keys(start, start + self.per_page)
        found = self.whole.in_bulk(keys)
        return Page([found[key] for key in keys if key in found], valid, self)

    def keys(self, start: int, stop: int) -> list[int]:
        """Return the keys of the rows of a page, in order."""
        rows = cast("QuerySet[Any]", self.object_list)
        return list(rows.values_list("pk", flat=True)[start:stop])

    @cached_property
    def _seen(self) -> int:
        return cast("QuerySet[Any]", self.object_list).order_by()[: COUNT_MAX + 1].count()

    @cached_property
    def count(self) -> int:
        """Return how many are shown, at most `COUNT_MAX`."""
        return min(self._seen, COUNT_MAX)

    @property
    def more(self) -> bool:
        """Whether there are more than are counted."""
        return self._seen > COUNT_MAX


class Findings(LongList):
    """Pages of a search that no index answers: it is made once, and up to `FOUND_MAX` are kept."""

    def keys(self, start: int, stop: int) -> list[int]:
        """Return the keys of the rows of a page, in order."""
        return self._found[:FOUND_MAX][start:stop]

    @cached_property
    def _found(self) -> list[int]:
        return super().keys(0, FOUND_MAX + 1)

    @cached_property
    def count(self) -> int:
        """Return how many are shown, at most `FOUND_MAX`."""
        return min(len(self._found), FOUND_MAX)

    @property
    def more(self) -> bool:
        """Whether there are more than are kept."""
        return len(self._found) > FOUND_MAX
