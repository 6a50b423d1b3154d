"""The XML inside a workbook, event by event: memory does not grow with the sheet."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import IO, Final
from xml.parsers import expat

import attrs

CHUNK_BYTES: Final = 1 << 16
TEXT_LENGTH_MAX: Final = 32_767  # of one cell, as Excel has it
ROW_MAX: Final = 1_048_576
_BUILT_IN_DATES: Final = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_CELL: Final = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_NOT_CODE: Final = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|General', re.IGNORECASE)
Attributes = dict[str, str]
RawCell = tuple[str, int, str | None, bool]  # type, style, text, formula


class XmlError(Exception):
    """The XML is broken, or does what no spreadsheet program does."""

    def __init__(self, *, unsafe: bool = False) -> None:
        super().__init__("unsafe" if unsafe else "broken")
        self.unsafe = unsafe


@attrs.frozen(kw_only=True, slots=True)
class Merge:
    """A merged cell: its upper left corner (column from 0, row from 1) and its last row."""

    column: int
    row: int
    row_last: int


@attrs.frozen(kw_only=True, slots=True)
class Grid:
    """A raw row."""

    number: int
    hidden: bool
    cells: dict[int, RawCell]


@attrs.frozen(kw_only=True, slots=True)
class Relation:
    """Where a part lies and what it is."""

    kind: str
    part: str


@attrs.frozen(kw_only=True, slots=True)
class Styles:
    """Which cell styles show days, and from when days are counted."""

    dates: tuple[bool, ...]
    date1904: bool


class _Walk:
    """Feeds a stream to expat in pieces; names lose their prefix, document types are refused."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.stopped = False

    def start(self, name: str, attributes: Attributes) -> None:
        """Take an element's begin."""

    def end(self, name: str) -> None:
        """Take an element's end."""

    def _start(self, name: str, attributes: Attributes) -> None:
        self.start(name.rpartition(":")[2], attributes)

    def _end(self, name: str) -> None:
        self.end(name.rpartition(":")[2])

    def _refuse(self, *_: object) -> None:
        raise XmlError(unsafe=True)

    def listen(self, take: Callable[[str], None] | None) -> None:
        """Pass text on, or not."""
        self.parser.CharacterDataHandler = take

    def pieces(self) -> Iterator[None]:
        """Parse piece by piece."""
        try:
            while not self.stopped and (piece := self.stream.read(CHUNK_BYTES)):
                self.parser.Parse(piece, False)
                yield
            if not self.stopped:
                self.parser.Parse(b"", True)
                yield
        except (expat.ExpatError, ValueError, InvalidOperation) as error:
            raise XmlError from error

    def whole(self) -> None:
        """Parse all of it."""
        for _ in self.pieces():
            pass


