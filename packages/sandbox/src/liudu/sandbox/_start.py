"""Starts a command inside a sandbox and hands back what it was and used."""

import ast
import contextlib
import io
import marshal
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from liudu.contract import Refusal
from liudu.sandbox import _seccomp
from liudu.sandbox._level import Level, require_built
from liudu.sandbox._limits import Limits, Mounts, Paths
from liudu.sandbox._outcome import Outcome, lost, outcome_of
from liudu.sandbox._slot import Slot, claim_slot

# The warden must not wait for attrs and site-packages, so the package's own __init__ is not run.
_BOOTSTRAP = """\
import sys, types
for name, path in (("liudu", sys.argv[1]), ("liudu.sandbox", sys.argv[1] + "/sandbox")):
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = [path]
from liudu.sandbox._warden import main
main(*map(int, sys.argv[2:]))
"""


class ClosedFolderError(Refusal):
    """A folder that the slot's uid could not read, whatever lies above it."""

    en = (
        "{folder} has mode {mode}, so the ordinary user of a run (uid {uid}) cannot read it: "
        "open it to others (chmod o+rx) or copy it to a folder that is."
    )
    zh = (
        "{folder} 的权限是 {mode}，运行所用的普通用户（uid {uid}）无法读取："
        "请向其他用户开放（chmod o+rx），或复制到可读的文件夹。"
    )


class NoFolderError(Refusal):
    """A folder to be shown in the sandbox is not there."""

    en = "{folder} is not a folder, so it cannot be shown as {role}: create it first."
    zh = "{folder} 不是文件夹，无法作为 {role} 提供给运行：请先创建。"


class Running:
    """A command in its sandbox; nothing of it is left when this is closed.

    Attributes
    ----------
    stdin, stdout
        Unbuffered binary pipes to the command in stream mode, else None.
    paths
        What the folders are called inside.

    """

    def __init__(
        self,
        *,
        process: "subprocess.Popen[bytes]",
        report: io.FileIO,
        control: io.FileIO,
        level: Level,
        paths: Paths,
        cleanup: contextlib.ExitStack,
    ) -> None:
        self._process = process
        self._report = report
        self._control = control
        self._level = level
        self._cleanup = cleanup
        self._outcome: Outcome | None = None
        self.paths = paths
        self.stdin = cast("io.FileIO | None", process.stdin)
        self.stdout = cast("io.FileIO | None", process.stdout)

    def kill(self) -> None:
        """End the run now; `wait` tells how far it came."""
        with contextlib.suppress(BrokenPipeError, ValueError):  # it has ended already
            self._control.write(b"k")

    def wait(self) -> Outcome:
        """Wait for the end and return it; may be called again."""
        if self._outcome is None:
            report = self._report.readall()
            self._process.wait()
            if report:
                bwrap = self._level is Level.BWRAP
                self._outcome = outcome_of(ast.literal_eval(report.decode()), through_bwrap=bwrap)
            else:
                self._outcome = lost("the warden of this run was killed or failed")
            self._close()
        return self._outcome

    def _close(self) -> None:
        for stream in (self.stdin, self._control, self._report):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._outcome is None:
            self.kill()
            self.wait()
        if self.stdout is not None:
            self.stdout.close()


def _require_folders(mounts: Mounts, *, slot: Slot) -> None:
    shown = {"app": mounts.app, "inputs": mounts.inputs, "output": mounts.output}
    for role, folder in (*shown.items(), *(("read_only", path) for path in mounts.read_only)):
        if not folder.is_dir():
            raise NoFolderError(folder=str(folder), role=role)
        mode = folder.stat().st_mode
        ours = os.geteuid() != 0 or role == "output"
        if not ours and mode & (stat.S_IROTH | stat.S_IXOTH) != stat.S_IROTH | stat.S_IXOTH:
            raise ClosedFolderError(
                folder=str(folder), mode=f"{stat.S_IMODE(mode):o}", uid=slot.uid
            )


def _search_path(read_only: Sequence[Path]) -> str:
    runtimes = [str(path / "bin") for path in read_only if (path / "bin").is_dir()]
    return ":".join((*runtimes, "/usr/local/bin", "/usr/bin", "/bin"))


def _own_tmp(cleanup: contextlib.ExitStack, *, slot: Slot) -> str:
    """Make the temporary folder of a run at the levels that have no /tmp of their own."""
    folder = tempfile.mkdtemp(prefix="liudu-run-")
    cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
    if os.geteuid() == 0:
        os.chown(folder, slot.uid, slot.gid)
    return folder


