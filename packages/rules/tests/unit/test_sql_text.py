"""What the statements look like where no database of that kind is at hand, and what is refused."""

import re
import sqlite3
from contextlib import closing
from datetime import date

import duckdb
import pytest

from liudu.rules import compile_pack, read_pack
from liudu.rules.sql import (
    Dialect,
    NoRuleHoldsError,
    Source,
    TooWideError,
    UnknownRuleError,
    UnwritableTextError,
    answers_sql,
    facts_table_sql,
)

ON = date(2026, 3, 31)
PACK = r"""
pack: reserved
version: "1"
title: 保留字
facts:
  order: {type: money, unit: yuan, label: 订单, bureau: 局, max: 1000}
  select: {type: bool, label: 选择, bureau: 局}
  table: {type: enum, values: ["a'b", 'c\d'], label: 表, bureau: 局}
  end: {type: date, label: 截止, bureau: 局, min: 2020-01-01, max: 2030-12-31}
rules:
  it's one:
    title: 规则
    clause: 一
    bureau: 局
    subject: enterprise
    when:
      - {atom: select, say: 甲}
      - {atom: 'end > today', say: 乙}
      - {atom: "table == \"a'b\"", say: 丙}
    amount: min(order * 0.3, yuan(100))
    rounding: half_up
  second:
    title: 规则
    clause: 二
    bureau: 局
    subject: enterprise
    when:
      - {atom: order > 0, say: 甲}
    amount: yuan(5)
"""


def program(text=PACK):
    return compile_pack(read_pack(text), on=ON)


def table_of(dialect):
    return facts_table_sql(program(), dialect=dialect)


def parts_that_must_balance(sql):
    """Return the text without literals, names and comments."""
    sql = re.sub(r"--.*", "", sql)
    return re.sub(r"'(?:[^'\\]|\\.|'')*'|`[^`]*`|\"[^\"]*\"", "", sql)


@pytest.mark.parametrize("dialect", Dialect)
def test_every_dialect_closes_what_it_opens(dialect):
    for sql in (answers_sql(program(), dialect=dialect), table_of(dialect)):
        bare = parts_that_must_balance(sql)
        assert bare.count("(") == bare.count(")")
        assert len(re.findall(r"\bCASE\b", bare)) == len(re.findall(r"\bEND\b", bare))
        assert "{" not in bare


def test_spark_divides_whole_numbers_and_escapes_with_a_backslash():
    sql = answers_sql(program(), dialect=Dialect.SPARK)
    assert " div " in sql
    assert " / " not in sql
    assert r"'it\'s one'" in sql
    assert r"'c\\d'" in sql
    assert "datediff(`end`, DATE '1970-01-01')" in sql
    assert "CAST(100000 AS BIGINT)" in sql


def test_spark_gets_no_constraints_that_it_does_not_know():
    assert "CHECK" not in table_of(Dialect.SPARK)
    assert "PRIMARY KEY" not in table_of(Dialect.SPARK)
    assert "`table` STRING" in table_of(Dialect.SPARK)


def test_reserved_words_and_quotes_are_names_like_any_other():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(table_of(Dialect.SQLITE))
        row = ("S1", 100_00, True, "a'b", "2026-12-31")
        connection.execute("INSERT INTO facts VALUES (?, ?, ?, ?, ?)", row)
        found = connection.execute(answers_sql(program(), dialect=Dialect.SQLITE)).fetchall()
    assert found == [
        ("S1", "it's one", 1, 0, 0, 30_00, "111", None),
        ("S1", "second", 1, 0, 0, 5_00, "1", None),
    ]


def test_sqlite_fails_on_a_missing_column_instead_of_reading_its_name_as_text():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE facts (subject TEXT)")
        with pytest.raises(sqlite3.OperationalError, match="no such column"):
            connection.execute(answers_sql(program(), dialect=Dialect.SQLITE))


@pytest.mark.parametrize(
    "row",
    [
        ("S1", 1000_01, True, "a'b", "2026-12-31"),
        ("S1", -1, True, "a'b", "2026-12-31"),
        ("S1", 1, 2, "a'b", "2026-12-31"),
        ("S1", 1, True, "z", "2026-12-31"),
        ("S1", 1, True, "a'b", "2031-01-01"),
    ],
)
def test_a_value_outside_its_declared_range_does_not_enter_the_table(row):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(table_of(Dialect.SQLITE))
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            connection.execute("INSERT INTO facts VALUES (?, ?, ?, ?, ?)", row)


def test_a_subject_does_not_enter_the_table_twice():
    with closing(duckdb.connect()) as connection:
        connection.execute(table_of(Dialect.DUCKDB))
        row = ["S1", 1, True, "a'b", "2026-12-31"]
        connection.execute("INSERT INTO facts VALUES (?, ?, ?, ?, ?)", row)
        with pytest.raises(duckdb.ConstraintException, match=r"[Dd]uplicate"):
            connection.execute("INSERT INTO facts VALUES (?, ?, ?, ?, ?)", row)


def test_the_table_and_the_key_may_be_anywhere():
    source = Source(table="city.firms", subject="uscc")
    sql = answers_sql(program(), dialect=Dialect.POSTGRESQL, source=source)
    assert 'FROM "city"."firms" OFFSET 0' in sql
    assert '"uscc" AS subject' in sql


def test_one_rule_reads_only_the_facts_that_it_needs():
    sql = answers_sql(program(), dialect=Dialect.DUCKDB, rules=["second"])
    assert '"order"' in sql
    assert '"select"' not in sql
    assert "UNION" not in sql


def test_a_rule_that_does_not_hold_is_refused_and_told_which_do():
    with pytest.raises(UnknownRuleError, match=r"third is no rule of reserved.*it's one, second"):
        answers_sql(program(), dialect=Dialect.DUCKDB, rules=["third"])


def test_a_day_on_which_nothing_holds_for_a_person_is_refused():
    nobody = compile_pack(read_pack(PACK), on=ON, subject="person")
    with pytest.raises(
        NoRuleHoldsError, match="No rule of reserved holds on 2026-03-31 for person"
    ):
        answers_sql(nobody, dialect=Dialect.DUCKDB)


def test_a_benefit_that_is_not_money_brings_nothing_and_is_due_all_the_same():
    text = PACK.replace("amount: yuan(5)", "benefit: 免租工位")
    sql = answers_sql(program(text), dialect=Dialect.SQLITE, rules=["second"])
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(table_of(Dialect.SQLITE))
        connection.execute("INSERT INTO facts (subject, `order`) VALUES ('S1', 5)")
        assert connection.execute(sql).fetchall() == [("S1", "second", 1, 0, 0, 0, "1", None)]


def test_more_rules_than_sqlite_joins_are_refused_with_the_way_out():
    rule = PACK[PACK.index("  second:") :]
    many = PACK + "".join(rule.replace("second", f"r{index}") for index in range(500))
    with pytest.raises(TooWideError, match="sqlite takes 500 rules, this needs 502"):
        answers_sql(program(many), dialect=Dialect.SQLITE)


def test_a_text_that_no_database_keeps_is_refused():
    text = PACK.replace("second:", r'"sec\0ond":')
    with pytest.raises(UnwritableTextError, match="NUL"):
        answers_sql(program(text), dialect=Dialect.SQLITE)


def test_the_same_program_gives_the_same_text_and_names_its_version():
    one, two = (answers_sql(program(), dialect=Dialect.SQLITE) for _ in range(2))
    assert one == two
    assert one.startswith(f"-- reserved 1, 2026-03-31, {program().digest}\n")
