"""Measure again every figure of the documents, then bring claims.toml up to date.

Run: python bench/claims.py [--read-only]     --read-only takes what lies in bench/results
Each command runs once. The documents' own words (`shown`) are for a person to change; a test tells
which of them no longer fit.
"""

import json
import operator
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}


def at(tree, field):
    """Follow a path such as ``levels.bwrap.0`` into nested mappings and lists."""
    for step in field.split("."):
        tree = tree[int(step) if isinstance(tree, list) else step]
    return tree


def pair(interval):
    """Low and high, however the benchmark wrote them."""
    return [interval["low"], interval["high"]] if isinstance(interval, dict) else interval


def judged(target, value, interval):
    """The value, or the end of its interval that a promise would be judged by."""
    if target.get("by") != "bound":
        return value
    return interval[1] if target["op"] in {"<", "<="} else interval[0]


def measured(claim):
    """The lines of claims.toml that a measurement decides."""
    result = json.loads((ROOT / claim["result"]).read_text(encoding="utf-8"))
    value, interval = at(result, claim["field"]), pair(at(result, claim["interval_field"]))
    target = claim["target"]
    met = COMPARE[target["op"]](judged(target, value, interval), target["limit"])
    return {
        "value": json.dumps(value),
        "interval": json.dumps(interval),
        "met": json.dumps(met),
        "machine": json.dumps(result["machine"], ensure_ascii=False),
        "date": json.dumps(result["date"]),
    }


def rewritten(block, lines):
    """One ``[[claim]]`` block with the measured lines replaced."""
    for key, value in lines.items():
        block = re.sub(rf"(?m)^{key} = .*$", lambda _, k=key, v=value: f"{k} = {v}", block)
    return block


def main():
    path = ROOT / "claims.toml"
    text = path.read_text(encoding="utf-8")
    claims = tomllib.loads(text)["claim"]
    if "--read-only" not in sys.argv:
        for command in dict.fromkeys(claim["command"] for claim in claims):
            print("$", command, flush=True)
            subprocess.run(shlex.split(command), check=True, cwd=ROOT)
    head, *blocks = re.split(r"(?m)^(?=\[\[claim\]\]$)", text)
    path.write_text(
        head + "".join(rewritten(b, measured(c)) for b, c in zip(blocks, claims, strict=True)),
        encoding="utf-8",
    )
    for claim in tomllib.loads(path.read_text(encoding="utf-8"))["claim"]:
        print(
            "met   " if claim["met"] else "MISSED",
            claim["id"],
            claim["value"],
            claim["interval"],
            "asked",
            claim["target"],
        )


if __name__ == "__main__":
    main()
