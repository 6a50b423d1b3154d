"""What real and hostile users do to a run ends with the right sentence and loses nothing."""

import json

import pytest
from click.testing import CliRunner

from liudu.contract import Reason
from liudu.sandbox import Level, SelfTest
from liudu.trial.cli import main
from liudu.trial.commands import run as run_command
from liudu.trial.run import OtherRunError
from liudu.trial.serving import InfraError

WRITES_TOO_MUCH = """
#READ
with open(os.path.join(OUT, "big"), "w"):
    raise OSError(28, "No space left on device")
"""
NEVER_EXITS = """
#READ
import time
for line in sys.stdin:
    item = json.loads(line)
    if item["op"] == "end":
        time.sleep(600)
    print(answer(item), flush=True)
"""


def test_a_complete_run_does_not_answer_for_another_solution(bench):
    sealed = bench.seal()
    mine, other = bench.solution(), bench.solution(bench.batch + "\n# other\n", name="other")
    first = bench.run(sealed, mine)
    with pytest.raises(OtherRunError, match="another solution"):
        bench.run(sealed, other)
    assert bench.run(sealed, mine).result == first.result


def test_a_solution_without_room_is_told_how_much_it_has(bench):
    ended = bench.run(bench.seal(), bench.solution(WRITES_TOO_MUCH))
    assert ended.result["reason"] == Reason.CRASH
    assert "holds 64 MiB, /out 200 MiB" in ended.why["en"]
    assert "上限为 64 MiB" in ended.why["zh"]


def test_a_solution_that_does_not_exit_after_the_end_is_told_to_exit(bench):
    sealed = bench.seal(mode="stream")
    ended = bench.run(sealed, bench.solution(NEVER_EXITS, mode="stream"), item_timeout_s=0.5)
    assert ended.result["reason"] == Reason.TIMEOUT
    assert "exit with code 0" in ended.why["en"]
    assert "退出码 0" in ended.why["zh"]


@pytest.fixture
def interrupted(bench, monkeypatch):
    """Return a function that calls ``liudu-trial run``, interrupted at a point of the run."""
    real = run_command.run_trial
    monkeypatch.chdir(bench.base)

    def call(point, *words):
        def fault(reached):
            if reached == point:
                raise KeyboardInterrupt

        def attacks(level):
            fault("selftest")
            return SelfTest(level=level, attacks=(), startup_ms=0.0)

        def run(*arguments, **options):
            return real(*arguments, **{**options, "fault": fault, "try_attacks": attacks})

        monkeypatch.setattr(run_command, "run_trial", run)
        level = ["--level", Level.PROCESS.label]
        return CliRunner().invoke(main, ["run", "seal", "app", *level, "--out", "mine", *words])

    return call


def test_an_interrupted_run_says_how_to_go_on_and_goes_on(bench, interrupted):
    bench.seal()
    bench.solution()
    stopped = interrupted("serving", "--lang", "en")
    assert stopped.exit_code == 130
    assert "marked broken" in stopped.stderr
    assert "--resume mine" in stopped.stdout
    assert CliRunner().invoke(main, ["report", "mine"]).exit_code == 2
    assert interrupted("nowhere").exit_code == 0


def test_a_run_interrupted_before_it_began_leaves_nothing_and_promises_nothing(bench, interrupted):
    bench.seal()
    bench.solution()
    stopped = interrupted("selftest", "--lang", "en")
    assert stopped.exit_code == 130
    assert "--resume" not in stopped.output
    assert not (bench.base / "mine").exists()


@pytest.mark.parametrize("point", ["selftest", "serving"])
def test_an_interrupted_run_is_one_json_object_for_machines(bench, interrupted, point):
    bench.seal()
    bench.solution()
    stopped = interrupted(point, "--json")
    assert stopped.exit_code == 130
    assert "code" in json.loads(stopped.stdout)["error"]


def test_a_failure_of_the_machine_is_known_as_such():
    assert InfraError.machine
