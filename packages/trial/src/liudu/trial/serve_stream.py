"""One serving as a stream: each item is shown when its turn comes, and each answer is timed.

What is measured, and why so: an item is sent when the write that completes its line is made,
and answered when its line has been read; both by the runner's monotonic clock. Its files appear
in ``/in`` just before that, so that nothing can be worked out ahead. Warm-up comes before the
clock; where a solution asks for none, its start counts in its first answers.
"""

import contextlib
import gc
import math
import os
import select
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from liudu.contract import (
    CONTRACT,
    END_LINE,
    LINE_BYTES_MAX,
    BadPredictionError,
    DuplicateIdError,
    Item,
    LineTooLongError,
    Prediction,
    Reason,
    Refusal,
    UnknownIdError,
    item_line,
    parse_prediction,
)
from liudu.sandbox import Mounts, Running, start
from liudu.trial.serving import (
    Clock,
    Isolation,
    OutOfTimeError,
    Served,
    Solution,
    Terms,
    missing_of,
    why_ended,
)
from liudu.trial.staging import Inputs, stage

READ_BYTES = 256 * 1024
FIRST_LOOK = 32  # answers before the first look at whether the trial is decided
TELL_EVERY_S = 0.1
WAIT_S_MAX = 3600.0  # the system call takes no more than some weeks
LOOK_GROWTH = 1.25  # each look comes after so many times the answers: their total cost stays linear

Predictions = Mapping[str, Prediction]
Look = Callable[[Predictions, NDArray[np.float64]], bool]


class AnswerTooEarlyError(BadPredictionError):
    """An answer to an item that was not sent yet."""

    en = "Line {line_number} answers {value}, which was not sent yet: answer only what was asked."
    zh = "第 {line_number} 行回答了 {value}，但该条目尚未发出：请只回答已收到的条目。"


class NotInTimeError(Refusal):
    """One item, or the end, took too long."""

    en = (
        "{what} had no answer after {limit_s:g} s: answer each item within that time and flush "
        "standard output after every line."
    )
    zh = "{what_zh}在 {limit_s:g} 秒后仍无回应：请在时限内作答，并在每行之后刷新标准输出。"


class NoExitError(Refusal):
    """The solution goes on after the end."""

    en = (
        "The solution was still running {limit_s:g} s after “end”: exit with code 0 when “end” "
        "comes or standard input closes."
    )
    zh = (
        "收到 end 之后 {limit_s:g} 秒，方案仍未退出：收到 end 或标准输入关闭时，请以退出码 0 结束。"
    )


def serve_stream(
    solution: Solution,
    *,
    items: Sequence[Item],
    warmup: Sequence[Item] = (),
    warmup_files: Mapping[str, bytes] | None = None,
    pieces: Path,
    terms: Terms,
    into: Path,
    isolation: Isolation,
    clock: Clock,
    look: Look | None = None,
    on_answers: Callable[[int], None] | None = None,
) -> Served:
    """Serve items to a solution one after the other, at most `terms.window` in flight.

    Parameters
    ----------
    solution, items, pieces, terms, into, isolation, clock
        As in `serve_batch.serve_batch`.
    warmup, warmup_files
        Items that are sent first, answered, and neither timed nor scored; and the files that
        they name, where those do not lie below `pieces`. They come from a public sample.
    look
        Called after 32 answers and then ever more rarely, while nothing is in flight and the
        clock is stopped, with the answers so far and their timings, as in `Served.timings`; True
        ends the trial.
    on_answers
        Called with how many answers there are so far, ten times a second at most.

    Raises
    ------
    InfraError
        If this machine failed, not the solution.
    OSError
        If our own disk or memory did.

    """
    with stage(into, pieces=pieces) as (inputs, output):
        inputs.prepare([*warmup, *items], terms=terms, files=warmup_files)
        mounts = Mounts(
            app=solution.folder, inputs=inputs.folder, output=output, read_only=isolation.runtime
        )
        began_at_s = clock.monotonic()  # before the sandbox, whose own start is taken off later
        with start(
            solution.manifest.entry,
            mounts=mounts,
            limits=isolation.limits,
            level=isolation.level,
            slot=isolation.slot,
            stream=True,
            environment={"LIUDU_CONTRACT": CONTRACT},
        ) as running:
            exchange = _Exchange(
                running=running, inputs=inputs, terms=terms, clock=clock, began_at_s=began_at_s,
                look=look, on_answers=on_answers,
            )  # fmt: skip
            with _undisturbed():
                stopped = exchange.hold(
                    items=items, warmup=warmup, warmup_timeout_s=solution.manifest.warmup.timeout_s
                )
            if stopped is not None:
                running.kill()
            outcome = running.wait()
    reason, why = why_ended(outcome, limits=isolation.limits)
    if stopped is not None and outcome.killed_because in {"", "asked"}:
        reason, why = stopped
    elif reason is Reason.OK and not exchange.decided:
        why = missing_of([item.id for item in items], predictions=exchange.answers)
        reason = Reason.OK if why is None else Reason.MISSING_ITEMS
    kept = reason in {Reason.OK, Reason.MISSING_ITEMS}
    return Served(
        reason=reason,
        why=why,
        predictions=exchange.answers if kept else {},
        done_at_s=exchange.done_at_s() if kept else np.empty(0),
        timings=exchange.timings(len(items)) if kept else None,
        startup_s=max(exchange.startup_s - outcome.startup_s, 0.0),
        wall_s=exchange.wall_s,
        outcome=outcome,
    )


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the garbage collector, whose pauses would be the solution's latency, from running."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


