import numpy as np
import pytest

from liudu.inspect.protocol import average_precision, average_precision_by_kind, match, rates

ANNOTATED = np.array([[0, 0, 10, 10, 1], [50, 50, 60, 60, 2]], np.int32)


def found(*rows):
    return np.array(rows, float).reshape(-1, 6)


def test_right_place_and_class_is_right():
    perfect = match(ANNOTATED, found([0, 0, 10, 10, 0.9, 1], [50, 50, 60, 60, 0.8, 2]))

    assert rates([perfect]).f == 1
    assert average_precision([perfect]) == 1
    assert average_precision_by_kind([perfect])[:2].tolist() == [1, 1]


def test_a_wrong_class_uses_up_the_annotation():
    matched = match(ANNOTATED, found([0, 0, 10, 10, 0.9, 3], [1, 0, 11, 10, 0.8, 1]))

    assert matched.hit.tolist() == [False, False]
    assert matched.voc_hit.tolist() == [False, True]


def test_an_overlap_of_a_third_is_just_enough():
    matched = match(ANNOTATED, found([5, 0, 15, 10, 0.9, 1]))

    assert matched.hit.tolist() == [True]
    assert match(ANNOTATED, found([5, 0, 15, 10, 0.9, 1]), iou_min=0.5).hit.tolist() == [False]


def test_a_box_found_twice_counts_once():
    matched = match(ANNOTATED, found([0, 0, 10, 10, 0.9, 1], [0, 0, 10, 10, 0.8, 1]))

    assert rates([matched]).precision == 0.5
    assert rates([matched]).recall == 0.5


def test_false_alarms_that_score_higher_cost_average_precision():
    matched = match(ANNOTATED, found([90, 90, 99, 99, 0.95, 1], [0, 0, 10, 10, 0.9, 1]))

    assert average_precision([matched]) == pytest.approx(0.25)
    assert average_precision_by_kind([matched])[0] == pytest.approx(0.5)


def test_nothing_found_is_zero_not_an_error():
    matched = match(ANNOTATED, found())

    assert (rates([matched]).f, average_precision([matched])) == (0, 0)
