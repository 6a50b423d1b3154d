"""The claim: a measured run costs at most 3 % more than the same solution started bare.

Run: uv run python bench/trial_overhead.py [PIECES ROUNDS]     (5 min; writes bench/results)
A solution that works about 12 ms on each of 1000 pictures (numpy, one thread) runs bare and as
a run of `liudu-trial`, in turns, the order swapped each round; the ratios are of whole wall times
and of the CPU seconds of all processes together, which a busy machine disturbs less.
The run has everything: staging, sandbox, collecting, scoring, journal, result. The self-test of the
sandbox and the verification of the seal are not in it: they do not grow with the solution's work,
and are printed apart.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from record import write_result

from liudu.acceptance import Promise
from liudu.sandbox import SelfTest, best_level, selftest
from liudu.trial import clock
from liudu.trial.run import run_trial
from liudu.trial.seal import open_seal, seal
from liudu.trial.serving import Clock

SEED = 20261120
SIDE_PX = 160
SOLUTION = """
import os
os.environ["OPENBLAS_NUM_THREADS"] = "1"
import json
import numpy as np

inputs, output = os.environ["LIUDU_IN"], os.environ["LIUDU_OUT"]
kernel = np.hanning(11)[:, None] * np.hanning(11)[None, :]
with open(f"{inputs}/items.jsonl") as items, open(f"{output}/predictions.jsonl", "w") as out:
    for line in items:
        item = json.loads(line)
        raw = open(f"{inputs}/{item['path']}", "rb").read()
        grey = np.frombuffer(raw[-160 * 160 :], np.uint8).reshape(160, 160).astype(float)
        smooth = sum(
            kernel[i, j] * np.roll(grey, (i, j), (0, 1)) for i in range(11) for j in range(11)
        )
        label = "defective" if smooth.std() > 400 else "ok"
        out.write(json.dumps({"id": item["id"], "label": label}) + "\\n")
"""
MANIFEST = {
    "contract": "liudu.trial/1",
    "name": "smooth",
    "version": "1.0.0",
    "entry": ["python3", "main.py"],
    "mode": "batch",
    "tasks": ["classify"],
    "runtime": {"use": "python"},
}
PROMISE = {
    "task": "classify",
    "positive": "defective",
    "targets": [
        {"metric": "miss_rate", "op": "<", "limit": 0.9},
        {"metric": "overkill_rate", "op": "<=", "limit": 0.9},
    ],
}


def prepare(base, pieces):
    """A seal of random pictures and the solution."""
    rng, data = np.random.default_rng(SEED), base / "data"
    data.mkdir()
    rows = ["file,label"]
    for number in range(pieces):
        head = f"P5 {SIDE_PX} {SIDE_PX} 255\n".encode()
        grey = rng.integers(0, 256, SIDE_PX * SIDE_PX, dtype=np.uint8).tobytes()
        (data / f"{number}.pgm").write_bytes(head + grey)
        rows.append(f"{number}.pgm,{'defective' if number % 2 else 'ok'}")
    (base / "labels.csv").write_text("\n".join(rows) + "\n")
    app = base / "app"
    app.mkdir()
    (app / "main.py").write_text(SOLUTION)
    (app / "liudu-solution.json").write_text(json.dumps(MANIFEST))
    return seal(
        data,
        labels=base / "labels.csv",
        promise=Promise.from_mapping(PROMISE),
        into=base / "seal",
        at=clock.now(),
        simulated=True,
    )


@contextlib.contextmanager
def spent(into):
    """Add wall seconds and CPU seconds, of this process and all that it started, to `into`."""
    began, before = time.perf_counter(), os.times()
    yield
    cpu_s = sum(after - was for after, was in zip(os.times()[:4], before[:4], strict=True))
    into.append((time.perf_counter() - began, cpu_s))


def bare(base, into):
    """Spend the time of the solution started by hand on the same files."""
    out = base / "out"
    out.mkdir()
    environment = {
        "LIUDU_IN": str(base / "seal"),
        "LIUDU_OUT": str(out),
        "PATH": os.environ["PATH"],
    }
    with spent(into):
        subprocess.run([sys.executable, "main.py"], cwd=base / "app", env=environment, check=True)
    shutil.rmtree(out)


def run(base, sealed, level, into):
    """Spend the time of a whole run; the self-test is left out."""
    with spent(into):
        ended = run_trial(
            sealed,
            base / "app",
            into=base / "run",
            clock=Clock(now=clock.now),
            try_attacks=lambda _: SelfTest(level=level, attacks=(), startup_ms=0.0),
        )
    assert ended.result["reason"] == "ok", ended.why
    shutil.rmtree(base / "run")


def timed(what):
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def overhead(ran, bare_ones, *, rng):
    """Median of the paired ratios, less one, with its 95 % bootstrap interval."""
    ratios = np.array(ran) / np.array(bare_ones)
    medians = np.median(rng.choice(ratios, size=(4000, len(ratios))), axis=1)
    return float(np.median(ratios) - 1), [
        float(q) - 1 for q in np.quantile(medians, [0.025, 0.975])
    ]


def measure(pieces, rounds, level):
    """Return (wall, CPU) of the bare ones and of the runs, and what is apart."""
    bare_ones, runs = [], []
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        base.chmod(0o755)
        sealed = prepare(base, pieces)
        apart = {
            "selftest_s": timed(lambda: selftest(level)),
            "verify_seal_s": timed(lambda: open_seal(base / "seal")),
        }
        bare(base, [])  # the caches are warm for both
        for number in range(rounds):
            turns = [lambda: bare(base, bare_ones), lambda: run(base, sealed, level, runs)]
            for turn in reversed(turns) if number % 2 else turns:
                turn()
            (wall, cpu), (run_wall, run_cpu) = bare_ones[-1], runs[-1]
            print(
                f"bare {wall:6.2f} s, CPU {cpu:6.2f} s   "
                f"run {run_wall:6.2f} s, CPU {run_cpu:6.2f} s   "
                f"ratios {run_wall / wall:.4f} {run_cpu / cpu:.4f}",
                flush=True,
            )
    return np.array(bare_ones), np.array(runs), apart


def main():
    pieces, rounds = (int(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (1000, 9)
    level, rng = best_level(), np.random.default_rng(SEED)
    bare_ones, runs, apart = measure(pieces, rounds, level)
    wall, wall_interval = overhead(runs[:, 0], bare_ones[:, 0], rng=rng)
    cpu, cpu_interval = overhead(runs[:, 1], bare_ones[:, 1], rng=rng)
    result = {
        "load_1min": os.getloadavg()[0],
        "level": level.label,
        "pieces": pieces,
        "rounds": rounds,
        "bare_ms_a_piece": float(np.median(bare_ones[:, 0]) / pieces * 1000),
        "wall_overhead": wall,
        "wall_overhead_interval": wall_interval,
        "cpu_overhead": cpu,
        "cpu_overhead_interval": cpu_interval,
        **apart,
    }
    write_result("trial_overhead", result)
    for name, value, (low, high) in (("wall", wall, wall_interval), ("CPU", cpu, cpu_interval)):
        print(f"overhead, {name}: {value:.2%} [{low:.2%}, {high:.2%}] at {level.label}")
    print(
        f"{result['bare_ms_a_piece']:.1f} ms a piece; apart: self-test "
        f"{apart['selftest_s']:.2f} s, verifying the seal {apart['verify_seal_s']:.2f} s"
    )


if __name__ == "__main__":
    main()
