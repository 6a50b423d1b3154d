"""A measured run of an untrusted solution against a seal.

A run goes through ``created → staged → serving → collected → scored → complete``; each state is
on the disk before the next begins. Whatever ends the runner in between, calling it again on the
same folder goes on from what was finished; until ``result.json`` is there, written last and at
once, there is no result.
"""

import errno
import math
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.acceptance import ITEMS_PER_REPEAT_MIN, REPEATS_MIN, Look, Verdict
from liudu.contract import CONTRACT, Bundle, Item, Prediction, Reason, Refusal, open_bundle
from liudu.sandbox import Level, Limits, SelfTest, claim_slot
from liudu.trial.journal import Journal, Lock, State, free_room, reserve_room
from liudu.trial.looks import Scorekeeper, look_row
from liudu.trial.progress import Advance, Progress, Silence
from liudu.trial.run_folder import (
    MEASUREMENTS_NAME,
    PREDICTIONS_NAME,
    RESULT_NAME,
    RUN_NAME,
    RunFolder,
)
from liudu.trial.runtime import (
    LevelHad,
    choose_level,
    item_timeout_of,
    limits_of,
    require_fit,
    runtime_of,
    warmup_of,
)
from liudu.trial.scoring import require_same_scorer
from liudu.trial.seal import LABELS, NoPrivatePartError, Seal
from liudu.trial.selftest_memory import RememberedSelfTest, remembered
from liudu.trial.serve_batch import serve_batch
from liudu.trial.serve_stream import serve_stream
from liudu.trial.serving import (
    ITEM_TIMEOUT_S,
    Clock,
    InfraError,
    Isolation,
    Served,
    Terms,
    why_ended,
)
from liudu.trial.staging import open_to_others
from liudu.trial.verdict import decide

RETRIES = 2
FIRST_CHUNK = 64  # pieces before the first look in batch mode
CHUNK_GROWTH = 1.5  # then ever larger: each chunk pays for a start of the solution
REPEATS = 10  # chunks that a promised throughput of a batch is measured by
REPEATS_TO_LOOK = 20  # as many at most where each is looked at
LEFT_S_MIN = 0.1
FREE_BYTES_MIN = 4 * 1024 * 1024
DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
SCORED_REASONS = {Reason.OK, Reason.MISSING_ITEMS}
VERSIONS_OF = ("liudu-trial", "liudu-acceptance", "liudu-contract", "liudu-sandbox", "numpy")

Fault = Callable[[str], None]
OnLook = Callable[[Look, int], None]


class NotARunError(Refusal):
    """The folder holds something else than a run."""

    en = "{folder} is not empty and holds no run: give a new folder with --out."
    zh = "{folder} 不是空文件夹，其中也没有试验：请用 --out 指定新的文件夹。"


class OtherRunError(Refusal):
    """The folder holds the run of something else."""

    en = (
        "{folder} holds the run of another {what_en} ({before}; asked now: {now}): "
        "give another folder with --out."
    )
    zh = "{folder} 中是另一{what_zh}的试验（{before}；本次为 {now}）：请用 --out 指定另一个文件夹。"


class DiskFullError(InfraError):
    """There is no room for the run on our own disk."""

    en = (
        "No room left at {folder} ({free_mib} MiB free): free some space, then run the same "
        "command again. What was finished is kept, and no attempt is counted."
    )
    zh = (
        "{folder} 所在磁盘空间不足（剩余 {free_mib} MiB）：请腾出空间，再次执行同一命令。"
        "已完成的部分都已保留，也不计次数。"
    )


class SealLeaksError(Refusal):
    """The sandbox lets through what it must not: nothing sealed may be run in it."""

    en = (
        "The sandbox level {label} lets {count} attacks through on this machine ({names}): a "
        "sealed trial is not run here. `liudu-trial selftest` shows them."
    )
    zh = (
        "本机的沙箱级别 {label} 未能拦住 {count} 项攻击（{names}）：不能在此运行封存试验。"
        "`liudu-trial selftest` 可查看详情。"
    )


