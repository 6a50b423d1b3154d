"""Headings, words, amounts and days as bureaus write them."""

from datetime import date
from decimal import Decimal

import pytest

from liudu.platform.needs.decisions import FIELDS
from liudu.platform.needs.list_rows import (
    BudgetRangeError,
    BudgetUnitError,
    Choice,
    Reader,
    UnreadableBudgetError,
    budget_fen,
    day_of,
    field_of,
    headings_in,
    match,
)
from liudu.platform.needs.list_words import SECTOR_WORDS, SPELLINGS
from liudu.platform.needs.sheets import Cell, Row

SECTORS = [
    Choice(code="manufacturing", names=("制造", "Manufacturing")),
    Choice(code="health", names=("医疗", "Health care")),
    Choice(code="gov_services", names=("政务服务", "Government services")),
]
DISTRICTS = [
    Choice(code="sip", names=("苏州工业园区", "Suzhou Industrial Park")),
    Choice(code="wujiang", names=("吴江区", "Wujiang")),
]


def row(number, *texts, hidden=False):
    cells = {
        column: text if isinstance(text, Cell) else Cell(value=text)
        for column, text in enumerate(texts)
        if text is not None
    }
    return Row(number=number, hidden=hidden, cells=cells)


def reader(*headings):
    found = headings_in([row(1, *headings)])
    assert found is not None
    return Reader(found, sheet="", sectors=SECTORS, districts=DISTRICTS)


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("场景名称", "title"),
        ("*需求名称", "title"),
        ("标 题：", "title"),
        ("所属领域（1+15）", "sector"),
        ("业主", "owner"),
        ("拟解决问题", "problem"),
        ("所需能力", "wanted_capability"),
        ("预算（万元）", "budget_fen_max"),
        ("Due Date", "due_date"),
        ("联系单位", "contact_unit"),
        ("联系电话", "personal"),
        ("备注", None),
        ("", None),
    ],
)
def test_a_heading_is_recognised_in_its_many_spellings(heading, field):
    assert field_of(heading) == field


@pytest.mark.parametrize(
    "name",
    [
        "title",
        "problem",
        "wanted_capability",
        "data_at_hand",
        "sector",
        "district",
        "budget_fen_max",
        "due_date",
        "contact_unit",
    ],
)
def test_a_heading_may_be_called_as_the_guided_form_calls_it(name):
    assert field_of(FIELDS[name].zh) == name


@pytest.mark.parametrize("heading", ["期望完成时间", "拟完成时间", "完成时限"])
def test_a_wish_for_a_day_is_a_day(heading):
    assert field_of(heading) == "due_date"


def test_no_spelling_means_two_fields():
    spellings = [each for one in SPELLINGS.values() for each in one]
    assert len(spellings) == len(set(spellings))
    assert all(field_of(each) for each in spellings)


def test_headings_are_found_below_a_title_row():
    rows = [
        row(1, "2026年苏州市人工智能应用场景需求清单"),
        row(2),
        row(3, "序号", "场景名称", "所属领域", "需求单位", "备注"),
        row(4, "1", "偏光片检测", "制造", "明州光电"),
    ]
    found = headings_in(rows)
    assert found is not None
    assert found.row == 3
    assert found.fields == {"number": 0, "title": 1, "sector": 2, "owner": 3}


def test_a_row_that_only_speaks_of_a_title_is_no_heading():
    assert headings_in([row(1, "标题"), row(2, "甲", "乙")]) is None


def test_headings_merged_over_two_rows_end_at_the_lower_one():
    upper = row(1, "场景名称", "所属领域", "预算")
    lower = Row(
        number=2,
        hidden=False,
        cells={
            0: Cell(value="场景名称", merged_from="A1"),
            1: Cell(value="所属领域", merged_from="B1"),
            2: Cell(value="预算（万元）"),
        },
    )
    found = headings_in([upper, lower])
    assert found is not None
    assert (found.row, found.budget_unit_yuan) == (2, Decimal(10_000))


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        ("80万元", 800_000),
        ("50-100万", 1_000_000),
        ("50万-100万元", 1_000_000),
        ("50～100万", 1_000_000),
        ("不超过1.5亿", 150_000_000),
        ("约80万元左右", 800_000),
        ("¥120000", 120_000),
        ("1200000", 1_200_000),
        ("0", 0),
        ("300000-500000元", 500_000),
    ],
)
def test_an_amount_is_read_as_a_bureau_writes_it(text, yuan):
    assert budget_fen(text, unit_yuan=None, place="E3")[0] == yuan * 100


def test_the_unit_of_the_heading_counts_where_the_cell_has_none():
    assert budget_fen("80", unit_yuan=Decimal(10_000), place="E3") == (80_000_000, False)
    assert budget_fen("80元", unit_yuan=Decimal(10_000), place="E3") == (8_000, False)


def test_a_bare_small_number_is_refused_for_it_could_be_two_things():
    with pytest.raises(BudgetUnitError, match="E3: 80 of what"):
        budget_fen("80", unit_yuan=None, place="E3")


