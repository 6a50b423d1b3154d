"""An owner's archive: taken in with limits, and unpacked without trusting a word of it."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Final, Protocol

from liudu.contract import Refusal
from liudu.platform.arrivals import Arrival, free_bytes, room_in

CHUNK: Final = 1 << 20
FILES_MAX: Final = 1_000_000
FREE_BYTES_MIN: Final = 64 << 20
NAME_BYTES_MAX: Final = 255
LABELS: Final = "labels.csv"
PIECES: Final = "data"
_JUNK: Final = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
_METHODS: Final = frozenset(
    {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
)


class Readable(Protocol):
    """Something that gives bytes until it is at its end."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes; none at the end."""


class UploadTooLargeError(Refusal):
    """The archive is larger than this platform takes."""

    status: ClassVar[int] = 413
    en = (
        "The archive has more than {size_mib_max} MiB, which is the limit here: leave out what "
        "the trial does not need, or ask the operator to raise LIUDU_SEAL_BYTES_MAX."
    )
    zh = (
        "压缩包超过本平台的上限 {size_mib_max} MiB：请去掉试验用不到的内容，"
        "或请平台运营方调高 LIUDU_SEAL_BYTES_MAX。"
    )


class EmptyUploadError(Refusal):
    """Nothing came."""

    en = "The file is empty: choose the zip with your data and labels.csv."
    zh = "文件是空的：请选择包含数据和 labels.csv 的 zip 压缩包。"


class NoRoomError(Refusal):
    """The platform's disk is full: not the owner's fault."""

    machine = True
    status: ClassVar[int] = 503
    en = (
        "The platform has no room for these data at the moment ({free_mib} MiB are free). Nothing "
        "was kept; the operator has to free some space, then upload again."
    )
    zh = (
        "平台磁盘空间不足（剩余 {free_mib} MiB），未保存任何内容。"
        "请联系平台运营方清理空间后重新上传。"
    )


class NotAZipError(Refusal):
    """The file is no zip, or was cut off."""

    en = "The file is not a whole zip archive: make it again, and upload it without interruption."
    zh = "文件不是完整的 zip 压缩包：请重新打包，并确保上传没有中断。"


class ZipNotReadableError(Refusal):
    """A part of the zip cannot be read."""

    en = "The archive cannot be unpacked ({detail}): make it again as a plain zip."
    zh = "压缩包无法解开（{detail}）：请重新打成普通 zip。"


class EncryptedZipError(Refusal):
    """The zip has a password."""

    en = (
        "The archive has a password: make it without one. It is sent over the platform's own "
        "connection, and removed once it is sealed."
    )
    zh = "压缩包设有密码：请去掉密码后重新打包。上传只经平台自身的连接，封存后原件即被删除。"


class LeavesArchiveError(Refusal):
    """A name in the archive leads out of it."""

    en = "{name!r} in the archive leads out of it: every name must lie below its top, without “..”."
    zh = "压缩包中的 {name!r} 指向包外：所有文件都须在包内，路径不得含“..”或以“/”开头。"


class NotPlainFileError(Refusal):
    """Something in the archive is neither a file nor a folder."""

    en = "{name!r} in the archive is a link or a device: pack the file itself."
    zh = "压缩包中的 {name!r} 是链接或设备：请直接打包文件本身。"


class TwiceInArchiveError(Refusal):
    """A name is there twice."""

    en = "{name!r} is in the archive twice: keep one."
    zh = "压缩包中 {name!r} 出现了两次：请只保留一个。"


class UnpackedTooLargeError(Refusal):
    """The archive unpacks to more than it may."""

    en = (
        "Unpacked, the archive has more than {size_mib_max} MiB, which is the limit here: leave "
        "out what the trial does not need."
    )
    zh = "压缩包解开后超过本平台的上限 {size_mib_max} MiB：请去掉试验用不到的内容。"


class TooManyFilesError(Refusal):
    """The archive holds too many files."""

    en = "The archive holds {file_count} files; at most {file_count_max} are taken."
    zh = "压缩包内有 {file_count} 个文件，最多 {file_count_max} 个。"


class NoLabelsError(Refusal):
    """There is no labels file."""

    en = (
        "The archive holds no labels.csv. Put it at the top, beside the pieces or beside a folder "
        "`data` with them, one row for each piece."
    )
    zh = "压缩包中没有 labels.csv。请放在最上层，与样本或样本文件夹 data 并列，每件样本一行。"


class Upload(Arrival):
    """Takes one archive in; its name is not kept."""

    def too_large(self) -> Refusal:
        """Return what says so."""
        return UploadTooLargeError(size_mib_max=self.size_bytes_max >> 20)

    def empty(self) -> Refusal:
        """Return what says so."""
        return EmptyUploadError()

    def no_room(self, free_mib: int) -> Refusal:
        """Return what says so."""
        return no_room(free_mib)


def receive(stream: Readable, *, into: Path, size_bytes_max: int) -> tuple[str, int]:
    """Write an upload to a new private file; return its digest and size.

    Raises
    ------
    UploadTooLargeError, EmptyUploadError, NoRoomError
        Nothing is left then.

    """
    upload = Upload(into, size_bytes_max=size_bytes_max)
    digest = upload.take_all(_chunks(stream))
    return f"sha256:{digest}", upload.size_bytes


