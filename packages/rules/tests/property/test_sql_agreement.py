"""The generated SQL on real databases against the engine: no answer may differ."""

import itertools
import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from liudu.rules import (
    Column,
    FactTable,
    PackRefusedError,
    compile_pack,
    near_amounts,
    read_pack,
    run,
)
from liudu.rules.sql import Dialect, answer_rows, answers_sql, counts_sql, fact_rows
from liudu.rules.sql import facts_table_sql as table_sql
from liudu.rules.testing import random_pack, random_table

ON = date(2026, 3, 31)
SEEDS = st.integers(0, 2**63)
# A database that was opened for the whole session is handed to every example.
RELAXED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}

LOGIC = """
pack: logic
version: "1"
title: 逻辑
facts:
  a: {type: bool, label: 甲, bureau: 局}
  b: {type: bool, label: 乙, bureau: 局}
  m: {type: money, unit: yuan, label: 金额, bureau: 局}
  e: {type: enum, values: [本科, "硕'士", 博士], label: 学历, bureau: 局}
parameters:
  open: {type: bool, label: 未定, values: {2026-01-01: null}}
rules:
"""
RULE = """
  {name}:
    title: 规则
    clause: 一
    bureau: 局
    subject: person
    when:
      - {{atom: '{first}', say: 甲, act: 去做}}
      - {{atom: '{second}', say: 乙}}
    amount: '{amount}'
"""
CONDITIONS = ("a", "not a", "a and b", "a or b", "not (a and m > 0)", "a or open", "b and not open",
              'e in ("本科", "博士")', 'a and (b or m >= yuan(1))')  # fmt: skip
AMOUNTS = ("m", "min(m, yuan(3))", "yuan(1) if b else m", "max(m, yuan(2)) + fen(7)")


def ask_sqlite(program, rows):
    with closing(sqlite3.connect(":memory:")) as connection:
        return ask(connection, Dialect.SQLITE, program, rows, mark="?")


def ask_duckdb(program, rows):
    with closing(duckdb.connect()) as connection:
        return ask(connection, Dialect.DUCKDB, program, rows, mark="?")


def ask(connection, dialect, program, rows, *, mark):
    """Return the answers and the counts of one database."""
    cursor = connection.cursor()
    cursor.execute(table_sql(program, dialect=dialect))
    marks = ", ".join([mark] * len(rows[0]))
    cursor.executemany(f"INSERT INTO facts VALUES ({marks})", rows)  # noqa: S608 - question marks
    cursor.execute(answers_sql(program, dialect=dialect))
    answers = {(one[0], one[1], one[2], bool(one[3]), *one[4:]) for one in cursor.fetchall()}
    cursor.execute(counts_sql(program, dialect=dialect))
    return answers, set(cursor.fetchall())


def of_engine(program, table):
    result = run(program, table)
    counts = {
        (
            *(one.rule, one.eligible, one.ineligible, one.unknown, one.near, one.amount_fen),
            near_amounts(result, one.rule).total_fen,
        )
        for one in result.counts()
    }
    return set(answer_rows(result)), counts


def random_case(seed, *, depth, count):
    rng = np.random.default_rng(seed)
    pack = random_pack(rng, depth=depth)
    try:
        program = compile_pack(pack, on=ON)
    except PackRefusedError:  # it could overflow, and says so
        assume(condition=False)
    return program, random_table(rng, pack.facts, count=count)


def assert_agrees(database, program, table):
    answers, counts = database(program, list(fact_rows(program, table)))
    expected, expected_counts = of_engine(program, table)
    assert answers == expected
    assert counts == expected_counts


def every_combination():
    """Return packs of every pair of conditions, and a table of every combination of facts."""
    pairs = itertools.product(CONDITIONS, CONDITIONS)
    rules = [
        RULE.format(name=f"r{i}", first=one, second=two, amount=AMOUNTS[i % len(AMOUNTS)])
        for i, (one, two) in enumerate(pairs)
    ]
    pack = read_pack(LOGIC + "".join(rules))
    truths, amounts = (1, 0, None), (0, 100, 250, 1000, None)
    grid = list(itertools.product(truths, truths, amounts, (0, 1, 2, None)))
    kinds = {"a": np.bool_, "b": np.bool_, "m": np.int64, "e": np.int8}
    columns = {
        name: Column(
            np.array([row[place] or 0 for row in grid], kind),
            np.array([row[place] is None for row in grid]),
        )
        for place, (name, kind) in enumerate(kinds.items())
    }
    return compile_pack(pack, on=ON), FactTable.of(pack.facts, columns)


