"""The model city's own packs as SQL, against the engine."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from liudu.rules import compile_pack, read_pack, run
from liudu.rules.sql import Dialect, answer_rows, answers_sql, fact_rows, facts_table_sql
from liudu.rules.testing import random_table

PACKS = sorted((Path(__file__).parents[4] / "cities").glob("*/policies/*.yaml"))


def test_the_model_city_has_packs():
    assert PACKS


@pytest.mark.parametrize("path", PACKS, ids=[path.stem for path in PACKS])
def test_every_pack_of_the_city_says_in_sql_what_the_engine_says(path):
    pack = read_pack(path.read_text(encoding="utf-8"), file=path.name)
    program = compile_pack(pack, on=next(iter(reversed(pack.epochs()))))
    facts = {name: pack.facts[name] for name in program.facts}
    table = random_table(np.random.default_rng(11), facts, count=400)
    rows = list(fact_rows(program, table))
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(facts_table_sql(program, dialect=Dialect.SQLITE))
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO facts VALUES ({marks})", rows)  # noqa: S608
        found = connection.execute(answers_sql(program, dialect=Dialect.SQLITE)).fetchall()
    answers = {(one[0], one[1], one[2], bool(one[3]), *one[4:]) for one in found}
    assert answers == set(answer_rows(run(program, table)))
