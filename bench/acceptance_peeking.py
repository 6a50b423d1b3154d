"""The claim: looking at every piece accepts a bad product in at most 5 % of trials, not in 21 %.

Run: python bench/acceptance_peeking.py        seconds; no data needed
A product exactly at its limit (miss 0.2 %) is tried many times, 20 000 pieces each, by three
rules: the fixed-sample bound looked at every 100 pieces, the SPRT, the mixture e-process. Each
figure stands beside the exact one that the package computes without simulation.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from record import write_result

from liudu.acceptance import e_process, interval, naive_peeking, samples_needed, sprt

LIMIT, HOPED, PIECES, EVERY, RUNS, SEED = 0.002, 0.0005, 20_000, 100, 20_000, 20261120
RATES = (0.0, 0.0002, 0.0005, 0.001, LIMIT, 2 * LIMIT)
CHUNK = 2000


def events_at(rng, *, rate, runs):
    """Return the pieces (from 1) at which the events of each run come, one row a run."""
    columns = int(PIECES * rate + 12 * np.sqrt(PIECES * rate) + 30)
    if rate == 0:
        return np.full((runs, 1), PIECES + 1)
    return np.cumsum(rng.geometric(rate, (runs, columns)), axis=1)


def ends(test, at):
    """Return for each run whether it was proved, whether given up, and at which piece."""
    rows = np.arange(at.shape[1] + 1)
    table = np.minimum(rows, len(test.prove_at) - 1)
    prove_at = np.where(rows < len(test.prove_at), test.prove_at[table], PIECES + 1)
    stop_at = np.where(rows < len(test.stop_at), test.stop_at[table], 0)
    runs = len(at)
    start = np.concatenate([np.zeros((runs, 1), int), at], axis=1)  # piece of the k-th event
    stop = np.concatenate([at, np.full((runs, 1), PIECES + 1)], axis=1)  # of the next one
    # With k events a run is proved at the first piece from prove_at[k] on before the next event.
    first = np.maximum(start, prove_at)
    proved = np.where((first < stop) & (first <= PIECES), first, PIECES + 1)
    given_up = np.where((start <= stop_at) & (rows > 0) & (start <= PIECES), start, PIECES + 1)
    prove, give = proved.min(axis=1), given_up.min(axis=1)
    end = np.minimum(np.minimum(prove, give), PIECES)
    return (prove < give) & (prove <= PIECES), (give < prove) & (give <= PIECES), end


def measure(test, rng, *, rate):
    """Return simulated figures with their 95 % interval beside the exact ones."""
    accepted = refused = pieces = 0
    for _ in range(RUNS // CHUNK):
        proved, given_up, end = ends(test, events_at(rng, rate=rate, runs=CHUNK))
        accepted, refused = accepted + int(proved.sum()), refused + int(given_up.sum())
        pieces += int(end.sum())
    low, high = interval(event_count=accepted, trial_count=RUNS)
    exact = test.characteristic(rate)
    return {
        "rate": rate,
        "accepted": accepted / RUNS,
        "accepted_interval": [low, high],
        "accepted_exact": exact.proved,
        "given_up": refused / RUNS,
        "given_up_exact": exact.stopped,
        "pieces_mean": pieces / RUNS,
        "pieces_mean_exact": exact.sample_count_mean,
    }


def main():
    rng = np.random.default_rng(SEED)
    rules = {
        "naive_peeking": naive_peeking(limit=LIMIT, every=EVERY, sample_count_max=PIECES),
        "sprt": sprt(limit=LIMIT, hoped=HOPED, sample_count_max=PIECES),
        "e_process": e_process(limit=LIMIT, sample_count_max=PIECES),
    }
    table = {
        name: [measure(test, rng, rate=rate) for rate in RATES] for name, test in rules.items()
    }
    print(f"limit {LIMIT:.2%}, {RUNS} trials a row, up to {PIECES} pieces; (exact) in brackets")
    print(
        f"{'rule':<14}{'rate':>10}  {'accepted, 95 % interval':<34}{'given up':>17}{'pieces':>16}"
    )
    for name, rows in table.items():
        for row in rows:
            low, high = row["accepted_interval"]
            print(
                f"{name:<14}{row['rate']:>9.2%}  {row['accepted']:.4f} [{low:.4f}, {high:.4f}]"
                f" ({row['accepted_exact']:.4f})  "
                f"{row['given_up']:>8.4f} ({row['given_up_exact']:.4f})"
                f"{row['pieces_mean']:>10.0f} ({row['pieces_mean_exact']:.0f})"
            )
    at_limit = {name: next(r for r in rows if r["rate"] == LIMIT) for name, rows in table.items()}
    print(f"fixed plan for comparison: {samples_needed(limit=LIMIT)} pieces without a miss")
    write_result(
        "acceptance_peeking",
        {
            "limit": LIMIT,
            "runs": RUNS,
            "pieces": PIECES,
            "false_acceptance": {name: row["accepted"] for name, row in at_limit.items()},
            "false_acceptance_interval": {
                name: row["accepted_interval"] for name, row in at_limit.items()
            },
            "false_acceptance_exact": {
                name: row["accepted_exact"] for name, row in at_limit.items()
            },
            "table": table,
        },
    )


if __name__ == "__main__":
    main()
