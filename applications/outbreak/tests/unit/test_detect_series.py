"""Tables of weekly counts: what is read, and what is refused and why."""

import numpy as np
import pytest

from liudu.outbreak import series as tables
from liudu.outbreak.series import read_series, week_label, week_number, write_series


def table(tmp_path, *lines, name="series.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def test_rows_become_series_by_weeks_without_a_gap(tmp_path):
    path = table(
        tmp_path, "district,week,count", "姑苏,2025-W52,3", "姑苏,2026-W02,5", "虎丘,2026-W01,0"
    )
    found = read_series(path)
    assert found.keys == (("姑苏",), ("虎丘",))
    assert [found.label(i) for i in range(3)] == ["2025-W52", "2026-W01", "2026-W02"]
    np.testing.assert_array_equal(found.counts, [[3, np.nan, 5], [np.nan, 0, np.nan]])


def test_absent_weeks_are_zero_only_where_this_is_said(tmp_path):
    path = table(tmp_path, "week,count", "2026-W01,3", "2026-W03,5")
    assert read_series(path, absent="zero").counts.tolist() == [[3, 0, 5]]


def test_an_empty_count_is_missing_even_where_absent_weeks_are_zero(tmp_path):
    path = table(tmp_path, "week,count", "2026-W01,3", "2026-W02,")
    assert np.isnan(read_series(path, absent="zero").counts[0, 1])


def test_chinese_heads_in_gb18030_are_read(tmp_path):
    path = table(tmp_path, "病种,周,病例数", "流感,2026-W01,7", encoding="gb18030")
    found = read_series(path)
    assert (found.columns, found.keys, found.counts[0, 0]) == (("病种",), (("流感",),), 7)


def test_week_53_is_a_week_in_years_that_have_one_and_refused_in_others():
    assert week_number("2020-W53", calendar="iso") + 1 == week_number("2021-W01", calendar="iso")
    with pytest.raises(tables.UnknownWeekError, match="2021 has the weeks 1 to 52"):
        week_number("2021-W53", calendar="iso")


@pytest.mark.parametrize("calendar", ["iso", "mmwr"])
def test_a_week_keeps_its_name_there_and_back(calendar):
    start = week_number("2014-W50", calendar=calendar)
    names = [week_label(number, calendar=calendar) for number in range(start, start + 400)]
    assert [week_number(name, calendar=calendar) for name in names] == list(
        range(start, start + 400)
    )


def test_mmwr_and_iso_weeks_of_one_name_are_not_one_week():
    assert week_label(week_number("2014-W53", calendar="mmwr"), calendar="mmwr") == "2014-W53"
    with pytest.raises(tables.UnknownWeekError):
        week_number("2014-W53", calendar="iso")


@pytest.mark.parametrize(
    ("line", "refusal", "told"),
    [
        ("2026-W02,-1", tables.NegativeCountError, "Line 3: the count -1 is negative"),
        ("2026-W02,1.5", tables.FractionalCountError, "Line 3: the count 1.5 is not whole"),
        ("2026-W02,many", tables.NotACountError, "'many' is not a number"),
        ("2026-W02,inf", tables.NotACountError, "'inf'"),
        ("2026-W54,1", tables.UnknownWeekError, "Line 3: '2026-W54'"),
        ("02/2026,1", tables.UnknownWeekError, "wanted: 2026-W05"),
        ("2026-W01,4", tables.DuplicateWeekError, r"2 rows for week 2026-W01 \(lines 2, 3\)"),
        ("2206-W01,4", tables.LongSpanError, "mistyped year"),
        ("2026-W09,4", tables.FutureWeekError, "Line 3: week 2026-W09 lies after 2026-W05"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(tmp_path, line, refusal, told):
    path = table(tmp_path, "week,count", "2026-W01,3", line)
    with pytest.raises(refusal, match=told):
        read_series(path, at=None if "2206" in line else "2026-W05")


def test_a_future_week_without_a_count_is_no_fault(tmp_path):
    path = table(tmp_path, "week,count", "2026-W01,3", "2026-W09,")
    assert read_series(path, at="2026-W05").counts.shape == (1, 9)


def test_a_table_without_counts_or_columns_is_refused(tmp_path):
    with pytest.raises(tables.MissingColumnError, match="'count'"):
        read_series(table(tmp_path, "week,number", "2026-W01,3"))
    with pytest.raises(tables.EmptyTableError):
        read_series(table(tmp_path, "week,count", "2026-W01,"))
    with pytest.raises(tables.UnreadableTableError):
        read_series(table(tmp_path, "\x00\x01", "a,b,c,d", name="broken.csv"))


def test_labels_and_people_are_read_beside_the_counts(tmp_path):
    path = table(
        tmp_path, "week,count,outbreak,population", "2026-W01,3,0,1000", "2026-W03,9,1,1100"
    )
    found = read_series(path)
    assert found.columns == ()
    assert found.outbreak.tolist() == [[False, False, True]]
    assert found.populations.tolist() == [[1000, 1000, 1100]]


def test_a_label_that_is_neither_0_nor_1_is_refused(tmp_path):
    path = table(tmp_path, "week,count,outbreak", "2026-W01,3,yes")
    with pytest.raises(tables.NotALabelError, match="'yes'; wanted: 0 or 1"):
        read_series(path)


def test_a_table_written_is_the_table_read(tmp_path):
    path = table(
        tmp_path,
        "district,week,count,outbreak",
        "甲,2026-W01,3,0",
        "甲,2026-W02,,1",
        "乙,2026-W02,4,0",
    )
    first = read_series(path)
    write_series(tmp_path / "again.csv", first)
    again = read_series(tmp_path / "again.csv")
    np.testing.assert_array_equal(first.counts, again.counts)
    np.testing.assert_array_equal(first.outbreak, again.outbreak)
    assert (again.keys, again.first_week) == (first.keys, first.first_week)


def test_a_week_outside_the_table_is_refused_with_its_range(tmp_path):
    found = read_series(table(tmp_path, "week,count", "2026-W01,3"))
    with pytest.raises(tables.WeekNotInTableError, match="2026-W01 to 2026-W01"):
        found.index("2026-W02")
