"""Which detector for which length of history: the evidence behind the ladder.

    uv run python bench/outbreak_ladder.py

The grid's series are cut so that only the last weeks before the test weeks are known. HR, the mean
of recent weeks and EARS C2 are compared by POD at an equal false-alarm rate of 1 %, and by what
they realise at alpha = 1 %.
"""

import numpy as np
from outbreak_data import shown
from record import write_result

from liudu.outbreak import benchmark
from liudu.outbreak.detectors import ears, harmonic, recent
from liudu.outbreak.simulate import TEST, simulate

SEED = 2018
REPLICATES = 10
HISTORIES = (30, 52, 78, 104, 156, 260)
METHODS = {
    "hr": lambda counts, at: harmonic(counts, at=at, year_weeks=52.0),
    "recent": lambda counts, at: recent(counts, at=at),
    "ears_c2": lambda counts, at: ears(counts, at=at, variant=2),
}


def scored(grid, method, history):
    start = TEST[0] - history
    return benchmark.collect(
        grid, name="", run=lambda counts: method(counts[:, start:], TEST - start), alpha=0.01,
        past_sizes=(0, 5), cpu_clock=lambda: 0.0,
    )  # fmt: skip


def overall(grid, scores, rng):
    found = benchmark.figures(
        benchmark.by_replicate(grid, benchmark.row_sums(grid, scores)), rng=rng
    )
    return {name: figure.to_json() for name, figure in found.items()}


def main():
    grid = simulate(seed=SEED, replicates=REPLICATES, past_sizes=(0, 5), current_sizes=(3, 5, 8))
    rng = np.random.default_rng(SEED)
    result = {"seed": SEED, "replicates": REPLICATES, "history_weeks": {}}
    for history in HISTORIES:
        row = result["history_weeks"][str(history)] = {}
        for name, method in METHODS.items():
            scores = scored(grid, method, history)
            equal = benchmark.at_equal_fpr(scores, fpr=0.01)
            row[name] = {
                "fpr_at_alpha_1_percent": overall(grid, scores, rng)["fpr"],
                "pod_at_1_percent_fpr": overall(grid, equal, rng)["pod"],
            }
            print(
                f"{history:4d} weeks {name:8s} POD at 1 % FPR "
                f"{shown(row[name]['pod_at_1_percent_fpr'])}  FPR at α = 1 % "
                f"{shown(row[name]['fpr_at_alpha_1_percent'])}",
                flush=True,
            )
    write_result("outbreak_ladder", result)


if __name__ == "__main__":
    main()
