"""Agreement of our Farrington Flexible with R surveillance, decision by decision.

    uv run python bench/outbreak_agreement.py

The reference file holds the decisions of an unmodified farringtonFlexible (surveillance 1.20.3).
The interval of the agreement is Clopper and Pearson's, decisions taken as independent; where all
agree it says how rare a disagreement could still be.
"""

import time

from outbreak_record import data, record
from scipy import stats

from liudu.outbreak.agreement import agree


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
    record(
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
            "cpu_s_with_reading_and_compiling": round(cpu_s, 3),
        },
    )


if __name__ == "__main__":
    main()
