"""``liudu-trial check``: the examples and the how-to conform; each misbehaviour is explained."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from liudu.contract import kit
from liudu.sandbox import Level, available
from liudu.trial.cli import main
from liudu.trial.conformance import check_solution
from liudu.trial.serving import Clock

ROOT = Path(__file__).parents[4]
EXAMPLES = ROOT / "examples" / "solutions"
CLOCK = Clock(now=lambda: datetime(2026, 11, 20, tzinfo=UTC))
BATCH, STREAM = "batch", "stream"

bwrap = [
    pytest.mark.bwrap,
    pytest.mark.skipif(
        available(Level.BWRAP) is not None, reason=f"no bubblewrap: {available(Level.BWRAP)}"
    ),
]
pytestmark = [*bwrap, pytest.mark.slow]

READ = """\
import json, os, sys, time
inputs, output = os.environ["LIUDU_IN"], os.environ["LIUDU_OUT"]
"""
BATCH_LOOP = f"""{READ}
with open(output + "/predictions.jsonl", "w") as predictions:
    for line in open(inputs + "/items.jsonl"):
        item = json.loads(line)
        open(inputs + "/" + item["path"], "rb").read()
        predictions.write(json.dumps(ANSWER) + "\\n")
"""
STREAM_LOOP = f"""{READ}
for line in sys.stdin:
    item = json.loads(line)
    if item["op"] == "end":
        break
    print(json.dumps(ANSWER), flush=True)
