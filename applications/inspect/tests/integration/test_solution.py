import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from liudu.contract import Manifest, read_predictions
from liudu.inspect.cli import main
from liudu.inspect.deeppcb import pairs, validation_pairs
from liudu.inspect.inspector import inspect
from liudu.inspect.pack import MODULES, WEIGHTS, NotEmptyError, default_score_min, pack
from liudu.inspect.selection import f_at

WHOLE_SIDE_PX = 160


@pytest.fixture
def trial(tmp_path, board):
    """An input folder with a good piece, a defective one, and five that cannot be inspected."""
    items = tmp_path / "in" / "items"
    items.mkdir(parents=True)
    (tmp_path / "out").mkdir()
    faulty = board.copy()
    cv2.circle(faulty, (132, 126), 6, 255, -1)
    pictures = {
        "template": board,
        "good": board,
        "faulty": faulty,
        "other_size": board[:100],
        "colour": cv2.merge([board, faulty, faulty]),
    }
    for name, picture in pictures.items():
        assert cv2.imwrite(str(items / f"{name}.png"), picture)
    data = (items / "good.png").read_bytes()
    (items / "truncated.png").write_bytes(data[: len(data) // 2])
    (items / "empty.png").write_bytes(b"")
    names = [*pictures, "truncated", "empty", "absent"][1:]
    shown = [
        {"id": n, "path": f"items/{n}.png", "with": {"template": "items/template.png"}}
        for n in names
    ]
    shown.append({"id": "alone", "path": "items/good.png"})
    (tmp_path / "in" / "items.jsonl").write_text("".join(json.dumps(s) + "\n" for s in shown))
    return tmp_path, shown


def served(folder, bundle, *, lines=None):
    """Run a bundle as a plain process that finds nothing of ours installed."""
    environment = {
        "LIUDU_IN": str(folder / "in"),
        "LIUDU_OUT": str(folder / "out"),
        "PATH": os.environ["PATH"],
    }
    manifest = json.loads((bundle / "liudu-solution.json").read_bytes())
    return subprocess.run(
        [sys.executable, *manifest["entry"][1:]],
        cwd=bundle,
        env=environment,
        input=lines,
        capture_output=True,
        check=True,
        timeout=60,
    )


def accepted(data, shown, *, task, classes):
    return read_predictions(
        data.splitlines(keepends=True),
        task=task,
        ids={item["id"] for item in shown},
        classes=frozenset(classes),
    )


@pytest.mark.parametrize("task", ["classify", "detect"])
@pytest.mark.parametrize("mode", ["batch", "stream"])
def test_the_manifest_of_a_bundle_is_valid(tmp_path, task, mode):
    pack(tmp_path / "bundle", task=task, mode=mode)

    data = (tmp_path / "bundle" / "liudu-solution.json").read_bytes()
    manifest = Manifest.parse(data, file="liudu-solution.json")
    assert manifest.mode == mode
    assert manifest.tasks == (task,)


def test_classify_answers_each_piece_once_and_never_passes_what_it_cannot_see(trial):
    folder, shown = trial
    pack(folder / "bundle", task="classify")

    ended = served(folder, folder / "bundle")

    data = (folder / "out" / "predictions.jsonl").read_bytes()
    answers = accepted(data, shown, task="classify", classes=("ok", "defective"))
    assert {i for i, answer in answers.items() if answer.label == "ok"} == {"good"}
    unseen = {"other_size", "truncated", "empty", "absent", "alone"}
    assert {i for i in unseen if answers[i].score == 1.0} == unseen
    for name in unseen:
        assert f"{name}: " in ended.stderr.decode()


def test_detect_boxes_the_defect_and_suspects_the_whole_of_what_it_cannot_see(trial):
    folder, shown = trial
    pack(folder / "bundle", task="detect")

    served(folder, folder / "bundle")

    data = (folder / "out" / "predictions.jsonl").read_bytes()
    answers = accepted(data, shown, task="detect", classes=("pin-hole", "open"))
    assert answers["good"].boxes == ()
    assert [box.label for box in answers["faulty"].boxes] == ["pin-hole"]
    assert len(answers["alone"].boxes) == 1
    for line in data.splitlines():
        answer = json.loads(line)
        if answer["id"] == "alone":
            assert answer["boxes"][0]["box"] == [0, 0, WHOLE_SIDE_PX, WHOLE_SIDE_PX]


def test_in_stream_mode_each_item_is_answered_as_it_comes_until_the_end(trial):
    folder, shown = trial
    pack(folder / "bundle", task="classify", mode="stream")
    lines = [{"op": "warmup", **shown[0], "id": "w0"}, *({"op": "item", **s} for s in shown)]
    lines.append({"op": "end"})

    ended = served(
        folder, folder / "bundle", lines="".join(json.dumps(i) + "\n" for i in lines).encode()
    )

    warm = [{"id": "w0"}, *shown]
    answers = accepted(ended.stdout, warm, task="classify", classes=("ok", "defective"))
    assert len(answers) == len(shown) + 1
    assert answers["faulty"].label == "defective"


def test_a_trial_may_name_its_classes_otherwise(trial):
    folder, shown = trial
    pack(folder / "bundle", task="classify")
    said = {"task": "classify", "classes": ["良品", "不良"], "positive": "不良"}
    (folder / "in" / "trial.json").write_text(json.dumps(said), encoding="utf-8")

    served(folder, folder / "bundle")

    data = (folder / "out" / "predictions.jsonl").read_bytes()
    answers = accepted(data, shown, task="classify", classes=("良品", "不良"))
    assert answers["good"].label == "良品"
    assert answers["faulty"].label == "不良"


def test_a_bundle_has_all_that_it_imports_and_mixes_nothing_installed_in(tmp_path):
    pack(tmp_path / "bundle", task="detect")
    look = (
        "import sys; sys.path.insert(0, '.'); import liudu.inspect.solution\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('liudu')), sep='\\n')"
    )

    ended = subprocess.run(
        [sys.executable, "-c", look], cwd=tmp_path / "bundle", capture_output=True, check=True
    )

    loaded = [Path(line).resolve() for line in ended.stdout.decode().split()]
    inside = (tmp_path / "bundle").resolve()
    assert len(loaded) > len(MODULES)
    assert all(path.is_relative_to(inside) for path in loaded)


def test_a_bundle_is_never_written_over_something_else(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(NotEmptyError, match="not empty"):
        pack(tmp_path, task="detect")


def test_simulated_pieces_are_told_apart(tmp_path):
    runner = CliRunner()
    drawn = runner.invoke(main, ["simulate", str(tmp_path / "in"), "--pieces", "60", "--seed", "3"])
    packed = runner.invoke(main, ["pack", str(tmp_path / "bundle")])
    assert (drawn.exit_code, packed.exit_code) == (0, 0)
    (tmp_path / "out").mkdir()
    rows = (tmp_path / "in" / "labels.csv").read_text().splitlines()[1:]
    truth = {file: label for file, label, _ in (row.split(",") for row in rows)}
    with (tmp_path / "in" / "items.jsonl").open("w") as items:
        for row in rows:
            file, _, template = row.split(",")
            items.write(json.dumps({"id": file, "path": file, "with": {"template": template}}))
            items.write("\n")

    served(tmp_path, tmp_path / "bundle")

    lines = (tmp_path / "out" / "predictions.jsonl").read_bytes().splitlines()
    wrong = sum(truth[a["id"]] != a["label"] for a in map(json.loads, lines))
    assert len(lines) == 60
    assert wrong <= 2


def test_the_command_line_refuses_with_code_2_and_one_sentence(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")

    refused = CliRunner().invoke(main, ["pack", str(tmp_path)], env={"LIUDU_LANG": "zh"})

    assert refused.exit_code == 2
    assert "不是空文件夹" in refused.stderr


@pytest.mark.slow
def test_validation_boards_are_found_as_the_model_card_says(network):
    folder = Path(os.environ.get("LIUDU_DATA", "absent")) / "inspect" / "deeppcb"
    if not folder.is_dir():
        pytest.skip("needs DeepPCB: set LIUDU_DATA to the folder that holds inspect/deeppcb")
    _, validation = validation_pairs(list(pairs(folder, split="trainval")))
    some = validation[:40]

    findings = [inspect(network, template=p.template, test=p.test) for p in some]

    assert f_at(findings, some, score_min=default_score_min("detect")) > 0.97


def test_the_weights_are_small_enough_to_be_committed():
    assert WEIGHTS.stat().st_size < 2_000_000
    with np.load(WEIGHTS, allow_pickle=False) as file:
        assert all(file[name].dtype == np.float16 for name in file.files)


def test_a_bundle_runs_from_a_folder_that_cannot_be_written(trial):
    folder, _ = trial
    pack(folder / "bundle", task="classify")
    for path in (folder / "bundle").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (folder / "bundle").chmod(0o555)

    ended = served(folder, folder / "bundle")

    for path in (folder / "bundle", *(folder / "bundle").rglob("*")):
        path.chmod(0o755)
    assert ended.returncode == 0


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed: nothing to refuse")
def test_training_without_torch_is_refused_and_told_how_to_get_it(tmp_path):
    arguments = ["train", str(tmp_path), "--out", str(tmp_path / "weights.npz")]

    refused = CliRunner().invoke(main, arguments, env={"LIUDU_LANG": "en"})

    assert refused.exit_code == 2
    assert "liudu-inspect[train]" in refused.stderr


def test_a_place_that_cannot_be_written_is_named_without_a_traceback(tmp_path):
    (tmp_path / "file").write_text("in the way")
    place = str(tmp_path / "file" / "boards")

    for arguments in (
        ["simulate", place, "--pieces", "2", "--seed", "1"],
        ["pack", place, "--task", "classify"],
    ):
        refused = CliRunner().invoke(main, arguments, env={"LIUDU_LANG": "en"})

        assert refused.exit_code == 2
        assert str(tmp_path / "file") in refused.stderr
        assert "Choose another place" in refused.stderr
