import csv
import json
from datetime import date

import pytest
from click.testing import CliRunner

from liudu.rules import compile_pack, read_chunks, read_pack, read_table, run
from liudu.rules._intake import (
    BadCellsError,
    BadEncodingError,
    ColumnTwiceError,
    EmptySubjectError,
    NoRowsError,
    NoSubjectColumnError,
    RaggedRowError,
    UnknownEncodingError,
)
from liudu.rules._table import DuplicateSubjectError, UnknownFactError
from liudu.rules.cli import main

ON = date(2026, 6, 1)
PACK = """\
pack: p
version: "1"
title: {zh: 示例, en: Example}
valid: {from: 2026-01-01}
facts:
  here: {type: bool, label: 在苏州, bureau: 局, valid_days: 30}
  cost: {type: money, unit: yuan, label: 支出, bureau: 局}
  born: {type: date, label: 日期, bureau: 局}
  district: {type: enum, values: [姑苏区, 吴江区], label: 区, bureau: 局}
parameters:
  rate: {type: rate, label: 比例, min: 0, max: 1, values: {2026-01-01: 0.2}}
rules:
  r:
    title: {zh: 补贴, en: subsidy}
    clause: 一、<b>条款</b>
    bureau: 局
    subject: enterprise
    when:
      - {atom: here, say: {zh: 在苏州, en: is here}, act: {zh: 迁来, en: move}}
      - {atom: 'district in ("姑苏区", "吴江区") and born < today', say: 在区内}
    amount: rate * cost
    rounding: down
    given: {here: true, cost: 100, born: 2020-01-01, district: 姑苏区}
    tests:
      - {expect: {status: eligible, amount_yuan: 20}}
      - {given: {here: false}, expect: {status: ineligible, near: true}}
      - {given: {born: 2999-01-01}, expect: {status: ineligible}}
"""
TABLE = """subject,here,cost,born,district
甲公司,是,"1,000.50",2020/3/7,姑苏区
乙公司,否,50,2020-03-07,吴江区
丙公司,,,2020-03-07,
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "p.yaml").write_text(PACK, encoding="utf-8")
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def facts():
    return read_pack(PACK.replace("2999-01-01", "2100-01-01")).facts


def call(folder, *arguments, lang="en"):
    words = [str(folder / one) if (folder / one).exists() else one for one in arguments]
    return CliRunner().invoke(main, words, env={"LIUDU_LANG": lang}, catch_exceptions=False)


def fixed(folder):
    path = folder / "p.yaml"
    path.write_text(PACK.replace("2999-01-01", "2100-01-01"), encoding="utf-8")
    return folder


def test_check_tells_an_impossible_test_value_and_ends_with_one(folder):
    result = call(folder, "check", "p.yaml")
    assert result.exit_code == 1
    assert "2999-01-01" in result.output


def test_check_passes_a_sound_pack_and_strict_asks_for_no_warnings(folder):
    assert call(fixed(folder), "check", "--strict", "p.yaml").exit_code == 0


def test_test_passes_and_a_wrong_expectation_fails_it(folder):
    assert call(fixed(folder), "test", "p.yaml").exit_code == 0
    path = folder / "p.yaml"
    path.write_text(path.read_text().replace("amount_yuan: 20", "amount_yuan: 21"))
    result = call(folder, "test", "p.yaml")
    assert (result.exit_code, "¥21" in result.output, "¥20" in result.output) == (1, True, True)


def test_explain_answers_in_both_languages_and_for_machines(folder):
    fixed(folder)
    arguments = (
        "explain",
        "p.yaml",
        "--fact",
        "here=否",
        "--fact",
        "cost=10",
        "--on",
        "2026-06-01",
    )
    assert "迁来" in call(folder, *arguments, lang="zh").output
    assert "move" in call(folder, *arguments).output
    answer = json.loads(call(folder, *arguments, "--json").output)
    assert answer["determinations"][0]["status"] == "ineligible"


def test_explain_finds_a_subject_in_a_table(folder):
    result = call(fixed(folder), "explain", "p.yaml", "--facts", "t.csv", "--subject", "甲公司",
                  "--on", "2026-06-01", "--json")  # fmt: skip
    assert json.loads(result.output)["determinations"][0]["amount_fen"] == 20_010


def test_run_writes_every_answer_whole_or_in_chunks_alike(folder):
    fixed(folder)
    for out, chunk in (("a.csv", "0"), ("b.csv", "2")):
        call(folder, "run", "p.yaml", "t.csv", "--on", "2026-06-01", "--all",
             "--chunk", chunk, "--out", str(folder / out))  # fmt: skip
    rows = list(csv.DictReader((folder / "a.csv").read_text().splitlines()))
    assert [row["status"] for row in rows] == ["eligible", "ineligible", "unknown"]
    assert (folder / "a.csv").read_text() == (folder / "b.csv").read_text()
    assert not list(folder.glob(".*"))


def test_run_tells_of_each_and_in_all_what_the_missing_step_would_bring(folder):
    fixed(folder)
    for chunk in ("0", "2"):
        result = call(folder, "run", "p.yaml", "t.csv", "--on", "2026-06-01", "--chunk", chunk,
                      "--out", str(folder / "a.csv"), lang="zh")  # fmt: skip
        assert "差一步 1，可再得 10 元" in result.output
    rows = list(csv.DictReader((folder / "a.csv").read_text().splitlines()))
    assert [(row["subject"], row["near"], row["near_fen"]) for row in rows] == [
        ("甲公司", "0", ""),
        ("乙公司", "1", "1000"),
        ("丙公司", "0", ""),
    ]
    answer = json.loads(
        call(folder, "run", "p.yaml", "t.csv", "--on", "2026-06-01", "--json").output
    )
    assert answer["rules"][0]["near_fen"] == 1000
    assert answer["rules"][0]["near_fen_unknown"] == 0


def test_what_if_says_what_it_costs_and_by_district(folder):
    result = call(fixed(folder), "what-if", "p.yaml", "t.csv", "--set", "rate=0.3", "--by",
                  "district", "--on", "2026-06-01", "--json")  # fmt: skip
    answer = json.loads(result.output)
    assert (answer["total_fen"], answer["winners"]) == (10_005, 1)
    assert answer["groups"][0]["label"] == "姑苏区"


def test_diff_tells_who_gains_by_a_new_version(folder):
    fixed(folder)
    text = (folder / "p.yaml").read_text()
    (folder / "q.yaml").write_text(text.replace("atom: here", "atom: here or cost > yuan(0)"))
    result = call(folder, "diff", "p.yaml", "q.yaml", "t.csv", "--on", "2026-06-01", "--json")
    assert json.loads(result.output)["rules"][0]["gained"] == 1


def test_the_page_escapes_what_the_pack_says_and_shows_its_tests(folder):
    call(fixed(folder), "page", "p.yaml", "--out", str(folder / "p.html"), lang="zh")
    page = (folder / "p.html").read_text()
    assert "&lt;b&gt;条款&lt;/b&gt;" in page
    assert "<b>条款" not in page
    assert page.count("✓") == 3
    assert "http" not in page


def test_a_pack_that_is_no_utf8_or_not_there_is_refused_with_two(folder):
    (folder / "g.yaml").write_bytes(PACK.encode("gb18030"))
    assert call(folder, "test", "g.yaml").exit_code == 2
    assert call(folder, "test", "nowhere.yaml").exit_code == 2


def test_a_pack_changed_during_a_batch_does_not_change_the_batch(folder):
    path = fixed(folder) / "p.yaml"
    program = compile_pack(read_pack(path.read_text()), on=ON)
    chunks = read_chunks(folder / "t.csv", program.pack.facts, on=ON, rows=1)
    first = run(program, next(chunks))
    path.write_text(path.read_text().replace("0.2", "0.9"))
    assert first.counts()[0].amount_fen == 20_010
    assert program.digest == run(program, next(chunks)).program.digest


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", NoRowsError),
        ("here\n是\n", NoSubjectColumnError),
        ("subject,her\nA,是\n", UnknownFactError),
        ("subject,here,here\nA,是,是\n", ColumnTwiceError),
        ("subject,here\nA,是,否\n", RaggedRowError),
        ("subject,here\n,是\n", EmptySubjectError),
        ("subject,here\nA,是\nB,否\nA,是\n", DuplicateSubjectError),
        ("subject,here\nA,maybe\n", BadCellsError),
        ("subject,cost\nA,1.234\n", BadCellsError),
        ("subject,cost\nA,nan\n", BadCellsError),
        ("subject,cost\nA,-1\n", BadCellsError),
        ("subject,cost\nA,1e30\n", BadCellsError),
        ("subject,born\nA,2026-02-30\n", BadCellsError),
        ("subject,district\nA,外区\n", BadCellsError),
    ],
)
def test_a_bad_table_is_refused(tmp_path, facts, text, error):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(error):
        read_table(path, facts, on=ON)


def test_a_bad_cell_is_told_with_its_line_and_what_would_be_right(tmp_path, facts):
    path = tmp_path / "t.csv"
    path.write_text("subject,here,cost\nA,是,1\nB,maybe,x\n", encoding="utf-8")
    with pytest.raises(BadCellsError) as caught:
        read_table(path, facts, on=ON)
    assert "line 3: here: 'maybe' is not true or false" in caught.value.say("en")
    assert caught.value.count == 2


def test_a_subject_that_comes_again_in_a_later_chunk_is_refused(tmp_path, facts):
    path = tmp_path / "t.csv"
    path.write_text("subject,here\nA,是\nB,是\nC,是\nA,否\n", encoding="utf-8")
    with pytest.raises(DuplicateSubjectError):
        list(read_chunks(path, facts, on=ON, rows=2))


def test_gbk_is_read_when_declared_and_refused_with_the_way_out_when_not(tmp_path, facts):
    path = tmp_path / "t.csv"
    path.write_bytes(TABLE.encode("gbk"))
    with pytest.raises(BadEncodingError, match="gb18030"):
        read_table(path, facts, on=ON)
    with pytest.raises(UnknownEncodingError):
        read_table(path, facts, on=ON, encoding="chinese-maybe")
    table = read_table(path, facts, on=ON, encoding="gb18030")
    assert list(table.subjects) == ["甲公司", "乙公司", "丙公司"]
    assert (table.cell("cost", 0), table.cell("cost", 2)) == (100_050, None)


def test_a_byte_order_mark_and_crlf_are_fine(tmp_path, facts):
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode())
    assert len(read_table(path, facts, on=ON)) == 3


def test_a_fact_observed_too_long_ago_or_no_one_knows_when_is_unknown(tmp_path, facts):
    path = tmp_path / "t.csv"
    days = ("2026-05-02", "2026-05-01", "", "2026-06-02")
    rows = "".join(f"S{n},是,{day}\n" for n, day in enumerate(days))
    path.write_text("subject,here,here.observed\n" + rows, encoding="utf-8")
    table = read_table(path, facts, on=ON)
    assert [table.cell("here", n) for n in range(4)] == [1, None, None, None]


CASE = """\
programmes:
  区算力券: {rate: 0.5, cap_yuan: 2000000, excludes: 算力}
  市算力券: {rate: 0.3, cap_yuan: 8000000, excludes: 算力}
