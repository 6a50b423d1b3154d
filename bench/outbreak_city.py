"""One week of a city: 10 districts x 40 diseases x 6 age groups = 2,400 series of ten years.

    uv run python bench/outbreak_city.py

CPU-seconds of the whole decision, from the table to the ranked alarms with a budget of 20, with
the default detector: in a process that has compiled (or loaded) the detector, and in new
processes, with the compiled code on disk and without.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
from record import write_result

from liudu.outbreak.alarms import Budget
from liudu.outbreak.configuration import Configuration, Plan
from liudu.outbreak.series import SeriesTable
from liudu.outbreak.watch import watch

DISTRICTS, DISEASES, AGES, WEEKS = 10, 40, 6, 530
RUNS = 9


def city(seed):
    """Counts around means from 0.02 to 300 a week, seasonal, with weak trends."""
    rng = np.random.default_rng(seed)
    series = DISTRICTS * DISEASES * AGES
    week = np.arange(WEEKS)
    level, trend = rng.uniform(-4.0, 5.7, (series, 1)), rng.normal(0, 0.0006, (series, 1))
    season = rng.uniform(0, 0.8, (series, 1)) * np.cos(
        2 * np.pi * week / 52.18 + rng.uniform(0, 6.3, (series, 1))
    )
    mean, phi = np.exp(level + trend * week + season), rng.uniform(1.05, 4.0, (series, 1))
    counts = rng.negative_binomial(mean / (phi - 1.0), 1.0 / phi).astype(float)
    keys = tuple(
        (f"district {d}", f"disease {i}", f"age {a}")
        for d in range(DISTRICTS) for i in range(DISEASES) for a in range(AGES)
    )  # fmt: skip
    return SeriesTable(
        columns=("district", "disease", "age"), keys=keys, calendar="iso",
        first_week=105_000, counts=counts,
    )  # fmt: skip


def one_week(table):
    configuration = Configuration(
        budget=Budget(rule="count", value=20), default=Plan(cases_min=5, quiet_days=0)
    )
    start = time.process_time()
    found = watch(table, configuration=configuration, at=[WEEKS - 1])
    ranked = found.ranked(week=0)
    return time.process_time() - start, ranked.size


def new_process(cache):
    """CPU-seconds of the same in a new process, its import of numpy and numba left out."""
    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import outbreak_city as c; "
        "print(json.dumps(c.one_week(c.city(1))[0]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, os.path.dirname(__file__) or "."],  # noqa: PTH120
        capture_output=True, text=True, check=True, env={**os.environ, "NUMBA_CACHE_DIR": cache},
    )  # fmt: skip
    return json.loads(done.stdout)


def main():
    table = city(1)
    one_week(table)
    runs = sorted(one_week(table)[0] for _ in range(RUNS))
    _, alarms = one_week(table)
    with tempfile.TemporaryDirectory() as cache:
        compiled, loaded = new_process(cache), new_process(cache)
    median = runs[RUNS // 2]
    print(f"{len(table.keys)} series, {alarms} alarms")
    print(f"one week: {median:.3f} CPU-s [{runs[0]:.3f}, {runs[-1]:.3f}]")
    print(f"first call of a new process: {loaded:.3f} CPU-s, {compiled:.1f} where it must compile")
    write_result(
        "outbreak_city",
        {
            "series": len(table.keys),
            "weeks_of_history": WEEKS,
            "cpu_s": {"value": median, "interval": [runs[0], runs[-1]]},
            "cpu_s_first_call_of_a_process": loaded,
            "cpu_s_first_call_with_compilation": compiled,
            "alarms": int(alarms),
        },
    )


if __name__ == "__main__":
    main()
