import zipfile

import cv2
import numpy as np
import pytest

from liudu.inspect.deeppcb import NoDeepPcbError, Pair, pairs, validation_pairs


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pairs.csv").write_text("pair,group,split\n1,a,devtest\n2,b,trainval\n")
    (tmp_path / "boxes.csv").write_text("pair,x1,y1,x2,y2,class\n1,2,3,40,50,4\n")
    picture = np.full((64, 64), 255, np.uint8)
    picture[:20] = 90
    with zipfile.ZipFile(tmp_path / "devtest.zip", "w") as pictures:
        for part in ("temp", "test"):
            pictures.writestr(f"1_{part}.png", cv2.imencode(".png", picture)[1].tobytes())
    return tmp_path


def test_the_pairs_of_a_split_are_read(folder):
    (pair,) = pairs(folder, split="devtest")

    assert (pair.name, pair.group, pair.boxes.tolist()) == ("1", "a", [[2, 3, 40, 50, 4]])
    assert np.unique(pair.test).tolist() == [0, 255]


def test_a_folder_without_the_data_is_refused_by_the_name_of_what_is_missing(tmp_path):
    with pytest.raises(NoDeepPcbError, match=r"pairs\.csv"):
        list(pairs(tmp_path, split="devtest"))


def test_the_validation_pairs_are_always_the_same():
    nothing = np.zeros((1, 1), np.uint8)
    boxes = np.zeros((0, 5), np.int32)
    everything = [
        Pair(name=str(i), group="", template=nothing, test=nothing, boxes=boxes)
        for i in range(1000)
    ]

    training, validation = validation_pairs(everything)

    assert (len(training), len(validation)) == (850, 150)
    assert [pair.name for pair in validation[:5]] == ["993", "859", "298", "553", "672"]
    assert not {p.name for p in training} & {p.name for p in validation}
