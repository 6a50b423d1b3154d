"""One judgement of a finished trial: proved, refuted, or not yet and how much more."""

import json
import math

import numpy as np
import pytest

from liudu.acceptance import (
    BadEvidenceError,
    Counts,
    Measured,
    MissingEvidenceError,
    NoClassesError,
    Pace,
    Promise,
    Values,
    WrongEvidenceError,
    design_effect,
    judge,
)

MISS = {"metric": "miss_rate", "op": "<", "limit": 0.002}
OVERKILL = {"metric": "overkill_rate", "op": "<=", "limit": 0.03}


def promise(*targets, task="classify"):
    return Promise.from_mapping({"task": task, "positive": "bad", "targets": list(targets)})


def events(metric, bad, total, **more):
    event = np.zeros(total, dtype=bool)
    event[:bad] = True
    return Counts(metric=metric, event=event, **more)


def answers(*evidence, targets=(MISS, OVERKILL)):
    verdict = judge(promise(*targets), evidence)
    return verdict.answer, [one.answer for one in verdict.targets]


def test_a_trial_passes_only_if_every_target_is_proved():
    good = events("overkill_rate", 0, 99)
    assert answers(events("miss_rate", 0, 1497), good) == ("passed", ["proved", "proved"])
    assert answers(events("miss_rate", 0, 1496), good) == ("undecided", ["not_yet", "proved"])


def test_a_trial_fails_as_soon_as_one_target_is_refuted():
    found = answers(events("miss_rate", 30, 1000), events("overkill_rate", 0, 5))
    assert found == ("failed", ["refuted", "not_yet"])


def test_sensitivity_is_the_miss_rate_turned_round():
    sensitivity = {"metric": "sensitivity", "op": ">", "limit": 0.998}
    missed = judge(promise(MISS, OVERKILL), [events("miss_rate", 2, 4000), _good()]).targets[0]
    event = np.ones(4000, dtype=bool)
    event[:2] = False
    found = [Counts(metric="sensitivity", event=event), _good()]
    caught = judge(promise(sensitivity, OVERKILL), found).targets[0]
    assert caught.answer == missed.answer == "proved"
    assert caught.lower == pytest.approx(1 - missed.upper, abs=1e-12)
    assert caught.point == pytest.approx(1 - missed.point)
    assert caught.events == 3998


def _good():
    return events("overkill_rate", 0, 200)


def test_not_yet_says_how_many_more_pieces():
    target = judge(promise(MISS, OVERKILL), [events("miss_rate", 1, 2000), _good()]).targets[0]
    assert target.answer == "not_yet"
    assert target.more_needed.no_further_error == 371
    more = target.more_needed.observed_rate
    again = judge(
        promise(MISS, OVERKILL),
        [events("miss_rate", math.ceil((2000 + more) / 2000), 2000 + more), _good()],
    )
    assert again.targets[0].answer == "proved"


def test_a_rate_that_does_not_keep_the_limit_is_promised_no_number_of_pieces():
    target = judge(promise(MISS, OVERKILL), [events("miss_rate", 3, 1000), _good()]).targets[0]
    assert target.answer == "not_yet"
    assert target.more_needed.observed_rate is None


def test_no_trials_at_all_are_not_yet_and_no_crash():
    target = judge(promise(MISS, OVERKILL), [events("miss_rate", 0, 0), _good()]).targets[0]
    assert (target.answer, target.note, target.point) == ("not_yet", "no_trials", None)
    assert target.more_needed.no_further_error == 1497


def test_each_class_is_tested_at_full_risk_and_shown_with_wider_intervals():
    each = MISS | {"every_class": True}
    stratum = np.repeat(["open", "short"], [1497, 1600])
    found = judge(
        promise(each, OVERKILL), [events("miss_rate", 0, 3097, stratum=stratum), _good()]
    ).targets[0]
    assert found.answer == "proved"
    first = found.by_class[0]
    assert (first.name, first.answer) == ("open", "proved")
    assert first.upper > 0.002  # holds for both classes at once, so it is wider than the test


