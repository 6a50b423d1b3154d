"""The glossary and the code use the same words."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    line.split("|")[1:4]
    for line in (ROOT / "GLOSSARY.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| 中文")
]
NAMES = [name for row in ROWS if "planned" not in row[2] for name in re.findall(r"`(\w+)`", row[2])]
SOURCE = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("packages", "applications")
    for path in sorted((ROOT / folder).glob("*/src/**/*.py"))
)


@pytest.mark.parametrize("name", NAMES)
def test_a_word_of_the_glossary_is_a_word_of_the_code(name):
    assert re.search(rf"\b{name}\b", SOURCE)


def test_every_row_has_its_chinese_and_its_english():
    assert [row for row in ROWS if not row[0].strip() or not row[1].strip()] == []