def _setup(
    *,
    command: Sequence[str],
    mounts: Mounts,
    limits: Limits,
    level: Level,
    slot: Slot,
    stream: bool,
    environment: Mapping[str, str],
    paths: Paths,
) -> dict[str, Any]:
    app, inputs = str(mounts.app.absolute()), str(mounts.inputs.absolute())
    output = str(mounts.output.absolute())
    read_only = [str(path.absolute()) for path in mounts.read_only]
    own_tmp = "" if level is Level.BWRAP else paths.tmp
    base = {
        "PATH": _search_path(mounts.read_only),
        "HOME": paths.tmp,
        "TMPDIR": paths.tmp,
        "LANG": "C.UTF-8",
        "LIUDU_IN": paths.inputs,
        "LIUDU_OUT": paths.output,
    }
    return {
        "level": level.label,
        "command": list(command),
        "environment": {**base, **environment},
        "stream": stream,
        "uid": slot.uid,
        "gid": slot.gid,
        "uid_is_shared": slot.lock_fd is None,
        "runner_pid": os.getpid(),
        "asked_at": time.monotonic(),
        "app": app,
        "inputs": inputs,
        "output": output,
        "read_only": read_only,
        "tmp": own_tmp,
        "paths": [path for path in (app, inputs, output, *read_only, own_tmp) if path],
        "bwrap": shutil.which("bwrap") or "/usr/bin/bwrap",
        "filter": _filter(level),
        "memory_mib": limits.memory_mib,
        "address_space_mib": limits.address_space_mib,
        "cpu_s": limits.cpu_total_s,
        "wall_s": limits.wall_s,
        "processes": limits.processes,
        "open_files": limits.open_files,
        "output_mib": limits.output_mib,
        "tmp_mib": limits.tmp_mib,
        "shm_mib": limits.shm_mib,
        "stdout_kib": limits.stdout_kib,
        "stderr_kib": limits.stderr_kib,
    }


def _filter(level: Level) -> bytes:
    if level is Level.PROCESS:
        return b""
    return _seccomp.program(sockets=level is Level.BWRAP)


def _paths(mounts: Mounts, *, level: Level, own_tmp: str) -> Paths:
    if level is Level.BWRAP:
        return Paths(app="/app", inputs="/in", output="/out", tmp="/tmp")  # noqa: S108 - its own
    folders = (mounts.app, mounts.inputs, mounts.output)
    app, inputs, output = (str(folder.absolute()) for folder in folders)
    return Paths(app=app, inputs=inputs, output=output, tmp=own_tmp)


def _memory_file(data: bytes) -> int:
    fd = os.memfd_create("liudu-setup", os.MFD_CLOEXEC)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _spawn(
    setup: dict[str, Any], *, slot: Slot
) -> tuple["subprocess.Popen[bytes]", io.FileIO, io.FileIO]:
    setup_fd = _memory_file(marshal.dumps(setup))
    control_read_fd, control_fd = os.pipe()
    report_fd, report_write_fd = os.pipe()
    pipe = subprocess.PIPE if setup["stream"] else subprocess.DEVNULL
    package = str(Path(__file__).parent.parent)
    kept = [setup_fd, control_read_fd, report_write_fd]
    if slot.lock_fd is not None:
        kept.append(slot.lock_fd)  # held until the last process of the slot is gone
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _BOOTSTRAP, package, *map(str, kept[:3])],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            pass_fds=kept,
            start_new_session=True,  # Ctrl-C in the terminal is for the runner to answer
            cwd="/",
            env={},
        )
    except BaseException:
        os.close(report_fd)
        os.close(control_fd)
        raise
    finally:
        os.close(setup_fd)
        os.close(control_read_fd)
        os.close(report_write_fd)
    return process, io.FileIO(report_fd, "r"), io.FileIO(control_fd, "w")


def start(
    command: Sequence[str],
    *,
    mounts: Mounts,
    limits: Limits | None = None,
    level: Level,
    slot: Slot | None = None,
    stream: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Running:
    """Start an untrusted command, isolated at a level.

    Parameters
    ----------
    command
        Program and arguments; the program is looked for in PATH, the working folder is `app`.
    mounts
        The folders that it is shown. `mounts.output` is given to the slot's uid.
    limits
        What it may use; the defaults of `Limits` if None.
    level
        `Level.PROCESS`, `LANDLOCK` or `BWRAP`. Whether the machine really gives the level is
        what `available` and `selftest` tell; where it does not, the outcome is `Reason.INFRA`.
    slot
        The identity of the run, from `claim_slot`; if None, one is claimed until it ends.
    stream
        True: `Running.stdin` and `stdout` are pipes to the command. False: stdin is empty,
        stdout is kept up to its cap.
    environment
        Added to PATH, HOME, TMPDIR, LANG, LIUDU_IN and LIUDU_OUT; nothing else is passed on.

    Raises
    ------
    LevelNotBuiltError, NoFolderError, ClosedFolderError, NoFreeSlotError
        If the run cannot be set up as asked.

    Notes
    -----
    May be called from several threads; the run ends with the process that called, not with
    the thread.

    """
    require_built(level)
    with contextlib.ExitStack() as stack:
        slot = slot if slot is not None else stack.enter_context(claim_slot())
        _require_folders(mounts, slot=slot)
        if os.geteuid() == 0:
            os.chown(mounts.output, slot.uid, slot.gid)
        own_tmp = "" if level is Level.BWRAP else _own_tmp(stack, slot=slot)
        paths = _paths(mounts, level=level, own_tmp=own_tmp)
        setup = _setup(
            command=command,
            mounts=mounts,
            limits=limits or Limits(),
            level=level,
            slot=slot,
            stream=stream,
            environment=environment or {},
            paths=paths,
        )
        process, report, control = _spawn(setup, slot=slot)
        cleanup = stack.pop_all()
    return Running(
        process=process,
        report=report,
        control=control,
        level=level,
        paths=paths,
        cleanup=cleanup,
    )


def run(
    command: Sequence[str],
    *,
    mounts: Mounts,
    limits: Limits | None = None,
    level: Level,
    slot: Slot | None = None,
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Start a command, wait for its end, and return it; see `start`."""
    with start(
        command, mounts=mounts, limits=limits, level=level, slot=slot, environment=environment
    ) as running:
        return running.wait()
