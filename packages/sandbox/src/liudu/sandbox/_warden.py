"""The process that stands between the runner and one run: starts, watches, measures, ends it.

A process of its own, because then the run ends when the runner is killed with -9 (it holds a
handle on the runner's process, not on the thread that started it), the measuring does not
wait for the runner's interpreter, and orphans of the run come back to it alone.
Standard library only; started by `_start` with ``python -I -S``.
"""

from __future__ import annotations

import fcntl
import marshal
import os
import select
import time

from liudu.sandbox import _bwrap, _confine, _landlock, _tree

TYPE_CHECKING = False  # typing itself would cost 5 ms of every start
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_PR_SET_CHILD_SUBREAPER = 36
_SIGKILL, _SIGPIPE, _SIGXFSZ = 9, 13, 25
_FIRST_LOOKS_S = (0.004, 0.01, 0.02)
_LOOK_EVERY_S = 0.05
_FOLDERS_EVERY_S = 0.25
_START_S = 20.0
_SWEEP_S = 30.0
_ENTRIES_MAX = 20_000
_READY_FD = 9  # POSIX shells know the numbers 0 to 9 only
_CHUNK = 1 << 16
_MIB_KIB = 1024


class _Stream:
    """A pipe that is always read to its end and kept to a cap."""

    def __init__(self, cap: int) -> None:
        self.fd, self.write_fd = os.pipe()
        os.set_blocking(self.fd, False)
        self.cap = cap
        self.kept = bytearray()
        self.truncated = False
        self.open = True

    def drain(self) -> None:
        """Read what is there, at most 1 MiB, so that the other duties get their turn."""
        for _ in range(16):
            try:
                chunk = os.read(self.fd, _CHUNK)
            except BlockingIOError:
                return
            if not chunk:
                self.open = False
                return
            room = self.cap - len(self.kept)
            self.kept += chunk[:room]
            self.truncated |= len(chunk) > room


