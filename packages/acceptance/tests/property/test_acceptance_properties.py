"""What must hold for every count, limit and confidence."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from liudu.acceptance import (
    Counts,
    Promise,
    PromiseError,
    e_process,
    judge,
    look,
    lower_bound,
    power,
    samples_needed,
    upper_bound,
)

limits = st.floats(0.001, 0.5)
confidences = st.floats(0.6, 0.999)
totals = st.integers(1, 3000)


def promise(limit, confidence=0.95):
    return Promise.from_mapping(
        {
            "task": "classify",
            "positive": "bad",
            "targets": [
                {"metric": "miss_rate", "op": "<", "limit": limit, "confidence": confidence},
                {"metric": "overkill_rate", "op": "<=", "limit": 0.5},
            ],
        }
    )


def verdict(event, *, limit, confidence=0.95, cluster=None):
    good = Counts(metric="overkill_rate", event=np.zeros(9, bool))
    found = Counts(metric="miss_rate", event=event, cluster=cluster)
    return judge(promise(limit, confidence), [found, good]).targets[0]


@given(totals, st.data(), confidences)
def test_a_bound_grows_with_events_and_shrinks_with_trials(total, data, confidence):
    count = data.draw(st.integers(0, total))
    here = upper_bound(event_count=count, trial_count=total, confidence=confidence)
    more = upper_bound(event_count=count + 1, trial_count=total + 1, confidence=confidence)
    larger = upper_bound(event_count=count, trial_count=total + 1, confidence=confidence)
    assert larger <= here <= more + 1e-12
    assert lower_bound(event_count=count, trial_count=total, confidence=confidence) <= count / total
    assert count / total <= here


@given(st.integers(1, 60), st.floats(0.001, 0.999), confidences)
def test_the_bounds_cover_every_rate_by_enumeration(total, rate, confidence):
    counts = np.arange(total + 1)
    weight = binom.pmf(counts, total, rate)
    args = [{"event_count": int(k), "trial_count": total, "confidence": confidence} for k in counts]
    covered = np.array([upper_bound(**one) >= rate for one in args])
    assert weight[covered].sum() >= confidence - 1e-9
    covered = np.array([lower_bound(**one) <= rate for one in args])
    assert weight[covered].sum() >= confidence - 1e-9


@given(limits, st.integers(0, 6), confidences)
@settings(deadline=None)
def test_the_plan_and_the_judge_agree_to_the_piece(limit, count, confidence):
    size = samples_needed(limit=limit, event_count=count, confidence=1 - (1 - confidence))
    for total, answer in ((size, True), (size - 1, False)):
        event = np.arange(total) < count
        proved = verdict(event, limit=limit, confidence=confidence).answer == "proved"
        assert proved == answer


@given(st.floats(0.005, 0.5), st.integers(1, 2000), confidences)
@settings(deadline=None)
def test_power_grows_as_the_product_gets_better(limit, total, confidence):
    rates = np.linspace(0, limit, 6)
    powers = [
        power(limit=limit, rate=float(rate), trial_count=total, confidence=confidence)
        for rate in rates
    ]
    assert all(a >= b - 1e-12 for a, b in pairwise(powers))
    assert powers[-1] <= 1 - confidence + 1e-9


@given(st.floats(0.01, 0.5), st.lists(st.integers(0, 4), min_size=1, max_size=60))
@settings(deadline=None, max_examples=30)
def test_clusters_never_prove_more_than_their_bound_says(limit, bad_of_four):
    event = np.concatenate([np.arange(4) < bad for bad in bad_of_four])
    cluster = np.repeat(np.arange(len(bad_of_four)), 4)
    found = verdict(event, limit=limit, cluster=cluster)
    assert 0 <= found.lower <= found.point <= found.upper <= 1
    if abs(found.upper - limit) > 1e-9:
        assert (found.answer == "proved") == (found.upper <= limit)
    if abs(found.lower - limit) > 1e-9:
        assert (found.answer == "refuted") == (found.lower >= limit)


@given(
    st.floats(0.02, 0.4),
    st.integers(0, 2**32 - 1),
    st.floats(0, 0.6),
    st.lists(st.integers(1, 80), min_size=1, max_size=12),
)
@settings(deadline=None, max_examples=30)
def test_a_look_never_contradicts_itself_once_decided(limit, seed, rate, steps):
    event = np.random.default_rng(seed).random(sum(steps)) < rate
    good, state, answers = Counts(metric="overkill_rate", event=np.zeros(9, bool)), None, []
    for end in np.cumsum(steps):
        now = look(promise(limit), [Counts(metric="miss_rate", event=event[:end]), good], state)
        state = now.state
        answers.append(now.answers[0])
        shown = now.verdict.targets[0]
        assert shown.lower <= shown.upper
        if now.answers[0] == "proved":
            assert shown.upper <= limit + 1e-9
        if now.answers[0] == "refuted":
            assert shown.lower >= limit - 1e-9
    decided = [one for one in answers if one != "not_yet"]
    assert len(set(decided)) <= 1
    assert answers[len(answers) - len(decided) :] == decided


@given(st.floats(0.01, 0.3), st.floats(0.8, 0.99))
@settings(deadline=None, max_examples=20)
def test_no_sequential_test_accepts_at_the_limit_more_often_than_its_risk(limit, confidence):
    done = e_process(limit=limit, confidence=confidence, sample_count_max=1500)
    at_limit = done.characteristic(limit)
    assert at_limit.proved <= 1 - confidence + 1e-9
    assert at_limit.stopped <= 1 - confidence + 1e-9
    assert at_limit.proved + at_limit.stopped + at_limit.open_ended == pytest.approx(1, abs=1e-6)


@given(
    st.sampled_from([math.nan, math.inf, -math.inf]),
    st.sampled_from(["limit", "confidence", "hoped"]),
)
def test_what_is_not_finite_is_refused_everywhere(wrong, key):
    target = {"metric": "miss_rate", "op": "<", "limit": 0.1} | {key: wrong}
    with pytest.raises(PromiseError):
        Promise.from_mapping({"task": "classify", "positive": "bad", "targets": [target]})


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_whatever_is_read_as_a_promise_is_read_or_refused(anything):
    with pytest.raises(PromiseError) as refused:
        Promise.from_mapping(anything)
    assert refused.value.say("zh")
