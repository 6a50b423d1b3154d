"""The plan says what a trial needs before anybody runs it."""

import json

import pytest

from liudu.acceptance import Promise, plan

FULL = {
    "task": "classify",
    "positive": "defective",
    "targets": [
        {"metric": "miss_rate", "op": "<", "limit": 0.002, "hoped": 0.0005},
        {"metric": "specificity", "op": ">=", "limit": 0.97},
        {"metric": "throughput_per_h", "op": ">=", "limit": 6000},
        {"metric": "latency_ms_p95", "op": "<", "limit": 200},
    ],
    "line": {"pieces_per_h": 6000, "positive_share": 0.01},
}


@pytest.fixture(scope="module")
def shown():
    return json.loads(json.dumps(plan(Promise.from_mapping(FULL)).to_json(), allow_nan=False))


def test_a_miss_rate_below_a_fifth_of_a_percent_needs_1497_defective_pieces(shown):
    first = shown["targets"][0]
    assert first["samples"] == {"0": 1497, "1": 2371, "2": 3146, "3": 3875}
    assert first["kind_of_piece"] == {"zh": "正样本（件）", "en": "positive piece"}


def test_the_power_is_given_at_the_rate_one_hopes_for(shown):
    sizes = [(one["samples"], one["errors_allowed"]) for one in shown["targets"][0]["power"]]
    assert sizes == [(3875, 3), (4575, 4)]
    assert shown["targets"][1]["hoped_assumed"]


def test_a_target_that_is_better_higher_is_planned_by_its_errors(shown):
    assert shown["targets"][1]["samples"]["0"] == 99


def test_the_expected_sizes_of_the_sequential_tests_are_exact(shown):
    rows = {(one["method"], one["role"]): one for one in shown["targets"][0]["sequential"]}
    assert rows["e_process", "no_error"]["sample_count_mean"] == 1853
    assert rows["e_process", "hoped"]["sample_count_mean"] == pytest.approx(4034, abs=1)
    assert rows["sprt", "twice_limit"]["sample_count_mean"] == pytest.approx(698, abs=1)
    for method in ("sprt", "e_process"):
        assert rows[method, "limit"]["proved"] <= 0.05


def test_the_line_takes_25_hours_to_make_that_many_defects(shown):
    assert shown["samples_by_unit"] == {"positive": 1497, "negative": 99, "item": 150}
    assert shown["pieces_from_line"] == 149_700
    assert shown["hours_on_line"] == pytest.approx(24.95)


@pytest.mark.slow
def test_every_task_can_be_planned():
    for task, targets in {
        "detect": [
            {"metric": "miss_rate", "op": "<", "limit": 0.05},
            {"metric": "false_calls_per_piece", "op": "<", "limit": 0.1, "cap": 5},
        ],
        "alarm": [
            {"metric": "sensitivity", "op": ">", "limit": 0.9},
            {"metric": "false_alarm_rate", "op": "<", "limit": 0.01},
        ],
        "value": [
            {"metric": "within_tolerance_rate", "op": ">", "limit": 0.95, "tolerance": 1},
            {"metric": "bias", "op": "<", "limit": 0.1, "cap": 5},
            {"metric": "memory_peak_mib", "op": "<", "limit": 500},
        ],
    }.items():
        made = plan(Promise.from_mapping({"task": task, "targets": targets}))
        assert all(one.samples["0"] >= 1 for one in made.targets)


@pytest.mark.parametrize(("mode", "items", "has_duration"), [("batch", 150, False),
                                                             ("stream", 113, True)])  # fmt: skip
def test_a_pace_needs_three_repeats_in_batch_mode_and_some_time_in_stream_mode(
    mode, items, has_duration
):
    found = plan(Promise.from_mapping({**FULL, "mode": mode})).targets[2]
    assert found.samples == {"0": items}
    assert (found.duration_s_min is not None) is has_duration
