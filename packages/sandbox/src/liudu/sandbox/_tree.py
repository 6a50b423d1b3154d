"""Measures a tree of processes from outside, by /proc."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing itself would cost 5 ms of every start
if TYPE_CHECKING:
    from types import TracebackType

_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
_TRIES = 3
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class ignoring:  # noqa: N801 - reads like contextlib.suppress, which costs 5 ms of every start
    """Go on after an error of the given kinds."""

    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        return kind is not None and issubclass(kind, self._kinds)


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 65_536)
    finally:
        os.close(fd)


def children(pid: int) -> list[int]:
    """Return the direct children of a process."""
    found: list[int] = []
    with ignoring(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - 20 times a second
            with ignoring(OSError):
                found += map(int, _read(f"/proc/{pid}/task/{task}/children").split())
    return found


def descendants(root: int) -> list[int]:
    """Return all processes below ``root``, parents first, without ``root``."""
    found = children(root)
    for pid in found:  # grows while it is walked
        found += children(pid)
    return found


class Meter:
    """Follows a tree of processes: peak memory, peak number, CPU of those alive and ended.

    Pages that several processes share are counted once: while the plain sum of resident sets
    is below the peak it cannot matter; above, the proportional set (PSS) decides.

    Attributes
    ----------
    memory_peak_kib
        The largest sum seen, or the largest high-water mark (VmHWM) of one process.
    processes_peak
        The largest number of processes seen at one time.

    """

    def __init__(self) -> None:
        self.memory_peak_kib = 0
        self.processes_peak = 0
        self._cpu_s: dict[tuple[int, int], float] = {}

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all processes ever seen."""
        return sum(self._cpu_s.values())

    def look(self, pids: list[int]) -> int:
        """Take a sample of these processes; return the memory that they have now, in KiB."""
        resident = {pid: kib for pid in pids if (kib := self._one(pid)) is not None}
        self.processes_peak = max(self.processes_peak, len(resident))
        memory_kib = sum(resident.values())
        if memory_kib > self.memory_peak_kib and len(resident) > 1:
            memory_kib = _shared_once_kib(resident)
        self.memory_peak_kib = max(self.memory_peak_kib, memory_kib)
        return memory_kib

    def _one(self, pid: int) -> int | None:
        try:
            stat = _read(f"/proc/{pid}/stat")
            status = _read(f"/proc/{pid}/status")
        except OSError:
            return None
        fields = stat[stat.rindex(b")") + 2 :].split()
        started = int(fields[19])
        self._cpu_s[pid, started] = (int(fields[11]) + int(fields[12])) * _TICK_S
        at = status.find(b"VmHWM:")
        if at >= 0:
            high_kib = int(status[at + 6 : status.index(b"kB", at)])
            self.memory_peak_kib = max(self.memory_peak_kib, high_kib)
        return int(fields[21]) * _PAGE_KIB


def _shared_once_kib(resident: dict[int, int]) -> int:
    """Return the memory of some processes with shared pages counted once.

    When one ends between two reads, the others own more of what it shared and the sum is too
    large; then it is taken again, and the smallest is the nearest to the truth.
    """
    sums = []
    for _ in range(_TRIES):
        shares = [_proportional_kib(pid, kib) for pid, kib in resident.items()]
        sums.append(sum(share for share in shares if share is not None))
        if None not in shares and all(map(_has_memory, resident)):
            break
    return min(sums)


def _has_memory(pid: int) -> bool:
    try:
        return int(_read(f"/proc/{pid}/statm").split()[1]) > 0
    except OSError:
        return False


def _proportional_kib(pid: int, resident_kib: int) -> int | None:
    """Return the PSS of a process; None if it has ended; the plain RSS where PSS is closed."""
    try:
        rollup = _read(f"/proc/{pid}/smaps_rollup")
    except PermissionError:
        return resident_kib
    except OSError:
        return None
    at = rollup.find(b"\nPss:")
    return int(rollup[at + 5 : rollup.index(b"kB", at)]) if at >= 0 else None


def cpu_now_s(pid: int) -> float:
    """Return the CPU seconds of a process with one thread, to the nanosecond."""
    try:
        return int(_read(f"/proc/{pid}/schedstat").split()[0]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def folder_kib(folder: str, *, entries_max: int) -> int | None:
    """Return the disk that a folder uses; None where it has more than ``entries_max`` entries."""
    total_kib, seen, waiting = 0, 0, [folder]
    while waiting:
        with ignoring(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                seen += 1
                if seen > entries_max:
                    return None
                with ignoring(OSError):
                    total_kib += entry.stat(follow_symlinks=False).st_blocks // 2
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return total_kib
