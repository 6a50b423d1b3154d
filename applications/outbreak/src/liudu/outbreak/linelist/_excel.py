"""A sheet of an Excel workbook as a table of texts.

Dates come as ISO texts where Excel shows them as dates, as serials else. Hidden rows are read
and counted. Names of merged header cells go down to the names below them. Formulas count with
the value that Excel stored; a formula without one is reported.
"""

import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import attrs
from openpyxl import load_workbook  # type: ignore[import-untyped]
from openpyxl.utils import (  # type: ignore[import-untyped]
    get_column_letter,
    range_boundaries,
)
from openpyxl.utils.datetime import CALENDAR_MAC_1904  # type: ignore[import-untyped]

from liudu.contract import Refusal
from liudu.outbreak.linelist._encoding import Encoding
from liudu.outbreak.linelist._schema import plain
from liudu.outbreak.linelist._tables import (
    HEADER_SEARCH_ROWS,
    NAMED_MIN,
    EmptyFileError,
    Source,
    UnreadableFileError,
    refuse_repeated,
    scanned,
    write_rows,
)
from liudu.outbreak.quality import SAMPLE_ROWS, Finding

SPREADSHEET: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
OFFSET_1904_DAYS: Final = 1462


class OldExcelError(Refusal):
    """A workbook has the format of Excel 97–2003."""

    en = "{file} is in the old Excel format (.xls). Save it as .xlsx or CSV."
    zh = "{file} 是旧版 Excel 格式（.xls）。请另存为 .xlsx 或 CSV。"


class SheetNotFoundError(Refusal):
    """A workbook has no sheet of this name."""

    en = "{file} has no sheet {sheet!r}; it has {sheets}."
    zh = "{file} 没有工作表 {sheet!r}；现有：{sheets}。"


class SeveralSheetsError(Refusal):
    """Several sheets of a workbook look like line lists."""

    en = "{file} has line lists on {sheets}. Say which, with --sheet (it may be repeated)."
    zh = "{file} 有多个工作表像是病例清单：{sheets}。请用 --sheet 指定（可重复）。"


@attrs.define
class _Facts:
    """What openpyxl's fast reader does not tell of a sheet."""

    hidden: set[int] = attrs.field(factory=set)
    merged: list[tuple[int, int, int, int]] = attrs.field(factory=list)
    valueless: list[int] = attrs.field(factory=list)


def read_excel(
    path: Path, *, sheets: Sequence[str], known: frozenset[str], scratch: Path
) -> list[Source]:
    """Open the line lists of a workbook.

    Parameters
    ----------
    path
        An .xlsx or .xlsm file.
    sheets
        Names as declared; empty for the only sheet with a header of known names.
    known
        Names of columns in the form of `plain`.
    scratch
        Folder for the texts.

    Raises
    ------
    OldExcelError, UnreadableFileError, SheetNotFoundError, SeveralSheetsError, EmptyFileError,
    RepeatedColumnError

    """
    if path.suffix.lower() == ".xls":
        raise OldExcelError(file=path.name)
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UnreadableFileError(file=path.name, found=type(error).__name__) from error
    try:
        names = _chosen(book, path=path, sheets=sheets, known=known)
        return [_source(book, path=path, sheet=name, known=known, scratch=scratch)
                for name in names]  # fmt: skip
    finally:
        book.close()


def _chosen(book: Any, *, path: Path, sheets: Sequence[str], known: frozenset[str]) -> list[str]:  # noqa: ANN401 - openpyxl has no types
    present = [sheet.title for sheet in book.worksheets]
    for name in sheets:
        if name not in present:
            raise SheetNotFoundError(file=path.name, sheet=name, sheets=", ".join(present))
    if sheets or len(present) == 1:
        return list(sheets) or present
    fit = [name for name in present if _best_named(_top(book[name]), known=known) >= NAMED_MIN]
    if len(fit) > 1:
        raise SeveralSheetsError(file=path.name, sheets=", ".join(fit))
    return fit or present[:1]


def _top(sheet: Any) -> list[list[str]]:  # noqa: ANN401 - openpyxl has no types
    rows = sheet.iter_rows(max_row=HEADER_SEARCH_ROWS, values_only=True)
    return [[text_of(cell) for cell in row] for row in rows]


def _best_named(rows: list[list[str]], *, known: frozenset[str]) -> int:
    return max((sum(plain(cell) in known for cell in row) for row in rows), default=0)


