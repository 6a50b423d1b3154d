"""What is left of the other language on a page, besides what people and sources wrote.

Everything that people, lists and sources wrote lies in the database: it may stand on a page of
either language. Whatever else is Chinese on an English page, or an English sentence on a Chinese
one, was forgotten by who wrote the page. So was Chinese that has its English beside it.
"""

import json
import re
import sqlite3
from pathlib import Path

import attrs

HAN = re.compile(r"[\u3400-\u9fff]")
RUN = re.compile(r"[\u3400-\u9fff][\u3000-\u303f\u3400-\u9fff\uff00-\uffef“”‘’…·—\w/+.-]*")
SENTENCE = re.compile(r"[A-Za-z][a-z’']+(?: [A-Za-z’'-]+){3,}")
PIECE_MIN = 4  # shorter pieces are found inside longer ones by chance
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
    """What people and sources wrote: each text, all in one, and what has a translation."""

    texts: frozenset
    whole: str
    translated: frozenset

    def holds(self, text):
        """Return whether somebody wrote this."""
        return text in self.texts or (len(text) >= PIECE_MIN and text in self.whole)


def written_in(home):
    """Return what the database of a home holds as texts."""
    found, translated = set(), set()
    with sqlite3.connect(next(Path(home).glob("*.sqlite3"))) as base:
        tables = [
            name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        for table in tables:
            rows = base.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - names of our own tables
            columns = [column[0] for column in rows.description]
            for row in rows:
                values = dict(zip(columns, row, strict=True))
                for name, value in values.items():
                    if isinstance(value, str) and not name.endswith("_zh"):
                        found |= _leaves(value)
                        if values.get(f"{name}_en"):
                            translated.add(_plain(value))
    base.close()
    return Written(frozenset(found), "\n".join(sorted(found)), frozenset(translated))


def _leaves(text):
    if text[:1] not in "[{":
        return {_plain(text)}
    try:
        read = json.loads(text)
    except ValueError:
        return {_plain(text)}
    return {_plain(each) for each in _strings(read)}


def _strings(read):
    if isinstance(read, str):
        yield read
    elif isinstance(read, dict):
        for name, each in read.items():
            if name != "zh" and not name.endswith("_zh"):
                yield from _strings(each)
    elif isinstance(read, list):
        for each in read:
            yield from _strings(each)


def _plain(text):
    return " ".join(text.split())


def leftovers(texts, *, language, written):
    """Return what does not belong on a page of a language."""
    found = {_plain(text) for text in texts}
    if language == "zh":
        return sorted(text for text in found if SENTENCE.search(text) and not written.holds(text))
    return sorted(
        text
        for text in found
        if HAN.search(text)
        and (
            text in written.translated
            or not (written.holds(text) or all(map(written.holds, RUN.findall(text))))
        )
    )
