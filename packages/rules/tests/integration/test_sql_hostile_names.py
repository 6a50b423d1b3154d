"""Names and labels that databases could take for something else."""

import sqlite3
from contextlib import closing
from datetime import date

import duckdb
import numpy as np
import pytest

from liudu.rules import PackRefusedError, compile_pack, read_pack, run
from liudu.rules.sql import Dialect, Source, answer_rows, answers_sql, counts_sql, fact_rows
from liudu.rules.sql import facts_table_sql as table_sql
from liudu.rules.sql._statement import SubjectColumnTakenError
from liudu.rules.testing import random_table

ON = date(2026, 6, 1)
KEYWORDS = "select order group user table status rule near unmet amount_fen conditions x1 f_x1 null"
LABELS = (
    "O'Brien",
    '双"引号"',
    "反\\斜线",
    "分号; DROP TABLE facts; --",
    "%s %(x)s",
    "$1 ?",
    "博士🎓",
    "`a`",
)
RULES = ("r'; DROP TABLE facts; --", "规则🎓", 'a"b', "select", "back\\slash", "c`d", "100%")


def text():
    lines = [
        'pack: "p\\n\'; DROP TABLE facts; --"',
        'version: "*/ 1"',
        "title: 示例",
        "facts:",
        *(f"  {name}: {{type: bool, label: '{name}', bureau: 局}}" for name in KEYWORDS.split()),
        "  from_x: {type: money, unit: yuan, label: 钱, bureau: 局, max: 1000}",
        "  date: {type: date, label: 日, bureau: 局}",
        "  values:",
        "    type: enum",
        "    label: 类",
        "    bureau: 局",
        "    values:",
    ]
    lines += ["      - '" + label.replace("'", "''") + "'" for label in LABELS]
    lines.append("rules:")
    names = KEYWORDS.split()
    for index, rule in enumerate(RULES):
        first, second = names[2 * index], names[2 * index + 1]
        label = LABELS[index].replace('"', "")
        test = f'values == "{label}"' if label in LABELS and "\\" not in label else "not near"
        lines += ["  '" + rule.replace("'", "''") + "':", "    title: 规则", "    clause: 一",
                  "    bureau: 局", "    subject: person", "    when:",
                  f"      - {{atom: {first} or {second}, say: 一, act: 去}}",
                  "      - {say: 二, atom: '" + test.replace("'", "''") + "'}",
                  "      - {say: 三, atom: 'date <= today'}",
                  "    amount: from_x"]  # fmt: skip
    return "\n".join(lines) + "\n"


def sqlite(statements):
    with closing(sqlite3.connect(":memory:")) as connection:
        return ask(connection.cursor(), statements)


def duck(statements):
    with closing(duckdb.connect()) as connection:
        return ask(connection.cursor(), statements)


def ask(cursor, statements):
    create, (insert, rows), *questions = statements
    cursor.execute(create)
    cursor.executemany(insert, rows)
    return [cursor.execute(question).fetchall() for question in questions]


@pytest.mark.parametrize(
    ("dialect", "database"), [(Dialect.SQLITE, sqlite), (Dialect.DUCKDB, duck)]
)
@pytest.mark.parametrize("names", [("facts", "subject"), ("order", "from"), ("事实 表", "主'体")])
def test_a_database_answers_as_the_engine_whatever_things_are_called(dialect, database, names):
    program = compile_pack(read_pack(text()), on=ON)
    table = random_table(np.random.default_rng(7), program.pack.facts, count=200)
    source = Source(table=names[0], subject=names[1])
    rows = list(fact_rows(program, table))
    quote = "`" if dialect is Dialect.SQLITE else '"'
    marks = ", ".join("?" * len(rows[0]))
    answers, counts = database([
        table_sql(program, dialect=dialect, source=source),
        (f"INSERT INTO {quote}{names[0]}{quote} VALUES ({marks})", rows),  # noqa: S608 - ours
        answers_sql(program, dialect=dialect, source=source),
        counts_sql(program, dialect=dialect, source=source),
    ])  # fmt: skip
    result = run(program, table)
    mine = sorted((row[:3], row[5]) for row in answer_rows(result))
    assert sorted((tuple(row[:3]), row[5]) for row in answers) == mine
    assert sum(row[1] for row in counts) == sum(one.eligible for one in result.counts()) > 0


def test_a_fact_that_is_called_as_the_column_of_the_ids_is_refused():
    with pytest.raises(PackRefusedError, match="subject cannot be a name"):
        read_pack(text().replace("  null: {", "  subject: {"))


@pytest.mark.parametrize("write", [table_sql, answers_sql, counts_sql])
def test_the_column_of_the_ids_is_no_fact_either(write):
    program = compile_pack(read_pack(text()), on=ON)
    with pytest.raises(SubjectColumnTakenError, match="--subject"):
        write(program, dialect=Dialect.SQLITE, source=Source(subject="Status"))
