"""EARS, RKI, Bayes, CIDARS and the mean of recent weeks, worked out by hand."""

import numpy as np
import pytest
from scipy import stats

from liudu.outbreak.detectors import Flag, bayes, ears, moving_percentile, recent, rki

RNG = np.random.default_rng(4)
COUNTS = RNG.poisson(8.0, 300).astype(float)
NOW = 299


def c2(counts, week):
    baseline = counts[week - 9 : week - 2]
    return (counts[week] - baseline.mean()) / baseline.std(ddof=1)


def test_c1_counts_standard_deviations_from_the_last_seven_weeks():
    found = ears(COUNTS[None], at=[NOW], variant=1)
    baseline = COUNTS[NOW - 7 : NOW]
    z = (COUNTS[NOW] - baseline.mean()) / baseline.std(ddof=1)
    assert found.score[0, 0] == pytest.approx(z)
    assert found.p_value[0, 0] == pytest.approx(stats.norm.sf(z))
    bound = baseline.mean() + stats.norm.isf(0.01) * baseline.std(ddof=1)
    assert found.bound(alpha=0.01)[0, 0] == pytest.approx(bound)


def test_c2_leaves_the_last_two_weeks_out():
    assert ears(COUNTS[None], at=[NOW], variant=2).score[0, 0] == pytest.approx(c2(COUNTS, NOW))


def test_c3_adds_what_the_two_weeks_before_exceeded_one_sd_by():
    counts = COUNTS.copy()
    counts[[NOW - 1, NOW - 2]] = 17.0
    wanted = c2(counts, NOW) + sum(max(c2(counts, NOW - back) - 1, 0) for back in (1, 2))
    found = ears(counts[None], at=[NOW], variant=3)
    assert found.score[0, 0] == pytest.approx(wanted)
    over = counts[NOW] > found.bound(alpha=0.01)[0, 0]
    assert over == (found.p_value[0, 0] < 0.01)


def test_a_constant_baseline_keeps_ears_finite():
    counts = np.full((1, 20), 3.0)
    counts[0, 19] = 5.0
    found = ears(counts, at=[19], variant=1)
    assert found.score[0, 0] == pytest.approx(2 / 0.2)


def test_rki_reads_the_table_of_poisson_limits_up_to_a_mean_of_twenty():
    found = rki(np.array([[4.0, 5, 4, 5, 4, 6, 9.0, 10.0]]), at=[6, 7], variant=1)
    assert found.limit[0].tolist() == [9.598, 11.177]  # means 4.67 and 5.5
    assert found.alarms(alpha=0.01)[0].tolist() == [False, False]


def test_rki_takes_two_standard_deviations_above_a_mean_of_twenty():
    counts = RNG.poisson(60.0, 10).astype(float)
    reference = counts[3:9]
    found = rki(counts[None], at=[9], variant=1)
    assert found.limit[0, 0] == pytest.approx(reference.mean() + 2 * reference.std(ddof=1))


@pytest.mark.parametrize(("variant", "weeks"), [(1, 6), (2, 19), (3, 18)])
def test_bayes_predicts_from_the_sum_of_its_reference_weeks(variant, weeks):
    past = {
        1: COUNTS[NOW - 6 : NOW],
        2: np.concatenate([COUNTS[NOW - 6 : NOW], COUNTS[NOW - 58 : NOW - 45]]),
        3: np.concatenate([COUNTS[NOW - 56 : NOW - 47], COUNTS[NOW - 108 : NOW - 99]]),
    }[variant]
    assert past.size == weeks
    found = bayes(COUNTS[None], at=[NOW], variant=variant, year_weeks=52.0)
    law = stats.nbinom(past.sum() + 0.5, weeks / (weeks + 1))
    assert found.p_value[0, 0] == pytest.approx(law.sf(COUNTS[NOW] - 1))
    assert found.bound(alpha=0.05)[0, 0] == law.ppf(0.95)


def test_the_moving_percentile_is_that_of_fifteen_weeks_of_three_years():
    weeks = np.concatenate([NOW - 52 * year + np.arange(-2, 3) for year in (1, 2, 3)])
    found = moving_percentile(COUNTS[None], at=[NOW], year_weeks=52.0)
    assert found.limit[0, 0] == pytest.approx(np.percentile(COUNTS[weeks], 80))
    rank = (1 + (COUNTS[weeks] >= COUNTS[NOW]).sum()) / 16
    assert found.p_value[0, 0] == pytest.approx(rank)


def test_the_percentile_ignores_weeks_that_are_missing():
    counts = COUNTS.copy()
    counts[NOW - 52] = np.nan
    weeks = np.concatenate([NOW - 52 * year + np.arange(-2, 3) for year in (1, 2, 3)])
    found = moving_percentile(counts[None], at=[NOW], year_weeks=52.0)
    assert found.limit[0, 0] == pytest.approx(np.nanpercentile(counts[weeks], 80))


def test_the_mean_of_recent_weeks_needs_seven_of_them():
    found = recent(COUNTS[None, :20], at=[6, 7])
    assert bool(found.flags[0, 0] & Flag.TOO_SHORT)
    assert found.expected[0, 1] == pytest.approx((COUNTS[:7].sum() + 0.5) / 7)


def test_excluded_weeks_stay_out_of_reference_weeks():
    counts = COUNTS.copy()
    counts[NOW - 3] = 500.0
    mask = np.zeros(counts.size, bool)
    mask[NOW - 3] = True
    found = ears(counts[None], at=[NOW], variant=1, excluded=mask)
    left = np.delete(counts[NOW - 7 : NOW], 4)
    assert found.expected[0, 0] == pytest.approx(left.mean())
