"""The generator of the 42 scenarios."""

import numpy as np
import pytest

from liudu.outbreak.simulate import (
    SCENARIOS,
    TEST,
    UnknownShapeError,
    baseline,
    outbreak,
    scenario_mean,
    simulate,
)


def test_scenario_14_is_the_one_of_the_literature():
    scenario = SCENARIOS[13]
    assert (scenario.level, scenario.trend, scenario.harmonics) == (1.5, 0.0, 1)
    assert (scenario.cosine, scenario.sine, scenario.dispersion) == (0.2, -0.4, 1.0)


def test_the_mean_of_the_first_week_is_as_the_formula_says():
    scenario = SCENARIOS[5]  # group 1, trend, two harmonics
    angle = 2 * np.pi / 52
    wanted = np.exp(
        0.1 + 0.0025 + 0.6 * (np.cos(angle) + np.sin(angle) + np.cos(2 * angle) + np.sin(2 * angle))
    )
    assert scenario_mean(scenario)[0] == pytest.approx(wanted)


def test_there_are_42_scenarios_in_seven_groups_with_and_without_trend():
    assert [scenario.number for scenario in SCENARIOS] == list(range(1, 43))
    assert sum(scenario.trend > 0 for scenario in SCENARIOS) == 21
    assert [scenario.harmonics for scenario in SCENARIOS[:6]] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("dispersion", [1.0, 5.0])
def test_the_variance_is_the_dispersion_times_the_mean(dispersion):
    rng = np.random.default_rng(1)
    drawn = baseline(np.full(200_000, 4.0), dispersion=dispersion, rng=rng)
    assert drawn.mean() == pytest.approx(4.0, rel=0.02)
    assert drawn.var() == pytest.approx(4.0 * dispersion, rel=0.04)


def test_outbreaks_fall_half_into_their_first_week_and_have_the_size_asked_for():
    rng = np.random.default_rng(2)
    mean = np.full(40, 9.0)
    cases = sum(outbreak(mean, dispersion=1.0, start=5, size_sd=5.0, rng=rng) for _ in range(2000))
    assert cases.sum() / 2000 == pytest.approx(15.0, rel=0.03)
    share = cases / cases.sum()
    np.testing.assert_allclose(share[5:8], [0.5, 0.418, 0.068], atol=0.01)


def test_no_outbreak_has_fewer_than_two_cases():
    rng = np.random.default_rng(3)
    sizes = [
        outbreak(np.full(30, 0.1), dispersion=1.0, start=3, size_sd=1.0, rng=rng).sum()
        for _ in range(200)
    ]
    assert min(sizes) == 2


@pytest.mark.parametrize(
    ("shape", "first", "last"), [("spike", 5, 5), ("flat", 5, 10), ("propagated", 5, 40)]
)
def test_other_shapes_spread_their_cases_otherwise(shape, first, last):
    rng = np.random.default_rng(4)
    cases = outbreak(np.full(60, 100.0), dispersion=1.0, start=5, size_sd=30, rng=rng, shape=shape)
    weeks = np.nonzero(cases)[0]
    assert weeks.min() >= first
    assert weeks.max() <= last


def test_an_unknown_shape_is_refused():
    with pytest.raises(UnknownShapeError, match="lognormal, spike"):
        outbreak(
            np.ones(9), dispersion=1.0, start=0, size_sd=1, rng=np.random.default_rng(1), shape="w"
        )


def test_the_same_seed_gives_the_same_series_and_a_small_grid_is_part_of_a_large_one():
    small = simulate(seed=5, replicates=1, past_sizes=(5,), current_sizes=(3,))
    large = simulate(seed=5, replicates=2, past_sizes=(2, 5), current_sizes=(3, 8))
    first = large.replicate == 0
    np.testing.assert_array_equal(small.base, large.base[first])
    np.testing.assert_array_equal(small.past[5], large.past[5][first])
    np.testing.assert_array_equal(small.current[3], large.current[3][first])
    other = simulate(seed=6, replicates=1, past_sizes=(5,), current_sizes=(3,))
    assert (other.base != small.base).any()


def test_past_outbreaks_stay_before_the_test_weeks_and_current_ones_within_them():
    grid = simulate(seed=5, replicates=1, past_sizes=(10,), current_sizes=(10,))
    assert grid.past[10][:, :312].sum() == 0
    assert grid.past[10][:, TEST].sum() == 0
    assert grid.current[10][:, : TEST[0]].sum() == 0
    assert (grid.current[10].sum(axis=1) > 0).all()


def test_counts_are_the_sum_of_their_parts():
    grid = simulate(seed=5, replicates=1, past_sizes=(0, 5), current_sizes=(3,))
    whole = grid.counts(past_size=5, current_size=3)
    np.testing.assert_array_equal(whole, grid.base + grid.past[5] + grid.current[3])
    np.testing.assert_array_equal(grid.counts(past_size=0, current_size=0), grid.base)