@attrs.frozen(kw_only=True)
class RunResult:
    """The end of a run.

    Attributes
    ----------
    folder
        Where it lies.
    result
        The content of ``result.json``.
    why
        What explains any reason but ``ok``, as ``{"zh", "en"}``; None where there is nothing to
        explain.
    resumed
        Whether it went on from an earlier call.

    """

    folder: Path
    result: Mapping[str, Any]
    why: Mapping[str, str] | None
    resumed: bool

    @property
    def verdict(self) -> str:
        """``passed``, ``failed`` or ``undecided``."""
        return str(self.result["verdict"])


def no_fault(point: str) -> None:
    """Let nothing go wrong; tests give something else."""
    del point


def run_trial(
    seal: Seal,
    solution: Path,
    *,
    into: Path,
    clock: Clock,
    level: Level | None = None,
    until_decided: bool = False,
    allow_weaker: bool = False,
    chunk_size: int | None = None,
    retries: int = RETRIES,
    item_timeout_s: float | None = None,
    progress: Progress | None = None,
    on_look: OnLook | None = None,
    try_attacks: Callable[[Level], SelfTest] = remembered,
    fault: Fault = no_fault,
) -> RunResult:
    """Run a solution against a seal and judge it.

    Parameters
    ----------
    seal
        Opened and verified, with its private part.
    solution
        A folder, ``.zip`` or ``.tar.gz`` that obeys the contract.
    into
        The folder of the run. One that holds an unfinished run of the same seal and solution is
        gone on with; a complete one is returned as it is.
    clock
        Its wall clock labels, its monotonic clock measures.
    level
        The sandbox level to run at; None for the strongest that this machine gives.
    until_decided
        Look while it runs, validly, and stop as soon as the promise is proved or refuted.
    allow_weaker
        Go on below the level that the seal asks for, and say so; only for simulated data.
    chunk_size
        In batch mode, serve so many pieces at a time; what is finished survives a killed runner.
        None: everything at once; some ten equal chunks where a throughput is promised, for one
        serving shows no variation; growing chunks with `until_decided`.
    retries
        How often a serving is repeated, free of charge, when this machine failed.
    item_timeout_s
        In stream mode, how long one answer may take; None for what was sealed. Anything else is
        for simulated data only.
    progress, on_look
        Who looks on; `on_look` gets each look and how many pieces it is on.
    try_attacks
        The self-test of the level; by default the one of this boot, if it was tried before.
    fault
        Called with the name of each point that the run reaches; for tests.

    Returns
    -------
    RunResult
        Also where the solution failed; its reason code says how.

    Raises
    ------
    Refusal
        If the input is refused: nothing was changed.
    InfraError
        If this machine failed: the run is marked broken and can be gone on with.
    RunIsBusyError
        If somebody else is at work in the folder.

    """
    folder = RunFolder(path=into)
    is_new = not into.exists()
    folder.make()
    try:
        with Lock(into, now=clock.now):
            run = _Run(
                seal=seal,
                solution=solution,
                folder=folder,
                clock=clock,
                wish=level,
                until_decided=until_decided,
                allow_weaker=allow_weaker,
                chunk_size=chunk_size,
                retries=retries,
                item_timeout_s=item_timeout_s,
                progress=progress or Silence(),
                on_look=on_look,
                try_attacks=try_attacks,
                fault=fault,
            )
            return run.finish()
    except BaseException:
        if is_new and not folder.journal.exists():
            shutil.rmtree(into, ignore_errors=True)
        raise


@attrs.frozen(kw_only=True)
class _Staged:
    """What is settled before the first item is shown."""

    bundle: Bundle
    level: LevelHad
    limits: Limits
    runtime: tuple[Path, ...]
    selftest: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class _Collected:
    """What serving has left, before it is scored."""

    reason: Reason
    why: Mapping[str, str] | None
    predictions: Mapping[str, Prediction]
    shown: int
    looked: Sequence[int]
    timings: NDArray[np.float64] | None
    measurements: Mapping[str, Any]


