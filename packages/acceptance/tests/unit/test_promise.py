"""A promise is read strictly, and every refusal says the way out in both languages."""

import math

import pytest

from liudu.acceptance import (
    METRICS,
    BadValueError,
    ConfidenceOutOfRangeError,
    DuplicateTargetError,
    FutureShownError,
    HopedNotBetterError,
    LimitOutOfRangeError,
    MissingKeyError,
    NoPositiveError,
    NoTargetsError,
    OneSidedPromiseError,
    PooledAccuracyError,
    Promise,
    PromiseError,
    Target,
    UnknownKeyError,
    UnknownMetricError,
    UnprovableMetricError,
    WrongDirectionError,
)

MISS = {"metric": "miss_rate", "op": "<", "limit": 0.002}
OVERKILL = {"metric": "overkill_rate", "op": "<=", "limit": 0.03}


def promise(*targets, task="classify", **more):
    return {"task": task, "positive": "defective", "targets": list(targets)} | more


def test_a_promise_against_both_errors_is_read():
    read = Promise.from_mapping(promise(MISS, OVERKILL))
    assert [str(one) for one in read.targets] == ["miss_rate < 0.002", "overkill_rate <= 0.03"]
    assert read.targets[0].confidence == 0.95
    assert read.level == "bwrap"


def test_a_promise_written_out_is_read_back_unchanged():
    full = promise(
        MISS | {"hoped": 0.0005, "every_class": True},
        OVERKILL,
        mode="stream",
        window=4,
        limits={"memory_mib": 512, "item_timeout_s": 2.5},
        line={"pieces_per_h": 6000, "positive_share": 0.01},
    )
    read = Promise.from_mapping(full)
    assert Promise.from_mapping(read.to_json()) == read


@pytest.mark.parametrize(("targets", "lacking"), [([MISS], "false alarms"), ([OVERKILL], "misses")])
def test_a_one_sided_promise_is_refused_with_an_example_that_is_accepted(targets, lacking):
    with pytest.raises(OneSidedPromiseError, match=lacking) as refused:
        Promise.from_mapping(promise(*targets))
    for language in ("zh", "en"):
        said = refused.value.say(language)
        assert "overkill_rate" in said
        assert "miss_rate" in said


def test_throughput_alone_is_one_sided_too():
    with pytest.raises(OneSidedPromiseError):
        Promise.from_mapping(promise({"metric": "throughput_per_h", "op": ">=", "limit": 6000}))


def test_accuracy_alone_is_refused_with_the_share_at_which_it_means_nothing():
    accuracy = {"metric": "accuracy", "op": ">=", "limit": 0.995}
    with pytest.raises(PooledAccuracyError, match=r"0\.5 %"):
        Promise.from_mapping(promise(accuracy))
    assert len(Promise.from_mapping(promise(accuracy, MISS, OVERKILL)).targets) == 3
    every = Promise.from_mapping(promise(accuracy | {"every_class": True}))
    assert every.targets[0].every_class


def test_the_error_of_each_class_guards_against_both_errors():
    each = {"metric": "class_error_rate", "op": "<", "limit": 0.02}
    assert Promise.from_mapping(promise(each)).targets[0].every_class


@pytest.mark.parametrize("limit", [0, 1, -0.1, 1.5, 2])
def test_a_ratio_outside_the_open_unit_interval_is_refused(limit):
    with pytest.raises(LimitOutOfRangeError, match=r"0\.002"):
        Promise.from_mapping(promise(MISS | {"limit": limit}, OVERKILL))


@pytest.mark.parametrize("limit", [math.nan, math.inf, -math.inf, True, "0.002", None])
def test_a_limit_that_is_no_finite_number_is_refused(limit):
    with pytest.raises(BadValueError, match="target 1"):
        Promise.from_mapping(promise(MISS | {"limit": limit}, OVERKILL))


def test_a_comparison_in_the_bad_direction_is_refused_with_the_right_one():
    with pytest.raises(WrongDirectionError, match="'<'") as refused:
        Promise.from_mapping(promise(MISS | {"op": ">"}, OVERKILL))
    assert "越低越好" in refused.value.say("zh")


