"""Facts from CSV files, checked cell by cell, in chunks if they are large."""

import codecs
import csv
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TextIO

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.contract import Refusal
from liudu.rules._fact import Fact
from liudu.rules._kind import Kind, Type
from liudu.rules._lower import closest
from liudu.rules._table import (
    Column,
    DuplicateSubjectError,
    FactTable,
    UnknownFactError,
    storage,
    with_age,
)

SUBJECT = "subject"
OBSERVED = ".observed"
CHUNK_ROWS = 500_000
EXAMPLES_MAX = 10


class BadEncodingError(Refusal):
    """The bytes are not in the declared encoding."""

    en = "{file}, line {line}: this is not {encoding} (byte {byte} of the file): declare its encoding, for example gb18030 for what Chinese Excel saves."  # noqa: E501
    zh = "{file} 第 {line} 行：不是 {encoding} 编码（文件第 {byte} 字节）：请声明编码，中文版 Excel 保存的文件通常是 gb18030。"  # noqa: E501


class UnknownEncodingError(Refusal):
    """An encoding that does not exist."""

    en = "There is no encoding {encoding}: utf-8 or gb18030."
    zh = "没有编码 {encoding}：请用 utf-8 或 gb18030。"


class NoSubjectColumnError(Refusal):
    """The table does not say who each row is about."""

    en = "{file} has no column `subject` (there are: {found}): it names whom each row is about{hint_en}."  # noqa: E501
    zh = "{file} 没有 subject 列（现有：{found}）：该列写明每行是谁{hint_zh}。"


class ColumnTwiceError(Refusal):
    """A column stands twice."""

    en = "{file}: the column {name} stands twice: keep one."
    zh = "{file}：列 {name} 出现两次：请只留一列。"


class RaggedRowError(Refusal):
    """A row has more or fewer cells than the header."""

    en = "{file}, line {line}: {found} cells, the header has {wanted}: a comma too many, or a quote that does not close."  # noqa: E501
    zh = "{file} 第 {line} 行：有 {found} 格，表头有 {wanted} 格：可能多了逗号，或引号没有闭合。"


class BrokenRowError(Refusal):
    """A row that is no CSV: a quote that does not close, a NUL byte, a cell without end."""

    en = "{file}, line {line}: this is no CSV ({problem}): look for a quote that does not close, or save the table as CSV again."  # noqa: E501
    zh = "{file} 第 {line} 行：不是合法的 CSV（{problem}）：请检查未闭合的引号，或重新另存为 CSV。"


class EmptySubjectError(Refusal):
    """A row without a subject."""

    en = "{file}, line {line}: the subject is empty."
    zh = "{file} 第 {line} 行：subject 为空。"


class BadCellsError(Refusal):
    """Cells that their facts cannot have."""

    en = "{file}: {count} cells cannot be read (what is not known is left empty):\n{lines_en}"
    zh = "{file}：{count} 个单元格读不懂（不知道的请留空）：\n{lines_zh}"


class NoRowsError(Refusal):
    """A table without a row, or without a header."""

    en = "{file} is empty: it needs a header with `subject` and the names of facts."
    zh = "{file} 是空的：需要表头，含 subject 和事实的名称。"


def read_table(
    path: Path,
    facts: Mapping[str, Fact],
    *,
    on: date,
    encoding: str = "utf-8",
    ignored: Collection[str] = (),
) -> FactTable:
    """Return the facts that a CSV file holds.

    Parameters
    ----------
    path
        The file: a header with ``subject`` and names of facts; an empty cell is unknown.
        ``NAME.observed`` is the day on which a fact was observed, for facts that age.
    facts
        The facts of the pack.
    on
        The day of the determination; what is older than the fact allows is unknown.
    encoding
        ``utf-8`` (a byte order mark is fine) or ``gb18030`` (GBK, GB 2312).
    ignored
        Columns that may be there and are not read, for example facts of another version.

    Raises
    ------
    BadEncodingError, NoRowsError, NoSubjectColumnError, UnknownFactError, ColumnTwiceError,
    RaggedRowError, BrokenRowError, EmptySubjectError, BadCellsError, DuplicateSubjectError

    """
    chunks = list(read_chunks(path, facts, on=on, encoding=encoding, rows=0, ignored=ignored))
    return chunks[0]


