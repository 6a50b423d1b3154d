"""Tables as they come from offices: every row is read, or its line is told."""

from datetime import date

import pytest

from liudu.rules import PackRefusedError, read_chunks, read_pack, read_table
from liudu.rules._intake import (
    BadCellsError,
    BadEncodingError,
    BrokenRowError,
    NoRowsError,
    NoSubjectColumnError,
    UnknownEncodingError,
)
from liudu.rules._table import DuplicateSubjectError, UnknownFactError

ON = date(2026, 6, 1)
PACK = """\
pack: p
version: "1"
title: 示例
facts:
  ok: {type: bool, label: 符合, bureau: 局}
  cost: {type: money, unit: yuan, label: 支出, bureau: 局, min: -100}
  months: {type: count, unit: months, label: 月, bureau: 局}
  share: {type: rate, label: 占比, bureau: 局}
  born: {type: date, label: 出生, bureau: 局}
  degree: {type: enum, values: [本科, 硕士], label: 学历, bureau: 局}
rules:
  r:
    {title: 规则, clause: 一, bureau: 局, subject: person, benefit: 证,
     when: [{atom: ok, say: 符合}]}
"""


@pytest.fixture
def facts():
    return read_pack(PACK).facts


@pytest.fixture
def table(tmp_path, facts):
    def read(content, *, encoding="utf-8", rows=0, **options):
        path = tmp_path / "t.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        chunks = read_chunks(path, facts, on=ON, encoding=encoding, rows=rows, **options)
        return list(chunks)

    return read


def cells(chunks, name):
    return [chunk.cell(name, row) for chunk in chunks for row in range(len(chunk))]


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 100])
def test_blank_lines_cost_no_subject_whatever_the_chunk(table, rows):
    text = "\nsubject,ok\nA,1\n\n\nB,1\nC,1\n\n\n\nD,0\n\n"
    chunks = table(text, rows=rows)
    assert [one for chunk in chunks for one in chunk.subjects] == ["A", "B", "C", "D"]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_line_end_and_a_byte_order_mark_are_read(table, ending, mark):
    text = ending.join(["subject,ok", "A,1", "B,0"])
    assert cells(table(mark + text.encode()), "ok") == [1, 0]


@pytest.mark.parametrize(
    ("written", "fen"),
    [
        ('"1,234.50"', 123450),
        ('"1,000,000"', 100000000),
        ("-5", -500),
        ("+7", 700),
        (".5", 50),
        ("5.", 500),
        ("12.0", 1200),
        ("１２．５", 1250),
        (" 8 ", 800),
        ("", None),
    ],
)
def test_money_is_read_as_people_write_it(table, written, fen):
    assert cells(table(f"subject,cost\nA,{written}\n"), "cost") == [fen]


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("cost", '"1,5"'),
        ("cost", '"12,34"'),
        ("cost", "1e5"),
        ("cost", "1E999999999"),
        ("cost", "9" * 60),
        ("cost", "1_000"),
        ("cost", "NaN"),
        ("cost", "inf"),
        ("cost", "0.001"),
        ("cost", "¥5"),
        ("cost", "N/A"),
        ("cost", "-101"),
        ("months", "1.5"),
        ("months", "-1"),
        ("months", '"1,000"'),
        ("share", "20%"),
        ("share", "1.0001"),
        ("share", "0." + "9" * 28),
        ("share", "0.00005"),
        ("born", "2026-02-29"),
        ("born", "43897"),
        ("born", "3/7/2020"),
        ("born", "2020-03-07 0:00:00"),
        ("born", "1899-12-31"),
        ("degree", "博士"),
        ("degree", " 本 科"),
        ("ok", "2"),
    ],
)
def test_a_cell_that_could_mean_something_else_is_refused_with_its_line(table, column, written):
    with pytest.raises(BadCellsError) as caught:
        table(f"subject,{column}\nA,\nB,{written}\n")
    assert f"line 3: {column}: " in caught.value.say("en")
    assert f"第 3 行：{column}：" in caught.value.say("zh")
    assert "left empty" in caught.value.say("en")


