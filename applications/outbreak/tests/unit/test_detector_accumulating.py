"""CUSUM and GLR against loops and a numerical maximum written out here."""

import numpy as np
import pytest
from scipy import optimize, stats

from liudu.outbreak.detectors import cusum, glr, harmonic
from liudu.outbreak.detectors._accumulating_kernel import glr as run_glr

RNG = np.random.default_rng(6)
COUNTS = RNG.negative_binomial(8.0, 0.5, (1, 340)).astype(float)
AT = np.arange(300, 340)


def test_the_cusum_adds_rossis_residuals_and_starts_again_after_an_alarm():
    counts = COUNTS.copy()
    counts[0, 310:313] += 15
    means = harmonic(counts, at=AT, years=5).expected[0]
    level, wanted = 0.0, []
    for y, m in zip(counts[0, AT], means, strict=True):
        x = (y - 3 * m + 2 * np.sqrt(m * y)) / (2 * np.sqrt(m))
        level = max(0.0, level + x - 1.04)
        wanted.append(level)
        level = 0.0 if level >= 2.26 else level
    found = cusum(counts, at=AT)
    np.testing.assert_allclose(found.score[0], wanted, rtol=1e-9)
    assert (found.score >= 2.26).any()
    np.testing.assert_array_equal(found.alarms(alpha=0.5), found.score >= 2.26)


def log_ratio(y, m, a, change):
    size = 1 / a
    risen = stats.nbinom.logpmf(y, size, size / (size + m * np.exp(change)))
    return (risen - stats.nbinom.logpmf(y, size, size / (size + m))).sum()


def test_the_glr_is_the_largest_log_ratio_over_starts_and_sizes():
    y = np.array([[4.0, 6, 5, 9, 12, 11]])
    m, a = np.full((1, 6), 5.0), np.full((1, 6), 0.2)
    scores, none = np.full((1, 6), np.nan), np.zeros((0, 0))
    run_glr(y, m, a, 26, 1e9, scores, none)
    for week in range(6):
        wanted = max(
            -optimize.minimize_scalar(
                lambda c, of=slice(s, week + 1): -log_ratio(y[0, of], m[0, of], a[0, of], c),
                bounds=(0, 5), method="bounded", options={"xatol": 1e-9},
            ).fun
            for s in range(week + 1)
        )  # fmt: skip
        assert scores[0, week] == pytest.approx(max(wanted, 0.0), abs=1e-6)


def test_the_bound_of_the_glr_parts_alarm_from_none():
    counts = COUNTS.copy()
    counts[0, 320:325] += 20
    found = glr(counts, at=AT)
    np.testing.assert_array_equal(found.alarms(alpha=0.5), found.score >= 5.0)
    assert found.alarms(alpha=0.5).any()


def test_a_missing_week_neither_alarms_nor_stops_the_sum():
    counts = COUNTS.copy()
    counts[0, 310] = np.nan
    for method in (cusum, glr):
        found = method(counts, at=AT)
        assert np.isnan(found.score[0, 10])
        assert np.isfinite(found.score[0, 11])


def test_a_run_in_lets_an_earlier_rise_count():
    counts = COUNTS.copy()
    counts[0, 298:301] = 13.0  # each a rise, none an alarm
    late = cusum(counts, at=AT)
    early = cusum(counts, at=AT, run_in_weeks=10)
    assert early.score[0, 0] > late.score[0, 0]
