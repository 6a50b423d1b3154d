"""The figures of a backtest, counted by hand."""

import numpy as np
import pytest

from liudu.outbreak import benchmark
from liudu.outbreak.simulate import TEST, simulate

GRID = simulate(seed=2, replicates=2, past_sizes=(0, 5), current_sizes=(3, 8))
RNG = np.random.default_rng(0)
ROWS = GRID.base.shape[0]


def scores_from(alarm_of):
    alarm = {
        (k1, k2): alarm_of(GRID.counts(past_size=k1, current_size=k2)[:, TEST], k2)
        for k1 in (0, 5)
        for k2 in (0, 3, 8)
    }
    flat = {cell: values.astype(np.float32) for cell, values in alarm.items()}
    return benchmark.Scores(name="x", score=flat, p_value=flat, alarm=alarm, cpu_s=0.0)


def overall(scores):
    rows = benchmark.row_sums(GRID, scores)
    return benchmark.figures(benchmark.by_replicate(GRID, rows), rng=np.random.default_rng(1))


def test_the_detector_that_knows_is_perfect():
    truth = {size: benchmark.outbreak_weeks(GRID.current[size][:, TEST])[0] for size in (3, 8)}
    nothing = np.zeros((ROWS, TEST.size), bool)
    found = overall(scores_from(lambda _counts, k2: truth.get(k2, nothing)))
    assert {name: found[name].value for name in benchmark.METRICS} == {
        "fpr": 0, "specificity": 1, "sensitivity": 1, "pod": 1, "pod_first_week": 1, "ppv": 1,
        "npv": 1, "f1": 1, "accuracy": 1,
    }  # fmt: skip


def test_the_silent_detector_is_right_in_most_weeks_and_finds_nothing():
    always = scores_from(lambda counts, _k2: np.ones(counts.shape, bool))
    found = overall(benchmark.silent(always))
    assert 0.92 < found["accuracy"].value < 0.96
    assert (found["pod"].value, found["fpr"].value) == (0, 0)
    assert np.isnan(found["ppv"].value)
    assert found["ppv"].to_json() == {"value": None, "interval": None}


def test_the_detector_that_always_alarms_finds_all_and_is_always_wrong_otherwise():
    found = overall(scores_from(lambda counts, _k2: np.ones(counts.shape, bool)))
    assert (found["pod"].value, found["fpr"].value, found["specificity"].value) == (1, 1, 0)


def test_an_outbreak_lasts_from_its_first_to_its_last_case():
    added = np.array([[0, 2, 0, 1, 0], [0, 0, 0, 0, 3]], np.int32)
    inside, first = benchmark.outbreak_weeks(added)
    assert inside.tolist() == [[False, True, True, True, False], [False] * 4 + [True]]
    assert first.tolist() == [1, 4]


def test_at_an_equal_rate_no_more_than_that_share_of_quiet_weeks_alarms():
    rng = np.random.default_rng(3)
    drawn = scores_from(lambda counts, _k2: rng.random(counts.shape))
    equal = benchmark.at_equal_fpr(drawn, fpr=0.02)
    fpr = overall(equal)["fpr"].value
    assert 0.018 < fpr <= 0.02


def test_the_interval_holds_the_value_and_narrows_with_agreement():
    rng = np.random.default_rng(3)
    found = overall(scores_from(lambda counts, _k2: rng.random(counts.shape) < 0.1))["fpr"]
    assert found.low <= found.value <= found.high


def test_a_detector_less_itself_is_nothing():
    scores = scores_from(lambda counts, _k2: counts > 9)
    less = benchmark.difference(GRID, scores, scores, rng=RNG)
    assert (less["pod"].value, less["pod"].low, less["pod"].high) == (0, 0, 0)


def test_the_report_has_every_scenario_and_size():
    found = benchmark.report(GRID, scores_from(lambda counts, _k2: counts > 9), rng=RNG)
    assert len(found["by_scenario"]) == 42
    assert (set(found["by_k1"]), set(found["by_k2"])) == ({"0", "5"}, {"3", "8"})


def test_labelled_outbreaks_are_runs_of_weeks_and_undecided_weeks_do_not_count():
    outbreak = np.array([[0, 1, 1, 0, 0, 1, 0, 1]], bool)
    alarm = np.array([[1, 0, 1, 0, 1, 0, 0, 1]], bool)
    decided = np.array([[1, 1, 1, 1, 1, 1, 1, 0]], bool)
    sums = benchmark.labelled(alarm, outbreak=outbreak, decided=decided)[0]
    assert sums[benchmark.OUTBREAKS] == 2  # the last one was never decided
    assert sums[benchmark.FOUND] == 1
    assert sums[benchmark.FOUND_FIRST] == 0
    assert (sums[benchmark.TP], sums[benchmark.FN]) == (1, 2)
    assert (sums[benchmark.QUIET_ALARMS], sums[benchmark.QUIET_WEEKS]) == (2, 4)


@pytest.mark.slow
def test_on_development_replicates_hr_finds_more_than_farrington_at_equal_false_alarms():
    import time  # noqa: PLC0415 - a clock is an argument

    grid = simulate(seed=77, replicates=3, past_sizes=(0, 5), current_sizes=(3, 5, 8))
    found = {}
    for name in ("hr", "farrington"):
        scores = benchmark.collect(
            grid, name=name, run=benchmark.method(name, alpha=0.01), alpha=0.01,
            past_sizes=(0, 5), cpu_clock=time.process_time,
        )  # fmt: skip
        found[name] = benchmark.at_equal_fpr(scores, fpr=0.01)
        ratio = (
            benchmark.figures(
                benchmark.by_replicate(grid, benchmark.row_sums(grid, scores)), rng=RNG
            )["fpr"].value
            / 0.01
        )
        assert 0.6 < ratio < 1.5
    less = benchmark.difference(grid, found["hr"], found["farrington"], rng=RNG)
    assert less["pod"].value > 0
