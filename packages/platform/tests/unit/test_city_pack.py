"""A city pack: the one of Suzhou is whole, and a bad one is told where and what would be right."""

import shutil
from pathlib import Path

import pytest

from liudu.platform.city.decisions import citations_of, digest_of, read_pack
from liudu.platform.city.reading import BadPackError

SUZHOU = Path(__file__).parents[4] / "cities" / "suzhou"


@pytest.fixture
def folder(tmp_path):
    """A copy of Suzhou to spoil."""
    copy = tmp_path / "city"
    shutil.copytree(SUZHOU, copy, ignore=shutil.ignore_patterns("policies"))
    return copy


def spoil(folder, file, old, new):
    """Change one place of a file; return the line in which it stands."""
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {file}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def problems_of(folder):
    with pytest.raises(BadPackError) as caught:
        read_pack(folder)
    return caught.value.problems


def test_the_pack_of_suzhou_is_whole():
    pack = read_pack(SUZHOU)
    counts = {kind: len(rows) for kind, rows in pack.rows.items()}
    assert counts["source"] == 84
    assert (counts["district"], counts["sector"], counts["dimension"], counts["zone"]) == (
        10,
        15,
        6,
        4,
    )
    assert counts["conflict"] == 8
    assert [row.fields["number"] for row in pack.rows["sector"]] == list(range(1, 16))


def test_every_fact_of_suzhou_has_a_source_or_says_that_there_is_none():
    pack = read_pack(SUZHOU)
    sources = {row.code for row in pack.rows["source"]}
    for row in pack.rows["fact"]:
        stated = row.fields["status"] == "stated"
        assert stated == bool(row.fields["source_id"]) == bool(row.fields["value"]), row.code
    assert {source for source, *_ in citations_of(pack)} <= sources
    empty = [row.code for row in pack.rows["fact"] if row.fields["status"] == "not_found"]
    assert sum(code.startswith("sector.") for code in empty) == 15


def test_what_is_named_in_suzhou_has_its_english_name():
    pack = read_pack(SUZHOU)
    for kind in ("district", "sector", "dimension", "zone"):
        assert all(row.fields["name_en"].isascii() for row in pack.rows[kind]), kind
    assert all(row.fields["label_en"] for row in pack.rows["fact"])
    assert all(row.fields["title_en"] for row in pack.rows["published"])


def test_no_source_names_a_file_of_somebody_s_disk():
    text = (SUZHOU / "sources.yaml").read_text(encoding="utf-8")
    assert "file:" not in text
    assert ".txt" not in text


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "hint"),
    [
        ("districts.yaml", "adcode: 320505", "adcodes: 320505", "UnknownKey", "adcode"),
        ("facts.yaml", "source: S0}", "source: S00}", "UnknownName", "S0"),
        ("enterprises.yaml", "district: kunshan", "district: kunshn", "UnknownName", "kunshan"),
        ("facts.yaml", ", source: S0}", "}", "NoSource", "status: not_found"),
        ("facts.yaml", "code: unicorn,", "code: listed,", "Twice", "city.listed"),
        ("sectors.yaml", "number: 2\n", "number: 1\n", "Twice", "1"),
        ("places.yaml", "kind: park", "kind: garden", "NotOneOf", "park, opc"),
        ("districts.yaml", "name: 姑苏区", "name: no", "BooleanWord", '"no"'),
        ("districts.yaml", "name: 姑苏区", "name：姑苏区", "FullWidthColon", "half-width"),
        ("city.yaml", "province: 江苏省", "province：江苏省", "FullWidthColon", "half-width"),
        ("city.yaml", "name: 苏州市", "name:", "MissingKey", "name"),
        ("city.yaml", "format: 1", "format: 7", "WrongFormat", "7"),
        ("history.yaml", "date: 2024-09-15", "date: 2024-13-15", "WrongShape", "2024-13-15"),
        ("sources.yaml", "reliability: A", "reliability: E", "NotOneOf", "A, B, C, D"),
        ("sectors.yaml", "status: not_found,", "status: not_found, value: 7,", "FullSlot", "value"),
        ("gaps.yaml", "what: AI 核心企业数,", "code: twice,", "DuplicateKey", "code"),
        ("city.yaml", "verified: false", "verified: true", "WrongShape", "their name"),
        ("districts.yaml", "tile: [2, 1]", "tile: [2]", "WrongShape", "[column, row]"),
        ("districts.yaml", "tile: [2, 1]", "tile: [2, east]", "WrongShape", "whole number"),
    ],
)
def test_a_slip_is_told_with_its_file_and_line_and_what_would_be_right(  # noqa: PLR0917 - a table
    folder, file, old, new, code, hint
):
    line = spoil(folder, file, old, new)
    told = [problem for problem in problems_of(folder) if problem.code == code]
    assert told, [str(problem) for problem in problems_of(folder)]
    assert (told[0].place.file, told[0].place.line) == (file, line) or code == "MissingKey"
    assert hint in told[0].say("en")
    assert f"{file}:" in told[0].say("zh")


def test_a_tab_is_told_with_its_line(folder):
    line = spoil(folder, "districts.yaml", "    adcode: 320508", "\tadcode: 320508")
    (problem,) = problems_of(folder)
    assert (problem.code, problem.place.line) == ("TabIndent", line)


def test_a_file_in_gbk_is_told_with_its_line(folder):
    (folder / "history.yaml").write_bytes("milestones:\n# 名称\n".encode("gb18030"))
    (problem,) = problems_of(folder)
    assert (problem.code, problem.place.line) == ("NotUtf8", 2)


@pytest.mark.parametrize(
    "text",
    [
        "milestones: &a [*a]",
        "milestones: !!python/object/apply:os.system [ls]",
        "[" * 500 + "]" * 500,
        "milestones: [",
        "",
        "a\0b",
    ],
)
def test_what_is_no_plain_yaml_is_refused(folder, text):
    (folder / "history.yaml").write_text(text, encoding="utf-8")
    (problem,) = problems_of(folder)
    assert problem.place.file == "history.yaml"


def test_all_slips_are_told_at_once(folder):
    spoil(folder, "places.yaml", "kind: park", "kind: garden")
    spoil(folder, "facts.yaml", "source: S0}", "source: S00}")
    assert len(problems_of(folder)) == 2


def test_a_folder_without_a_pack_says_which_file_it_wants(tmp_path):
    problems = problems_of(tmp_path)
    assert {problem.facts["file"] for problem in problems} >= {"city.yaml", "sources.yaml"}


def test_a_file_with_an_unknown_name_is_told(folder):
    (folder / "sector.yaml").write_text("sectors: []\n", encoding="utf-8")
    (problem,) = problems_of(folder)
    assert "sectors.yaml" in problem.say("en")


def test_a_comment_in_another_folder_leaves_the_digest_and_one_in_the_pack_changes_it(folder):
    before = digest_of(folder)
    (folder / "README.md").write_text("of no account", encoding="utf-8")
    assert digest_of(folder) == before
    spoil(folder, "city.yaml", "format: 1", "# so\nformat: 1")
    assert digest_of(folder) != before
