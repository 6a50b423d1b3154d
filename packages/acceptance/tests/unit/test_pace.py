"""Throughput by batch means, latency by order statistics."""

import numpy as np
import pytest
from scipy.signal import lfilter

from liudu.acceptance import (
    BadEvidenceError,
    Pace,
    Promise,
    Repeats,
    batch_means_bound,
    quantile_bounds,
    queries_needed,
    repeats_bound,
)
from liudu.acceptance._verdict import judge_one


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


def test_a_short_run_is_enough_where_the_bound_clears_the_limit_tenfold():
    times = np.cumsum(np.random.default_rng(4).exponential(1.4e-4, 1000))  # 0.14 s, 25 million/h
    assert batch_means_bound(times).missing == "too_short"
    clear = batch_means_bound(times, limit=6000)
    assert clear.missing is None
    assert clear.lower > 10 * 6000
    assert batch_means_bound(times, limit=clear.lower / 9.9).missing == "too_short"


def test_too_few_items_stay_too_few_however_fast():
    times = np.arange(1, 100) * 1e-6
    assert batch_means_bound(times, limit=1.0).missing == "too_few_items"


def test_repeats_of_one_size_give_the_t_interval_of_the_seconds_per_item():
    # By hand: 9, 10, 11, 10 s for 100 items; mean 0.1 s, s = 0.0081650, s/2 = 0.0040825,
    # t(0.95; 3) = 2.353363, so 0.1 ± 0.0096076 s an item.
    bound = repeats_bound(np.full(4, 100.0), np.array([9.0, 10.0, 11.0, 10.0]))
    assert bound.point == pytest.approx(36_000)
    assert bound.lower == pytest.approx(3600 / 0.1096076, rel=1e-5)
    assert bound.upper == pytest.approx(3600 / 0.0903924, rel=1e-5)
    assert (bound.batch_count, bound.item_count, bound.missing) == (4, 400, None)


def test_repeats_of_unequal_sizes_are_bounded_as_a_ratio():
    # By hand: R = 40/400; residuals -1, 1, 0; se = sqrt(3/2 * 2) / 400; t(0.95; 2) = 2.919986.
    bound = repeats_bound(np.array([100.0, 100.0, 200.0]), np.array([9.0, 11.0, 20.0]))
    reach = 2.919986 * 3**0.5 / 400
    assert bound.lower == pytest.approx(3600 / (0.1 + reach), rel=1e-5)


@pytest.mark.parametrize(
    ("seconds", "missing"), [([], "too_few_items"), ([9.0], "one_measurement"),
                             ([9.0, 9.1], "too_few_items")],
)  # fmt: skip
def test_fewer_than_three_repeats_show_no_variation(seconds, missing):
    bound = repeats_bound(np.full(len(seconds), 50.0), np.array(seconds))
    assert (bound.lower, bound.upper, bound.missing) == (None, None, missing)


def test_repeats_that_drift_are_joined_and_bounded_more_widely():
    seconds = np.linspace(8.0, 12.0, 10)
    drifting = repeats_bound(np.full(10, 100.0), seconds)
    mixed = repeats_bound(np.full(10, 100.0), seconds[[0, 9, 4, 7, 2, 8, 1, 6, 3, 5]])
    assert drifting.point == mixed.point
    assert drifting.batch_count == 5
    assert mixed.batch_count == 10
    assert drifting.lower < mixed.lower


def test_repeats_that_did_nothing_prove_nothing():
    bound = repeats_bound(np.zeros(3), np.ones(3))
    assert (bound.point, bound.lower) == (0.0, None)


@pytest.mark.parametrize(
    ("items", "seconds"), [([50], [0.0]), ([-1], [1.0]), ([50], [np.nan]), ([50, 50], [1.0])]
)
def test_repeats_that_cannot_be_are_refused(items, seconds):
    with pytest.raises(BadEvidenceError):
        Repeats(items=items, seconds=seconds)


@pytest.mark.slow
@pytest.mark.parametrize("repeat_count", [3, 5, 10])
def test_the_bounds_of_repeats_hold_as_often_as_they_say(repeat_count):
    # Each repeat starts up in about a second, then does 100 items with exponential times.
    rng, runs = np.random.default_rng(repeat_count), 4000
    truth = 3600 * 100 / (1.0 + 100 * 0.01)
    too_high = too_low = 0
    for _ in range(runs):
        seconds = rng.gamma(100, 0.01, repeat_count) + rng.gamma(25, 0.04, repeat_count)
        bound = repeats_bound(np.full(repeat_count, 100.0), seconds)
        too_high += bound.lower > truth
        too_low += bound.upper is not None and bound.upper < truth
    # 5 % are allowed; 6.5 % leave room for what is not normal and for the simulation itself.
    assert 0.03 * runs < too_high < 0.065 * runs
    assert too_low < 0.065 * runs


def pace_target(limit):
    targets = [
        {"metric": "miss_rate", "op": "<", "limit": 0.2},
        {"metric": "overkill_rate", "op": "<=", "limit": 0.2},
        {"metric": "throughput_per_h", "op": ">=", "limit": limit},
    ]
    promise = {"task": "classify", "positive": "bad", "targets": targets}
    return Promise.from_mapping(promise).targets[2]


@pytest.mark.parametrize(
    ("limit", "answer"), [(30_000, "proved"), (36_000, "not_yet"), (45_000, "refuted")]
)
def test_repeats_prove_refute_or_leave_open_a_promised_pace(limit, answer):
    found = Repeats(items=[100] * 4, seconds=[9, 10, 11, 10])
    verdict = judge_one(pace_target(limit), found)
    assert (verdict.answer, verdict.method, verdict.note) == (answer, "repeats", None)


def test_one_serving_proves_no_pace_and_says_how_many_more_items_it_takes():
    verdict = judge_one(pace_target(10), Repeats(items=[60], seconds=[1.0]))
    assert (verdict.answer, verdict.note) == ("not_yet", "one_measurement")
    assert verdict.point == pytest.approx(216_000)
    assert verdict.more_needed.no_further_error == 90
