"""The audit at a million lines: what a line costs, what the proof of the chain costs.

Run: uv run python bench/platform_audit.py [--lines 1000000] [--appended 5000]

On each database, SQLite and PostgreSQL, a process of its own appends lines as services do, one
transaction each, to an empty chain; fills it up to `--lines` with lines that are sealed alike but
inserted in bulk; appends again to the full one; and verifies the whole chain. Memory is `ru_maxrss`
before the proof and after it.
"""

import argparse
import json
import os
import resource
import time
from datetime import UTC, datetime

from platform_databases import in_each_database
from record import write_result

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)
CHUNK = 5000
ROUNDS = 3


def appended(count):
    """Seconds for each line that a service of its own transaction adds: median and range."""
    from django.db import transaction

    from liudu.platform.actors import SYSTEM
    from liudu.platform.audit.services import record

    each = []
    for round_number in range(ROUNDS):
        start = time.perf_counter()
        for number in range(count // ROUNDS):
            with transaction.atomic():
                record(
                    at=AT, by=SYSTEM, verb="needs.need.edited", subject_kind="need",
                    subject_key=f"{round_number}-{number}", subject_name="焊点漏检",
                    fields=["title"],
                )  # fmt: skip
        each.append((time.perf_counter() - start) / (count // ROUNDS))
    return {
        "value": round(1e6 * sorted(each)[1]),
        "interval": [round(1e6 * s) for s in sorted(each)[::2]],
    }


def filled(lines):
    """Add lines up to `lines`, sealed as `record` seals them."""
    from django.db import transaction

    from liudu.platform.audit.decisions import canonical, digest_of
    from liudu.platform.audit.models import Head, Line

    head = Head.objects.get()
    plain = {
        "at": AT, "actor_kind": "person", "actor_name": "周明", "organisation_key": "mingzhou",
        "organisation_name": "明州光电", "verb": "needs.need.edited", "subject_kind": "need",
        "subject_name": "焊点漏检",
    }  # fmt: skip
    while head.number < lines:
        rows = []
        for number in range(head.number + 1, min(head.number + CHUNK, lines) + 1):
            fields = {
                **plain, "number": number, "actor_key": f"person{number % 997}",
                "subject_key": f"need{number % 9973}",
            }  # fmt: skip
            content = canonical({**fields, "detail": {"fields": ["title"]}})
            digest = digest_of(previous=head.digest, content=content)
            rows.append(Line(**fields, content=content, previous=head.digest, digest=digest))
            head.number, head.digest = number, digest
        with transaction.atomic():
            Line.objects.bulk_create(rows, batch_size=CHUNK)
            head.save()


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(lines, count):
    """Measure in the database of this process, and print what was found."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from liudu.platform.audit.models import Line
    from liudu.platform.audit.queries import verify_chain

    call_command("migrate", verbosity=0)
    empty = appended(count)
    start = time.perf_counter()
    filled(lines)
    fill_s = time.perf_counter() - start
    full = appended(count)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    before = peak_mib()
    start, cpu = time.perf_counter(), time.process_time()
    found = verify_chain()
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    if found.broken or found.count != Line.objects.count():
        raise AssertionError(found)
    print(json.dumps({
        "lines": found.count, "append_us_empty": empty, "append_us_full": full,
        "fill_s": round(fill_s, 1), "verify_s": round(wall_s, 1), "verify_cpu_s": round(cpu_s, 1),
        "verify_lines_per_s": round(found.count / wall_s),
        "peak_mib_before": round(before), "peak_mib_after": round(peak_mib()),
    }))  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--appended", type=int, default=5000)
    parser.add_argument("--child", action="store_true")
    options = parser.parse_args()
    if options.child:
        child(options.lines, options.appended)
        return
    arguments = ("--child", "--lines", str(options.lines), "--appended", str(options.appended))
    start = time.perf_counter()
    found = {
        name: json.loads(output.splitlines()[-1])
        for name, output in in_each_database(__file__, *arguments)
    }
    write_result("platform_audit", {
        "asked_lines": options.lines, "interval_is": f"lowest and highest of {ROUNDS} rounds",
        "took_s": round(time.perf_counter() - start), "load_1min": round(os.getloadavg()[0], 2),
        **found,
    })  # fmt: skip


if __name__ == "__main__":
    main()
