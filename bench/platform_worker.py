"""How many empty trials workers finish in a minute: a tiny seal, a solution that does nothing much.

Run: uv run python bench/platform_worker.py [--trials 60]

What is counted is the platform: queue, lease, sandbox, scoring, report, certificate, audit. Each
number is taken on a fresh database, with workers as processes of their own, from the start of the
first trial to the end of the last one. PostgreSQL is measured where its programs are installed.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from record import ROOT, write_result

REPEATS = 3


def postgresql():
    """Return the module that starts a PostgreSQL of its own."""
    path = ROOT / "scripts" / "with-postgresql.py"
    specification = importlib.util.spec_from_file_location("with_postgresql", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def main():
    """Measure and write the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)  # a run of its own process
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(run_here(asked.trials, worker_count=asked.one)))
        return
    rows = [*measured("sqlite", None, asked.trials)]
    programs = postgresql().programs()
    if programs is None:
        print("PostgreSQL is not installed: only SQLite is measured")
    else:
        rows += measured("postgresql", programs, asked.trials)
    write_result("platform_worker", {"trial_count": asked.trials, "rows": rows})


def measured(database, programs, trial_count):
    """Yield the throughput with one and with two workers: the median of a few runs."""
    for worker_count in (1, 2):
        runs = sorted(run(programs, trial_count, worker_count) for _ in range(REPEATS))
        row = {
            "database": database,
            "worker_count": worker_count,
            "trials_per_min": round(runs[REPEATS // 2], 1),
            "trials_per_min_all": [round(one, 1) for one in runs],
        }
        print(row)
        yield row


def run(programs, trial_count, worker_count):
    """Return the trials per minute of one run, on a database of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="liudu-bench-") as home,
        postgresql().server(programs) if programs else nullcontext() as url,
    ):
        environment = {**os.environ, "LIUDU_HOME": home}
        if url:
            environment["DATABASE_URL"] = url
        else:
            environment.pop("DATABASE_URL", None)
        options = ("--trials", str(trial_count), "--one", str(worker_count))
        ended = subprocess.run(
            [sys.executable, __file__, *options],
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        answer = json.loads(ended.stdout.splitlines()[-1])
    if answer["decided"] != trial_count:
        raise SystemExit(f"only {answer['decided']} of {trial_count} trials came to a verdict")
    return 60 * trial_count / answer["seconds"]


def run_here(trial_count, *, worker_count):
    """Queue the trials, run the workers, and return how long it took."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "liudu.platform.settings"
    sys.path.insert(0, str(ROOT / "packages" / "platform" / "tests"))
    import django

    django.setup()
    from django.core.management import call_command
    from django.db.models import Max, Min
    from trial_city import a_need, a_seal, a_trial, organisation, worker

    from liudu.platform.trials.models import Trial

    call_command("migrate", verbosity=0)
    need = a_need(organisation("明州光电"))
    a_seal(need)
    for number in range(trial_count):
        a_trial(need, vendor=f"供方 {number}")
    processes = [worker(lease_s=60, url=address()) for _ in range(worker_count)]
    for process in processes:
        _, said = process.communicate()
        if process.returncode:
            raise SystemExit(said)
    ended = Trial.objects.filter(state=Trial.State.DECIDED)
    span = ended.aggregate(first=Min("started_at"), last=Max("ended_at"))
    seconds = (span["last"] - span["first"]).total_seconds()
    return {"decided": ended.count(), "seconds": seconds}


def address():
    """Return the database as the environment has it, or the file in this home."""
    file = Path(os.environ["LIUDU_HOME"]) / "liudu.sqlite3"
    return os.environ.get("DATABASE_URL") or f"sqlite:///{file}"


if __name__ == "__main__":
    main()
