"""Every error that a person can act on speaks both languages, with the same facts."""

import importlib
import pkgutil
import re
import string

import pytest

import liudu
from liudu.contract import Refusal

TRAINING_ONLY = {"liudu.inspect.training"}  # needs torch, which is not installed to run Liudu


def _import_everything():
    for module in pkgutil.walk_packages(liudu.__path__, prefix="liudu."):
        if not module.name.endswith("__main__") and module.name not in TRAINING_ONLY:
            importlib.import_module(module.name)


def _kinds(kind=Refusal):
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _kinds(subclass)


def _fields(template):
    """The facts a sentence names; a fact may be a word of the language: ``why`` and ``why_zh``."""
    names = {name for _, name, _, _ in string.Formatter().parse(template) if name}
    return {re.split(r"[.\[]", name)[0].removesuffix("_zh").removesuffix("_en") for name in names}


_import_everything()
KINDS = sorted(
    {kind for kind in _kinds() if kind.__module__.startswith("liudu.")},
    key=lambda kind: kind.__qualname__,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__qualname__)
def test_a_refusal_names_the_same_facts_in_both_languages(kind):
    assert _fields(kind.en) == _fields(kind.zh)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__qualname__)
def test_a_refusal_is_written_in_chinese_and_in_english(kind):
    assert any("\u4e00" <= letter <= "\u9fff" for letter in kind.zh)
    assert kind.en.isascii() or not any("\u4e00" <= letter <= "\u9fff" for letter in kind.en)


def test_there_are_refusals_to_look_at():
    assert KINDS