contracts:
  A: {amount_yuan: 10000000.50, programmes: [区算力券, 市算力券]}
"""


def test_assign_tells_how_to_divide_a_contract(folder):
    (folder / "case.yaml").write_text(CASE, encoding="utf-8")
    told = call(folder, "assign", "case.yaml", "--divide")
    assert told.exit_code == 0
    assert "¥800,000 more than without dividing" in told.output
    answer = json.loads(call(folder, "assign", "case.yaml", "--json").output)
    assert answer["parts"] == [
        {
            "contract": "A",
            "programme": "市算力券",
            "base_fen": 1_000_000_050,
            "paid_fen": 300_000_015,
        }
    ]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("rate: 0.5", "rate: half", "2:16"),
        ("cap_yuan: 2000000", "cap_yuan: 0.001", "two decimals"),
        ("rate: 0.5", "rate: 1.5", "must be 0 – 1"),
        ("excludes: 算力}\ncontracts", "exclude: 算力}\ncontracts", "exclude means nothing"),
        ("[区算力券, 市算力券]", "[省算力券]", "省算力券, which is not given"),
        ("contracts:", "contract:", "contract means nothing"),
    ],
)
def test_assign_refuses_a_case_with_its_place(folder, before, after, said):
    assert before in CASE
    (folder / "case.yaml").write_text(CASE.replace(before, after), encoding="utf-8")
    told = call(folder, "assign", "case.yaml")
    assert told.exit_code == 2
    assert said in told.output
