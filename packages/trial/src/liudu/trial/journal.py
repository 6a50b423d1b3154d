"""Where a run stands: an append-only file of synced events, and the lock of its folder.

A line is on the disk before the next step begins, so that the last line says where the run
stood when power, process or patience ended. A line that a crash cut in two never counted.
"""

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import orjson

from liudu.contract import Refusal

JOURNAL_NAME = "journal.jsonl"
LOCK_NAME = "lock"
RESERVE_NAME = ".reserve"
RESERVE_BYTES = 64 * 1024  # room for the last lines when the disk is full

Now = Callable[[], datetime]


class State(StrEnum):
    """Where a run stands; the states follow each other in this order."""

    CREATED = "created"
    STAGED = "staged"
    SERVING = "serving"
    COLLECTED = "collected"
    SCORED = "scored"
    COMPLETE = "complete"
    BROKEN = "broken"


# A run that was killed or broken begins again at any earlier state; only a complete one is final.
_NEXT: Mapping[State | None, frozenset[State]] = {
    None: frozenset({State.CREATED}),
    State.CREATED: frozenset({State.STAGED}),
    State.STAGED: frozenset({State.STAGED, State.SERVING, State.COLLECTED}),
    State.SERVING: frozenset({State.STAGED, State.SERVING, State.COLLECTED}),
    State.COLLECTED: frozenset({State.STAGED, State.SCORED}),
    State.SCORED: frozenset({State.STAGED, State.SCORED, State.COMPLETE}),
    State.BROKEN: frozenset({State.STAGED, State.SCORED}),
    State.COMPLETE: frozenset(),
}


class DamagedJournalError(Refusal):
    """A line in the middle of the journal cannot be read: somebody wrote to it."""

    en = (
        "Line {line} of {path} is not an event: the journal was altered after it was written. "
        "Keep the folder as it is for whoever asks, and run the trial again into a new one."
    )
    zh = (
        "{path} 第 {line} 行不是有效的事件：日志写入后被改动过。"
        "请原样保留该文件夹备查，并用新的文件夹重新运行试验。"
    )


class WrongStepError(Refusal):
    """A run cannot go from where it stands to there."""

    en = "A run that is {before} cannot become {after}: run the trial again into a new folder."
    zh = "处于 {before} 状态的试验不能转为 {after}：请用新的文件夹重新运行。"


class RunIsBusyError(Refusal):
    """Somebody else is at work in the folder."""

    en = (
        "{folder} is in use by {user} on {host} (process {pid}) since {since}: "
        "wait for that run to end, or give another folder with --out."
    )
    zh = (
        "{folder} 正被 {host} 上的 {user} 使用（进程 {pid}，自 {since} 起）："
        "请等待其结束，或用 --out 指定另一个文件夹。"
    )


class Journal:
    """The events of one run, read when opened and synced to the disk as they are written.

    Parameters
    ----------
    path
        The file; it is made when the first event is written.
    now
        Gives the moments of the events. They are labels: nothing is computed from them.

    Raises
    ------
    DamagedJournalError
        If any line but the last cannot be read.

    """

    def __init__(self, path: Path, *, now: Now) -> None:
        self.path = path
        self._now = now
        self.events, intact_bytes = _read(path)
        if path.exists() and path.stat().st_size > intact_bytes:
            os.truncate(path, intact_bytes)

    @property
    def state(self) -> State | None:
        """The last state that was reached, or None before the first."""
        known = set(State)
        states = (State(e["event"]) for e in reversed(self.events) if e["event"] in known)
        return next(states, None)

    @property
    def reached(self) -> State | None:
        """How far the run came, whether or not it broke afterwards."""
        known = set(State) - {State.BROKEN}
        states = (State(e["event"]) for e in reversed(self.events) if e["event"] in known)
        return next(states, None)

    def last(self, event: str) -> dict[str, Any] | None:
        """Return the last event of a kind, or None."""
        return next((e for e in reversed(self.events) if e["event"] == event), None)

    def enter(self, state: State, **facts: object) -> None:
        """Write that a state is reached.

        Raises
        ------
        WrongStepError
            If the state cannot follow the one in which the run stands.

        """
        before = self.state
        if state is not State.BROKEN and state not in _NEXT[before]:
            raise WrongStepError(before=before, after=state)
        if state is State.BROKEN and before is State.COMPLETE:
            raise WrongStepError(before=before, after=state)
        self.note(state, **facts)

    def note(self, event: str, **facts: object) -> None:
        """Write an event that changes no state, and return when it is on the disk.

        Raises
        ------
        OSError
            If the disk does not take it; the file is then as it was before.

        """
        moment = self._now().isoformat().replace("+00:00", "Z")
        line = {"seq": len(self.events) + 1, "at": moment, "event": str(event), **facts}
        _append(self.path, orjson.dumps(line, default=str) + b"\n")
        self.events.append(line)


