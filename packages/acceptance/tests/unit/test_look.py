"""Looking while a trial runs."""

import json

import numpy as np
import pytest
from scipy.stats import binom

from liudu.acceptance import (
    ClassesUnknownError,
    Counts,
    Measured,
    Pace,
    Promise,
    Repeats,
    Values,
    look,
)

MISS = {"metric": "miss_rate", "op": "<", "limit": 0.02, "hoped": 0.002}
OVERKILL = {"metric": "overkill_rate", "op": "<=", "limit": 0.1}


def promise(*targets):
    return Promise.from_mapping({"task": "classify", "positive": "bad", "targets": list(targets)})


def looks(targets, *, bad, flagged, step=50, **more):
    """Look after every ``step`` pieces; return the looks up to the decision."""
    done, state = [], None
    for end in range(step, len(bad) + 1, step):
        evidence = [
            Counts(metric="miss_rate", event=bad[:end]),
            Counts(metric="overkill_rate", event=flagged[:end]),
        ]
        done.append(look(promise(*targets), evidence, state, **more))
        state = done[-1].state
        if done[-1].decided:
            break
    return done


def test_a_good_product_stops_the_trial_early_with_a_proof():
    rng = np.random.default_rng(1)
    done = looks((MISS, OVERKILL), bad=rng.random(4000) < 0.001, flagged=rng.random(4000) < 0.02)
    assert done[-1].verdict.answer == "passed"
    assert len(done) < 20
    for target in done[-1].verdict.targets:
        assert target.upper <= target.target.limit
    json.dumps(done[-1].verdict.to_json(), allow_nan=False)


def test_a_bad_product_stops_it_earlier_with_a_refutation():
    rng = np.random.default_rng(2)
    done = looks((MISS, OVERKILL), bad=rng.random(4000) < 0.2, flagged=rng.random(4000) < 0.02)
    assert done[-1].verdict.answer == "failed"
    assert done[-1].verdict.targets[0].lower >= 0.02
    assert len(done) <= 3


def test_a_product_near_its_limit_is_called_hopeless_and_not_refuted():
    rng = np.random.default_rng(3)
    done = looks((MISS, OVERKILL), bad=rng.random(3000) < 0.019, flagged=rng.random(3000) < 0.02)
    assert done[-1].answers[0] == "not_yet"
    assert done[-1].hopeless == ("miss_rate",)
    assert not done[-1].decided


def test_what_is_decided_stays_decided():
    bad = np.array([False] * 400 + [True] * 400)
    done = looks((MISS, OVERKILL | {"limit": 0.0001}), bad=bad, flagged=np.zeros(800, bool))
    answers = [one.answers[0] for one in done]
    assert answers.index("proved") < 8
    assert set(answers[answers.index("proved") :]) == {"proved"}


def test_the_answer_does_not_depend_on_how_often_one_looks():
    rng = np.random.default_rng(4)
    bad, flagged = rng.random(3000) < 0.004, rng.random(3000) < 0.02
    often = looks((MISS, OVERKILL), bad=bad, flagged=flagged, step=10)
    seldom = looks((MISS, OVERKILL), bad=bad, flagged=flagged, step=3000)
    assert often[-1].verdict.answer == seldom[-1].verdict.answer == "passed"


def test_a_class_that_has_not_been_shown_yet_is_not_proved():
    evidence = [
        Counts(metric="miss_rate", event=np.zeros(900, bool), stratum=np.repeat("open", 900)),
        Counts(metric="overkill_rate", event=np.zeros(900, bool)),
    ]
    each = promise(MISS | {"every_class": True}, OVERKILL)
    with pytest.raises(ClassesUnknownError, match="miss_rate"):
        look(each, evidence)
    assert look(each, evidence, strata={"miss_rate": ["open"]}).decided
    waiting = look(each, evidence, strata={"miss_rate": ["open", "short"]})
    assert waiting.answers == ("not_yet", "proved")
    assert [one.answer for one in waiting.verdict.targets[0].by_class] == ["proved", "not_yet"]