Stopped = tuple[Reason, Refusal]


class _StopError(Exception):
    """The solution broke a rule; carries the reason code and the sentence."""

    def __init__(self, reason: Reason, why: Refusal) -> None:
        super().__init__(str(why))
        self.stopped: Stopped = (reason, why)


class _GoneError(Exception):
    """The solution closed its end; why, the sandbox knows."""


class _Exchange:
    """The talk with one solution, over two pipes that never block.

    One system call each to wait, read and write moves whatever there is, so that a fast
    solution is served in bulk and a slow one at once.
    """

    def __init__(
        self,
        *,
        running: Running,
        inputs: Inputs,
        terms: Terms,
        clock: Clock,
        began_at_s: float,
        look: Look | None,
        on_answers: Callable[[int], None] | None,
    ) -> None:
        if running.stdin is None or running.stdout is None:
            raise ValueError("the solution was not started as a stream")
        self._stdin, self._stdout = running.stdin, running.stdout
        self._in_fd, self._out_fd = self._stdin.fileno(), self._stdout.fileno()
        for fd in (self._in_fd, self._out_fd):
            os.set_blocking(fd, False)
        self._inputs, self._terms, self._classes = inputs, terms, terms.classes_known()
        self._monotonic, self._look, self._on_answers = clock.monotonic, look, on_answers
        self._began_at_s = began_at_s
        self._poll = select.poll()
        self._poll.register(self._out_fd, select.POLLIN)
        self._rest = b""  # what the pipe did not take yet
        self._queued: deque[tuple[str, int]] = deque()  # item and where its line ends in the rest
        self._offered_at_s = 0.0
        self._awaits_room = False
        self._tell_at_s = 0.0
        self._partial = b""
        self._line_number = 0
        self._places: dict[str, int] = {}
        self._flying: dict[str, float] = {}  # when each was sent, the oldest first
        self._sent_s: list[float] = []
        self._answered_s: list[float] = []
        self._serving_from_s = 0.0
        self._serving = False
        self.answers: dict[str, Prediction] = {}
        self.startup_s = float("nan")
        self.wall_s = 0.0
        self.decided = False

    # -- the course -----------------------------------------------------------------------

    def hold(
        self, *, items: Sequence[Item], warmup: Sequence[Item], warmup_timeout_s: float
    ) -> Stopped | None:
        """Talk from warm-up to end; return why it had to be stopped, or None."""
        try:
            if warmup:
                self._warm_up(warmup, timeout_s=warmup_timeout_s)
            self._serve(items)
            self._end()
        except _StopError as stop:
            return stop.stopped
        except _GoneError:
            return None
        finally:
            if not self._serving:  # it never came to the items: warm-up answers count for nothing
                self._begin(items)
        return None

    def _warm_up(self, items: Sequence[Item], *, timeout_s: float) -> None:
        until_s = self._began_at_s + timeout_s
        self._begin(items)
        self._rounds(items, op="warmup", until=len(items), deadline_s=until_s)
        self.startup_s = self._monotonic() - self._began_at_s

    def _serve(self, items: Sequence[Item]) -> None:
        self._begin(items)
        self._serving = True
        self._serving_from_s = self._monotonic()
        try:
            self._serve_in_parts(items)
        finally:
            self.wall_s = self._monotonic() - self._serving_from_s

    def _serve_in_parts(self, items: Sequence[Item]) -> None:
        next_look = FIRST_LOOK
        while len(self.answers) < len(items) and not self.decided:
            until = len(items) if self._look is None else min(next_look, len(items))
            self._rounds(items, op="item", until=until, deadline_s=None)
            if self._look is not None and until < len(items):
                self._pause_to_look()
                next_look = int(next_look * LOOK_GROWTH) + 1

    def _begin(self, items: Sequence[Item]) -> None:
        self.answers = {}
        self._flying.clear()
        self._places = {item.id: place for place, item in enumerate(items)}
        self._sent_s, self._answered_s = [], [float("nan")] * len(items)

    def _pause_to_look(self) -> None:
        paused_at_s = self._monotonic()
        assert self._look is not None  # noqa: S101 - the caller asked
        self.decided = self._look(self.answers, self.timings(len(self.answers)))
        # The pause was ours: the clock of serving stood still.
        shift_s = self._monotonic() - paused_at_s
        self._serving_from_s += shift_s
        self._sent_s = [at_s + shift_s for at_s in self._sent_s]
        self._answered_s = [at_s + shift_s for at_s in self._answered_s]

    def _rounds(
        self,
        items: Sequence[Item],
        *,
        op: Literal["warmup", "item"],
        until: int,
        deadline_s: float | None,
    ) -> None:
        """Send items and read answers until the first `until` items are answered."""
        window, answers, flying = self._terms.window, self.answers, self._flying
        while len(answers) < until:
            sent = len(answers) + len(flying) + len(self._queued)
            room = min(window + len(answers), until) - sent
            if room > 0 and not self._rest:
                self._send(items[sent : sent + room], op=op)
            self._read(self._wait(deadline_s=deadline_s))

    def _end(self) -> None:
        """Say that it is over, and wait until the solution has closed its end."""
        os.set_blocking(self._in_fd, True)
        limit_s = self._terms.item_timeout_s
        deadline_s = self._monotonic() + limit_s
        try:
            os.write(self._in_fd, END_LINE)
        except BrokenPipeError:
            raise _GoneError from None
        self._stdin.close()
        while True:
            left_s = deadline_s - self._monotonic()
            if left_s <= 0:
                raise _StopError(
                    Reason.TIMEOUT,
                    NoExitError(limit_s=limit_s),
                )
            if self._poll.poll(min(left_s, WAIT_S_MAX) * 1000):
                self._read(self._monotonic())

    # -- waiting, reading, writing ----------------------------------------------------------

    def _wait(self, *, deadline_s: float | None) -> float:
        """Wait until the solution answers or takes more; return the moment.

        Raises `_StopError` when the oldest item in flight had its time.
        """
        limit_s = self._terms.item_timeout_s
        while True:
            since_s = next(iter(self._flying.values()), self._offered_at_s)
            until_s = since_s + limit_s if deadline_s is None else deadline_s
            now_s = self._monotonic()
            if now_s >= until_s:
                raise _StopError(Reason.TIMEOUT, self._late(deadline_s, now_s))
            events = self._poll.poll(min(until_s - now_s, WAIT_S_MAX) * 1000 + 1)
            if self._rest:
                self._write()
            if any(fd == self._out_fd for fd, _ in events):
                return self._monotonic()

    def _late(self, deadline_s: float | None, now_s: float) -> Refusal:
        if deadline_s is not None:
            limit_s = now_s - self._began_at_s
            return OutOfTimeError(limit_s=round(limit_s, 1), what="warm-up", what_zh="预热")
        place = len(self._sent_s) - len(self._flying) + 1
        name = next(iter(self._flying), None)
        if name is not None:
            place = self._places[name] + 1
        what, what_zh = (
            f"Item {place} of {len(self._places)}",
            f"第 {place} 个条目（共 {len(self._places)} 个）",
        )
        return NotInTimeError(what=what, what_zh=what_zh, limit_s=self._terms.item_timeout_s)

    def _send(self, items: Sequence[Item], *, op: Literal["warmup", "item"]) -> None:
        lines, end = [], 0
        for item in items:
            if item.path is not None or item.companions:
                self._inputs.show(item)
            line = item_line(item, op)
            end += len(line)
            lines.append(line)
            self._queued.append((item.id, end))
        self._rest = b"".join(lines)
        self._offered_at_s = self._monotonic()
        self._write()

    def _write(self) -> None:
        """Give the pipe what it takes; whatever line is complete then is in flight."""
        now_s = self._monotonic()
        try:
            taken = os.write(self._in_fd, self._rest)
        except BlockingIOError:
            taken = 0
        except BrokenPipeError:
            self._rest, self._queued = b"", deque()
            self._await_room(wanted=False)
            return  # the answers that are still in its pipe count
        if taken == len(self._rest):
            self._rest = b""
        else:
            self._rest = self._rest[taken:]
        queued, flying, sent_s = self._queued, self._flying, self._sent_s
        while queued and queued[0][1] <= taken:
            flying[queued.popleft()[0]] = now_s
            sent_s.append(now_s)
        if self._rest:
            self._queued = deque((name, end - taken) for name, end in queued)
        self._await_room(wanted=bool(self._rest))

    def _await_room(self, *, wanted: bool) -> None:
        if wanted and not self._awaits_room:
            self._poll.register(self._in_fd, select.POLLOUT)
        elif self._awaits_room and not wanted:
            self._poll.unregister(self._in_fd)
        self._awaits_room = wanted

    def _read(self, now_s: float) -> None:
        """Read what there is and take every whole line as an answer."""
        try:
            data = os.read(self._out_fd, READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            raise _GoneError
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._take(line, at_s=now_s)
        if len(self._partial) > LINE_BYTES_MAX:
            too_long = LineTooLongError(
                line_number=self._line_number + 1, line_bytes_max=LINE_BYTES_MAX
            )
            raise _StopError(Reason.BAD_OUTPUT, too_long)
        if self._on_answers is not None and now_s >= self._tell_at_s:
            self._tell_at_s = now_s + TELL_EVERY_S
            self._on_answers(len(self.answers))

    def _take(self, line: bytes, *, at_s: float) -> None:
        self._line_number += 1
        try:
            prediction = parse_prediction(
                line,
                task=self._terms.task,
                line_number=self._line_number,
                classes=self._classes,
            )
            name = prediction.id
            if self._flying.pop(name, None) is None:
                raise self._unasked(name)
        except BadPredictionError as refusal:
            raise _StopError(Reason.BAD_OUTPUT, refusal) from None
        self.answers[name] = prediction
        self._answered_s[self._places[name]] = at_s
        if len(self.answers) == 1 and math.isnan(self.startup_s):
            self.startup_s = at_s - self._began_at_s

    def _unasked(self, name: str) -> BadPredictionError:
        if name in self.answers:
            kind: type[BadPredictionError] = DuplicateIdError
        elif name in self._places:
            kind = AnswerTooEarlyError
        else:
            kind = UnknownIdError
        return kind(line_number=self._line_number, value=repr(name[:60]))

    # -- the measurements -------------------------------------------------------------------

    def done_at_s(self) -> NDArray[np.float64]:
        """Return when each answer was there, ascending, in seconds of serving."""
        answered = np.asarray(self._answered_s) - self._serving_from_s
        return np.sort(answered[~np.isnan(answered)])

    def timings(self, item_count: int) -> NDArray[np.float64]:
        """Return sent and answered of each item, in seconds of serving, NaN where it was not."""
        table = np.full((item_count, 2), np.nan)
        table[: len(self._sent_s), 0] = self._sent_s
        table[:, 1] = self._answered_s[:item_count]
        return table - self._serving_from_s
