"""Bounds and sizes are exact: compared with whole-number arithmetic, not with another library."""

import math
from fractions import Fraction

import numpy as np
import pytest

from liudu.acceptance import (
    BadCountError,
    BadShareError,
    TooFewSamplesError,
    events_allowed,
    holm,
    interval,
    lower_bound,
    mcnemar,
    power,
    require_provable,
    samples_needed,
    size_for_power,
    spent_confidence,
    upper_bound,
)


def at_most(count, total, rate):
    """P(X <= count), X binomial, in fractions: exact to the last digit."""
    return sum(math.comb(total, k) * rate**k * (1 - rate) ** (total - k) for k in range(count + 1))


@pytest.mark.parametrize(
    ("limit", "confidence", "sizes"),
    [
        (0.002, 0.95, [1497, 2371, 3146, 3875]),
        (0.005, 0.95, [598, 947, 1258, 1549]),
        (0.01, 0.95, [299, 473, 628, 773]),
        (0.05, 0.95, [59, 93, 124, 153]),
        (0.1, 0.95, [29, 46, 61, 76]),
        (0.002, 0.99, [2301]),
        (0.002, 1 - 0.05 / 6, [2392]),
    ],
)
def test_the_sizes_that_a_promise_needs(limit, confidence, sizes):
    found = [
        samples_needed(limit=limit, event_count=count, confidence=confidence)
        for count in range(len(sizes))
    ]
    assert found == sizes


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_size_is_the_smallest_in_exact_arithmetic(count):
    rate, alpha = Fraction(2, 1000), Fraction(1, 20)
    size = samples_needed(limit=0.002, event_count=count)
    assert at_most(count, size, rate) <= alpha < at_most(count, size - 1, rate)


@pytest.mark.parametrize("total", [1, 2, 7, 40])
def test_the_bounds_leave_exactly_the_risk_in_the_tail(total):
    for count in range(total):
        upper = Fraction(upper_bound(event_count=count, trial_count=total))
        assert float(at_most(count, total, upper)) == pytest.approx(0.05, abs=1e-12)
        lower = Fraction(lower_bound(event_count=count + 1, trial_count=total))
        assert float(1 - at_most(count, total, lower)) == pytest.approx(0.05, abs=1e-12)


def test_the_bounds_are_right_at_the_ends_and_for_very_many():
    assert lower_bound(event_count=0, trial_count=5) == 0
    assert upper_bound(event_count=5, trial_count=5) == 1
    assert (
        lower_bound(event_count=0, trial_count=0),
        upper_bound(event_count=0, trial_count=0),
    ) == (0, 1)
    huge = 10**12
    assert upper_bound(event_count=0, trial_count=huge) == pytest.approx(-math.log(0.05) / huge)
    assert upper_bound(event_count=0, trial_count=1) == pytest.approx(0.95)
    low, high = interval(event_count=2, trial_count=3140)
    assert low < 2 / 3140 < high


def test_two_misses_of_3140_do_not_show_a_fifth_of_a_percent():
    assert upper_bound(event_count=2, trial_count=3140) == pytest.approx(0.0020038, abs=5e-7)
    assert events_allowed(limit=0.002, trial_count=3140) == 1
    assert events_allowed(limit=0.002, trial_count=1496) == -1


@pytest.mark.parametrize(
    ("limit", "rate", "wanted", "size"),
    [
        (0.002, 0.001, 0.8, (9718, 12)),
        (0.002, 0.001, 0.9, (12746, 17)),
        (0.002, 0.0005, 0.8, (3875, 3)),
        (0.002, 0.0005, 0.9, (4575, 4)),
        (0.002, 0.0002, 0.8, (2371, 1)),
        (0.005, 0.0025, 0.8, (3885, 12)),
        (0.005, 0.00125, 0.9, (1829, 4)),
    ],
)
def test_the_smallest_plan_with_a_good_chance(limit, rate, wanted, size):
    found = size_for_power(limit=limit, rate=rate, wanted=wanted)
    assert (found.trial_count, found.event_count) == size
    assert found.power == pytest.approx(
        power(limit=limit, rate=rate, trial_count=found.trial_count)
    )


def test_a_trial_that_is_too_small_is_refused_and_told_the_size_it_needs():
    with pytest.raises(TooFewSamplesError) as refused:
        require_provable(limit=0.002, trial_count=1000)
    assert str(refused.value) == (
        "1000 samples cannot show this promise even if none is missed: "
        "run the trial on at least 1497."
    )
    assert "1497" in refused.value.say("zh")
    require_provable(limit=0.002, trial_count=1497)


@pytest.mark.parametrize("wrong", [0, 1, -0.1, math.nan, math.inf, -math.inf])
def test_what_is_no_share_is_refused(wrong):
    with pytest.raises(BadShareError):
        samples_needed(limit=wrong)
    with pytest.raises(BadShareError):
        upper_bound(event_count=0, trial_count=1, confidence=wrong)


def test_counts_that_cannot_be_are_refused():
    with pytest.raises(BadCountError):
        upper_bound(event_count=3, trial_count=2)
    with pytest.raises(BadCountError):
        lower_bound(event_count=-1, trial_count=2)


def test_tries_on_one_sealed_set_share_one_risk():
    risks = [1 - spent_confidence(confidence=0.95, submission=k) for k in range(1, 10_000)]
    assert risks[0] == pytest.approx(0.025)
    assert sum(risks) < 0.05


def test_two_vendors_are_compared_on_the_pieces_where_they_differ():
    first = np.array([True] * 2 + [False] * 12 + [True] * 50)
    second = np.array([False] * 2 + [True] * 12 + [True] * 50)
    compared = mcnemar(first, second)
    assert (compared.only_first, compared.only_second) == (2, 12)
    exact = 2 * at_most(2, 14, Fraction(1, 2))
    assert compared.p_value == pytest.approx(float(exact))
    assert compared.better == "first"
    assert mcnemar(first, first).better == "neither"


def test_holm_steps_down():
    adjusted = holm(np.array([0.01, 0.04, 0.03]))
    assert adjusted == pytest.approx([0.03, 0.06, 0.06])
