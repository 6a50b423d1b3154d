"""Tables that people send: Excel workbooks and CSV, read as a stream and trusted in nothing.

openpyxl reads either values or formulas, knows no merged cells where it streams, and builds what
an entity bomb asks for. So the few parts of a workbook that a list needs are read here, with the
parser of Python and without document types.
"""

import csv
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

import attrs

from liudu.contract import Refusal
from liudu.platform.needs.workbook_xml import (
    TEXT_LENGTH_MAX,
    Grid,
    Merge,
    Styles,
    XmlError,
    date_of_serial,
    grid_rows,
    merges_in,
    relations_in,
    shared_strings_in,
    sheets_in,
    styles_in,
)

UNPACKED_BYTES_MAX: Final = 400 << 20
STRINGS_BYTES_MAX: Final = 64 << 20
COLUMNS_MAX: Final = 256
MERGES_MAX: Final = 50_000
DIGITS_MAX: Final = 30
ZIP: Final = b"PK\x03\x04"
OLE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
Value = str | Decimal | date | None


class EmptyFileError(Refusal):
    """Nothing came."""

    en = "The file is empty. Open it in Excel, check that it shows the list, and send it again."
    zh = "文件是空的。请先在 Excel 中打开确认内容，再重新上传。"


class OldFormatError(Refusal):
    """The binary format before 2007."""

    en = "This is an old Excel file (.xls). Open it in Excel or WPS and save it as .xlsx."
    zh = "这是旧版 Excel 文件（.xls）。请用 Excel 或 WPS 打开，另存为 .xlsx 后再上传。"


class ProtectedFileError(Refusal):
    """A password is needed to read it."""

    en = "The file is protected by a password. Remove the password in Excel and send it again."
    zh = "文件设有打开密码。请在 Excel 中取消密码后再上传。"


class OtherFileError(Refusal):
    """Something that is no table, whatever its name says."""

    en = "This is {found_en}, not a table. Send an Excel file (.xlsx) or a CSV."
    zh = "这是{found_zh}，不是表格。请上传 Excel 文件（.xlsx）或 CSV。"


class DamagedFileError(Refusal):
    """Cut off or broken on its way."""

    en = "The file is damaged or was cut off. Open it in Excel, save it anew and send it again."
    zh = "文件已损坏或不完整。请用 Excel 打开后重新保存，再上传。"


class UnsafeFileError(Refusal):
    """It carries XML that no spreadsheet program writes."""

    en = (
        "The file defines XML entities, which no spreadsheet program writes. Save it anew in Excel."
    )
    zh = "文件含有 XML 实体定义，正常的表格软件不会写入。请用 Excel 重新保存后再上传。"


class UnpackedTooLargeError(Refusal):
    """It would grow beyond reason."""

    en = (
        "Unpacked, the file would be {size_mib} MiB; at most {size_mib_max} MiB are read. "
        "Copy the list alone into a new workbook and send that."
    )
    zh = (
        "文件解压后有 {size_mib} MiB，超过上限 {size_mib_max} MiB。"
        "请只把清单内容复制到新工作簿后再上传。"
    )


class TooManyRowsError(Refusal):
    """More rows than one import takes."""

    en = (
        "The list has more than {row_count_max} rows, the most that one import takes. "
        "Split it into several files, for example one for each district."
    )
    zh = "清单超过 {row_count_max} 行，这是一次导入的上限。请拆成几个文件（例如按区市）分别导入。"


class UnreadableTextError(Refusal):
    """A CSV in an encoding that we do not know."""

    en = "The text is neither UTF-8 nor GBK. Save it in Excel as “CSV UTF-8” or as .xlsx."
    zh = "文件的文字编码既不是 UTF-8 也不是 GBK。请在 Excel 中另存为“CSV UTF-8”或 .xlsx。"


@attrs.frozen(kw_only=True, slots=True)
class Cell:
    """One cell.

    Attributes
    ----------
    value
        Text without blanks around it, an exact number, a day, or None.
    shown
        The value as text, for reports.
    formula
        Whether it is computed; `value` is what Excel last computed.
    stale
        Whether it is a formula without a computed value.
    error
        ``#REF!`` and its like, else empty.
    merged_from
        The address of the merged cell above that it takes its value from, else empty.

    """

    value: Value = None
    formula: bool = False
    stale: bool = False
    error: str = ""
    merged_from: str = ""

    @property
    def shown(self) -> str:
        """Return the value as a person would read it."""
        if self.error:
            return self.error
        if isinstance(self.value, Decimal):
            return f"{self.value.normalize():f}"
        return "" if self.value is None else str(self.value)


