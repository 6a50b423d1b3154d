"""Farrington Flexible against a plain iteratively reweighted GLM written out here."""

import numpy as np
import pytest
from scipy import stats

from liudu.outbreak.detectors import Flag, UnknownThresholdError, farrington, farrington_original
from liudu.outbreak.detectors._farrington import layout

NOW = 300


def series(*, seed=3, weeks=301, mean=6.0, slope=0.002):
    rng = np.random.default_rng(seed)
    week = np.arange(weeks)
    return rng.negative_binomial(
        mean * np.exp(slope * week + 0.4 * np.cos(2 * np.pi * week / 52)) / 1.0, 0.5
    ).astype(float)


def glm(y, design, weight, offset=0.0):
    """Poisson IRLS; returns coefficients, means and the unscaled covariance."""
    beta = np.linalg.lstsq(design, np.log(y + 0.5) - offset, rcond=None)[0]
    for _ in range(100):
        mean = np.exp(design @ beta + offset)
        information = design.T @ (design * (weight * mean)[:, None])
        step = np.linalg.solve(information, design.T @ (weight * (y - mean)))
        beta = beta + step
        if np.abs(step).max() < 1e-13:
            break
    return beta, mean, np.linalg.inv(information)


def reference(counts, *, trend, threshold=2.58, exclude=(), population=None):
    """The method of Noufaily et al. 2013, section 3, in matrices."""
    offsets, level, member = layout(
        years=5, half_window=3, periods=10, weeks_not_included=26, year_weeks=52.0
    )
    people = np.ones(counts.size) if population is None else population
    week = (NOW + offsets).astype(int)
    keep = (member > 0) & ~np.isin(week, list(exclude)) & ~np.isnan(counts[week])
    week, level, offsets = week[keep], level[keep], offsets[keep]
    y, log_people = counts[week], np.log(people[week] / people[NOW])
    design = np.eye(10)[level]
    if trend:
        design = np.column_stack([design, offsets])
    df = y.size - design.shape[1]
    weight = np.ones(y.size)
    _, mean, covariance = glm(y, design, weight, log_people)
    phi = max(((y - mean) ** 2 / mean).sum() / df, 1.0)
    leverage = mean * np.einsum("ij,jk,ik->i", design, covariance, design)
    residual = 1.5 * (y ** (2 / 3) - mean ** (2 / 3)) / mean ** (1 / 6)
    residual = residual / np.sqrt(phi * (1 - leverage))
    weight = np.where(residual > threshold, residual**-2.0, 1.0)
    weight = weight * y.size / weight.sum()
    beta, mean, covariance = glm(y, design, weight, log_people)
    phi = max((weight * (y - mean) ** 2 / mean).sum() / df, 1.0)
    relative = (weight * ((y - mean) / mean) ** 2).sum() / df
    now = np.zeros(design.shape[1])
    now[9] = 1.0
    return np.exp(now @ beta), phi, now @ covariance @ now, relative


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_closed_form_fit_equals_a_glm_written_out_in_matrices(seed):
    counts = series(seed=seed)
    counts[120:124] += 40  # a past outbreak, so that weights matter
    found = farrington(counts[None], at=[NOW], year_weeks=52.0)
    mean, phi, _, _ = reference(counts, trend=True)
    assert found.expected[0, 0] == pytest.approx(mean, rel=1e-6)
    assert found.spread[0, 0] == pytest.approx(phi, rel=1e-6)
    assert found.flags[0, 0] & Flag.TREND


def test_the_p_value_is_the_negative_binomial_tail_of_the_plugged_in_estimates():
    counts = series()
    found = farrington(counts[None], at=[NOW], year_weeks=52.0)
    mean, phi, _, _ = reference(counts, trend=True)
    tail = stats.nbinom.sf(counts[NOW] - 1, mean / (phi - 1), 1 / phi)
    assert found.p_value[0, 0] == pytest.approx(tail, rel=1e-5)
    bound = stats.nbinom.ppf(0.99, mean / (phi - 1), 1 / phi)
    assert found.bound(alpha=0.01)[0, 0] == bound