def test_one_class_without_enough_pieces_leaves_the_target_open_and_says_how_many():
    each = MISS | {"every_class": True}
    stratum = np.repeat(["open", "short"], [1000, 5000])
    found = judge(
        promise(each, OVERKILL), [events("miss_rate", 0, 6000, stratum=stratum), _good()]
    ).targets[0]
    assert found.answer == "not_yet"
    assert found.more_needed.no_further_error == 497


def test_one_class_refuted_refutes_the_target():
    each = MISS | {"every_class": True}
    stratum = np.repeat(["open", "short"], [200, 50_000])
    found = judge(
        promise(each, OVERKILL), [events("miss_rate", 20, 50_200, stratum=stratum), _good()]
    )
    assert found.answer == "failed"
    assert found.targets[0].upper < 0.002  # the whole would have passed


def test_a_target_for_every_class_needs_the_classes():
    with pytest.raises(NoClassesError, match="stratum"):
        judge(promise(MISS | {"every_class": True}, OVERKILL), [events("miss_rate", 0, 9), _good()])


# --- clusters -----------------------------------------------------------------------------------


def test_clusters_without_a_miss_need_as_many_clusters_as_single_pieces_would():
    for clusters, answer in ((1496, "not_yet"), (1497, "proved")):
        cluster = np.repeat(np.arange(clusters), 6)
        found = events("miss_rate", 0, 6 * clusters, cluster=cluster)
        target = judge(promise(MISS, OVERKILL), [found, _good()]).targets[0]
        assert (target.answer, target.clusters) == (answer, clusters)


def test_pieces_of_a_cluster_are_never_counted_as_independent():
    misses = np.repeat([True] * 2 + [False] * 2498, 6)  # two parts, missed at all six exposures
    alone = Counts(metric="miss_rate", event=misses)
    together = Counts(metric="miss_rate", event=misses, cluster=np.repeat(np.arange(2500), 6))
    assert judge(promise(MISS, OVERKILL), [alone, _good()]).targets[0].answer == "proved"
    target = judge(promise(MISS, OVERKILL), [together, _good()]).targets[0]
    assert target.answer == "not_yet"
    assert target.more_needed.unit == "cluster"
    assert target.design_effect == pytest.approx(6, abs=0.01)


def test_the_more_that_clusters_need_is_enough():
    cluster = np.repeat(np.arange(1600), 3)
    found = events("miss_rate", 1, 4800, cluster=cluster)
    target = judge(promise(MISS, OVERKILL), [found, _good()]).targets[0]
    more = target.more_needed.no_further_error
    larger = events("miss_rate", 1, 4800 + 3 * more, cluster=np.repeat(np.arange(1600 + more), 3))
    assert judge(promise(MISS, OVERKILL), [larger, _good()]).targets[0].answer == "proved"


def test_clusters_of_one_piece_are_single_pieces():
    found = events("miss_rate", 1, 2371, cluster=np.arange(2371) + 7)
    target = judge(promise(MISS, OVERKILL), [found, _good()]).targets[0]
    assert (target.answer, target.method) == ("proved", "clopper_pearson")


def test_the_design_effect_of_alike_and_of_unlike_pieces():
    rng = np.random.default_rng(5)
    cluster = np.repeat(np.arange(3000), 6)
    alike = np.repeat(rng.random(3000) < 0.2, 6)
    unlike = rng.random(18_000) < 0.2
    assert design_effect(alike, cluster) == (pytest.approx(6), pytest.approx(1))
    effect, icc = design_effect(unlike, cluster)
    assert effect == pytest.approx(1, abs=0.1)
    assert icc == pytest.approx(0, abs=0.02)


# --- other kinds --------------------------------------------------------------------------------


def test_a_bounded_mean_is_proved_and_refuted():
    error = {"metric": "mean_absolute_error", "op": "<", "limit": 0.5, "cap": 10}
    rng = np.random.default_rng(6)
    small = Values(metric="mean_absolute_error", value=rng.gamma(2, 0.1, 3000), high=10)
    large = Values(metric="mean_absolute_error", value=rng.gamma(2, 0.5, 3000), high=10)
    proved = judge(promise(error, task="value"), [small]).targets[0]
    assert proved.answer == "proved"
    assert proved.lower < 0.2 < proved.upper < 0.5
    assert judge(promise(error, task="value"), [large]).targets[0].answer == "refuted"


