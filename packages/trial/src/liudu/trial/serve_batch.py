"""One serving in batch mode: all items at once, all answers in one file.

What is measured, and why so: a batch solution sees every piece the moment it starts, so its
clock runs from the start of its process; time before the first answer is its own time. Answers
are timed from outside, by looking at the growing file. A time only counts for bytes that are
still the same at the end: whoever writes answers first and decides them later has all of them
timed at the end of the run.
"""

import contextlib
import hashlib
import io
import os
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liudu.contract import (
    CONTRACT,
    BadPredictionError,
    Item,
    Prediction,
    Reason,
    Refusal,
    lines_of,
    read_predictions,
)
from liudu.sandbox import HostileOutputError, Limits, Mounts, collect, start
from liudu.trial.serving import (
    POLL_S,
    Clock,
    Isolation,
    Served,
    Solution,
    Terms,
    TooMuchOutputError,
    missing_of,
    why_ended,
)
from liudu.trial.staging import stage

PREDICTIONS_NAME = "predictions.jsonl"
MIB_BYTES = 1024 * 1024
READ_BYTES = 1024 * 1024


class NoPredictionsError(Refusal):
    """The solution ended well and left no answers."""

    en = (
        "The solution ended with exit code 0 and wrote no {name}: "
        "write one line for each item to LIUDU_OUT/{name}."
    )
    zh = "方案正常退出，但没有写出 {name}：请为每个条目在 LIUDU_OUT/{name} 中写一行答案。"


def serve_batch(
    solution: Solution,
    *,
    items: Sequence[Item],
    pieces: Path,
    terms: Terms,
    into: Path,
    isolation: Isolation,
    clock: Clock,
    on_answers: Callable[[int], None] | None = None,
) -> Served:
    """Serve items to a solution in one batch and take its answers as hostile.

    Parameters
    ----------
    solution
        The opened bundle.
    items
        What is shown, in this order.
    pieces
        The folder that the items' paths are relative to, such as a seal's; it is not mounted.
    terms
        What both sides know of the trial.
    into
        A folder for the serving; it is made, and it is gone afterwards.
    isolation
        The sandbox level, limits, uid and runtime.
    clock
        Its monotonic clock gives every duration.
    on_answers
        Called now and then, from another thread, with how many answers there are so far.

    Raises
    ------
    InfraError
        If this machine failed, not the solution.
    OSError
        If our own disk or memory did.

    """
    with stage(into, pieces=pieces) as (inputs, output):
        inputs.prepare(items, terms=terms)
        inputs.list(items)
        growth = _Growth(output / PREDICTIONS_NAME, clock=clock, on_answers=on_answers)
        asked_at_s = clock.monotonic()
        with (
            start(
                solution.manifest.entry,
                mounts=Mounts(
                    app=solution.folder,
                    inputs=inputs.folder,
                    output=output,
                    read_only=isolation.runtime,
                ),
                limits=isolation.limits,
                level=isolation.level,
                slot=isolation.slot,
                environment={"LIUDU_CONTRACT": CONTRACT},
            ) as running,
            growth,
        ):
            outcome = running.wait()
        wall_s = outcome.wall_s
        reason, why = why_ended(outcome, limits=isolation.limits)
        if reason is Reason.CRASH and _is_full(output, limits=isolation.limits):
            # Most languages take the signal of a file at its limit as an error and end by it.
            reason = Reason.BAD_OUTPUT
            why = TooMuchOutputError(output_mib=isolation.limits.output_mib)
        predictions: dict[str, Prediction] = {}
        done_at_s = np.empty(0)
        if reason is Reason.OK:
            data, why = _collected(output, limits=isolation.limits, owner_uid=isolation.slot.uid)
            predictions, why = _read(data, terms=terms, items=items) if why is None else ({}, why)
            reason = _reason(why)
            began_at_s = asked_at_s + outcome.startup_s
            done_at_s = growth.done_at_s(data, began_at_s=began_at_s, wall_s=wall_s)
    return Served(
        reason=reason,
        why=why,
        predictions=predictions,
        done_at_s=done_at_s[: len(predictions)],
        startup_s=float(done_at_s[0]) if len(done_at_s) else float("nan"),
        wall_s=wall_s,
        outcome=outcome,
    )