def text_of(value: object) -> str:
    """Return a cell as text: dates as ISO, whole numbers without a point."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        plain_day = value.time() == time()
        return value.date().isoformat() if plain_day else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _source(book: Any, *, path: Path, sheet: str, known: frozenset[str], scratch: Path) -> Source:  # noqa: ANN401 - openpyxl has no types
    facts = _facts(path, index=book.sheetnames.index(sheet), book=book)
    rows = _top(book[sheet])
    if not any(any(row) for row in rows):
        raise EmptyFileError(file=f"{path.name} [{sheet}]")
    last, header = _header(rows, merged=facts.merged, known=known)
    refuse_repeated(header, known=known, file=f"{path.name} [{sheet}]")
    text = scratch / f"{path.stem}.{book.sheetnames.index(sheet)}.csv"
    below = book[sheet].iter_rows(min_row=last + 1, max_col=len(header), values_only=True)
    write_rows(text, header=list(header), rows=_numbered(below, after=last))
    label = f"{path.name} [{sheet}]"
    return Source(
        name=path.name,
        sheet=sheet,
        frame=scanned(text, delimiter=",", skipped=0, width=len(header), numbered=True),
        header=header,
        encoding=Encoding(name="xlsx", why="workbook"),
        header_row=last,
        serial_offset_days=OFFSET_1904_DAYS if book.epoch == CALENDAR_MAC_1904 else 0,
        findings=tuple(_noted(facts, last=last, file=label)),
    )


def _numbered(rows: Any, *, after: int) -> Iterator[tuple[int, list[str]]]:  # noqa: ANN401 - openpyxl has no types
    for number, row in enumerate(rows, start=after + 1):
        yield number, [text_of(cell) for cell in row]


def _noted(facts: _Facts, *, last: int, file: str) -> Iterator[Finding]:
    for code, found in (("hidden_row", facts.hidden), ("formula_without_value", facts.valueless)):
        rows = sorted(row for row in set(found) if row > last)
        if rows:
            yield Finding(code=code, file=file, count=len(rows), rows=tuple(rows[:SAMPLE_ROWS]))


def _header(
    rows: list[list[str]], *, merged: list[tuple[int, int, int, int]], known: frozenset[str]
) -> tuple[int, tuple[str, ...]]:
    """Return the last row of the header (from 1) and its names.

    A header of two rows has group names in merged cells above; a column takes the known name of
    the two, the lower one first.
    """
    filled = _filled(rows, merged=merged)
    named = [sum(plain(cell) in known for cell in row) for row in rows]
    best = max(range(len(rows)), key=lambda at: named[at])
    if named[best] < NAMED_MIN:
        best = next(at for at, row in enumerate(rows) if any(row))
        return best + 1, _trimmed(rows[best])
    below = best + 1
    two = below < len(rows) and any(top - 1 == best for _, top, _, _ in merged)
    if not two:
        return best + 1, _trimmed(filled[best])
    names = [
        lower if plain(lower) in known or (lower and lower != upper) else upper
        for upper, lower in zip(filled[best], filled[below], strict=True)
    ]
    return below + 1, _trimmed(names)


def _filled(rows: list[list[str]], *, merged: list[tuple[int, int, int, int]]) -> list[list[str]]:
    filled = [list(row) for row in rows]
    for left, top, right, bottom in merged:
        for row in range(top - 1, min(bottom, len(filled))):
            for column in range(left - 1, min(right, len(filled[row]))):
                filled[row][column] = rows[top - 1][left - 1]
    return filled


def _trimmed(names: Sequence[str]) -> tuple[str, ...]:
    """Drop empty names at the end; name empty ones within by their letter."""
    last = max((at for at, name in enumerate(names) if name), default=-1) + 1
    return tuple(name or get_column_letter(at + 1) for at, name in enumerate(names[:last]))


def _facts(path: Path, *, index: int, book: Any) -> _Facts:  # noqa: ANN401 - openpyxl has no types
    """Read hidden rows, merged cells and formulas without value from the sheet's XML."""
    facts = _Facts()
    member = book.worksheets[index]._worksheet_path  # noqa: SLF001 - the public API hides it
    with zipfile.ZipFile(path) as archive, archive.open(member.lstrip("/")) as file:
        for _, element in ElementTree.iterparse(file):  # noqa: S314 - expat limits entities
            if element.tag == f"{SPREADSHEET}row":
                _row_facts(element, facts=facts)
                element.clear()
            elif element.tag == f"{SPREADSHEET}mergeCell":
                facts.merged.append(range_boundaries(element.attrib["ref"]))
    return facts


def _row_facts(row: ElementTree.Element, *, facts: _Facts) -> None:
    number = int(row.attrib.get("r", 0))
    if row.attrib.get("hidden") in {"1", "true"}:
        facts.hidden.add(number)
    for cell in row:
        value = cell.find(f"{SPREADSHEET}v")
        empty = value is None or not value.text
        if cell.find(f"{SPREADSHEET}f") is not None and empty:
            facts.valueless.append(number)
