"""The commands plan and seal, as a person and as a machine call them."""

import json

import pytest
from click.testing import CliRunner

from liudu.trial.cli import main
from liudu.trial.promise import EXAMPLE


@pytest.fixture
def call(tmp_path):
    (tmp_path / "targets.yaml").write_text(EXAMPLE)

    def run(*arguments, language="zh"):
        words = [str(a) for a in arguments]
        return CliRunner().invoke(main, [*words, "--lang", language], catch_exceptions=False)

    return run


def test_the_plan_of_the_example_has_the_known_counts(call, tmp_path):
    done = call("plan", tmp_path / "targets.yaml", "--json")
    targets = json.loads(done.stdout)["targets"]
    assert targets[0]["samples"] == {"0": 1497, "1": 2371, "2": 3146, "3": 3875}
    assert targets[1]["samples"]["0"] == 99
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("language", "word"), [("zh", "漏检率 < 0.2 %"), ("en", "miss rate < 0.2 %")]
)
def test_the_plan_is_told_in_both_languages(call, tmp_path, language, word):
    told = call("plan", tmp_path / "targets.yaml", language=language).stdout
    assert word in told
    assert "1497" in told
    assert "3875" in told


def test_a_hope_changes_the_power(call, tmp_path):
    done = call("plan", tmp_path / "targets.yaml", "--hoped", "miss_rate=0.001", "--json")
    assert json.loads(done.stdout)["targets"][0]["power"][0]["samples"] == 9718


@pytest.mark.parametrize("hope", ["miss_rate", "miss_rate=low", "miss=0.1"])
def test_a_hope_that_cannot_be_read_is_refused(call, tmp_path, hope):
    done = call("plan", tmp_path / "targets.yaml", "--hoped", hope)
    assert done.exit_code == 2
    assert "miss_rate=0.0005" in done.stderr


def test_the_line_is_told_how_long_it_takes_and_what_to_do(call, tmp_path):
    path = tmp_path / "targets.yaml"
    path.write_text(EXAMPLE + "line: {pieces_per_h: 6000, positive_share: 0.01}\n")
    told = call("plan", path).stdout
    assert "24.9 小时" in told
    assert "混入已知的不良件" in told


def test_a_one_sided_wish_is_refused_with_reason_and_example(call, tmp_path):
    path = tmp_path / "targets.yaml"
    path.write_text("\n".join(line for line in EXAMPLE.splitlines() if "overkill" not in line))
    done = call("plan", path)
    assert done.exit_code == 2
    assert "overkill_rate" in done.stderr
    assert "误报" in done.stderr


def test_a_folder_is_sealed_and_told(call, kit):
    kit.pieces()
    done = call(
        *("seal", kit.data, "--labels", kit.labels, "--targets", kit.folder / "targets.yaml"),
        *("--out", kit.folder / "seal"),
    )
    assert done.exit_code == 0
    assert "已封存 12 件样本" in done.stdout
    assert "1497" in done.stdout, "too few for the promise"


def test_a_seal_is_told_to_machines_with_its_digest_and_notices(call, kit):
    kit.pieces()
    done = call(
        *("seal", kit.data, "--labels", kit.labels, "--targets", kit.folder / "targets.yaml"),
        *("--out", kit.folder / "seal", "--json", "--seed", "1"),
    )
    told = json.loads(done.stdout)
    assert told["digest"].startswith("sha256:")
    assert told["commitment"]["item_count"] == 12
    assert told["commitment"]["simulated"], "ids that can be guessed seal nothing"
    assert "TooFewPieces" in {notice["code"] for notice in told["notices"]}


def test_refused_data_leave_no_seal_and_a_code_for_machines(call, kit):
    kit.pieces()
    (kit.data / "stranger.png").write_bytes(b"x")
    done = call(
        *("seal", kit.data, "--labels", kit.labels, "--targets", kit.folder / "targets.yaml"),
        *("--out", kit.folder / "seal", "--json"),
    )
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"]["code"] == "UnlabelledFiles"
    assert not (kit.folder / "seal").exists()
