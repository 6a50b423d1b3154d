"""Every error that a person can act on speaks both languages, with the same facts."""

import json
import re
import string
import subprocess
import sys

import pytest

# In processes of their own, for models need their settings, which a process sets once.
SETTINGS = {
    "desk": """
from liudu.outbreak.desk.settings import Site, configure
configure(Site(folder=Path(folder.name), hosts=("localhost",), mail="off"))
left_out = "platform"
""",
    "platform": """
os.environ |= {
    "LIUDU_HOME": folder.name, "DJANGO_SETTINGS_MODULE": "liudu.platform.settings",
    "LIUDU_EMAIL": "memorymail://",
}
import django
django.setup()
left_out = "outbreak"
""",
}
COLLECT = """
import importlib, json, os, pkgutil, tempfile
from pathlib import Path

import liudu
from liudu.contract import Refusal

folder = tempfile.TemporaryDirectory()
{settings}
needs_torch = {{"liudu.inspect.training"}}  # torch trains, and is not installed to run
for part in pkgutil.iter_modules(liudu.__path__, prefix="liudu."):
    if part.name == "liudu." + left_out:
        continue
    package = importlib.import_module(part.name)
    for module in pkgutil.walk_packages(package.__path__, prefix=part.name + "."):
        if not module.name.endswith("__main__") and module.name not in needs_torch:
            if ".migrations" not in module.name:
                importlib.import_module(module.name)

def kinds(kind=Refusal):
    for subclass in kind.__subclasses__():
        yield subclass
        yield from kinds(subclass)

print(json.dumps(sorted({{
    (f"{{kind.__module__}}.{{kind.__qualname__}}", kind.en, kind.zh)
    for kind in kinds() if kind.__module__.startswith("liudu.")
}})))
"""


def _collected():
    return sorted({tuple(kind) for settings in SETTINGS.values() for kind in _under(settings)})


def _under(settings):
    code = COLLECT.format(settings=settings)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _fields(template):
    """The facts a sentence names; a fact may be a word of the language: ``why`` and ``why_zh``."""
    names = {name for _, name, _, _ in string.Formatter().parse(template) if name}
    return {re.split(r"[.\[]", name)[0].removesuffix("_zh").removesuffix("_en") for name in names}


def _chinese(text):
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


KINDS = [pytest.param(en, zh, id=name.removeprefix("liudu.")) for name, en, zh in _collected()]


@pytest.mark.parametrize(("en", "zh"), KINDS)
def test_a_refusal_names_the_same_facts_in_both_languages(en, zh):
    assert _fields(en) == _fields(zh)


@pytest.mark.parametrize(("en", "zh"), KINDS)
def test_a_refusal_is_written_in_chinese_and_in_english(en, zh):
    # A sentence may be all facts: then one of them is a word of the language.
    assert _chinese(zh) or "_zh}" in zh or not re.sub(r"\{\w+\}", "", zh).strip()
    # Words that a person is to write into a Chinese list are quoted as they are.
    assert not _chinese(re.sub(r"“[^”]*”", "", en))


def test_there_are_refusals_to_look_at():
    assert len(KINDS) > 100
