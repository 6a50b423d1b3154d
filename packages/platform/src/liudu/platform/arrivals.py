"""A file on its way in: written to a private file, counted and hashed, and gone unless it is whole.

What a file is refused with is said by the context that takes it in.
"""

import contextlib
import errno
import hashlib
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from liudu.contract import Refusal

DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Arrival(ABC):
    """Takes one file in, chunk by chunk, and refuses it as soon as it is too large.

    Parameters
    ----------
    path
        A new file, which only the platform itself can read.
    size_bytes_max
        More is refused.

    Raises
    ------
    Refusal
        `no_room`, where the disk is full.

    """

    def __init__(self, path: Path, *, size_bytes_max: int) -> None:
        self.path = path
        self.size_bytes = 0
        self.size_bytes_max = size_bytes_max
        self._hash = hashlib.sha256()
        with room_in(path.parent, refusal=self.no_room):
            self._file = os.fdopen(os.open(path, FLAGS, 0o600), "wb")

    @abstractmethod
    def too_large(self) -> Refusal:
        """Return what says that more came than may."""

    @abstractmethod
    def empty(self) -> Refusal:
        """Return what says that nothing came."""

    @abstractmethod
    def no_room(self, free_mib: int) -> Refusal:
        """Return what says that the disk is full."""

    def take(self, chunk: bytes) -> None:
        """Write one chunk.

        Raises
        ------
        Refusal
            `too_large` or `no_room`; nothing is left behind then, nor after any other error.

        """
        with self._whole_or_gone():
            self.size_bytes += len(chunk)
            if self.size_bytes > self.size_bytes_max:
                raise self.too_large()
            self._hash.update(chunk)
            self._file.write(chunk)

    def finish(self) -> str:
        """Return the SHA-256 of the whole file in hexadecimal; it is safely on disk then.

        Raises
        ------
        Refusal
            `empty` or `no_room`; nothing is left behind then, nor after any other error.

        """
        with self._whole_or_gone():
            if not self.size_bytes:
                raise self.empty()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        return self._hash.hexdigest()

    def take_all(self, chunks: Iterable[bytes]) -> str:
        """Take a stream to its end; the same as `take` for each chunk, and `finish`."""
        with self._whole_or_gone():
            for chunk in chunks:
                self.take(chunk)
            return self.finish()

    def discard(self) -> None:
        """Forget what came in so far."""
        with contextlib.suppress(OSError):  # closing flushes, and the disk may be full
            self._file.close()
        self.path.unlink(missing_ok=True)

    @contextmanager
    def _whole_or_gone(self) -> Iterator[None]:
        try:
            with room_in(self.path.parent, refusal=self.no_room):
                yield
        except BaseException:
            self.discard()
            raise


@contextmanager
def room_in(folder: Path, *, refusal: Callable[[int], Refusal]) -> Iterator[None]:
    """Turn a full disk into a refusal, which is told how many MiB are free."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise refusal(free_bytes(folder) >> 20) from error


def free_bytes(folder: Path) -> int:
    """Return how much the disk of a folder can still take."""
    return shutil.disk_usage(folder).free
