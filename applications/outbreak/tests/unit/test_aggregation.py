"""Counts by place, age, sex, disease and week."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from liudu.outbreak.aggregation import (
    AgeBreaksError,
    Counting,
    NoCasesError,
    RingInTreeError,
    SumsDifferError,
    TooManyCellsError,
    UnknownDimensionError,
    age_label,
    aggregate,
    cases_behind,
    check_sums,
    city_tree,
    daily,
    regrouped,
    rolling,
    windows_ending,
    with_totals,
)

AT = date(2026, 11, 20)  # a Friday


def cases(*rows):
    standard = {
        "district": "a", "disease": "x", "sex": "male", "case_class": "confirmed",
        "age_years": 30.0, "age_group": None, "outbreak": False, "date_onset": None,
        "date_report": date(2026, 11, 3),
    }  # fmt: skip
    schema = {"age_group": pl.String, "date_onset": pl.Date, "age_years": pl.Float32}
    return pl.LazyFrame([standard | row for row in rows], schema_overrides=schema)


def counted(*rows, by=("district",), calendar="iso", at=AT, **options):
    counting = Counting(by=by, **options)
    return aggregate(cases(*rows), counting=counting, calendar=calendar, at=at)


def test_weeks_without_a_case_are_zero_and_every_combination_is_a_series():
    found = counted({}, {"district": "b", "sex": "female", "date_report": date(2026, 11, 15)},
                    by=("district", "sex"))  # fmt: skip
    assert found.table.keys == (("a", "female"), ("a", "male"), ("b", "female"), ("b", "male"))
    assert found.table.counts.tolist() == [[0, 0], [1, 0], [0, 1], [0, 0]]
    assert [found.table.label(week) for week in (0, 1)] == ["2026-W45", "2026-W46"]


def test_the_week_that_is_not_over_is_left_out_and_counted():
    found = counted({}, {"date_report": date(2026, 11, 17)})
    assert found.table.label(found.table.counts.shape[1] - 1) == "2026-W46"
    assert found.left == {"unfinished_week": 1}
    assert found.counted == 1


def test_a_week_that_ends_today_is_over():
    sunday = date(2026, 11, 22)
    found = counted({"date_report": sunday}, at=sunday)
    assert found.table.label(0) == "2026-W47"


def test_days_of_january_fall_into_week_53_of_the_year_before():
    found = counted({"date_report": date(2021, 1, 3)}, {"date_report": date(2020, 12, 28)})
    assert found.table.label(0) == "2020-W53"
    assert found.table.counts[0, 0] == 2
    assert found.table.label(1) == "2021-W01"


def test_mmwr_weeks_begin_on_sunday():
    rows = {"date_report": date(2026, 11, 8)}, {"date_report": date(2026, 11, 7)}
    assert counted(*rows, calendar="mmwr").table.counts[0, :2].tolist() == [1, 1]
    assert counted(*rows).table.counts[0, :1].tolist() == [2]


def test_an_empty_onset_counts_at_the_report_and_is_told():
    found = counted({"date_onset": date(2026, 10, 28)}, {}, date_field="date_onset")
    assert found.table.counts[0, :2].tolist() == [1, 1]
    assert found.dated_by_report == 1


def test_classes_and_known_outbreaks_are_left_out_on_wish_and_counted():
    rows = {}, {"case_class": "suspected"}, {"outbreak": True}
    found = counted(*rows, classes=("confirmed",), outbreaks="exclude")
    assert found.left == {"class": 1, "outbreak": 1}
    assert found.counted == 1
    labelled = counted(*rows).table
    assert labelled.outbreak.tolist() == [[True, False]]
    assert labelled.counts[0, 0] == 3


@pytest.mark.parametrize(
    ("years", "label"),
    [(0.0, "00-04"), (4.99, "00-04"), (5.0, "05-14"), (65.0, "65+"), (None, "unknown")],
)
def test_an_age_falls_into_the_group_that_holds_it(years, label):
    assert age_label(years) == label
    found = counted({"age_years": years}, by=("age",))
    row = [key[0] for key in found.table.keys].index(label)
    assert found.table.counts[row, 0] == 1


@pytest.mark.parametrize(
    ("given", "group"),
    [("05-14", "05-14"), ("05_09", "05-14"), ("<5", "00-04"), ("80+", "65+"), (">65", "65+"),
     ("10-19", "unknown"), ("old", "unknown"), ("7", "05-14")],
)  # fmt: skip
def test_a_given_age_group_counts_where_one_group_holds_it_whole(given, group):
    assert regrouped(given, ages=(0, 5, 15, 25, 45, 65)) == group


def test_totals_are_sums_from_below_over_several_levels():
    table = counted({}, {"district": "b"}, {"district": "c", "age_years": 2.0},
                    by=("district", "age")).table  # fmt: skip
    tree = {
        "district": {"a": "north", "b": "north", "c": "south", "north": "*", "south": "*"},
        **city_tree(table, columns=["age"]),
    }
    total = with_totals(table, tree=tree)
    value = {key: total.counts[row, 0] for row, key in enumerate(total.keys)}
    assert value["north", "*"] == 2
    assert value["*", "00-04"] == 1
    assert value["*", "*"] == 3
    check_sums(total, tree=tree)
    again = with_totals(total, tree=tree)
    assert again.keys == total.keys
    assert (again.counts == total.counts).all()


def test_a_total_that_is_not_the_sum_is_refused():
    table = counted({}, {"district": "b"}).table
    tree = city_tree(table, columns=["district"])
    total = with_totals(table, tree=tree)
    total.counts[total.keys.index(("*",)), 0] = 3
    with pytest.raises(SumsDifferError, match="2"):
        check_sums(total, tree=tree)


def test_a_value_within_itself_is_refused():
    table = counted({}).table
    with pytest.raises(RingInTreeError):
        with_totals(table, tree={"district": {"a": "b", "b": "c", "c": "b"}})


def test_rolling_windows_see_a_cluster_over_the_boundary_of_weeks():
    sunday = date(2026, 11, 8)
    rows = [{"date_report": sunday + timedelta(days=shift)} for shift in (-1, 0, 1, 2)]
    days = daily(cases(*rows), counting=Counting(by=("district",)), at=AT)
    sums = rolling(days)
    assert np.isnan(sums[0, :6]).all()
    assert np.nanmax(sums) == 4
    first = days.first_day
    early = daily(cases(*rows), counting=Counting(by=("district",)), at=AT,
                  first=first - timedelta(days=21))  # fmt: skip
    table = windows_ending(early, day=sunday + timedelta(days=2))
    assert table.counts[0, -1] == 4
    assert table.calendar == "counted"
    with pytest.raises(NoCasesError):
        windows_ending(days, day=AT + timedelta(days=1))


def test_the_line_list_behind_a_cell_has_as_many_rows_as_the_cell_counts():
    rows = {}, {"sex": "female"}, {"district": "b"}, {"age_years": 2.0}
    counting = Counting(by=("district", "age", "sex"))
    table = aggregate(cases(*rows), counting=counting, at=AT).table
    total = with_totals(table, tree=city_tree(table, columns=["age", "sex"]))
    for row in range(len(total.keys)):
        behind = cases_behind(cases(*rows), table=total, row=row, week=0, counting=counting)
        assert behind.collect().height == total.counts[row, 0]


def test_the_line_list_behind_a_total_of_some_districts_holds_their_cases():
    rows = {}, {"district": "b"}, {"district": "c"}
    counting = Counting(by=("district",))
    table = aggregate(cases(*rows), counting=counting, at=AT).table
    tree = {"district": {"a": "north", "b": "north", "c": "south"}}
    total = with_totals(table, tree=tree)
    behind = cases_behind(cases(*rows), table=total, row=total.keys.index(("north",)), week=0,
                          counting=counting, tree=tree)  # fmt: skip
    assert sorted(behind.collect()["district"].to_list()) == ["a", "b"]


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(UnknownDimensionError):
        Counting(by=("name",))
    with pytest.raises(AgeBreaksError):
        Counting(by=("age",), ages=(0, 5, 5))
    with pytest.raises(NoCasesError):
        counted({"case_class": "suspected"}, classes=("confirmed",))


def test_a_table_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr("liudu.outbreak.aggregation.CELLS_MAX", 1)
    with pytest.raises(TooManyCellsError):
        counted({})


def test_values_asked_for_have_a_series_without_a_case():
    found = counted({}, values={"district": ["z"]})
    assert found.table.keys == (("a",), ("z",))
    assert found.table.counts[1].sum() == 0
