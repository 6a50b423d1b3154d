"""Archives as a row of entries; whatever their readers can trip over ends as one error."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

import attrs

from liudu.contract._refusal import Refusal

EntryKind = Literal[
    "file", "folder", "symbolic link", "hard link", "pipe", "socket", "device", "sparse file"
]
_HEADER_BYTES_MAX = 1024 * 1024  # no honest name or directory entry is longer
_DIRECTORY_BYTES_MAX = 16 * 1024 * 1024  # a zip's table of contents is read into memory
_END_BYTES = 22
_COMMENT_BYTES_MAX = 65_535
_UNIX = 3
_UTF8_FLAG, _ENCRYPTED_FLAG = 0x800, 0x1


class UnreadableArchive(Exception):  # noqa: N818 - not an end, `open_bundle` says the sentence
    """An archive cannot be read on; `kind` says why."""

    def __init__(self, kind: Literal["broken", "encrypted", "too big"], what: str = "") -> None:
        super().__init__(what)
        self.kind, self.what = kind, what


@attrs.frozen(kw_only=True)
class Entry:
    """One member of an archive or folder; `open` gives its bytes."""

    name: str
    kind: EntryKind
    executable: bool
    open: Callable[[], IO[bytes]]


@contextmanager
def zip_entries(path: Path, *, size_bytes_max: int) -> Iterator[Iterator[Entry]]:
    """Open a zip; its entries come in the order of its directory."""
    with _broken(), path.open("rb") as stream:
        _check_directory(stream, size_bytes_max=size_bytes_max)
        with zipfile.ZipFile(stream) as archive:
            yield (_zip_entry(archive, member) for member in archive.infolist())


def _check_directory(stream: IO[bytes], *, size_bytes_max: int) -> None:
    """Refuse a table of contents that would fill the memory before the first file is seen."""
    size = stream.seek(0, io.SEEK_END)
    if size > size_bytes_max:
        raise UnreadableArchive("too big")
    stream.seek(max(0, size - _END_BYTES - _COMMENT_BYTES_MAX - 20))
    tail = stream.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + _END_BYTES:
        raise UnreadableArchive("broken", "no end of directory")
    (directory_bytes,) = struct.unpack("<L", tail[end + 12 : end + 16])
    # Only an archive beyond our limits needs the 64-bit directory, whose size could be anything.
    has_zip64 = tail[max(0, end - 20) : end].startswith(b"PK\x06\x07")
    if has_zip64 or directory_bytes > _DIRECTORY_BYTES_MAX:
        raise UnreadableArchive("too big")
    stream.seek(0)


def _zip_entry(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Entry:
    if member.flag_bits & _ENCRYPTED_FLAG:
        raise UnreadableArchive("encrypted", member.filename)
    mode = member.external_attr >> 16 if member.create_system == _UNIX else 0
    return Entry(
        name=_zip_name(member).rstrip("/"),
        kind="folder" if member.is_dir() else _kind(mode),
        executable=bool(mode & 0o111),
        open=lambda: archive.open(member),
    )


def _zip_name(member: zipfile.ZipInfo) -> str:
    """Return the name; Info-ZIP writes UTF-8 without saying so, where the standard says CP437."""
    name = member.orig_filename
    if member.flag_bits & _UTF8_FLAG or name.isascii():
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name.encode("cp437", "replace").decode("utf-8", "surrogateescape")


@contextmanager
def tar_entries(path: Path, *, size_bytes_max: int) -> Iterator[Iterator[Entry]]:
    """Open a gzipped tar; what it unpacks to is counted, headers and padding included."""
    with _broken(), gzip.open(path, "rb") as stream:
        # Twice, for a file of one byte takes a header and a block.
        metered = _Metered(stream, size_bytes_max=2 * size_bytes_max + _DIRECTORY_BYTES_MAX)
        with tarfile.open(fileobj=metered, mode="r:") as archive:
            yield _tar_entries(archive, stream=metered)


def _tar_entries(archive: tarfile.TarFile, *, stream: "_Metered") -> Iterator[Entry]:
    for member in archive:
        yield Entry(
            name=member.name.removeprefix("./"),
            kind=_tar_kind(member),
            executable=bool(member.mode & 0o111),
            open=lambda member=member: _tar_member(archive, member),  # type: ignore[misc]
        )
    while stream.read(_HEADER_BYTES_MAX):  # only at its very end does gzip compare the checksum
        pass


def _tar_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    opened = archive.extractfile(member)
    if opened is None:
        raise UnreadableArchive("broken", member.name)
    return opened


def _tar_kind(member: tarfile.TarInfo) -> EntryKind:
    kinds: tuple[tuple[bool, EntryKind], ...] = (
        (member.isdir(), "folder"),
        (member.issym(), "symbolic link"),
        (member.islnk(), "hard link"),
        (member.isfifo(), "pipe"),
        (member.issparse(), "sparse file"),
        (member.isreg(), "file"),
    )
    return next((kind for is_it, kind in kinds if is_it), "device")


def _kind(mode: int) -> EntryKind:
    kinds: dict[int, EntryKind] = {
        0: "file",
        stat.S_IFREG: "file",
        stat.S_IFDIR: "folder",
        stat.S_IFLNK: "symbolic link",
        stat.S_IFIFO: "pipe",
        stat.S_IFSOCK: "socket",
    }
    return kinds.get(stat.S_IFMT(mode), "device")


class _Metered(io.RawIOBase):
    """A stream that ends a bomb: no header beyond a mebibyte, no position beyond the limit."""

    def __init__(self, stream: gzip.GzipFile, *, size_bytes_max: int) -> None:
        self._stream, self._size_bytes_max = stream, size_bytes_max

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER_BYTES_MAX:
            raise UnreadableArchive("too big")
        self._check(self._stream.tell() + size)
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._check(offset)
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def _check(self, position: int) -> None:
        if position > self._size_bytes_max:
            raise UnreadableArchive("too big")


@contextmanager
def _broken() -> Iterator[None]:
    """Turn what the readers of the standard library raise on damage into one error."""
    try:
        yield
    except Refusal:  # of whoever unpacks, and a ValueError too
        raise
    except RuntimeError as error:  # zipfile's word for a password
        raise UnreadableArchive("encrypted", str(error)) from error
    except NotImplementedError as error:
        raise UnreadableArchive("broken", str(error)) from error
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        gzip.BadGzipFile,
        zlib.error,
        EOFError,
        struct.error,
        ValueError,
        OverflowError,
    ) as error:
        raise UnreadableArchive("broken", str(error) or type(error).__name__) from error
