"""How long a sandbox takes to start, and what it costs a program that computes or calls the kernel.

Run: uv run python bench/sandbox_start.py     (20 s; writes bench/results/sandbox_start.json)
All levels and the bare command take turns in one run, so that the ratios share the machine's mood.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from record import write_result

from liudu.sandbox import BUILT, Limits, Mounts, available, python_runtime, run

START_ROUNDS = 41
WORK_ROUNDS = 9
WORK = {
    "cpu": "n = 0\nfor i in range(3_000_000): n += i * i",
    "syscall": "import os\nfor _ in range(600_000): os.getppid()",
}
PEERS = {  # without any sandbox, from start to end
    "bare /bin/true": ["/bin/true"],
    "bare python -I -S": [sys.executable, "-I", "-S", "-c", "pass"],
}
# The work times itself, so that neither start-up nor the end is part of the ratio.
TIMED = "import time\nt = time.perf_counter()\n{work}\nprint(time.perf_counter() - t)"


def median_interval(values: list[float], *, rng: np.random.Generator) -> dict[str, float]:
    """Median with its 95 % bootstrap interval."""
    medians = np.median(rng.choice(values, size=(4000, len(values))), axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    return {"median": statistics.median(values), "low": float(low), "high": float(high)}


def folders(base: Path) -> Mounts:
    base.chmod(0o755)
    for name in ("app", "in", "out"):
        (base / name).mkdir()
        (base / name).chmod(0o755)
    return Mounts(
        app=base / "app", inputs=base / "in", output=base / "out", read_only=python_runtime()
    )


def bare_ms(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return (time.perf_counter() - began) * 1000


def measure(mounts: Mounts, levels: list) -> tuple[dict, dict]:
    starts = {**{name: [] for name in PEERS}, **{str(level): [] for level in levels}}
    whole = {str(level): [] for level in levels}
    for _ in range(START_ROUNDS):
        for name, command in PEERS.items():
            starts[name].append(bare_ms(command))
        for level in levels:
            began = time.perf_counter()
            outcome = run(["/bin/true"], mounts=mounts, level=level)
            whole[str(level)].append((time.perf_counter() - began) * 1000)
            starts[str(level)].append(outcome.startup_s * 1000)
    return starts, whole


def work_s(kind: str, *, mounts: Mounts, level) -> float:
    command = ["python3", "-I", "-S", "-c", TIMED.format(work=WORK[kind])]
    if level is None:
        done = subprocess.run([sys.executable, *command[1:]], capture_output=True, check=True)
        return float(done.stdout)
    return float(run(command, mounts=mounts, level=level, limits=Limits(wall_s=60)).stdout)


def ratios(kind: str, *, mounts: Mounts, levels: list) -> dict[str, list[float]]:
    """Paired with the bare program of the same round."""
    found = {str(level): [] for level in levels}
    for _ in range(WORK_ROUNDS):
        bare = work_s(kind, mounts=mounts, level=None)
        for level in levels:
            found[str(level)].append(work_s(kind, mounts=mounts, level=level) / bare)
    return found


def main() -> None:
    rng = np.random.default_rng(20261120)
    levels = [level for level in BUILT if available(level) is None]
    for level in set(BUILT) - set(levels):
        print(f"{level} left out: {available(level)}")
    with tempfile.TemporaryDirectory() as name:
        mounts = folders(Path(name))
        starts, whole = measure(mounts, levels)
        work = {kind: ratios(kind, mounts=mounts, levels=levels) for kind in WORK}

    def row(values: list[float]) -> dict[str, float]:
        return median_interval(values, rng=rng)

    result = {
        "runner_is_root": os.geteuid() == 0,
        "load_1min": os.getloadavg()[0],
        "rounds": {"start": START_ROUNDS, "work": WORK_ROUNDS},
        "startup_ms": {name: row(values) for name, values in starts.items()},
        "run_of_true_ms": {name: row(values) for name, values in whole.items()},
        **{f"{kind}_ratio_to_bare": {n: row(v) for n, v in work[kind].items()} for kind in WORK},
    }
    write_result("sandbox_start", result)
    for title in ("startup_ms", "run_of_true_ms", "cpu_ratio_to_bare", "syscall_ratio_to_bare"):
        for name, found in result[title].items():
            print(
                f"{title:24} {name:24} {found['median']:8.2f}"
                f"   [{found['low']:.2f}, {found['high']:.2f}]"
            )


if __name__ == "__main__":
    main()
