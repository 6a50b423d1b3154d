import numpy as np
import pytest

from liudu.inspect.threshold import TooFewDefectivePiecesError, binomial_cdf, choose


def test_the_binomial_distribution_is_summed_exactly():
    assert binomial_cdf(0, count=1497, rate=0.002) == pytest.approx(0.998**1497)
    assert binomial_cdf(2, count=3, rate=0.5) == pytest.approx(7 / 8)


def test_as_many_misses_are_allowed_as_the_pieces_can_carry():
    scores = np.linspace(0.001, 1, 1000)

    missed = int(np.count_nonzero(scores <= choose(scores, miss_rate_max=0.01)))

    # 4 of 1000 show 1 % with 95 % confidence, 5 do not.
    assert missed == 4
    assert binomial_cdf(4, count=1000, rate=0.01) <= 0.05 < binomial_cdf(5, count=1000, rate=0.01)


def test_too_few_pieces_are_refused_and_the_sentence_says_how_many_there_were():
    with pytest.raises(TooFewDefectivePiecesError, match="298 defective pieces") as refused:
        choose(np.ones(298), miss_rate_max=0.01)

    assert "298" in refused.value.say("zh")


def test_299_pieces_without_a_miss_show_one_per_cent():
    assert choose(np.full(299, 0.8), miss_rate_max=0.01) < 0.8


def test_pieces_that_no_threshold_finds_are_counted_as_missed():
    scores = np.concatenate([np.zeros(20), np.ones(280)])

    with pytest.raises(TooFewDefectivePiecesError, match="20 missed"):
        choose(scores, miss_rate_max=0.01)


def test_the_chosen_threshold_keeps_its_promise_in_95_of_100_validations():
    rng = np.random.default_rng(0)
    broken = 0
    for _ in range(400):
        threshold = choose(rng.uniform(0, 1, 600), miss_rate_max=0.02)
        broken += threshold > 0.02  # of uniform scores the true miss rate is the threshold

    assert broken / 400 <= 0.08
