"""Plan and verdict over a million pieces, beside the same rules in plain Python.

Claim: a verdict over 10⁶ rows takes less than a second. Timed apart: reading the answers (10⁶
lines), scoring them, judging the evidence, and the plan. Every part is repeated, and the peer is
interleaved with it in the same process; the interval is the middle 90 % of the ratios.

Run as ``uv run python bench/trial_verdict.py``.
"""

import json
import os
from time import perf_counter

import numpy as np
from record import write_result
from scipy.stats import beta

from liudu.acceptance import Promise, judge, plan
from liudu.contract import read_label_columns, read_predictions
from liudu.trial.scorers import classify
from liudu.trial.scorers.truth import ClassTruth

ROWS = 1_000_000
REPEATS = 5
PROMISE = Promise.from_mapping(
    {
        "task": "classify",
        "positive": "defective",
        "targets": [
            {"metric": "miss_rate", "op": "<", "limit": 0.002},
            {"metric": "overkill_rate", "op": "<=", "limit": 0.03},
        ],
    }
)


def answers(*, rows, rng):
    """Make true classes and lines of answers: 1 % defective, 0.1 % missed, 2 % overkill."""
    positive = rng.random(rows) < 0.01
    called = np.where(positive, rng.random(rows) > 0.001, rng.random(rows) < 0.02)
    ids = [token.hex() for token in np.frombuffer(rng.bytes(8 * rows), "V8").tolist()]
    truth = ClassTruth(
        ids=tuple(ids),
        classes=("defective", "ok"),
        code=np.where(positive, 0, 1).astype(np.int32),
        cluster=None,
    )
    scores = rng.random(rows).round(4).tolist()
    lines = [
        b'{"id":"%b","label":"%b","score":%b}\n'
        % (name.encode(), b"defective" if hit else b"ok", str(score).encode())
        for name, hit, score in zip(ids, called.tolist(), scores, strict=True)
    ]
    return truth, lines


def plain_read(lines):
    """Read answers as a careful script would: one by one, with the standard library."""
    found = {}
    for line in lines:
        row = json.loads(line)
        name, label, score = row["id"], row["label"], row["score"]
        if not (isinstance(name, str) and label in {"defective", "ok"} and 0 <= score <= 1):
            raise ValueError(line)
        if name in found:
            raise ValueError(name)
        found[name] = (label, score)
    return found


def plain_verdict(truth, found):
    """Count and bound as a plain script would, with scipy for the bound."""
    counts = {True: [0, 0], False: [0, 0]}
    confusion = {}
    for name, code in zip(truth.ids, truth.code.tolist(), strict=True):
        true = truth.classes[code]
        label, _ = found.get(name, (None, None))
        positive = true == "defective"
        wrong = label != "defective" if positive else label == "defective"
        counts[positive][0] += wrong
        counts[positive][1] += 1
        confusion[true, label] = confusion.get((true, label), 0) + 1
    upper = [beta.ppf(0.95, events + 1, trials - events) for events, trials in counts.values()]
    return upper[0] < 0.002 and upper[1] <= 0.03


def timed(took, name, call, *arguments, **options):
    start = perf_counter()
    result = call(*arguments, **options)
    took.setdefault(name, []).append(perf_counter() - start)
    return result


def measure():
    truth, lines = answers(rows=ROWS, rng=np.random.default_rng(20261120))
    known, classes = frozenset(truth.ids), frozenset(truth.classes)
    took = {}
    for _ in range(REPEATS):
        timed(took, "plan", plan, PROMISE)
        columns = timed(took, "read", read_label_columns, lines, ids=known, classes=classes)
        scored = timed(took, "score", classify.score, truth, columns, promise=PROMISE)
        verdict = timed(took, "judge", judge, PROMISE, scored.evidence)
        found = timed(took, "plain read", plain_read, lines)
        plain = timed(took, "plain verdict", plain_verdict, truth, found)
        if (verdict.answer == "passed") != plain:
            message = f"verdicts differ: {verdict.answer}, {plain}"
            raise AssertionError(message)
    by_id = read_predictions(lines, task="classify", ids=known, classes=classes)
    timed(took, "score by id", classify.score, truth, by_id, promise=PROMISE)
    return {name: np.array(walls) for name, walls in took.items()}


def main():
    took = measure()
    verdict_s = took["score"] + took["judge"]
    whole_s = took["read"] + verdict_s
    plain_s = took["plain read"] + took["plain verdict"]
    figures = {
        "plan_s": took["plan"],
        "read_s": took["read"],
        "score_s": took["score"],
        "judge_s": took["judge"],
        "verdict_s": verdict_s,
        "plan_and_verdict_s": took["plan"] + verdict_s,
        "read_and_verdict_s": whole_s,
        "score_by_id_s": took["score by id"],
        "plain_verdict_s": took["plain verdict"],
        "plain_read_and_verdict_s": plain_s,
        "verdict_times_as_fast": took["plain verdict"] / verdict_s,
        "read_and_verdict_times_as_fast": plain_s / whole_s,
    }
    result = {
        "load_1min": round(os.getloadavg()[0], 1),
        "rows": ROWS,
        "repeats": REPEATS,
    }
    print(f"{ROWS} rows, {REPEATS} repeats, load {result['load_1min']}; low, median, high")
    for name, values in figures.items():
        low, middle, high = (round(float(q), 4) for q in np.quantile(values, (0.05, 0.5, 0.95)))
        print(f"{name:32} {low:8.3f} {middle:8.3f} {high:8.3f}")
        result |= {name: middle, f"{name}_interval": [low, high]}
    write_result("trial_verdict", result)


if __name__ == "__main__":
    main()
