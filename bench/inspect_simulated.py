"""The claim: the packed solution keeps a board line's promise on simulated pieces, on one thread.

Run: python bench/inspect_simulated.py        needs no data
Draws 3000 pieces, runs the packed solution as a plain process, prints miss, overkill and pieces
an hour, and beside them the same on real tiles where inspect_deeppcb.py was run.
"""

import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from record import ROOT, write_result

from liudu.acceptance import interval, upper_bound
from liudu.inspect.boards import KINDS
from liudu.inspect.pack import default_score_min, pack
from liudu.inspect.simulate import Simulation, simulated, write

PIECES, SEED = 3000, 20261120


def show_items(folder):
    """Write items.jsonl from labels.csv; return the label of each file."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with (folder / "items.jsonl").open("w", encoding="utf-8") as items:
        for row in rows:
            shown = {"template": row["with.template"]}
            items.write(json.dumps({"id": row["file"], "path": row["file"], "with": shown}) + "\n")
    return {row["file"]: row["label"] for row in rows}


def served(data, folder):
    """Run the packed solution; return its answers, and wall and CPU seconds with the start."""
    pack(folder / "solution", task="classify")
    (folder / "out").mkdir()
    variables = {"LIUDU_IN": str(data), "LIUDU_OUT": str(folder / "out")}
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "main.py"],
        cwd=folder / "solution",
        env={**os.environ, **variables},
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lines = (folder / "out" / "predictions.jsonl").read_bytes().splitlines()
    return [json.loads(line) for line in lines], time.monotonic() - begun, cpu_s


def bounds(events, trials):
    """Return the exact two-sided 95 % interval of a ratio."""
    return list(interval(event_count=events, trial_count=trials, confidence=0.95))


def rates(truth, answers, simulation):
    """Return misses and false calls with exact bounds, and the misses of each kind."""
    given = {a["id"]: a["label"] for a in answers}
    bad = [name for name, label in truth.items() if label == "defective"]
    good = [name for name, label in truth.items() if label == "ok"]
    missed = [name for name in bad if given[name] != "defective"]
    false = sum(given[name] != "ok" for name in good)
    kinds = [board.kinds[0] if board.kinds else "" for board in simulated(simulation)]
    by_kind = {k: [0, kinds.count(k)] for k in KINDS}
    for name in missed:
        by_kind[kinds[int(name.split("_")[0])]][0] += 1
    return {
        "defective": len(bad),
        "missed": len(missed),
        "miss_rate": len(missed) / len(bad),
        "miss_rate_interval": bounds(len(missed), len(bad)),
        "miss_rate_upper95": upper_bound(event_count=len(missed), trial_count=len(bad)),
        "good": len(good),
        "false_calls": false,
        "overkill_rate": false / len(good),
        "overkill_rate_interval": bounds(false, len(good)),
        "overkill_rate_upper95": upper_bound(event_count=false, trial_count=len(good)),
        "missed_of_kind": by_kind,
    }


def real_tiles():
    """Return the row of inspect_deeppcb.json at the same threshold, if it was measured."""
    path = ROOT / "bench" / "results" / "inspect_deeppcb.json"
    if not path.is_file():
        return None
    rows = json.loads(path.read_bytes())["tiles"]["at"]
    return next((row for row in rows if row["score_min"] == default_score_min("classify")), None)


def main():
    """Draw, run, count, print, write."""
    simulation = Simulation(task="classify", count=PIECES, defect_rate=0.4, seed=SEED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begun = time.process_time()
        write(simulation, folder / "data")
        draw_cpu_s = time.process_time() - begun
        truth = show_items(folder / "data")
        answers, wall_s, cpu_s = served(folder / "data", folder)
    result = {
        "pieces": PIECES,
        "seed": SEED,
        "score_min": default_score_min("classify"),
        **rates(truth, answers, simulation),
        "pieces_per_h": 3600 * PIECES / wall_s,
        "pieces_per_cpu_s": PIECES / cpu_s,
        "draw_cpu_s": draw_cpu_s,
        "real_tiles": real_tiles(),
    }
    for title, row in (("simulated pieces", result), ("real tiles, devtest", result["real_tiles"])):
        if row:
            print(
                "{:20s} missed {missed} = {miss_rate:.2%} (≤ {miss_rate_upper95:.2%}), overkill "
                "{overkill_rate:.2%} (≤ {overkill_rate_upper95:.2%})".format(title, **row)
            )
    print("missed of each kind:", result["missed_of_kind"])
    print(f"{result['pieces_per_h']:.0f} pieces/h, {result['pieces_per_cpu_s']:.0f} per CPU-second")
    print(f"drawn in {draw_cpu_s:.1f} CPU-s")
    write_result("inspect_simulated", result)


if __name__ == "__main__":
    main()