@pytest.mark.parametrize("compat", [None, "R"])
def test_the_power_threshold_takes_pearsons_dispersion_unless_r_is_to_be_repeated(compat):
    counts = series(mean=20.0)
    counts[NOW] = 90
    found = farrington(counts[None], at=[NOW], year_weeks=52.0, threshold="delta", compat=compat)
    mean, phi, variance, relative = reference(counts, trend=True)
    scale = relative if compat == "R" else phi
    tau = phi + mean * scale * variance
    sd = np.sqrt(4 / 9 * mean ** (1 / 3) * tau)
    wanted = stats.norm.sf((90 ** (2 / 3) - mean ** (2 / 3)) / sd)
    assert found.p_value[0, 0] == pytest.approx(wanted, rel=1e-5)
    bound = (mean ** (2 / 3) + stats.norm.isf(0.01) * sd) ** 1.5
    assert found.bound(alpha=0.01)[0, 0] == pytest.approx(bound, rel=1e-6)


def test_the_repeated_defect_changes_the_bound_of_high_counts():
    counts = series(mean=150.0)[None]
    right = farrington(counts, at=[NOW], year_weeks=52.0, threshold="delta")
    defect = farrington(counts, at=[NOW], year_weeks=52.0, threshold="delta", compat="R")
    assert defect.bound(alpha=0.01)[0, 0] < right.bound(alpha=0.01)[0, 0]


def test_muan_puts_the_mean_at_its_upper_bound():
    counts = series(mean=20.0)
    found = farrington(counts[None], at=[NOW], year_weeks=52.0, threshold="muan", alpha=0.01)
    mean, phi, variance, _ = reference(counts, trend=True)
    upper = mean * np.exp(stats.norm.isf(0.01) * np.sqrt(phi * variance))
    assert found.expected[0, 0] == pytest.approx(upper, rel=1e-6)


def test_excluded_and_missing_weeks_are_left_out_of_the_baseline():
    counts = series()
    counts[[90, 91, 92]] = np.nan
    mask = np.zeros(counts.size, bool)
    mask[150:170] = True
    counts[150:170] = 5000.0  # a pandemic
    found = farrington(counts[None], at=[NOW], year_weeks=52.0, excluded=mask)
    mean, phi, _, _ = reference(counts, trend=True, exclude=range(150, 170))
    assert found.expected[0, 0] == pytest.approx(mean, rel=1e-6)
    assert found.spread[0, 0] == pytest.approx(phi, rel=1e-6)


def test_populations_make_it_a_model_of_rates():
    counts = series(slope=0.0)
    people = np.linspace(1000.0, 3000.0, counts.size)
    found = farrington(counts[None], at=[NOW], year_weeks=52.0, populations=people)
    mean, _, _, _ = reference(counts, trend=True, population=people)
    assert found.expected[0, 0] == pytest.approx(mean, rel=1e-6)


def test_a_trend_that_is_not_significant_is_left_out():
    counts = series(seed=5, slope=0.0)
    found = farrington(counts[None], at=[NOW], year_weeks=52.0, trend_p_max=0.001)
    mean, _, _, _ = reference(counts, trend=False)
    assert not found.flags[0, 0] & Flag.TREND
    assert found.expected[0, 0] == pytest.approx(mean, rel=1e-6)


def test_a_prediction_above_every_past_count_gives_up_its_trend():
    week = np.arange(301)
    counts = np.where(week < 274, np.floor(3 * np.exp(0.012 * week)), 60.0)
    found = farrington(counts[None], at=[NOW], year_weeks=52.0)
    assert not found.flags[0, 0] & Flag.TREND
    assert found.expected[0, 0] <= counts[: NOW - 26].max()


def test_a_series_of_zeros_expects_nothing_and_does_not_fail():
    counts = np.zeros((1, 301))
    found = farrington(counts, at=[NOW], year_weeks=52.0)
    assert found.expected[0, 0] == 0
    assert found.p_value[0, 0] == 1.0
    assert not found.alarms(alpha=0.01).any()


