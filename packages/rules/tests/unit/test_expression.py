import pytest

from liudu.rules._expression import BadExpressionError, NotInGrammarError, parse
from liudu.rules._source import read_yaml


def written(text, *, before=""):
    return read_yaml(f"{before}atom: {text}\n", file="p.yaml").mapping()["atom"]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('x')",
        "a.b",
        "a[0]",
        "lambda: 1",
        "[x for x in y]",
        "f(1)",
        "a is b",
        "a ** b",
        "a % b",
        "a & b",
        "a // b",
        "+a",
        "~a",
        "min(*a)",
        "min(a, key=b)",
        "1e9 > 0",
        "1j > 0",
        "None",
        "...",
        "f'{a}'",
        "case(a)",
        "A > 1",
        "金额 > 1",
        "x in y",
    ],
)
def test_what_is_not_in_the_language_is_refused_and_nothing_is_executed(text):
    with pytest.raises((NotInGrammarError, BadExpressionError)):
        parse(written(f'"{text}"'))


def test_an_error_names_line_and_column_of_the_slip_itself():
    with pytest.raises(NotInGrammarError) as caught:
        parse(written("months >= 6 and sqrt(x) > 1", before="title: 标题\n"))
    assert str(caught.value.place) == "p.yaml:2:23"


def test_columns_count_characters_and_not_the_bytes_of_chinese():
    with pytest.raises(NotInGrammarError) as caught:
        parse(written("'degree == \"博士\" and sqrt(x) > 1'"))
    assert caught.value.place.column == 8 + len('degree == "博士" and ')


def test_an_error_inside_a_block_of_text_names_its_own_line():
    with pytest.raises(NotInGrammarError) as caught:
        parse(written("|\n  a\n  and sqrt(b)"))
    assert (caught.value.place.line, caught.value.place.column) == (3, 7)


def test_full_width_punctuation_is_told_how_it_would_be_right():
    with pytest.raises(BadExpressionError) as caught:
        parse(written("min（a，b）"))
    assert "min(a,b)" in caught.value.say("zh")


@pytest.mark.parametrize("text", ["(" * 300 + "1" + ")" * 300, "not " * 300 + "a", "a" * 3000])
def test_what_nests_or_runs_too_long_is_refused_and_does_not_crash(text):
    with pytest.raises((BadExpressionError, NotInGrammarError)):
        parse(written(text))


def test_numbers_stay_exact():
    tree = parse(written("a > 0.1")).tree
    assert str(tree.right.value) == "1/10"


def test_a_chain_of_comparisons_is_both_comparisons():
    tree = parse(written("0 < a <= 5")).tree
    assert tree.word == "and"
    assert [one.sign for one in tree.operands] == ["<", "<="]
