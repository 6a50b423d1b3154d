"""Ten million rows of a line list: seconds and peak memory of an import.

    uv run python bench/outbreak_import.py                 10,000,000 rows, three sizes
    uv run python bench/outbreak_import.py --rows 100000

Rows are generated in the form of the Chinese report card, with 1 % of each: a repeated case number,
a person reported again, an unreadable date, a future date, an age in months. The import runs in a
process of its own; its peak is `ru_maxrss`. Smaller sizes show how memory grows with rows.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from record import write_result

AT = date(2026, 11, 20)
PART = 1_000_000
ROUNDS = 3


def written(path, rows, *, seed):
    """Write a report-card CSV of `rows` rows, part by part."""
    rng = np.random.default_rng(seed)
    with path.open("wb") as file:
        for start in range(0, rows, PART):
            number = min(PART, rows - start)
            part(rng, start=start, number=number).write_csv(file, include_header=start == 0)


def part(rng, *, start, number):
    row = np.arange(start, start + number)
    report = rng.integers(14000, 20776, number)  # 2008-05 to 2026-11-19, days since 1970
    onset = report - rng.negative_binomial(2, 0.35, number)
    case = np.where(rng.random(number) < 0.01, np.maximum(row - rng.integers(1, 1000), 0), row)
    person = np.where(rng.random(number) < 0.01, np.maximum(row - 1, 0), row)
    days = pl.DataFrame({"report": report, "onset": onset}).select(
        pl.all().cast(pl.Int32).cast(pl.Date).dt.strftime("%Y-%m-%d")
    )
    written_days = days["onset"].to_numpy().astype(object)
    written_days[rng.random(number) < 0.01] = "不详"
    reported = days["report"].to_numpy().astype(object)
    reported[rng.random(number) < 0.01] = "2027-01-01"
    age = rng.integers(0, 95, number)
    months = rng.random(number) < 0.01
    return pl.DataFrame({
        "卡片ID": case,
        "患者姓名": "患者",
        "有效证件号": person + 330_000_000_000,
        "性别": np.where(rng.random(number) < 0.5, "男", "女"),
        "年龄": np.where(months, "7月", np.char.add(age.astype(str), "岁")),
        "现住址编码": 33_010_000 + rng.integers(1, 20, number) * 100,
        "病种": rng.choice(["麻疹", "手足口病", "流感", "痢疾", "肺结核"], number),
        "病例分类": rng.choice(["确诊病例", "临床诊断病例", "疑似病例"], number),
        "发病日期": written_days.astype(str),
        "报告日期": reported.astype(str),
        "职业": rng.choice(["学生", "散居儿童", "农民"], number),
    })  # fmt: skip


def child(path):
    """Import one file; print seconds, CPU-seconds, peak MiB and what the report says."""
    from liudu.outbreak.linelist import import_line_lists  # noqa: PLC0415 - its time counts apart

    with tempfile.TemporaryDirectory() as folder:
        start, cpu = time.perf_counter(), time.process_time()
        report = import_line_lists([Path(path)], out=Path(folder) / "out", at=AT, seed=1)
        wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counts = {"read": report.rows_read, "kept": report.rows_kept, "rejected": report.rows_rejected}
    print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "peak_mib": peak, **counts}))


def runs(path, rounds):
    command = [sys.executable, __file__, "--child", str(path)]
    return [json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            for _ in range(rounds)]  # fmt: skip


def summed(found, name):
    values = [one[name] for one in found]
    interval = [round(min(values), 1), round(max(values), 1)]
    return {"value": round(float(np.median(values)), 1), "interval": interval}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--child")
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return
    sizes = {}
    for rows in sorted({options.rows // 10, options.rows // 2, options.rows}):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "cases.csv"
            written(path, rows, seed=rows)
            found = runs(path, options.rounds if rows == options.rows else 1)
            size = path.stat().st_size / 2**20
        sizes[str(rows)] = {
            "file_mib": round(size, 1),
            **{name: summed(found, name) for name in ("wall_s", "cpu_s", "peak_mib")},
            **{name: found[0][name] for name in ("read", "kept", "rejected")},
        }
        print(rows, sizes[str(rows)])
    whole = sizes[str(options.rows)]
    write_result("outbreak_import", {
        "rows": options.rows, "rounds": options.rounds, "interval_is": "lowest and highest run",
        "load_1min": os.getloadavg()[0], "seconds": whole["wall_s"], "peak_mib": whole["peak_mib"],
        "sizes": sizes,
    })  # fmt: skip


if __name__ == "__main__":
    main()
