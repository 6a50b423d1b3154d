"""The papers lead somewhere, and the two READMEs say the same."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "packages/*/README.md", "applications/*/README.md")
    for path in ROOT.glob(pattern)
)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_the_papers_leads_somewhere(path):
    links = LINK.findall(path.read_text(encoding="utf-8"))

    assert [link for link in links if not (path.parent / link).exists()] == []


def test_both_readmes_show_the_same_commands_and_claims():
    english, chinese = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md")
    )
    for same in (
        r"<!-- claim: .*? -->",
        r"^    make \w+",
        r"^liudu-trial +\w+ +\S+",
        r"\]\((\S+?)\)",
    ):
        found = [set(re.findall(same, text, re.MULTILINE)) for text in (english, chinese)]
        assert found[0] - {"README.zh.md"} == found[1] - {"README.md"}


def test_the_first_screen_of_the_readme_has_the_two_commands():
    for name in ("README.md", "README.zh.md"):
        first_screen = (ROOT / name).read_text(encoding="utf-8").splitlines()[:12]
        assert [line.split()[1] for line in first_screen if line.startswith("    make")] == [
            "demo",
            "test",
        ]


def test_both_commands_of_the_readme_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.search(r"^demo:", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)
