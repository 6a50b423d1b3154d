"""A threshold with a guarantee."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from liudu.acceptance import BadScoreError, TooFewSamplesError, learn_then_test, risk_coverage


def test_the_threshold_is_the_score_that_one_miss_more_would_cost():
    scores = np.arange(3146) / 3146
    chosen = learn_then_test(scores, miss_ratio_max=0.002)
    assert chosen.threshold == scores[2]
    assert chosen.missed == 2
    assert chosen.miss_upper <= 0.002


def test_pieces_that_tie_with_the_threshold_keep_their_second_look():
    scores = np.concatenate([np.zeros(100), np.ones(3046)])
    chosen = learn_then_test(scores, miss_ratio_max=0.002)
    assert (chosen.threshold, chosen.missed) == (0.0, 0)


def test_both_numbers_come_from_one_threshold_and_share_the_risk():
    rng = np.random.default_rng(1)
    chosen = learn_then_test(rng.beta(8, 1, 3000), rng.beta(1, 8, 5000), miss_ratio_max=0.005)
    assert chosen.miss_upper <= 0.005
    assert 0 < chosen.cut_lower < chosen.released / chosen.negatives
    alone = learn_then_test(rng.beta(8, 1, 3000), miss_ratio_max=0.005)
    assert alone.cut_lower is None


def test_too_few_pieces_are_refused_with_the_number_needed():
    with pytest.raises(TooFewSamplesError, match="1497"):
        learn_then_test(np.ones(1000), miss_ratio_max=0.002)


def test_a_score_that_is_no_number_is_refused():
    with pytest.raises(BadScoreError):
        learn_then_test(np.array([math.nan] * 2000), miss_ratio_max=0.002)


@pytest.mark.slow
def test_the_promised_miss_ratio_is_broken_no_more_often_than_the_risk():
    rng, limit = np.random.default_rng(2), 0.02
    # Scores of positive pieces are uniform: a threshold t misses the share t of all.
    chosen = [learn_then_test(rng.random(800), miss_ratio_max=limit).threshold for _ in range(1000)]
    broken = np.mean(np.array(chosen) > limit)
    assert binom.sf(round(broken * 1000) - 1, 1000, 0.05) > 0.001


def test_the_curve_runs_from_nothing_released_to_everything():
    rng = np.random.default_rng(3)
    positive = rng.random(5000) < 0.2
    score = np.where(positive, rng.beta(5, 1, 5000), rng.beta(1, 5, 5000))
    curve = risk_coverage(score, positive, points=50)
    assert (curve.coverage[0], curve.risk[0]) == (0, 0)
    assert (curve.coverage[-1], curve.risk[-1], curve.cut[-1]) == (1, 1, 1)
    assert (np.diff(curve.risk) >= 0).all()
    assert (curve.risk_upper >= curve.risk).all()
    assert len(curve.threshold) <= 51
    assert curve.to_json()[-1]["threshold"] is None
    middle = 20
    below = score < curve.threshold[middle]
    assert curve.coverage[middle] == below.mean()
    assert curve.risk[middle] == below[positive].mean()


def test_tied_scores_make_one_threshold():
    curve = risk_coverage(np.array([0.5, 0.5, 0.5, 0.9]), np.array([True, False, False, True]))
    assert curve.threshold.tolist() == [0.5, 0.9, math.inf]
    assert curve.coverage.tolist() == [0, 0.75, 1]


def test_a_curve_of_nothing_is_empty_but_there():
    curve = risk_coverage(np.zeros(0), np.zeros(0, bool))
    assert curve.risk_upper.tolist() == [1.0]