def test_bias_is_bounded_on_both_sides():
    bias = {"metric": "bias", "op": "<", "limit": 0.2, "cap": 5}
    rng = np.random.default_rng(7)
    for shift, answer in ((0.0, "proved"), (0.6, "refuted"), (-0.6, "refuted"), (0.2, "not_yet")):
        value = np.clip(rng.normal(shift, 0.5, 1500), -5, 5)
        found = Values(metric="bias", value=value, low=-5, high=5)
        assert judge(promise(bias, task="value"), [found]).targets[0].answer == answer


def test_a_latency_promise_is_proved_by_counting_the_slow_ones():
    slow = {"metric": "latency_ms_p95", "op": "<", "limit": 100}
    fine = [events("miss_rate", 0, 1497), _good()]
    value = np.full(59, 20.0)
    p95 = judge(
        promise(MISS, OVERKILL, slow), [*fine, Values(metric="latency_ms_p95", value=value)]
    )
    assert p95.answer == "passed"
    assert p95.targets[2].upper == 20
    value = np.append(value, [200.0] * 20)
    p95 = judge(
        promise(MISS, OVERKILL, slow), [*fine, Values(metric="latency_ms_p95", value=value)]
    )
    assert p95.targets[2].answer == "refuted"


def test_pace_and_memory_stand_beside_the_errors():
    pace = {"metric": "throughput_per_h", "op": ">=", "limit": 6000}
    memory = {"metric": "memory_peak_mib", "op": "<=", "limit": 512}
    fine = [events("miss_rate", 0, 1497), _good()]
    done = np.cumsum(np.random.default_rng(8).exponential(0.5, 2000))
    found = [*fine, Pace(done_at_s=done), Measured(metric="memory_peak_mib", value=512)]
    verdict = judge(promise(MISS, OVERKILL, pace, memory), found)
    assert verdict.answer == "passed"
    json.dumps(verdict.to_json(), allow_nan=False)
    strict = promise(MISS, OVERKILL, pace, memory | {"op": "<"})
    assert judge(strict, found).targets[3].answer == "refuted"


def test_a_single_measurement_of_a_pace_neither_proves_nor_refutes_it():
    pace = {"metric": "throughput_per_h", "op": ">=", "limit": 6000}
    fine = [events("miss_rate", 0, 1497), _good()]
    for value in (1e9, 1.0):
        found = [*fine, Measured(metric="throughput_per_h", value=value)]
        verdict = judge(promise(MISS, OVERKILL, pace), found)
        assert verdict.answer == "undecided"
        assert verdict.targets[2].note == "one_measurement"


def test_evidence_that_is_missing_or_of_the_wrong_kind_is_refused():
    with pytest.raises(MissingEvidenceError, match="overkill_rate"):
        judge(promise(MISS, OVERKILL), [events("miss_rate", 0, 3)])
    with pytest.raises(WrongEvidenceError, match="Counts"):
        judge(promise(MISS, OVERKILL), [Measured(metric="miss_rate", value=0.1), _good()])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Counts(metric="miss_rate", event=np.zeros(3)),
        lambda: Counts(metric="miss_rate", event=np.zeros(3, bool), cluster=np.zeros(2)),
        lambda: Counts(metric="nothing", event=np.zeros(3, bool)),
        lambda: Values(metric="bias", value=[math.nan], high=1),
        lambda: Values(metric="bias", value=[math.inf]),
        lambda: Values(metric="bias", value=[2.0], high=1),
        lambda: Values(metric="bias", value=[0.0], low=1, high=1),
        lambda: Measured(metric="memory_peak_mib", value=math.inf),
    ],
)
def test_evidence_that_cannot_be_is_refused_in_both_languages(make):
    with pytest.raises(BadEvidenceError) as refused:
        make()
    assert refused.value.say("zh") != refused.value.say("en")
