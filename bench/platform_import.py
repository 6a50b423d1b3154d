"""An Excel list of 10,000 rows into drafts: seconds and peak memory.

    uv run python bench/platform_import.py                  10,000 rows, three rounds
    uv run python bench/platform_import.py --rows 1000

The list is as bureaus write it: a title row, merged owners, 1 % each of unknown sectors, unreadable
budgets, missing titles and duplicates. Each round is a process of its own with a database of its
own (SQLite; `--database URL` for another, which must be empty); its peak is `ru_maxrss`, read
before the import begins and after it ended. A second figure is how soon 200,000 rows are refused.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from openpyxl import Workbook
from record import write_result

ROUNDS = 3
ROWS_TOO_MANY = 200_000
HEADINGS = (
    "序号", "场景名称", "所属领域", "需求单位", "拟解决问题", "所需能力", "现有数据", "区县",
    "预算（万元）", "完成时间", "联系单位", "联系人",
)  # fmt: skip


def written(path, rows):
    """Write a list of `rows` rows."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("清单")
    sheet.append(["2026年人工智能应用场景需求清单"])
    sheet.append(HEADINGS)
    for number in range(rows):
        sheet.append(row(number))
    book.save(path)
    return path


def row(number):
    kind = number % 100
    title = {1: None, 2: "重复的场景"}.get(kind, f"第 {number} 条：产线外观缺陷检测")
    return [
        number + 1, title, "智造业" if kind == 3 else "制造", None,
        f"人工目检漏检多，班次之间差异大（{number}）。", "识别划痕、气泡、异物并给出位置",
        "近三个月图片约 2 万张", "苏州工业园区", "很多" if kind == 4 else 30 + kind,
        "2027年6月30日", "质量管理部", "张三",
    ]  # fmt: skip


def child(path):
    """Import one list in a fresh database; print seconds, peak MiB and what was taken."""
    from datetime import UTC, datetime

    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    run, work = prepared(Path(path), at=datetime(2026, 11, 20, 8, tzinfo=UTC))
    before = peak_mib()
    start, cpu = time.perf_counter(), time.process_time()
    work()
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    run.refresh_from_db()
    print(json.dumps({
        "wall_s": wall_s, "cpu_s": cpu_s, "peak_mib": peak_mib(), "before_mib": before,
        "state": run.state, "rows": run.row_count, "taken": run.taken_count,
    }))  # fmt: skip


def prepared(path, *, at):
    """Return the import of a list that was received, and what reads it."""
    from liudu.platform import clock
    from liudu.platform.actors import Actor, Role
    from liudu.platform.city.models import District, Sector
    from liudu.platform.identity.models import Organisation
    from liudu.platform.needs.imports import receive_list, work_through

    Sector.objects.create(code="manufacturing", number=1, name="制造", name_en="Manufacturing")
    District.objects.create(code="sip", name="苏州工业园区", name_en="Suzhou Industrial Park")
    bureau = Organisation.objects.create(name="工信局", kind="bureau", created_at=at)
    by = Actor(
        kind="person",
        key="bench",
        name="bench",
        organisation_key=bureau.key,
        organisation_name=bureau.name,
        roles=frozenset({Role.OFFICER}),
    )
    run = receive_list(by=by, at=at, file_name=path.name, chunks=[path.read_bytes()])
    return run, lambda: work_through(run.key, now=clock.now)


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def runs(path, *, rounds, database):
    """Import a list in processes of their own."""
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as home:
            environment = {
                **os.environ,
                "LIUDU_HOME": home,
                "DATABASE_URL": database or f"sqlite:///{home}/liudu.sqlite3",
                "DJANGO_SETTINGS_MODULE": "liudu.platform.settings",
            }
            command = [sys.executable, __file__, "--child", str(path)]
            done = subprocess.run(command, check=True, capture_output=True, env=environment)
            found.append(json.loads(done.stdout.splitlines()[-1]))
    return found


def summed(found, name):
    values = sorted(one[name] for one in found)
    return {
        "value": round(values[len(values) // 2], 2),
        "interval": [round(values[0], 2), round(values[-1], 2)],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--database", default="")
    parser.add_argument("--child")
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "list.xlsx", options.rows)
        found = runs(path, rounds=options.rounds, database=options.database)
        many = written(Path(folder) / "many.xlsx", ROWS_TOO_MANY)
        refused = runs(many, rounds=1, database=options.database)[0]
        size_mib = round(path.stat().st_size / 2**20, 2)
    write_result("platform_import", {
        "rows": options.rows, "rounds": options.rounds, "interval_is": "lowest and highest run",
        "database": options.database.partition(":")[0] or "sqlite", "file_mib": size_mib,
        "load_1min": round(os.getloadavg()[0], 2), "seconds": summed(found, "wall_s"),
        "cpu_seconds": summed(found, "cpu_s"), "peak_mib": summed(found, "peak_mib"),
        "peak_before_mib": summed(found, "before_mib"), "taken": found[0]["taken"],
        "state": found[0]["state"], "rows_too_many": ROWS_TOO_MANY,
        "refused_seconds": round(refused["wall_s"], 2), "refused_state": refused["state"],
        "refused_peak_mib": round(refused["peak_mib"], 1),
    })  # fmt: skip


if __name__ == "__main__":
    main()
