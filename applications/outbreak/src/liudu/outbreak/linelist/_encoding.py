"""In which encoding a text file is written: declared, marked, proved, or refused."""

import codecs
from pathlib import Path
from typing import Final

import attrs

from liudu.contract import Refusal
from liudu.outbreak.linelist._schema import plain

CHUNK_BYTES: Final = 1 << 22
HEAD_BYTES: Final = 1 << 16
GB, UTF8 = "gb18030", "utf-8"
MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
EVERYDAY_SHARE_MIN: Final = 0.98
LEVEL_1: Final = (0xB0, 0xD7)  # lead bytes of the 3755 everyday characters of GB 2312
TRAIL_MIN: Final = 0xA1


class UnknownEncodingError(Refusal):
    """The name of an encoding is not known."""

    en = "The encoding {encoding!r} is not known: use utf-8, gb18030, utf-16, or another of Python."
    zh = "编码 {encoding!r} 无法识别：可用 utf-8、gb18030、utf-16 等。"


class WrongEncodingError(Refusal):
    """A file is not written in the encoding that was declared."""

    en = "{file} is not {encoding}: byte {byte} cannot be read. Leave --encoding out to detect it."
    zh = "{file} 不是 {encoding} 编码：第 {byte} 字节无法解码。可去掉 --encoding 自动判断。"


class EncodingInDoubtError(Refusal):
    """The bytes of a file allow more than one reading, or none."""

    en = (
        "The encoding of {file} is in doubt: not UTF-8 (byte {byte}), and as GB18030 it reads "
        "{sample!r}, which is not everyday Chinese. Say what it is, e.g. --encoding cp1252."
    )
    zh = (
        "无法确定 {file} 的编码：不是 UTF-8（第 {byte} 字节），按 GB18030 读得 {sample!r}，"
        "不像常用汉字。请用 --encoding 指明，例如 --encoding cp1252。"
    )


@attrs.frozen(kw_only=True)
class Encoding:
    """What was taken, and why: declared, bom, valid, header, common (see `quality.Taken`)."""

    name: str
    why: str


def encoding_of(
    path: Path, *, declared: str | None = None, known: frozenset[str] = frozenset()
) -> Encoding:
    """Return the encoding of a text file.

    A declared encoding wins, and is refused where it cannot read the file. Else a byte order
    mark; else UTF-8 if the whole file is UTF-8; else UTF-16 by its zero bytes; else GB18030
    (which contains GBK) if that makes known names of the header, or everyday Chinese.

    Parameters
    ----------
    path
        The file; all of it is decoded, piece by piece.
    declared
        What the user says.
    known
        Names of columns in the form of `plain`.

    Raises
    ------
    UnknownEncodingError, WrongEncodingError, EncodingInDoubtError

    """
    if declared:
        return _declared(path, declared)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for mark, name in MARKS:
        if head.startswith(mark):
            _refuse_broken(path, name)
            return Encoding(name=name, why="bom")
    if half := _utf16(head):
        return Encoding(name=half, why="valid")
    broken = first_broken(path, UTF8)
    if broken is None:
        return Encoding(name=UTF8, why="valid")
    return _chinese(path, head=head, known=known, broken=broken)


def _declared(path: Path, declared: str) -> Encoding:
    try:
        name = codecs.lookup(declared).name
    except LookupError as error:
        raise UnknownEncodingError(encoding=declared) from error
    name = {"gbk": GB, "gb2312": GB, "utf-8": "utf-8-sig"}.get(name, name)
    _refuse_broken(path, name)
    return Encoding(name=name, why="declared")


def _refuse_broken(path: Path, name: str) -> None:
    broken = first_broken(path, name)
    if broken is not None:
        raise WrongEncodingError(file=path.name, encoding=name, byte=broken)


def first_broken(path: Path, encoding: str) -> int | None:
    """Return where a file stops being readable (bytes from the start), or none."""
    decoder = codecs.getincrementaldecoder(encoding)()
    before = 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK_BYTES)
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                return before - pending + error.start
            if not chunk:
                return None
            before += len(chunk)


def _utf16(head: bytes) -> str | None:
    """Tell UTF-16 without a mark: in the header, delimiters and line ends have a zero byte."""
    if len(head) < 4 or b"\0" not in head:  # noqa: PLR2004 - two characters
        return None
    even, odd = head[0::2], head[1::2]
    return "utf-16-le" if odd.count(0) > even.count(0) else "utf-16-be"


def _chinese(path: Path, *, head: bytes, known: frozenset[str], broken: int) -> Encoding:
    text = head.decode(GB, errors="replace")
    if first_broken(path, GB) is None:
        lines = text.splitlines()[:20]
        names = {
            plain(name)
            for line in lines
            for name in line.replace("\t", ",").replace(";", ",").replace('"', "").split(",")
        }
        if any(name in known and not name.isascii() for name in names):
            return Encoding(name=GB, why="header")
        if _everyday_share(head) >= EVERYDAY_SHARE_MIN:
            return Encoding(name=GB, why="common")
    sample = "".join(character for character in text if ord(character) > 0x7F)[:12]  # noqa: PLR2004
    raise EncodingInDoubtError(file=path.name, byte=broken, sample=sample)


def _everyday_share(head: bytes) -> float:
    """Return the share of two-byte characters that are everyday Chinese or its punctuation."""
    everyday = double = at = 0
    while at < len(head) - 1:
        if head[at] < 0x80:  # noqa: PLR2004 - ASCII
            at += 1
            continue
        lead, trail = head[at], head[at + 1]
        double += 1
        common = LEVEL_1[0] <= lead <= LEVEL_1[1] or 0xA1 <= lead <= 0xA3  # noqa: PLR2004
        everyday += common and trail >= TRAIL_MIN
        at += 2
    return everyday / double if double else 0.0


def transcoded(path: Path, *, encoding: str, to: Path) -> None:
    """Write a text file again as UTF-8, piece by piece."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as source, to.open("w", encoding=UTF8, newline="") as target:
        while chunk := source.read(CHUNK_BYTES):
            target.write(decoder.decode(chunk))
        target.write(decoder.decode(b"", final=True))
