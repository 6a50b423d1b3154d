"""How fast a million answers are read, beside the same checks written the plain way with `json`.

Run: uv run python bench/contract_predictions.py
CPU seconds on one core, the median of three rounds in turn; both refuse the same lines.
"""

import json
import statistics
import time

from record import write_result

from liudu.contract import read_label_columns, read_predictions

LINES = 1_000_000
ROUNDS = 3
CLASSES = frozenset({"ok", "defective"})


def plain(lines, ids):
    """What one would write without the contract: parse, check, keep."""
    found = {}
    for number, line in enumerate(lines, 1):
        answer = json.loads(line)
        name, label, score = answer["id"], answer["label"], answer.get("score")
        right = (
            answer.keys() <= {"id", "label", "score", "scores"}
            and type(name) is str
            and label in CLASSES
            and (score is None or (type(score) in {int, float} and 0 <= score <= 1))
        )
        if not right or name in found or name not in ids:
            raise ValueError(f"line {number}")
        found[name] = (label, score)
    return found


def cpu_s(read):
    start_s = time.process_time()
    count = read()
    took_s = time.process_time() - start_s
    assert count == LINES
    return took_s


def main():
    ids = frozenset(f"k{i:08x}" for i in range(LINES))
    labels = [b'{"id":"k%08x","label":"ok"}\n' % i for i in range(LINES)]
    scored = [b'{"id":"k%08x","label":"ok","score":0.%06d}\n' % (i, i) for i in range(LINES)]
    ways = {
        "columns, labels": lambda: len(read_label_columns(labels, ids=ids, classes=CLASSES).ids),
        "columns, scores": lambda: len(read_label_columns(scored, ids=ids, classes=CLASSES).ids),
        "objects, scores": lambda: len(
            read_predictions(scored, task="classify", ids=ids, classes=CLASSES)
        ),
        "plain json, labels": lambda: len(plain(labels, ids)),
        "plain json, scores": lambda: len(plain(scored, ids)),
    }
    seconds = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, read in ways.items():
            seconds[name].append(cpu_s(read))
    rows = [
        {
            "way": name,
            "cpu_s": round(statistics.median(taken), 3),
            "interval": [round(min(taken), 3), round(max(taken), 3)],
        }
        for name, taken in seconds.items()
    ]
    ratios = [
        peer / own
        for peer, own in zip(seconds["plain json, labels"], seconds["columns, labels"], strict=True)
    ]
    for row in rows:
        print(f"{row['way']:20} {row['cpu_s']:6.2f} s  {row['interval']}")
    print(f"columns are {statistics.median(ratios):.1f} times as fast as plain json on labels")
    write_result(
        "contract_predictions",
        {
            "lines": LINES,
            "rows": rows,
            "ratio": round(statistics.median(ratios), 2),
            "ratio_interval": [round(min(ratios), 2), round(max(ratios), 2)],
        },
    )


if __name__ == "__main__":
    main()
