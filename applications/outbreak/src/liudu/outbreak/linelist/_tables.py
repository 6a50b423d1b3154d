"""A text file as a table of texts: delimiter, header row, rows with too many fields."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import polars as pl

from liudu.contract import Refusal
from liudu.outbreak.linelist._encoding import Encoding, encoding_of, transcoded
from liudu.outbreak.linelist._schema import plain
from liudu.outbreak.quality import SAMPLE_ROWS, Finding

DELIMITERS: Final = (",", "\t", ";", "|", "，")
HEADER_SEARCH_ROWS: Final = 20
HEAD_CHARACTERS: Final = 1 << 17
ROW: Final = "_row"
NAMED_MIN: Final = 2


class EmptyFileError(Refusal):
    """A file has no rows."""

    en = "{file} has no row below its header."
    zh = "{file} 的表头下没有任何行。"


class UnreadableFileError(Refusal):
    """A file cannot be opened or is no table."""

    en = "{file} cannot be read ({found})."
    zh = "无法读取 {file}（{found}）。"


class RepeatedColumnError(Refusal):
    """Two columns of a file have one name."""

    en = "{file} has {times} columns named {column!r}. Rename or remove one."
    zh = "{file} 有 {times} 列都叫 {column!r}。请改名或删去一列。"


@attrs.frozen(kw_only=True)
class Source:
    """One table of texts, ready to be scanned.

    Attributes
    ----------
    name, sheet
        For people.
    frame
        Lazy; column ``_row`` (number in the file, the header's rows counted) and one text
        column ``c0``, ``c1`` … for each name of `header`.
    header
        Names of the columns as in the file.
    encoding, delimiter, header_row
        What was taken.
    serial_offset_days
        Added to Excel serials (1462 in workbooks that count from 1904).
    findings
        What was found while reading; ragged rows are rejected here and not in `frame`.
    ragged
        Numbers of the rejected rows; never their text, for it may hold names.
    text
        The UTF-8 text behind `frame`, as long as nobody looked for ragged rows.

    """

    name: str
    frame: pl.LazyFrame
    header: tuple[str, ...]
    encoding: Encoding
    sheet: str = ""
    delimiter: str = ""
    header_row: int = 1
    serial_offset_days: int = 0
    findings: tuple[Finding, ...] = ()
    ragged: tuple[int, ...] = ()
    text: Path | None = None

    @property
    def label(self) -> str:
        """The name for people, with the sheet."""
        return f"{self.name} [{self.sheet}]" if self.sheet else self.name


def read_text(path: Path, *, encoding: str | None, known: frozenset[str], scratch: Path) -> Source:
    """Open a CSV or TSV file.

    Parameters
    ----------
    path
        The file.
    encoding
        As declared; none to detect.
    known
        Names of columns in the form of `plain`, to find the header row.
    scratch
        Folder for what must be rewritten: other encodings than UTF-8, ragged rows.

    Raises
    ------
    UnreadableFileError, EmptyFileError, RepeatedColumnError, and those of `encoding_of`

    """
    try:
        taken = encoding_of(path, declared=encoding, known=known)
    except OSError as error:
        raise UnreadableFileError(file=path.name, found=type(error).__name__) from error
    text = path
    if taken.name not in {"utf-8", "utf-8-sig"}:
        text = scratch / f"{path.stem}.utf8.csv"
        transcoded(path, encoding=taken.name, to=text)
    with text.open(encoding="utf-8-sig", newline="") as file:
        head = file.read(HEAD_CHARACTERS)
    delimiter = _delimiter(head, known=known)
    skipped, header = _header(head, delimiter=delimiter, known=known, file=path.name)
    refuse_repeated(header, known=known, file=path.name)
    return Source(
        name=path.name,
        frame=scanned(text, delimiter=delimiter, skipped=skipped, width=len(header),
                      numbered=False),
        header=header,
        encoding=taken,
        delimiter=delimiter,
        header_row=skipped + 1,
        text=text,
    )  # fmt: skip


def without_ragged(source: Source, *, scratch: Path) -> Source:
    """Return a text file without the rows that have more fields than the header.

    Those rows are kept in `ragged`; what remains is written again with its row numbers.
    """
    if source.text is None:
        return source
    width = len(source.header)
    even, ragged = _rewritten(
        source.text, delimiter=source.delimiter, skipped=source.header_row - 1, width=width,
        scratch=scratch,
    )  # fmt: skip
    return attrs.evolve(
        source,
        frame=scanned(even, delimiter=source.delimiter, skipped=0, width=width, numbered=True),
        ragged=ragged,
        findings=(*source.findings, _ragged_finding(ragged, file=source.label)),
        text=None,
    )


def _ragged_finding(ragged: tuple[int, ...], *, file: str) -> Finding:
    return Finding(code="ragged_row", file=file, count=len(ragged), rows=ragged[:SAMPLE_ROWS])


def scanned(
    path: Path, *, delimiter: str, skipped: int, width: int, numbered: bool
) -> pl.LazyFrame:
    """Scan a UTF-8 text table lazily; `numbered` files hold the row number in their first column.

    All columns are texts: a code such as 0471 keeps its zero.
    """
    own = [ROW] if numbered else []
    frame = pl.scan_csv(
        path,
        separator=delimiter,
        infer_schema=False,
        skip_lines=skipped,
        row_index_name=None if numbered else ROW,
        row_index_offset=skipped + 2,
        with_column_names=lambda names: (own + [f"c{i}" for i in range(width)])[: len(names)],
        truncate_ragged_lines=False,
    )
    if numbered:
        frame = frame.with_columns(pl.col(ROW).cast(pl.UInt32))
    return frame


def _delimiter(head: str, *, known: frozenset[str]) -> str:
    """Return the delimiter that makes most known names in one row, else most fields."""
    lines = head.splitlines()[:HEADER_SEARCH_ROWS]

    def worth(delimiter: str) -> tuple[int, int]:
        if len(delimiter.encode()) > 1:
            return (-1, 0)
        rows = list(csv.reader(lines, delimiter=delimiter))
        names = max((sum(plain(cell) in known for cell in row) for row in rows), default=0)
        return names, max((len(row) for row in rows), default=0)

    return max(DELIMITERS, key=worth)


def _header(
    head: str, *, delimiter: str, known: frozenset[str], file: str
) -> tuple[int, tuple[str, ...]]:
    """Return how many lines stand above the header, and its names."""
    lines = head.splitlines()[:HEADER_SEARCH_ROWS]
    rows = list(csv.reader(lines, delimiter=delimiter))
    if not any(any(cell.strip() for cell in row) for row in rows):
        raise EmptyFileError(file=file)
    first = next(at for at, row in enumerate(rows) if any(cell.strip() for cell in row))
    named = [sum(plain(cell) in known for cell in row) for row in rows]
    best = max(range(len(rows)), key=lambda at: named[at])
    at = best if named[best] >= NAMED_MIN else first
    return at, tuple(cell.strip() for cell in rows[at])


def refuse_repeated(header: tuple[str, ...], *, known: frozenset[str], file: str) -> None:
    """Refuse a header in which a known name stands twice: which column counts would be a guess."""
    plains = [plain(name) for name in header]
    for name in header:
        times = plains.count(plain(name))
        if times > 1 and plain(name) in known:
            raise RepeatedColumnError(file=file, column=name, times=times)


def _rewritten(
    path: Path, *, delimiter: str, skipped: int, width: int, scratch: Path
) -> tuple[Path, tuple[int, ...]]:
    ragged: list[int] = []
    even = scratch / f"{path.stem}.even.csv"
    with even.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, delimiter=delimiter, lineterminator="\n")
        for number, row in _rows(path, delimiter=delimiter, skipped=skipped):
            if number == skipped + 1:
                writer.writerow([ROW, *row])
            elif len(row) > width and any(cell.strip() for cell in row[width:]):
                ragged.append(number)
            else:
                writer.writerow([number, *row[:width]])
    return even, tuple(ragged)


def _rows(path: Path, *, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for _ in range(skipped):
            file.readline()
        yield from enumerate(csv.reader(file, delimiter=delimiter), start=skipped + 1)


def write_rows(path: Path, *, header: list[str], rows: Iterator[tuple[int, list[str]]]) -> int:
    """Write numbered rows as a UTF-8 table for `scanned`; return how many."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([ROW, *header])
        for number, row in rows:
            writer.writerow([number, *row])
            count += 1
    return count
