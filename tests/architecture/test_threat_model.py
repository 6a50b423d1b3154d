"""The table in THREAT_MODEL.md is what the machine gives, not what somebody remembers."""

from pathlib import Path

import pytest

from liudu.sandbox import Level, _threats, available
from liudu.sandbox._attacks import KINDS

DOCUMENT = (Path(__file__).parents[2] / "THREAT_MODEL.md").read_text(encoding="utf-8")
LEVELS = [Level.PROCESS, Level.LANDLOCK, Level.BWRAP]


@pytest.fixture(scope="module")
def findings():
    return _threats.measure_as_ordinary_user()


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_the_table_says_what_this_machine_gives(findings, level):
    if lack := available(level):
        pytest.skip(f"{level}: {lack}")
    assert _threats.differences(DOCUMENT, {level.label: findings[level.label]}) == []


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_the_table_has_every_attack(level):
    cells = _threats.committed(DOCUMENT)[level.label]
    assert list(cells) == [kind.name for kind in KINDS]


def test_bwrap_blocks_everything_in_the_table():
    assert set(_threats.committed(DOCUMENT)["bwrap"].values()) == {"blocked"}


def test_a_table_that_promises_too_much_is_found():
    worse = {"landlock": {kind.name: _threats.Finding(False, True) for kind in KINDS}}
    assert "landlock read_sealed_labels: the table says blocked" in "\n".join(
        _threats.differences(DOCUMENT, worse)
    )


def test_every_attack_is_named_in_chinese():
    assert all(kind.zh in DOCUMENT for kind in KINDS)
