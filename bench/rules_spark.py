"""The generated Spark SQL on a real Spark, against the engine: disagreements counted.

    LIUDU_PEERS=/path/of/an/environment uv run python bench/rules_spark.py

Needs Java and an environment with pyspark (LIUDU_PEERS; Spark is never a dependency of ours);
without them it is skipped, and said so. Generated packs over generated subjects, as in
rules_agreement.py; Spark starts once and takes all of them.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PACKS = 25
SUBJECTS = 200


def worker(folder):
    """Answer every case of a folder by Spark; runs in the environment that has pyspark."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - only there
    from pyspark.sql.functions import col  # noqa: PLC0415

    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    builder = SparkSession.builder.master("local[1]")
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    told = []
    for path in sorted(folder.glob("case*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        spark.sql("DROP TABLE IF EXISTS facts")
        spark.sql(case["table"])
        empty = spark.table("facts")
        types = {field.name: field.dataType for field in empty.schema.fields}
        plain = ", ".join(
            f"`{name}` {'string' if one.typeName() == 'date' else one.simpleString()}"
            for name, one in types.items()
        )
        frame = spark.createDataFrame([tuple(row) for row in case["rows"]], plain)
        frame.select(*(col(n).cast(t) for n, t in types.items())).write.insertInto("facts")
        start = time.perf_counter()
        rows = spark.sql(case["answers"]).collect()
        told.append(time.perf_counter() - start)
        found = {(one[0], one[1]): list(one[2:]) for one in rows}
        expected = {(one[0], one[1]): one[2:] for one in case["expected"]}
        differing = [key for key in expected if found.get(key) != expected[key]]
        if differing or found.keys() - expected.keys():
            print(path.name, differing[0], found.get(differing[0]), expected[differing[0]],
                  file=sys.stderr)  # fmt: skip
        answer = {"answers": len(expected), "differing": len(differing), "version": spark.version}
        path.with_suffix(".answer").write_text(json.dumps(answer), encoding="utf-8")
    spark.stop()


def write_cases(folder):
    from datetime import date  # noqa: PLC0415 - the worker's environment lacks ours

    import numpy as np  # noqa: PLC0415

    from liudu.rules import PackRefusedError, compile_pack, run  # noqa: PLC0415
    from liudu.rules.sql import (  # noqa: PLC0415
        Dialect,
        answer_rows,
        answers_sql,
        fact_rows,
        facts_table_sql,
    )
    from liudu.rules.testing import random_pack, random_table  # noqa: PLC0415

    for seed in range(PACKS):
        rng = np.random.default_rng([seed, 4])
        pack = random_pack(rng, depth=seed % 4)
        try:
            program = compile_pack(pack, on=date(2026, 3, 31))
        except PackRefusedError:
            continue
        table = random_table(rng, pack.facts, count=SUBJECTS)
        case = {
            "table": facts_table_sql(program, dialect=Dialect.SPARK),
            "answers": answers_sql(program, dialect=Dialect.SPARK),
            "rows": list(fact_rows(program, table)),
            "expected": list(answer_rows(run(program, table))),
        }
        path = folder / f"case{seed:04d}.json"
        path.write_text(json.dumps(case, ensure_ascii=False), encoding="utf-8")


def main():
    if sys.argv[1:2] == ["--worker"]:
        worker(Path(sys.argv[2]))
        return
    from record import write_result  # noqa: PLC0415 - not for the worker

    peers = os.environ.get("LIUDU_PEERS")
    python = str(Path(peers) / "bin" / "python") if peers else sys.executable
    has = subprocess.run([python, "-c", "import pyspark"], capture_output=True, check=False)
    if has.returncode:
        print("Skipped: no pyspark; name an environment that has it with LIUDU_PEERS.")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_cases(folder)
        command = [python, __file__, "--worker", name]
        done = subprocess.run(command, cwd=name, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        answers = [json.loads(p.read_text(encoding="utf-8")) for p in folder.glob("*.answer")]
    total = sum(one["answers"] for one in answers)
    differing = sum(one["differing"] for one in answers)
    print(f"Spark {answers[0]['version']}: {len(answers)} packs, {total} answers, "
          f"{differing} differ")  # fmt: skip
    bound = 3 / total if not differing else None  # rule of three
    figures = {"packs": len(answers), "pairs": len(answers) * SUBJECTS, "answers": total,
               "disagreements": differing, "disagreement_ratio_max_95": bound}  # fmt: skip
    write_result("rules_spark", {"spark": answers[0]["version"], **figures})
    if differing:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
