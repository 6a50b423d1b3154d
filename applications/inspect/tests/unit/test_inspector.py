import cv2
import numpy as np
import pytest

from liudu.inspect.inspector import Findings, defects, inspect, piece_score


def paint_open(board):
    cv2.line(board, (48, 100), (64, 103), 255, 9)


def paint_short(board):
    cv2.line(board, (56, 60), (82, 63), 0, 7)


def paint_mousebite(board):
    cv2.circle(board, (103, 120), 7, 255, -1)


def paint_spur(board):
    cv2.circle(board, (100, 120), 7, 0, -1)


def paint_copper(board):
    cv2.circle(board, (144, 74), 6, 0, -1)


def paint_pin_hole(board):
    cv2.circle(board, (132, 126), 6, 255, -1)


@pytest.mark.parametrize(
    ("kind", "paint"),
    [
        ("open", paint_open),
        ("short", paint_short),
        ("mousebite", paint_mousebite),
        ("spur", paint_spur),
        ("copper", paint_copper),
        ("pin-hole", paint_pin_hole),
    ],
)
def test_each_kind_of_defect_is_found_and_named(network, board, kind, paint):
    test = board.copy()
    paint(test)

    found = defects(inspect(network, template=board, test=test), score_min=0.25)

    assert [defect.label for defect in found] == [kind]
    x1, y1, x2, y2 = found[0].box
    rows, columns = np.nonzero(board != test)
    assert x1 <= columns.mean() <= x2
    assert y1 <= rows.mean() <= y2


def test_a_good_board_has_no_defects(network, board):
    findings = inspect(network, template=board, test=board)

    assert defects(findings, score_min=0.0) == ()
    assert piece_score(findings, shape=board.shape) == 0.0


def test_a_defect_is_found_on_a_board_that_was_put_down_ten_pixels_aside(network, board):
    test = np.roll(board, 10, axis=1)
    test[:, :10] = 255
    cv2.circle(test, (142, 126), 6, 255, -1)

    found = defects(inspect(network, template=board, test=test), score_min=0.25)

    assert any(d.label == "pin-hole" and d.box[0] < 142 < d.box[2] for d in found)


def findings(*rows):
    """Boxes of 20 px with their probability of open and of short."""
    box = np.array([[x, y, x + 20, y + 20] for x, y, *_ in rows], float).reshape(-1, 4)
    share = np.zeros((len(rows), 6))
    share[:, :2] = [row[2:] for row in rows]
    return Findings(candidates=box.astype(np.int32), boxes=box, share=share)


def test_only_the_classes_of_the_trial_are_named():
    found = findings((0, 0, 0.9, 0.05), (50, 50, 0.2, 0.7))

    assert [d.label for d in defects(found, score_min=0.25, classes=("short",))] == ["short"]


def test_what_does_not_score_above_the_threshold_is_left_out():
    found = findings((0, 0, 0.9, 0.0), (50, 50, 0.25, 0.0))

    assert [d.score for d in defects(found, score_min=0.25)] == [0.9]


def test_a_defect_deep_in_the_margin_is_not_held_against_the_piece():
    found = findings((0, 100, 0.9, 0.05))

    assert piece_score(found, shape=(224, 224), margin_px=32) == 0.0
    assert piece_score(found, shape=(224, 224)) == pytest.approx(0.95)