def read_chunks(
    path: Path,
    facts: Mapping[str, Fact],
    *,
    on: date,
    encoding: str = "utf-8",
    rows: int = CHUNK_ROWS,
    ignored: Collection[str] = (),
) -> Iterator[FactTable]:
    """Yield the facts of a CSV file, `rows` subjects at a time; 0 is all at once.

    A subject that stands twice is found across chunks; see `read_table`. Errors are raised
    when the chunk that has them is reached, so do not pay before the last one.
    """
    with path.open(encoding=_codec(encoding), newline="") as file:
        intake = _Intake(file, path.name, facts, on)
        try:
            intake.begin(ignored)
            yield from intake.chunks(rows)
        except csv.Error as error:
            line = intake.reader.line_num
            raise BrokenRowError(file=path.name, line=line, problem=error) from error
        except UnicodeError as error:
            line, byte = _undecodable(path, encoding)
            raise BadEncodingError(
                file=path.name, encoding=encoding, line=line, byte=byte
            ) from error


def _codec(encoding: str) -> str:
    """Return the codec of an encoding of texts; `UnknownEncodingError` if there is none."""
    try:
        "".encode(encoding)
        return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    except (LookupError, ValueError) as error:
        raise UnknownEncodingError(encoding=encoding) from error


def _undecodable(path: Path, encoding: str) -> tuple[int, int]:
    """Return the line and the byte, both from 1, at which a file leaves its encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = byte = 1
    with path.open("rb") as file:
        for row in file:
            try:
                decoder.decode(row)
            except UnicodeError as error:
                return line, byte + getattr(error, "start", 0)
            line, byte = line + 1, byte + len(row)
    return line - 1, byte


@attrs.frozen(kw_only=True)
class _Bad:
    line: int
    column: str
    problem: Refusal


class _Intake:
    def __init__(self, file: TextIO, name: str, facts: Mapping[str, Fact], on: date) -> None:
        self.reader = csv.reader(file, strict=True)
        self.name = name
        self.facts = facts
        self.on = on
        self.header: list[str] = []
        self.seen = _Seen()
        self.lines = self._lines()

    def begin(self, ignored: Collection[str]) -> None:
        """Read the header."""
        self.header = self._header(ignored)

    def _header(self, ignored: Collection[str]) -> list[str]:
        header = next(filter(None, self.reader), None)
        if header is None:
            raise NoRowsError(file=self.name)
        header = [cell.strip() for cell in header]
        if SUBJECT not in header:
            parted = any(sign in cell for cell in header for sign in "\t;|")
            raise NoSubjectColumnError(
                file=self.name,
                found=", ".join(header),
                hint_en="; commas part the cells" if parted else "",
                hint_zh="；单元格之间请用英文逗号分隔" if parted else "",
            )
        for cell in header:
            if header.count(cell) > 1:
                raise ColumnTwiceError(file=self.name, name=cell)
            if cell.removesuffix(OBSERVED) not in ignored or cell in self.facts:
                self._require_fact(cell)
        return header

    def _require_fact(self, cell: str) -> None:
        base = cell.removesuffix(OBSERVED)
        if cell == SUBJECT or base in self.facts:
            return
        near = closest(base, list(self.facts))
        raise UnknownFactError(
            name=cell or '""',
            hint_en=f" (did you mean {near}?)" if near else "",
            hint_zh=f"（是否指 {near}？）" if near else "",
        )

    def chunks(self, rows: int) -> Iterator[FactTable]:
        first = True
        while True:
            lines = list(islice(self.lines, rows or None))
            if lines or first:
                yield self._table(lines)
            first = False
            if not rows or len(lines) < rows:
                return

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows with their lines; blank ones are left out and do not count."""
        for cells in self.reader:
            if cells:
                if len(cells) != len(self.header):
                    raise RaggedRowError(
                        file=self.name,
                        line=self.reader.line_num,
                        found=len(cells),
                        wanted=len(self.header),
                    )
                yield self.reader.line_num, cells

    def _table(self, lines: Sequence[tuple[int, list[str]]]) -> FactTable:
        at = self.header.index(SUBJECT)
        subjects = [cells[at].strip() for _, cells in lines]
        for (line, _), subject in zip(lines, subjects, strict=True):
            if not subject:
                raise EmptySubjectError(file=self.name, line=line)
            if "\0" in subject:
                raise BrokenRowError(file=self.name, line=line, problem="NUL")
        self.seen.add(subjects, [line for line, _ in lines])
        bad: list[_Bad] = []
        columns = {
            name: self._column(name, index, lines, bad)
            for index, name in enumerate(self.header)
            if name in self.facts
        }
        self._age(columns, lines, bad)
        if bad:
            raise self._bad_cells(bad)
        return FactTable(subjects=subjects, columns=columns)

    def _column(
        self, name: str, index: int, lines: Sequence[tuple[int, list[str]]], bad: list[_Bad]
    ) -> Column:
        fact = self.facts[name]
        numbers = np.zeros(len(lines), storage(fact))
        unknown = np.zeros(len(lines), np.bool_)
        for row, (line, cells) in enumerate(lines):
            text = cells[index].strip()
            if not text:
                unknown[row] = True
                continue
            try:
                numbers[row] = fact.read(text)
            except Refusal as problem:
                bad.append(_Bad(line=line, column=name, problem=problem))
        return Column(numbers, unknown if bool(unknown.any()) else None)

    def _age(
        self,
        columns: dict[str, Column],
        lines: Sequence[tuple[int, list[str]]],
        bad: list[_Bad],
    ) -> None:
        """Turn unknown what was observed too long ago; not knowing when is too long ago."""
        for index, name in enumerate(self.header):
            base = name.removesuffix(OBSERVED)
            if base != name and base in columns:
                day = Fact(
                    name=name,
                    type=Type(Kind.DATE),
                    label=self.facts[base].label,
                    minimum=-(2**31),
                    maximum=2**31,
                )
                observed = self._days(day, index, lines, bad)
                columns[base] = with_age(columns[base], self.facts[base], observed, on=self.on)

    def _days(
        self,
        day: Fact,
        index: int,
        lines: Sequence[tuple[int, list[str]]],
        bad: list[_Bad],
    ) -> NDArray[np.int64]:
        days = np.full(len(lines), -(2**31), np.int64)
        for row, (line, cells) in enumerate(lines):
            text = cells[index].strip()
            if text:
                try:
                    days[row] = day.read(text)
                except Refusal as problem:
                    bad.append(_Bad(line=line, column=day.name, problem=problem))
        return days

    def _bad_cells(self, bad: Sequence[_Bad]) -> BadCellsError:
        shown = sorted(bad, key=lambda one: one.line)[:EXAMPLES_MAX]
        return BadCellsError(
            file=self.name,
            count=len(bad),
            lines_en="\n".join(f"  line {one.line}: {one.problem.say('en')}" for one in shown),
            lines_zh="\n".join(f"  第 {one.line} 行：{one.problem.say('zh')}" for one in shown),
        )


class _Seen:
    """Which subjects came already: 8 bytes each, whatever their ids are.

    Two ids could share a hash; among ten million the chance is under 3 in a million, and the
    mistake would be a refusal, never a payment.
    """

    def __init__(self) -> None:
        self.hashes = np.zeros(0, np.uint64)

    def add(self, subjects: Sequence[str], lines: Sequence[int]) -> None:
        """Remember subjects; raise `DuplicateSubjectError` if one came before."""
        fresh = np.fromiter(map(_hash, subjects), np.uint64, len(subjects))
        merged = np.sort(np.concatenate([self.hashes, fresh]))
        twice = merged[1:][merged[1:] == merged[:-1]]
        if len(twice):
            rows = np.flatnonzero(np.isin(fresh, twice))
            first = int(rows[0])
            places = [str(lines[int(row)]) for row in rows if fresh[row] == fresh[first]]
            raise DuplicateSubjectError(
                subject=subjects[first],
                rows=", ".join(places[:EXAMPLES_MAX]),
                count=len(np.unique(twice)),
            )
        self.hashes = merged


def _hash(subject: str) -> int:
    return int.from_bytes(hashlib.blake2b(subject.encode(), digest_size=8).digest(), "little")