def test_an_alarm_is_withheld_below_five_cases_in_four_weeks():
    counts = np.zeros((2, 301))
    counts[0, NOW], counts[1, NOW] = 4, 5
    found = farrington(counts, at=[NOW], year_weeks=52.0)
    assert found.alarms(alpha=0.01).ravel().tolist() == [False, True]
    assert found.flags[0, 0] & Flag.WITHHELD


def test_a_jump_of_200000_percent_neither_overflows_nor_spoils_the_next_years():
    counts = series()
    counts[NOW] = counts[:NOW].mean() * 2000
    counts[100] = counts[:NOW].mean() * 2000
    found = farrington(counts[None], at=[NOW], year_weeks=52.0)
    assert found.p_value[0, 0] < 1e-6
    assert np.isfinite(found.expected[0, 0])


def test_no_history_is_said_and_nothing_is_decided():
    found = farrington(series()[None], at=[10], year_weeks=52.0)
    assert found.flags[0, 0] & Flag.TOO_SHORT
    assert np.isnan(found.p_value[0, 0])
    assert not found.alarms(alpha=0.5).any()


def test_a_missing_count_is_flagged_and_decides_nothing():
    counts = series()
    counts[NOW] = np.nan
    found = farrington(counts[None], at=[NOW], year_weeks=52.0)
    assert found.flags[0, 0] & Flag.MISSING
    assert not found.alarms(alpha=0.5).any()


def test_the_seasonal_levels_are_seven_weeks_around_the_anniversary_and_nine_parts_between():
    offsets, level, member = layout(
        years=5, half_window=3, periods=10, weeks_not_included=26, year_weeks=52.0
    )
    assert (offsets[0], offsets[-1]) == (-263, -27)
    assert member.all()
    assert offsets[level == 9].tolist() == [
        -52 * year + shift for year in (5, 4, 3, 2, 1) for shift in range(-3, 4)
    ]
    assert offsets[level == 0].tolist() == [
        -52 * year + shift for year in (5, 4, 3, 2, 1) for shift in range(4, 9)
    ]


def test_calendar_years_of_53_weeks_keep_the_anniversary_within_half_a_week():
    offsets, level, _ = layout(
        years=5, half_window=3, periods=10, weeks_not_included=26, year_weeks=365.25 / 7
    )
    centres = offsets[level == 9].reshape(5, 7)[:, 3]
    assert centres.tolist() == [-261, -209, -157, -104, -52]


def test_the_original_method_uses_anniversary_windows_only():
    counts = series()
    spoiled = counts.copy()
    spoiled[NOW - 52 - 26] = 4000.0  # half a year away from every anniversary
    first = farrington_original(counts[None], at=[NOW], year_weeks=52.0)
    second = farrington_original(spoiled[None], at=[NOW], year_weeks=52.0)
    assert first.expected[0, 0] == second.expected[0, 0]


def test_an_unknown_threshold_method_is_refused():
    with pytest.raises(UnknownThresholdError, match="nbPlugin, delta or muan"):
        farrington(series()[None], at=[NOW], threshold="gamma")


def test_the_order_of_series_and_of_weeks_does_not_matter():
    counts = np.stack([series(seed=seed) for seed in range(6)])
    at = np.array([280, 290, 300])
    whole = farrington(counts, at=at)
    turned = farrington(counts[::-1], at=at[::-1])
    np.testing.assert_array_equal(whole.p_value, turned.p_value[::-1, ::-1])


def test_what_comes_later_does_not_change_a_decision():
    counts = series(weeks=400)
    later = counts.copy()
    later[NOW + 1 :] = 1000.0
    first, second = (farrington(c[None], at=[NOW]) for c in (counts, later))
    assert first.p_value[0, 0] == second.p_value[0, 0]


def test_more_cases_are_never_less_unusual():
    counts = np.repeat(series()[None], 60, axis=0)
    counts[:, NOW] = np.arange(60)
    found = farrington(counts, at=[NOW])
    assert (np.diff(found.p_value[:, 0]) <= 0).all()
