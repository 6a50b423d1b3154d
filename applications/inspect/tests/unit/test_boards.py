import cv2
import numpy as np
import pytest

from liudu.inspect.boards import KINDS, Look, draw_board, draw_copper, put_defects

CLEAN = Look(shift_px_max=0, etch_px=0, ragged_px=0, burst_share=0)


def components(picture):
    return cv2.connectedComponents((picture == 0).astype(np.uint8))[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_a_board_differs_from_its_template_inside_the_box_of_its_defect(kind, seed):
    board = draw_board(rng=np.random.default_rng(seed), side_px=160, defects=(kind,), look=CLEAN)

    x1, y1, x2, y2 = board.boxes[0]
    changed = board.template != board.test
    inside = np.zeros_like(changed)
    inside[y1:y2, x1:x2] = True
    assert changed[inside].sum() >= 10
    assert not changed[~inside].any()


@pytest.mark.parametrize("kind", ["open", "copper"])
def test_an_open_and_spurious_copper_add_a_conductor(kind):
    placed = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        ideal = draw_copper(rng=rng, side_px=208)
        faulty, stains = put_defects(ideal, (kind,), rng=rng, scale=1.0)
        for stain in stains:
            ys, xs = np.nonzero(stain)
            near = slice(ys.min() - 20, ys.max() + 20), slice(xs.min() - 20, xs.max() + 20)
            assert components(faulty[near]) > components(ideal[near])
            placed += 1
    assert placed > 6


def test_a_good_board_is_its_template_but_for_the_noise():
    board = draw_board(rng=np.random.default_rng(3), side_px=160, defects=(), look=CLEAN)

    assert np.array_equal(board.template, board.test)
    assert len(board.boxes) == 0


def test_boxes_lie_in_the_picture_and_are_as_loose_as_people_draw_them():
    for seed in range(20):
        board = draw_board(rng=np.random.default_rng(seed), side_px=320, defects=KINDS, look=Look())
        assert (board.boxes >= 0).all()
        assert (board.boxes <= 320).all()
        assert (board.boxes[:, 2:] - board.boxes[:, :2] >= 18).all()


def test_the_same_seed_draws_the_same_board():
    one, other = (
        draw_board(rng=np.random.default_rng(5), side_px=160, defects=("spur",), look=Look())
        for _ in range(2)
    )

    assert np.array_equal(one.test, other.test)
    assert np.array_equal(one.template, other.template)


def test_a_rougher_look_differs_more():
    def differing(ragged_px):
        look = Look(shift_px_max=0, etch_px=0, burst_share=0, ragged_px=ragged_px)
        board = draw_board(rng=np.random.default_rng(1), side_px=320, defects=(), look=look)
        return np.count_nonzero(board.template != board.test)

    assert differing(0.1) < differing(0.4)