@attrs.define(kw_only=True, slots=False)
class _Run:
    """One call of `run_trial`."""

    seal: Seal
    solution: Path
    folder: RunFolder
    clock: Clock
    wish: Level | None
    until_decided: bool
    allow_weaker: bool
    chunk_size: int | None
    retries: int
    item_timeout_s: float | None
    progress: Progress
    on_look: OnLook | None
    try_attacks: Callable[[Level], SelfTest]
    fault: Fault
    journal: Journal = attrs.field(init=False)
    keeper: Scorekeeper = attrs.field(init=False)
    looks: list[dict[str, Any]] = attrs.field(init=False, factory=list)
    verdict: Verdict | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        _require_run_or_nothing(self.folder)
        self.journal = Journal(self.folder.journal, now=self.clock.now)
        self.keeper = Scorekeeper(seal=self.seal)

    # -- the course -----------------------------------------------------------------------

    def finish(self) -> RunResult:
        """Bring the run to its end from wherever it stands."""
        resumed = self.journal.state is not None
        if self.journal.state is State.COMPLETE:
            self._require_same_solution()
            return self._result(resumed=True)
        self._keep_to_the_plan()
        try:
            staged = self._stage()
            with self._marked():
                self._enter_staged(staged, resumed=resumed)
                collected = self._collected_before() or self._collect(staged)
                self._conclude(collected, staged)
        finally:
            self.folder.tidy()
        return self._result(resumed=resumed)

    @contextmanager
    def _marked(self) -> Iterator[None]:
        """Mark the run as broken, and say why, whatever ends it."""
        try:
            yield
        except KeyboardInterrupt:
            self._break("interrupted", en="interrupted by hand", zh="人工中断")
            raise
        except Refusal as refusal:
            reason = "infra" if isinstance(refusal, InfraError) else "refused"
            self._break(reason, en=refusal.say("en"), zh=refusal.say("zh"))
            raise
        except OSError as error:
            infra = self._infra(error)
            self._break("infra", en=infra.say("en"), zh=infra.say("zh"))
            raise infra from error
        except Exception as error:
            self._break("infra", en=repr(error), zh=repr(error))
            raise

    def _break(self, reason: str, *, en: str, zh: str) -> None:
        free_room(self.folder.path)
        if self.journal.state is not None:
            self.journal.enter(State.BROKEN, reason=reason, why={"zh": zh, "en": en})

    def _infra(self, error: OSError) -> InfraError:
        if error.errno in DISK_FULL:
            return _disk_full(self.folder.path)
        return InfraError(
            what_en=str(error),
            what_zh=str(error),
            way_out_en="run the same command again",
            way_out_zh="请再次执行同一命令",
        )

    def _keep_to_the_plan(self) -> None:
        """Go on as the run was begun: a plan that changes on the way proves nothing."""
        before = self.folder.read_json(RUN_NAME)
        if before is not None:
            self.until_decided = before["until_decided"]
            self.chunk_size = before["chunk_size"]
            self.wish = Level.named(before["level"]["had"])
            self.allow_weaker = before["level"]["weaker"]
            self.item_timeout_s = before["item_timeout_s"]

    # -- created and staged ------------------------------------------------------------------

    def _stage(self) -> _Staged:
        """Settle what is run and how; refuse before anything is written."""
        require_same_scorer(self.seal)
        if not (self.seal.folder / LABELS).is_file():
            raise NoPrivatePartError(path=self.seal.folder)
        self.folder.tidy()
        try:
            bundle = open_bundle(self.solution, into=self.folder.app)
        except OSError as error:
            raise self._infra(error) from error
        open_to_others(self.folder.app)
        self._require_same(bundle)
        protocol = self.seal.protocol
        require_fit(bundle.manifest, task=protocol["task"], mode=protocol["mode"])
        limits = limits_of(
            bundle.manifest,
            protocol_limits=protocol["limits"],
            item_count=len(self.seal.items),
        )
        self.item_timeout_s = item_timeout_of(
            self.item_timeout_s,
            protocol_limits=protocol["limits"],
            simulated=self.seal.simulated,
        )
        level = choose_level(
            self.wish,
            sealed=Level.named(protocol["level"]),
            simulated=self.seal.simulated,
            allow_weaker=self.allow_weaker,
        )
        return _Staged(
            bundle=bundle,
            level=level,
            limits=limits,
            runtime=runtime_of(bundle.manifest),
            selftest=self._self_tested(level.had),
        )

    def _self_tested(self, level: Level) -> dict[str, Any]:
        with self.progress.stage(zh="沙箱自测", en="Testing the sandbox", total=1) as advance:
            tested = self.try_attacks(level)
            advance(1)
        through = [attack.name for attack in tested.attacks if not attack.blocked]
        if through and level >= Level.BWRAP and not self.seal.simulated:
            shown = ", ".join(through)
            raise SealLeaksError(label=level.label, count=len(through), names=shown)
        return {
            "level": level.label,
            "attacks": len(tested.attacks),
            "not_blocked": through,
            "remembered": isinstance(tested, RememberedSelfTest),
        }

    def _require_same_seal(self) -> None:
        before = self.folder.read_json(RUN_NAME)
        if before is not None and before["seal"]["commitment"] != self.seal.digest:
            raise OtherRunError(
                folder=self.folder.path,
                what_en="seal",
                what_zh="封存",
                before=before["seal"]["commitment"],
                now=self.seal.digest,
            )

    def _require_same_solution(self) -> None:
        """Refuse to answer for one solution with the complete run of another."""
        self._require_same_seal()
        with tempfile.TemporaryDirectory(prefix="liudu-run-") as name:
            self._require_same(open_bundle(self.solution, into=Path(name) / "app"))

    def _require_same(self, bundle: Bundle) -> None:
        self._require_same_seal()
        before = self.folder.read_json(RUN_NAME)
        if before is not None and before["solution"]["digest"] != bundle.digest:
            raise OtherRunError(
                folder=self.folder.path,
                what_en="solution",
                what_zh="方案",
                before=before["solution"]["digest"],
                now=bundle.digest,
            )

    def _enter_staged(self, staged: _Staged, *, resumed: bool) -> None:
        reserve_room(self.folder.path)
        if self.journal.state is None:
            self.journal.enter(
                State.CREATED,
                seal=str(self.seal.folder.absolute()),
                solution=str(self.solution.absolute()),
                until_decided=self.until_decided,
            )
            self.fault("created")
        if resumed:
            self.journal.note("resumed", before=self.journal.state)
        if self.folder.read_json(RUN_NAME) is None:
            self.folder.write_json(RUN_NAME, self._asked(staged))
        if self.journal.reached not in {State.COLLECTED, State.SCORED}:
            self.journal.enter(State.STAGED)
        self.fault("staged")

    def _asked(self, staged: _Staged) -> dict[str, Any]:
        manifest = staged.bundle.manifest
        return {
            "contract": CONTRACT,
            "seal": {"name": self.seal.commitment["name"], "commitment": self.seal.digest},
            "solution": {
                "digest": staged.bundle.digest,
                "manifest": attrs.asdict(manifest),
            },
            "level": _level_row(staged.level),
            "selftest": staged.selftest,
            "limits": attrs.asdict(staged.limits),
            "item_timeout_s": self.item_timeout_s,
            "until_decided": self.until_decided,
            "chunk_size": self.chunk_size,
            "versions": _versions(),
        }

    # -- serving -----------------------------------------------------------------------------

    def _collect(self, staged: _Staged) -> _Collected:
        self.keeper.forget()
        self.looks, self.verdict = [], None
        total = len(self.seal.items)
        with (
            claim_slot() as slot,
            self.progress.stage(zh="运行方案", en="Running the solution", total=total) as advance,
        ):
            isolation = Isolation(
                level=staged.level.had, limits=staged.limits, slot=slot, runtime=staged.runtime
            )
            way = self._batch if self.seal.protocol["mode"] == "batch" else self._stream
            collected = way(staged, isolation, _Ticker(advance))
        self._write_collected(collected)
        return collected

    def _terms(self, *, item_count: int) -> Terms:
        protocol = self.seal.protocol
        return Terms(
            task=protocol["task"],
            mode=protocol["mode"],
            classes=tuple(protocol["classes"]),
            positive=protocol["positive"],
            window=protocol["window"],
            item_count=None if self.until_decided else item_count,
            item_timeout_s=self.item_timeout_s or ITEM_TIMEOUT_S,
        )

    def _attempted(self, serve: Callable[[], Served], **facts: object) -> Served:
        """Serve; repeat it, free of charge, where this machine failed."""
        for attempt in range(1, self.retries + 2):
            self.journal.enter(State.SERVING, attempt=attempt, **facts)
            self.fault("serving")
            try:
                served = serve()
                self._require_room(served)
            except (InfraError, OSError) as error:
                refusal = self._infra(error) if isinstance(error, OSError) else error
                if isinstance(refusal, DiskFullError):
                    free_room(self.folder.path)
                why = {"zh": refusal.say("zh"), "en": refusal.say("en")}
                self.journal.note("attempt", reason=Reason.INFRA, free=True, why=why, **facts)
                if isinstance(refusal, DiskFullError) or attempt > self.retries:
                    raise refusal from error
                continue
            self.journal.note("attempt", reason=served.reason, free=False, **facts)
            self.folder.quarantine(served.outcome)
            return served
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _require_room(self, served: Served) -> None:
        """Do not blame a solution for our full disk."""
        free_bytes = shutil.disk_usage(self.folder.path).free
        if served.reason is not Reason.OK and free_bytes < FREE_BYTES_MIN:
            raise _disk_full(self.folder.path)

    def _batch(self, staged: _Staged, isolation: Isolation, ticker: "_Ticker") -> _Collected:
        predictions: dict[str, Prediction] = {}
        rows: list[dict[str, Any]] = []
        first, found = 0, None
        for number, end in enumerate(self._chunk_ends(), start=1):
            items = self.seal.items[first:end]
            row, answers = self._kept(number, items) or self._served(
                number,
                items,
                first=first,
                staged=staged,
                isolation=attrs.evolve(isolation, limits=_left(staged.limits, rows)),
                ticker=ticker,
            )
            rows.append(row)
            predictions |= answers
            ticker.done(end)
            first = end
            if Reason(row["reason"]) not in SCORED_REASONS:
                break
            if self.until_decided:
                found = self._look(end, predictions, measurements=_batch_measurements(rows))
                if found:
                    break
        return self._batch_end(rows, predictions, shown=first)

    def _chunk_ends(self) -> list[int]:
        total = len(self.seal.items)
        if self.chunk_size is not None:
            ends = [*range(self.chunk_size, total, self.chunk_size), total]
        elif self._must_repeat():
            repeats = REPEATS_TO_LOOK if self.until_decided else REPEATS
            ends = _equal_ends(total, count=min(repeats, total // ITEMS_PER_REPEAT_MIN))
        elif self.until_decided:
            steps = math.ceil(math.log(max(total / FIRST_CHUNK, 1), CHUNK_GROWTH)) + 1
            ends = [
                min(math.ceil(FIRST_CHUNK * CHUNK_GROWTH**step), total) for step in range(steps)
            ]
        else:
            ends = [total]
        if self.until_decided:
            ends = [self.keeper.next_whole(end) for end in ends]
        return sorted(set(ends) | {total})

    def _must_repeat(self) -> bool:
        """Whether a throughput is promised, and there are enough pieces to see it vary."""
        promised = any(target.rule.kind == "pace" for target in self.seal.promise.targets)
        return promised and len(self.seal.items) >= REPEATS_MIN * ITEMS_PER_REPEAT_MIN

    def _kept(
        self, number: int, items: Sequence[Item]
    ) -> tuple[dict[str, Any], dict[str, Prediction]] | None:
        """Return a chunk that was finished before the runner was killed."""
        rows = (event for event in self.journal.events if event["event"] == "chunk")
        row = next((row for row in rows if row["number"] == number), None)
        if row is None or row["ids"] != _ids_key(items):
            return None
        answers = self.folder.read_answers(
            self.folder.chunk_name(number),
            digest=row["digest"],
            items=items,
            task=self.seal.protocol["task"],
        )
        return None if answers is None else (row, answers)

    def _served(
        self,
        number: int,
        items: Sequence[Item],
        *,
        first: int,
        staged: _Staged,
        isolation: Isolation,
        ticker: "_Ticker",
    ) -> tuple[dict[str, Any], dict[str, Prediction]]:
        served = self._attempted(
            lambda: serve_batch(
                staged.bundle,
                items=items,
                pieces=self.seal.folder,
                terms=self._terms(item_count=len(items)),
                into=self.folder.serving,
                isolation=isolation,
                clock=self.clock,
                on_answers=lambda count: ticker.done(first + min(count, len(items))),
            ),
            chunk=number,
        )
        if served.reason is Reason.TIMEOUT:  # the limit is that of all chunks together
            why = why_ended(served.outcome, limits=staged.limits)[1]
            served = attrs.evolve(served, why=why)
        self.fault("served")
        self.folder.chunks.mkdir(exist_ok=True)
        digest = self.folder.write_predictions(
            served.predictions,
            ids=[item.id for item in items],
            name=self.folder.chunk_name(number),
        )
        row = {
            "number": number,
            "ids": _ids_key(items),
            "digest": digest,
            "items": len(items),
            **_served_row(served),
        }
        self.journal.note("chunk", **row)
        self.fault("chunk")
        return row, served.predictions

    def _batch_end(
        self, rows: list[dict[str, Any]], predictions: Mapping[str, Prediction], *, shown: int
    ) -> _Collected:
        last = rows[-1]
        reasons = [Reason(row["reason"]) for row in rows]
        reason = next((one for one in reasons if one not in SCORED_REASONS), None)
        if reason is None:
            reason = Reason.MISSING_ITEMS if Reason.MISSING_ITEMS in reasons else Reason.OK
        whys = [row["why"] for row in rows if row["why"] is not None]
        return _Collected(
            reason=reason,
            why=last["why"] if reason not in SCORED_REASONS else next(iter(whys), None),
            predictions=predictions,
            shown=shown,
            looked=self.keeper.taken,
            timings=None,
            measurements=_batch_measurements(rows),
        )

    def _stream(self, staged: _Staged, isolation: Isolation, ticker: "_Ticker") -> _Collected:
        warmup, files = warmup_of(staged.bundle.manifest, task=self.seal.protocol["task"])
        served = self._attempted(
            lambda: self._serve_stream(staged, isolation, warmup=warmup, files=files, ticker=ticker)
        )
        self.fault("served")
        shown = len(self.seal.items)
        if self.until_decided and self.looks and self.looks[-1]["decided"]:
            shown = self.keeper.taken[-1]
        measurements = _measurements([{**_served_row(served), "items": shown}])
        return _Collected(
            reason=served.reason,
            why=_both(served.why),
            predictions=served.predictions,
            shown=shown,
            looked=self.keeper.taken,
            timings=served.timings,
            measurements=measurements | {"latency_s": _latency(served.timings)},
        )

    def _serve_stream(
        self,
        staged: _Staged,
        isolation: Isolation,
        *,
        warmup: Sequence[Item],
        files: Mapping[str, bytes],
        ticker: "_Ticker",
    ) -> Served:
        self.keeper.forget()
        self.looks = []

        def look(predictions: Mapping[str, Prediction], timings: NDArray[np.float64]) -> bool:
            return self._look(len(predictions), predictions, timings=timings, measurements={})

        return serve_stream(
            staged.bundle,
            items=self.seal.items,
            warmup=warmup,
            warmup_files=files,
            pieces=self.seal.folder,
            terms=self._terms(item_count=len(self.seal.items)),
            into=self.folder.serving,
            isolation=isolation,
            clock=self.clock,
            look=look if self.until_decided else None,
            on_answers=ticker.done,
        )

    def _look(
        self,
        shown: int,
        predictions: Mapping[str, Prediction],
        *,
        timings: NDArray[np.float64] | None = None,
        measurements: Mapping[str, Any],
    ) -> bool:
        """Look whether the trial is decided; never at its end, where it is judged anyway."""
        if shown >= len(self.seal.items):
            return False
        known = _known(measurements)
        found = self.keeper.look(shown, predictions, timings=timings, measurements=known)
        if found is None:
            return False
        self.looks.append(look_row(found, shown=self.keeper.taken[-1]))
        if self.on_look is not None:
            self.on_look(found, self.keeper.taken[-1])
        return found.decided

    # -- collected, scored, complete ---------------------------------------------------------

    def _write_collected(self, collected: _Collected) -> None:
        ids = [item.id for item in self.seal.items]
        digest = self.folder.write_predictions(collected.predictions, ids=ids)
        if collected.timings is not None:
            self.folder.write_timings(collected.timings)
        self.folder.write_json(MEASUREMENTS_NAME, collected.measurements)
        self.fault("written")
        self.journal.enter(
            State.COLLECTED,
            reason=collected.reason,
            why=collected.why,
            shown=collected.shown,
            looked=list(collected.looked),
            looks=self.looks,
            predictions=digest,
        )
        self.folder.drop_chunks()
        self.fault("collected")

    def _collected_before(self) -> _Collected | None:
        """Return what an earlier call has collected, if it is still as it was written."""
        event = self.journal.last(State.COLLECTED)
        if self.journal.reached not in {State.COLLECTED, State.SCORED} or event is None:
            return None
        predictions = self.folder.read_answers(
            PREDICTIONS_NAME,
            digest=event["predictions"],
            items=self.seal.items,
            task=self.seal.protocol["task"],
        )
        measurements = self.folder.read_json(MEASUREMENTS_NAME)
        if predictions is None or measurements is None:
            self.journal.enter(State.STAGED)
            return None
        self.looks = list(event["looks"])
        return _Collected(
            reason=Reason(event["reason"]),
            why=event["why"],
            predictions=predictions,
            shown=event["shown"],
            looked=event["looked"],
            timings=self.folder.read_timings(),
            measurements=measurements,
        )

    def _conclude(self, collected: _Collected, staged: _Staged) -> None:
        with self.progress.stage(zh="评分", en="Scoring", total=1) as advance:
            result = self._decided(collected, staged)
            advance(1)
        self.journal.enter(State.SCORED, verdict=result["verdict"])
        self.fault("scored")
        free_room(self.folder.path)
        digest = self.folder.write_json(RESULT_NAME, result)
        self.fault("result")
        self.journal.enter(State.COMPLETE, verdict=result["verdict"], result=digest)

    def _decided(self, collected: _Collected, staged: _Staged) -> dict[str, Any]:
        scored = None
        if collected.reason in SCORED_REASONS:
            scored = self.keeper.scored(
                collected.shown,
                collected.predictions,
                timings=collected.timings,
                measurements=_known(collected.measurements),
            )
            if self.until_decided:
                self._replay(collected)
                last = self.keeper.look_at(scored.evidence, collected.shown)
                self.verdict = last.verdict
                self.looks.append(look_row(last, shown=collected.shown))
        manifest = staged.bundle.manifest
        event = self.journal.last(State.COLLECTED) or {}
        result = decide(
            self.seal.promise,
            scored,
            reason=collected.reason,
            simulated=self.seal.simulated,
            verdict=self.verdict,
            measurements=collected.measurements,
            level=_level_row(staged.level) | {"selftest": staged.selftest},
            digests={
                "commitment": self.seal.digest,
                **self.seal.commitment["digests"],
                "solution": staged.bundle.digest,
                "predictions": event["predictions"],
            },
            scorer={key: self.seal.protocol["scorer"][key] for key in ("name", "version")},
            solution={
                "name": manifest.name,
                "version": manifest.version,
                "vendor": manifest.vendor,
                "licence": manifest.licence,
            },
            attempts=self._attempts(),
            looks=self.looks,
            started_at=self.journal.events[0]["at"],
            ended_at=event["at"],
            versions=_versions(),
        )
        return result | {"why": collected.why}

    def _replay(self, collected: _Collected) -> None:
        """Take the looks of an earlier call again, so that their risk is spent here too."""
        if self.keeper.taken == list(collected.looked):
            return
        self.keeper.forget()
        for count in collected.looked:
            self.keeper.look(
                count,
                collected.predictions,
                timings=collected.timings,
                measurements=_known(collected.measurements),
            )

    def _attempts(self) -> list[dict[str, Any]]:
        """Return the attempts: first the free ones that we cut short, last the vendor's one.

        The chunks of a batch are servings of one attempt.
        """
        servings = self._servings()
        free = [row for row in servings if row["free"]]
        own = [row for row in servings if not row["free"]]
        if not own:
            return free
        ended = {"reason": own[-1]["reason"], "free": False, "servings": len(own)}
        return [*free, {"at": own[0]["at"], **ended}]

    def _servings(self) -> list[dict[str, Any]]:
        """Return every serving with its reason; one that never ended was cut short by us."""
        rows: list[dict[str, Any]] = []
        for event in self.journal.events:
            if event["event"] == State.SERVING:
                rows.append({"at": event["at"], "reason": str(Reason.INFRA), "free": True})
            elif event["event"] == "attempt":
                rows[-1] |= {"reason": event["reason"], "free": event["free"]}
        return rows

    def _result(self, *, resumed: bool) -> RunResult:
        result = self.folder.read_json(RESULT_NAME)
        if result is None:
            raise NotARunError(folder=self.folder.path)
        return RunResult(
            folder=self.folder.path, result=result, why=result.get("why"), resumed=resumed
        )


class _Ticker:
    """Turns "so many so far" into steps of a progress bar that never goes back."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._told = 0

    def done(self, count: int) -> None:
        """Say that so many pieces are answered."""
        if count > self._told:
            self._advance(count - self._told)
            self._told = count


def _require_run_or_nothing(folder: RunFolder) -> None:
    known = {"lock", "staging"}
    if folder.journal.exists():
        return
    if any(entry.name not in known for entry in folder.path.iterdir()):
        raise NotARunError(folder=folder.path)


def _disk_full(folder: Path) -> DiskFullError:
    return DiskFullError(folder=folder, free_mib=shutil.disk_usage(folder).free // (1024 * 1024))


def _level_row(level: LevelHad) -> dict[str, Any]:
    return {"asked": level.asked.label, "had": level.had.label, "weaker": level.weaker}


def _versions() -> dict[str, str]:
    versions = {name: version(name) for name in VERSIONS_OF}
    return versions | {"python": platform.python_version(), "kernel": platform.release()}


def _both(why: Refusal | None) -> dict[str, str] | None:
    return None if why is None else {"zh": why.say("zh"), "en": why.say("en")}


def _ids_key(items: Sequence[Item]) -> str:
    return f"{items[0].id}..{items[-1].id}" if items else ""


def _served_row(served: Served) -> dict[str, Any]:
    return {
        "reason": str(served.reason),
        "why": _both(served.why),
        "answered": len(served.predictions),
        "wall_s": served.wall_s,
        "startup_s": None if math.isnan(served.startup_s) else served.startup_s,
        "cpu_s": served.outcome.cpu_s,
        "memory_peak_mib": served.outcome.memory_peak_mib,
    }


def _measurements(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up what was measured over the servings of a run."""
    answered = sum(row["answered"] for row in rows)
    wall_s = sum(row["wall_s"] for row in rows)
    return {
        "items": sum(row["items"] for row in rows),
        "answered": answered,
        "wall_s": wall_s,
        "startup_s": rows[0]["startup_s"],
        "cpu_s": sum(row["cpu_s"] for row in rows),
        "memory_peak_mib": max(row["memory_peak_mib"] for row in rows),
        "throughput_per_h": 3600 * answered / wall_s if wall_s > 0 else None,
        "latency_s": None,
        "servings": [dict(row) for row in rows],
    }


def _batch_measurements(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    keys = ("items", "answered", "wall_s", "startup_s", "cpu_s", "memory_peak_mib", "reason", "why")
    return _measurements([{key: row[key] for key in keys} for row in rows])


def _equal_ends(total: int, *, count: int) -> list[int]:
    """Return where `count` chunks end whose sizes differ by one piece at most."""
    return [total * number // count for number in range(1, count + 1)]


def _left(limits: Limits, rows: Sequence[Mapping[str, Any]]) -> Limits:
    """Return what the next chunk may use: the owner's times are for all chunks together."""
    wall_s = limits.wall_s - sum(row["wall_s"] for row in rows)
    cpu_s = limits.cpu_total_s - sum(row["cpu_s"] for row in rows)
    return attrs.evolve(limits, wall_s=max(wall_s, LEFT_S_MIN), cpu_s=max(cpu_s, LEFT_S_MIN))


def _known(measurements: Mapping[str, Any]) -> dict[str, Any]:
    """Return the measurements that a target can be held against."""
    names = ("memory_peak_mib", "throughput_per_h", "servings")
    return {name: measurements[name] for name in names if measurements.get(name) is not None}


def _latency(timings: NDArray[np.float64] | None) -> dict[str, float] | None:
    if timings is None:
        return None
    latency_s = timings[:, 1] - timings[:, 0]
    latency_s = latency_s[np.isfinite(latency_s)]
    if not len(latency_s):
        return None
    p50, p95, p99, most = np.percentile(latency_s, [50, 95, 99, 100])
    return {"p50": float(p50), "p95": float(p95), "p99": float(p99), "max": float(most)}
