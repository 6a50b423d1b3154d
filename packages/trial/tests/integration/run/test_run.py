import itertools
import json
import shutil
import stat
import zipfile
from datetime import timedelta

import attrs
import pytest

from liudu.sandbox import Attack, Level, SelfTest
from liudu.trial.journal import Lock, RunIsBusyError
from liudu.trial.run import NotARunError, OtherRunError, SealLeaksError
from liudu.trial.runtime import WrongModeError
from liudu.trial.scoring import ScorerChangedError
from liudu.trial.seal import NoPrivatePartError
from liudu.trial.serving import Clock


def journal_of(run):
    return [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]


def test_a_good_solution_passes_and_leaves_everything_that_the_format_names(bench):
    sealed = bench.seal()
    ended = bench.run(sealed, bench.solution())
    assert ended.verdict == "passed"
    assert ended.result["reason"] == "ok"
    assert ended.why is None
    names = {path.name for path in ended.folder.iterdir()}
    assert names == {
        "run.json",
        "journal.jsonl",
        "predictions.jsonl",
        "measurements.json",
        "quarantine",
        "result.json",
        "lock",
    }
    digests = ended.result["digests"]
    assert set(digests) >= {"commitment", "data", "labels", "protocol", "scorer", "solution"}
    assert ended.result["level"]["had"] == "process"
    assert ended.result["attempts"] == [
        {"at": "2026-11-20T08:00:00Z", "reason": "ok", "free": False, "servings": 1}
    ]


def test_the_states_are_written_in_their_order(bench):
    ended = bench.run(bench.seal(), bench.solution())
    events = [event["event"] for event in journal_of(ended.folder)]
    states = [e for e in events if e not in {"attempt", "chunk"}]
    assert states == ["created", "staged", "serving", "collected", "scored", "complete"]


def test_a_zip_runs_like_the_folder_and_has_the_same_digest(bench):
    sealed, folder = bench.seal(), bench.solution()
    archive = bench.base / "app.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in folder.iterdir():
            zipped.write(path, path.name)
    first = bench.run(sealed, folder)
    second = bench.run(sealed, archive, into=bench.base / "second")
    assert second.verdict == "passed"
    assert second.result["digests"]["solution"] == first.result["digests"]["solution"]


def test_what_a_solution_prints_is_kept_for_the_owner_alone(bench):
    code = bench.batch + "print('seen ' * 10)\nprint('quarrel', file=sys.stderr)\n"
    ended = bench.run(bench.seal(), bench.solution(code))
    quarantine = ended.folder / "quarantine"
    assert stat.S_IMODE(quarantine.stat().st_mode) == 0o700
    assert (quarantine / "stdout.txt").read_text().startswith("seen seen")
    assert (quarantine / "stderr.txt").read_text() == "quarrel\n"


def test_a_solution_sees_neither_labels_nor_where_the_pieces_came_from(bench):
    code = (
        bench.read
        + """
seen = sorted(os.path.relpath(os.path.join(d, f), IN) for d, _, fs in os.walk(IN) for f in fs)
print(json.dumps(seen))
print(json.dumps(sorted(json.load(open(f"{IN}/trial.json")))))
"""
        + bench.batch
    )
    sealed = bench.seal(count=4)
    ended = bench.run(sealed, bench.solution(code))
    seen, card = (ended.folder / "quarantine" / "stdout.txt").read_text().splitlines()
    assert json.loads(seen) == sorted(
        [item.path for item in sealed.items] + ["items.jsonl", "trial.json"]
    )
    assert json.loads(card) == [
        "classes", "contract", "item_count", "mode", "positive", "task", "window",
    ]  # fmt: skip


NOBODY = """#READ
print(json.dumps({"id": "nobody", "label": "ok"}), file=open(f"{OUT}/predictions.jsonl", "w"))
"""
TWICE = """#READ
line = answer(json.loads(open(f"{IN}/items.jsonl").readline()))
print(line, line, sep="\\n", file=open(f"{OUT}/predictions.jsonl", "w"))
"""