@attrs.frozen(kw_only=True, slots=True)
class Row:
    """One row: its number as Excel counts, and its cells by column from 0."""

    number: int
    hidden: bool
    cells: dict[int, Cell]


@attrs.frozen(kw_only=True)
class Sheet:
    """One sheet of a file; `rows` reads it anew, as a stream; `row_count` rows hold something."""

    name: str
    hidden: bool
    row_count: int
    rows: Iterable[Row]


@attrs.frozen(kw_only=True)
class _Rows:
    """The rows of a sheet, read when iterated."""

    archive: ZipFile
    part: str
    strings: list[str]
    styles: Styles
    merges: list[Merge]

    def __iter__(self) -> Iterator[Row]:
        with self.archive.open(self.part) as stream:
            yield from _filled(self, grid_rows(stream, columns_max=COLUMNS_MAX))


def column_letters(column: int) -> str:
    """Return the letters of a column counted from 0.

    Examples
    --------
    >>> column_letters(0), column_letters(27)
    ('A', 'AB')

    """
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def address(*, column: int, row: int, sheet: str = "") -> str:
    """Return a cell's address as Excel writes it, with its sheet where one is given."""
    cell = f"{column_letters(column)}{row}"
    return f"{sheet}!{cell}" if sheet else cell


def check_kind(path: Path) -> None:
    """Refuse at once what is no table; whether it can be read whole is seen when it is read.

    Raises
    ------
    Refusal
        One kind for each thing that a file can be instead.

    """
    head = _head(path)
    if not head.startswith(ZIP):
        _refuse_other(path, head)
        return
    with _unzipped(path) as archive:
        _check_sizes(archive)
        _book_part(archive, set(archive.namelist()))


@contextmanager
def opened(path: Path, *, row_count_max: int) -> Iterator[list[Sheet]]:
    """Open a table and give its sheets; a file of too many rows is refused before it is read.

    Parameters
    ----------
    path
        An ``.xlsx``, ``.xlsm`` or CSV file, by what it holds and not by its name.
    row_count_max
        Rows with content in all sheets together, hidden ones included.

    Raises
    ------
    Refusal
        One kind for each thing that a file can be instead.

    """
    head = _head(path)
    if head.startswith(ZIP):
        with _unzipped(path) as archive:
            yield _workbook(archive, row_count_max=row_count_max)
        return
    _refuse_other(path, head)
    yield [_text_sheet(path, row_count_max=row_count_max)]


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.strip():
        raise EmptyFileError
    return head


@contextmanager
def _unzipped(path: Path) -> Iterator[ZipFile]:
    """Open a workbook; whatever breaks while it is read is said as a refusal."""
    try:
        with ZipFile(path) as archive:
            yield archive
    except XmlError as error:
        raise (UnsafeFileError() if error.unsafe else DamagedFileError()) from error
    except Refusal:
        raise
    except (BadZipFile, EOFError, KeyError, NotImplementedError, zlib.error) as error:
        raise DamagedFileError from error


def _refuse_other(path: Path, head: bytes) -> None:
    """Refuse what is surely no CSV, by name where we know it."""
    if head.startswith(OLE):
        with path.open("rb") as file:
            content = file.read()
        for mark, error in (("EncryptedPackage", ProtectedFileError), ("Workbook", OldFormatError)):
            if mark.encode("utf-16-le") in content:
                raise error
        raise OtherFileError(found_zh="旧版 Office 文档", found_en="an old Office document")
    if head.startswith(b"%PDF"):
        raise OtherFileError(found_zh="PDF 文件", found_en="a PDF")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<html", b"<!doctype html", b"<table", b"<?xml", b"<meta")):
        raise OtherFileError(
            found_zh="网页或 XML 文件（有些系统导出的“Excel”其实是网页，请打开后另存为 .xlsx）",
            found_en="a web page or XML (some systems call that Excel: save it as .xlsx)",
        )
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise OtherFileError(found_zh="二进制文件", found_en="a binary file")


