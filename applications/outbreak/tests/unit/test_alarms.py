"""From p-values to a number of alarms that can be followed up."""

import attrs
import numpy as np
import pytest

from liudu.outbreak.alarms import (
    Budget,
    BudgetRangeError,
    alarms,
    benjamini_hochberg,
    fixed_rule,
    ranking,
    thresholds,
)
from liudu.outbreak.detectors import Detection, Flag, Law


def decisions(p_value, **changes):
    p = np.atleast_2d(np.asarray(p_value, float))
    whole = Detection(
        at=np.arange(p.shape[1]), observed=np.full(p.shape, 9.0), expected=np.full(p.shape, 3.0),
        p_value=p, score=1.0 - p, spread=np.ones(p.shape),
        law=np.full(p.shape, Law.COUNT, np.int8), limit=np.full(p.shape, np.nan),
        detector=np.zeros(p.shape, np.int8), flags=np.zeros(p.shape, np.uint16), detectors=("hr",),
    )  # fmt: skip
    return attrs.evolve(whole, **changes)


def column(values):
    return np.array(values)[:, None]


def test_benjamini_hochberg_rejects_up_to_the_last_p_below_its_line():
    p = np.array([0.001, 0.012, 0.028, 0.041, 0.9])
    assert benjamini_hochberg(p, rate=0.05) == 0.028  # 3/5 of 0.05 is 0.03, 4/5 is 0.04
    assert benjamini_hochberg(p, rate=0.004) == 0.0


def test_weeks_without_a_p_value_are_no_tests():
    p = np.array([0.02, np.nan, np.nan])
    assert benjamini_hochberg(p, rate=0.05) == 0.02


def test_a_number_a_week_takes_the_smallest_p_values():
    found = decisions(column([0.03, 0.0001, 0.002, 0.04]))
    raised = alarms(found, budget=Budget(rule="count", value=2))
    assert raised.ravel().tolist() == [False, True, True, False]


def test_ties_at_the_edge_of_the_number_are_left_out_together():
    found = decisions(column([0.001, 0.02, 0.02, 0.02]))
    raised = alarms(found, budget=Budget(rule="count", value=3))
    assert raised.sum() == 1


def test_a_quiet_week_does_not_fill_its_number_with_ordinary_weeks():
    found = decisions(column([0.2, 0.5, 0.03]))
    raised = alarms(found, budget=Budget(rule="count", value=3, alpha_max=0.05))
    assert raised.ravel().tolist() == [False, False, True]


def test_a_budget_of_nothing_raises_nothing():
    found = decisions(column([1e-12, 0.5]))
    assert not alarms(found, budget=Budget(rule="count", value=0)).any()


def test_weeks_withheld_for_few_cases_spend_nothing_of_the_budget():
    flags = np.array([[Flag.WITHHELD], [0], [0]], np.uint16)
    found = decisions(column([1e-9, 0.001, 0.002]), flags=flags)
    raised = alarms(found, budget=Budget(rule="count", value=2))
    assert raised.ravel().tolist() == [False, True, True]


def test_every_week_has_its_own_budget():
    found = decisions([[0.001, 0.2], [0.002, 0.003], [0.2, 0.2]])
    limit = thresholds(found, budget=Budget(rule="count", value=1))
    assert limit.tolist() == [0.001, 0.003]


def test_an_alarm_is_not_raised_again_within_the_quiet_days():
    found = decisions([[0.001] * 5])
    raised = alarms(found, budget=Budget(), quiet_days=14)
    assert raised[0].tolist() == [True, False, False, True, False]


def test_a_fixed_rule_raises_whatever_the_budget_says_and_every_time():
    fixed = fixed_rule(np.array([[0, 0, 1, 1, 0.0]]), at=[2, 3, 4])
    found = decisions([[0.9, 0.9, 0.9]])
    raised = alarms(found, budget=Budget(rule="count", value=0), quiet_days=30, fixed=fixed)
    assert raised[0].tolist() == [True, True, False]


def test_a_fixed_rule_may_ask_for_cases_within_weeks():
    counts = np.array([[0, 2, 0, 1, 0, 3.0]])
    fixed = fixed_rule(counts, at=[1, 3, 5], cases=3, weeks=3)
    assert fixed[0].tolist() == [False, True, True]


def test_methods_without_a_law_keep_their_own_limit():
    found = decisions(
        column([np.nan, np.nan]), law=np.full((2, 1), Law.LIMIT, np.int8), limit=column([8.0, 9.0])
    )
    raised = alarms(found, budget=Budget(rule="fdr", value=0.1))
    assert raised.ravel().tolist() == [True, False]


def test_alarms_are_ranked_by_p_then_by_excess():
    found = decisions(column([0.001, 0.0, 0.0, 0.5]), observed=column([50.0, 60.0, 900.0, 1.0]))
    raised = column([True, True, True, False])
    assert ranking(found, raised=raised, week=0).tolist() == [2, 1, 0]


@pytest.mark.parametrize(("rule", "value"), [("alpha", 0.0), ("fdr", 1.0), ("count", 2.5)])
def test_an_impossible_budget_is_refused(rule, value):
    with pytest.raises(BudgetRangeError, match=str(value)):
        Budget(rule=rule, value=value)