@pytest.mark.parametrize(
    ("code", "reason", "says"),
    [
        ("raise SystemExit(3)", "crash", "exit code 3"),
        ("#READ\nopen(f'{OUT}/predictions.jsonl', 'w').write('what')", "bad_output", "not JSON"),
        (NOBODY, "bad_output", "nobody"),
        (TWICE, "bad_output", "again"),
        ("#READ\nos.symlink('/etc/passwd', f'{OUT}/predictions.jsonl')", "bad_output", "symbolic"),
        ("#READ\nos.mkfifo(f'{OUT}/predictions.jsonl')", "bad_output", "named pipe"),
        ("import os; os.kill(os.getpid(), 9)", "crash", "signal 9"),
    ],
)
def test_every_bad_end_fails_with_its_reason_code_and_a_sentence(bench, code, reason, says):
    ended = bench.run(bench.seal(count=6), bench.solution(code))
    assert ended.verdict == "failed"
    assert ended.result["reason"] == reason
    assert says in ended.why["en"]
    assert ended.why["zh"] != ended.why["en"]
    assert not (ended.folder / "predictions.jsonl").read_bytes()


def test_items_without_an_answer_count_as_the_worst(bench):
    code = bench.batch.replace(
        "print(answer", "item = json.loads(line)\n        if label(item) == 'ok': print(answer"
    )
    ended = bench.run(bench.seal(count=40), bench.solution(code))
    assert ended.result["reason"] == "missing_items"
    assert ended.verdict == "failed"
    assert ended.result["targets"][0]["events"] == 20
    assert "20 of 40" in ended.why["en"]


def test_no_file_at_all_counts_as_all_missing(bench):
    ended = bench.run(bench.seal(count=40), bench.solution("pass"))
    assert ended.result["reason"] == "missing_items"
    assert ended.result["targets"][0]["events"] == 20


def test_a_line_without_end_is_cut_by_the_limit_on_output(bench):
    code = (
        bench.read
        + """
with open(f"{OUT}/predictions.jsonl", "wb") as out:
    for _ in range(2048):
        out.write(b"x" * (1 << 20))
"""
    )
    ended = bench.run(bench.seal(count=4, limits={"output_mib": 4}), bench.solution(code))
    assert ended.result["reason"] == "bad_output"


@pytest.mark.slow
def test_an_endless_solution_is_stopped_at_the_owners_limit(bench):
    ended = bench.run(
        bench.seal(count=4, limits={"wall_s": 0.5}), bench.solution("while True: pass")
    )
    assert ended.result["reason"] == "timeout"
    assert "0.5 s" in ended.why["en"]


def test_vendor_failures_are_never_retried(bench):
    ended = bench.run(bench.seal(count=4), bench.solution("raise SystemExit(1)"))
    assert len(ended.result["attempts"]) == 1


def test_a_clock_that_jumps_labels_the_run_and_measures_nothing(bench):
    jumps = itertools.cycle(
        [bench.moment, bench.moment - timedelta(days=400), bench.moment + timedelta(days=9)]
    )
    ended = bench.run(bench.seal(), bench.solution(), clock=Clock(now=lambda: next(jumps)))
    assert ended.verdict == "passed"
    measured = ended.result["measurements"]
    assert 0 < measured["startup_s"] <= measured["wall_s"] < 60
    assert ended.result["started_at"].startswith("202")


def test_the_same_command_again_returns_what_is_there(bench):
    sealed, solution = bench.seal(), bench.solution()
    first = bench.run(sealed, solution)
    before = (first.folder / "journal.jsonl").read_bytes()
    again = bench.run(sealed, solution)
    assert again.resumed
    assert again.result == first.result
    assert (first.folder / "journal.jsonl").read_bytes() == before


def test_another_solution_in_the_same_folder_is_refused(bench):
    sealed = bench.seal()

    def stop(point):
        if point == "staged":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run(sealed, bench.solution(), fault=stop)
    with pytest.raises(OtherRunError, match="another solution"):
        bench.run(sealed, bench.solution(bench.batch + "#", name="other"))


def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(bench):
    (bench.base / "run").mkdir()
    (bench.base / "run" / "thesis.txt").write_text("dear")
    with pytest.raises(NotARunError):
        bench.run(bench.seal(), bench.solution())
    assert (bench.base / "run" / "thesis.txt").read_text() == "dear"


def test_a_refused_solution_leaves_no_folder_behind(bench):
    with pytest.raises(WrongModeError, match="stream"):
        bench.run(bench.seal(), bench.solution(bench.stream, mode="stream"))
    assert not (bench.base / "run").exists()


