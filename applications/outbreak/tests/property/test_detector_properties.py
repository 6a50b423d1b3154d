"""What holds for any counts."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from liudu.outbreak.alarms import benjamini_hochberg
from liudu.outbreak.detectors import bayes, detect, ears, recent, rki
from liudu.outbreak.detectors._tails import count_quantile, count_tail
from liudu.outbreak.series import week_label, week_number

counts = st.lists(st.integers(0, 10_000), min_size=20, max_size=60)
probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@given(probabilities, st.floats(0.001, 0.5))
def test_benjamini_hochberg_is_its_definition(p, rate):
    ordered = sorted(p)
    passed = [x for rank, x in enumerate(ordered, 1) if x <= rate * rank / len(p)]
    assert benjamini_hochberg(np.array(p), rate=rate) == max(passed, default=0.0)


@given(st.floats(1e-6, 1e6), st.floats(1.0, 50.0), st.floats(1e-6, 0.5))
def test_the_quantile_parts_the_tail(mean, factor, alpha):
    bound = float(count_quantile(mean=mean, factor=factor, alpha=alpha))
    assert float(count_tail(bound + 1, mean=mean, factor=factor)) <= alpha
    assert bound == 0 or float(count_tail(bound, mean=mean, factor=factor)) > alpha


@settings(max_examples=40, deadline=None)
@given(counts, st.integers(0, 10_000))
def test_one_more_case_is_never_less_unusual(past, now):
    table = np.array([[*past, now], [*past, now + 1]], float)
    at = [len(past)]
    for method in (ears, rki, bayes, recent, detect):
        found = method(table, at=at)
        assert found.score[1, 0] >= found.score[0, 0]


@settings(max_examples=40, deadline=None)
@given(counts)
def test_an_alarm_and_a_count_above_the_bound_are_the_same(past):
    table = np.array([past], float)
    for method in (bayes, recent, rki):
        found = method(table, at=[len(past) - 1])
        over = found.observed > found.bound(alpha=0.02)
        np.testing.assert_array_equal(found.alarms(alpha=0.02), over & (found.observed > 0))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 500), min_size=70, max_size=90), st.integers(0, 60))
def test_a_week_that_is_excluded_might_have_held_anything(past, week):
    table = np.array([past], float)
    mask = np.zeros(len(past), bool)
    mask[week] = True
    other = table.copy()
    other[0, week] = 77_777
    at = [len(past) - 1]
    first, second = (detect(c, at=at, excluded=mask) for c in (table, other))
    np.testing.assert_array_equal(first.p_value, second.p_value)


@given(st.integers(60_000, 120_000), st.sampled_from(["iso", "mmwr"]))
def test_weeks_are_counted_through_whatever_the_year(number, calendar):
    label = week_label(number, calendar=calendar)
    assert week_number(label, calendar=calendar) == number