def server_programs():
    """Return the folder of initdb and pg_ctl, or None."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    found = next(iter(debian), None) or shutil.which("initdb")
    return Path(found).parent if found else None


def ordinary_user():
    """Return who runs the server: it refuses root."""
    if os.geteuid():
        return {}
    known = {one.pw_name for one in pwd.getpwall()}
    return {"user": "postgres" if "postgres" in known else "nobody", "group": "nogroup"}


@pytest.fixture(scope="session")
def postgresql():
    """Yield a connection to a server of our own that listens on a unix socket only."""
    programs = server_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    who = ordinary_user()
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as name:
        folder = Path(name)
        if who:
            shutil.chown(folder, who["user"])

        def call(*command):
            subprocess.run(command, check=True, capture_output=True, cwd=folder, **who)

        data, log = folder / "data", folder / "log"
        new = (programs / "initdb", "-D", data, "-U", "liudu", "-A", "trust", "--no-sync")
        call(*new, "-E", "UTF8", "--locale=C.UTF-8")
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        control = [programs / "pg_ctl", "-D", data, "-w"]
        call(*control, "-l", log, "-o", options, "start")
        try:
            with psycopg.connect(host=str(folder), user="liudu", dbname="postgres") as connection:
                yield connection
        finally:
            call(*control, "-m", "immediate", "stop")


@pytest.fixture
def ask_postgresql(postgresql):
    def answer(program, rows):
        with postgresql.transaction(force_rollback=True):
            return ask(postgresql, Dialect.POSTGRESQL, program, rows, mark="%s")

    return answer


@pytest.fixture(params=["sqlite", "duckdb", "postgresql"])
def database(request):
    here = {"sqlite": ask_sqlite, "duckdb": ask_duckdb}.get(request.param)
    return here or request.getfixturevalue("ask_postgresql")


def test_sql_agrees_on_every_combination_of_true_false_and_unknown(database):
    assert_agrees(database, *every_combination())


@settings(max_examples=30, **RELAXED)
@given(SEEDS, st.integers(0, 3))
def test_sqlite_says_what_the_engine_says_of_random_packs(seed, depth):
    assert_agrees(ask_sqlite, *random_case(seed, depth=depth, count=40))


@pytest.mark.slow
@settings(max_examples=15, **RELAXED)
@given(SEEDS, st.integers(0, 3))
def test_duckdb_says_what_the_engine_says_of_random_packs(seed, depth):
    assert_agrees(ask_duckdb, *random_case(seed, depth=depth, count=40))


@pytest.mark.slow
@settings(max_examples=30, **RELAXED)
@given(SEEDS, st.integers(0, 3))
def test_postgresql_says_what_the_engine_says_of_random_packs(ask_postgresql, seed, depth):
    assert_agrees(ask_postgresql, *random_case(seed, depth=depth, count=40))


DAYS = """
pack: days
version: "1"
title: 日历
facts:
  s: {type: date, label: 开始, bureau: 局}
  t: {type: date, label: 结束, bureau: 局}
  n: {type: count, unit: months, label: 月数, bureau: 局, min: -600, max: 600}
  d: {type: count, unit: days, label: 天数, bureau: 局, min: -40000, max: 40000}
rules:
  r:
    title: 规则
    clause: 一
    bureau: 局
    subject: person
    when:
      - {atom: 'months_after(s, n) <= t', say: 期内}
      - {atom: 'months_between(s, t) >= n', say: 满月}
      - {atom: 'months_after(days_after(t, d), 1) > s', say: 以后}
    amount: 'months_between(s, t) * yuan(1) + wan(1000)'
"""


def test_every_database_counts_months_as_the_engine_does_from_1900_to_2199(database):
    program = compile_pack(read_pack(DAYS), on=ON)
    rng = np.random.default_rng(7)
    columns = {
        name: Column(rng.integers(fact.minimum, fact.maximum, 3000, endpoint=True))
        for name, fact in program.pack.facts.items()
    }
    assert_agrees(database, program, FactTable.of(program.pack.facts, columns))


@pytest.mark.slow
@settings(max_examples=20, **RELAXED)
@given(SEEDS, st.integers(0, 3))
def test_at_the_ends_of_the_declared_ranges_no_database_overflows(database, seed, depth):
    program, table = random_case(seed, depth=depth, count=40)
    rng = np.random.default_rng(seed)
    columns = dict(table.columns)
    for name, fact in program.pack.facts.items():
        if columns[name].numbers.dtype != np.bool_:
            ends = rng.choice([fact.minimum, fact.minimum + 1, fact.maximum - 1, fact.maximum], 40)
            columns[name] = Column(ends.astype(columns[name].numbers.dtype), columns[name].unknown)
    assert_agrees(database, program, FactTable.of(program.pack.facts, columns))
