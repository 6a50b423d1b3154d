"""Where bundles lie: streamed to disk, counted and hashed on the way, never below a served folder.

What comes in lies in ``incoming/`` until it is known to be a bundle; then it is moved to its name
in one step, so that nobody ever sees half a bundle.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import attrs
from django.conf import settings

from liudu.contract import Bundle, BundleError, BundleLimits, ManifestError, Refusal, open_bundle
from liudu.platform.keys import new_key
from liudu.platform.supply.decisions import with_file_name

MIB: Final = 1 << 20
RESERVE_BYTES: Final = 64 * MIB  # a disk is never filled to the brim: the database lives there too
UNPACKED: Final = BundleLimits(size_mib=1024)
LEFT_BEHIND: Final = timedelta(days=1)
NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FILE_NAME_CHARACTERS_MAX: Final = 200


class BundleTooLargeError(Refusal):
    """More bytes than a bundle may have."""

    status = 413
    en = (
        "{file} has {size_mib} MiB or more; a bundle has at most {size_mib_max} MiB. Leave out "
        "what the solution does not need to run, such as training data."
    )
    zh = (
        "{file} 不小于 {size_mib} MiB，而方案包最大 {size_mib_max} MiB。"
        "请去掉运行时用不到的内容，例如训练数据。"
    )


class EmptyBundleError(Refusal):
    """A file without a byte."""

    en = "{file} is empty: choose the .zip or .tar.gz that you packed."
    zh = "{file} 是空文件：请选择打包好的 .zip 或 .tar.gz。"


class NoRoomError(Refusal):
    """The platform's disk is full."""

    status = 503
    machine = True
    en = (
        "The platform has no room for {file} ({free_mib} MiB are free): nothing was kept and it "
        "is not your fault. Try again later; the operator sees this in the log."
    )
    zh = (
        "平台存储空间不足，无法保存 {file}（剩余 {free_mib} MiB）：没有留下任何内容，"
        "也不是您的问题。请稍后再试；运维人员会在日志中看到。"
    )


@attrs.frozen(kw_only=True)
class Received:
    """A file that has come in whole: its name as its sender calls it, its bytes on our disk."""

    path: Path
    file_name: str
    size_bytes: int
    digest: str

    def discard(self) -> None:
        """Take the file away unless it has been kept."""
        self.path.unlink(missing_ok=True)


class Receiver:
    """Takes one file in, chunk by chunk, and refuses it as soon as it is too large."""

    def __init__(self, file_name: str) -> None:
        self.file_name = plain_name(file_name)
        self.size_bytes = 0
        self._hash = hashlib.sha256()
        self._path = incoming() / new_key()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        self._file = os.fdopen(os.open(self._path, flags, 0o600), "wb")

    def take(self, chunk: bytes) -> None:
        """Write one chunk.

        Raises
        ------
        BundleTooLargeError, NoRoomError
            Nothing is left behind then.

        """
        self.size_bytes += len(chunk)
        try:
            refuse_size(self.size_bytes, file_name=self.file_name)
            self._hash.update(chunk)
            with no_room_said(self.file_name):
                self._file.write(chunk)
        except Refusal:
            self.discard()
            raise

    def finish(self) -> Received:
        """Return the whole file, safely on disk.

        Raises
        ------
        EmptyBundleError, NoRoomError

        """
        try:
            if not self.size_bytes:
                raise EmptyBundleError(file=self.file_name)
            with no_room_said(self.file_name):
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
        except Refusal:
            self.discard()
            raise
        return Received(
            path=self._path,
            file_name=self.file_name,
            size_bytes=self.size_bytes,
            digest=self._hash.hexdigest(),
        )

    def discard(self) -> None:
        """Forget what came in so far."""
        with contextlib.suppress(OSError):  # closing flushes, and the disk may be full
            self._file.close()
        self._path.unlink(missing_ok=True)


def receive(chunks: Iterable[bytes], *, file_name: str) -> Received:
    """Write a stream to disk.

    Raises
    ------
    BundleTooLargeError, EmptyBundleError, NoRoomError
        Nothing is left behind then, nor after any other error.

    """
    with no_room_said(plain_name(file_name)):
        receiver = Receiver(file_name)
    try:
        for chunk in chunks:
            receiver.take(chunk)
        return receiver.finish()
    except BaseException:
        receiver.discard()
        raise


def refuse_size(size_bytes: int, *, file_name: str) -> None:
    """Refuse a size that no bundle may have; also called with a size that was only announced.

    Raises
    ------
    BundleTooLargeError

    """
    limit_bytes: int = settings.BUNDLE_BYTES_MAX
    if size_bytes > limit_bytes:
        raise BundleTooLargeError(
            file=file_name, size_mib=size_bytes // MIB, size_mib_max=f"{limit_bytes / MIB:g}"
        )


def refuse_without_room(size_bytes: int, *, file_name: str) -> None:
    """Refuse what is known beforehand not to find room.

    Raises
    ------
    NoRoomError

    """
    free_bytes = shutil.disk_usage(incoming()).free
    if free_bytes < size_bytes + RESERVE_BYTES:
        raise NoRoomError(file=file_name, free_mib=free_bytes // MIB)


def inspect(received: Received) -> Bundle:
    """Open a bundle as hostile and return what it says of itself; its files are taken away again.

    Nothing of it is run. A bomb stops at the limit.

    Raises
    ------
    liudu.contract.BundleError, liudu.contract.ManifestError
        What is wrong with it, by the name that its vendor gave it.
    NoRoomError

    """
    place = Path(tempfile.mkdtemp(prefix="open-", dir=incoming()))
    try:
        with no_room_said(received.file_name):
            return open_bundle(received.path, into=place / "app", limits=UNPACKED)
    except (BundleError, ManifestError) as error:
        raise with_file_name(error, file_name=received.file_name) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def keep(received: Received, *, key: str) -> Path:
    """Move a bundle to its name, in one step that survives a loss of power."""
    path = path_of(key)
    received.path.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path


def path_of(key: str) -> Path:
    """Return where the bundle of a version lies."""
    return folder() / f"{key}.bundle"


def sweep(*, at: datetime, known: Callable[[set[str]], set[str]]) -> int:
    """Take away what a killed process left behind more than a day ago.

    Parameters
    ----------
    known
        Returns which of some keys are versions.

    Returns
    -------
    How many files and folders were taken away.

    """
    before = (at - LEFT_BEHIND).timestamp()
    old = [path for path in incoming().iterdir() if path.lstat().st_mtime < before]
    kept = [path for path in folder().glob("*.bundle") if path.lstat().st_mtime < before]
    versions = known({path.stem for path in kept})
    old += [path for path in kept if path.stem not in versions]
    for path in old:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(old)


def folder() -> Path:
    """Return the folder of the bundles, which only the platform itself can read."""
    return _private(settings.PRIVATE / "bundles")


def incoming() -> Path:
    """Return the folder of what is still coming in; on the same disk, so that moving is atomic."""
    return _private(folder() / "incoming")


def plain_name(file_name: str) -> str:
    """Return a file's name without folders and without what cannot be shown."""
    name = file_name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(each for each in name if each.isprintable()).strip()
    return shown[-FILE_NAME_CHARACTERS_MAX:] or "bundle"


@contextmanager
def no_room_said(file_name: str) -> Iterator[None]:
    """Turn a full disk into a refusal that says so."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        free_mib: Any = "?"
        with contextlib.suppress(OSError):
            free_mib = shutil.disk_usage(settings.PRIVATE).free // MIB
        raise NoRoomError(file=file_name, free_mib=free_mib) from error


def _private(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
