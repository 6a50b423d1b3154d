"""The runner is killed, interrupted or out of room at any point; nothing is lost or looks whole."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from liudu.trial.run import DiskFullError
from liudu.trial.seal import open_seal
from liudu.trial.serving import Clock, InfraError

CHILD = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from liudu.sandbox import Level, SelfTest
from liudu.trial.run import run_trial
from liudu.trial.seal import open_seal
from liudu.trial.serving import Clock

base, level, at, number, until_decided = sys.argv[1:6]
left = int(number)

def fault(point):
    global left
    if point == at:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

def on_look(look, shown):
    fault("look")

level = Level.named(level)
run_trial(
    open_seal(Path(base) / "seal"),
    Path(base) / "app",
    into=Path(base) / "run",
    clock=Clock(now=lambda: datetime(2026, 11, 20, tzinfo=UTC)),
    level=level,
    until_decided=until_decided == "yes",
    chunk_size=None if until_decided == "yes" else 20,
    try_attacks=lambda _: SelfTest(level=level, attacks=(), startup_ms=0.0),
    on_look=on_look,
    fault=fault,
)
"""
POINTS = ["created", "staged", "serving", "served", "chunk", "written", "collected", "scored"]


def killed_at(bench, point, *, number=1, level="process", until_decided="no"):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(bench.base), level, point, str(number), until_decided],
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    return bench.base / "run"