def _read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the events and how many bytes of the file they fill."""
    if not path.exists():
        return [], 0
    events: list[dict[str, Any]] = []
    intact_bytes = 0
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            event = orjson.loads(line)
            event["event"]
        except (ValueError, KeyError, TypeError):
            if number == len(lines) - 1:
                break
            raise DamagedJournalError(line=number, path=path) from None
        events.append(event)
        intact_bytes += len(line) + 1
    return events, intact_bytes


def _append(path: Path, line: bytes) -> None:
    is_new = not path.exists()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        size = os.fstat(fd).st_size
        try:
            write_all(fd, line)
            os.fsync(fd)
        except OSError:
            os.ftruncate(
                fd, size
            )  # a full disk gives back half a line, and shrinking needs no room
            raise
    finally:
        os.close(fd)
    if is_new:
        sync_folder(path.parent)


def write_all(fd: int, data: bytes) -> None:
    """Write every byte, however few the kernel takes at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def write_whole(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file so that it is there in full or not at all, whatever happens in between."""
    beside = path.with_name(f".{path.name}.part")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        write_all(fd, data)
        os.fsync(fd)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)
    beside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def reserve_room(folder: Path) -> None:
    """Set a little room aside, so that a full disk can still be written down."""
    fd = os.open(folder / RESERVE_NAME, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, RESERVE_BYTES)
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
            raise
    finally:
        os.close(fd)


def free_room(folder: Path) -> None:
    """Give back what `reserve_room` set aside."""
    (folder / RESERVE_NAME).unlink(missing_ok=True)


class Lock:
    """The right to work in a run's folder. It goes with the process, however that ends.

    Raises
    ------
    RunIsBusyError
        If somebody else has it; the sentence says who and since when.

    """

    def __init__(self, folder: Path, *, now: Now) -> None:
        self._folder = folder
        self._now = now
        self._fd = -1

    def __enter__(self) -> Self:
        fd = os.open(self._folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(os.pread(fd, 4096, 0))
            os.close(fd)
            raise RunIsBusyError(folder=self._folder, **holder) from None
        self._fd = fd
        self._sign()
        return self

    def _sign(self) -> None:
        since = self._now().isoformat().replace("+00:00", "Z")
        mine = {"user": _user(), "host": socket.gethostname(), "pid": os.getpid(), "since": since}
        with contextlib.suppress(
            OSError
        ):  # who has it is a courtesy; the lock itself is the kernel's
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, orjson.dumps(mine), 0)

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _holder(data: bytes) -> dict[str, object]:
    unknown: dict[str, object] = dict.fromkeys(("user", "host", "pid", "since"), "?")
    with contextlib.suppress(ValueError):
        unknown.update(orjson.loads(data))
    return unknown


def _user() -> str:
    import pwd  # noqa: PLC0415 - asked for once a run

    with contextlib.suppress(KeyError):
        return pwd.getpwuid(os.getuid()).pw_name
    return f"uid {os.getuid()}"
