"""From files as bureaus have them to cases and a report that accounts for every row."""

import csv
import io
import json
from datetime import date, datetime

import polars as pl
import pytest
from click.testing import CliRunner
from openpyxl import Workbook

from liudu.outbreak.cli import main
from liudu.outbreak.linelist import (
    DateOrderInDoubtError,
    EmptyFileError,
    EncodingInDoubtError,
    MissingColumnsError,
    NoMappingFitsError,
    OldExcelError,
    RepeatedColumnError,
    Rules,
    SeveralSheetsError,
    SheetNotFoundError,
    UnreadableDecisionsError,
    WrongEncodingError,
    import_line_lists,
    parse_schema,
    read_decisions,
    read_schema,
    scan_cases,
)
from liudu.outbreak.quality import QualityReport, RowsDoNotAddUpError, read_report

TODAY = date(2026, 11, 20)
HEAD = "卡片ID,患者姓名,性别,出生日期,年龄,现住址编码,病种,病例分类,发病日期,报告日期"
ROW = {
    "id": "1", "name": "张三", "sex": "男", "born": "1990-01-01", "age": "36", "place": "33010200",
    "disease": "麻疹", "class": "确诊病例", "onset": "2026-11-01", "report": "2026-11-03",
}  # fmt: skip


def row(**changed):
    return ",".join({**ROW, **changed}.values())


def text(*rows, head=HEAD):
    return "\n".join([head, *rows]) + "\n"


def imported(tmp_path, *files, encoding="utf-8", schema=None, **rules):
    paths = []
    for number, content in enumerate(files):
        path = tmp_path / f"file{number}.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        paths.append(path)
    report = import_line_lists(
        paths, out=tmp_path / "out", at=TODAY, seed=1, schema=schema, rules=Rules(**rules)
    )
    return report, scan_cases(tmp_path / "out").collect()


def only(frame, column):
    assert frame.height == 1
    return frame[column][0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_a_chinese_export_is_read_in_any_of_its_encodings_and_says_which(tmp_path, encoding):
    report, cases = imported(tmp_path, text(row()), encoding=encoding)
    assert only(cases, "disease") == "麻疹"
    stated = report.files[0].encoding
    assert stated == {"gbk": "gb18030"}.get(encoding, encoding)
    assert report.files[0].encoding_why in {"valid", "bom", "header"}


def test_utf_16_without_a_mark_is_known_by_its_zero_bytes(tmp_path):
    head = "case_id,date_report,country,country_id,county_id,pathogen"
    content = text("1,2026-11-03,Germany,DE,DE211,Measles", head=head)
    report, cases = imported(tmp_path, content, encoding="utf-16-le")
    assert report.files[0].encoding == "utf-16-le"
    assert only(cases, "district") == "DE211"


def test_western_bytes_are_not_taken_for_chinese_but_refused_with_the_way_out(tmp_path):
    head = "case_id,date_report,country,country_id,county,county_id,pathogen"
    content = text("1,2026-11-03,Österreich,AT,Mühlviertel,AT313,Measles", head=head)
    with pytest.raises(EncodingInDoubtError, match="--encoding cp1252"):
        imported(tmp_path, content, encoding="cp1252")
    assert not (tmp_path / "out").exists()
    rules = Rules(encoding="cp1252")
    path = tmp_path / "file0.csv"
    import_line_lists([path], out=tmp_path / "out", at=TODAY, seed=1, rules=rules)
    cases = scan_cases(tmp_path / "out").collect()
    assert only(cases, "district_name") == "Mühlviertel"


def test_a_declared_encoding_that_cannot_read_the_file_is_refused_with_the_byte(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(text(row()).encode("gb18030"))
    with pytest.raises(WrongEncodingError) as caught:
        import_line_lists(
            [path], out=tmp_path / "out", at=TODAY, seed=1, rules=Rules(encoding="utf-8")
        )
    assert caught.value.byte == 0


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-03", "2026/11/3", "2026.11.03", "2026年11月3日", "20261103", "03.11.2026",
        "2026-11-03 08:15", "2026-11-03T08:15:00", "46329", "46329.5",
    ],
)  # fmt: skip
def test_dates_are_read_in_all_the_ways_they_are_written(tmp_path, written):
    _, cases = imported(tmp_path, text(row(report=written)))
    assert only(cases, "date_report") == date(2026, 11, 3)


