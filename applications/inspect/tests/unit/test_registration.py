import cv2
import numpy as np
import pytest

from liudu.inspect.registration import board_shift, moved, register


@pytest.mark.parametrize("shift", [(0, 0), (1, -2), (5, 3), (-9, 8), (10, -10), (-17, 15)])
def test_the_shift_of_a_board_is_found(board, shift):
    wide = cv2.copyMakeBorder(board, 30, 30, 30, 30, cv2.BORDER_REPLICATE)
    wide[10:40, 150:200] = 0
    dx, dy = shift

    assert board_shift(wide, moved(wide, dx=dx, dy=dy), reach_px=20) == shift


def test_boards_with_nothing_on_them_are_not_moved():
    blank = np.full((100, 100), 255, np.uint8)

    assert board_shift(blank, blank, reach_px=20) == (0, 0)


def test_a_registered_board_hardly_differs_from_its_template(board):
    test = moved(board, dx=8, dy=0)

    aligned = register(board, test)

    assert np.count_nonzero(aligned != test) < 0.001 * test.size


def test_a_board_that_is_stretched_is_followed_tile_by_tile():
    rng = np.random.default_rng(0)
    template = np.full((320, 320), 255, np.uint8)
    for x, y in rng.integers(20, 300, (60, 2)):
        cv2.circle(template, (int(x), int(y)), 8, 0, -1)
    test = cv2.resize(template, (322, 320), interpolation=cv2.INTER_NEAREST)[:, :320]
    still = np.count_nonzero(template != test)

    assert np.count_nonzero(register(template, test) != test) < still / 2


def test_a_tile_may_move_further_than_the_rest_of_the_board():
    rng = np.random.default_rng(1)
    template = np.full((240, 240), 255, np.uint8)
    for x, y in rng.integers(0, 240, (60, 2)):
        cv2.circle(template, (int(x), int(y)), 6, 0, -1)
    test = template.copy()
    test[80:160, 80:160] = template[80:160, 84:164]

    aligned = register(template, test)

    inner = (slice(90, 150), slice(90, 150))
    assert np.array_equal(aligned[inner], test[inner])


@pytest.mark.parametrize("shape", [(32, 32), (33, 47), (81, 160), (640, 35)])
def test_any_shape_is_registered(shape):
    rng = np.random.default_rng(2)
    template = (rng.integers(0, 2, shape) * 255).astype(np.uint8)

    assert register(template, template).shape == shape