class Warden:
    """One run, from fork to the last process of its tree."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.setup = setup
        self.meter = _tree.Meter()
        self.runner_fd = os.pidfd_open(setup["runner_pid"])
        if os.getppid() != setup["runner_pid"]:
            os._exit(1)
        self.streams = {"stderr": _Stream(setup["stderr_kib"] * 1024)}
        if not setup["stream"]:
            self.streams["stdout"] = _Stream(setup["stdout_kib"] * 1024)
        self.ready_fd, self.ready_write_fd = os.pipe()
        self.status_fd, self.status_write_fd = os.pipe()
        self.pid = 0
        self.inner_pid = 0  # the first process inside bubblewrap's namespaces
        self.started_at: float | None = None
        self.failure = b""
        self.baseline_cpu_s = 0.0
        self.killed_because = ""

    # -- starting ---------------------------------------------------------------------------

    def start(self) -> None:
        """Fork the child and let it become the command."""
        setup = self.setup
        if setup["level"] != "bwrap":
            shared = setup["uid_is_shared"]
            setup["processes_of_uid"] = setup["processes"] + (
                _tasks_of(setup["uid"]) if shared else 0
            )
        fds = self._fds()
        self.pid = os.fork()
        if self.pid == 0:
            self._become(fds)
        for fd in (self.ready_write_fd, self.status_write_fd, *fds.values()):
            with _tree.ignoring(OSError):
                os.close(fd)
        for stream in self.streams.values():
            os.close(stream.write_fd)
        self.child_fd = os.pidfd_open(self.pid)
        if setup["stream"]:  # only the solution holds the ends, so that the runner sees them close
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            os.close(null)

    def _fds(self) -> dict[str, int]:
        setup = self.setup
        if setup["level"] != "bwrap":
            return {}
        processes = setup["processes"]
        if setup["uid_is_shared"] and _kernel() < (5, 14):
            processes += _tasks_of(setup["uid"])  # counted over all user namespaces before 5.14
        fds = {
            "filter": _memory_file(setup["filter"]),
            "passwd": _memory_file(_bwrap.passwd(setup["uid"], setup["gid"])),
            "status": fcntl.fcntl(self.status_write_fd, fcntl.F_DUPFD_CLOEXEC, _READY_FD + 1),
        }
        setup["argv"] = _bwrap.argv(
            command=setup["command"],
            environment=setup["environment"],
            app=setup["app"],
            inputs=setup["inputs"],
            output=setup["output"],
            read_only=setup["read_only"],
            tmp_mib=setup["tmp_mib"],
            shm_mib=setup["shm_mib"],
            processes=processes,
            filter_fd=fds["filter"],
            status_fd=fds["status"],
            passwd_fd=fds["passwd"],
            ready_fd=_READY_FD,
        )
        return fds

    def _become(self, fds: dict[str, int]) -> None:
        """Run in the child; report through the ready pipe what went wrong before exec."""
        ready = fcntl.fcntl(self.ready_write_fd, fcntl.F_DUPFD_CLOEXEC, 64)
        try:
            for ignored_by_python in (_SIGPIPE, _SIGXFSZ):
                _landlock.libc.signal(ignored_by_python, 0)
            if not self.setup["stream"]:
                os.dup2(self.streams["stdout"].write_fd, 1)
                os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.dup2(self.streams["stderr"].write_fd, 2)
            if fds:
                os.dup2(ready, _READY_FD)
                fds = {**fds, "ready": _READY_FD}
            _confine.become(self.setup, fds=fds)
        except _confine.CommandNotFoundError as error:
            os.write(2, f"{error}\n".encode())
            os._exit(127)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told to the runner
            os.write(ready, f"!{error}".encode()[:4000])
        os._exit(1)

    # -- watching ---------------------------------------------------------------------------

    def watch(self) -> None:
        """Serve pipes and clocks until the command has ended or must end."""
        self._register()
        while not self.killed_because:
            wait_s = max(0.0, self.next_look - time.monotonic())
            events = {fd for fd, _ in self.poll.poll(wait_s * 1000)}
            self._serve(events)
            if self.runner_fd in events or self.setup["control_fd"] in events:
                self.killed_because = "asked"
            elif self.child_fd in events:
                return
            else:
                self._look_when_due()

    def _register(self) -> None:
        self.poll = select.poll()
        own = (self.runner_fd, self.child_fd, self.ready_fd, self.setup["control_fd"])
        self.by_fd = {stream.fd: stream for stream in self.streams.values()}
        for fd in (*own, *self.by_fd):
            self.poll.register(fd, select.POLLIN)
        self.forked_at = self.next_look = self.next_folders = time.monotonic()
        self.looks: Iterator[float] = iter(())

    def _serve(self, events: set[int]) -> None:
        for fd in events & self.by_fd.keys():
            self.by_fd[fd].drain()
            if not self.by_fd[fd].open:
                self.poll.unregister(fd)
        if self.ready_fd in events:
            self._hear_ready()
            self.poll.unregister(self.ready_fd)
            self.next_look = time.monotonic()
            self.looks = iter(_FIRST_LOOKS_S)

    def _look_when_due(self) -> None:
        now = time.monotonic()
        if now >= self.next_look:
            self._look(now)
            self.next_look = now + next(self.looks, _LOOK_EVERY_S)
        if now >= self.next_folders and self.started_at is not None:
            self._look_at_folders()
            self.next_folders = time.monotonic() + _FOLDERS_EVERY_S

    def _hear_ready(self) -> None:
        self.heard_at = time.monotonic()
        heard = os.read(self.ready_fd, 4096)
        if heard.startswith(b"!"):
            self.failure = heard[1:]
        elif self.setup["level"] != "bwrap" or heard == b"r":
            self.started_at = self.heard_at
            self._find_inner()
            ours = (self.pid, self.inner_pid) if self.inner_pid else (self.pid,)
            below = _tree.descendants(self.pid) if self.inner_pid else []
            self.baseline_cpu_s = sum(map(_tree.cpu_now_s, {*ours, *below}))

    def _find_inner(self) -> None:
        if self.setup["level"] == "bwrap":
            # {"child-pid": 123, …}, written by bubblewrap; json would cost 5 ms of every start
            line = os.read(self.status_fd, 4096).partition(b'"child-pid":')[2]
            digits = line.strip().partition(b",")[0].rstrip(b" }\n")
            self.inner_pid = int(digits) if digits.isdigit() else 0

    def _pids(self) -> list[int]:
        """Return the processes of the solution, without bubblewrap's own two."""
        if self.setup["level"] == "bwrap":
            return _tree.descendants(self.inner_pid) if self.inner_pid else []
        return _tree.descendants(os.getpid())

    def _look(self, now: float) -> None:
        setup = self.setup
        if self.started_at is None:
            if now - self.forked_at > _START_S:
                self.killed_because = "start"
            return
        pids = self._pids()
        memory_kib = self.meter.look(pids)
        if memory_kib > setup["memory_mib"] * _MIB_KIB:
            self.killed_because = "memory"
        elif now - self.started_at > setup["wall_s"]:
            self.killed_because = "wall"
        elif self.meter.cpu_s > setup["cpu_s"]:
            self.killed_because = "cpu"
        elif len(pids) > setup["processes"] + 1:
            self.killed_because = "processes"

    def _look_at_folders(self) -> None:
        setup = self.setup
        caps = [("output", setup["output"], setup["output_mib"])]
        if setup["tmp"]:
            caps.append(("tmp", setup["tmp"], setup["tmp_mib"]))
        for name, folder, cap_mib in caps:
            used_kib = _tree.folder_kib(folder, entries_max=_ENTRIES_MAX)
            if used_kib is None or used_kib > cap_mib * _MIB_KIB:
                self.killed_because = name

    # -- ending -----------------------------------------------------------------------------

    def end(self) -> dict[str, Any]:
        """Kill whatever is left, reap it, and return the report."""
        ended_at = time.monotonic()
        if self.started_at is not None:
            self.meter.look(self._pids())  # also the daemons that are left
        if self.killed_because:
            for pid in (self.inner_pid, self.pid):
                _kill(pid)
        status = self._sweep()
        if status and not self.killed_because:
            self._blame_full_output()
        self._drain_rest()
        if self.started_at is None and not self.failure:
            self._late_ready()
        wall_s = ended_at - self.started_at if self.started_at is not None else 0.0
        report = {
            "status": status,
            "started": self.started_at is not None,
            "failure": self.failure.decode(errors="replace"),
            "killed_because": self.killed_because,
            "startup_s": (self.started_at or ended_at) - self.setup["asked_at"],
            "wall_s": wall_s,
            "cpu_s": self._cpu_s(),
            "memory_peak_kib": self.meter.memory_peak_kib,
            "processes_peak": self.meter.processes_peak,
        }
        for name, stream in self.streams.items():
            report[name] = bytes(stream.kept)
            report[f"{name}_truncated"] = stream.truncated
        return report

    def _blame_full_output(self) -> None:
        """Say so where a command failed with its output full: it fails of that on its own."""
        used_kib = _tree.folder_kib(self.setup["output"], entries_max=_ENTRIES_MAX)
        if used_kib is None or used_kib >= self.setup["output_mib"] * _MIB_KIB:
            self.killed_because = "output"

    def _cpu_s(self) -> float:
        """Return the CPU of the tree, without what setting up the sandbox took.

        The kernel's sum over reaped processes is exact, but a killed namespace reaps without
        counting, and a process may ask for that too; then the samples know more.
        """
        total = os.times()
        reaped_s = total.children_user + total.children_system - self.baseline_cpu_s
        bwrap = self.setup["level"] == "bwrap"
        sampled_s = self.meter.cpu_s - (0.0 if bwrap else self.baseline_cpu_s)
        return max(reaped_s, sampled_s, 0.0)

    def _late_ready(self) -> None:
        """Hear of a start that came together with the end."""
        os.set_blocking(self.ready_fd, False)
        with _tree.ignoring(BlockingIOError):
            heard = os.read(self.ready_fd, 4096)
            if heard.startswith(b"!"):
                self.failure = heard[1:]
            elif heard == b"r":
                self.started_at = time.monotonic()

    def _sweep(self) -> int:
        """Kill and reap until there is no child; return the wait status of the first one."""
        status = 0
        give_up_at = time.monotonic() + _SWEEP_S
        while time.monotonic() < give_up_at:  # a process stuck in the kernel cannot be killed
            with _tree.ignoring(ChildProcessError):
                pid = 1
                while pid:
                    pid, one = os.waitpid(-1, os.WNOHANG)
                    if pid == self.pid:
                        status = one
            if not _tree.children(os.getpid()) and not _has_child():
                return status
            for pid in _tree.descendants(os.getpid()):
                _kill_group_of(pid)
                _kill(pid)
            if self.setup["uid"] and not self.setup["uid_is_shared"]:
                _kill_all_of(self.setup["uid"])
            time.sleep(0.001)
        return status

    def _drain_rest(self) -> None:
        give_up_at = time.monotonic() + 1.0
        for stream in self.streams.values():
            while stream.open and time.monotonic() < give_up_at:
                stream.drain()


