"""A small seal, solutions of all kinds, and a run of one on the other."""

import json
import os
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from liudu.acceptance import Promise
from liudu.sandbox import Level, SelfTest, available
from liudu.trial.run import run_trial
from liudu.trial.seal import seal
from liudu.trial.serving import Clock

MOMENT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)

READ = """
import json, os, sys
IN, OUT = os.environ["LIUDU_IN"], os.environ["LIUDU_OUT"]
def label(item):  # a dark picture is defective
    return "defective" if open(f"{IN}/{item['path']}", "rb").read()[-1] < 128 else "ok"
def answer(item):
    return json.dumps({"id": item["id"], "label": label(item)})
"""
BATCH = (
    READ
    + """
with open(f"{OUT}/predictions.jsonl", "w") as out:
    for line in open(f"{IN}/items.jsonl"):
        print(answer(json.loads(line)), file=out)
"""
)
STREAM = (
    READ
    + """
for line in sys.stdin:
    item = json.loads(line)
    if item["op"] == "end":
        break
    print(answer(item), flush=True)
"""
)


@attrs.frozen(slots=False)
class Bench:
    """Makes seals and solutions below one folder, and runs the one on the other."""

    base: Path
    batch = BATCH
    stream = STREAM
    read = READ
    moment = MOMENT

    def seal(self, *, count=60, mode="batch", level="process", simulated=True, **promise):
        data = self.base / "data"
        data.mkdir()
        rows = ["file,label"]
        for number in range(count):
            dark = number % 2
            (data / f"{number}.pgm").write_bytes(
                b"P5 1 3 255\n" + bytes([number % 256, number // 256, 255 * (1 - dark)])
            )
            rows.append(f"{number}.pgm,{'defective' if dark else 'ok'}")
        (self.base / "labels.csv").write_text("\n".join(rows) + "\n")
        targets = [
            {"metric": "miss_rate", "op": "<", "limit": 0.2},
            {"metric": "overkill_rate", "op": "<=", "limit": 0.2},
        ]
        promise = {"task": "classify", "positive": "defective", "targets": targets, **promise}
        return seal(
            data,
            labels=self.base / "labels.csv",
            promise=Promise.from_mapping({**promise, "mode": mode, "level": level}),
            into=self.base / "seal",
            at=MOMENT,
            simulated=simulated,
        )

    def solution(self, code=BATCH, *, mode="batch", name="app", **manifest):
        folder = self.base / name
        folder.mkdir()
        code = textwrap.dedent(code).replace("#READ", READ)
        (folder / "main.py").write_text(code)
        known = {
            "contract": "liudu.trial/1",
            "name": name,
            "version": "1.0.0",
            "entry": ["python3", "main.py"],
            "mode": mode,
        }
        (folder / "liudu-solution.json").write_text(json.dumps({**known, **manifest}))
        return folder

    def run(self, sealed, solution, **options):
        known = {
            "into": self.base / "run",
            "clock": Clock(now=lambda: MOMENT),
            "level": Level.PROCESS,
            "try_attacks": no_attacks,
        }
        return run_trial(sealed, solution, **{**known, **options})


@pytest.fixture
def processes_with():
    """Return a function that lists the processes whose command line holds a token."""
    return running_with


def no_attacks(level):
    return SelfTest(level=level, attacks=(), startup_ms=0.0)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


@pytest.fixture
def needs_bwrap():
    lack = available(Level.BWRAP)
    if lack is not None:
        pytest.skip(lack)


def running_with(token):
    """Return the processes whose command line holds a token."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                line = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if token.encode() in line:
                found.append(int(process.name))
    return found