def test_day_or_month_first_is_refused_where_no_date_tells(tmp_path):
    with pytest.raises(DateOrderInDoubtError, match="--date-order dmy"):
        imported(tmp_path, text(row(report="03/11/2026")))


def test_day_or_month_first_is_taken_from_dates_that_prove_it_and_said(tmp_path):
    content = text(row(report="03/11/2026"), row(id="2", name="b", report="13/11/2026"))
    report, cases = imported(tmp_path, content)
    assert cases["date_report"].to_list() == [date(2026, 11, 3), date(2026, 11, 13)]
    assert report.files[0].date_orders == {"报告日期": "dmy (dates)"}


def test_dates_that_prove_both_orders_are_refused(tmp_path):
    content = text(row(report="11/13/2026"), row(id="2", name="b", report="13/11/2026"))
    with pytest.raises(DateOrderInDoubtError, match="only the second"):
        imported(tmp_path, content)


def test_a_declared_order_wins(tmp_path):
    _, cases = imported(tmp_path, text(row(report="11/03/2026")), date_order="mdy")
    assert only(cases, "date_report") == date(2026, 11, 3)


@pytest.mark.parametrize(
    ("age", "years"),
    [("36岁", 36), ("6月", 0.5), ("6个月", 0.5), ("73天", 0.2), ("1岁6月", 1.5), ("3y", 3),
     ("18 months", 1.5), ("0", 0)],
)  # fmt: skip
def test_ages_are_read_in_years_months_and_days(tmp_path, age, years):
    _, cases = imported(tmp_path, text(row(age=age)))
    assert only(cases, "age_years") == pytest.approx(years, abs=0.001)


def test_an_age_that_is_missing_follows_from_the_birth_date(tmp_path):
    _, cases = imported(tmp_path, text(row(age="", born="2024-11-01")))
    assert only(cases, "age_years") == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"id": ""}, "missing_required"),
        ({"place": ""}, "missing_required"),
        ({"report": "soon"}, "unreadable_report_date"),
        ({"report": "26-11-03"}, "unreadable_report_date"),
        ({"report": "2026-02-30"}, "unreadable_report_date"),
        ({"report": "0206-11-03"}, "report_before_1900"),
        ({"report": "2026-11-21"}, "report_in_future"),
        (dict.fromkeys(ROW, ""), "empty_row"),
    ],
)
def test_a_row_that_cannot_count_is_rejected_with_its_reason(tmp_path, changed, code):
    report, cases = imported(tmp_path, text(row(), row(**{"name": "b", **changed})))
    assert cases.height == 1
    assert report.count(code) == 1
    finding = next(one for one in report.findings if one.code == code)
    assert finding.rows == (3,)
    rejected = list(csv.DictReader(io.StringIO(
        (tmp_path / "out" / "rejected.csv").read_text(encoding="utf-8-sig"))))  # fmt: skip
    assert [(one["row"], one["code"]) for one in rejected] == [("3", code)]


@pytest.mark.parametrize(
    ("changed", "code", "column"),
    [
        ({"onset": "2026-13-01"}, "unreadable_date", "date_onset"),
        ({"onset": "2026-12-01"}, "date_in_future", "date_onset"),
        ({"onset": "2026-11-04"}, "report_before_onset", "date_onset"),
        ({"onset": "1026-11-01"}, "date_before_1900", "date_onset"),
        ({"age": "old", "born": ""}, "unreadable_age", "age_years"),
        ({"age": "230", "born": ""}, "impossible_age", "age_years"),
    ],
)
def test_an_impossible_value_is_left_empty_and_counted_but_the_case_stays(
    tmp_path, changed, code, column
):
    report, cases = imported(tmp_path, text(row(**changed)))
    assert only(cases, column) is None
    assert report.count(code) == 1
    assert report.rows_rejected == 0