@pytest.mark.parametrize("written", ["2024-02-29", "2024/2/29", "2024.2.29", "20240229"])
def test_a_leap_day_is_read_however_it_is_parted(table, written):
    found = cells(table(f"subject,born\nA,{written}\n"), "born")
    assert found == [(date(2024, 2, 29) - date(1970, 1, 1)).days]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'subject,ok\nA,1\n"B,1\nC,1\n', 4),
        (b'subject,ok\n"A"x,1\n', 2),
        (b"subject,ok\nA\x00,1\n", 2),
        (b"subject,ok\n" + b"A" * 200_000 + b",1\n", 2),
    ],
)
def test_what_is_no_csv_is_refused_with_its_line(table, content, line):
    with pytest.raises(BrokenRowError, match=f"line {line}:"):
        table(content)


def test_a_gbk_table_is_read_as_such_and_otherwise_its_line_is_told(table):
    rows = ["subject,degree", *(f"A{row}," for row in range(20_000)), "乙,硕士"]
    content = "\r\n".join(rows).encode("gbk")
    assert cells(table(content, encoding="gb18030"), "degree")[-1] == 1
    with pytest.raises(BadEncodingError) as caught:
        table(content)
    byte = content.index("乙".encode("gbk")) + 1
    assert f"line 20002: this is not utf-8 (byte {byte} of" in caught.value.say("en")
    assert "gb18030" in caught.value.say("zh")


def test_a_table_that_ends_within_a_character_is_refused(table):
    with pytest.raises(BadEncodingError, match="line 2"):
        table("subject,degree\nA,本科".encode()[:-1])


@pytest.mark.parametrize("encoding", ["nope", "base64", "rot13", "undefined"])
def test_an_encoding_that_is_none_of_texts_is_refused(table, encoding):
    with pytest.raises(UnknownEncodingError):
        table("subject,ok\n", encoding=encoding)


@pytest.mark.parametrize("sign", ["\t", ";", "|"])
def test_other_separators_are_told(table, sign):
    with pytest.raises(NoSubjectColumnError, match="commas part the cells"):
        table(f"subject{sign}ok\nA{sign}1\n")


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_table_of_nothing_is_refused_and_one_of_a_header_has_nobody(table, content):
    with pytest.raises(NoRowsError):
        table(content)
    (nobody,) = table("subject,ok\n")
    assert len(nobody) == 0


def test_a_subject_that_stands_twice_is_told_with_its_lines(table):
    with pytest.raises(DuplicateSubjectError, match=r"A stands in more than one row \(2, 5\)"):
        table("subject,ok\nA,1\n\nB,1\nA ,0\n")


def test_a_column_of_another_version_may_be_left_out_and_no_other(table, tmp_path, facts):
    text = "subject,ok,old,old.observed\nA,1,x,y\n"
    assert cells(table(text, ignored=["old"]), "ok") == [1]
    with pytest.raises(UnknownFactError):
        table(text)
    with pytest.raises(UnknownFactError, match='""'):
        table("subject,ok,\nA,1,\n")
    assert len(read_table(tmp_path / "t.csv", facts, on=ON, ignored=[""])) == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("label: 占比", "places: 13, label: 占比", "a whole number from 0 to 12"),
        ("label: 占比", "places: -1, label: 占比", "a whole number from 0 to 12"),
        ("label: 符合", "valid_days: -1, label: 符合", "a whole number from 0 to"),
        ("min: -100", "min: 99999999999999999999999", "outside"),
        ("min: -100", "min: null", "'null' is not an amount"),
        ("min: -100", "min: 1e3", "different numbers"),
        ("min: -100", "min: 5, max: 1", "exchange them"),
        ("[本科, 硕士]", "[]", "a list with labels"),
    ],
)
def test_a_fact_that_nobody_could_keep_is_refused_with_its_place(old, new, said):
    with pytest.raises(PackRefusedError) as caught:
        read_pack(PACK.replace(old, new), file="p")
    assert said in caught.value.problems[0].say("en")
    assert all(one.say("zh").startswith("p:") for one in caught.value.problems)
