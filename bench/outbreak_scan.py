"""How long a scan in space and time takes, and whether its p-values are those they should be.

    uv run python bench/outbreak_scan.py                  about two minutes

Speed: 100 districts, 90 days, cylinders of up to 28 days and half of the people, 999 simulations.
Null: quiet counts; the share of scans with p <= 0.05 (Monte Carlo and Gumbel), exact 95 % interval.
Power: an outbreak in three neighbouring districts for seven days, its size in cases expected there.
"""

import argparse
import time

import numpy as np
from record import write_result
from scipy import stats

from liudu.outbreak.scan import Window, scan_permutation, scan_poisson

ALPHA = 0.05
RATE = 0.2  # cases a district and day


def city(rng, districts):
    return rng.uniform(0, 60, (districts, 2)), rng.lognormal(11, 0.6, districts)


def quiet(rng, people, days):
    return rng.poisson(RATE * people[:, None] / people.mean(), (people.size, days))


def both(counts, places, people, rng, *, duration, simulations):
    window = Window(duration_max=duration)
    yield "poisson", scan_poisson(counts, centroids_km=places, people=people, window=window,
                                  rng=rng, simulations=simulations)  # fmt: skip
    yield "permutation", scan_permutation(counts, centroids_km=places, window=window, rng=rng,
                                          simulations=simulations)  # fmt: skip


def share(hits):
    number, total = int(np.sum(hits)), len(hits)
    low, high = stats.binomtest(number, total).proportion_ci(method="exact")
    return {"value": round(number / total, 4), "interval": [round(low, 4), round(high, 4)]}


def speed(rng, rounds):
    places, people = city(rng, 100)
    counts = quiet(rng, people, 90)
    list(both(counts, places, people, rng, duration=28, simulations=1))  # compiled first
    found = {}
    for model, scan, kept in (
        ("poisson", scan_poisson, {"people": people}), ("permutation", scan_permutation, {}),
    ):  # fmt: skip
        seconds = []
        for _ in range(rounds):
            start = time.process_time()
            scan(counts, centroids_km=places, window=Window(duration_max=28), rng=rng,
                 simulations=999, **kept)  # fmt: skip
            seconds.append(time.process_time() - start)
        found[model] = {
            "value": round(float(np.median(seconds)), 2),
            "interval": [round(min(seconds), 2), round(max(seconds), 2)],
        }
    return found


def errors(rng, scans, *, planted):
    places, people = city(rng, 20)
    hits = {}
    for _ in range(scans):
        counts = quiet(rng, people, 60)
        if planted:
            centre = rng.integers(20)
            near = np.argsort(np.hypot(*(places - places[centre]).T))[:3]
            more = planted * RATE * people[near] / people.mean()
            counts[near, -7:] += rng.poisson(more[:, None], (3, 7))
        for model, found in both(counts, places, people, rng, duration=14, simulations=199):
            first = found.clusters[0] if found.clusters else None
            for name in ("p_value", "p_gumbel"):
                hit = first is not None and getattr(first, name) <= ALPHA
                hits.setdefault(f"{model} {name}", []).append(hit)
    return {name: share(values) for name, values in hits.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scans", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rng = np.random.default_rng(20261120)
    result = {
        "cpu_seconds_100_districts_90_days_999_simulations": speed(rng, options.rounds),
        "scans": options.scans,
        "alpha": ALPHA,
        "false_alarms": errors(rng, options.scans, planted=0),
        "power_risk_times_2": errors(rng, options.scans // 2, planted=1),
        "power_risk_times_3": errors(rng, options.scans // 2, planted=2),
    }
    for name, value in result.items():
        print(name, value)
    write_result("outbreak_scan", {
        "interval_is": "exact 95 % for shares; lowest and highest run for seconds", **result,
    })  # fmt: skip


if __name__ == "__main__":
    main()