def test_clusters_are_tested_in_turns_that_share_the_risk():
    state, used = None, []
    bad = np.zeros(3000, bool)
    for end in range(6, 3001, 6):
        evidence = [
            Counts(metric="miss_rate", event=bad[:end], cluster=np.arange(end) // 6),
            Counts(metric="overkill_rate", event=bad[:end]),
        ]
        now = look(promise(MISS, OVERKILL), evidence, state)
        state = now.state
        used.append(now.verdict.targets[0].clusters)
        if now.decided:
            break
    assert now.verdict.answer == "passed"
    assert now.verdict.targets[0].method == "cluster_betting_in_turns"
    assert used[-1] == 183  # 0.98 ** 183 <= 0.025, the first turn's share: no single piece fewer


def test_the_end_of_the_sealed_set_is_a_turn_for_clusters_that_are_too_few_for_the_first():
    bad = np.ones(1800, bool)
    evidence = [
        Counts(metric="miss_rate", event=bad, cluster=np.arange(1800) // 60),
        Counts(metric="overkill_rate", event=np.zeros(1800, bool)),
    ]
    asked = promise(MISS, OVERKILL)
    before = look(asked, evidence)
    assert before.answers[0] == "not_yet"
    ended = look(asked, evidence, before.state, at_end=True)
    assert ended.answers == ("refuted", "proved")
    assert ended.state.turns[0].count == 1


def test_all_kinds_of_targets_are_looked_at_together():
    more = (
        {"metric": "throughput_per_h", "op": ">=", "limit": 6000},
        {"metric": "latency_ms_p95", "op": "<", "limit": 100},
        {"metric": "memory_peak_mib", "op": "<=", "limit": 600},
    )
    rng = np.random.default_rng(5)
    evidence = [
        Counts(metric="miss_rate", event=np.zeros(1000, bool)),
        Counts(metric="overkill_rate", event=np.zeros(1000, bool)),
        Pace(done_at_s=np.cumsum(rng.exponential(0.5, 1000))),
        Values(metric="latency_ms_p95", value=rng.gamma(2, 10, 1000)),
        Measured(metric="memory_peak_mib", value=500),
    ]
    now = look(promise(MISS, OVERKILL, *more), evidence)
    assert now.verdict.answer == "passed"
    p95 = now.verdict.targets[3]
    assert p95.lower < p95.point < p95.upper < 100


def test_repeats_are_looked_at_in_turns_from_the_third_on():
    pace = {"metric": "throughput_per_h", "op": ">=", "limit": 6000}
    nothing = [
        Counts(metric="miss_rate", event=np.zeros(0, bool)),
        Counts(metric="overkill_rate", event=np.zeros(0, bool)),
    ]
    seconds, state, answers = [1.0, 1.1, 1.05, 1.0], None, []
    for count in (1, 2, 3, 4):
        repeats = Repeats(items=[50] * count, seconds=seconds[:count])
        now = look(promise(MISS, OVERKILL, pace), [*nothing, repeats], state)
        state = now.state
        answers.append(now.answers[2])
    assert answers == ["not_yet", "not_yet", "proved", "proved"]
    assert now.verdict.targets[2].method == "repeats_in_turns"


def test_nothing_seen_yet_is_not_yet():
    nothing = np.zeros(0, bool)
    evidence = [
        Counts(metric="miss_rate", event=nothing),
        Counts(metric="overkill_rate", event=nothing),
    ]
    assert look(promise(MISS, OVERKILL), evidence).answers == ("not_yet", "not_yet")


@pytest.mark.slow
def test_looking_at_every_piece_accepts_and_refutes_wrongly_at_most_as_often_as_promised():
    rng, runs, ends = np.random.default_rng(6), 400, []
    targets = promise(MISS, OVERKILL)
    for _ in range(runs):
        evidence = [
            Counts(metric="miss_rate", event=rng.random(2000) < 0.02),
            Counts(metric="overkill_rate", event=np.zeros(10, bool)),
        ]
        ends.append(look(targets, evidence).answers[0])  # follows the path over every piece
    for answer in ("proved", "refuted"):
        assert ends.count(answer) > 0
        assert binom.sf(ends.count(answer) - 1, runs, 0.05) > 0.01
