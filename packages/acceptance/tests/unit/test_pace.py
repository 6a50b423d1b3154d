"""Throughput by batch means, latency by order statistics."""

import numpy as np
import pytest
from scipy.signal import lfilter

from liudu.acceptance import (
    BadEvidenceError,
    Pace,
    batch_means_bound,
    quantile_bounds,
    queries_needed,
)


def test_a_steady_run_is_bounded_around_its_pace():
    rng = np.random.default_rng(1)
    bound = batch_means_bound(np.cumsum(rng.exponential(0.5, 5000)))
    assert bound.missing is None
    assert bound.lower < bound.point < bound.upper
    assert bound.lower < 7200 < bound.upper


def test_an_even_run_is_known_exactly():
    bound = batch_means_bound(np.arange(1, 1001) * 0.6)
    assert bound.lower == pytest.approx(6000)
    assert bound.upper == pytest.approx(6000)


def test_the_warm_up_is_left_out():
    slow_start = np.concatenate([np.arange(1, 101) * 10.0, 1000 + np.arange(1, 1901) * 0.6])
    assert batch_means_bound(slow_start).point == pytest.approx(6000)


@pytest.mark.parametrize(
    ("times", "missing"),
    [
        (np.array([]), "too_few_items"),
        (np.arange(100.0), "too_few_items"),
        (np.full(1000, 5.0), "too_few_items"),
        (np.arange(1000) * 1e-4, "too_short"),
    ],
)
def test_a_run_that_is_too_small_is_not_bounded_and_says_why(times, missing):
    bound = batch_means_bound(times)
    assert (bound.lower, bound.upper, bound.missing) == (None, None, missing)


def test_a_run_that_never_settles_is_not_bounded():
    throttled = np.cumsum(np.linspace(0.1, 2.0, 3000))
    bound = batch_means_bound(throttled)
    assert bound.missing == "correlated"
    assert bound.lower is None


def test_the_order_in_which_items_are_reported_does_not_matter():
    rng = np.random.default_rng(2)
    times = np.cumsum(rng.exponential(0.5, 2000))
    assert batch_means_bound(times) == batch_means_bound(rng.permutation(times))


@pytest.mark.slow
@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_the_bound_on_the_pace_holds_as_often_as_it_says(memory):
    rng = np.random.default_rng(3)
    runs, items = 2000, 4000
    item_s = lfilter([1], [1, -memory], rng.normal(0, 0.1 * (1 - memory), (runs, items)), axis=1)
    bounds = [batch_means_bound(np.cumsum(1 + row)) for row in item_s]
    lowers = np.array([bound.lower for bound in bounds if bound.lower is not None])
    assert len(lowers) > 0.9 * runs
    assert np.mean(lowers <= 3600) > 0.935


def test_mlperf_needs_the_queries_that_it_says():
    assert queries_needed(quantile=0.90, margin=0.005) == 23_886
    assert queries_needed(quantile=0.99, margin=0.0005) == 262_742


@pytest.mark.parametrize("quantile", [0.5, 0.95, 0.99])
def test_the_bounds_of_a_quantile_cover_it_whatever_the_distribution(quantile):
    rng = np.random.default_rng(4)
    samples = rng.random((1500, 400))  # a uniform's quantile is its own value
    bounds = [quantile_bounds(row, quantile=quantile) for row in samples]
    above = np.mean([upper is None or upper >= quantile for _, upper in bounds])
    below = np.mean([lower is None or lower <= quantile for lower, _ in bounds])
    assert above > 0.935
    assert below > 0.935


def test_too_few_values_bound_no_high_quantile():
    assert quantile_bounds(np.arange(58.0), quantile=0.95)[1] is None
    assert quantile_bounds(np.arange(59.0), quantile=0.95)[1] == 58.0


def test_a_clock_that_jumped_is_refused():
    with pytest.raises(BadEvidenceError, match="clock"):
        Pace(done_at_s=np.array([1.0, -3.0]))
