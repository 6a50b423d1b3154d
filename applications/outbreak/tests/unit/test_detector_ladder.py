"""Which detector decides at which length of history."""

import numpy as np
import pytest

from liudu.outbreak.detectors import (
    DETECTORS,
    Flag,
    UnknownDetectorError,
    UnknownOptionError,
    detect,
)

RNG = np.random.default_rng(1)
COUNTS = RNG.poisson(9.0, (1, 600)).astype(float)


def decided_by(weeks, name):
    found = detect(COUNTS[:, : weeks + 1], at=[weeks], name=name)
    return found.name(series=0, week=0), Flag(int(found.flags[0, 0]))


@pytest.mark.parametrize(
    ("weeks", "asked", "decides"),
    [
        (600 - 1, "farrington", "farrington"),
        (260, "farrington", "farrington"),
        (259, "farrington", "hr"),
        (52, "hr", "hr"),
        (51, "hr", "recent"),
        (7, "farrington", "recent"),
        (9, "ears_c2", "ears_c2"),
        (8, "ears_c2", "recent"),
    ],
)
def test_the_longest_step_that_the_history_reaches_decides(weeks, asked, decides):
    name, flags = decided_by(weeks, asked)
    assert name == decides
    assert bool(flags & Flag.LADDER) == (asked != decides)


def test_below_seven_weeks_nothing_is_decided_and_it_is_said():
    found = detect(COUNTS[:, :7], at=[6])
    assert found.flags[0, 0] & Flag.TOO_SHORT
    assert not found.alarms(alpha=0.9).any()


def test_series_of_different_lengths_are_decided_side_by_side():
    counts = np.repeat(COUNTS, 3, axis=0)
    counts[1, :580] = np.nan
    counts[2, :597] = np.nan
    found = detect(counts, at=[599])
    names = [found.name(series=row, week=0) for row in (0, 1)]
    assert names == ["hr", "recent"]
    assert found.flags[2, 0] & Flag.TOO_SHORT
    alone = detect(counts[1:2], at=[599])
    assert alone.p_value[0, 0] == found.p_value[1, 0]


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_detector_decides_a_long_series_alarms_at_a_jump_and_not_without_one(name):
    counts = np.repeat(COUNTS, 2, axis=0)
    counts[0, 599], counts[1, 599] = 90, 9
    found = detect(counts, at=[599], name=name)
    assert found.alarms(alpha=0.01).ravel().tolist() == [True, False]
    assert found.score[0, 0] > found.score[1, 0]
    bound = found.bound(alpha=0.01)
    assert 9 <= bound[1, 0] < 90 or name == "glr_nb"


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_detector_bears_zeros_gaps_and_enormous_counts(name):
    counts = np.zeros((3, 400))
    counts[1, ::3] = np.nan
    counts[2] = 1e9
    found = detect(counts, at=[380, 399], name=name)
    assert not found.alarms(alpha=0.01)[:2].any()
    assert np.isfinite(found.expected[0]).all()


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_permuting_the_series_permutes_the_decisions(name):
    counts = RNG.negative_binomial(6.0, 0.4, (5, 420)).astype(float)
    order = np.array([3, 0, 4, 1, 2])
    whole, turned = (detect(c, at=[418, 419], name=name) for c in (counts, counts[order]))
    np.testing.assert_array_equal(turned.score, whole.score[order])


def test_an_unknown_detector_is_refused_with_the_names_that_exist():
    with pytest.raises(UnknownDetectorError, match="hr, lr, farrington"):
        detect(COUNTS, at=[599], name="magic")


def test_an_option_that_a_detector_does_not_have_is_refused():
    with pytest.raises(UnknownOptionError, match="ears_c1 has no option 'years'"):
        detect(COUNTS, at=[599], name="ears_c1", options={"years": 3})
