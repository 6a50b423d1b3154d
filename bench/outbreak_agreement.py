"""Agreement of our Farrington Flexible with R surveillance, decision by decision.

    uv run python bench/outbreak_agreement.py

The reference file holds the decisions of an unmodified farringtonFlexible (surveillance 1.20.3).
The interval of the agreement is Clopper and Pearson's, decisions taken as independent; where all
agree it says how rare a disagreement could still be.

In the file R keeps every trend, withholds nothing and takes nbPlugin. Where Rscript and the package
surveillance are installed, other settings are decided by both on fresh series: a trend that is
dropped, limit54, one period, and the thresholds delta and muan, which need compat="R".
"""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from outbreak_data import data
from record import write_result
from scipy import stats

from liudu.outbreak.agreement import agree
from liudu.outbreak.detectors import farrington
from liudu.outbreak.simulate import simulate

AT = np.arange(587, 599)
# Our settings, and the same in R's words.
SETTINGS = {
    "trend tested, limit54": (
        {"trend_p_max": 0.05},
        (
            'noPeriods=10, weightsThreshold=2.58, pastWeeksNotIncluded=26, pThresholdTrend=0.05, '
            'thresholdMethod="nbPlugin", limit54=c(5,4)'
        ),
    ),
    "one period, delta": (
        {"periods": 1, "weights_threshold": 1.0, "weeks_not_included": 3, "trend_p_max": 0.05,
         "threshold": "delta"},
        (
            'noPeriods=1, weightsThreshold=1, pastWeeksNotIncluded=3, pThresholdTrend=0.05, '
            'thresholdMethod="delta", limit54=c(5,4)'
        ),
    ),
    "muan": (
        {"threshold": "muan", "cases_min": 0},
        (
            'noPeriods=10, weightsThreshold=2.58, pastWeeksNotIncluded=26, pThresholdTrend=1, '
            'thresholdMethod="muan", limit54=c(0,4)'
        ),
    ),
    "delta": (
        {"threshold": "delta", "cases_min": 0},
        (
            'noPeriods=10, weightsThreshold=2.58, pastWeeksNotIncluded=26, pThresholdTrend=1, '
            'thresholdMethod="delta", limit54=c(0,4)'
        ),
    ),
}  # fmt: skip
PROGRAM = """
suppressMessages(library(surveillance))
counts <- as.matrix(read.csv("counts.csv", header = FALSE))
series <- sts(observed = counts, start = c(2001, 1), frequency = 52)
settings <- list(range = 588:599, b = 5, w = 3, reweight = TRUE, alpha = 0.01,
  glmWarnings = FALSE, SETTINGS)
found <- suppressWarnings(farringtonFlexible(series, settings))
write.table(found@alarm * 1, "alarm.csv", sep = ",", row.names = FALSE, col.names = FALSE)
write.table(found@control$trend * 1, "trend.csv", sep = ",", row.names = FALSE, col.names = FALSE)
"""


def beside_r():
    """Decide fresh series with every setting, by R and by us."""
    grid = simulate(seed=31, replicates=1, past_sizes=(5,), current_sizes=(8,))
    counts = grid.counts(past_size=5, current_size=8).astype(float)
    answer = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savetxt(folder / "counts.csv", counts.T, fmt="%d", delimiter=",")
        for title, (ours, theirs) in SETTINGS.items():
            (folder / "decide.R").write_text(PROGRAM.replace("SETTINGS", theirs))
            subprocess.run(["Rscript", "decide.R"], cwd=folder, check=True, capture_output=True)
            alarm = np.genfromtxt(folder / "alarm.csv", delimiter=",").T > 0
            trend = np.genfromtxt(folder / "trend.csv", delimiter=",").T > 0
            found = farrington(counts, at=AT, year_weeks=52.0, compat="R", **ours)
            answer[title] = {
                "decisions": alarm.size,
                "disagreements": int((found.alarms(alpha=0.01) != alarm).sum()),
                "reference_alarms": int(alarm.sum()),
                "trends_dropped_by_reference": int((~trend).sum()),
            }
            print(f"  {title}: {answer[title]}")
    return answer


def interval(same, number):
    low = stats.beta.ppf(0.025, same, number - same + 1)
    high = stats.beta.ppf(0.975, same + 1, number - same) if same < number else 1.0
    return [float(low), float(high)]


def main():
    path = data("outbreak/farrington_agreement.csv.gz")
    start = time.process_time()
    found = agree(path)
    cpu_s = time.process_time() - start
    same = found.decisions - len(found.disagreements)
    print(f"{found.decisions} decisions, {len(found.disagreements)} disagreements")
    print(f"alarms: ours {found.alarms}, R {found.reference_alarms}")
    for name, value in found.largest.items():
        print(f"  largest {name}: {value:.3g}")
    write_result(
        "outbreak_agreement",
        {
            "agreement": {
                "value": found.share,
                "interval": interval(same, found.decisions),
            },
            "decisions": found.decisions,
            "disagreements": len(found.disagreements),
            "alarms": found.alarms,
            "reference_alarms": found.reference_alarms,
            "largest_differences": dict(found.largest),
            "other_settings": beside_r() if shutil.which("Rscript") else None,
            "cpu_s_with_reading_and_compiling": round(cpu_s, 3),
        },
    )


if __name__ == "__main__":
    main()
