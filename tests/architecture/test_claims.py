"""A figure in a document has a row in claims.toml, and the row has a measurement behind it."""

import json
import operator
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLAIMS = tomllib.loads((ROOT / "claims.toml").read_text(encoding="utf-8")).get("claim", [])
BY_ID = {claim["id"]: claim for claim in CLAIMS}
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "packages/*/README.md", "applications/**/*.md")
    for path in ROOT.glob(pattern)
    if not {"adr", ".venv", "node_modules"} & set(path.parts)
)

# A measured figure is a number with a unit of speed, size, share or error; a bare count is not.
FIGURE = re.compile(
    r"\d(?:[\d  .,]*\d)?\s?"
    r"(?:%|‰|×(?!\s?\d)|ms\b|µs\b|MiB\b|GiB\b|kB\b|items/s|pairs/s|s per|毫秒|微秒)"
    r"|\b(?:F|mAP|AP|AUROC|AUC)(?:@[\d.]+)?\s?(?:=|of|为|是)?\s?(?:0?\.\d+|\d\d\.\d)"
)
MARK = re.compile(r"<!--\s*(?:claim:\s*(?P<ids>[\w, -]+?)|(?P<free>not measured:\s*\S.*?))\s*-->")
COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}


def _plain(text):
    """Without code, which shows formats and commands."""
    return re.sub(
        r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    )


def _sections(text):
    """Heading and body; a mark in the heading's line holds for the section."""
    parts = re.split(r"^(#{1,6} .*)$", text, flags=re.MULTILINE)
    yield "", parts[0]
    yield from zip(parts[1::2], parts[2::2], strict=True)


def _statements(body):
    """Paragraphs, list items and table rows: what one mark stands for."""
    for paragraph in re.split(r"\n\s*\n", body):
        if re.search(r"^\s*(?:\||[-*] |\d+\. )", paragraph, flags=re.MULTILINE):
            yield from re.split(r"\n(?=\s*(?:\||[-*] |\d+\. ))", paragraph)
        else:
            yield paragraph


def _unmarked(path):
    for heading, body in _sections(_plain(path.read_text(encoding="utf-8"))):
        if MARK.search(heading):
            continue
        for statement in _statements(body):
            if FIGURE.search(statement) and not MARK.search(statement):
                yield statement.strip()


def _claims_named(path):
    text = path.read_text(encoding="utf-8")
    return {
        name.strip()
        for mark in MARK.finditer(text)
        if mark["ids"]
        for name in mark["ids"].split(",")
    }


def _at(tree, field):
    for step in field.split("."):
        tree = tree[int(step) if isinstance(tree, list) else step]
    return tree


def _pair(interval):
    return [interval["low"], interval["high"]] if isinstance(interval, dict) else interval


def _judged(claim):
    """The value, or the end of its interval that a promise would be judged by."""
    if claim["target"].get("by") != "bound":
        return claim["value"]
    low, high = claim["interval"]
    return high if claim["target"]["op"] in {"<", "<="} else low


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_figure_of_a_document_names_its_claim(path):
    assert list(_unmarked(path)) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_claim_that_a_document_names_has_a_row(path):
    assert _claims_named(path) - set(BY_ID) == set()


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim["id"])
def test_a_claim_is_what_its_command_measured_last(claim):
    result = json.loads((ROOT / claim["result"]).read_text(encoding="utf-8"))

    assert _at(result, claim["field"]) == pytest.approx(claim["value"])
    assert _pair(_at(result, claim["interval_field"])) == pytest.approx(claim["interval"])
    assert result["machine"] == claim["machine"]
    assert result["date"] == claim["date"]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim["id"])
def test_a_claim_says_honestly_whether_its_target_is_met(claim):
    target = claim["target"]

    assert COMPARE[target["op"]](_judged(claim), target["limit"]) == claim["met"]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim["id"])
def test_a_figure_stands_in_the_documents_as_the_row_shows_it(claim):
    naming = [path for path in DOCUMENTS if claim["id"] in _claims_named(path)]
    texts = [path.read_text(encoding="utf-8") for path in naming]

    assert naming
    assert [
        path.name
        for path, text in zip(naming, texts, strict=True)
        if not any(shown in text for shown in claim["shown"])
    ] == []


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim["id"])
def test_a_claim_is_measured_by_a_program_of_this_repository(claim):
    program = next(word for word in claim["command"].split() if word.endswith(".py"))

    assert (ROOT / program).is_file()


def test_no_claim_is_made_twice():
    assert len(BY_ID) == len(CLAIMS)


def test_a_figure_without_a_mark_is_found():
    assert FIGURE.search("It starts in 70 ms")
    assert FIGURE.search("漏检率 0.2 %")
    assert not FIGURE.search("1497 pieces")
