import csv

import numpy as np
import pytest

from liudu.inspect.dataset import MARGIN_PX, tiles, write
from liudu.inspect.deeppcb import CLASSES, Pair


@pytest.fixture
def pair():
    test = np.full((640, 640), 255, np.uint8)
    test[:, ::7] = 0
    boxes = np.array([[10, 10, 40, 40, 1], [150, 200, 190, 230, 6]], np.int32)
    return Pair(name="00000001", group="group1", template=test.copy(), test=test, boxes=boxes)


def rows(folder):
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_tile_is_defective_where_the_centre_of_a_defect_lies(pair):
    kinds = {(tile.x, tile.y): tile.kind for tile in tiles(pair)}

    assert kinds[0, 0] == 1
    assert kinds[160, 160] == 6


def test_a_tile_that_a_defect_only_touches_is_left_out(pair):
    places = {(tile.x, tile.y) for tile in tiles(pair)}

    assert (0, 160) not in places
    assert len(places) == 15


def test_a_tile_shows_its_part_of_the_board_with_a_margin(pair):
    tile = next(tile for tile in tiles(pair) if (tile.x, tile.y) == (320, 160))

    at = slice(160 - MARGIN_PX, 320 + MARGIN_PX), slice(320 - MARGIN_PX, 480 + MARGIN_PX)
    assert np.array_equal(tile.test, pair.test[at])


def test_tiles_of_one_board_stay_together(pair, tmp_path):
    count = write([pair], tmp_path, task="classify")

    written = rows(tmp_path)
    assert count == len(written) == 15
    assert {row["cluster"] for row in written} == {"00000001"}
    assert {row["data.margin"] for row in written} == {str(MARGIN_PX)}
    assert sorted({row["label"] for row in written}) == ["defective", "ok"]


def test_boards_of_one_lot_stay_together(pair, tmp_path):
    count = write([pair], tmp_path, task="detect")

    written = rows(tmp_path)
    assert count == 1
    assert [row["label"] for row in written] == [CLASSES[0], CLASSES[5]]
    assert [written[0][key] for key in ("x1", "y1", "x2", "y2")] == ["10", "10", "40", "40"]
    assert {row["cluster"] for row in written} == {"group1"}


@pytest.mark.parametrize(("cluster", "value"), [("group", "group1"), ("pair", "00000001")])
@pytest.mark.parametrize("task", ["detect", "classify"])
def test_the_owner_may_say_what_belongs_together(pair, tmp_path, task, cluster, value):
    write([pair], tmp_path, task=task, cluster=cluster)

    assert {row["cluster"] for row in rows(tmp_path)} == {value}
