"""What serving a solution takes and gives, whether in one batch or as a stream."""

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.contract import Manifest, Mode, Prediction, Reason, Refusal, Task, trial_card
from liudu.sandbox import Level, Limits, Outcome, Slot

ITEM_TIMEOUT_S = 30.0
POLL_S = 0.02  # how often the answers of a batch are looked at from outside


class Solution(Protocol):
    """An opened bundle, as far as serving it needs to know."""

    @property
    def folder(self) -> Path:
        """Where its files lie."""

    @property
    def manifest(self) -> Manifest:
        """What it declares."""


@attrs.frozen(kw_only=True)
class Terms:
    """What both sides know of the trial.

    Attributes
    ----------
    task, mode, classes, positive
        As in ``trial.json``.
    window
        Items in flight in stream mode.
    item_count
        How many items there are, or None if the trial may stop early.
    item_timeout_s
        In stream mode, how long one answer may take; also how long the solution may take to
        exit after ``end``.

    """

    task: Task
    mode: Mode
    classes: tuple[str, ...] = ()
    positive: str | None = None
    window: int = 1
    item_count: int | None = None
    item_timeout_s: float = ITEM_TIMEOUT_S

    def card(self) -> bytes:
        """Return ``trial.json``."""
        return trial_card(
            task=self.task,
            mode=self.mode,
            classes=self.classes,
            positive=self.positive,
            window=self.window,
            item_count=self.item_count,
        )

    def classes_known(self) -> frozenset[str] | None:
        """Return the classes that answers may name, or None where any name is taken."""
        return frozenset(self.classes) if self.classes else None


@attrs.frozen(kw_only=True)
class Isolation:
    """How a solution is kept apart: the level, what it may use, as whom, and its runtime."""

    level: Level
    limits: Limits
    slot: Slot
    runtime: tuple[Path, ...] = ()


@attrs.frozen(kw_only=True)
class Clock:
    """The two clocks of a run.

    Attributes
    ----------
    now
        The moment, in UTC. A label: it may jump, and nothing is computed from it.
    monotonic
        Seconds that only grow. Every duration comes from it.

    """

    now: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic


@attrs.frozen(kw_only=True)
class Served:
    """How one serving ended.

    Attributes
    ----------
    reason
        Its reason code; never `Reason.INFRA`, which is raised instead.
    why
        The sentence that explains any reason but `Reason.OK`.
    predictions
        What was answered and is well-formed, by id; empty unless the solution ended by itself,
        with exit code 0 and answers that keep to the contract.
    done_at_s
        When each answer was there, ascending, in seconds since serving began.
    timings
        In stream mode, (n, 2): sent and answered, seconds since serving began, in item order,
        NaN where it did not come to that. None in batch mode.
    startup_s
        From the start of the process to its readiness: the last warm-up answer or, where there
        is no warm-up, the first answer that was seen. NaN if nothing was answered.
    wall_s
        From the beginning to the end of serving, without the pauses that were ours.
    outcome
        What the sandbox measured over the whole process tree.

    """

    reason: Reason
    why: Refusal | None = None
    predictions: dict[str, Prediction] = attrs.field(factory=dict)
    done_at_s: NDArray[np.float64]
    timings: NDArray[np.float64] | None = None
    startup_s: float
    wall_s: float
    outcome: Outcome


class SolutionCrashedError(Refusal):
    """The solution did not end with exit code 0."""

    en = (
        "The solution ended with {ending} after {wall_s:.1f} s: it must end with exit code 0. "
        "What it wrote to standard error is kept in quarantine/stderr.txt."
    )
    zh = (
        "方案运行 {wall_s:.1f} 秒后以{ending_zh}结束：正常结束的退出码应为 0。"
        "其标准错误输出保存在 quarantine/stderr.txt。"
    )


class NoRoomForSolutionError(SolutionCrashedError):
    """The solution ended badly and says that it had no room to write."""

    en = (
        "The solution ended with {ending} after {wall_s:.1f} s and says that it had no room to "
        "write: /tmp holds {tmp_mib} MiB, /out {output_mib} MiB. Write less, or ask the owner for "
        "a larger limit (tmp_mib, output_mib). See quarantine/stderr.txt."
    )
    zh = (
        "方案运行 {wall_s:.1f} 秒后以{ending_zh}结束，并报告没有空间可写："
        "/tmp 上限为 {tmp_mib} MiB，/out 上限为 {output_mib} MiB。"
        "请少写一些，或请数据方放宽上限（tmp_mib、output_mib）。"
        "详见 quarantine/stderr.txt。"
    )


_NO_ROOM_WORDS = (b"No space left on device", b"File too large")


class OutOfTimeError(Refusal):
    """The solution was still running when its time was up."""

    en = (
        "The solution was stopped at its limit of {limit_s:g} s ({what}): be faster, or ask the "
        "owner for a longer limit."
    )
    zh = "方案达到 {limit_s:g} 秒的时限（{what_zh}），已被停止：请加快速度，或请数据方放宽时限。"


class OutOfMemoryError(Refusal):
    """The solution used more memory than it may."""

    en = (
        "The solution was stopped at {memory_peak_mib:.0f} MiB: the limit is {memory_mib} MiB. "
        "Use less, or ask for more in resources.memory_mib."
    )
    zh = (
        "方案占用内存达 {memory_peak_mib:.0f} MiB，已被停止：上限为 {memory_mib} MiB。"
        "请减少占用，或在 resources.memory_mib 中申请更多。"
    )


