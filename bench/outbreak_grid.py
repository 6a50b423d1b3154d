"""All detectors on the grid of Noufaily et al. and of Bédubourg and Le Strat: 231,000 series.

42 scenarios x replicates x 5 sizes of past outbreaks x 11 sizes of the current one (one of them
none), 49 test weeks each. Seed 2017, on which nothing was tuned. Results are written after each
detector, so that a stopped run leaves what it has.

    uv run python bench/outbreak_grid.py                    every detector on the whole grid
    uv run python bench/outbreak_grid.py --slow-replicates 20   cusum, glr_nb, lr on 20 of 100
    uv run python bench/outbreak_grid.py --only lr          one detector again, the rest kept
"""

import argparse
import json
import time

import numpy as np
from outbreak_data import shown
from record import RESULTS, write_result

from liudu.outbreak import benchmark
from liudu.outbreak.simulate import PAST_SIZES, simulate

SEED = 2017
ALPHA = 0.01
ALPHAS = (0.005, 0.01, 0.025, 0.05)
RATES = (0.005, 0.01, 0.02, 0.05)
FAST = (
    "farrington", "hr", "ears_c1", "ears_c2", "ears_c3", "rki1", "rki2", "rki3",
    "bayes1", "bayes2", "bayes3", "moving_percentile", "farrington_original",
)  # fmt: skip
SLOW = ("lr", "cusum", "glr_nb")
OWN_ALPHA = {"bayes1": 0.05, "bayes2": 0.05, "bayes3": 0.05, "farrington_original": 0.005}


def collected(grid, name):
    alpha = OWN_ALPHA.get(name, ALPHA)
    options = {"draws": 0} if name == "lr" else {}
    run = benchmark.method(name, alpha=alpha, **options)
    run(grid.base[:2].astype(float))  # compiled, or loaded, before the clock runs
    return benchmark.collect(
        grid, name=name, run=run, alpha=alpha, past_sizes=PAST_SIZES, cpu_clock=time.process_time
    )


def overall(grid, scores, rng):
    rows = benchmark.row_sums(grid, scores)
    found = benchmark.figures(benchmark.by_replicate(grid, rows), rng=rng)
    return {name: figure.to_json() for name, figure in found.items()}


def pod_from(grid, scores, sizes, rng):
    rows = benchmark.row_sums(grid, scores, current_sizes=sizes)
    found = benchmark.figures(benchmark.by_replicate(grid, rows), rng=rng)
    return found["pod"].to_json()


def measured(grid, name, scores, farrington, rng):
    has_p = np.isfinite(scores.p_value[0, 0]).any()
    if name == "lr":  # its p-values take a thousand times its score: judged at 1 % FPR instead
        scores = benchmark.at_equal_fpr(scores, fpr=ALPHA)
    answer = benchmark.report(grid, scores, rng=rng)
    answer["replicates"] = int(grid.replicate.max()) + 1
    answer["series"] = answer["replicates"] * 42 * 55
    answer["alpha"] = OWN_ALPHA.get(name, ALPHA) if has_p else None
    answer["at_alpha"] = {
        str(alpha): overall(grid, benchmark.at_alpha(scores, alpha=alpha), rng)
        for alpha in (ALPHAS if has_p else ())
    }
    answer["at_fpr"] = {}
    for rate in RATES:
        equal = benchmark.at_equal_fpr(scores, fpr=rate)
        row = overall(grid, equal, rng)
        row["pod_8_sd_and_more"] = pod_from(grid, equal, (8, 9, 10), rng)
        row["pod_8_sd"] = pod_from(grid, equal, (8,), rng)
        if farrington is not None and farrington.score[0, 0].shape == scores.score[0, 0].shape:
            other = benchmark.at_equal_fpr(farrington, fpr=rate)
            less = benchmark.difference(grid, equal, other, rng=rng)
            row["pod_less_farrington"] = less["pod"].to_json()
            row["pod_first_week_less_farrington"] = less["pod_first_week"].to_json()
        answer["at_fpr"][str(rate)] = row
    return answer


