"""The claim: a verdict over a million rows, and a plan, take less than a second.

Run: python bench/acceptance_speed.py        half a minute; statsmodels beside it where installed
Peer: the same verdict by a plain loop over the rows with statsmodels' exact interval
(`proportion_confint(method="beta")`) for each class, and its plan by counting n upward with the
same interval, which is how it is done without a planning function. Same machine, same run.
"""

import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from record import write_result

from liudu.acceptance import Counts, Pace, Promise, Values, judge, plan, risk_coverage

try:
    from statsmodels.stats.proportion import proportion_confint
except ImportError:
    proportion_confint = None

ROWS, ROUNDS, SEED = 1_000_000, 7, 20261120
KINDS = np.array(["open", "short", "mousebite", "spur", "copper", "pin-hole"])
PROMISE = Promise.from_mapping(
    {
        "task": "classify",
        "positive": "defective",
        "targets": [
            {"metric": "miss_rate", "op": "<", "limit": 0.002, "every_class": True},
            {"metric": "overkill_rate", "op": "<=", "limit": 0.03},
            {"metric": "throughput_per_h", "op": ">=", "limit": 6000},
            {"metric": "latency_ms_p95", "op": "<", "limit": 100},
        ],
    }
)


def observed(rng, *, clustered):
    """A million positive pieces of six kinds and a million good ones; clusters of six if asked."""
    cluster = np.arange(ROWS) // 6 if clustered else None
    return [
        Counts(
            metric="miss_rate",
            event=rng.random(ROWS) < 0.0005,
            cluster=cluster,
            stratum=KINDS[rng.integers(0, len(KINDS), ROWS)],
        ),
        Counts(metric="overkill_rate", event=rng.random(ROWS) < 0.02, cluster=cluster),
        Pace(done_at_s=np.cumsum(rng.exponential(0.5, ROWS))),
        Values(metric="latency_ms_p95", value=rng.gamma(2, 15, ROWS)),
    ]


def peer_judge(evidence):
    """The two ratio targets, row by row: less than `judge` does, and by hand."""
    missed, trials = Counter(), Counter()
    for event, kind in zip(evidence[0].event.tolist(), evidence[0].stratum.tolist(), strict=True):
        trials[kind] += 1
        missed[kind] += event
    bounds = [proportion_confint(missed[k], trials[k], alpha=0.1, method="beta")[1] for k in trials]
    flagged = 0
    for event in evidence[1].event.tolist():
        flagged += event
    over = proportion_confint(flagged, ROWS, alpha=0.1, method="beta")[1]
    return max(bounds) < 0.002 and over <= 0.03


def peer_plan():
    """Count n upward until the interval's upper end is below the limit, for 0 to 3 errors."""
    sizes = []
    for limit in (0.002, 0.03):
        count = 1
        for errors in range(4):
            count = max(count, errors + 1)
            while proportion_confint(errors, count, alpha=0.1, method="beta")[1] > limit:
                count += 1
            sizes.append(count)
    return sizes


def seconds(call, *, rounds=ROUNDS):
    """Return median, fastest and slowest of some rounds."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return {"median": statistics.median(taken), "low": min(taken), "high": max(taken)}


def main():
    rng = np.random.default_rng(SEED)
    alone, together = observed(rng, clustered=False), observed(rng, clustered=True)
    score, positive = rng.random(ROWS), rng.random(ROWS) < 0.1
    found = {
        "judge_s": seconds(lambda: judge(PROMISE, alone)),
        "judge_clustered_s": seconds(lambda: judge(PROMISE, together)),
        "plan_s": seconds(lambda: plan(PROMISE)),
        "plan_and_judge_s": seconds(lambda: (plan(PROMISE), judge(PROMISE, alone))),
        "risk_coverage_s": seconds(lambda: risk_coverage(score, positive)),
    }
    if proportion_confint is None:
        print("peer left out: statsmodels is not installed (uv sync --group bench)")
    else:
        assert peer_judge(alone) == (judge(PROMISE, alone).targets[0].answer == "proved")
        assert peer_plan()[:4] == [1497, 2371, 3146, 3875]
        found["peer_judge_s"] = seconds(lambda: peer_judge(alone), rounds=3)
        found["peer_plan_s"] = seconds(peer_plan, rounds=3)
        for name in ("judge", "plan"):
            found[f"{name}_ratio"] = (
                found[f"peer_{name}_s"]["median"] / found[f"{name}_s"]["median"]
            )
    for name, value in found.items():
        shown = value if isinstance(value, float) else value["median"]
        reach = "" if isinstance(value, float) else f"   [{value['low']:.3f}, {value['high']:.3f}]"
        print(f"{name:<22}{shown:>9.3f}{reach}")
    write_result("acceptance_speed", {"rows": ROWS, **found})


if __name__ == "__main__":
    main()
