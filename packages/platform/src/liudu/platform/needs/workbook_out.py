"""Workbooks that go out: written row by row, and no text in them is ever a formula."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from tempfile import TemporaryFile
from typing import IO, Any, Final, cast

from django.http import FileResponse
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill

from liudu.platform.clock import CITY_ZONE

KIND: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TEXT_LENGTH_MAX: Final = 32_767
RISKY: Final = ("=", "+", "-", "@", "\t", "\r")
Value = str | int | float | Decimal | date | datetime | None
HEADING_FONT: Final = Font(bold=True)
HEADING_FILL: Final = PatternFill("solid", fgColor="E4EFEC")
WRAPPED: Final = Alignment(vertical="top", wrap_text=True)


def new_workbook() -> Workbook:
    """Return a workbook that keeps no row in memory."""
    return Workbook(write_only=True)


def new_sheet(book: Workbook, title: str, *, widths: Sequence[int]) -> Any:  # noqa: ANN401 - openpyxl has no types
    """Return a sheet whose first row stays in sight; widths are in characters."""
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    for column, width in enumerate(widths):
        sheet.column_dimensions[chr(ord("A") + column)].width = width
    return sheet


def heading_row(sheet: Any, texts: Iterable[object]) -> None:  # noqa: ANN401
    """Append a row of headings."""
    cells = []
    for text in texts:
        one = cell(sheet, str(text))
        one.font, one.fill = HEADING_FONT, HEADING_FILL
        cells.append(one)
    sheet.append(cells)


def value_row(sheet: Any, values: Iterable[Value]) -> None:  # noqa: ANN401
    """Append a row of values."""
    sheet.append([cell(sheet, value) for value in values])


def cell(sheet: Any, value: Value) -> Any:  # noqa: ANN401
    """Return a cell; a text that looks like a formula stays a text, also when it is edited."""
    if isinstance(value, datetime):
        value = value.astimezone(CITY_ZONE).replace(tzinfo=None)
    if not isinstance(value, str):
        return WriteOnlyCell(sheet, value=value)
    one = WriteOnlyCell(sheet)
    one.value = ILLEGAL_CHARACTERS_RE.sub("", value)[:TEXT_LENGTH_MAX]
    one.data_type = "s"
    if value.startswith(RISKY):
        one.quotePrefix = True
    if "\n" in value:
        one.alignment = WRAPPED
    return one


def as_download(book: Workbook, *, file_name: str) -> FileResponse:
    """Answer with a workbook; it is written to disk first and gone when it was sent."""
    file = cast("IO[bytes]", TemporaryFile())  # noqa: SIM115 - the answer closes it
    book.save(file)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=file_name, content_type=KIND)
