"""Every verb that is recorded anywhere has its words, and no words are left without a verb."""

import ast
from pathlib import Path

import pytest

import liudu.platform.audit
from liudu.platform.audit.deeds import ACTORS, CONTEXTS, DEEDS, SUBJECTS, deed_said
from liudu.platform.needs.models import Revision
from liudu.platform.supply.models import Offer, Version

PLATFORM = Path(liudu.platform.audit.__file__).parents[1]
TREES = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for path in PLATFORM.rglob("*.py")
    if "migrations" not in path.parts and path.name != "deeds.py"
}
VERB_PARTS = 3


def calls(*names):
    """Yield every call of a function of one of these names, with its file."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in names:
                yield path, node


def _name(node):
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def said(call, argument):
    """Return the constant texts of an argument."""
    values = [word.value for word in call.keywords if word.arg == argument]
    return {node.value for value in values for node in ast.walk(value) if _is_text(node)}


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_verb(text):
    parts = text.split(".")
    return len(parts) == VERB_PARTS and parts[0] in CONTEXTS and all(map(str.isidentifier, parts))


def written_out():
    """Return the verbs that stand in the source as they are recorded."""
    nodes = (node for tree in TREES.values() for node in ast.walk(tree))
    return {node.value for node in nodes if _is_text(node) and _is_verb(node.value)}


def beginnings():
    """Return how the verbs begin whose end is put in when they are recorded."""
    nodes = (node for tree in TREES.values() for node in ast.walk(tree))
    texts = {
        node.values[0].value
        for node in nodes
        if isinstance(node, ast.JoinedStr) and node.values and _is_text(node.values[0])
    }
    return {text for text in texts if text.endswith(".") and _is_verb(text + "x")}


def in_delivery(*functions, argument):
    """Return the ends of the verbs that functions of the deliveries are given."""
    inside = PLATFORM / "funding" / "services"
    found = [said(call, argument) for path, call in calls(*functions) if path.parent == inside]
    return set().union(*found)


def put_together():
    """Return for each beginning the ends that it can get."""
    closed = (Offer.State.ADMITTED, Offer.State.DECLINED, Offer.State.WITHDRAWN)
    return {
        "needs.need.": set(Revision.Verb.values),
        "supply.offer.": {state.value for state in closed},
        "supply.version.": {Version.State.CONFORMS.value, Version.State.REFUSED.value},
        "funding.batch.": in_delivery("_tell", argument="verb"),
        "funding.grant.": in_delivery("move", argument="kind"),
    }


def recorded():
    """Return every verb that the source can record."""
    return written_out() | {start + end for start, ends in put_together().items() for end in ends}


def test_every_verb_that_is_recorded_has_its_words():
    assert recorded() - DEEDS.keys() == set(), "name them in audit/deeds.py"


def test_no_words_are_kept_for_what_nobody_records():
    assert DEEDS.keys() - recorded() == set()


def test_a_verb_is_put_together_only_where_this_test_knows_its_ends():
    assert beginnings() == put_together().keys()


def test_every_thing_that_is_told_of_has_its_words():
    told = set().union(*(said(call, "subject_kind") for _path, call in calls("record")))
    assert told - {""} == SUBJECTS.keys()


@pytest.mark.parametrize("table", [CONTEXTS, DEEDS, SUBJECTS, ACTORS])
def test_the_words_are_chinese_and_english(table):
    for words in table.values():
        assert any("\u4e00" <= sign <= "\u9fff" for sign in words.zh), words
        assert words.en.strip(), words
        assert not any("\u4e00" <= sign <= "\u9fff" for sign in words.en), words


def test_two_deeds_are_never_told_alike():
    assert len({(words.zh, words.en) for words in DEEDS.values()}) == len(DEEDS)


def test_a_verb_of_another_version_is_shown_as_it_was_recorded():
    assert deed_said("needs.need.teleported").en == "needs.need.teleported"