def _has_child() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _kill(pid: int) -> None:
    if pid > 1:
        with _tree.ignoring(ProcessLookupError, PermissionError):
            os.kill(pid, _SIGKILL)


def _kill_group_of(pid: int) -> None:
    """Kill a whole process group at once: one that forks and exits all the time is in it still."""
    with _tree.ignoring(ProcessLookupError, PermissionError):
        group = os.getpgid(pid)
        if group != os.getpgid(0):
            os.killpg(group, _SIGKILL)


def _kill_all_of(uid: int) -> None:
    """Kill every process of a slot's uid at once, which a fork bomb cannot outrun."""
    if os.geteuid() != 0 or uid == 0:
        return
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(uid, uid, uid)
            os.kill(-1, _SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def _kernel() -> tuple[int, int]:
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(filter(str.isdigit, minor.split("-")[0])))


def _tasks_of(uid: int) -> int:
    """Count the threads that an ordinary user has already, for they count against its limit."""
    count = 0
    for name in os.listdir("/proc"):  # noqa: PTH208 - once
        if name.isdigit():
            with _tree.ignoring(OSError):
                if os.stat(f"/proc/{name}").st_uid == uid:  # noqa: PTH116
                    count += len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208
    return count


def _memory_file(data: bytes) -> int:
    fd = os.memfd_create("liudu", os.MFD_CLOEXEC)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _READY_FD + 1)
    os.close(fd)
    return high


def main(setup_fd: int, control_fd: int, report_fd: int) -> None:
    """Run one warden: read what to do, do it, write the report, and be gone at once."""
    with open(setup_fd, "rb") as file:
        setup = marshal.loads(file.read())  # noqa: S302 - from the runner, which it serves
    setup["control_fd"] = control_fd
    _landlock.libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    warden = Warden(setup)
    try:
        warden.start()
        warden.watch()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told to the runner
        warden.failure = warden.failure or f"{type(error).__name__}: {error}".encode()
        warden.killed_because = warden.killed_because or "start"
    finally:
        report = repr(warden.end()).encode()
        if setup["tmp"] and os.getppid() != setup["runner_pid"]:  # nobody else is left to do it
            import shutil  # noqa: PLC0415 - for this one rare end

            shutil.rmtree(setup["tmp"], ignore_errors=True)
        while report:
            report = report[os.write(report_fd, report) :]
    os._exit(0)
