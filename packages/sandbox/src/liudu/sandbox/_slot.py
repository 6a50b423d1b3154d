"""One ordinary uid for each run that goes at the same time."""

import contextlib
import fcntl
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from liudu.contract import Refusal

# Between what Debian gives to packages and what systemd gives to dynamic users: nobody's.
FIRST_UID = 60_800
SLOT_COUNT = 256
_LOCK_FOLDERS = (Path("/run/liudu-sandbox"), Path("/var/tmp/liudu-sandbox"))  # noqa: S108 - root's


class NoFreeSlotError(Refusal):
    """All uids for runs are taken."""

    en = (
        "All {slot_count} slots (uids {first_uid} and up) are taken by other runs: "
        "wait for one to end, or start fewer at a time."
    )
    zh = (
        "全部 {slot_count} 个运行槽位（uid 自 {first_uid} 起）都被占用："
        "请等待其他运行结束，或减少并行数量。"
    )


class NoLockFolderError(Refusal):
    """No folder in which the slots could be locked."""

    en = "None of {folders} can be made as a folder of root: make one of them writable for root."
    zh = "无法以 root 身份创建 {folders} 中的任何一个文件夹：请让 root 可以写入其中之一。"


@frozen(kw_only=True)
class Slot:
    """The identity that a run has.

    Attributes
    ----------
    uid, gid
        Never 0 when the runner is root: the kernel does not limit the processes of uid 0.
    lock_fd
        The lock that keeps others from using the uid; None where the uid is the caller's own.

    """

    uid: int
    gid: int
    lock_fd: int | None = None


def _lock_folder() -> Path:
    """Return the folder of the locks, the same for all runners of root on a machine."""
    for folder in _LOCK_FOLDERS:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            state = folder.lstat()
            if stat.S_ISDIR(state.st_mode) and state.st_uid == 0:  # else a lock could be taken away
                return folder
    raise NoLockFolderError(folders=", ".join(map(str, _LOCK_FOLDERS)))


def _in_passwd(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _claim_uid() -> Slot:
    folder = _lock_folder()
    for uid in range(FIRST_UID, FIRST_UID + SLOT_COUNT):
        if _in_passwd(uid):
            continue
        lock_fd = os.open(folder / str(uid), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock_fd)
            continue
        return Slot(uid=uid, gid=uid, lock_fd=lock_fd)
    raise NoFreeSlotError(slot_count=SLOT_COUNT, first_uid=FIRST_UID)


@contextlib.contextmanager
def claim_slot() -> Iterator[Slot]:
    """Claim an identity for one run at a time.

    When the caller is root it is an ordinary uid that no other run on this machine has, kept
    by a lock that goes with the process; otherwise it is the caller's own uid.

    Raises
    ------
    NoFreeSlotError
        If all uids are taken.
    NoLockFolderError
        If there is no place for the locks.

    """
    if os.geteuid() != 0:
        yield Slot(uid=os.geteuid(), gid=os.getegid())
        return
    slot = _claim_uid()
    try:
        yield slot
    finally:
        if slot.lock_fd is not None:
            os.close(slot.lock_fd)
