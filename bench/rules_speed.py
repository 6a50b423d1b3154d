"""Subject·rules per CPU-second of the rules engine and of its peers, in one run.

    uv run python bench/rules_speed.py --peers --case 10    # and 200, 200_sparse

Ten rules, or two hundred, over a million enterprises. Ours answers in three values (6 % of the
cells are unknown) and keeps every condition and near miss; the peers answer in two values and
keep neither. Each round starts every engine in turn in a process of its own, so that the load
of the machine meets all of them; a ratio is of one round, and the claim is the lowest. What
counts for whom, rules_worker.py says.

Three ratios are told of each peer: `ratio` is the claim; in `ratio_known` ours has no unknown
cell either, so that both pay exactly the same (the sums are shown); in `ratio_computing` neither
is charged for taking the table in.

Two packs of 200 rules: dense (9 % eligible on average) and sparse (0.4 %, as real packs are,
which ask for something rare first). With `--peers` OpenFisca-Core, PolicyEngine-core,
zen-engine, Polars and DuckDB are installed into a throw-away environment, or taken from the
environment that LIUDU_PEERS names; without it only ours is measured, and said so.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from statistics import median

from record import ROOT, write_result

SUBJECTS = 1_000_000
ROUNDS = 5
REPEATS = 5
PACKAGES = ("OpenFisca-Core", "policyengine-core", "zen-engine", "polars", "duckdb", "pyarrow")
OURS = ("liudu", "liudu_known")
PEERS = ("openfisca", "policyengine", "polars", "duckdb", "zen")
CASES = {"10": ["--rules", "10"], "200": ["--rules", "200"], "200_sparse": ["--rules", "200",
         "--sparse"]}  # fmt: skip
FEWER = {"zen": {"10": 5000, "200": 1000, "200_sparse": 1000}}  # it takes one subject at a time


def environment(folder):
    """Return the interpreter that has the peers."""
    kept = os.environ.get("LIUDU_PEERS")
    if kept:
        return str(Path(kept) / "bin" / "python")
    venv.create(folder, with_pip=True)
    python = str(Path(folder) / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def worker(python, engine, case):
    """Run one engine once and return what it told, or None if it is not there."""
    subjects = FEWER.get(engine, {}).get(case, SUBJECTS)
    repeats = "2" if engine == "duckdb" else str(REPEATS)  # its answers are wide tables: slow
    command = [python, str(ROOT / "bench" / "rules_worker.py"), engine, *CASES[case]]
    command += ["--subjects", str(subjects), "--repeats", repeats]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        print(f"  {engine}: skipped, {last}", flush=True)
        return None
    told = json.loads(done.stdout)
    rules = int(CASES[case][1])
    told["per_cpu_s"] = subjects * rules / median(told["cpu_s"])
    computing = map(float.__sub__, told["cpu_s"], told["intake_cpu_s"])
    told["computed_per_cpu_s"] = subjects * rules / median(computing)
    told["subjects"] = subjects
    return told


def spread(values):
    """Return the lowest, with the interval of the rounds."""
    return {"value": min(values), "interval": [min(values), max(values)], "rounds": len(values)}


def measure(case, python):
    """Return the figures of one pack."""
    engines = {
        **dict.fromkeys(OURS, sys.executable),
        **dict.fromkeys(PEERS if python else (), python),
    }
    rounds = []
    for number in range(ROUNDS):
        found = {name: worker(place, name, case) for name, place in engines.items()}
        rounds.append({name: one for name, one in found.items() if one})
        engines = {name: place for name, place in engines.items() if found[name]}
        line = "  ".join(f"{n} {o['per_cpu_s'] / 1e6:.1f}" for n, o in rounds[-1].items())
        print(f"{case} rules, round {number + 1}: {line} M per CPU-s", flush=True)
    return summary(rounds)


def summary(rounds):
    """Return figures with intervals, ratios of each round, and the sums side by side."""
    answer = {}
    for name in rounds[-1]:
        ones = [one[name] for one in rounds]
        answer[name] = {
            "version": ones[0]["version"],
            "subjects": ones[0]["subjects"],
            "per_cpu_s": spread([one["per_cpu_s"] for one in ones]),
            "intake_cpu_s": median(median(one["intake_cpu_s"]) for one in ones),
            "memory_peak_mib": max(one["memory_peak_mib"] for one in ones),
            "total_yuan": ones[0]["total_yuan"],
        }
        if name in OURS:
            answer[name]["eligible_share"] = ones[0]["eligible"]
        else:
            answer[name] |= ratios(rounds, name)
    return answer


def ratios(rounds, peer):
    """Return how many times as fast as a peer ours is, by the three ways to compare."""
    ways = {
        "ratio": ("liudu", "per_cpu_s"),
        "ratio_known": ("liudu_known", "per_cpu_s"),
        "ratio_computing": ("liudu", "computed_per_cpu_s"),
    }
    return {
        way: spread([one[ours][figure] / one[peer][figure] for one in rounds])
        for way, (ours, figure) in ways.items()
    }


def show(case, figures):
    ours = figures["liudu"]
    print(f"\n{case} rules: ours {ours['per_cpu_s']['value'] / 1e6:.0f} M per CPU-s at least, "
          f"{ours['memory_peak_mib']:.0f} MiB")  # fmt: skip
    for name in PEERS:
        one = figures.get(name)
        if one is None:
            print(f"  {name:13} not measured")
            continue
        whole = one["subjects"] == SUBJECTS
        gap = one["total_yuan"] / figures["liudu_known"]["total_yuan"] - 1
        same = f"sum differs by {gap:+.1e}" if whole else f"on {one['subjects']} subjects"
        faster = ", ".join(
            f"{low:.2f}–{high:.2f}{note}"
            for way, note in (("ratio", ""), ("ratio_known", " known"), ("ratio_computing", " net"))
            for low, high in [one[way]["interval"]]
        )
        print(f"  {name:13} {one['per_cpu_s']['value'] / 1e6:7.2f} M  ours is {faster} times "
              f"as fast  {one['memory_peak_mib']:5.0f} MiB  {same}")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", action="store_true", help="install and measure the peers")
    parser.add_argument("--case", choices=CASES, default="200")
    given = parser.parse_args()
    if not given.peers:
        print("The peers are skipped: run with --peers to measure them side by side.")
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(given.case, environment(folder) if given.peers else None)
    show(given.case, figures)
    if given.peers:
        head = {"subjects": SUBJECTS, "unknown_share": 0.06}
        write_result(f"rules_speed_{given.case}", {**head, **figures})


if __name__ == "__main__":
    main()
