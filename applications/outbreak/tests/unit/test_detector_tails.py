"""Tails and quantiles against scipy's distributions."""

import numpy as np
import pytest
from scipy import stats

from liudu.outbreak.detectors._tails import count_quantile, count_tail, power_quantile, power_tail


@pytest.mark.parametrize("mean", [0.05, 1.0, 30.0, 4000.0])
@pytest.mark.parametrize("factor", [1.2, 5.0])
def test_the_tail_of_an_overdispersed_count_is_that_of_the_negative_binomial(mean, factor):
    count = np.array([0, 1, 2, 10, 50, 5000])
    wanted = stats.nbinom.sf(count - 1, mean / (factor - 1), 1 / factor)
    np.testing.assert_allclose(count_tail(count, mean=mean, factor=factor), wanted, rtol=1e-7)


def test_a_factor_of_one_is_the_poisson_law():
    count = np.arange(12)
    wanted = stats.poisson.sf(count - 1, 3.0)
    np.testing.assert_allclose(count_tail(count, mean=3.0, factor=1.0), wanted, rtol=1e-12)


@pytest.mark.parametrize("mean", [1e-9, 0.3, 7.0, 900.0])
@pytest.mark.parametrize("factor", [1.0, 2.5])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_the_quantile_is_the_smallest_count_that_is_exceeded_rarely_enough(mean, factor, alpha):
    bound = count_quantile(mean=mean, factor=factor, alpha=alpha)
    assert count_tail(bound + 1, mean=mean, factor=factor) <= alpha
    assert bound == 0 or count_tail(bound, mean=mean, factor=factor) > alpha


def test_what_is_not_known_stays_not_known():
    assert np.isnan(count_tail(np.nan, mean=1.0, factor=1.0))
    assert np.isnan(count_tail(1.0, mean=np.nan, factor=1.0))
    assert np.isnan(count_quantile(mean=np.nan, factor=1.0, alpha=0.01))


def test_the_power_bound_has_the_power_tail_of_alpha():
    bound = power_quantile(mean=20.0, variance=45.0, alpha=0.01)
    assert power_tail(bound, mean=20.0, variance=45.0) == pytest.approx(0.01)
