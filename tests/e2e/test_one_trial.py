"""One trial from a folder to a certificate, by the commands that a person types."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("one trial")  # the trial takes seconds, once for all
ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PROMISE = """\
task: classify
positive: defective
level: process
targets:
  - {metric: miss_rate,     op: "<",  limit: 0.10}
  - {metric: overkill_rate, op: "<=", limit: 0.10}
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return tmp_path_factory.mktemp("trial")


@pytest.fixture(scope="module")
def typed(desk):
    """Type a command; get its exit code and what it said."""

    def typing(command, *, language="en"):
        program, *arguments = command.split()
        environment = {**os.environ, "LIUDU_LANG": language, "LIUDU_KEY": str(desk / "key.pem")}
        done = subprocess.run(
            [BIN / program, *arguments],
            cwd=desk, env=environment, capture_output=True, text=True, check=False, timeout=110,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return typing


@pytest.fixture(scope="module")
def tried(desk, typed):
    """A run that has its report: simulated boards, the inspect solution."""
    (desk / "targets.yaml").write_text(PROMISE, encoding="utf-8")
    for command in (
        "liudu-inspect simulate boards --task classify --pieces 300 --defect-rate 0.4 --seed 7",
        "liudu-inspect pack solution --task classify",
        "liudu-trial seal boards --labels boards/labels.csv --targets targets.yaml --out sealed",
        "liudu-trial run sealed solution --out run",
        "liudu-trial report run",
    ):
        code, said = typed(command)
        assert code == 0, f"{command}\n{said}"
    return desk / "run"


@pytest.mark.slow
def test_a_trial_ends_with_a_report_a_pdf_and_a_certificate(tried):
    assert (tried / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (tried / "report.pdf").read_bytes().startswith(b"%PDF")
    assert json.loads((tried / "certificate.json").read_bytes())["proof"]["cryptosuite"] == (
        "eddsa-jcs-2022"
    )


@pytest.mark.slow
def test_the_certificate_verifies_against_run_seal_and_solution(tried, typed):
    code, said = typed(
        f"liudu-trial verify {tried}/certificate.json --run run --seal sealed --solution solution"
    )

    assert code == 0, said
    assert "nothing was altered" in said


@pytest.mark.slow
def test_a_certificate_from_simulated_boards_is_refused_for_production(tried, typed):
    code, said = typed(f"liudu-trial verify {tried}/certificate.json --production")

    assert code == 1
    assert re.search("simulated", said, re.IGNORECASE)


@pytest.mark.slow
def test_an_altered_certificate_is_caught_in_both_languages(tried, typed, desk):
    certificate = json.loads((tried / "certificate.json").read_bytes())
    certificate["credentialSubject"]["solution"]["name"] = "somebody else's"
    (desk / "altered.json").write_text(json.dumps(certificate), encoding="utf-8")

    code, said = typed("liudu-trial verify altered.json")
    code_zh, said_zh = typed("liudu-trial verify altered.json", language="zh")

    assert (code, code_zh) == (1, 1)
    assert "altered" in said
    assert "改" in said_zh


@pytest.mark.slow
def test_the_report_says_that_the_boards_are_simulated(tried):
    page = (tried / "report.html").read_text(encoding="utf-8")

    assert "SIMULATED" in page.upper()
    assert "模拟数据" in page


@pytest.mark.slow
def test_the_plan_of_the_readme_says_how_many_pieces_prove_it(typed, desk):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (desk / "readme.yaml").write_text(re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)[0])

    code, said = typed("liudu-trial plan readme.yaml --json")

    assert code == 0
    assert json.loads(said)["targets"][0]["samples"] == {
        "0": 1497,
        "1": 2371,
        "2": 3146,
        "3": 3875,
    }


@pytest.mark.slow
@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_every_command_of_the_readme_exists(readme, typed):
    text = (ROOT / readme).read_text(encoding="utf-8")
    commands = re.findall(r"^(liudu-trial +\w+)", text, re.MULTILINE)

    assert len(commands) >= 6
    for command in commands:
        code, said = typed(f"{command} --help")
        assert code == 0, said