class _Text:
    """Text in pieces, no longer than a cell may be."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.length = 0

    def __call__(self, piece: str) -> None:
        self.length += len(piece)
        if self.length > TEXT_LENGTH_MAX:
            raise XmlError
        self.pieces.append(piece)

    def taken(self) -> str:
        """Return the text and begin anew."""
        text = "".join(self.pieces)
        self.pieces, self.length = [], 0
        return text


def relations_in(stream: IO[bytes], *, base: str) -> dict[str, Relation]:
    """Return the relations of a part by their id; `base` is the folder that they start from."""
    found: dict[str, Relation] = {}

    class Relations(_Walk):
        def start(self, name: str, attributes: Attributes) -> None:
            if name == "Relationship" and attributes.get("TargetMode") != "External":
                target = attributes.get("Target", "")
                part = target.lstrip("/") if target.startswith("/") else f"{base}/{target}"
                kind = attributes.get("Type", "").rpartition("/")[2]
                found[attributes.get("Id", "")] = Relation(kind=kind, part=part.lstrip("/"))

    Relations(stream).whole()
    return found


def sheets_in(stream: IO[bytes]) -> tuple[list[tuple[str, bool, str]], bool]:
    """Return (name, hidden, relation) of each sheet, and whether days count from 1904."""
    found: list[tuple[str, bool, str]] = []
    dates: list[bool] = []

    class Sheets(_Walk):
        def start(self, name: str, attributes: Attributes) -> None:
            if name == "sheet":
                key = next((v for k, v in attributes.items() if k.rpartition(":")[2] == "id"), "")
                hidden = attributes.get("state", "visible") != "visible"
                found.append((attributes.get("name", ""), hidden, key))
            elif name == "workbookPr":
                dates.append(attributes.get("date1904") in ("1", "true"))

    Sheets(stream).whole()
    return found, any(dates)


def styles_in(stream: IO[bytes]) -> tuple[bool, ...]:
    """Return for each cell style whether it shows a day."""
    custom: dict[int, bool] = {}
    shown: list[int] = []

    class Formats(_Walk):
        inside = False

        def start(self, name: str, attributes: Attributes) -> None:
            if name == "numFmt":
                code = _NOT_CODE.sub("", attributes.get("formatCode", ""))
                custom[int(attributes.get("numFmtId", -1))] = bool(re.search("[ymdYMD]", code))
            elif name == "cellXfs":
                self.inside = True
            elif name == "xf" and self.inside:
                shown.append(int(attributes.get("numFmtId", 0)))

        def end(self, name: str) -> None:
            if name == "cellXfs":
                self.inside = False

    Formats(stream).whole()
    return tuple(custom.get(each, each in _BUILT_IN_DATES) for each in shown)


def shared_strings_in(stream: IO[bytes]) -> list[str]:
    """Return the texts that cells refer to; how to pronounce them is left out."""
    found: list[str] = []

    class Strings(_Walk):
        text = _Text()
        phonetic = False

        def start(self, name: str, attributes: Attributes) -> None:
            del attributes
            if name == "rPh":
                self.phonetic = True
            elif name == "t" and not self.phonetic:
                self.listen(self.text)

        def end(self, name: str) -> None:
            if name == "t":
                self.listen(None)
            elif name == "rPh":
                self.phonetic = False
            elif name == "si":
                found.append(self.text.taken())

    Strings(stream).whole()
    return found


def merges_in(
    stream: IO[bytes], *, row_count_left: int, merge_count_max: int
) -> tuple[list[Merge], int]:
    """Return the merged cells of a sheet and how many rows are left of those allowed.

    Reading stops as soon as the rows with content are more than are allowed; the count is then
    negative.
    """
    found: list[Merge] = []

    class Survey(_Walk):
        left = row_count_left
        full = False

        def start(self, name: str, attributes: Attributes) -> None:
            if name in ("v", "is", "f"):
                self.full = True
            elif name == "mergeCell":
                found.extend(_merge(attributes.get("ref", "")))
                if len(found) > merge_count_max:
                    raise XmlError

        def end(self, name: str) -> None:
            if name == "row":
                self.left -= self.full
                self.full = False
                self.stopped = self.left < 0

    survey = Survey(stream)
    survey.whole()
    return found, survey.left


def _merge(reference: str) -> Iterator[Merge]:
    """Yield a merged cell that is higher than one row."""
    first, _, last = reference.partition(":")
    start, stop = _CELL.fullmatch(first), _CELL.fullmatch(last)
    if start and stop and int(stop[2]) > int(start[2]):
        yield Merge(column=column_of(start[1]), row=int(start[2]), row_last=int(stop[2]))


def column_of(letters: str) -> int:
    """Return a column's number from 0.

    Examples
    --------
    >>> column_of("A"), column_of("AB")
    (0, 27)

    """
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


class _Cells(_Walk):
    """Collects rows; `ready` is drained between pieces."""

    def __init__(self, stream: IO[bytes], *, columns_max: int) -> None:
        super().__init__(stream)
        self.columns_max = columns_max
        self.ready: list[Grid] = []
        self.number = 0
        self.hidden = False
        self.cells: dict[int, RawCell] = {}
        self.column = -1
        self.kind, self.style, self.formula = "n", 0, False
        self.value: str | None = None
        self.text = _Text()

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            self._start_cell(attributes)
        elif name in ("v", "t"):
            self.listen(self.text)
        elif name == "f":
            self.formula = True
        elif name == "row":
            self.number = int(attributes.get("r", self.number + 1))
            if self.number > ROW_MAX:
                raise XmlError
            self.hidden = attributes.get("hidden") in ("1", "true")
            self.cells, self.column = {}, -1

    def _start_cell(self, attributes: Attributes) -> None:
        place = _CELL.fullmatch(attributes.get("r", ""))
        self.column = column_of(place[1]) if place else self.column + 1
        self.kind = attributes.get("t", "n")
        self.style = int(attributes.get("s", 0))
        self.formula, self.value = False, None

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self.listen(None)
            # An inline text comes in runs; a value comes whole.
            self.value = (self.value or "") + self.text.taken()
        elif name == "c":
            filled = self.value is not None or self.formula
            if filled and self.column < self.columns_max:
                self.cells[self.column] = (self.kind, self.style, self.value, self.formula)
        elif name == "row":
            self.ready.append(Grid(number=self.number, hidden=self.hidden, cells=self.cells))


def grid_rows(stream: IO[bytes], *, columns_max: int) -> Iterator[Grid]:
    """Yield the raw rows of a sheet, in the order of the file."""
    walk = _Cells(stream, columns_max=columns_max)
    for _ in walk.pieces():
        yield from walk.ready
        walk.ready.clear()


def date_of_serial(serial: Decimal, *, date1904: bool = False) -> date | None:
    """Return the day that Excel counts as a number, or None where it cannot be one.

    Examples
    --------
    >>> date_of_serial(Decimal("46387"))
    datetime.date(2026, 12, 31)

    """
    start = date(1904, 1, 1) if date1904 else date(1899, 12, 30)
    day_count_max = 80_000  # the year 2119
    if not 1 <= serial <= day_count_max:
        return None
    return start + timedelta(days=int(serial))
