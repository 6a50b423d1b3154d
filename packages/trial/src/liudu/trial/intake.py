"""Labels as owners keep them: a CSV file from Excel, from a line, from a hospital."""

import csv
import difflib
import io
import math
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

import attrs

from liudu.contract import Refusal

Task = Literal["classify", "detect", "alarm", "value"]

SHOWN_MAX = 10  # names in one sentence; the count says how many more there are
BOX_COLUMNS = ("x1", "y1", "x2", "y2")
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "classify": ("file", "label"),
    "detect": ("file", "label", *BOX_COLUMNS),
    "alarm": ("series", "t", "event"),
    "value": ("file", "value"),
}
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "classify": ("cluster",),
    "detect": ("cluster",),
    "alarm": ("cluster", "file"),
    "value": ("cluster",),
}
RESERVED_DATA = ("series", "step")  # handed out by the seal itself, under random names
OWN_FILES = ("simulated.json",)  # beside the pieces, but no piece
DESKTOP_FILES = ("Thumbs.db", "desktop.ini")  # what Windows leaves behind
PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")
CONTROL = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]"
)  # the last turn text round
CONTROLS = str.maketrans("", "", "\ufeff\u200b")


class NoLabelsFileError(Refusal):
    """There is no such labels file."""

    en = "There is no labels file {path}: give the path of a CSV file with a header."
    zh = "找不到标签文件 {path}：请给出带表头的 CSV 文件的路径。"


class NotUtf8Error(Refusal):
    """The labels are not UTF-8 and no other encoding was declared."""

    en = (
        "{path} is not UTF-8 (byte {byte} at position {position}). If it was saved by Chinese "
        "Excel, say --encoding gb18030; otherwise save it as “CSV UTF-8”."
    )
    zh = (
        "{path} 不是 UTF-8 编码（第 {position} 字节处为 {byte}）。如由中文版 Excel 保存，"
        "请加 --encoding gb18030；否则请另存为“CSV UTF-8”。"
    )


class WrongEncodingError(Refusal):
    """The labels do not fit the encoding that was declared."""

    en = "{path} cannot be read as {encoding} (byte {position}): save it as “CSV UTF-8”."
    zh = "{path} 无法按 {encoding} 读取（第 {position} 字节）：请另存为“CSV UTF-8”。"


class Utf16Error(Refusal):
    """The labels are UTF-16, as “Unicode text” of a spreadsheet is."""

    en = "{path} is UTF-16 (“Unicode text”), which is not read: save it as “CSV UTF-8”."
    zh = "{path} 是 UTF-16（“Unicode 文本”），无法读取：请另存为“CSV UTF-8（逗号分隔）”。"


class UnknownEncodingError(Refusal):
    """An encoding was declared that labels may not have."""

    en = "Encoding {encoding!r} is not read: say utf-8 or gb18030."
    zh = "不支持编码 {encoding!r}：请用 utf-8 或 gb18030。"


class BadCsvError(Refusal):
    """The file is no CSV."""

    en = "{path}, line {line}: not readable as CSV ({detail}); save it again as “CSV UTF-8”."
    zh = "{path} 第 {line} 行：不是可读的 CSV（{detail}）；请重新另存为“CSV UTF-8”。"


class NoRowsError(Refusal):
    """The labels have no row."""

    en = "{path} has 0 rows below its header: a trial needs at least one labelled piece."
    zh = "{path} 表头之下有 0 行：试验至少需要一件有标签的样本。"


class MissingColumnsError(Refusal):
    """A column that the task needs is absent."""

    en = (
        "{path} lacks the columns {missing} that the task “{task}” needs; its header is "
        "“{header}”. Separate columns by commas and name them exactly so."
    )
    zh = (
        "{path} 缺少任务“{task}”所需的列：{missing}；现有表头为“{header}”。"
        "请用逗号分隔各列，并使用上述列名。"
    )


class UnknownColumnsError(Refusal):
    """A column is there that nothing knows; it might carry the answer."""

    en = (
        "{path} has unknown columns: {unknown}{nearest}. Remove them, or name what the solution "
        "may see data.NAME, so that no label leaks by accident."
    )
    zh = (
        "{path} 有不认识的列：{unknown}{nearest}。请删除；确要交给解决方案看的，"
        "列名写成 data.名称，以免标签意外泄露。"
    )


