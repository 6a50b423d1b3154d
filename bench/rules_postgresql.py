"""A million subjects in PostgreSQL by the generated query, and whether the engine agrees.

    uv run python bench/rules_postgresql.py

Starts a server of its own with Debian's binaries (it listens on a unix socket only), copies a
million enterprises into the table of facts, and runs the ten rules: once as counts, once as a
table of every answer with every condition. Skipped, and said so, where there is no PostgreSQL.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import psycopg
from record import write_result
from rules_city import as_pack, make, ten_rules, unknown
from rules_ours import as_table

from liudu.rules import compile_pack, near_amounts, read_pack, run
from liudu.rules.sql import Dialect, answers_sql, counts_sql, fact_rows, facts_table_sql

SUBJECTS = 1_000_000
ROUNDS = 3
SETTINGS = "-c listen_addresses= -c fsync=off -c shared_buffers=512MB -c work_mem=256MB"
PARALLEL = "-c max_parallel_workers_per_gather=0"  # one core: the machine is shared


def programs():
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    found = next(iter(debian), None) or shutil.which("initdb")
    return Path(found).parent if found else None


@contextmanager
def server(folder):
    """Yield a connection to a server that lives as long as the block."""
    place = programs()
    known = {one.pw_name for one in pwd.getpwall()}
    user = "postgres" if "postgres" in known else "nobody"
    who = {} if os.geteuid() else {"user": user, "group": "nogroup"}
    if who:
        shutil.chown(folder, user)

    def call(*command):
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **who)

    data = folder / "data"
    call(place / "initdb", "-D", data, "-U", "liudu", "-A", "trust", "-E", "UTF8", "--no-sync",
         "--locale=C.UTF-8")  # fmt: skip
    control = [place / "pg_ctl", "-D", data, "-w"]
    options = f"-k {folder} {SETTINGS} {PARALLEL}"
    call(*control, "-l", folder / "log", "-o", options, "start")
    try:
        with psycopg.connect(host=str(folder), user="liudu", dbname="postgres") as connection:
            yield connection
    finally:
        call(*control, "-m", "immediate", "stop")


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def load(connection, program, table):
    connection.execute(facts_table_sql(program, dialect=Dialect.POSTGRESQL))
    with connection.cursor().copy("COPY facts FROM STDIN") as copy:
        for row in fact_rows(program, table):
            copy.write_row(row)
    connection.commit()
    connection.execute("ANALYZE facts")


def spread(values):
    ordered = sorted(values)
    return {"value": ordered[len(ordered) // 2], "interval": [ordered[0], ordered[-1]]}


def measure(connection, program, table):
    load_s = seconds(lambda: load(connection, program, table))
    answers = answers_sql(program, dialect=Dialect.POSTGRESQL)
    counts = counts_sql(program, dialect=Dialect.POSTGRESQL)
    counts_s, answers_s = [], []
    for _ in range(ROUNDS):
        counts_s.append(seconds(lambda: connection.execute(counts).fetchall()))
        connection.execute("DROP TABLE IF EXISTS answers")
        made = f"CREATE UNLOGGED TABLE answers AS {answers}"
        answers_s.append(seconds(lambda made=made: connection.execute(made)))
        print(f"counts {counts_s[-1]:.1f} s, every answer {answers_s[-1]:.1f} s", flush=True)
    found = {one[0]: one[1:] for one in connection.execute(counts).fetchall()}
    return load_s, counts_s, answers_s, found


def main():
    if programs() is None:
        print("Skipped: PostgreSQL is not installed (apt-get install postgresql).")
        return
    pack = read_pack(as_pack(ten_rules()))
    program = compile_pack(pack, on=date(2026, 6, 1))
    table = as_table(pack, make(SUBJECTS), unknown(SUBJECTS, 0.06))
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as name, server(Path(name)) as base:
        version = base.execute("SHOW server_version").fetchone()[0]
        load_s, counts_s, answers_s, found = measure(base, program, table)
    result = run(program, table)
    expected = {
        one.rule: (
            *(one.eligible, one.ineligible, one.unknown, one.near, one.amount_fen),
            near_amounts(result, one.rule).total_fen,
        )
        for one in result.counts()
    }
    differing = sum(found[rule] != one for rule, one in expected.items())
    print(f"PostgreSQL {version}: rules whose counts differ from the engine's: {differing}")
    write_result(
        "rules_postgresql",
        {
            "database": f"PostgreSQL {version}, one core",
            "subjects": SUBJECTS,
            "rules": len(expected),
            "load_s": load_s,
            "counts_s": spread(counts_s),
            "every_answer_s": spread(answers_s),
            "rules_that_differ": differing,
        },
    )
    if differing:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
