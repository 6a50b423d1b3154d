"""How a run ended, and what it used."""

import signal
from typing import Any, Literal

from attrs import frozen

from liudu.contract import Reason

KilledBecause = Literal["", "memory", "wall", "cpu", "processes", "output", "tmp", "asked", "start"]

_REASON_OF_KILL: dict[str, Reason] = {
    "memory": Reason.OOM,
    "wall": Reason.TIMEOUT,
    "cpu": Reason.TIMEOUT,
    "processes": Reason.SANDBOX_VIOLATION,
    "output": Reason.BAD_OUTPUT,
    "tmp": Reason.CRASH,
    "asked": Reason.CRASH,
    "start": Reason.INFRA,
}
_REASON_OF_SIGNAL = {
    signal.SIGSYS: Reason.SANDBOX_VIOLATION,
    signal.SIGXCPU: Reason.TIMEOUT,
    signal.SIGXFSZ: Reason.BAD_OUTPUT,
}


@frozen(kw_only=True)
class Outcome:
    """The end of one run, measured from outside.

    Attributes
    ----------
    exit_code
        0 to 255, None if a signal ended it.
    signal
        The number of that signal, else None. At `bwrap` an exit code of 128 + n is read as
        signal n, as a shell does.
    reason
        `Reason.OK` for exit code 0. `INFRA` only where the command was never started.
    killed_because
        Which limit the warden killed it for: ``memory``, ``wall``, ``cpu``, ``processes``,
        ``output``, ``tmp``; ``asked`` for `Running.kill`; ``start`` where the sandbox did not
        stand after 20 s; empty if it ended by itself.
    failure
        What the sandbox said where it could not be set up; empty otherwise.
    startup_s, wall_s
        Seconds until the command started, and from there to its end.
    cpu_s
        CPU seconds of the whole tree, ended processes included, the sandbox's own left out.
    memory_peak_mib
        The largest memory of the whole tree at one time, shared pages counted once.
    processes_peak
        The largest number of processes at one time, by samples 50 ms apart.
    stdout, stderr
        The first `Limits.stdout_kib` and `stderr_kib`; stdout is empty in stream mode.

    """

    exit_code: int | None
    signal: int | None
    reason: Reason
    killed_because: KilledBecause
    failure: str
    startup_s: float
    wall_s: float
    cpu_s: float
    memory_peak_mib: float
    processes_peak: int
    stdout: bytes
    stderr: bytes
    stdout_truncated: bool
    stderr_truncated: bool


def _ended(status: int, *, through_bwrap: bool) -> tuple[int | None, int | None]:
    code = status >> 8 if status & 0x7F == 0 else -(status & 0x7F)
    if code < 0:
        return None, -code
    if through_bwrap and 128 < code <= 128 + signal.NSIG:  # noqa: PLR2004 - the shell's convention
        return None, code - 128
    return code, None


def _reason(report: dict[str, Any], exit_code: int | None, number: int | None) -> Reason:
    if report["killed_because"]:
        return _REASON_OF_KILL[report["killed_because"]]
    if not report["started"]:
        return Reason.INFRA
    if number is not None:
        return _REASON_OF_SIGNAL.get(signal.Signals(number), Reason.CRASH)
    return Reason.OK if exit_code == 0 else Reason.CRASH


def outcome_of(report: dict[str, Any], *, through_bwrap: bool) -> Outcome:
    """Read a warden's report."""
    exit_code, number = _ended(report["status"], through_bwrap=through_bwrap)
    stderr = report["stderr"]
    failure = report["failure"]
    if not report["started"] and not failure:
        failure = stderr.decode(errors="replace").strip() or "the sandbox ended before the command"
    return Outcome(
        exit_code=exit_code,
        signal=number,
        reason=_reason(report, exit_code, number),
        killed_because=report["killed_because"],
        failure=failure if not report["started"] else "",
        startup_s=report["startup_s"],
        wall_s=report["wall_s"],
        cpu_s=report["cpu_s"],
        memory_peak_mib=report["memory_peak_kib"] / 1024,
        processes_peak=report["processes_peak"],
        stdout=report.get("stdout", b""),
        stderr=stderr,
        stdout_truncated=report.get("stdout_truncated", False),
        stderr_truncated=report["stderr_truncated"],
    )


def lost(failure: str) -> Outcome:
    """Return the outcome of a run whose warden went away without a word."""
    return Outcome(
        exit_code=None, signal=None, reason=Reason.INFRA, killed_because="", failure=failure,
        startup_s=0.0, wall_s=0.0, cpu_s=0.0, memory_peak_mib=0.0, processes_peak=0,
        stdout=b"", stderr=b"", stdout_truncated=False, stderr_truncated=False,
    )  # fmt: skip
