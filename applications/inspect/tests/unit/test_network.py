import numpy as np
import pytest

from liudu.inspect.network import _convolved, _halved, judge


def test_a_convolution_is_what_its_definition_says():
    rng = np.random.default_rng(0)
    seen = rng.standard_normal((2, 6, 6, 3)).astype(np.float32)
    kernel = rng.standard_normal((3, 3, 3, 4)).astype(np.float32)
    padded = np.pad(seen, ((0, 0), (1, 1), (1, 1), (0, 0)))

    answer = _convolved(seen, kernel, stride=1)

    expected = np.einsum("jic,jico->o", padded[1, 2:5, 3:6], kernel)
    assert answer.shape == (2, 6, 6, 4)
    assert answer[1, 2, 3] == pytest.approx(expected, rel=1e-4)


def test_a_stride_of_two_takes_every_second_place():
    rng = np.random.default_rng(1)
    seen = rng.standard_normal((1, 8, 8, 2)).astype(np.float32)
    kernel = rng.standard_normal((5, 5, 2, 3)).astype(np.float32)

    full, half = _convolved(seen, kernel, stride=1), _convolved(seen, kernel, stride=2)

    assert half == pytest.approx(full[:, ::2, ::2], abs=1e-4)


def test_halving_keeps_the_largest_of_four():
    seen = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)

    assert _halved(seen)[0, :, :, 0].tolist() == [[5, 7], [13, 15]]


def test_probabilities_add_up_to_one(network):
    rng = np.random.default_rng(2)

    share, corners = judge(network, rng.integers(0, 256, (5, 3, 48, 48), np.uint8))

    assert share.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert corners.shape == (5, 4)


def test_no_crops_give_no_answers(network):
    share, corners = judge(network, np.zeros((0, 3, 48, 48), np.uint8))

    assert share.shape == (0, 7)
    assert corners.shape == (0, 4)


def test_an_answer_does_not_depend_on_its_neighbours(network):
    rng = np.random.default_rng(3)
    pictures = rng.integers(0, 256, (6, 3, 48, 48), np.uint8)

    together = judge(network, pictures)[0]
    alone = judge(network, pictures[2:3])[0]

    assert alone[0] == pytest.approx(together[2], abs=1e-5)
