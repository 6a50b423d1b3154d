import csv
import json

import cv2
import pytest

from liudu.inspect.boards import KINDS
from liudu.inspect.simulate import (
    BadSimulationError,
    FolderInUseError,
    Simulation,
    simulated,
    write,
)


def labels(folder):
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def simulation(**changes):
    return Simulation(**{"task": "classify", "count": 30, "defect_rate": 0.4, "seed": 1, **changes})


def test_the_defect_rate_is_met(tmp_path):
    write(simulation(), tmp_path)

    rows = labels(tmp_path)
    assert len(rows) == 30
    assert sum(row["label"] == "defective" for row in rows) == 12


def test_every_row_names_two_pictures_of_160_pixels(tmp_path):
    write(simulation(count=3), tmp_path)

    for row in labels(tmp_path):
        for name in (row["file"], row["with.template"]):
            assert cv2.imread(str(tmp_path / name), cv2.IMREAD_GRAYSCALE).shape == (160, 160)


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write(simulation(count=5), tmp_path / name)

    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_another_seed_draws_other_boards():
    one, other = (next(simulated(simulation(seed=seed))) for seed in (1, 2))

    assert (one.test != other.test).any()


def test_the_folder_is_marked_as_simulated_with_generator_and_parameters(tmp_path):
    write(simulation(count=2, seed=77), tmp_path)

    mark = json.loads((tmp_path / "simulated.json").read_bytes())
    assert mark["simulated"] is True
    assert mark["generator"] == "liudu.inspect.boards"
    assert mark["version"]
    assert mark["parameters"]["seed"] == 77
    assert mark["parameters"]["defect_rate"] == 0.4


def test_boards_to_detect_have_a_row_for_each_box_and_good_boards_one_empty_row(tmp_path):
    write(simulation(task="detect", count=2, defect_rate=0.5), tmp_path)

    by_file = {}
    for row in labels(tmp_path):
        by_file.setdefault(row["file"], []).append(row)
    good, bad = sorted(by_file.values(), key=len)
    assert [row["label"] for row in good] == [""]
    assert 3 <= len(bad) <= 12
    for row in bad:
        assert 0 <= int(row["x1"]) < int(row["x2"]) <= 640
        assert 0 <= int(row["y1"]) < int(row["y2"]) <= 640
        assert row["label"] in KINDS


def test_only_the_wished_kinds_are_drawn():
    wished = simulation(count=8, defect_rate=1.0, kinds=("short",))

    assert {board.kinds for board in simulated(wished)} == {("short",)}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"count": 0}, "count is 0"),
        ({"defect_rate": 1.5}, "defect-rate is 1.5"),
        ({"seed": -1}, "seed is -1"),
        ({"kinds": ("scratch",)}, "kinds is scratch"),
    ],
)
def test_a_parameter_out_of_range_is_refused_by_name(change, sentence):
    with pytest.raises(BadSimulationError, match=sentence):
        simulation(**change)


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(FolderInUseError, match="not empty"):
        write(simulation(), tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
