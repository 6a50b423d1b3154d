"""No hidden count can be worked out from what is published."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import optimize

from liudu.outbreak.suppression import (
    NotCountsError,
    TableTooLargeError,
    ThresholdError,
    equations,
    suppress,
    with_margins,
)

SMALL = st.one_of(st.just(0), st.integers(0, 8), st.integers(0, 60))


def tables(*, ndim, side):
    shape = hnp.array_shapes(min_dims=ndim, max_dims=ndim, min_side=1, max_side=side)
    return hnp.arrays(np.int64, shape, elements=SMALL)


def attack(found, counts):
    """Bound every hidden count by two linear programs each; return the widths."""
    whole = with_margins(counts.astype(float), axes=found.totals)
    matrix, right = equations(whole, found.hidden, axes=found.totals)
    widths = []
    for at in range(int(found.hidden.sum())):
        ends = []
        for sign in (1.0, -1.0):
            direction = np.zeros(matrix.shape[1])
            direction[at] = sign
            answer = optimize.linprog(direction, A_eq=matrix, b_eq=right, bounds=(1, 10_000))
            ends.append(sign * answer.fun)
        widths.append(ends[1] - ends[0])
    return np.array(widths)


@given(tables(ndim=2, side=5), st.sampled_from([5, 11]))
@settings(max_examples=40, deadline=None)
@pytest.mark.slow
def test_no_hidden_count_of_a_table_with_totals_can_be_bounded_to_one_number(counts, threshold):
    found = suppress(counts, threshold=threshold)
    whole = with_margins(counts.astype(float), axes=(0, 1))
    assert found.hidden[(whole > 0) & (whole < threshold)].all()
    assert (found.values[~found.hidden] == whole[~found.hidden]).all()
    assert (attack(found, counts) >= 1 - 1e-6).all()


@given(tables(ndim=3, side=3))
@settings(max_examples=25, deadline=None)
@pytest.mark.slow
def test_totals_over_districts_ages_and_weeks_give_nothing_away(counts):
    assert (attack(suppress(counts), counts) >= 1 - 1e-6).all()


@given(hnp.arrays(np.int64, (2, 2), elements=st.integers(0, 6)))
@settings(max_examples=12, deadline=None)
@pytest.mark.slow
def test_another_whole_table_fits_what_is_published_for_every_hidden_count(counts):
    found = suppress(counts)
    if not found.hidden.any():
        return
    shown = ~found.hidden
    whole = with_margins(counts.astype(float), axes=(0, 1))
    seen = {tuple(int(at) for at in cell): set() for cell in np.argwhere(found.hidden)}
    for cells in itertools.product(range(11), repeat=4):
        other = with_margins(np.reshape(cells, (2, 2)).astype(float), axes=(0, 1))
        if (other[shown] == whole[shown]).all() and (other[found.hidden] >= 1).all():
            for cell, values in seen.items():
                values.add(other[cell])
    assert all(len(values) > 1 for values in seen.values())


def test_without_totals_only_small_counts_are_hidden():
    found = suppress(np.array([[1, 9], [0, 4]]), totals=())
    assert found.hidden.tolist() == [[True, False], [False, True]]
    assert found.shown().tolist() == [["*", "9"], ["0", "*"]]


def test_one_small_count_takes_a_second_one_of_its_row_and_column_with_it():
    counts = np.array([[3, 20, 30], [40, 50, 60], [70, 80, 90]])
    found = suppress(counts)
    assert found.hidden.sum() == 4
    assert found.primary.sum() == 1
    assert found.inner.shape == (3, 3)


def test_five_ones_whose_total_tells_them_hide_the_total():
    found = suppress(np.ones((1, 5), np.int64), totals=(1,))
    assert found.hidden.all()


def test_zeros_stay_shown():
    found = suppress(np.array([[0, 3], [0, 30]]))
    assert not found.hidden[:, 0].any()


def test_totals_over_weeks_alone_are_protected():
    counts = np.array([[2, 10, 12], [9, 8, 7]])
    found = suppress(counts, totals=(1,))
    assert found.hidden[0].sum() == 2
    assert not found.hidden[1].any()


def test_what_cannot_be_published_is_refused(monkeypatch):
    with pytest.raises(ThresholdError):
        suppress(np.zeros((2, 2)), threshold=1)
    with pytest.raises(NotCountsError):
        suppress(np.array([1.5]))
    with pytest.raises(NotCountsError):
        suppress(np.array([np.nan]))
    monkeypatch.setattr("liudu.outbreak.suppression.HIDDEN_MAX", 1)
    with pytest.raises(TableTooLargeError):
        suppress(np.array([[1, 9], [9, 9]]))