def _workbook(archive: ZipFile, *, row_count_max: int) -> list[Sheet]:
    """Return the sheets of a workbook, its rows counted but not yet read."""
    _check_sizes(archive)
    names = set(archive.namelist())
    book = _book_part(archive, names)
    with archive.open(_relations_part(book)) as stream:
        relations = relations_in(stream, base=book.rpartition("/")[0])
    with archive.open(book) as stream:
        listed, date1904 = sheets_in(stream)
    parts = [
        (name, hidden, relations[key].part)
        for name, hidden, key in listed
        if key in relations and relations[key].kind == "worksheet"
    ]
    surveys = _surveyed(archive, [part for *_, part in parts], row_count_max=row_count_max)
    by_kind = {relation.kind: relation.part for relation in relations.values()}
    strings = _strings(archive, by_kind.get("sharedStrings"), names)
    styles = _styles(archive, by_kind.get("styles"), names, date1904=date1904)
    return [
        Sheet(
            name=name[:40],
            hidden=hidden,
            row_count=surveys[part][1],
            rows=_Rows(
                archive=archive, part=part, strings=strings, styles=styles, merges=surveys[part][0]
            ),
        )
        for name, hidden, part in parts
    ]


def _check_sizes(archive: ZipFile) -> None:
    """Refuse what would grow beyond reason; `zipfile` never reads more than is declared."""
    infos = archive.infolist()
    size_bytes = sum(info.file_size for info in infos if not info.filename.startswith("xl/media/"))
    strings = max(
        (info.file_size for info in infos if info.filename.endswith("sharedStrings.xml")), default=0
    )
    for size, limit in ((size_bytes, UNPACKED_BYTES_MAX), (strings, STRINGS_BYTES_MAX)):
        if size > limit:
            raise UnpackedTooLargeError(size_mib=size >> 20, size_mib_max=limit >> 20)
    if any(info.flag_bits & 1 for info in infos):
        raise ProtectedFileError
    if any(info.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for info in infos):
        raise DamagedFileError


def _book_part(archive: ZipFile, names: set[str]) -> str:
    """Return where the workbook lies, or say what the archive is instead."""
    if "_rels/.rels" in names:
        with archive.open("_rels/.rels") as stream:
            for relation in relations_in(stream, base="").values():
                if relation.kind == "officeDocument" and relation.part in names:
                    if relation.part.startswith("xl/") and relation.part.endswith(".xml"):
                        return relation.part
                    raise OtherFileError(**_office_kind(relation.part))
    if "xl/workbook.xml" in names:
        return "xl/workbook.xml"
    if "content.xml" in names:
        raise OtherFileError(
            found_zh="OpenDocument 文件（请另存为 .xlsx）",
            found_en="an OpenDocument file (save it as .xlsx)",
        )
    raise OtherFileError(found_zh="压缩包", found_en="a ZIP archive")


def _office_kind(part: str) -> dict[str, str]:
    if part.startswith("word/"):
        return {"found_zh": "Word 文档", "found_en": "a Word document"}
    if part.startswith("ppt/"):
        return {"found_zh": "PowerPoint 文稿", "found_en": "a PowerPoint file"}
    return {
        "found_zh": "二进制工作簿（.xlsb，请另存为 .xlsx）",
        "found_en": "a binary workbook (.xlsb: save it as .xlsx)",
    }


def _relations_part(part: str) -> str:
    folder, _, name = part.rpartition("/")
    return f"{folder}/_rels/{name}.rels"


def _surveyed(
    archive: ZipFile, parts: list[str], *, row_count_max: int
) -> dict[str, tuple[list[Merge], int]]:
    """Return merged cells and rows of each sheet; stop as soon as there are too many rows."""
    left = row_count_max
    found: dict[str, tuple[list[Merge], int]] = {}
    for part in parts:
        with archive.open(part) as stream:
            merges, after = merges_in(stream, row_count_left=left, merge_count_max=MERGES_MAX)
        if after < 0:
            raise TooManyRowsError(row_count_max=row_count_max)
        found[part], left = (merges, left - after), after
    return found