@pytest.mark.parametrize("confidence", [0.5, 1, 0, 1.2])
def test_a_confidence_of_a_coin_toss_or_of_certainty_is_refused(confidence):
    with pytest.raises(ConfidenceOutOfRangeError):
        Promise.from_mapping(promise(MISS | {"confidence": confidence}, OVERKILL))


def test_one_metric_promised_twice_is_refused():
    with pytest.raises(DuplicateTargetError, match=r"0\.001"):
        Promise.from_mapping(promise(MISS, OVERKILL, MISS | {"limit": 0.001}))


def test_a_slip_of_the_pen_is_answered_with_the_nearest_name():
    with pytest.raises(UnknownMetricError, match="did you mean 'miss_rate'"):
        Promise.from_mapping(promise(MISS | {"metric": "mis_rate"}, OVERKILL))
    with pytest.raises(UnknownKeyError, match="did you mean 'confidence'"):
        Promise.from_mapping(promise(MISS | {"confidense": 0.9}, OVERKILL))


def test_a_metric_of_another_task_is_refused():
    with pytest.raises(UnknownMetricError, match="alarm"):
        Promise.from_mapping(promise(OVERKILL, task="alarm"))


ALARMS = (
    {"metric": "miss_rate", "op": "<", "limit": 0.1},
    {"metric": "false_alarm_rate", "op": "<=", "limit": 0.01},
)


def test_alarms_are_tried_as_a_stream_unless_told_otherwise():
    assert Promise.from_mapping(promise(*ALARMS, task="alarm")).mode == "stream"
    assert Promise.from_mapping(promise(MISS, OVERKILL)).mode == "batch"
    targets = tuple(Target.from_mapping(one, task="alarm") for one in ALARMS)
    assert Promise(task="alarm", targets=targets).mode == "stream"


def test_alarms_in_a_batch_are_refused_for_the_future_would_be_visible():
    with pytest.raises(FutureShownError, match=r"future.*mode: stream") as caught:
        Promise.from_mapping(promise(*ALARMS, task="alarm", mode="batch"))
    assert "未来" in caught.value.say("zh")


def test_a_hope_that_does_not_keep_the_limit_is_refused():
    with pytest.raises(HopedNotBetterError):
        Promise.from_mapping(promise(MISS | {"hoped": 0.002}, OVERKILL))


def test_a_figure_without_a_valid_bound_cannot_be_promised():
    with pytest.raises(UnprovableMetricError, match="bootstrap"):
        Promise.from_mapping(
            promise({"metric": "map", "op": ">", "limit": 0.9}, MISS, OVERKILL, task="detect")
        )


def test_a_promise_without_targets_or_positive_label_or_option_is_refused():
    with pytest.raises(NoTargetsError):
        Promise.from_mapping({"task": "classify", "positive": "d", "targets": []})
    with pytest.raises(NoPositiveError):
        Promise.from_mapping({"task": "classify", "targets": [MISS, OVERKILL]})
    with pytest.raises(MissingKeyError, match="tolerance"):
        Promise.from_mapping(
            {
                "task": "value",
                "targets": [{"metric": "within_tolerance_rate", "op": ">=", "limit": 0.9}],
            }
        )


@pytest.mark.parametrize("wrong", [None, 3, "text", [1], {"task": "classify", "targets": 5}])
def test_what_is_no_mapping_is_refused(wrong):
    with pytest.raises(PromiseError):
        Promise.from_mapping(wrong)


def test_every_metric_has_a_name_in_both_languages_and_a_task():
    for metric in METRICS.values():
        assert metric.zh
        assert metric.en
        assert metric.tasks


def test_the_score_that_counts_is_kept_and_a_share():
    promised = {
        "task": "detect",
        "score_min": 0.25,
        "targets": [
            {"metric": "miss_rate", "op": "<", "limit": 0.1},
            {"metric": "false_calls_per_piece", "op": "<=", "limit": 1, "cap": 10},
        ],
    }
    promise = Promise.from_mapping(promised)

    assert promise.score_min == 0.25
    assert Promise.from_mapping(promise.to_json()) == promise
    with pytest.raises(PromiseError, match="score_min"):
        Promise.from_mapping({**promised, "score_min": 25})