def test_a_seal_that_cannot_be_scored_here_is_refused_before_anything_runs(bench):
    sealed, solution = bench.seal(), bench.solution()
    digests = {**sealed.commitment["digests"], "scorer": "sha256:other"}
    other = attrs.evolve(sealed, commitment={**sealed.commitment, "digests": digests})
    with pytest.raises(ScorerChangedError):
        bench.run(other, solution)
    shutil.rmtree(sealed.folder / "private")
    with pytest.raises(NoPrivatePartError):
        bench.run(sealed, solution)
    assert not (bench.base / "run").exists()


def test_two_at_once_on_one_folder_second_is_told_who_and_since_when(bench):
    sealed, solution, run = bench.seal(), bench.solution(), bench.base / "run"
    run.mkdir()
    with Lock(run, now=lambda: bench.moment), pytest.raises(RunIsBusyError) as refused:
        bench.run(sealed, solution)
    assert "2026-11-20T08:00:00Z" in str(refused.value)
    assert refused.value.facts["pid"]
    assert bench.run(sealed, solution).verdict == "passed"


@pytest.mark.bwrap
def test_a_sandbox_that_leaks_runs_nothing_sealed(bench, needs_bwrap):
    hole = Attack(name="read", en="", zh="", blocked=False, control=True, detail="")
    leaky = SelfTest(level=Level.BWRAP, attacks=(hole,), startup_ms=0.0)
    with pytest.raises(SealLeaksError, match="read"):
        bench.run(
            bench.seal(simulated=False),
            bench.solution(),
            level=None,
            try_attacks=lambda _: leaky,
        )


def test_until_decided_stops_a_good_batch_early_and_says_at_how_many(bench):
    looks = []
    ended = bench.run(
        bench.seal(count=400),
        bench.solution(),
        until_decided=True,
        on_look=lambda look, shown: looks.append((shown, look.decided)),
    )
    assert ended.verdict == "passed"
    shown = ended.result["looks"][-1]["shown"]
    assert 60 <= shown < 400
    assert looks[-1] == (shown, True)
    assert ended.result["measurements"]["items"] == shown
    assert len((ended.folder / "predictions.jsonl").read_text().splitlines()) == shown


def test_until_decided_stops_a_bad_batch_early_too(bench):
    code = bench.batch.replace(
        "print(answer(json.loads(line))",
        "print(json.dumps({'id': json.loads(line)['id'], 'label': 'ok'})",
    )
    ended = bench.run(bench.seal(count=400), bench.solution(code), until_decided=True)
    assert ended.verdict == "failed"
    assert ended.result["reason"] == "ok"
    assert ended.result["measurements"]["items"] < 400


def test_until_decided_stops_a_stream_and_counts_only_what_was_shown(bench):
    ended = bench.run(
        bench.seal(count=400, mode="stream", window=4),
        bench.solution(bench.stream, mode="stream", warmup={"items": 2, "timeout_s": 20}),
        until_decided=True,
    )
    assert ended.verdict == "passed"
    assert ended.result["looks"][-1]["shown"] < 400
    assert ended.result["targets"][0]["events"] == 0
    assert (ended.folder / "timings.npy").is_file()


def test_a_stream_runs_from_seal_to_verdict_with_latencies(bench):
    ended = bench.run(
        bench.seal(mode="stream", window=4), bench.solution(bench.stream, mode="stream")
    )
    assert ended.verdict == "passed"
    latency = ended.result["measurements"]["latency_s"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["max"]


@pytest.mark.bwrap
def test_a_run_at_the_strongest_level(bench, needs_bwrap):
    ended = bench.run(bench.seal(level="bwrap"), bench.solution(), level=Level.BWRAP)
    assert ended.verdict == "passed"
    assert ended.result["level"]["weaker"] is False


def test_a_stream_that_is_slower_than_its_seal_allows_is_stopped(bench):
    sealed = bench.seal(mode="stream", limits={"item_timeout_s": 0.5})
    slow = "import time\ntime.sleep(60)\n" + bench.stream
    ended = bench.run(sealed, bench.solution(slow, mode="stream"))
    assert ended.result["reason"] == "timeout"
    assert "0.5 s" in ended.why["en"]
    assert json.loads((ended.folder / "run.json").read_text())["item_timeout_s"] == 0.5
