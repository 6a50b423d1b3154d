"""What is left of the other language on a page, besides what people and sources wrote.

Everything that people, lists and sources wrote lies in the database: it may stand on a page of
either language. Whatever else is Chinese on an English page, or an English sentence on a Chinese
one, was forgotten by who wrote the page. So was Chinese that has its English beside it.
"""

import contextlib
import json
import re
import sqlite3
from pathlib import Path

import attrs

HAN = re.compile(r"[\u3400-\u9fff]")
RUN = re.compile(r"[\u3400-\u9fff]+")
JOINED = re.compile(
    r"\s+[<>=≤≥]+\s+[\d.]*\s*|\s+[·→]\s+|[：:；，、（）()]\s*|\s+[·→]$|^[·→]\s+"
)  # what pages put between data
SENTENCE = re.compile(r"[A-Za-z][a-z’']+(?: [A-Za-z’'-]+){3,}")
PIECE_MIN = 4  # shorter pieces are found inside longer ones by chance
LONG = 1000  # a document, of which pages show words
REVIEWED = {  # Chinese that an English page shows on purpose
    "简体中文",  # the name of a language, in that language
    "苏州工业园区",  # also the name of a bureau, for which no pack has English
    "Budgets such as 80万元 or 50-100万 and days such as 2026-12-31 are understood.",
}
TEXTS = """() => {
  const own = document.documentElement.lang.slice(0, 2);
  const passed = e => e.closest("script, style, code, pre, textarea, noscript, .mono")
    || (e.closest("[lang]") ?? document.documentElement).lang.slice(0, 2) !== own;
  const found = [document.title];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.data.trim();
    if (text && !passed(walk.currentNode.parentElement)) found.push(text);
  }
  for (const name of ["aria-label", "title", "placeholder", "alt", "data-label"])
    for (const e of document.body.querySelectorAll(`[${name}]`))
      if (!passed(e)) found.push(e.getAttribute(name));
  return found;
}"""


@attrs.frozen
class Written:
    """What people and sources wrote.

    Attributes
    ----------
    texts
        Each by itself; of long documents also each word.
    whole
        All of them in one.
    translated
        Names and titles that have their English beside them.

    """

    texts: frozenset
    whole: str
    translated: frozenset

    def holds(self, text):
        """Return whether somebody wrote this, by itself or put together by a page."""
        return self._one(text) or all(
            self._one(part) or all(map(self._one, RUN.findall(part)))
            for part in JOINED.split(text)
            if HAN.search(part)
        )

    def quotes(self, text):
        """Return whether every English sentence in a text was written by somebody."""
        return self._one(text) or all(map(self._one, SENTENCE.findall(text)))

    def _one(self, text):
        return text in self.texts or (len(text) >= PIECE_MIN and text in self.whole)


def written_in(home):
    """Return what the database of a home holds as texts."""
    texts, translated, alone = set(), set(), set()
    with contextlib.closing(sqlite3.connect(next(Path(home).glob("*.sqlite3")))) as base:
        for table, values in _rows(base):
            for name, value in values.items():
                if not isinstance(value, str) or name.endswith("_zh"):
                    continue
                texts |= _leaves(value)
                if values.get(f"{name}_en"):
                    translated.add(_plain(value))
                elif name == "name" and table.startswith("city_"):
                    alone.add(_plain(value))  # the same name, for which no source has English
    return Written(frozenset(texts), "\n".join(sorted(texts)), frozenset(translated - alone))


def _rows(base):
    tables = base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        rows = base.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - names of our own tables
        columns = [column[0] for column in rows.description]
        for row in rows:
            yield table, dict(zip(columns, row, strict=True))


def _leaves(text):
    words = set(RUN.findall(text)) if len(text) > LONG else set()
    if text[:1] in {"[", "{"}:
        with contextlib.suppress(ValueError):
            return words | {_plain(each) for each in _strings(json.loads(text))}
    return words | {_plain(text)}


def _strings(read):
    if isinstance(read, str):
        yield read
    elif isinstance(read, dict):
        for name, each in read.items():
            if name != "zh" and not name.endswith("_zh"):
                yield name
                yield from _strings(each)
    elif isinstance(read, list):
        for each in read:
            yield from _strings(each)


def _plain(text):
    return " ".join(text.split())


def leftovers(texts, *, language, written, typed=""):
    """Return what does not belong on a page of a language, where its reader has typed a query."""
    found = {_plain(text.replace(typed, "") if typed else text) for text in texts}
    if language == "zh":
        wrong = {text for text in found if SENTENCE.search(text) and not written.quotes(text)}
    else:
        chinese = {text for text in found if HAN.search(text)} - REVIEWED
        wrong = {text for text in chinese if text in written.translated or not written.holds(text)}
    return sorted(wrong)