def _reason(why: Refusal | None) -> Reason:
    if why is None:
        return Reason.OK
    bad = isinstance(why, (BadPredictionError, HostileOutputError))
    return Reason.BAD_OUTPUT if bad else Reason.MISSING_ITEMS


def _is_full(output: Path, *, limits: Limits) -> bool:
    with contextlib.suppress(OSError):
        return (output / PREDICTIONS_NAME).lstat().st_size >= limits.output_mib * MIB_BYTES
    return False


def _collected(output: Path, *, limits: Limits, owner_uid: int) -> tuple[bytes, Refusal | None]:
    """Return the bytes of the predictions, or why they cannot be taken."""
    size_max = limits.output_mib * MIB_BYTES
    try:
        with collect(output, PREDICTIONS_NAME, size_max=size_max, owner_uid=owner_uid) as file:
            return file.read(), None
    except FileNotFoundError:
        return b"", NoPredictionsError(name=PREDICTIONS_NAME)
    except HostileOutputError as refusal:
        return b"", refusal


def _read(
    data: bytes, *, terms: Terms, items: Sequence[Item]
) -> tuple[dict[str, Prediction], Refusal | None]:
    ids = [item.id for item in items]
    try:
        predictions = read_predictions(
            lines_of(io.BytesIO(data)),
            task=terms.task,
            ids=frozenset(ids),
            classes=terms.classes_known(),
        )
    except BadPredictionError as refusal:
        return {}, refusal
    return predictions, missing_of(ids, predictions=predictions)


class _Growth(threading.Thread):
    """Looks at a growing file from outside and notes when each line was there.

    The file belongs to somebody hostile: what cannot be read is not looked at, and all of it
    then counts as done at the end.
    """

    def __init__(
        self, path: Path, *, clock: Clock, on_answers: Callable[[int], None] | None
    ) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._clock = clock
        self._on_answers = on_answers
        self._over = threading.Event()
        self._fd = -1
        self._seen_bytes = 0
        self._digest = hashlib.sha256()
        self._line_count = 0
        self._looks: list[tuple[float, int]] = []

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        if self._fd >= 0:
            os.close(self._fd)

    def run(self) -> None:
        """Look every few hundredths of a second until the solution has ended."""
        while not self._over.wait(POLL_S):
            with contextlib.suppress(OSError):
                self._look()

    def _look(self) -> None:
        if self._fd < 0 and not self._open():
            return
        at_s = self._clock.monotonic()
        before = self._line_count
        while data := os.pread(self._fd, READ_BYTES, self._seen_bytes):
            self._seen_bytes += len(data)
            self._digest.update(data)
            self._line_count += data.count(b"\n")
            if self._over.is_set():
                break
        if self._line_count > before:
            self._looks.append((at_s, self._line_count))
            if self._on_answers is not None:
                self._on_answers(self._line_count)

    def _open(self) -> bool:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(self._path, flags)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            return False
        self._fd = fd
        return True

    def done_at_s(self, data: bytes, *, began_at_s: float, wall_s: float) -> NDArray[np.float64]:
        """Return when each line of the final `data` was there, ascending.

        What was seen early counts only if it is what was there in the end.
        """
        done = np.full(data.count(b"\n") + (not data.endswith(b"\n") and bool(data)), wall_s)
        seen = hashlib.sha256(memoryview(data)[: self._seen_bytes]).digest()
        if self._seen_bytes > len(data) or seen != self._digest.digest():
            return done
        first = 0
        for at_s, count in self._looks:
            done[first:count] = min(max(at_s - began_at_s, 0.0), wall_s)
            first = count
        return done
