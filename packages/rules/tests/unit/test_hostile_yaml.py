"""What a file can be besides a pack: each is refused with its place and the way out."""

import pytest

from liudu.rules._source import (
    AmbiguousNumberError,
    BadDateError,
    BadYamlError,
    PackError,
    UnknownKeyError,
    WrongShapeError,
    read_yaml,
)


def refused(text):
    with pytest.raises(BadYamlError) as caught:
        read_yaml(text, file="p")
    return caught.value


@pytest.mark.parametrize(
    ("text", "place", "en", "zh"),
    [
        ("", "p:1:1", "empty", "为空"),
        ("a:\n\tb: 1", "p:2:1", "a tab: indent with spaces", "制表符"),
        ("a: 1\nb: x\x01y", "p:2:5", "U+0001", "U+0001"),
        ("a: x\x00", "p:1:5", "U+0000", "U+0000"),
        ("a: b: c", "p:1:5", "quotes", "引号"),
        ('a: {b: x in ("c", "d"), e: 1}', "p:1:22", "quote the whole condition", "整个加引号"),
        ("a：b\nc: d", "p:2:2", "write `: `", "全角冒号"),
        ('a: "x', "p:1:6", "not closed", "没有闭合"),
        ("a: b\n c: d\ne: f\n  g: h", "p:2:3", "", ""),
        ("a:\n  - b\n c: d", "p:3:2", "indented otherwise", "缩进"),
        ("a: @x", "p:1:4", "@ cannot stand first", "@ 开头"),
        ("a: &x 1", "p:1:4", "anchors and aliases", "锚点和别名"),
        ("a: 1\nb: *x", "p:2:4", "anchors and aliases", "锚点和别名"),
        ("a: !!str 5", "p:1:4", "tag", "标签"),
        ("a: !!python/object:os.system x", "p:1:4", "tag", "标签"),
        ("a: 1\n---\nb: 2", "p:2:1", "second document", "第二个文档"),
        ("a: " + "[" * 900 + "]" * 900, "p:1:44", "nests too deep", "嵌套太深"),
        ("a: " + "{a: " * 900 + "}" * 900, "p:1:161", "nests too deep", "嵌套太深"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_place_in_both_languages(text, place, en, zh):
    error = refused(text)
    assert str(error.facts["place"]) == place
    assert en in error.say("en")
    assert zh in error.say("zh")
    assert error.say("zh").startswith(f"{place}：")


def test_a_billion_laughs_stop_at_the_first_anchor():
    rows = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    assert refused("\n".join(["a0: &a0 [x]", *rows])).facts["place"].line == 1


@pytest.mark.parametrize("text", ["\ufeffa: 1\n", "a: 1\r\n", "a: 1", "# note\na: 1\n"])
def test_a_byte_order_mark_windows_lines_and_comments_are_fine(text):
    assert read_yaml(text).mapping()["a"].whole() == 1


@pytest.mark.parametrize("word", ["1_000", "1e3", ".5", "+5", "5.", "1,000", ".inf", "-.nan"])
def test_a_number_that_only_some_programs_read_is_refused_where_a_number_is_needed(word):
    node = read_yaml(f"a: {word}").mapping()["a"]
    with pytest.raises(AmbiguousNumberError):
        node.number()
    assert read_yaml(f'a: "{word}"').mapping()["a"].text() == word


@pytest.mark.parametrize("word", ["9" * 5000, "0." + "9" * 50])
def test_a_number_that_nobody_means_is_refused_before_it_is_computed(word):
    with pytest.raises(WrongShapeError, match="at most 40 digits"):
        read_yaml(f"a: {word}").mapping()["a"].number()


def test_a_day_may_stand_in_quotes():
    for text in ("a: 2024-02-29", 'a: "2024-02-29"', "a: '2024-02-29'"):
        assert read_yaml(text).mapping()["a"].day().isoformat() == "2024-02-29"
    with pytest.raises(BadDateError):
        read_yaml('a: "2026-02-29"').mapping()["a"].day()


def test_a_key_that_is_the_rest_of_a_condition_and_a_merge_key_are_told_apart():
    with pytest.raises(UnknownKeyError, match="put all of that in quotes"):
        read_yaml("{atom: max(n, 3) > 2, say: x}").fields(needed="atom say")
    with pytest.raises(UnknownKeyError, match=r"clauze means nothing here; known"):
        read_yaml("clauze: x").fields(needed="clause")
    with pytest.raises(PackError, match="merge keys"):
        read_yaml("<<: {a: 1}").fields(needed="a")


@pytest.mark.parametrize("text", ["hello", "null", "- a"])
def test_a_file_that_is_no_mapping_is_called_the_pack(text):
    with pytest.raises(WrongShapeError, match="the pack must be a mapping"):
        read_yaml(text).mapping()


@pytest.mark.parametrize(
    "text",
    [
        "a: x and zzz\n",
        "a: x and\n   yy and\n     zzz\n",
        "a: 'it''s and zzz'\n",
        'a: "q \\" and zzz"\n',
        'a: "q and\n   r and zzz"\n',
        "a: |\n  x and\n  zzz\n",
        "a: >\n  x and\n\n  y\n  zzz\n",
        "a: {b: 1, c: 😀 zzz}\n",
        "a: x and\r\n   yy and\r\n     zzz\r\n",
    ],
)
def test_a_place_inside_a_value_is_found_however_the_value_is_written(text):
    node = read_yaml(text).mapping()["a"]
    node = node.mapping()["c"] if node.is_mapping else node
    place = node.place_in(str(node.raw.value).index("zzz"))
    line = text.splitlines()[place.line - 1]
    assert line[place.column - 1 :].startswith("zzz")
