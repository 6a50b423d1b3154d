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


def measured(claim):
    """The lines of claims.toml that a measurement decides."""
    result = json.loads((ROOT / claim["result"]).read_text(encoding="utf-8"))
    value = at(result, claim["field"])
    return {
        "value": json.dumps(value),
        "interval": json.dumps(at(result, claim["interval_field"])),
        "met": json.dumps(COMPARE[claim["target"]["op"]](value, claim["target"]["limit"])),
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