class DuplicateColumnsError(Refusal):
    """Two columns have one name."""

    en = "{path} has the column “{column}” twice: keep one."
    zh = "{path} 中列“{column}”出现了两次：请只保留一列。"


class RaggedRowError(Refusal):
    """A row has more or fewer cells than the header."""

    en = (
        "{path}, line {line}: {cells} cells, but the header has {columns}; quote cells with commas."
    )
    zh = "{path} 第 {line} 行有 {cells} 格，而表头有 {columns} 列；含逗号的单元格请加引号。"


class ControlCharacterError(Refusal):
    """A cell holds a character that nobody can see or type."""

    en = "{path}, line {line}: {value} holds the control character {character}; remove it."
    zh = "{path} 第 {line} 行：{value} 含有控制字符 {character}；请删除。"


class EmptyCellError(Refusal):
    """A cell that must say something is empty."""

    en = "{path}, line {line}: “{column}” is empty; fill it in or remove the row."
    zh = "{path} 第 {line} 行：“{column}”为空；请填写或删除该行。"


class DuplicatePieceError(Refusal):
    """One piece is labelled twice."""

    en = "{path}: {piece} is labelled twice, in lines {first} and {line}: keep one row."
    zh = "{path}：{piece} 被标注了两次（第 {first} 行和第 {line} 行）：请只保留一行。"


class BadNumberError(Refusal):
    """A number is none, or not finite."""

    en = "{path}, line {line}: {column} is {value!r}, not a finite number."
    zh = "{path} 第 {line} 行：{column} 为 {value!r}，不是有限的数。"


class BadBoxError(Refusal):
    """A box has its corners in the wrong order, or lacks some."""

    en = (
        "{path}, line {line}: the box {box} of {piece} is not x1 < x2, y1 < y2 with x1, y1 ≥ 0; "
        "give pixel corners, upper left first."
    )
    zh = (
        "{path} 第 {line} 行：{piece} 的框 {box} 不满足 x1 < x2、y1 < y2 且 x1、y1 ≥ 0；"
        "请按像素给出左上角与右下角。"
    )


class PathEscapesError(Refusal):
    """A labelled file lies outside the data folder."""

    en = (
        "{path}, line {line}: {file!r} leads out of the data folder; paths are relative to it, "
        "without “..” and without links that lead outside."
    )
    zh = (
        "{path} 第 {line} 行：{file!r} 指向数据文件夹之外；路径须相对该文件夹，"
        "不得含“..”，也不得经链接指向外部。"
    )


class AbsentFilesError(Refusal):
    """Labels speak of files that are not there."""

    en = "{count} labelled files are not in {data}: {shown}. Add the files or remove their rows."
    zh = "{data} 中缺少 {count} 个已标注的文件：{shown}。请补上文件或删去对应的行。"


class UnlabelledFilesError(Refusal):
    """Files lie in the data folder that no label speaks of."""

    en = (
        "{count} files in {data} have no label: {shown}. Label them or move them out: "
        "a piece that nobody judges would be left out in silence."
    )
    zh = "{data} 中有 {count} 个文件没有标签：{shown}。请补标或移出：不能悄悄漏掉任何一件。"


class CaseCollisionError(Refusal):
    """Two names differ only by case, so that they are one file on other systems."""

    en = (
        "{first!r} and {second!r} in {data} differ only by case or by Unicode form: on Windows "
        "they are one file, and labels would hit the wrong one. Rename one."
    )
    zh = (
        "{data} 中的 {first!r} 与 {second!r} 仅大小写或 Unicode 形式不同：在 Windows 上是"
        "同一个文件，标签会错配。请改其中一个的名字。"
    )


class NoPositiveError(Refusal):
    """The kind that a miss is counted on never occurs."""

    en = "No piece is labelled {positive!r}, the positive kind; the labels are {labels}{nearest}."
    zh = "没有一件样本的标签是正类 {positive!r}；现有标签：{labels}{nearest}。"


class ReservedDataError(Refusal):
    """A public value has a name that the seal itself uses."""

    en = "{path}: the column data.{name} is taken: the seal hands out {name!r} itself."
    zh = "{path}：列 data.{name} 不可用：封存时会自行给出 {name!r}。"


