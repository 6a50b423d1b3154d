"""``liudu-rules sql``: its output runs as it is."""

import json
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from liudu.rules.cli import main

PACK = """
pack: corpus
version: "1"
title: 语料
facts:
  contract: {type: money, unit: yuan, label: 合同额, bureau: 市数据局, max: 100000000}
  reviewed: {type: bool, label: 通过评审, bureau: 市数据局}
parameters:
  share: {type: rate, label: 比例, values: {2026-01-01: 0.2}}
rules:
  corpus-purchase:
    title: 语料采购补贴
    clause: 一
    bureau: 市数据局
    subject: enterprise
    when:
      - {atom: contract > 0, say: 有合同}
      - {atom: reviewed, say: 通过评审}
    amount: min(share * contract, wan(200))
    rounding: down
"""


@pytest.fixture
def pack(tmp_path):
    path = tmp_path / "corpus.yaml"
    path.write_text(PACK, encoding="utf-8")
    return str(path)


def sql(*words):
    result = CliRunner().invoke(main, ["sql", *words, "--on", "2026-06-01"])
    return result.exit_code, result.output


def test_the_table_and_the_answers_run_as_they_are_printed(pack):
    with closing(sqlite3.connect(":memory:")) as connection:
        for what in ("table", "answers"):
            code, text = sql(pack, "--dialect", "sqlite", "--what", what)
            assert code == 0
            if what == "table":
                connection.executescript(text)
                connection.execute("INSERT INTO facts VALUES ('S1', 60000000, 1)")
                connection.execute("INSERT INTO facts VALUES ('S2', 60000000, NULL)")
        rows = connection.execute(text).fetchall()
    assert rows == [
        ("S1", "corpus-purchase", 1, 0, 0, 120_000_00, "11", None),
        ("S2", "corpus-purchase", -1, 1, 1, 0, "1?", 120_000_00),
    ]


def test_a_what_if_is_the_same_query_with_another_number(pack):
    _, usual = sql(pack, "--dialect", "postgresql")
    code, other = sql(pack, "--dialect", "postgresql", "--set", "share=0.3")
    assert code == 0
    assert usual != other


def test_machines_get_one_json_object(pack):
    code, text = sql(pack, "--dialect", "spark", "--what", "counts", "--json")
    answer = json.loads(text)
    assert code == 0
    assert answer["dialect"] == "spark"
    assert answer["sql"].endswith("GROUP BY rule")


def test_an_unknown_rule_ends_with_two_and_a_sentence(pack):
    code, text = sql(pack, "--dialect", "duckdb", "--rule", "corpus", "--lang", "en")
    assert code == 2
    assert "corpus is no rule of corpus on 2026-06-01; there are corpus-purchase." in text
