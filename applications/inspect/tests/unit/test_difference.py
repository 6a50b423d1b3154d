import cv2
import numpy as np

from liudu.inspect.difference import SPLIT_PX, beyond, blobs, candidates, longest


def test_equal_pictures_have_no_candidates(board):
    assert candidates(board, board).shape == (0, 4)


def test_a_border_that_moved_by_one_pixel_is_tolerated(board):
    assert len(candidates(board, cv2.erode(board, np.ones((3, 3), np.uint8)))) == 0


def test_a_spot_is_boxed_tightly(board):
    test = board.copy()
    test[110:118, 130:142] = 255

    assert candidates(board, test).tolist() == [[130, 110, 142, 118]]


def test_two_spots_apart_are_two_candidates(board):
    test = board.copy()
    test[100:108, 110:118] = 255
    test[140:148, 140:148] = 255

    assert len(candidates(board, test)) == 2


def test_a_single_pixel_is_no_candidate(board):
    test = board.copy()
    test[120, 130] = 255

    assert len(candidates(board, test)) == 0


def test_a_defect_merged_with_edge_noise_is_also_shown_by_itself():
    template = np.full((160, 160), 255, np.uint8)
    template[:, 60:100] = 0
    test = template.copy()
    test[20:130, 98:100] = 255  # noise along an edge
    test[70:84, 86:100] = 255  # the defect

    found = candidates(template, test)

    assert any(longest(tuple(box)) > SPLIT_PX for box in found.tolist())
    assert any(
        box[1] >= 64 and box[3] <= 90 and longest(tuple(box)) <= SPLIT_PX for box in found.tolist()
    )


def test_seeds_are_what_is_missing_or_extra_beyond_the_tolerance():
    template = np.full((40, 40), 255, np.uint8)
    test = template.copy()
    test[10:20, 10:20] = 0

    seeds = beyond(template, test, kernel=np.ones((3, 3), np.uint8))

    assert np.array_equal(seeds > 0, test == 0)
    assert blobs(seeds, seeds, left=5, top=7) == [(15, 17, 25, 27)]
