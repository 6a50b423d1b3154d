"""Whose failure an end is, what it costs, how long a queue takes."""

import pytest

from liudu.contract import Reason, Refusal
from liudu.platform.trials.decisions import (
    CANCELLED,
    INFRASTRUCTURE,
    after_platform_failure,
    beat_s,
    ending_of,
    ending_of_refusal,
    expect,
    kept_of,
)

OWN = (Reason.CRASH, Reason.TIMEOUT, Reason.OOM, Reason.BAD_OUTPUT, Reason.SANDBOX_VIOLATION)


class NoGpuHereError(Refusal):
    """A refusal of a solution."""

    en = "No GPU here."
    zh = "没有 GPU。"


@pytest.mark.parametrize("reason", OWN)
def test_what_the_solution_did_uses_up_its_attempt(reason):
    ending = ending_of(reason)
    assert ending.costs_attempt
    assert ending.code == str(reason)
    assert ending.zh
    assert ending.en


@pytest.mark.parametrize("reason", [Reason.OK, Reason.MISSING_ITEMS])
def test_a_run_that_can_be_scored_has_a_verdict_and_no_end(reason):
    assert ending_of(reason) is None


def test_every_reason_is_either_scored_or_the_solutions_or_the_platforms():
    scored = {Reason.OK, Reason.MISSING_ITEMS}
    assert {*OWN, *scored, Reason.INFRA} == set(Reason)


def test_neither_a_failing_platform_nor_a_cancelled_trial_costs_an_attempt():
    assert not INFRASTRUCTURE.costs_attempt
    assert not CANCELLED.costs_attempt
    assert not ending_of_refusal(NoGpuHereError()).costs_attempt


def test_a_solution_that_cannot_run_here_is_told_why_and_that_it_saw_nothing():
    ending = ending_of_refusal(NoGpuHereError())
    assert ending.code == "NoGpuHere"
    assert ending.zh.startswith("没有 GPU。")
    assert "No sealed piece" in ending.en


def test_the_platform_tries_until_it_has_failed_often_enough():
    answers = [after_platform_failure(infra_count=n, attempts_max=3) for n in (1, 2, 3, 4)]
    assert answers == ["again", "again", "end", "end"]


def test_a_worker_beats_several_times_in_a_lease_and_at_least_each_second():
    assert beat_s(60) == 1.0
    assert beat_s(2) == 0.5
    assert beat_s(0.1) == 0.1


class TestExpectation:
    def test_a_free_worker_takes_the_next_trial_at_once(self):
        expected = expect(ahead_count=0, running_count=1, worker_count=2, durations_s=[])
        assert (expected.place, expected.wait_s) == (1, 0.0)

    def test_nothing_is_promised_before_a_few_trials_have_ended(self):
        expected = expect(ahead_count=2, running_count=1, worker_count=1, durations_s=[60, 60])
        assert (expected.place, expected.wait_s) == (3, None)

    def test_the_median_of_the_last_trials_is_taken_for_each_ahead(self):
        expected = expect(
            ahead_count=2, running_count=2, worker_count=2, durations_s=[60, 100, 600]
        )
        assert expected.wait_s == 100 * (2 + 1) / 2

    def test_without_a_worker_no_time_is_told(self):
        expected = expect(ahead_count=0, running_count=0, worker_count=0, durations_s=[1, 1, 1, 1])
        assert expected.wait_s is None


def test_what_is_kept_of_a_result_speaks_of_no_single_piece():
    row = {"metric": "miss_rate", "op": "<", "limit": 0.1, "confidence": 0.95, "answer": "proved"}
    result = {
        "reason": "ok",
        "task": "classify",
        "simulated": False,
        "targets": [{**row, "point": 0.0, "by_class": [{"class": "scratch"}]}],
        "level": {"asked": "bwrap", "had": "bwrap", "weaker": False, "selftest": {}},
        "measurements": {"items": 3, "servings": [{"why": {"en": "piece 7"}}]},
        "digests": {"data": "sha256:0"},
        "attempts": [{"at": "…", "reason": "ok", "free": False}],
        "solution": {"name": "n"},
        "details": {"worst": [{"id": "7", "truth": "scratch", "answer": "ok"}]},
        "why": {"en": "item 7", "zh": "item 7"},
    }
    kept = str(kept_of(result))
    assert "scratch" not in kept
    assert "7" not in kept
    assert kept_of(result)["targets"] == [{**row, "point": 0.0}]