def events(run, name):
    lines = (run / "journal.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == name]


def gone(processes_with, token):
    """Wait until no process has the token in its command line; say which are left after 10 s."""
    until = time.monotonic() + 10
    while processes_with(token) and time.monotonic() < until:
        os.sched_yield()
    return processes_with(token)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_a_runner_killed_at_any_state_leaves_no_result_and_goes_on(bench, point):
    bench.seal()
    solution = bench.solution()
    run = killed_at(bench, point)
    assert not (run / "result.json").exists()
    ended = bench.run(open_seal(bench.base / "seal"), solution)
    assert ended.resumed
    assert ended.verdict == "passed"
    assert ended.result["measurements"]["items"] == 60
    assert not (run / "staging").exists()
    assert not (run / "chunks").exists()
    assert not (run / ".reserve").exists()


@pytest.mark.slow
def test_a_runner_killed_after_the_result_was_written_completes_with_the_same_verdict(bench):
    bench.seal()
    solution = bench.solution()
    run = killed_at(bench, "result")
    written = json.loads((run / "result.json").read_text())
    ended = bench.run(open_seal(bench.base / "seal"), solution)
    assert events(run, "complete")
    assert ended.result["targets"] == written["targets"]
    assert ended.result["started_at"] == written["started_at"]


@pytest.mark.slow
def test_finished_chunks_are_kept_and_the_killed_serving_costs_no_attempt(bench):
    bench.seal()
    solution = bench.solution()
    run = killed_at(bench, "serving", number=3)
    ended = bench.run(open_seal(bench.base / "seal"), solution)
    assert [event["chunk"] for event in events(run, "serving")] == [1, 2, 3, 3]
    killed, own = ended.result["attempts"]
    assert (killed["free"], killed["reason"]) == (True, "infra")
    assert (own["free"], own["reason"], own["servings"]) == (False, "ok", 3)


@pytest.mark.slow
def test_a_chunk_that_was_tampered_with_is_served_again(bench):
    bench.seal()
    solution = bench.solution()
    run = killed_at(bench, "chunk", number=2)
    chunk = run / "chunks" / "0001.jsonl"
    chunk.write_text(chunk.read_text().replace("defective", "ok"))
    ended = bench.run(open_seal(bench.base / "seal"), solution)
    assert [event["chunk"] for event in events(run, "serving")] == [1, 2, 1, 3]
    assert ended.verdict == "passed"


@pytest.mark.slow
@pytest.mark.bwrap
@pytest.mark.parametrize("level", ["process", "bwrap"])
def test_no_process_outlives_a_killed_runner(bench, level, processes_with, needs_bwrap):
    token = f"orphan-{os.getpid()}-{level}"
    bench.seal(count=400, mode="stream", level=level, limits={"wall_s": 60})
    bench.solution(bench.stream, mode="stream", entry=["python3", "main.py", token])
    killed_at(bench, "look", level=level, until_decided="yes")
    assert gone(processes_with, token) == []


@pytest.mark.slow
def test_a_stream_killed_between_looks_begins_again_and_decides(bench):
    bench.seal(count=400, mode="stream")
    solution = bench.solution(bench.stream, mode="stream")
    run = killed_at(bench, "look", number=2, until_decided="yes")
    assert not (run / "result.json").exists()
    ended = bench.run(open_seal(bench.base / "seal"), solution)
    assert ended.verdict == "passed"
    assert ended.result["looks"][0]["shown"] == 32
    assert ended.result["measurements"]["items"] < 400


@pytest.mark.slow
def test_a_run_decided_by_looks_and_killed_before_scoring_keeps_its_looks(bench):
    bench.seal(count=400)
    solution = bench.solution()
    killed_at(bench, "collected", until_decided="yes")
    resumed = bench.run(open_seal(bench.base / "seal"), solution)
    straight = bench.run(
        open_seal(bench.base / "seal"), solution, into=bench.base / "second", until_decided=True
    )
    assert resumed.verdict == straight.verdict == "passed"
    shown = [[look["shown"] for look in ended.result["looks"]] for ended in (resumed, straight)]
    assert shown[0] == shown[1]
    upper = [ended.result["targets"][0]["upper"] for ended in (resumed, straight)]
    assert upper[0] == upper[1]


def test_an_interrupted_run_is_marked_and_goes_on(bench):
    sealed, solution = bench.seal(), bench.solution()

    def interrupt(point):
        if point == "serving":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run(sealed, solution, fault=interrupt)
    run = bench.base / "run"
    assert events(run, "broken")[-1]["reason"] == "interrupted"
    assert not (run / "result.json").exists()
    assert not (run / "staging").exists()
    assert bench.run(sealed, solution).verdict == "passed"


def test_a_failure_of_ours_is_repeated_free_and_written_down(bench):
    sealed, solution = bench.seal(), bench.solution()
    clock = failing_clock(lambda: bench.moment, times=2)
    ended = bench.run(sealed, solution, clock=clock)
    assert ended.verdict == "passed"
    assert [attempt["free"] for attempt in ended.result["attempts"]] == [True, True, False]
    assert "disk says no" in events(ended.folder, "attempt")[0]["why"]["en"]


def test_failures_of_ours_that_do_not_end_break_the_run_and_give_no_result(bench):
    sealed, solution = bench.seal(), bench.solution()
    with pytest.raises(InfraError, match="disk says no"):
        bench.run(sealed, solution, clock=failing_clock(lambda: bench.moment, times=9), retries=1)
    run = bench.base / "run"
    assert events(run, "broken")[-1]["reason"] == "infra"
    assert len(events(run, "attempt")) == 2
    assert not (run / "result.json").exists()
    assert bench.run(sealed, solution).verdict == "passed"


def failing_clock(now, *, times):
    """Return clocks whose monotonic one fails so many times: a failure of ours while serving."""
    left = [times]

    def monotonic():
        if left[0]:
            left[0] -= 1
            raise OSError(5, "disk says no")
        return time.monotonic()

    return Clock(now=now, monotonic=monotonic)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MiB, which can be made larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m,mode=755", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"no small disk can be mounted here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_our_failure_and_the_run_goes_on_when_there_is_room(bench, small_disk):
    sealed, solution = bench.seal(), bench.solution()
    filler = small_disk / "filler"
    run = small_disk / "run"

    def fill(point):
        if point == "serving":
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(b"x" * 4096):
                    pass

    with pytest.raises(DiskFullError) as refused:
        bench.run(sealed, solution, into=run, fault=fill)
    assert str(run) in str(refused.value)
    assert "run the same" in str(refused.value)
    assert not (run / "result.json").exists()
    assert events(run, "broken")[-1]["reason"] == "infra"
    filler.unlink()
    ended = bench.run(sealed, solution, into=run)
    assert ended.verdict == "passed"
    assert all(attempt["free"] for attempt in ended.result["attempts"][:-1])


def test_a_disk_that_is_too_small_for_the_copies_is_our_failure_too(bench, small_disk):
    sealed, solution = bench.seal(), bench.solution()
    for item in sealed.items[:40]:
        path = sealed.folder / item.path
        path.write_bytes(path.read_bytes() + b"\0" * 200_000)
    run = small_disk / "run"
    with pytest.raises(DiskFullError):
        bench.run(sealed, solution, into=run)
    assert events(run, "broken")[-1]["reason"] == "infra"
    grown = ["mount", "-o", "remount,size=64m", str(small_disk)]
    subprocess.run(grown, check=True)
    assert bench.run(sealed, solution, into=run).result["reason"] == "ok"
