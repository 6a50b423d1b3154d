"""Calibration of LR's p-values: realised false alarms on quiet weeks at alpha 0.5, 1 and 5 %.

    uv run python bench/outbreak_lr.py

Quiet weeks of 20 replicates of the grid after every size of past outbreaks. LR's p-values cost a
thousand times its score, so they are not part of the whole grid.
"""

import time

import numpy as np
from outbreak_data import shown
from record import write_result

from liudu.outbreak import benchmark
from liudu.outbreak.simulate import PAST_SIZES, simulate

SEED = 2019
REPLICATES = 20


def main():
    grid = simulate(seed=SEED, replicates=REPLICATES, current_sizes=())
    rng = np.random.default_rng(SEED)
    scores = benchmark.collect(
        grid, name="lr", run=benchmark.method("lr", alpha=0.01), alpha=0.01,
        past_sizes=PAST_SIZES, cpu_clock=time.process_time,
    )  # fmt: skip
    result = {"seed": SEED, "replicates": REPLICATES, "cpu_s": round(scores.cpu_s, 1)}
    for alpha in (0.005, 0.01, 0.05):
        rows = benchmark.row_sums(grid, benchmark.at_alpha(scores, alpha=alpha))
        fpr = benchmark.figures(benchmark.by_replicate(grid, rows), rng=rng)["fpr"].to_json()
        worst = max(
            (
                benchmark.figures(benchmark.by_replicate(grid, rows, scenario=scenario), rng=rng)[
                    "fpr"
                ]
                for scenario in range(1, 43)
            ),
            key=lambda figure: figure.value,
        ).to_json()
        key = f"at_{alpha:.1%}".replace(".0%", "%").replace(".", "_").replace("%", "_percent")
        result[key] = {"fpr": fpr, "worst_scenario": worst}
        print(f"α {alpha:.1%}: realised {shown(fpr)}, worst scenario {shown(worst)}")
    write_result("outbreak_lr", result)


if __name__ == "__main__":
    main()
