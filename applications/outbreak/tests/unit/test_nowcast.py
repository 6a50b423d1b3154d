"""Reporting delay: what the last weeks will count, and what alarms that supports."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from liudu.outbreak.aggregation import Counting
from liudu.outbreak.configuration import Configuration
from liudu.outbreak.nowcast import (
    DelayLongerThanSeriesError,
    NegativeDelayError,
    NothingReportedError,
    Triangle,
    counts_drawn,
    masked,
    nowcast,
    provisional_alarms,
    reported_by,
    reporting_triangle,
    to_rows,
)

DELAY = np.array([0.25, 0.3, 0.2, 0.12, 0.08, 0.05])
LEVELS = (0.5, 0.9, 0.95)


def simulated(rng, *, means, phi=1.0):
    return counts_drawn(means[:, :, None] * DELAY, dispersion=phi, rng=rng)


def triangle_of(cells, first=100_000):
    keys = tuple((str(at),) for at in range(len(cells)))
    return Triangle(columns=("s",), keys=keys, unit="week", calendar="iso", first_time=first,
                    counts=masked(cells))  # fmt: skip


def test_shares_by_delay_are_the_chain_ladders():
    cells = masked(np.array([[[6.0, 3, 1], [12, 6, 0], [9, 0, 0]]]))[0]
    share = reported_by(cells)
    last = 1 / 10
    middle = (3 + 6) / (9 + 18)
    assert share == pytest.approx([(1 - middle) * (1 - last), 1 - last, 1.0])


def test_shares_are_found_again_from_many_cases():
    rng = np.random.default_rng(1)
    cells = masked(simulated(rng, means=np.full((1, 80), 500.0)))[0]
    assert reported_by(cells) == pytest.approx(DELAY.cumsum(), abs=0.02)


def test_a_week_without_a_report_yet_is_not_taken_for_a_week_without_cases():
    cells = np.tile(10 * DELAY, (1, 30, 1)).round()
    cells[0, -1] = 0
    found = nowcast(triangle_of(cells), rng=np.random.default_rng(1))
    assert found.observed[0, -1] == 0
    assert found.point[0, -1] > 0
    assert found.interval(0.95)[1][0, -1] > 0


def test_complete_weeks_are_not_changed_and_only_the_last_are_provisional():
    rng = np.random.default_rng(2)
    found = nowcast(triangle_of(simulated(rng, means=np.full((2, 40), 8.0))), rng=rng)
    assert (found.point[:, :-5] == found.observed[:, :-5]).all()
    assert found.provisional.sum() == 5
    assert (found.draws >= found.observed[:, -5:, None]).all()
    low, high = found.interval(0.9)
    assert ((low <= found.median) & (found.median <= high)).all()


def test_overdispersed_reports_give_wider_intervals():
    widths = []
    for phi in (1.0, 4.0):
        rng = np.random.default_rng(3)
        found = nowcast(triangle_of(simulated(rng, means=np.full((4, 60), 30.0), phi=phi)), rng=rng)
        low, high = found.interval(0.9)
        widths.append((high - low)[:, -1].mean())
        assert found.dispersion == pytest.approx(phi, rel=0.25)
    assert widths[1] > 1.3 * widths[0]


@pytest.mark.slow
@pytest.mark.parametrize("phi", [1.0, 2.0])
@pytest.mark.parametrize("change", [1.0, 3.0])
def test_intervals_cover_what_is_reported_later_also_when_cases_triple(phi, change):
    rng = np.random.default_rng(4)
    week = np.arange(60)
    means = 20 * np.exp(0.6 * np.cos(2 * np.pi * week / 52)) * np.array([[0.5], [1], [2]])
    means[:, -4:] *= change
    inside = {level: [] for level in LEVELS}
    for _ in range(150):
        full = simulated(rng, means=means, phi=phi)
        found = nowcast(triangle_of(full), rng=rng, draws=300)
        true = full.sum(axis=2)[:, -5:]
        for level in LEVELS:
            low, high = found.interval(level)
            inside[level].append((low[:, -5:] <= true) & (true <= high[:, -5:]))
    for level in LEVELS:
        # Whole cases make intervals wider than asked, most of all narrow ones.
        assert level - 0.04 <= np.mean(inside[level]) <= level + 0.17


def cases(rng, *, weeks=40, mean=12.0, last_monday=date(2026, 11, 9)):
    rows = []
    for back in range(weeks):
        monday = last_monday - timedelta(weeks=back)
        for delay, number in enumerate(rng.poisson(mean * DELAY)):
            rows += [
                {"disease": "x", "case_class": "confirmed", "outbreak": False,
                 "date_onset": monday, "date_report": monday + timedelta(weeks=delay)}
            ] * int(number)  # fmt: skip
    return pl.LazyFrame(rows)


COUNTING = Counting(by=("disease",))


def test_a_triangle_counts_by_week_and_delay_and_hides_the_future():
    rng = np.random.default_rng(5)
    at = date(2026, 11, 15)
    found = reporting_triangle(cases(rng), counting=COUNTING, at=at, delay_max=5)
    assert found.counts.shape == (1, 40, 6)
    assert np.isnan(found.counts[0, -1, 1:]).all()
    assert np.isfinite(found.counts[0, :35]).all()
    assert found.keys == (("x",),)


def test_reports_after_the_present_day_are_not_known():
    rng = np.random.default_rng(5)
    early = reporting_triangle(cases(rng), counting=COUNTING, at=date(2026, 10, 18), delay_max=5)
    assert early.counts.shape[1] == 36


def test_the_largest_delay_is_learnt_and_later_reports_are_told():
    rng = np.random.default_rng(6)
    learnt = reporting_triangle(cases(rng), counting=COUNTING, at=date(2026, 11, 15))
    assert learnt.delay_max in {4, 5}
    short = reporting_triangle(cases(rng), counting=COUNTING, at=date(2026, 11, 15), delay_max=3)
    assert short.late > 0
    assert 0 < short.late_share < 0.3


def test_cases_without_an_onset_are_told():
    rng = np.random.default_rng(6)
    some = cases(rng).with_columns(
        pl.when(pl.int_range(pl.len()) % 10 > 0).then(pl.col("date_onset"))
    )
    found = reporting_triangle(some, counting=COUNTING, at=date(2026, 11, 15), delay_max=5)
    assert found.undated > 0


def test_a_delay_longer_than_the_series_is_refused_with_the_length_it_needs():
    rng = np.random.default_rng(7)
    with pytest.raises(DelayLongerThanSeriesError, match="at least 62 weeks"):
        reporting_triangle(cases(rng), counting=COUNTING, at=date(2026, 11, 15), delay_max=60)
    with pytest.raises(DelayLongerThanSeriesError):
        nowcast(triangle_of(np.ones((1, 6, 6))), rng=rng)


def test_what_cannot_be_nowcast_is_refused():
    rng = np.random.default_rng(7)
    with pytest.raises(NegativeDelayError):
        reporting_triangle(cases(rng), counting=COUNTING, at=date(2026, 11, 15), delay_max=0)
    with pytest.raises(NothingReportedError):
        reporting_triangle(cases(rng), counting=COUNTING, at=date(2020, 1, 1))
    with pytest.raises(NothingReportedError):
        nowcast(triangle_of(np.zeros((1, 30, 6))), rng=rng)


def test_days_are_a_unit_too():
    rng = np.random.default_rng(8)
    found = reporting_triangle(
        cases(rng), counting=COUNTING, at=date(2026, 11, 15), unit="day", delay_max=35
    )
    assert found.counts.shape[2] == 36
    rows = to_rows(nowcast(found, rng=rng, draws=100))
    assert rows[-1]["time"] == "2026-11-15"


def test_an_outbreak_hidden_by_the_delay_is_raised_on_the_nowcast_and_flagged_provisional():
    rng = np.random.default_rng(9)
    means = np.full((1, 300), 10.0)
    means[0, -1] = 60.0
    cells = simulated(rng, means=means)
    found = nowcast(triangle_of(cells, first=105_000), rng=rng)
    alarms = provisional_alarms(found, configuration=Configuration())
    assert found.observed[0, -1] < alarms.bound[0, -1]
    assert alarms.probability[0, -1] > 0.5
    assert alarms.raised[0, -1]
    assert alarms.flagged.all()
    quiet = alarms.probability[0, :-1]
    assert (quiet < 0.5).all()
    row = to_rows(found, alarms=alarms)[-1]
    assert row["alarm"]
    assert row["provisional"]
    assert row["low_95"] <= row["median"] <= row["high_95"]


def test_a_week_that_is_complete_alarms_for_sure_or_not_at_all():
    rng = np.random.default_rng(10)
    found = nowcast(triangle_of(simulated(rng, means=np.full((2, 300), 10.0)), 105_000), rng=rng)
    alarms = provisional_alarms(found, configuration=Configuration(), at=[290, 291])
    assert set(np.unique(alarms.probability)) <= {0.0, 1.0}
    assert not alarms.flagged.any()
