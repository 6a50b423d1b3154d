"""The engine against its own SQL: generated packs over generated subjects, disagreements counted.

    uv run python bench/rules_agreement.py

Every pair of a pack and a subject is answered by the engine and by a real database, rule by rule:
status, near miss, unmet conditions, amount in fen and the state of every condition. A fifth of
the cells is unknown. The packs go to SQLite and to DuckDB in turn; each of the two has the number
of pairs that is asked for.
"""

import argparse
import sqlite3
import time
from contextlib import closing
from datetime import date

import duckdb
import numpy as np
from record import write_result
from scipy.stats import binomtest

from liudu.rules import PackRefusedError, compile_pack, run
from liudu.rules.sql import Dialect, answer_rows, answers_sql, fact_rows, facts_table_sql
from liudu.rules.testing import random_pack, random_table

ON = date(2026, 3, 31)
SUBJECTS = {Dialect.SQLITE: 100, Dialect.DUCKDB: 500}  # DuckDB is slow to plan, fast to run
PAIRS = 200_000


def opened(dialect):
    if dialect is Dialect.SQLITE:
        return sqlite3.connect(":memory:")
    return duckdb.connect(config={"threads": 1})


def database_answers(dialect, program, table):
    with closing(opened(dialect)) as connection:
        connection.execute(facts_table_sql(program, dialect=dialect))
        rows = list(fact_rows(program, table))
        width = len(rows[0])
        if dialect is Dialect.SQLITE:
            marks = ", ".join("?" * width)
            connection.executemany(f"INSERT INTO facts VALUES ({marks})", rows)  # noqa: S608
        else:
            marks = ", ".join([f"({', '.join('?' * width)})"] * len(rows))
            cells = [cell for row in rows for cell in row]
            connection.execute(f"INSERT INTO facts VALUES {marks}", cells)  # noqa: S608
        found = connection.execute(answers_sql(program, dialect=dialect)).fetchall()
    return {(one[0], one[1]): (one[2], bool(one[3]), *one[4:]) for one in found}


def compare(dialect, seed):
    """Return answers and disagreements of one pack, or None if the pack could overflow."""
    rng = np.random.default_rng([seed, list(Dialect).index(dialect)])
    pack = random_pack(rng, depth=seed % 4)
    try:
        program = compile_pack(pack, on=ON)
    except PackRefusedError:
        return None
    table = random_table(rng, pack.facts, count=SUBJECTS[dialect])
    expected = {(one[0], one[1]): one[2:] for one in answer_rows(run(program, table))}
    found = database_answers(dialect, program, table)
    differing = [key for key, one in expected.items() if found.get(key) != one]
    if differing:
        print(f"{dialect}, seed {seed}: {differing[0]}", flush=True)
    return len(expected), len(differing) + len(found.keys() - expected.keys())


def measure(dialect, pairs):
    packs = answers = differing = refused = seed = 0
    start = time.process_time()
    while packs * SUBJECTS[dialect] < pairs:
        one = compare(dialect, seed)
        seed += 1
        if one is None:
            refused += 1
            continue
        packs, answers, differing = packs + 1, answers + one[0], differing + one[1]
    cpu_s = time.process_time() - start
    count = packs * SUBJECTS[dialect]
    print(f"{dialect}: {packs} packs, {count} pairs, {answers} answers, {differing} differ, "
          f"{refused} packs refused for overflow, {cpu_s:.0f} CPU-s")  # fmt: skip
    ratio = binomtest(differing, answers).proportion_ci(0.95)
    return {"packs": packs, "pairs": count, "answers": answers, "disagreements": differing,
            "disagreement_ratio": {"value": differing / answers,
                                   "interval": [float(ratio.low), float(ratio.high)]},
            "packs_refused": refused, "cpu_s": cpu_s}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    given = parser.parse_args()
    figures = {str(one): measure(one, given.pairs) for one in SUBJECTS}
    write_result("rules_agreement", figures)
    if any(one["disagreements"] for one in figures.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