def test_unknown_words_are_unknown_and_counted(tmp_path):
    report, cases = imported(tmp_path, text(row(**{"sex": "⚥", "class": "？"})))
    assert only(cases, "sex") == only(cases, "case_class") == "unknown"
    assert (report.count("unknown_sex"), report.count("unknown_class")) == (1, 1)


def test_a_row_with_too_many_fields_is_rejected_and_its_text_is_not_shown(tmp_path):
    report, cases = imported(tmp_path, text(row(), row(id="2", name="李四") + ",x", row(id="3")))
    assert report.count("ragged_row") == 1
    assert cases["case_id"].to_list() == ["1"]
    assert cases["row"].to_list() == [2]
    shown = (tmp_path / "out" / "rejected.csv").read_text(encoding="utf-8-sig")
    assert "李四" not in shown


def test_quoted_line_breaks_and_title_lines_do_not_disturb(tmp_path):
    content = "2026年传染病报告卡\n" + text(row(name='"张\n三"'))
    report, cases = imported(tmp_path, content)
    assert only(cases, "case_id") == "1"
    assert report.files[0].header_row == 2


def test_of_two_files_the_newest_report_of_a_case_counts_and_the_conflict_is_listed(tmp_path):
    first = text(row(report="2026-11-05", **{"class": "疑似病例"}), row(id="2", name="b"))
    second = text(row(report="2026-11-04"), row(id="2", name="b"))
    report, cases = imported(tmp_path, first, second)
    kept = {one["case_id"]: one for one in cases.to_dicts()}
    assert kept["1"]["case_class"] == "suspected"
    assert kept["2"]["file"] == "file1.csv"
    assert report.count("duplicate_superseded") == 1
    assert report.count("duplicate_identical") == 1
    listed = pl.read_csv(tmp_path / "out" / "duplicates.csv", infer_schema=False)
    differing = listed.filter(pl.col("code") == "duplicate_superseded")["differs"][0]
    assert set(differing.split()) == {"case_class", "date_report"}


def test_a_person_reported_again_within_the_days_counts_once(tmp_path):
    content = text(row(), row(id="2", onset="2026-11-10", report="2026-11-11"),
                   row(id="3", disease="霍乱"))  # fmt: skip
    report, cases = imported(tmp_path, content)
    assert cases["case_id"].to_list() == ["1", "3"]
    assert report.count("same_person") == 1


def test_a_person_reported_again_after_the_days_is_a_new_case(tmp_path):
    content = text(row(onset="2026-09-01", report="2026-09-02"), row(id="2"))
    _, cases = imported(tmp_path, content)
    assert cases.height == 2


def test_a_persons_decision_is_stronger_than_the_rule(tmp_path):
    content = text(row(), row(id="2"))
    imported(tmp_path, content)
    path = tmp_path / "out" / "duplicates.csv"
    decided = path.read_text(encoding="utf-8-sig").replace(',""\n', ",keep\n")
    path.write_text(decided, encoding="utf-8")
    report, cases = imported(tmp_path, content, decisions=read_decisions(path))
    assert cases.height == 2
    assert report.count("person_reviewed") == 1
    _, cases = imported(tmp_path, content, decisions={"2": "drop"}, same_person="keep")
    assert cases.height == 1


