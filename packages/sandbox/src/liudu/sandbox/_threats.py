"""The table of attacks and levels in THREAT_MODEL.md, from the same attacks as the self-test."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from liudu.sandbox import _attacks, _landlock
from liudu.sandbox._available import available
from liudu.sandbox._level import BUILT, Level
from liudu.sandbox._selftest import ordinary, selftest
from liudu.sandbox._slot import claim_slot

BEGIN = "<!-- threat-table: python -m liudu.sandbox threat-table -->"
END = "<!-- /threat-table -->"
_BLOCKED, _ALLOWED = "blocked", "**ALLOWED**"
_TABLE_ABI = 7  # of Landlock, on the machine that the committed table is from


class Finding(NamedTuple):
    """What came of one attack at one level."""

    blocked: bool
    control: bool


Findings = Mapping[str, Mapping[str, Finding]]  # level, attack


def measure() -> dict[str, dict[str, Finding]]:
    """Try all attacks at all levels that this machine has, as the user that calls."""
    return {
        level.label: {
            attack.name: Finding(attack.blocked, attack.control)
            for attack in selftest(level).attacks
        }
        for level in BUILT
        if available(level) is None
    }


def measure_as_ordinary_user() -> dict[str, dict[str, Finding]]:
    """Try all attacks with a runner that is an ordinary user: then the solution has its uid.

    This is the weaker of the two cases: a runner that is root gives each run a uid of its own.
    """
    if os.geteuid() != 0:
        return measure()
    with claim_slot() as slot:
        command = ordinary([sys.executable, "-m", "liudu.sandbox", "measure"], uid=slot.uid)
        done = subprocess.run(command, capture_output=True, check=True, timeout=110, cwd="/")
    found = json.loads(done.stdout)
    return {
        level: {name: Finding(*finding) for name, finding in attacks.items()}
        for level, attacks in found.items()
    }


def table(findings: Findings) -> str:
    """Return the table as Markdown, one row for an attack and one column for a level."""
    lines = ["| attack | 攻击 | process | landlock | bwrap |", "|---|---|---|---|---|"]
    for kind in _attacks.KINDS:
        cells = [_cell(findings.get(level.label, {}).get(kind.name)) for level in BUILT]
        lines.append(f"| {kind.en} | {kind.zh} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return "not measured"
    return _BLOCKED if finding.blocked else _ALLOWED


def committed(document: str) -> dict[str, dict[str, str]]:
    """Read the table in a document: level, attack, cell."""
    lines = document.split(BEGIN)[1].split(END, maxsplit=1)[0].strip().splitlines()[2:]
    by_en = {kind.en: kind.name for kind in _attacks.KINDS}
    found: dict[str, dict[str, str]] = {level.label: {} for level in BUILT}
    for line in lines:
        en, _, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        for level, cell in zip(BUILT, cells, strict=True):
            found[level.label][by_en.get(en, en)] = cell
    return found


def differences(document: str, findings: Findings) -> list[str]:
    """Return where the table in a document is not what this machine gives.

    A cell that says ALLOWED is passed over where the attack fails here without any sandbox;
    with another version of Landlock, only what is worse than the table counts.
    """
    cells = committed(document)
    return [
        f"{level} {kind.name}: the table says {cells[level].get(kind.name)}, this machine "
        f"{_cell(findings[level][kind.name])}"
        for level in findings
        for kind in _attacks.KINDS
        if _differs(level, cells[level].get(kind.name), findings[level][kind.name])
    ]


def _differs(level: str, cell: str | None, finding: Finding) -> bool:
    if cell == _cell(finding):
        return False
    other_landlock = level == Level.LANDLOCK.label and _landlock.abi() != _TABLE_ABI
    better_here = cell == _ALLOWED and finding.blocked
    return not (better_here and (other_landlock or not finding.control))


def main(arguments: Iterable[str]) -> int:
    """Answer ``threat-table`` (Markdown) and ``measure`` (JSON, as the user that calls)."""
    match list(arguments):
        case ["threat-table"]:
            sys.stdout.write(f"{BEGIN}\n{table(measure_as_ordinary_user())}\n{END}\n")
        case ["measure"]:
            sys.stdout.write(json.dumps(measure()))
        case _:
            sys.stderr.write("usage: python -m liudu.sandbox threat-table | measure\n")
            return 2
    return 0
