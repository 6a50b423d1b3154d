"""Tries the attacks, so that a level is measured and not believed."""

import contextlib
import functools
import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from liudu.contract import Reason, Refusal
from liudu.sandbox import _attacks, _listener
from liudu.sandbox._available import available
from liudu.sandbox._collect import HostileOutputError, collect
from liudu.sandbox._level import Level, require_built
from liudu.sandbox._limits import Limits, Mounts
from liudu.sandbox._outcome import Outcome
from liudu.sandbox._runtime import python_runtime
from liudu.sandbox._start import run

if TYPE_CHECKING:
    import io

_PLAIN = {"PATH", "HOME", "LANG", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
_ALONE = "allocate_memory"  # it ends the run that it is tried in
_LIMITS = Limits(memory_mib=512, wall_s=90, processes=64, tmp_mib=64, shm_mib=16)
_TOO_MUCH_MIB = 3072
_STARTS = 5


class LevelNotHadError(Refusal):
    """A self-test of a level that does not start here."""

    en = "The sandbox level {label} cannot be tested on this machine. {lack_en}"
    zh = "本机无法自测沙箱级别 {label}。{lack_zh}"


class SelfTestFailedError(Refusal):
    """The program with the attacks did not run to its end."""

    en = (
        "The self-test of {label} did not run to its end ({reason}: {said}): "
        "check that python3 starts inside the sandbox."
    )
    zh = "级别 {label} 的自测未能运行完毕（{reason}：{said}）：请确认沙箱内可以启动 python3。"


@frozen(kw_only=True)
class Attack:
    """What came of one attack.

    Attributes
    ----------
    name
        Stable name for machines, such as ``read_sealed_labels``.
    en, zh
        What it tries, for people.
    blocked
        Whether the level stopped it.
    control
        Whether the same probe succeeds outside the sandbox here. If not, it is the machine or
        the caller's own lack of rights that stops it already, and `blocked` is no merit.
    detail
        What the probe said.

    """

    name: str
    en: str
    zh: str
    blocked: bool
    control: bool
    detail: str


@frozen(kw_only=True)
class SelfTest:
    """What a level holds on this machine.

    Attributes
    ----------
    level
        The level that was tried.
    attacks
        Every attack with its result.
    startup_ms
        Median milliseconds until a command starts, of 5 starts.

    """

    level: Level
    attacks: tuple[Attack, ...]
    startup_ms: float

    @property
    def holds(self) -> bool:
        """Whether every attack was blocked."""
        return all(attack.blocked for attack in self.attacks)


def ordinary(command: Sequence[str], *, uid: int) -> list[str]:
    """Return the line that runs a command of this Python as an ordinary user, called by root.

    Folders below a closed one, such as an installation below /root, stay reachable for it.
    """
    code = (
        "import json, os, sys, types\n"
        "for name, path in (('liudu', sys.argv[1]), ('liudu.sandbox', sys.argv[1] + '/sandbox')):\n"
        "    module = sys.modules[name] = types.ModuleType(name)\n"
        "    module.__path__ = [path]\n"
        "from liudu.sandbox import _confine\n"
        "_confine.open_ways(json.loads(sys.argv[2]))\n"
        "uid = int(sys.argv[3])\n"
        "_confine.drop_uid(uid, uid)\n"
        "os.execvp(sys.argv[4], sys.argv[4:])\n"
    )
    own = [folder for folder in sys.path if Path(folder).is_dir()]
    paths = json.dumps([*map(str, python_runtime()), *own])
    package = str(Path(__file__).parent.parent)
    return [sys.executable, "-I", "-S", "-c", code, package, paths, str(uid), *command]


def _environment_sha256() -> list[str]:
    own = (f"{name}={value}" for name, value in os.environ.items() if name not in _PLAIN)
    return [hashlib.sha256(pair.encode()).hexdigest() for pair in own]


def _home(base: Path, *, shown: Sequence[Path]) -> tuple[str, list[str]]:
    """Return a home folder and names in it that nothing shown to a run lies below."""
    home = Path.home()
    with contextlib.suppress(OSError):
        names = {path.name for path in home.iterdir()}
        names -= {path.relative_to(home).parts[0] for path in shown if path.is_relative_to(home)}
        if names:
            return str(home), sorted(names)
    stand_in = base / "home"
    stand_in.mkdir()
    (stand_in / "letters.txt").touch()
    return str(stand_in), ["letters.txt"]


@frozen(kw_only=True)
class _Scene:
    """What the attacks are after: labels, folders, sockets, a process."""

    base: Path
    about: dict[str, Any]
    told: int  # the pipe on which the listener tells of signals

    @property
    def folders(self) -> dict[str, str]:
        names = {"app": "app", "inputs": "in", "output": "out"}
        return {role: str(self.base / name) for role, name in names.items()}


def _lay_out(base: Path, *, token: str) -> None:
    base.chmod(0o755)
    for name in ("app", "in", "out", "private"):
        (base / name).mkdir()
        (base / name).chmod(0o777)  # the sandbox, not the mode, must stop them
    (base / "private" / "labels.csv").write_text(token)
    (base / "private" / "labels.csv").chmod(0o644)
    shutil.copy(_attacks.__file__, base / "app" / "attacks.py")
    (base / "app" / "attacks.py").chmod(0o644)


@contextlib.contextmanager
def _listening(names: Sequence[str]) -> Iterator[tuple[int, int, list[int]]]:
    """Start the listener; give its pid, the pipe it writes to, and its two ports."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", _listener.__file__, *names],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as listener:
        try:
            stdout = cast("io.FileIO", listener.stdout)
            ports = [int(port) for port in stdout.readline().split()]
            os.set_blocking(stdout.fileno(), False)
            yield listener.pid, stdout.fileno(), ports
        finally:
            listener.kill()


@contextlib.contextmanager
def _scene() -> Iterator[_Scene]:
    token = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(
        prefix="liudu-selftest-", ignore_cleanup_errors=True
    ) as folder:
        base = Path(folder)
        _lay_out(base, token=token)
        home, home_names = _home(base, shown=python_runtime())
        names = [token, f"liudu-{token}", str(base / "private" / "socket")]
        with _listening(names) as (pid, told, ports):
            about = {
                "token": token,
                "sealed": str(base / "private" / "labels.csv"),
                "home": home,
                "home_names": home_names,
                "host_pid": pid,
                "host_token": names[1],
                "tcp_port": ports[0],
                "udp_port": ports[1],
                "abstract_socket": names[1],
                "path_socket": names[2],
                "environment_sha256": _environment_sha256(),
                "daemon": f"liudu-daemon-{token}",
                "processes": _LIMITS.processes,
                "memory_mib": _TOO_MUCH_MIB,
                "tmp_mib": _LIMITS.tmp_mib,
                "shm_mib": _LIMITS.shm_mib,
            }
            yield _Scene(base=base, about=about, told=told)


def _daemons(token: str) -> list[int]:
    """Return the processes on the machine with a word in their command line."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                if token.encode() in path.joinpath("cmdline").read_bytes().split(b"\0"):
                    found.append(int(path.name))
    return found


def _signals(told: int) -> int:
    with contextlib.suppress(BlockingIOError):
        return os.read(told, 4096).count(b"\n")
    return 0


def _output_is_taken(base: Path) -> bool:
    try:
        collect(base / "out", "predictions.jsonl", size_max=1 << 20, owner_uid=None).close()
    except (HostileOutputError, FileNotFoundError):
        return False
    return True


def _seen_from_outside(results: dict[str, list[Any]], *, scene: _Scene, control: bool) -> None:
    """Correct the answers of the attacks whose success shows outside only."""
    left = _daemons(scene.about["daemon"])
    give_up_at = time.monotonic() + 5
    while control and not left and time.monotonic() < give_up_at:  # it may not have exec'd yet
        left = _daemons(scene.about["daemon"])
    for pid in left:
        with contextlib.suppress(ProcessLookupError):  # it may end between the look and the kill
            os.kill(pid, signal.SIGKILL)
    link = scene.base / "out" / "predictions.jsonl"
    followed = link.is_symlink() if control else _output_is_taken(scene.base)
    link.unlink(missing_ok=True)
    seen = {
        "leave_daemon": (bool(left), "it lived on", "gone when the run ended"),
        "signal_host_process": (_signals(scene.told) > 0, "it arrived", "did not arrive"),
        "link_output_to_labels": (followed, "the collector followed it", "the collector refused"),
    }
    for name, (succeeded, yes, no) in seen.items():
        if name == "leave_daemon" and not results[name][0]:
            continue  # it could not even start
        if results[name][0] or succeeded:
            results[name] = [succeeded, yes if succeeded else no]


def _attack_in(level: Level, *, scene: _Scene, names: list[str]) -> Outcome:
    folders = {role: Path(folder) for role, folder in scene.folders.items()}
    mounts = Mounts(**folders, read_only=python_runtime())
    paths = scene.folders
    if level is Level.BWRAP:
        paths = {"app": "/app", "inputs": "/in", "output": "/out"}
    argument = json.dumps({**scene.about, **paths, "attacks": names, "control": False})
    command = ["python3", "-I", "-S", paths["app"] + "/attacks.py", argument]
    return run(command, mounts=mounts, level=level, limits=_LIMITS)


def _answers(outcome: Outcome, *, level: Level) -> dict[str, list[Any]]:
    try:
        answers: dict[str, list[Any]] = json.loads(outcome.stdout)
    except ValueError:
        said = (outcome.failure or outcome.stderr.decode(errors="replace"))[-300:]
        reason = f"{outcome.reason} {outcome.killed_because}".strip()
        raise SelfTestFailedError(label=level.label, reason=reason, said=said) from None
    return answers


def _tried(level: Level) -> dict[str, list[Any]]:
    names = [kind.name for kind in _attacks.KINDS if kind.name != _ALONE]
    with _scene() as scene:
        results = _answers(_attack_in(level, scene=scene, names=names), level=level)
        _seen_from_outside(results, scene=scene, control=False)
        memory = _attack_in(level, scene=scene, names=[_ALONE])
    if memory.reason is Reason.OOM:
        results[_ALONE] = [False, f"killed from outside at {memory.memory_peak_mib:.0f} MiB"]
    else:
        results.update(_answers(memory, level=level))
    return results


@functools.cache
def _controls() -> dict[str, list[Any]]:
    """Run the attacks without a sandbox, limited by themselves, and see which succeed."""
    names = [kind.name for kind in _attacks.KINDS if kind.name != _ALONE]
    with _scene() as scene:
        argument = json.dumps({**scene.about, **scene.folders, "attacks": names, "control": True})
        command = [sys.executable, "-I", "-S", _attacks.__file__, argument]
        done = subprocess.run(command, capture_output=True, timeout=90, check=True)
        results: dict[str, list[Any]] = json.loads(done.stdout)
        _seen_from_outside(results, scene=scene, control=True)
    # Its control runs inside: the small block that it takes first.
    return {**results, _ALONE: [True, "64 MiB inside"]}


def _startup_ms(level: Level) -> float:
    with tempfile.TemporaryDirectory(prefix="liudu-start-") as name:
        base = Path(name)
        base.chmod(0o755)
        for folder in ("app", "in", "out"):
            (base / folder).mkdir()
            (base / folder).chmod(0o755)
        mounts = Mounts(app=base / "app", inputs=base / "in", output=base / "out")
        starts = [run(["true"], mounts=mounts, level=level).startup_s for _ in range(_STARTS)]
    return statistics.median(starts) * 1000


def selftest(level: Level) -> SelfTest:
    """Try every attack at a level and say which were blocked.

    Takes a few seconds. The attacks are limited at every level and reach for nothing beyond
    this machine.

    Raises
    ------
    LevelNotBuiltError
        If the level is only a name.
    LevelNotHadError
        If the level does not start on this machine.
    SelfTestFailedError
        If the attacks could not be run.

    """
    require_built(level)
    if (lack := available(level)) is not None:
        lack_zh = available(level, language="zh")
        raise LevelNotHadError(label=level.label, lack_en=lack, lack_zh=lack_zh)
    controls, results = _controls(), _tried(level)
    attacks = [
        Attack(
            name=kind.name,
            en=kind.en,
            zh=kind.zh,
            blocked=not results[kind.name][0],
            control=bool(controls[kind.name][0]),
            detail=results[kind.name][1],
        )
        for kind in _attacks.KINDS
    ]
    return SelfTest(level=level, attacks=tuple(attacks), startup_ms=_startup_ms(level))