class ForbiddenActError(Refusal):
    """The solution tried what no solution may."""

    en = (
        "The solution was stopped by the sandbox ({ending}, {processes_peak} processes at most): "
        "it tried what no solution may. `liudu-trial check` shows it at home."
    )
    zh = (
        "方案被沙箱停止（{ending_zh}，最多同时 {processes_peak} 个进程）："
        "它试图进行不被允许的操作。可在本地用 `liudu-trial check` 重现。"
    )


class TooMuchOutputError(Refusal):
    """The solution wrote more than it may."""

    en = (
        "The solution wrote more than {output_mib} MiB to its output folder: "
        "write one short line an item."
    )
    zh = "方案写入输出文件夹的内容超过 {output_mib} MiB：每个条目请只写一行简短的答案。"


class MissingItemsError(Refusal):
    """Items without an answer."""

    en = (
        "{missing} of {asked} items have no answer, for example {example}: each of them counts "
        "as the worst answer. Answer every item, in any order."
    )
    zh = (
        "{asked} 个条目中有 {missing} 个没有答案，例如 {example}："
        "每个都按最差答案计。请回答每一个条目，顺序不限。"
    )


class InfraError(Refusal):
    """The runner's machine failed, not the solution: the run is repeated, free of charge."""

    machine = True
    en = (
        "This machine failed, not the solution: {what_en}. "
        "Nothing is lost and no attempt is counted: {way_out_en}."
    )
    zh = "是本机出错，不是方案的问题：{what_zh}。数据没有丢失，也不计次数：{way_out_zh}。"


def why_ended(outcome: Outcome, *, limits: Limits) -> tuple[Reason, Refusal | None]:
    """Return the reason code of an outcome and the sentence that explains it.

    Raises
    ------
    InfraError
        If it was the runner that failed.

    """
    reason = outcome.reason
    if reason is Reason.INFRA:
        raise InfraError(
            what_en=f"the sandbox did not stand ({outcome.failure})",
            what_zh=f"沙箱未能就绪（{outcome.failure}）",
            way_out_en="run it again; `liudu-trial selftest` shows what this machine can do",
            way_out_zh="请重新运行；`liudu-trial selftest` 可查看本机能力",
        )
    return reason, _EXPLAIN[reason](outcome, limits) if reason in _EXPLAIN else None


def _crashed(outcome: Outcome, limits: Limits) -> Refusal:
    if any(word in outcome.stderr for word in _NO_ROOM_WORDS):
        return NoRoomForSolutionError(
            wall_s=outcome.wall_s,
            tmp_mib=limits.tmp_mib,
            output_mib=limits.output_mib,
            **_ending(outcome),
        )
    return SolutionCrashedError(wall_s=outcome.wall_s, **_ending(outcome))


def _ending(outcome: Outcome) -> dict[str, str]:
    if outcome.killed_because not in {"", "asked"}:
        word, word_zh = _CAPS.get(outcome.killed_because, (outcome.killed_because,) * 2)
        return {"ending": word, "ending_zh": word_zh}
    if outcome.signal is not None:
        return {"ending": f"signal {outcome.signal}", "ending_zh": f"信号 {outcome.signal} "}
    return {
        "ending": f"exit code {outcome.exit_code}",
        "ending_zh": f"退出码 {outcome.exit_code} ",
    }


_CAPS = {
    "tmp": ("a full temporary folder", "临时文件夹写满"),
    "processes": ("too many processes", "进程过多"),
}


def _too_slow(outcome: Outcome, limits: Limits) -> Refusal:
    if outcome.killed_because == "wall":
        return OutOfTimeError(limit_s=limits.wall_s, what="wall time", what_zh="运行时间")
    return OutOfTimeError(limit_s=limits.cpu_total_s, what="CPU time", what_zh="CPU 时间")


def _too_large(outcome: Outcome, limits: Limits) -> Refusal:
    return OutOfMemoryError(memory_peak_mib=outcome.memory_peak_mib, memory_mib=limits.memory_mib)


def _forbidden(outcome: Outcome, limits: Limits) -> Refusal:
    del limits
    return ForbiddenActError(processes_peak=outcome.processes_peak, **_ending(outcome))


def _too_much(outcome: Outcome, limits: Limits) -> Refusal:
    del outcome
    return TooMuchOutputError(output_mib=limits.output_mib)


_EXPLAIN: Mapping[Reason, Callable[[Outcome, Limits], Refusal]] = {
    Reason.CRASH: _crashed,
    Reason.TIMEOUT: _too_slow,
    Reason.OOM: _too_large,
    Reason.SANDBOX_VIOLATION: _forbidden,
    Reason.BAD_OUTPUT: _too_much,
}


def missing_of(ids: Collection[str], *, predictions: Mapping[str, Prediction]) -> Refusal | None:
    """Return the sentence about the items that have no answer, or None if all have one."""
    missing = [name for name in ids if name not in predictions]
    if not missing:
        return None
    return MissingItemsError(missing=len(missing), asked=len(ids), example=missing[0])