"""
OK = '{"id": item["id"], "label": "ok"}'


def solution(folder, code, *, mode=BATCH, **manifest):
    folder.mkdir()
    declared = {
        "contract": "liudu.trial/1",
        "name": "odd",
        "version": "1",
        "entry": ["python3", "main.py"],
        "mode": mode,
        "tasks": ["classify"],
        "resources": {"memory_mib": 256},
    }
    folder.joinpath("liudu-solution.json").write_text(json.dumps(declared | manifest))
    folder.joinpath("main.py").write_text(code)
    return folder


def findings(folder, code, **manifest):
    found = check_solution(solution(folder / "odd", code, **manifest), clock=CLOCK)
    return {finding.check.name: finding for finding in found.tasks[0].findings}


def compiled(folder):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (cc) on this machine")
    target = folder / "c-stream"
    shutil.copytree(EXAMPLES / "c-stream", target, ignore=shutil.ignore_patterns("brightness"))
    command = [compiler, "-O2", "-std=c99", "-Wall", "-Wextra", "-Werror", "-o", "brightness"]
    subprocess.run([*command, "brightness.c"], cwd=target, check=True)
    return target


@pytest.mark.parametrize("name", ["python-batch", "python-stream", "shell-batch", "c-stream"])
def test_every_example_conforms_without_a_warning(name, tmp_path):
    folder = compiled(tmp_path) if name == "c-stream" else EXAMPLES / name

    found = check_solution(folder, clock=CLOCK)

    states = {finding.check.name: finding.state for finding in found.tasks[0].findings}
    assert states == dict.fromkeys(states, "passed")
    assert found.conforms


@pytest.mark.parametrize("name", ["python-batch", "python-stream", "shell-batch", "c-stream"])
def test_every_example_is_right_on_the_sample(name, tmp_path, monkeypatch):
    folder = compiled(tmp_path) if name == "c-stream" else EXAMPLES / name
    seen = {}
    judge = kit.judge_runs
    monkeypatch.setattr(
        kit, "judge_runs", lambda runs, **more: seen.update(runs) or judge(runs, **more)
    )

    check_solution(folder, clock=CLOCK)

    plain = next(s for s in kit.samples("classify") if s.name == kit.SampleName.PLAIN)
    answers = {
        name: answer.label for name, answer in seen[kit.SampleName.PLAIN].predictions.items()
    }
    assert answers == plain.truth


MISBEHAVIOURS = {
    "prints before answering": (
        STREAM,
        "print('model loaded', flush=True)\n" + STREAM_LOOP.replace("ANSWER", OK),
        "format",
        r"Line 1 .* is not JSON.*model loaded[\s\S]*print all else to stderr",
    ),
    "answers what it was not asked yet": (
        STREAM,
        STREAM_LOOP.replace("ANSWER", '{"id": "kit5", "label": "ok"}'),
        "format",
        "not sent yet",
    ),
    "forgets to flush": (
        STREAM,
        STREAM_LOOP.replace("ANSWER", OK).replace(", flush=True", ""),
        "in_time",
        "flush after each answer",
    ),
    "answers another id": (
        BATCH,
        BATCH_LOOP.replace("ANSWER", '{"id": item["id"].upper(), "label": "ok"}'),
        "format",
        r'Line 1 .* answers "KIT0", which is not the id of an item',
    ),
    "answers twice": (
        BATCH,
        BATCH_LOOP.replace("ANSWER", '{"id": "kit0", "label": "ok"}'),
        "format",
        'Line 2 .* answers "kit0" again',
    ),
    "answers NaN": (
        BATCH,
        BATCH_LOOP.replace("ANSWER", '{"id": item["id"], "label": "ok", "score": float("nan")}'),
        "format",
        "NaN",
    ),
    "names a class that is not there": (
        BATCH,
        BATCH_LOOP.replace("ANSWER", '{"id": item["id"], "label": "good"}'),
        "format",
        'names "good"; the classes are "defective", "ok"',
    ),
    "leaves items out": (
        BATCH,
        BATCH_LOOP.replace("ANSWER", OK).replace(
            "item = ", "if 'kit1' in line: continue\n        item = "
        ),
        "answers",
        r"1 of 6 items have no answer \(kit1\)",
    ),
    "writes nothing": (BATCH, "pass", "answers", "6 of 6 items"),
    "needs a package that is not declared": (
        BATCH,
        "import liudu_not_there",
        "ends",
        r'package liudu_not_there is not there: declare "runtime"',
    ),
    "ends with 3": (BATCH, "raise SystemExit(3)", "ends", "exit code 3"),
    "stops before the end": (STREAM, "input()", "ends|answers", "exit code|no answer"),
    "writes into its own folder": (
        BATCH,
        "open('cache.bin', 'w')\n" + BATCH_LOOP.replace("ANSWER", OK),
        "ends",
        "only LIUDU_OUT and /tmp are writable",
    ),
    "asks the network": (
        BATCH,
        "import socket; socket.create_connection(('192.0.2.1', 80), 2)",
        "ends",
        "tried to reach the network",
    ),
    "eats memory": (
        BATCH,
        "import time; block = bytearray(400_000_000); time.sleep(20)",
        "memory",
        "its manifest names 256 MiB",
    ),
    "chokes on unknown fields": (
        BATCH,
        BATCH_LOOP.replace("ANSWER", OK).replace(
            "item = json.loads(line)",
            "item = json.loads(line); assert set(item) <= {'id', 'path', 'with'}, item",
        ),
        "unusual",
        "ignore other fields",
    ),
    "is shaken by a damaged picture": (
        BATCH,
        BATCH_LOOP.replace("ANSWER", OK).replace(
            "predictions.write",
            "assert os.path.getsize(inputs + '/' + item['path'])\n        predictions.write",
        ),
        "damaged",
        "cut short or empty",
    ),
    "throws dice": (
        BATCH,
        "import random\n"
        + BATCH_LOOP.replace(
            "ANSWER", '{"id": item["id"], "label": "ok", "score": random.random()}'
        ),
        "repeatable",
        "fix the random seed",
    ),
}


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_a_solution_that_misbehaves_is_told_so(name, tmp_path):
    mode, code, check, sentence = MISBEHAVIOURS[name]

    found = findings(tmp_path, code, mode=mode)

    told = [f for f in found.values() if re.fullmatch(check, f.check.name) and f.en]
    assert [f.state for f in told] == ["failed" if told[0].check.must else "warned"]
    assert re.search(sentence, told[0].en)
    assert re.search("[一-鿿]", told[0].zh)


def test_advice_that_is_not_followed_does_not_fail_a_solution(tmp_path):
    _, code, *_ = MISBEHAVIOURS["throws dice"]

    assert check_solution(solution(tmp_path / "odd", code), clock=CLOCK).conforms


def test_a_command_that_is_not_there_does_not_start(tmp_path):
    found = findings(tmp_path, "", entry=["liudu-no-such-command"])

    assert found["starts"].state == "failed"
    assert '"liudu-no-such-command" could not be started' in found["starts"].en
    assert found["ends"].state == "skipped"


def test_a_package_that_is_not_installed_is_named_before_anything_runs(tmp_path):
    runtime = {"use": "python", "needs": ["numpy>=1", "liudu-not-there>=2"]}

    found = check_solution(solution(tmp_path / "odd", "", runtime=runtime), clock=CLOCK)

    assert [problem.path for problem in found.missing] == ["$.runtime.needs[1]"]
    assert (found.conforms, found.tasks) == (False, ())


@pytest.mark.parametrize(
    ("changes", "options"),
    [({"resources": {"gpu": {"count": 1}}}, []), ({}, ["--task", "value"])],
    ids=["a GPU", "another task"],
)
def test_what_no_trial_here_could_run_is_refused_before_it_runs(tmp_path, changes, options):
    folder = solution(tmp_path / "odd", "", **changes)

    result = CliRunner().invoke(main, ["check", str(folder), *options])

    assert result.exit_code == 2
    assert result.stderr.startswith("✗ ")


@pytest.mark.parametrize("task", ["classify", "detect", "alarm", "value"])
def test_every_task_has_samples_that_a_solution_can_answer(task, tmp_path):
    answer = {
        "classify": OK,
        "detect": '{"id": item["id"], "boxes": []}',
        "alarm": '{"id": item["id"], "alarm": item["data"]["cases"] > 10}',
        "value": '{"id": item["id"], "value": 1}',
    }[task]
    code = STREAM_LOOP.replace("ANSWER", answer)

    found = check_solution(
        solution(tmp_path / "odd", code, mode=STREAM, tasks=[task], warmup={"items": 8}),
        clock=CLOCK,
    )

    assert [t.task for t in found.tasks] == [task]
    assert found.conforms


def test_the_command_answers_machines_with_one_object_and_its_exit_code(tmp_path):
    runner = CliRunner()
    good = runner.invoke(main, ["check", str(EXAMPLES / "python-batch"), "--json"])
    bad = runner.invoke(main, ["check", str(solution(tmp_path / "odd", "pass")), "--json"])

    assert (good.exit_code, json.loads(good.stdout)["conforms"]) == (0, True)
    assert (bad.exit_code, json.loads(bad.stdout)["conforms"]) == (1, False)


def test_the_command_explains_in_both_languages(tmp_path):
    folder = str(solution(tmp_path / "odd", "raise SystemExit(3)"))

    zh = CliRunner().invoke(main, ["check", folder, "--lang", "zh"])
    en = CliRunner().invoke(main, ["check", folder, "--lang", "en"])

    assert "✗ 以退出码 0 结束" in zh.stdout
    assert "✗ It ends with exit code 0" in en.stdout
    assert (zh.exit_code, en.exit_code) == (1, 1)


def test_a_wrong_manifest_ends_with_1_and_says_every_problem(tmp_path):
    folder = solution(tmp_path / "odd", "", version=1, mode="bath")

    result = CliRunner().invoke(main, ["check", str(folder), "--lang", "en"])

    assert result.exit_code == 1
    assert "$.version: 1 is a number, not a text." in result.stderr
    assert '$.mode: "bath" does not fit.' in result.stderr


def how_to():
    page = (ROOT / "docs" / "how-to" / "write-a-solution.md").read_text("utf-8")
    files = re.findall(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    commands = re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return files, [line for block in commands for line in block.splitlines()]


def test_whoever_follows_the_how_to_has_a_solution_that_conforms(tmp_path):
    files, commands = how_to()
    for name, text in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "LIUDU_LANG": "en"}

    for command in commands:
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()

    assert len(commands) == 4
    assert len(files) == 4


def test_the_programs_of_the_how_to_have_fewer_than_forty_lines():
    files, _ = how_to()

    assert [name for name, text in files if len(text.splitlines()) >= 40] == []
