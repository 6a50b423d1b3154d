"""One thing that is wrong, where it is, and what to do about it."""

from dataclasses import dataclass

from liudu.contract._refusal import Language

SHOWN_CHARACTERS_MAX = 60


@dataclass(frozen=True, kw_only=True)  # not attrs: orjson writes dataclasses as they are
class Problem:
    """One broken rule of a file that may break several.

    Attributes
    ----------
    path
        Where it is: a JSON path such as ``$.resources.memory_mib``, or a file name.
    en, zh
        What is wrong, with the value and the limit, and the way out.

    """

    path: str
    en: str
    zh: str

    def say(self, language: Language) -> str:
        """Return the sentence with its place, in one language."""
        colon = "：" if language == "zh" else ": "
        return f"{self.path}{colon}{self.zh if language == 'zh' else self.en}"


def shown(value: object) -> str:
    """Return a value as a sentence may show it: on one line, printable, not endless.

    A solution chooses what its output holds, so the value may try to steer a terminal.
    """
    text = value if isinstance(value, str) else repr(value)
    cut = text[: SHOWN_CHARACTERS_MAX + 1]
    plain = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut)
    return plain if len(plain) <= SHOWN_CHARACTERS_MAX else plain[:SHOWN_CHARACTERS_MAX] + "…"