def test_a_decision_that_is_neither_keep_nor_drop_is_refused(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("case_id,decision\n1,maybe\n", encoding="utf-8")
    with pytest.raises(UnreadableDecisionsError, match="maybe"):
        read_decisions(path)


def test_the_cases_hold_no_name_and_a_person_is_a_number_that_changes(tmp_path):
    _, cases = imported(tmp_path, text(row()))
    assert "张三" not in str(cases.to_dicts())
    path = tmp_path / "file0.csv"
    import_line_lists([path], out=tmp_path / "other", at=TODAY, seed=2)
    other = scan_cases(tmp_path / "other").collect()
    assert other["person"][0] != cases["person"][0]


def test_a_merged_district_takes_its_new_code_through_all_changes(tmp_path):
    schema = parse_schema(
        {"base": "baogaoka", "districts": [
            {"from": "330103", "to": "330105", "since": "2021-04-01"},
            {"from": "330105", "to": "330113", "since": "2023-01-01"},
        ]}, file="own",
    )  # fmt: skip
    content = text(row(place="33010300", report="2020-01-01", onset=""), row(id="2", name="b"))
    report, cases = imported(tmp_path, content, schema=schema)
    assert cases["district"].to_list() == ["330113", "330102"]
    assert report.count("district_changed") == 1
    assert report.count("old_district_later") == 0


def test_an_old_code_after_the_change_is_noted(tmp_path):
    change = {"from": "330102", "to": "330105", "since": "2021-04-01"}
    schema = parse_schema({"base": "baogaoka", "districts": [change]}, file="own")
    report, _ = imported(tmp_path, text(row()), schema=schema)
    assert report.count("old_district_later") == 1


def test_a_case_definition_counts_from_its_day(tmp_path):
    schema = parse_schema(
        {"base": "baogaoka", "case_definitions": [
            {"disease": "麻疹", "to": "2026-11-02", "classes": ["confirmed", "suspected"]},
            {"disease": "麻疹", "from": "2026-11-03", "classes": ["confirmed"]},
        ]}, file="own",
    )  # fmt: skip
    suspected = {"class": "疑似病例", "onset": ""}
    content = text(row(report="2026-11-02", **suspected), row(id="2", name="b", **suspected))
    report, cases = imported(tmp_path, content, schema=schema)
    assert cases["case_id"].to_list() == ["1"]
    assert report.count("outside_case_definition") == 1


def test_a_district_that_is_not_in_the_list_is_noted(tmp_path):
    report, cases = imported(tmp_path, text(row()), districts=frozenset({"330103"}))
    assert report.count("unknown_district") == 1
    assert cases.height == 1


def test_columns_that_fit_no_mapping_are_refused_with_the_way_out(tmp_path):
    with pytest.raises(NoMappingFitsError, match="--mapping"):
        imported(tmp_path, text("1,2", head="a,b"))
    with pytest.raises(MissingColumnsError, match="date_report"):
        imported(tmp_path, text("1,2", head="case_id,b"), schema=read_schema("u4s"))


def test_a_file_without_rows_and_a_repeated_column_are_refused(tmp_path):
    with pytest.raises(EmptyFileError):
        imported(tmp_path, text())
    with pytest.raises(RepeatedColumnError, match="2 columns"):
        imported(tmp_path, text(row() + ",x", head=HEAD + ",病种"))


def test_a_refused_import_leaves_the_folder_as_it_was(tmp_path):
    imported(tmp_path, text(row()))
    before = (tmp_path / "out" / "quality.json").read_bytes()
    with pytest.raises(DateOrderInDoubtError):
        imported(tmp_path, text(row(report="03/11/2026")))
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["cases.parquet", "quality.json", "rejected.csv"]
    assert (tmp_path / "out" / "quality.json").read_bytes() == before


def test_formulas_in_texts_are_made_harmless_in_rejected_rows(tmp_path):
    imported(tmp_path, text(row(), row(id='=HYPERLINK("x")', report="")))
    shown = (tmp_path / "out" / "rejected.csv").read_text(encoding="utf-8-sig")
    assert "'=HYPERLINK" in shown


def workbook(path, *sheets):
    book = Workbook()
    book.remove(book.active)
    for name, fill in sheets:
        fill(book.create_sheet(name))
    book.save(path)
    return path


def plain_sheet(sheet):
    sheet.append(HEAD.split(","))
    cells = row().split(",")
    cells[-1] = datetime(2026, 11, 3, 8, 15)  # noqa: DTZ001 - Excel knows no zones
    cells[-2] = 46327
    cells[4] = 36.0
    sheet.append(cells)
    sheet.append(row(id="2", name="b").split(","))
    sheet.row_dimensions[3].hidden = True


def excel(tmp_path, path, **rules):
    report = import_line_lists([path], out=tmp_path / "out", at=TODAY, seed=1, rules=Rules(**rules))
    return report, scan_cases(tmp_path / "out").collect()


def test_excel_dates_serials_and_hidden_rows_are_read(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ("病例", plain_sheet), ("说明", lambda sheet: None))
    report, cases = excel(tmp_path, path)
    assert cases["date_report"].to_list() == [date(2026, 11, 3)] * 2
    assert cases["date_onset"][0] == date(2026, 11, 1)
    hidden = next(one for one in report.findings if one.code == "hidden_row")
    assert (hidden.count, hidden.rows) == (1, (3,))
    assert cases["row"].to_list() == [2, 3]


def test_a_header_of_two_rows_with_merged_cells_is_read(tmp_path):
    def fill(sheet):
        sheet.append(["某市 2026 年报告卡"])
        sheet.append(["卡片ID", "病种", "现住址编码", "日期", None])
        sheet.append([None, None, None, "发病日期", "报告日期"])
        for column in "ABC":
            sheet.merge_cells(f"{column}2:{column}3")
        sheet.merge_cells("D2:E2")
        sheet.merge_cells("A1:E1")
        sheet.append(["1", "麻疹", 33010200, "2026-11-01", "2026-11-03"])

    report, cases = excel(tmp_path, workbook(tmp_path / "a.xlsx", ("s", fill)))
    assert only(cases, "district") == "330102"
    assert only(cases, "date_onset") == date(2026, 11, 1)
    assert report.files[0].header_row == 3
    assert only(cases, "row") == 4


def test_a_formula_without_a_stored_value_is_reported(tmp_path):
    def fill(sheet):
        sheet.append(HEAD.split(","))
        cells = row().split(",")
        cells[4] = "=1+1"
        sheet.append(cells)

    report, cases = excel(tmp_path, workbook(tmp_path / "a.xlsx", ("s", fill)))
    assert report.count("formula_without_value") == 1
    assert cases.height == 1


def test_of_several_line_lists_in_a_workbook_one_must_be_named(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ("甲", plain_sheet), ("乙", plain_sheet))
    with pytest.raises(SeveralSheetsError, match="甲, 乙"):
        excel(tmp_path, path)
    with pytest.raises(SheetNotFoundError):
        excel(tmp_path, path, sheets=("丙",))
    report, cases = excel(tmp_path, path, sheets=("甲", "乙"))
    assert report.rows_read == 4
    assert cases.height == 2


def test_an_old_workbook_is_refused(tmp_path):
    path = tmp_path / "a.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(OldExcelError, match="xlsx"):
        excel(tmp_path, path)


def test_the_report_survives_its_file(tmp_path):
    report, _ = imported(tmp_path, text(row(), row(id="")))
    assert read_report(tmp_path / "out") == report


def test_a_report_that_does_not_add_up_cannot_be_made():
    with pytest.raises(RowsDoNotAddUpError):
        QualityReport(at="2026-11-20", rows_read=2, rows_kept=1, files=(), findings=())


def test_the_command_answers_machines_and_people(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text(row(), row(id="")), encoding="utf-8")
    call = ["import", str(path), "--out", str(tmp_path / "out"), "--at", "2026-11-20"]
    answer = json.loads(CliRunner().invoke(main, [*call, "--json"]).stdout)
    assert (answer["rows_read"], answer["rows_kept"], answer["rows_rejected"]) == (2, 1, 1)
    said = CliRunner().invoke(main, [*call, "--lang", "zh"])
    assert "剔除" in said.stdout
    assert said.exit_code == 0
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    refused = CliRunner().invoke(main, [*call, "--lang", "en"])
    assert refused.exit_code == 2
