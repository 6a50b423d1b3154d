"""HR against the same penalised likelihood maximised in matrices."""

import numpy as np
import pytest

from liudu.outbreak.detectors import Flag, ShapeError, WeekOutsideError, harmonic

NOW = 400
YEAR = 52.0


def series(*, seed=1, weeks=401, mean=8.0, phi=2.0):
    rng = np.random.default_rng(seed)
    week = np.arange(weeks)
    expected = mean * np.exp(0.001 * week + 0.5 * np.cos(2 * np.pi * week / 52))
    return rng.negative_binomial(expected / (phi - 1), 1 / phi).astype(float)


def reference(counts, *, years=5):
    """Return mean, log variance and phi as documented: fit, weigh, fit, weigh, fit."""
    offsets = np.arange(-(52 * years + 3), -26.0)
    week = (NOW + offsets).astype(int)
    keep = week >= 0
    y, offsets = counts[week[keep]], offsets[keep]
    angle = 2 * np.pi * offsets / 52
    design = np.column_stack([
        np.ones_like(offsets), offsets / 260, np.cos(angle), np.sin(angle),
        np.cos(2 * angle), np.sin(2 * angle),
    ])  # fmt: skip
    prior = np.array([1e-4, 1 / 0.8**2, 1 / 0.6**2, 1 / 0.6**2, 1 / 0.4**2, 1 / 0.4**2])
    beta = np.zeros(6)
    beta[0] = np.log((y.sum() + 0.5) / y.size)
    weight, phi = np.ones(y.size), 1.0
    for turn in range(3):
        penalty = prior * phi
        for _ in range(200):
            mean = np.exp(design @ beta)
            gradient = design.T @ (weight * (y - mean)) - penalty * beta
            gradient[0] += 0.5
            information = design.T @ (design * (weight * mean)[:, None]) + np.diag(penalty)
            step = np.linalg.solve(information, gradient)
            beta = beta + np.clip(step, -1.5, 1.5)
            if np.abs(step).max() < 1e-12:
                break
        mean = np.exp(design @ beta)
        square, raw = weight * (y - mean) ** 2 / mean, np.inf
        for _ in range(100):
            raw = np.minimum(square, 25 * raw).sum() / (weight.sum() - 6)
        known = (weight * 2 / (2 + 1 / mean)).sum()
        phi = max((raw * known + 1.5 * 6) / (known + 6), 1.0)
        if turn < 2:
            residual = 1.5 * (y ** (2 / 3) - mean ** (2 / 3)) / (mean ** (1 / 6) * np.sqrt(phi))
            weight = np.where(residual > 2.0, (2.0 / np.maximum(residual, 2.0)) ** 2, 1.0)
    now = np.array([1, 0, 1, 0, 1, 0.0])
    return np.exp(now @ beta), phi * now @ np.linalg.solve(information, now), phi


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_fit_maximises_the_penalised_likelihood(seed):
    counts = series(seed=seed)
    counts[200:203] += 60  # a past outbreak, so that weights matter
    found = harmonic(counts[None], at=[NOW], years=5, year_weeks=YEAR)
    mean, variance, phi = reference(counts)
    assert found.expected[0, 0] == pytest.approx(mean, rel=1e-3)
    assert found.spread[0, 0] == pytest.approx(phi + mean * variance, rel=5e-3)


def test_a_series_of_zeros_expects_a_trace_and_one_case_is_unusual():
    counts = np.zeros((2, 401))
    counts[1, NOW] = 1
    found = harmonic(counts, at=[NOW])
    assert (found.expected > 0).all()
    assert (found.expected < 0.05).all()
    assert found.p_value[0, 0] == 1.0
    assert found.p_value[1, 0] < 0.05


def test_a_jump_of_200000_percent_is_an_alarm_and_does_not_overflow():
    counts = series()
    counts[NOW] = 2000 * counts[:NOW].mean()
    counts[100] = 2000 * counts[:NOW].mean()
    found = harmonic(counts[None], at=[NOW])
    calm = harmonic(series()[None], at=[NOW])
    assert found.alarms(alpha=1e-9).all()
    assert np.isfinite(found.score).all()
    assert found.expected[0, 0] == pytest.approx(calm.expected[0, 0], rel=0.5)


def test_an_excluded_period_changes_nothing_whatever_was_counted_in_it():
    counts = series()
    mask = np.zeros(counts.size, bool)
    mask[200:260] = True
    wild = np.where(mask, 9000.0, counts)
    quiet, loud = (harmonic(c[None], at=[NOW], excluded=mask) for c in (counts, wild))
    assert quiet.p_value[0, 0] == loud.p_value[0, 0]


def test_a_modelled_period_keeps_its_own_level():
    counts = series()
    pandemic = np.zeros(counts.size)
    pandemic[250:350] = 1.0
    raised = np.where(pandemic > 0, 6 * counts, counts)
    plain = harmonic(counts[None], at=[NOW])
    ignored = harmonic(raised[None], at=[NOW])
    modelled = harmonic(raised[None], at=[NOW], covariates=pandemic)
    error = [abs(np.log(f.expected[0, 0] / plain.expected[0, 0])) for f in (ignored, modelled)]
    assert error[1] < error[0] / 3


def test_a_holiday_that_returns_is_expected_in_the_week_it_falls_on():
    counts, holiday = series(weeks=417), np.zeros(417)
    holiday[[100, 152, 204, 256, 308, 360, 412]] = 1.0
    counts[holiday > 0] = np.floor(counts[holiday > 0] * 0.2)
    week = harmonic(counts[None], at=[412], covariates=holiday).expected[0, 0]
    plain = harmonic(counts[None], at=[412]).expected[0, 0]
    assert week < 0.7 * plain


def test_twice_the_people_expect_twice_the_cases():
    counts = series()
    people = np.full(counts.size, 1000.0)
    more = people.copy()
    more[NOW] = 2000.0
    one, two = (harmonic(counts[None], at=[NOW], populations=p) for p in (people, more))
    assert two.expected[0, 0] == pytest.approx(2 * one.expected[0, 0], rel=1e-6)


def test_less_than_half_a_year_of_history_decides_nothing():
    found = harmonic(series()[None], at=[40])
    assert found.flags[0, 0] & Flag.TOO_SHORT
    assert not found.alarms(alpha=0.9).any()


def test_a_week_stands_alone_whichever_other_weeks_are_evaluated():
    counts = np.stack([series(seed=seed) for seed in range(4)])
    alone = harmonic(counts[2:3], at=[NOW])
    among = harmonic(counts, at=np.arange(350, NOW + 1))
    assert among.p_value[2, -1] == alone.p_value[0, 0]


def test_more_cases_are_never_less_unusual():
    counts = np.repeat(series()[None], 50, axis=0)
    counts[:, NOW] = np.arange(50)
    assert (np.diff(harmonic(counts, at=[NOW]).p_value[:, 0]) <= 0).all()


def test_covariates_of_the_wrong_length_are_refused():
    with pytest.raises(ShapeError, match="covariates"):
        harmonic(series()[None], at=[NOW], covariates=np.ones(7))


def test_a_week_outside_the_table_is_refused():
    with pytest.raises(WeekOutsideError, match="0 to 400"):
        harmonic(series()[None], at=[401])


def test_p_values_are_about_as_rare_as_they_say():
    rng = np.random.default_rng(8)
    counts = rng.negative_binomial(10.0, 0.5, (60, 600)).astype(float)
    found = harmonic(counts, at=np.arange(560, 600))
    assert 0.03 < (found.p_value <= 0.05).mean() < 0.065