def _strings(archive: ZipFile, part: str | None, names: set[str]) -> list[str]:
    if part is None or part not in names:
        return []
    with archive.open(part) as stream:
        return shared_strings_in(stream)


def _styles(archive: ZipFile, part: str | None, names: set[str], *, date1904: bool) -> Styles:
    if part is None or part not in names:
        return Styles(dates=(), date1904=date1904)
    with archive.open(part) as stream:
        return Styles(dates=styles_in(stream), date1904=date1904)


def _filled(source: _Rows, grid: Iterator[Grid]) -> Iterator[Row]:
    """Give each row its cells, those of merged cells above included."""
    starts: dict[int, list[Merge]] = {}
    for merge in source.merges:
        starts.setdefault(merge.row, []).append(merge)
    open_merges: dict[int, tuple[int, Cell]] = {}  # column: last row, what it holds
    for raw in grid:
        cells = {column: _cell(source, *one) for column, one in raw.cells.items()}
        for column, (last, cell) in list(open_merges.items()):
            if raw.number > last:
                del open_merges[column]
            else:
                cells[column] = cell
        for merge in starts.get(raw.number, ()):
            if merge.column in cells:
                place = address(column=merge.column, row=merge.row)
                held = attrs.evolve(cells[merge.column], merged_from=place)
                open_merges[merge.column] = (merge.row_last, held)
        yield Row(number=raw.number, hidden=raw.hidden, cells=cells)


def _cell(source: _Rows, kind: str, style: int, text: str | None, formula: bool) -> Cell:
    """Translate a raw cell."""
    if kind == "e":
        return Cell(error=(text or "#ERROR")[:20], formula=formula)
    if kind == "s":
        index = int(text) if text and text.isdecimal() else -1
        value: Value = source.strings[index] if 0 <= index < len(source.strings) else ""
    elif kind == "n" and text:
        value = _number(text, style=style, styles=source.styles)
    elif kind == "b":
        value = "TRUE" if text == "1" else "FALSE"
    else:
        value = text
    if isinstance(value, str):
        value = value.strip() or None
    stale = formula and text is None
    return Cell(value=value, formula=formula, stale=stale or (formula and kind == "n" and not text))


def _number(text: str, *, style: int, styles: Styles) -> Value:
    """Return a number, or the day that its style shows; what is neither stays text."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text[:TEXT_LENGTH_MAX]
    if not number.is_finite() or abs(number.adjusted()) > DIGITS_MAX:
        return text[:TEXT_LENGTH_MAX]
    if 0 <= style < len(styles.dates) and styles.dates[style]:
        return date_of_serial(number, date1904=styles.date1904) or number
    return number


def _text_sheet(path: Path, *, row_count_max: int) -> Sheet:
    """Return a CSV as the one sheet of its file."""
    encoding = _encoding(path)
    delimiter = _delimiter(path, encoding)
    rows = sum(1 for row in _records(path, encoding, delimiter) if row.cells)
    if rows > row_count_max:
        raise TooManyRowsError(row_count_max=row_count_max)
    records = _Records(path=path, encoding=encoding, delimiter=delimiter)
    return Sheet(name="", hidden=False, row_count=rows, rows=records)


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(2)
    wide = head in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "gb18030"):
        try:
            with path.open(encoding=encoding) as text:
                while text.read(1 << 16):
                    pass
        except UnicodeError:
            continue
        return encoding
    raise UnreadableTextError


def _delimiter(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding) as text:
        sample = text.read(1 << 14)
    return max(",\t;", key=sample.count)


@attrs.frozen(kw_only=True)
class _Records:
    """The records of a CSV, read when iterated."""

    path: Path
    encoding: str
    delimiter: str

    def __iter__(self) -> Iterator[Row]:
        return _records(self.path, self.encoding, self.delimiter)


def _records(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    with path.open(encoding=encoding, newline="") as text:
        try:
            for number, record in enumerate(csv.reader(text, delimiter=delimiter), start=1):
                cells = {
                    column: Cell(value=value.strip().replace("\x00", ""))
                    for column, value in enumerate(record[:COLUMNS_MAX])
                    if value.strip()
                }
                yield Row(number=number, hidden=False, cells=cells)
        except csv.Error as error:
            raise DamagedFileError from error
