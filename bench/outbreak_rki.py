"""Nine labelled series of the RKI: sensitivity at equal false-alarm rate.

    uv run python bench/outbreak_rki.py

Weeks up to 192 only: the last 17 of the file are zero in every series, padding after the query.
192 weeks are too short for any 5-year method, so every method starts on the mean of the recent
weeks and takes over when it can: HR after a year, Farrington with three years of baseline after
two; EARS runs from the ninth week on. Each series has one labelled outbreak, four of them in the
first year; series are drawn again for the intervals, which are therefore wide. Labels stay in the
baselines. Nothing was tuned on these series.
"""

import csv

import numpy as np
from outbreak_data import data, shown
from record import write_result

from liudu.outbreak import benchmark
from liudu.outbreak.detectors import bayes, ears, farrington, harmonic, recent, rki

WEEKS = 192
AT = np.arange(9, WEEKS)
RATES = (0.01, 0.02, 0.05)
YEAR = 52


def read():
    with data("outbreak/rki_labelled.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["week"]) <= WEEKS]
    names = list(dict.fromkeys(row["series"] for row in rows))
    counts, outbreak = np.zeros((len(names), WEEKS)), np.zeros((len(names), WEEKS), bool)
    for row in rows:
        place = names.index(row["series"]), int(row["week"]) - 1
        counts[place], outbreak[place] = float(row["observed"]), row["outbreak"] == "1"
    return names, counts, outbreak


def laddered(counts, found, weeks_min):
    """The method's score from `weeks_min` on, before it that of the mean of recent weeks."""
    first = recent(counts, at=AT).score
    return np.where((weeks_min <= AT) & np.isfinite(found.score), found.score, first)


def scored(counts):
    three_years = farrington(counts, at=AT, years=3, trend_years_min=2, cases_min=0)
    return {
        "hr": laddered(counts, harmonic(counts, at=AT), YEAR),
        "farrington": laddered(counts, three_years, 2 * YEAR),
        "ears_c1": ears(counts, at=AT, variant=1).score,
        "ears_c2": ears(counts, at=AT, variant=2).score,
        "ears_c3": ears(counts, at=AT, variant=3).score,
        "rki1": rki(counts, at=AT, variant=1).score,
        "bayes1": bayes(counts, at=AT, variant=1).score,
    }


def main():
    names, counts, outbreak = read()
    truth = outbreak[:, AT]
    rng = np.random.default_rng(9)
    result = {"series": names, "weeks": f"{AT[0] + 1}-{WEEKS}", "at_fpr": {}}
    scores = scored(counts)
    for rate in RATES:
        print(f"at {rate:.0%} false alarms")
        key = f"{rate:.0%}".replace("%", "_percent")
        result["at_fpr"][key] = {}
        for name, score in {**scores, "silent": np.zeros(truth.shape)}.items():
            decided = np.isfinite(score)
            limit = benchmark.threshold_at_labels(score, outbreak=truth, decided=decided, fpr=rate)
            tally = benchmark.labelled(score > limit, outbreak=truth, decided=decided)
            found = benchmark.figures(tally, rng=rng)
            answer = {key: figure.to_json() for key, figure in found.items()}
            answer["outbreaks_found"] = int(tally[:, benchmark.FOUND].sum())
            answer["outbreaks"] = int(tally[:, benchmark.OUTBREAKS].sum())
            result["at_fpr"][key][name] = answer
            print(
                f"  {name:11s} realised {shown(answer['fpr']):25s} sensitivity "
                f"{shown(answer['sensitivity']):25s} found {answer['outbreaks_found']}"
                f" of {answer['outbreaks']}  accuracy {shown(answer['accuracy'])}"
            )
    write_result("outbreak_rki", result)


if __name__ == "__main__":
    main()