class ConflictingRowsError(Refusal):
    """Two rows of one piece contradict each other."""

    en = "{path}, line {line}: {piece} has {column} {second!r}, but {first!r} in an earlier row."
    zh = "{path} 第 {line} 行：{piece} 的 {column} 为 {second!r}，而前面的行写的是 {first!r}。"


@attrs.frozen
class TrueBox:
    """One true box: pixel corners ``(x1, y1, x2, y2)`` and its class."""

    box: tuple[float, float, float, float]
    label: str


@attrs.frozen(kw_only=True)
class Piece:
    """One labelled piece, as its owner wrote it.

    Attributes
    ----------
    line
        The line of the labels file on which the piece first occurs, from 1.
    file
        Path below the data folder, with ``/``; None where a step has no file.
    label
        The class; None in the tasks detect, alarm and value.
    boxes
        True boxes; empty for a piece without defects.
    value
        The true number, or None.
    series, t, event
        Series, step and outbreak (empty: quiet) of an alarm task.
    cluster
        Pieces with the same cluster belong together; None: nothing was declared.
    companions
        Name to path of the files that are handed out with the piece.
    data
        Public values that are handed out with the piece.

    """

    line: int
    file: str | None = None
    label: str | None = None
    boxes: tuple[TrueBox, ...] = ()
    value: float | None = None
    series: str = ""
    t: str = ""
    event: str = ""
    cluster: str | None = None
    companions: Mapping[str, str] = attrs.field(factory=dict)
    data: Mapping[str, object] = attrs.field(factory=dict)

    @property
    def name(self) -> str:
        """What the owner calls the piece."""
        return self.file or f"{self.series} {self.t}"


def read_labels(path: Path, *, task: Task, encoding: str | None = None) -> tuple[Piece, ...]:
    """Read a labels file; refuse whatever could make a trial count wrongly.

    Parameters
    ----------
    path
        A CSV file with a header and commas.
    task
        What the labels are for; decides which columns are needed.
    encoding
        ``gb18030`` (reads GBK and GB 2312 too) when declared; UTF-8, with or without BOM,
        otherwise.

    Returns
    -------
    The pieces in the order of the file; boxes of one picture are gathered in one piece.

    Raises
    ------
    Refusal
        One kind for each broken rule; see the classes of this module.

    """
    text = _decode(path, encoding=encoding)
    rows = _rows(path, text)
    header = _header(path, next(rows, (1, []))[1], task=task)
    pieces = _Gatherer(path=path, task=task, header=header)
    for line, cells in rows:
        if len(cells) != len(header):
            raise RaggedRowError(path=path, line=line, cells=len(cells), columns=len(header))
        pieces.add(line, dict(zip(header, cells, strict=True)))
    if not pieces.gathered:
        raise NoRowsError(path=path)
    return tuple(pieces.gathered.values())


def _decode(path: Path, *, encoding: str | None) -> str:
    codec = (encoding or "utf-8").lower().replace("_", "-")
    if codec not in {"utf-8", "utf8", "utf-8-sig", "gb18030", "gbk", "gb2312"}:
        raise UnknownEncodingError(encoding=encoding)
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise NoLabelsFileError(path=path) from error
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Utf16Error(path=path)
    try:
        return raw.decode("gb18030" if codec.startswith("gb") else "utf-8-sig")
    except UnicodeDecodeError as error:
        if codec.startswith("gb"):
            raise WrongEncodingError(path=path, encoding=codec, position=error.start) from error
        byte = f"0x{raw[error.start]:02x}"
        raise NotUtf8Error(path=path, byte=byte, position=error.start) from error


