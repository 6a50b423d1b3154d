"""Where bundles lie: streamed to disk, counted and hashed on the way, never below a served folder.

What comes in lies in ``incoming/`` until it is known to be a bundle; then it is moved to its name
in one step, so that nobody ever sees half a bundle.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import attrs
from django.conf import settings

from liudu.contract import Bundle, BundleError, BundleLimits, ManifestError, Refusal, open_bundle
from liudu.platform.arrivals import Arrival, free_bytes, room_in
from liudu.platform.keys import new_key
from liudu.platform.supply.decisions import with_file_name

MIB: Final = 1 << 20
RESERVE_BYTES: Final = 64 * MIB  # a disk is never filled to the brim: the database lives there too
UNPACKED: Final = BundleLimits(size_mib=1024)
LEFT_BEHIND: Final = timedelta(days=1)
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


class Receiver(Arrival):
    """Takes one bundle in, chunk by chunk."""

    def __init__(self, file_name: str) -> None:
        self.file_name = plain_name(file_name)
        super().__init__(incoming() / new_key(), size_bytes_max=settings.BUNDLE_BYTES_MAX)

    def too_large(self) -> Refusal:
        """Return what says so."""
        return _too_large(self.size_bytes, file_name=self.file_name)

    def empty(self) -> Refusal:
        """Return what says so."""
        return EmptyBundleError(file=self.file_name)

    def no_room(self, free_mib: int) -> Refusal:
        """Return what says so."""
        return _no_room(self.file_name, free_mib)

    def received(self, digest: str) -> Received:
        """Return the file that has come in whole."""
        return Received(
            path=self.path, file_name=self.file_name, size_bytes=self.size_bytes, digest=digest
        )


def receive(chunks: Iterable[bytes], *, file_name: str) -> Received:
    """Write a stream to disk.

    Raises
    ------
    BundleTooLargeError, EmptyBundleError, NoRoomError
        Nothing is left behind then, nor after any other error.

    """
    receiver = Receiver(file_name)
    return receiver.received(receiver.take_all(chunks))


def refuse_size(size_bytes: int, *, file_name: str) -> None:
    """Refuse a size that no bundle may have; also called with a size that was only announced.

    Raises
    ------
    BundleTooLargeError

    """
    if size_bytes > settings.BUNDLE_BYTES_MAX:
        raise _too_large(size_bytes, file_name=file_name)


def _too_large(size_bytes: int, *, file_name: str) -> BundleTooLargeError:
    limit_mib = settings.BUNDLE_BYTES_MAX / MIB
    return BundleTooLargeError(
        file=file_name, size_mib=size_bytes // MIB, size_mib_max=f"{limit_mib:g}"
    )


def refuse_without_room(size_bytes: int, *, file_name: str) -> None:
    """Refuse what is known beforehand not to find room.

    Raises
    ------
    NoRoomError

    """
    free = free_bytes(incoming())
    if free < size_bytes + RESERVE_BYTES:
        raise NoRoomError(file=file_name, free_mib=free // MIB)


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
        with room_in(place, refusal=partial(_no_room, received.file_name)):
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


def _no_room(file_name: str, free_mib: int) -> NoRoomError:
    return NoRoomError(file=file_name, free_mib=free_mib)


def _private(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
