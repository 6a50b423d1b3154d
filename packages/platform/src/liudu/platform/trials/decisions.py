"""Pure rules of trials: whose failure an end is, what it costs, how long a queue takes."""

import statistics
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Literal

import attrs

from liudu.contract import Reason, Refusal

WAITED_FOR_MIN: Final = 3  # ended trials before a time is promised
QUEUE_NAMES: Final = ("default", "trials")
Next = Literal["again", "end"]


class Fault(StrEnum):
    """Whose failure ended a trial before a verdict."""

    VENDOR = "vendor"
    PLATFORM = "platform"
    NOBODY = "nobody"


@attrs.frozen(kw_only=True)
class Ending:
    """Why a trial ended without a verdict.

    Attributes
    ----------
    code
        Stable, for machines.
    fault
        Whose failure it was; only a vendor's own uses up its attempt.
    zh, en
        The sentence for everybody who may see the trial.

    """

    code: str
    fault: Fault
    zh: str
    en: str

    @property
    def costs_attempt(self) -> bool:
        """Whether the vendor's attempt is used up."""
        return self.fault is Fault.VENDOR


CANCELLED: Final = Ending(
    code="cancelled",
    fault=Fault.NOBODY,
    zh="试验已取消，不计入供方的试验次数。",
    en="The trial was cancelled; this costs the vendor no attempt.",
)
INFRASTRUCTURE: Final = Ending(
    code="infrastructure",
    fault=Fault.PLATFORM,
    zh="平台多次未能完成这次试验，已终止。责任在平台：不计入供方的试验次数，需求方可随时重新开始。",
    en="The platform failed to finish this trial several times and ended it. The fault is ours: "
    "it costs the vendor no attempt, and the owner may start it again at any time.",
)


def _own(reason: Reason, *, zh: str, en: str) -> Ending:
    return Ending(code=str(reason), fault=Fault.VENDOR, zh=zh, en=en)


_OWN: Final = {
    one.code: one
    for one in (
        _own(
            Reason.CRASH,
            zh="方案在运行中崩溃，没有可评的结果。请在本地用 liudu-trial check 复现后提交新版本。",
            en="The solution crashed, so there was nothing to judge. Reproduce it at home with "
            "`liudu-trial check` and offer a new version.",
        ),
        _own(
            Reason.TIMEOUT,
            zh="方案超出时间上限，已被停止。请加快速度，或请需求方放宽时限。",
            en="The solution ran past its time limit and was stopped: make it faster, or ask the "
            "owner for a longer limit.",
        ),
        _own(
            Reason.OOM,
            zh="方案超出内存上限，已被停止。请减少用量，或在清单中申请更多内存。",
            en="The solution ran out of memory and was stopped: use less, or ask for more in its "
            "manifest.",
        ),
        _own(
            Reason.BAD_OUTPUT,
            zh="方案的输出不符合合约，无法评分。请在本地用 liudu-trial check 检查后提交新版本。",
            en="The solution's output breaks the contract and cannot be scored: check it at home "
            "with `liudu-trial check` and offer a new version.",
        ),
        _own(
            Reason.SANDBOX_VIOLATION,
            zh="方案触犯了沙箱规则，已被停止。请在本地用 liudu-trial check 找出原因后提交新版本。",
            en="The solution broke the rules of the sandbox and was stopped: find out why with "
            "`liudu-trial check` at home and offer a new version.",
        ),
    )
}


def ending_of(reason: Reason) -> Ending | None:
    """Return how a run ended by the solution's own fault; None where there is a verdict.

    The sentence is ours and the same for every solution: what a run has to say in detail may
    quote what the solution printed, by which sealed data could be carried out.
    """
    return _OWN.get(str(reason))


def ending_of_refusal(refusal: Refusal) -> Ending:
    """Return how a trial ends whose solution this machine cannot run; nothing was shown to it."""
    return Ending(
        code=refusal.code,
        fault=Fault.NOBODY,
        zh=refusal.say("zh") + "封存数据未向方案展示，不计入试验次数。",
        en=refusal.say("en") + " No sealed piece was shown to it, and no attempt is counted.",
    )


def after_platform_failure(*, infra_count: int, attempts_max: int) -> Next:
    """Return what follows when the platform has failed so many times, this one included."""
    return "end" if infra_count >= attempts_max else "again"


def lease(seconds: float) -> timedelta:
    """Return how long a worker may be silent."""
    return timedelta(seconds=seconds)


def beat_s(lease_s: float) -> float:
    """Return how often a worker says that it lives: four times a lease, each second at most."""
    return max(0.1, min(1.0, lease_s / 4))


@attrs.frozen(kw_only=True)
class Expectation:
    """When a queued trial may begin, as honestly as it can be told.

    Attributes
    ----------
    place
        1 for the next one.
    running_count, worker_count
        Trials that run now, and workers that live.
    wait_s
        Seconds to wait, or None where it is not known.

    """

    place: int
    running_count: int
    worker_count: int
    wait_s: float | None


def expect(
    *, ahead_count: int, running_count: int, worker_count: int, durations_s: Sequence[float]
) -> Expectation:
    """Say when a trial may begin.

    Parameters
    ----------
    ahead_count
        Queued trials that come first.
    durations_s
        How long the last trials ran; their median is taken for each one ahead.

    """
    wait_s = None
    if worker_count and running_count < worker_count and not ahead_count:
        wait_s = 0.0
    elif worker_count and len(durations_s) >= WAITED_FOR_MIN:
        # Those that run now are half way, by and large.
        turns = (ahead_count + running_count / 2) / worker_count
        wait_s = statistics.median(durations_s) * turns
    return Expectation(
        place=ahead_count + 1,
        running_count=running_count,
        worker_count=worker_count,
        wait_s=wait_s,
    )


_OF_TARGET: Final = (
    "metric", "op", "limit", "confidence", "answer", "point", "lower", "upper", "events", "trials",
    "more_needed",
)  # fmt: skip
_OF_MEASUREMENTS: Final = (
    "items", "answered", "wall_s", "startup_s", "cpu_s", "memory_peak_mib", "throughput_per_h",
    "latency_s",
)  # fmt: skip


def kept_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the database keeps of ``result.json``: figures of the whole, of no piece.

    Left out is whatever speaks of single pieces or names their classes: ``details`` with the
    worst errors, and the figures by class.
    """
    measured = result["measurements"]
    return {
        "reason": result["reason"],
        "task": result["task"],
        "simulated": result["simulated"],
        "targets": [
            {name: row[name] for name in _OF_TARGET if row.get(name) is not None}
            for row in map(_flat, result["targets"])
        ],
        "level": {name: result["level"].get(name) for name in ("asked", "had", "weaker")},
        "measurements": {
            name: measured[name] for name in _OF_MEASUREMENTS if measured.get(name) is not None
        },
        "digests": dict(result["digests"]),
        "attempts": [
            {name: row[name] for name in ("reason", "free") if name in row}
            for row in result["attempts"]
        ],
        "solution": dict(result["solution"]),
    }


def _flat(entry: Mapping[str, Any]) -> dict[str, Any]:
    nested = entry.get("target")
    return {**(nested if isinstance(nested, Mapping) else {}), **entry}
