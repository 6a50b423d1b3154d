"""LR against the mixture written out with scipy, and its p-values against simulation."""

import numpy as np
import pytest
from scipy import special, stats

from liudu.outbreak.detectors import likelihood_ratio
from liudu.outbreak.detectors._likelihood import SHARES, SIZES, STARTS, _p_value, _ratios

MEAN = np.array([6.0, 5.5, 5.0])
PHI = 1.8
FACTOR = np.array([2.0, 1.95, 1.9])


def ratio(count):
    answer = _ratios(count[None], means=MEAN[None], factors=FACTOR[None], phi=np.array([PHI]))
    return float(answer[0])


def logpmf(y, mean, factor):
    return stats.nbinom.logpmf(y, mean / (factor - 1), 1 / factor)


def test_the_ratio_is_a_mixture_over_starts_and_sizes():
    count = np.array([11.0, 7.0, 4.0])
    terms, weights = [], []
    for start in range(3):
        for size in SIZES:
            term = 0.0
            for lag in range(start + 1):
                added = size * np.sqrt(PHI * MEAN[start]) * SHARES[start - lag]
                risen = MEAN[lag] + added
                term += logpmf(count[lag], risen, (FACTOR[lag] * MEAN[lag] + added) / risen)
                term -= logpmf(count[lag], MEAN[lag], FACTOR[lag])
            terms.append(term)
            weights.append(STARTS[start] / SIZES.size)
    assert ratio(count) == pytest.approx(special.logsumexp(terms, b=weights), rel=1e-9)


def test_its_p_value_is_how_often_quiet_weeks_reach_the_ratio():
    rng = np.random.default_rng(5)
    quiet = rng.negative_binomial(MEAN / (FACTOR - 1), 1 / FACTOR, (200_000, 3)).astype(float)
    ones = np.ones((200_000, 1))
    drawn = _ratios(quiet, means=ones * MEAN, factors=ones * FACTOR, phi=np.full(200_000, PHI))
    for share in (0.05, 0.01, 0.001):
        limit = float(np.quantile(drawn, 1 - share))
        wanted = (drawn >= limit).mean()
        found = _p_value(limit, mean=MEAN, factor=FACTOR, phi=PHI, draws=4000)
        assert found == pytest.approx(wanted, rel=0.2)


def test_two_weeks_of_moderate_excess_speak_louder_than_the_second_alone():
    assert ratio(np.array([12.0, 12.0, 5.0])) > ratio(np.array([12.0, 5.0, 5.0]))


def test_a_quiet_week_has_a_p_value_of_one_and_a_missing_one_none():
    counts = np.random.default_rng(2).poisson(6.0, (2, 300)).astype(float)
    counts[0, 299], counts[1, 299] = 2.0, np.nan
    found = likelihood_ratio(counts, at=[299])
    assert found.p_value[0, 0] == 1.0
    assert np.isnan(found.p_value[1, 0])


def test_a_week_stands_alone_whichever_other_weeks_are_evaluated():
    counts = np.random.default_rng(3).poisson(6.0, (3, 300)).astype(float)
    counts[:, 299] = 16.0
    alone = likelihood_ratio(counts[1:2], at=[299])
    among = likelihood_ratio(counts, at=np.arange(290, 300))
    assert alone.p_value[0, 0] == among.p_value[1, -1]
    assert alone.p_value[0, 0] < 0.01