def _chunks(stream: Readable) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def require_whole(archive: Path) -> None:
    """Refuse at once what is no zip, or lost its end on the way.

    Raises
    ------
    NotAZipError

    """
    if not zipfile.is_zipfile(archive):
        raise NotAZipError


def unpack(archive: Path, *, into: Path, size_bytes_max: int) -> tuple[Path, Path]:
    """Unpack an archive into a new private folder; return the folder of pieces and the labels.

    Names are looked at before anything is written, and bytes are counted as they come, for what
    an archive says of itself need not be true.

    Parameters
    ----------
    size_bytes_max
        Of all files together, unpacked.

    Raises
    ------
    Refusal
        One kind for each broken rule; the folder may then hold a part, and the caller removes it.

    """
    try:
        with room_in(into.parent, refusal=no_room), zipfile.ZipFile(archive) as opened:
            members = _looked_at(opened, size_bytes_max=size_bytes_max)
            _require_room(into.parent, sum(info.file_size for info, _ in members))
            into.mkdir(mode=0o700)
            left = size_bytes_max
            for info, name in members:
                left -= _write(opened, info, into / name, left=left, size_bytes_max=size_bytes_max)
    except zipfile.BadZipFile as error:
        raise NotAZipError from error
    except (NotImplementedError, EOFError, zlib.error, ValueError, RuntimeError) as error:
        if isinstance(error, Refusal):
            raise
        raise ZipNotReadableError(detail=type(error).__name__) from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ZipNotReadableError(detail="a name is a file and a folder") from error
    return _layout(into)


def no_room(free_mib: int) -> NoRoomError:
    """Return what says that the disk is full."""
    return NoRoomError(free_mib=free_mib)


def _looked_at(
    opened: zipfile.ZipFile, *, size_bytes_max: int
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    infos = [info for info in opened.infolist() if not info.is_dir()]
    if len(infos) > FILES_MAX:
        raise TooManyFilesError(file_count=len(infos), file_count_max=FILES_MAX)
    members, seen = [], set()
    for info in infos:
        name = _name(info)
        if any(part in _JUNK for part in name.parts):
            continue
        _require_plain(info, name)
        if name in seen:
            raise TwiceInArchiveError(name=str(name))
        seen.add(name)
        members.append((info, name))
    if sum(info.file_size for info, _ in members) > size_bytes_max:
        raise UnpackedTooLargeError(size_mib_max=size_bytes_max >> 20)
    return members


def _name(info: zipfile.ZipInfo) -> PurePosixPath:
    """Return a member's path; Windows writes Chinese names in GBK and does not say so."""
    written = info.orig_filename
    if not info.flag_bits & 0x800:
        raw = written.encode("cp437")
        try:
            written = raw.decode("utf-8")
        except UnicodeDecodeError:
            written = raw.decode("gb18030", errors="replace")
    path = PurePosixPath(written.replace("\\", "/"))
    drive = len(written) > 1 and written[1] == ":"
    too_long = any(len(part.encode()) > NAME_BYTES_MAX for part in path.parts)
    if path.is_absolute() or drive or ".." in path.parts or "\0" in written or too_long:
        raise LeavesArchiveError(name=written[:120])
    return path


def _require_plain(info: zipfile.ZipInfo, name: PurePosixPath) -> None:
    if info.flag_bits & 0x1:
        raise EncryptedZipError
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise NotPlainFileError(name=str(name)[:120])
    if info.compress_type not in _METHODS:
        raise ZipNotReadableError(detail=f"compression {info.compress_type}")


def _require_room(folder: Path, needed: int) -> None:
    free = free_bytes(folder)
    if needed + FREE_BYTES_MIN > free:
        raise no_room(free >> 20)


def _write(
    opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, *, left: int, size_bytes_max: int
) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    size = 0
    with opened.open(info) as packed, path.open("xb") as file:
        for chunk in _chunks(packed):
            size += len(chunk)
            if size > left:
                raise UnpackedTooLargeError(size_mib_max=size_bytes_max >> 20)
            file.write(chunk)
    return size


def _layout(folder: Path) -> tuple[Path, Path]:
    """Find the labels at the top or in the only folder there; the pieces lie beside or in data/."""
    top = folder
    while not (top / LABELS).is_file():
        below = list(top.iterdir())
        if len(below) != 1 or not below[0].is_dir():
            raise NoLabelsError
        top = below[0]
    beside = [path for path in top.iterdir() if path.name not in (LABELS, PIECES)]
    only_data = (top / PIECES).is_dir() and all(path.is_file() for path in beside)
    pieces = top / PIECES if only_data and not _named_from(top) else top
    return pieces, top / LABELS


def _named_from(top: Path) -> bool:
    """Whether the labels name the pieces with their folder: data/a.png."""
    with (top / LABELS).open("rb") as file:
        head: Any = file.read(1 << 16)
    return any(line.startswith((b"data/", b"data\\", b'"data/')) for line in head.splitlines())
