"""The claim: a stream serves at least 20,000 items a second, so the runner is no factor.

Run: uv run python bench/trial_stream.py [ITEMS ROUNDS]     (1 min; writes bench/results)
End to end with a trivial Python solution that answers line by line: items written, answers read,
checked against the contract and timed. At each sandbox level, with 64 items in flight and in
lock-step. The peer in the same run is a loop of readline and print over bare pipes.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import attrs
import numpy as np
from record import write_result

from liudu.contract import Item, Manifest
from liudu.sandbox import Level, Limits, available, claim_slot
from liudu.trial import clock
from liudu.trial.serve_stream import serve_stream
from liudu.trial.serving import Clock, Isolation, Terms

SEED = 20261120
WINDOW = 64
ECHO = """
import json, sys
for line in sys.stdin:
    item = json.loads(line)
    if item["op"] == "end":
        break
    print('{"id":"%s","label":"ok"}' % item["id"], flush=True)
"""


@attrs.frozen(kw_only=True)
class Solution:
    folder: Path
    manifest: Manifest


def served(base, items, *, level, window, slot):
    """Items a second and the latencies in microseconds of one serving."""
    manifest = Manifest(name="echo", version="1", entry=("python3", "main.py"), mode="stream")
    ended = serve_stream(
        Solution(folder=base / "app", manifest=manifest),
        items=items,
        warmup=[Item(id="warmup-1")],
        pieces=base,
        terms=Terms(task="classify", mode="stream", classes=("ok", "defective"), window=window),
        into=base / "serving",
        isolation=Isolation(level=level, limits=Limits(), slot=slot),
        clock=Clock(now=clock.now),
    )
    assert len(ended.predictions) == len(items), ended.why
    return len(items) / ended.wall_s, (ended.timings[:, 1] - ended.timings[:, 0]) * 1e6


def peer(base, items):
    """Items a second in lock-step over bare pipes, nothing checked, nothing measured."""
    lines = [b'{"op":"item","id":"%s"}\n' % item.id.encode() for item in items]
    command = [sys.executable, str(base / "app" / "main.py")]
    with subprocess.Popen(command, stdin=-1, stdout=-1) as process:
        process.stdin.write(b'{"op":"warmup","id":"w"}\n')
        process.stdin.flush()
        process.stdout.readline()
        began = time.perf_counter()
        for line in lines:
            process.stdin.write(line)
            process.stdin.flush()
            process.stdout.readline()
        took_s = time.perf_counter() - began
        process.stdin.write(b'{"op":"end"}\n')
        process.stdin.close()
    return len(items) / took_s


def row(values):
    """Median with its 95 % bootstrap interval over the rounds."""
    rng = np.random.default_rng(SEED)
    medians = np.median(rng.choice(values, size=(4000, len(values))), axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    return {"median": float(np.median(values)), "interval": [float(low), float(high)]}


def main():
    count, rounds = (int(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (50_000, 7)
    levels = [one for one in (Level.PROCESS, Level.LANDLOCK, Level.BWRAP) if not available(one)]
    items = [Item(id=f"{number:016x}") for number in range(count)]
    found = {
        str(level): {"window_64": [], "lock_step": [], "p50": [], "p99": []} for level in levels
    }
    bare = []
    with tempfile.TemporaryDirectory() as name, claim_slot() as slot:
        base = Path(name)
        base.chmod(0o755)
        (base / "app").mkdir()
        (base / "app" / "main.py").write_text(ECHO)
        for _ in range(rounds):
            bare.append(peer(base, items))
            for level in levels:
                into = found[str(level)]
                into["window_64"].append(
                    served(base, items, level=level, window=WINDOW, slot=slot)[0]
                )
                rate, latency_us = served(base, items, level=level, window=1, slot=slot)
                into["lock_step"].append(rate)
                into["p50"].append(np.percentile(latency_us, 50))
                into["p99"].append(np.percentile(latency_us, 99))
    result = {
        "items": count,
        "rounds": rounds,
        "peer_lock_step_items_per_s": row(bare),
        "levels": {
            level: {
                "window_64_items_per_s": row(values["window_64"]),
                "lock_step_items_per_s": row(values["lock_step"]),
                "lock_step_latency_us_p50": row(values["p50"]),
                "lock_step_latency_us_p99": row(values["p99"]),
            }
            for level, values in found.items()
        },
    }
    write_result("trial_stream", result)
    print(f"{'bare pipes, lock-step':32} {np.median(bare):10,.0f} items/s")
    for level, rows in result["levels"].items():
        for title, values in rows.items():
            low, high = values["interval"]
            print(f"{level:9}{title:24}{values['median']:12,.1f}   [{low:,.1f}, {high:,.1f}]")


if __name__ == "__main__":
    main()
