"""Fits per CPU-second of our Farrington Flexible and of R's, on the same series in one run.

    uv run python bench/outbreak_speed.py

Needs Rscript with the package surveillance (Debian: r-cran-surveillance). Both decide the same
series and weeks with the same settings, in turn, so that the load of the machine meets both; ours
includes the p-values. The claim is the lowest ratio of the rounds.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from record import write_result

from liudu.outbreak.detectors import farrington
from liudu.outbreak.simulate import TEST, simulate

ROUNDS = 3
SERIES = 21
REPEATS = 40

PROGRAM = """
suppressMessages(library(surveillance))
counts <- as.matrix(read.csv(commandArgs(TRUE)[1], header = FALSE))
series <- sts(observed = counts, start = c(2001, 1), frequency = 52)
settings <- list(range = 576:624, noPeriods = 10, b = 5, w = 3, reweight = TRUE,
  weightsThreshold = 2.58, pastWeeksNotIncluded = 26, pThresholdTrend = 1,
  thresholdMethod = "nbPlugin", alpha = 0.01, limit54 = c(0, 4), glmWarnings = FALSE)
spent <- system.time(found <- suppressWarnings(farringtonFlexible(series, settings)))
cat(as.character(packageVersion("surveillance")), R.version$major, R.version$minor,
  spent[["user.self"]] + spent[["sys.self"]], sum(found@alarm, na.rm = TRUE))
"""


def theirs(table, folder):
    program = folder / "time.R"
    program.write_text(PROGRAM)
    done = subprocess.run(
        ["Rscript", str(program), str(table)], capture_output=True, text=True, check=True
    )
    surveillance, major, minor, cpu_s, alarms = done.stdout.split()
    return f"surveillance {surveillance}, R {major}.{minor}", float(cpu_s), int(alarms)


def ours(counts):
    start = time.process_time()
    for _ in range(REPEATS):
        found = farrington(counts, at=TEST, year_weeks=52.0, cases_min=0)
    cpu_s = (time.process_time() - start) / REPEATS
    return cpu_s, int(found.alarms(alpha=0.01).sum())


def main():
    if shutil.which("Rscript") is None:
        sys.exit("Rscript is not installed: apt-get install r-base-core r-cran-surveillance.")
    grid = simulate(seed=11, replicates=1, past_sizes=(5,), current_sizes=(5,))
    counts = grid.counts(past_size=5, current_size=5)[::2][:SERIES].astype(float)
    fits = counts.shape[0] * TEST.size
    farrington(counts[:1], at=TEST, year_weeks=52.0)  # compiled, or loaded, before the clock runs
    rounds, peer, alarms = [], "", []
    with tempfile.TemporaryDirectory() as name:
        table = Path(name) / "counts.csv"
        np.savetxt(table, counts.T, fmt="%d", delimiter=",")
        for _ in range(ROUNDS):
            own_s, own_alarms = ours(counts)
            peer, peer_s, peer_alarms = theirs(table, Path(name))
            rounds.append((fits / own_s, fits / peer_s, peer_s / own_s))
            alarms.append((own_alarms, peer_alarms))
            print(
                f"ours {rounds[-1][0]:9.0f}  R {rounds[-1][1]:6.1f} fits per CPU-s  "
                f"ratio {rounds[-1][2]:6.0f}   alarms {own_alarms} and {peer_alarms}",
                flush=True,
            )
    own, other, ratio = (sorted(values) for values in zip(*rounds, strict=True))
    write_result(
        "outbreak_speed",
        {
            "peer": peer,
            "fits": fits,
            "rounds": ROUNDS,
            "ratio": {"value": ratio[0], "interval": [ratio[0], ratio[-1]]},
            "fits_per_cpu_s": {"value": own[0], "interval": [own[0], own[-1]]},
            "peer_fits_per_cpu_s": {"value": other[-1], "interval": [other[0], other[-1]]},
            "alarms": alarms,
        },
    )


if __name__ == "__main__":
    main()
