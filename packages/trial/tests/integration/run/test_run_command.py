import json
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from liudu.sandbox import Level, SelfTest
from liudu.trial.cli import main
from liudu.trial.commands import run as run_command


@pytest.fixture
def liudu_trial(monkeypatch, tmp_path):
    """Return a function that calls ``liudu-trial run`` below the test's folder, without attacks."""
    real = run_command.run_trial

    def without_attacks(*arguments, **options):
        nothing = SelfTest(level=Level.PROCESS, attacks=(), startup_ms=0.0)
        return real(*arguments, **{**options, "try_attacks": lambda _: nothing})

    monkeypatch.setattr(run_command, "run_trial", without_attacks)
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        return CliRunner().invoke(main, ["run", *map(str, arguments), "--lang", "en"])

    return call


def test_a_pass_exits_0_and_says_verdict_targets_measurements_and_the_next_step(bench, liudu_trial):
    bench.seal()
    bench.solution()
    done = liudu_trial("seal", "app", "--level", "process", "--out", "mine")
    assert done.exit_code == 0
    assert done.stdout.startswith("(Simulated data) Passed")
    assert "✓ miss rate" in done.stdout
    assert "0/30" in done.stdout
    assert "60 of 60 pieces" in done.stdout
    assert "Next: liudu-trial report mine" in done.stdout


def target(metric, op, limit, **more):
    known = {"answer": "proved", "point": 0.0, "lower": None, "upper": None, "confidence": 0.95}
    return {"metric": metric, "op": op, "limit": limit, **known, **more}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_targets_stand_in_columns_however_wide_their_characters(language):
    targets = [
        target("miss_rate", "<", 0.05, lower=0.0, upper=0.008931, events=0, trials=334),
        target("memory_peak_mib", "<=", 512, point=31.42),
        target("throughput_per_h", ">=", 6000, point=21400.4, lower=20980.9),
    ]
    lines = run_command.target_lines(targets, language=language)
    signs = zip(lines, "<≤≥", strict=True)
    assert len({cell_len(line[: line.rindex(sign)]) for line, sign in signs}) == 1
    assert "漏检率" in lines[0] if language == "zh" else "miss rate" in lines[0]
    assert "0 % … 0.894 %" in lines[0]
    assert "< 5 %" in lines[0]
    assert "21,400" in lines[2]
    assert "20,980" in lines[2]


def test_a_failure_exits_1_and_says_why(bench, liudu_trial):
    bench.seal()
    bench.solution("raise SystemExit(7)")
    done = liudu_trial("seal", "app", "--level", "process")
    assert done.exit_code == 1
    assert "exit code 7" in done.stdout
    assert (bench.base / "run-seal-app" / "result.json").is_file()


@pytest.mark.parametrize("more", [[], ["--show-output"], ["--until-decided"]])
def test_json_is_one_object_with_the_whole_result(bench, liudu_trial, more):
    bench.seal()
    bench.solution(bench.batch + "print('hello')")
    done = liudu_trial("seal", "app", "--level", "process", "--json", *more)
    answer = json.loads(done.stdout)
    assert answer["verdict"] == "passed"
    assert answer["run"] == "run-seal-app"


def test_a_weaker_level_than_sealed_exits_2_and_only_simulated_data_may_go_on(bench, liudu_trial):
    bench.seal(level="bwrap")
    bench.solution()
    done = liudu_trial("seal", "app", "--level", "process")
    assert done.exit_code == 2
    assert "--allow-weaker" in done.stderr
    allowed = liudu_trial("seal", "app", "--level", "process", "--allow-weaker")
    assert allowed.exit_code == 0
    assert "weaker than the bwrap" in allowed.stdout


def test_no_flag_takes_back_what_the_owner_of_real_data_asked_for(bench, liudu_trial):
    bench.seal(level="bwrap", simulated=False)
    bench.solution()
    done = liudu_trial("seal", "app", "--level", "process", "--allow-weaker")
    assert done.exit_code == 2
    assert "only the owner may allow process" in done.stderr
    assert "--allow-weaker" not in done.stderr


def test_the_output_of_a_solution_is_shown_on_simulated_data_only(bench, liudu_trial):
    sealed = bench.seal(simulated=False)
    bench.solution(bench.batch + "print('\\x1b[31mloud')")
    refused = liudu_trial("seal", "app", "--level", "process", "--show-output")
    assert refused.exit_code == 2
    assert not sealed.simulated
    assert "loud" not in liudu_trial("seal", "app", "--level", "process").stdout


def test_shown_output_cannot_steer_the_terminal(bench, liudu_trial):
    bench.seal()
    bench.solution(bench.batch + "print('\\x1b[31mloud')")
    shown = liudu_trial("seal", "app", "--level", "process", "--show-output")
    assert "?[31mloud" in shown.stdout


def test_resume_without_a_run_exits_2(bench, liudu_trial):
    (bench.base / "empty").mkdir()
    done = liudu_trial("--resume", "empty")
    assert done.exit_code == 2
    assert "no run to go on with" in done.stderr


def test_neither_seal_nor_resume_exits_2(liudu_trial):
    assert liudu_trial().exit_code == 2


def test_looks_are_told_as_they_come(bench, liudu_trial):
    bench.seal(count=400)
    bench.solution()
    done = liudu_trial("seal", "app", "--level", "process", "--until-decided")
    assert done.exit_code == 0
    assert "[64] miss rate 0/" in done.stderr
    assert "proved" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_polite_kill_exits_130_marks_the_run_and_leaves_no_process(
    bench, number, processes_with, liudu_trial
):
    token = f"polite-{os.getpid()}-{number}"
    bench.seal(count=4)
    bench.solution("import time; time.sleep(100)", entry=["python3", "main.py", token])
    command = "from liudu.trial.cli import main; main()"
    child = subprocess.Popen(
        [sys.executable, "-c", command, "run", "seal", "app", "--level", "process", "--out", "r"],
        cwd=bench.base,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until = time.monotonic() + 60
    while not processes_with(token) and time.monotonic() < until:
        os.sched_yield()
    child.send_signal(number)
    child.communicate(timeout=30)
    assert child.returncode == 130
    assert processes_with(token) == []
    last = json.loads((bench.base / "r" / "journal.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["reason"]) == ("broken", "interrupted")
    (bench.base / "app" / "main.py").write_text("pass")
    assert liudu_trial("--resume", "r").exit_code == 2  # another solution now
