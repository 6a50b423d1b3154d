import numpy as np
import pytest

from liudu.inspect.boxes import assign, iou, keep_best


def test_iou_of_known_boxes():
    a = np.array([[0, 0, 10, 10]])
    b = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]])

    assert iou(a, b)[0].tolist() == pytest.approx([1.0, 1 / 3, 0.0])


def test_a_candidate_takes_the_annotation_that_covers_it():
    candidates = np.array([[0, 0, 10, 10], [40, 40, 50, 50], [8, 8, 40, 40]], np.int32)
    annotated = np.array([[0, 0, 12, 12, 3], [60, 60, 70, 70, 1]], np.int32)

    kind, box = assign(candidates, annotated)

    assert kind.tolist() == [3, 0, 0]
    assert box[0].tolist() == [0, 0, 12, 12]


def test_no_annotation_leaves_every_candidate_without_a_class():
    kind, _ = assign(np.array([[0, 0, 5, 5]], np.int32), np.zeros((0, 5), np.int32))

    assert kind.tolist() == [0]


def test_of_boxes_at_one_place_the_best_stays():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [2, 2, 6, 6], [30, 30, 40, 40]], float)
    score = np.array([0.6, 0.9, 0.95, 0.5])

    assert keep_best(boxes, score).tolist() == [2, 1, 3]


def test_no_boxes_keep_none():
    assert keep_best(np.zeros((0, 4)), np.zeros(0)).tolist() == []
