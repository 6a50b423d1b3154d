import numpy as np

from liudu.inspect.crops import crops, windows


def test_a_small_candidate_is_seen_in_a_window_of_56_pixels():
    assert windows(np.array([[10, 10, 20, 14]], np.int32)).tolist() == [[15, 12, 56]]


def test_a_long_candidate_is_seen_with_its_surroundings():
    assert windows(np.array([[0, 0, 50, 10]], np.int32))[0, 2] == 80


def test_a_crop_shows_template_board_and_box(board):
    test = board.copy()
    test[110:118, 130:142] = 255

    pictures, _ = crops(board, test, np.array([[130, 110, 142, 118]], np.int32))

    template, seen, box = pictures[0]
    assert pictures.shape == (1, 3, 48, 48)
    assert template[24, 24] == 0
    assert seen[24, 24] == 255
    assert box[24, 24] == 255
    assert box[0, 0] == 0


def test_a_rim_adds_pixels_and_leaves_the_middle_as_it_was(board):
    candidate = np.array([[60, 60, 80, 76]], np.int32)

    plain, _ = crops(board, board, candidate)
    rimmed, _ = crops(board, board, candidate, rim_px=8)

    assert np.array_equal(rimmed[:, :, 8:56, 8:56], plain)


def test_no_candidates_give_no_crops(board):
    pictures, _ = crops(board, board, np.zeros((0, 4), np.int32))

    assert pictures.shape == (0, 3, 48, 48)