def _rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):  # a blank line at the end is no row
                yield line, [cell.strip().translate(CONTROLS) for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadCsvError(path=path, line=line, detail=str(error)) from error


def _header(path: Path, header: list[str], *, task: Task) -> list[str]:
    repeated = [column for column in header if header.count(column) > 1]
    if repeated:
        raise DuplicateColumnsError(path=path, column=repeated[0])
    missing = [column for column in REQUIRED[task] if column not in header]
    if missing:
        shown = ",".join(header)
        raise MissingColumnsError(path=path, task=task, missing=", ".join(missing), header=shown)
    known = (*REQUIRED[task], *OPTIONAL[task])
    unknown = [c for c in header if c not in known and not _is_open_column(c)]
    if unknown:
        nearest = nearest_name(unknown[0], (*known, "data.", "with."))
        raise UnknownColumnsError(path=path, unknown=", ".join(unknown), nearest=nearest)
    taken = [name for name in RESERVED_DATA if task == "alarm" and f"data.{name}" in header]
    if taken:
        raise ReservedDataError(path=path, name=taken[0])
    return header


def _is_open_column(column: str) -> bool:
    prefix, _, name = column.partition(".")
    return prefix in {"with", "data"} and bool(name)


def nearest_name(name: str, known: Sequence[str]) -> str:
    """Return ``" (nearest: X)"`` in both languages' punctuation-free form, or nothing."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" (→ {close[0]}?)" if close else ""


class _Gatherer:
    """Turns rows into pieces; one piece may have several rows in the task detect."""

    text_columns: ClassVar[tuple[str, ...]] = ("label", "series", "t", "event", "cluster")

    def __init__(self, *, path: Path, task: Task, header: Sequence[str]) -> None:
        self.path = path
        self.task = task
        self.companions = [c for c in header if c.startswith("with.")]
        self.data = [c for c in header if c.startswith("data.")]
        self.gathered: dict[tuple[str, ...], Piece] = {}

    def add(self, line: int, row: Mapping[str, str]) -> None:
        piece = self._piece(line, row)
        key = (piece.series, piece.t) if self.task == "alarm" else (piece.file or "",)
        earlier = self.gathered.get(key)
        if earlier is None:
            self.gathered[key] = piece
        elif self.task == "detect" and earlier.boxes and piece.boxes:
            self._agree(earlier, piece)
            self.gathered[key] = attrs.evolve(earlier, boxes=earlier.boxes + piece.boxes)
        else:
            raise DuplicatePieceError(
                path=self.path, piece=piece.name, first=earlier.line, line=line
            )

    def _agree(self, earlier: Piece, piece: Piece) -> None:
        for column in ("cluster", "companions", "data"):
            first, second = getattr(earlier, column), getattr(piece, column)
            if first != second:
                raise ConflictingRowsError(
                    path=self.path,
                    line=piece.line,
                    piece=piece.name,
                    column=column,
                    first=first,
                    second=second,
                )

    def _piece(self, line: int, row: Mapping[str, str]) -> Piece:
        self._refuse_empty(line, row)
        self._refuse_controls(line, row)
        boxes = self._boxes(line, row) if self.task == "detect" else ()
        return Piece(
            line=line,
            file=self._path(line, row.get("file", "")),
            label=row["label"] if self.task == "classify" else None,
            boxes=boxes,
            value=self._number(line, row, "value") if self.task == "value" else None,
            series=row.get("series", ""),
            t=row.get("t", ""),
            event=row.get("event", ""),
            cluster=row.get("cluster") or None,
            companions={
                column.removeprefix("with."): self._path(line, row[column]) or ""
                for column in self.companions
                if row[column]
            },
            data={column.removeprefix("data."): _public(row[column]) for column in self.data},
        )

    def _refuse_empty(self, line: int, row: Mapping[str, str]) -> None:
        may_be_empty = {"event", *BOX_COLUMNS, *(["label"] if self.task == "detect" else [])}
        for column in REQUIRED[self.task]:
            if not row[column] and column not in may_be_empty:
                raise EmptyCellError(path=self.path, line=line, column=column)

    def _refuse_controls(self, line: int, row: Mapping[str, str]) -> None:
        for column in self.text_columns:
            found = CONTROL.search(row.get(column, ""))
            if found:
                shown = f"U+{ord(found[0]):04X}"
                value = ascii(row[column])
                raise ControlCharacterError(path=self.path, line=line, value=value, character=shown)

    def _path(self, line: int, written: str) -> str | None:
        if not written:
            return None
        path = PurePosixPath(written.replace("\\", "/"))
        drive = len(written) > 1 and written[1] == ":"
        if path.is_absolute() or drive or ".." in path.parts or "\0" in written:
            raise PathEscapesError(path=self.path, line=line, file=written)
        return str(path)

    def _number(self, line: int, row: Mapping[str, str], column: str) -> float:
        try:
            number = float(row[column])
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise BadNumberError(path=self.path, line=line, column=column, value=row[column])
        return number

    def _boxes(self, line: int, row: Mapping[str, str]) -> tuple[TrueBox, ...]:
        written = [row[column] for column in BOX_COLUMNS]
        if not row["label"] and not any(written):
            return ()
        if not row["label"]:
            raise EmptyCellError(path=self.path, line=line, column="label")
        x1, y1, x2, y2 = (self._number(line, row, column) for column in BOX_COLUMNS)
        if not (0 <= x1 < x2 and 0 <= y1 < y2):
            box = ",".join(written)
            raise BadBoxError(path=self.path, line=line, box=box, piece=row["file"])
        return (TrueBox((x1, y1, x2, y2), row["label"]),)


def _public(cell: str) -> object:
    """Return a public value as the number it plainly is, or as text ("007" stays text)."""
    if not PLAIN_NUMBER.fullmatch(cell):
        return cell
    return float(cell) if "." in cell else int(cell)


def match_files(
    pieces: Sequence[Piece], *, data: Path, ignored: Sequence[Path] = ()
) -> dict[str, Path]:
    """Find every file that the labels name, and refuse files that no label names.

    Parameters
    ----------
    pieces
        What the labels say.
    data
        The data folder.
    ignored
        Files that may lie in the data folder without being pieces: labels, promise.

    Returns
    -------
    Path as written in the labels to the real file.

    """
    inside = data.resolve()
    present = _present_files(inside, ignored={path.resolve() for path in ignored})
    found: dict[str, Path] = {}
    absent: dict[str, None] = {}  # a set that keeps its order
    for piece in pieces:
        for written in (piece.file, *piece.companions.values()):
            if written is None or written in found:
                continue
            real = present.get(_folded(written))
            if real is None or not real.is_file() or not _same_name(written, real, data=inside):
                absent[_with_hint(written, real, data=inside)] = None
                continue
            if real.is_symlink() and not real.resolve().is_relative_to(inside):
                raise PathEscapesError(path=data, line=piece.line, file=written)
            found[written] = real
    if absent:
        raise AbsentFilesError(data=data, count=len(absent), shown=shorten(list(absent)))
    _refuse_unlabelled(present, used=set(found.values()), data=data)
    return found


def _refuse_unlabelled(present: Mapping[str, Path], *, used: set[Path], data: Path) -> None:
    inside = data.resolve()
    left = sorted(p.relative_to(inside).as_posix() for p in present.values() if p not in used)
    if left:
        raise UnlabelledFilesError(data=data, count=len(left), shown=shorten(left))


def _present_files(data: Path, *, ignored: set[Path]) -> dict[str, Path]:
    present: dict[str, Path] = {}
    for path in _walk(data):
        below = path.relative_to(data).as_posix()
        if below in OWN_FILES or path in ignored:
            continue
        earlier = present.setdefault(_folded(below), path)
        if earlier != path:
            first = earlier.relative_to(data).as_posix()
            raise CaseCollisionError(data=data, first=first, second=below)
    return present


def _walk(data: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(data):
        links = [name for name in below if (Path(folder) / name).is_symlink()]
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted([*names, *links]):
            if not name.startswith(".") and name not in DESKTOP_FILES:
                yield Path(folder) / name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _same_name(written: str, real: Path, *, data: Path) -> bool:
    below = real.relative_to(data).as_posix()
    return unicodedata.normalize("NFC", written) == unicodedata.normalize("NFC", below)


def _with_hint(written: str, real: Path | None, *, data: Path) -> str:
    if real is None:
        return written
    if _same_name(written, real, data=data):
        return f"{written} (no plain file)"
    return f"{written} (→ {real.relative_to(data).as_posix()}?)"


def shorten(names: Sequence[str], *, shown_max: int = SHOWN_MAX) -> str:
    """Return the first names, and an ellipsis when there are more."""
    return ", ".join(names[:shown_max]) + (", …" if len(names) > shown_max else "")


def check_positive(pieces: Sequence[Piece], *, positive: Sequence[str]) -> None:
    """Refuse labels in which a positive kind never occurs: no miss could be counted."""
    labels = sorted({piece.label for piece in pieces if piece.label is not None})
    for kind in positive:
        if kind not in labels:
            raise NoPositiveError(
                positive=kind, labels=shorten(labels), nearest=nearest_name(kind, labels)
            )