def calibration(answer):
    """How far the realised false-alarm rate is from alpha, overall and in the worst scenario."""
    overall_fpr = answer["overall"]["fpr"]
    worst = max(answer["by_scenario"].values(), key=lambda row: row["fpr"]["value"])["fpr"]
    return {
        "ratio": {
            "value": overall_fpr["value"] / ALPHA,
            "interval": [limit / ALPHA for limit in overall_fpr["interval"]],
        },
        "worst_scenario_ratio": {
            "value": worst["value"] / ALPHA,
            "interval": [limit / ALPHA for limit in worst["interval"]],
        },
    }


def headline(detectors):
    """The acceptance targets, in one place."""
    hr, farrington = detectors["hr"], detectors["farrington"]
    one, two = hr["at_fpr"]["0.01"], hr["at_fpr"]["0.02"]
    lr = detectors.get("lr", {}).get("at_fpr")
    return {
        "silent_accuracy": detectors["silent"]["overall"]["accuracy"],
        "hr_accuracy_at_alpha_1_percent": hr["overall"]["accuracy"],
        "hr_pod_at_1_percent_fpr": one["pod"],
        "farrington_pod_at_1_percent_fpr": farrington["at_fpr"]["0.01"]["pod"],
        "hr_pod_less_farrington_at_1_percent_fpr": one["pod_less_farrington"],
        "hr_pod_first_week_less_farrington_at_1_percent_fpr": one["pod_first_week_less_farrington"],
        "hr_pod_8_sd_and_more_at_2_percent_fpr": two["pod_8_sd_and_more"],
        "hr_calibration": calibration(hr),
        "hr_pod_8_sd_at_2_percent_fpr": two["pod_8_sd"],
        "farrington_calibration": calibration(farrington),
        "lr": lr
        and {
            "pod_less_farrington_at_1_percent_fpr": lr["0.01"]["pod_less_farrington"],
            "pod_first_week_less_farrington_at_1_percent_fpr": lr["0.01"][
                "pod_first_week_less_farrington"
            ],
            "pod_8_sd_and_more_at_2_percent_fpr": lr["0.02"]["pod_8_sd_and_more"],
            "pod_8_sd_at_2_percent_fpr": lr["0.02"]["pod_8_sd"],
        },
    }


def narrowed(grid, scores, replicates):
    """The same scores on the first replicates, so that a slow detector has its peer."""
    keep = grid.replicate < replicates
    parts = {
        field: {cell: values[keep] for cell, values in getattr(scores, field).items()}
        for field in ("score", "p_value", "alarm")
    }
    return benchmark.Scores(name=scores.name, cpu_s=scores.cpu_s, **parts)


def line(name, answer):
    row = answer["overall"]
    print(
        f"{name:20s} {answer['replicates']:4d}"
        + "".join(f" {shown(row[metric]):>25s}" for metric in ("fpr", "pod", "accuracy"))
        + f"  POD at 1 % FPR {shown(answer['at_fpr']['0.01']['pod'])} {answer['cpu_s']:8.1f} CPU-s",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=100)
    parser.add_argument("--slow-replicates", type=int, default=None)
    parser.add_argument("--only", help="measure these again, keep the other results")
    given = parser.parse_args()
    slow = given.slow_replicates or given.replicates
    grid = simulate(seed=SEED, replicates=given.replicates)
    small = simulate(seed=SEED, replicates=slow) if slow < given.replicates else grid
    rng = np.random.default_rng(SEED)
    detectors, farrington = {}, None
    names = [*FAST, *SLOW]
    if given.only:
        detectors = json.loads((RESULTS / "outbreak_grid.json").read_text())["detectors"]
        names = given.only.split(",")
        farrington = None if "farrington" in names else collected(grid, "farrington")
    print(f"{'detector':20s} reps {'FPR':>25s} {'POD':>25s} {'accuracy':>25s}")
    for name in names:
        here = grid if name in FAST else small
        scores = collected(here, name)
        peer = (
            farrington if farrington is None or here is grid else narrowed(grid, farrington, slow)
        )
        detectors[name] = measured(here, name, scores, peer, rng)
        line(name, detectors[name])
        if name == "farrington":
            farrington = scores
            detectors["silent"] = measured(here, "silent", benchmark.silent(scores), None, rng)
            line("silent", detectors["silent"])
        result = {"series": 42 * 55 * given.replicates, "seed": SEED, "detectors": detectors}
        if "hr" in detectors:
            result["headline"] = headline(detectors)
        write_result("outbreak_grid", result)


if __name__ == "__main__":
    main()
