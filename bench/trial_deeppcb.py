"""The real-input trial: DeepPCB devtest from seal to certificate, by the commands of a person.

Run: uv run python bench/trial_deeppcb.py     (2 min; writes bench/results/trial_deeppcb.json)
The data come from LIUDU_DATA (inspect/deeppcb). Tiles are tried against the promise of the README,
whole boards against one on boxes; tiles and boxes of one board are one cluster. Nothing is chosen
on devtest: the solutions and their thresholds are those of the package.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from record import DATA, write_result

DEEPPCB = DATA / "inspect" / "deeppcb"
THROUGHPUT = '{metric: throughput_per_h, op: ">=", limit: 6000}'
PAIR = "--cluster pair"
TRIALS = {
    "tiles": (
        "classify",
        f"""\
task: classify
positive: defective
targets:
  - {{metric: miss_rate,     op: "<",  limit: 0.002, confidence: 0.95}}
  - {{metric: overkill_rate, op: "<=", limit: 0.03,  confidence: 0.95}}
  - {THROUGHPUT}
""",
    ),
    "boards": (
        "detect",
        f"""\
task: detect
score_min: 0.25
targets:
  - {{metric: miss_rate,             op: "<",  limit: 0.03, confidence: 0.95}}
  - {{metric: false_calls_per_piece, op: "<=", limit: 0.5,  confidence: 0.95, cap: 10}}
  - {THROUGHPUT}
""",
    ),
}


def typed(command, *, folder):
    """Type a command in a folder; an answer of no is an answer, anything else ends the bench."""
    program, *arguments = shlex.split(command)
    environment = {**os.environ, "LIUDU_KEY": str(folder / "key.pem"), "LIUDU_LANG": "en"}
    done = subprocess.run(
        [Path(sys.executable).parent / program, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in {0, 1}:
        sys.exit(f"{command}\n{done.stdout}{done.stderr}")
    return done


def trial(name, *, folder):
    """Seal, run, report and verify one trial; return what came of it."""
    task, promise = TRIALS[name]
    (folder / f"{name}.yaml").write_text(promise, encoding="utf-8")
    low = " --score-min 0.01" if task == "detect" else ""
    for command in (
        f"liudu-inspect dataset deeppcb {DEEPPCB} {name} --split devtest --task {task} {PAIR}",
        f"liudu-inspect pack solution-{name} --task {task}{low}",
        f"liudu-trial seal {name} --targets {name}.yaml --out seal-{name}",
        f"liudu-trial run seal-{name} solution-{name} --out run-{name}",
        f"liudu-trial report run-{name} --seal seal-{name}",
    ):
        typed(command, folder=folder)
    checked = typed(
        f"liudu-trial verify run-{name}/certificate.json --run run-{name} --seal seal-{name}"
        f" --solution solution-{name} --json",
        folder=folder,
    )
    result = json.loads((folder / f"run-{name}" / "result.json").read_text(encoding="utf-8"))
    return {
        "verdict": result["verdict"],
        "targets": {
            target["metric"]: {
                "answer": target["answer"],
                "seen": target["point"],
                "interval": [target["lower"], target["upper"]],
                "events": target.get("events"),
                "trials": target.get("trials"),
                "clusters": target.get("clusters"),
            }
            for target in result["targets"]
        },
        "map": result["details"].get("map"),
        "deeppcb": result["details"].get("deeppcb"),
        "cpu_s": result["measurements"]["cpu_s"],
        "level": result["level"]["had"],
        "certificate_verifies": checked.returncode == 0,
    }


def main():
    if not DEEPPCB.is_dir():
        sys.exit(
            f"no DeepPCB at {DEEPPCB}: set LIUDU_DATA to the folder that holds inspect/deeppcb"
        )
    with tempfile.TemporaryDirectory() as name:
        found = {trial_name: trial(trial_name, folder=Path(name)) for trial_name in TRIALS}
    for trial_name, result in found.items():
        print(
            trial_name, result["verdict"], "certificate verifies:", result["certificate_verifies"]
        )
        for metric, row in result["targets"].items():
            print(f"  {metric:24} {row['answer']:8} {row['seen']} {row['interval']}")
    write_result("trial_deeppcb", found)


if __name__ == "__main__":
    main()