@pytest.mark.parametrize("text", ["很多", "80万美元", "1-2-3万", "万", "12.5%"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(UnreadableBudgetError):
        budget_fen(text, unit_yuan=Decimal(10_000), place="E3")


@pytest.mark.parametrize("text", ["-80万", "99999999999亿"])
def test_an_impossible_amount_is_refused(text):
    with pytest.raises((BudgetRangeError, UnreadableBudgetError)):
        budget_fen(text, unit_yuan=None, place="E3")


@pytest.mark.parametrize(
    ("text", "day", "exact"),
    [
        ("2026年12月31日", date(2026, 12, 31), True),
        ("2026-12-31", date(2026, 12, 31), True),
        ("2026/1/5", date(2026, 1, 5), True),
        ("2026.12.31", date(2026, 12, 31), True),
        ("2026-12-31 00:00:00", date(2026, 12, 31), True),
        ("20261231", date(2026, 12, 31), True),
        ("46387", date(2026, 12, 31), True),
        ("2026年2月", date(2026, 2, 28), False),
        ("2026年底", date(2026, 12, 31), False),
        ("2027年", date(2027, 12, 31), False),
        ("2026年2月30日", None, True),
        ("尽快", None, False),
    ],
)
def test_a_day_is_read_as_a_bureau_writes_it(text, day, exact):
    assert day_of(text) == (day, exact)


@pytest.mark.parametrize(
    ("text", "code", "exact"),
    [
        ("制造", "manufacturing", True),
        ("智能制造", "manufacturing", False),
        ("Manufacturing", "manufacturing", True),
        ("医疗健康", "health", False),
        ("卫健", "health", False),
        ("政务", "gov_services", False),
    ],
)
def test_a_sector_is_known_by_other_words(text, code, exact):
    found, how = match(text, choices=SECTORS, words=SECTOR_WORDS)
    assert found is not None
    assert (found.code, how) == (code, exact)


def test_a_text_that_could_be_two_sectors_is_neither():
    assert match("制造、医疗", choices=SECTORS, words=SECTOR_WORDS) == (None, False)


def test_a_good_row_becomes_a_draft():
    one = reader("场景名称", "所属领域", "需求单位", "区县", "预算（万元）", "完成时间").read(
        row(2, "偏光片检测", "制造", "明州光电", "吴江", Decimal(80), "2026年12月31日")
    )
    assert one.draft is not None
    assert one.draft["title"] == "偏光片检测"
    assert one.draft["sector"].code == "manufacturing"
    assert one.draft["district"].code == "wujiang"
    assert one.draft["budget_fen_max"] == 80_000_000
    assert one.draft["due_date"] == date(2026, 12, 31)
    assert one.owner == "明州光电"
    assert [note.code for note in one.notes] == ["ReadAs"]


def test_everything_that_is_wrong_with_a_row_is_told_with_its_address():
    one = reader("场景名称", "所属领域", "预算", "完成时间").read(
        row(7, None, "智造业", "很多", "尽快")
    )
    assert one.draft is None
    assert {(note.code, note.address) for note in one.notes} == {
        ("NoTitle", "A7"),
        ("UnknownSector", "B7"),
        ("UnreadableBudget", "C7"),
        ("UnreadableDate", "D7"),
    }


def test_an_unknown_sector_is_told_the_nearest():
    one = reader("场景名称", "所属领域").read(row(2, "甲", "制照"))
    assert one.draft is None
    assert "是不是“制造”" in one.notes[0].zh


def test_a_formula_is_read_by_its_value_and_said_and_refused_without_one():
    lines = reader("场景名称", "预算（万元）")
    told = lines.read(row(2, "甲", Cell(value=Decimal(80), formula=True)))
    assert told.draft is not None
    assert [note.code for note in told.notes] == ["Formula"]
    stale = lines.read(row(3, "乙", Cell(formula=True, stale=True)))
    assert stale.draft is None
    assert stale.notes[0].en.startswith("B3: the formula holds no value")
    broken = lines.read(row(4, "丙", Cell(error="#REF!", formula=True)))
    assert broken.draft is None
    assert "#REF!" in broken.notes[0].zh


def test_what_tells_of_a_person_is_not_kept():
    lines = reader("场景名称", "需求单位", "联系人", "电话")
    shown = lines.read(row(2, "甲", "明州光电", "张三", "13900000000")).shown
    assert shown == ("甲", "明州光电", "（个人信息，未保存）", "（个人信息，未保存）")


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (("序号", "场景名称", "所属领域"), "HeadingAgain"),
        (("合计", None, None, "100"), "Total"),
        (("一、制造领域",), "Section"),
    ],
)
def test_rows_that_are_no_needs_are_passed_over(texts, code):
    note = reader("序号", "场景名称", "所属领域", "预算").passes_over(row(9, *texts))
    assert note is not None
    assert note.code == code


def test_a_row_whose_title_is_missing_is_not_passed_over():
    lines = reader("序号", "场景名称", "所属领域")
    assert lines.passes_over(row(9, None, None, "制造")) is None
    assert lines.passes_over(row(9, None, Cell(formula=True, stale=True))) is None
    assert lines.passes_over(row(9, "1", "甲")) is None


def test_a_title_that_is_too_long_is_told_its_length():
    one = reader("场景名称", "所属领域").read(row(2, "长" * 121, "制造"))
    assert one.draft is None
    assert "121" in one.notes[0].zh
