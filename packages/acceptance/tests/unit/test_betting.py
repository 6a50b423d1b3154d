"""Bets on clusters: valid however the pieces of a cluster hang together."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from liudu.acceptance._betting import (
    clean_probability,
    group,
    log_e_value,
    mean_upper_bound,
    proves_mean_above,
    proves_mean_below,
)


def clustered(rng, *, rate, icc, clusters, size):
    """Draw beta-binomial clusters: the share of bad pieces varies from cluster to cluster."""
    weight = 1 / icc - 1
    share = rng.beta(rate * weight, (1 - rate) * weight, clusters)
    bad = rng.random((clusters, size)) < share[:, None]
    return group(bad.ravel(), np.repeat(np.arange(clusters), size))


def test_the_e_value_of_single_pieces_is_the_mean_likelihood_ratio():
    groups = group(np.arange(50) < 2, None)
    rates = 0.1 * np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7])
    ratio = (rates / 0.1) ** 2 * ((1 - rates) / 0.9) ** 48
    assert log_e_value(groups, limit=0.1) == pytest.approx(math.log(ratio.mean()))


def test_the_worst_case_of_a_clean_sheet_is_the_binomial_one_for_equal_clusters():
    groups = group(np.zeros(600, bool), np.repeat(np.arange(100), 6))
    assert clean_probability(groups, limit=0.03) == pytest.approx(0.97**100)


def test_the_worst_case_of_a_clean_sheet_hides_events_in_large_clusters():
    rng = np.random.default_rng(1)
    size = np.array([1, 1, 2, 5, 9, 9])
    groups = group(np.zeros(27, bool), np.repeat(np.arange(6), size))
    worst = clean_probability(groups, limit=0.1)
    tried = 0.0
    for _ in range(20_000):
        share = rng.dirichlet(np.full(6, 0.4)) * 0.1 * 27 / size
        if (share <= 1).all():
            tried = max(tried, float(np.prod(1 - share)))
    assert tried <= worst + 1e-12
    assert tried == pytest.approx(worst, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("icc", [0.1, 0.5, 0.9])
def test_clusters_at_the_limit_are_proved_and_refuted_no_more_often_than_the_risk(icc):
    rng, runs = np.random.default_rng(2), 2000
    below = above = 0
    for _ in range(runs):
        groups = clustered(rng, rate=0.02, icc=icc, clusters=500, size=6)
        below += proves_mean_below(groups, limit=0.02, alpha=0.05)
        above += proves_mean_above(groups, limit=0.02, alpha=0.05)
    assert binom.sf(below - 1, runs, 0.05) > 0.001
    assert binom.sf(above - 1, runs, 0.05) > 0.001


@pytest.mark.slow
def test_taking_pieces_of_a_cluster_as_independent_would_break_the_promise():
    rng, runs, wrong = np.random.default_rng(3), 2000, 0
    for _ in range(runs):
        groups = clustered(rng, rate=0.02, icc=0.9, clusters=500, size=6)
        bad = int((groups.total * groups.count).sum())
        wrong += binom.cdf(bad, 3000, 0.02) <= 0.05
    assert wrong / runs > 0.15


def test_pieces_that_fail_alone_lose_little_by_being_in_clusters():
    rng = np.random.default_rng(4)
    groups = clustered(rng, rate=0.02, icc=0.001, clusters=2000, size=6)
    assert mean_upper_bound(groups, alpha=0.05) < 0.028


def test_many_fine_values_are_rounded_to_the_honest_side():
    value = np.random.default_rng(5).random(70_000) / 100
    up, down = group(value, None), group(value, None, down=True)
    assert down.mean <= value.mean() <= up.mean
    assert up.mean - down.mean < 2 / 65_536
