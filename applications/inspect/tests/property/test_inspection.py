import cv2
import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from liudu.inspect.boards import KINDS, Look, draw_board
from liudu.inspect.inspector import defects, inspect, piece_score
from liudu.inspect.network import load
from liudu.inspect.pack import WEIGHTS, default_score_min
from liudu.inspect.registration import moved

NETWORK = load(WEIGHTS)
SCORE_MIN = default_score_min("classify")


def picture(seed, height, width, grain_px):
    """Any binary picture, from pixel noise to large patches."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 2, (-(-height // grain_px), -(-width // grain_px))) * 255
    return cv2.resize(small.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)


@settings(max_examples=25, deadline=None)
@given(
    seeds=st.tuples(st.integers(0, 999), st.integers(0, 999)),
    height=st.integers(32, 200),
    width=st.integers(32, 200),
    grain_px=st.sampled_from([3, 11, 60, 250]),
)
def test_any_two_pictures_are_inspected_and_scores_stay_in_range(seeds, height, width, grain_px):
    template, test = (picture(seed, height, width, grain_px) for seed in seeds)

    findings = inspect(NETWORK, template=template, test=test)

    assert 0 <= piece_score(findings, shape=test.shape) <= 1
    for defect in defects(findings, score_min=0.0):
        x1, y1, x2, y2 = defect.box
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
        assert 0 <= defect.score <= 1


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(KINDS),
    dx=st.integers(-10, 10),
    dy=st.integers(-10, 10),
)
def test_a_defect_is_found_wherever_the_board_was_put_down(seed, kind, dx, dy):
    look = Look(shift_px_max=0, etch_px=0, ragged_px=0.1, burst_share=0)
    rng = np.random.default_rng(seed)
    board = draw_board(rng=rng, side_px=240, defects=(kind,), look=look)
    x1, y1, x2, y2 = board.boxes[0]
    assume(min(x1, y1) >= 20 and max(x2, y2) <= 220)  # else it may be moved out of the picture
    test = moved(board.test, dx=dx, dy=dy)

    findings = inspect(NETWORK, template=board.template, test=test)

    centre_x, centre_y = (x1 + x2) / 2 - dx, (y1 + y2) / 2 - dy
    box = findings.candidates
    near = (abs((box[:, 0] + box[:, 2]) / 2 - centre_x) < 20) & (
        abs((box[:, 1] + box[:, 3]) / 2 - centre_y) < 20
    )
    assert findings.share[near].sum(axis=1).max(initial=0.0) > SCORE_MIN


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(KINDS))
def test_every_drawing_has_room_for_every_kind_or_is_drawn_anew(seed, kind):
    board = draw_board(rng=np.random.default_rng(seed), side_px=160, defects=(kind,), look=Look())

    assert board.kinds == (kind,)
    assert len(board.boxes) == 1
