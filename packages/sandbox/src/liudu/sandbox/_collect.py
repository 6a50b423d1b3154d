"""Takes a file from a folder that a stranger could write to."""

import contextlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

from liudu.contract import Refusal


class HostileOutputError(Refusal):
    """What lies in the output folder is not the plain file that was asked for."""

    en = (
        "The output {name} is {found_en}: write one plain file of at most {size_max} bytes "
        "with that name into the output folder."
    )
    zh = (
        "输出 {name} {found_zh}：请在输出文件夹中以该名称写入一个不超过 {size_max} 字节的普通文件。"
    )


_KINDS = (
    (stat.S_ISLNK, "a symbolic link", "是符号链接"),
    (stat.S_ISDIR, "a folder", "是文件夹"),
    (stat.S_ISFIFO, "a named pipe", "是命名管道"),
    (stat.S_ISSOCK, "a socket", "是套接字"),
    (stat.S_ISCHR, "a device", "是设备文件"),
    (stat.S_ISBLK, "a device", "是设备文件"),
)


def _kind(state: os.stat_result) -> tuple[str, str] | None:
    return next(((en, zh) for test, en, zh in _KINDS if test(state.st_mode)), None)


def _has_hole(fd: int, size: int) -> bool:
    with contextlib.suppress(OSError):
        hole = os.lseek(fd, 0, os.SEEK_HOLE)
        os.lseek(fd, 0, os.SEEK_SET)
        return hole < size
    return False


def _fault(
    fd: int, state: os.stat_result, *, size_max: int, owner_uid: int | None
) -> tuple[str, str] | None:
    """Return what is wrong with an opened file, in two languages, or None."""
    if kind := _kind(state):
        return kind
    if owner_uid is not None and state.st_uid != owner_uid:
        return f"owned by uid {state.st_uid}", f"属于 uid {state.st_uid}"
    if state.st_nlink != 1:
        return f"a file with {state.st_nlink} names (hard links)", f"有 {state.st_nlink} 个硬链接"
    if state.st_size > size_max:
        return f"{state.st_size} bytes long", f"有 {state.st_size} 字节"
    if _has_hole(fd, state.st_size):
        return "a sparse file with holes", "是带空洞的稀疏文件"
    return None


def _open(folder: Path, name: str) -> tuple[int, os.stat_result]:
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        state = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        # What is not a plain file is not opened at all: opening a device can have effects.
        fd = os.open(name, flags, dir_fd=folder_fd) if stat.S_ISREG(state.st_mode) else -1
    finally:
        os.close(folder_fd)
    return fd, os.fstat(fd) if fd >= 0 else state


def collect(folder: Path, name: str, *, size_max: int, owner_uid: int | None) -> BinaryIO:
    """Open a file that a run has left, after the run has ended.

    Parameters
    ----------
    folder
        The output folder, made by the runner.
    name
        The plain name of the file, without a slash.
    size_max
        Bytes that it may have.
    owner_uid
        The uid that the run had (`Slot.uid`); None if any owner will do.

    Returns
    -------
    BinaryIO
        The opened file, at its beginning. It cannot change any more if the run has ended.

    Raises
    ------
    HostileOutputError
        If it is a link, a folder, a pipe, a socket, a device, has another owner or a second
        name, is too long, or has holes.
    FileNotFoundError
        If there is nothing of that name.

    """
    if "/" in name or name in {"", ".", ".."}:
        raise HostileOutputError(
            name=name, size_max=size_max, found_en="not a plain name", found_zh="不是普通文件名"
        )
    fd, state = _open(folder, name)
    fault = _fault(fd, state, size_max=size_max, owner_uid=owner_uid)
    if fault is None:
        return os.fdopen(fd, "rb")
    if fd >= 0:
        os.close(fd)
    found_en, found_zh = fault
    raise HostileOutputError(name=name, size_max=size_max, found_en=found_en, found_zh=found_zh)
