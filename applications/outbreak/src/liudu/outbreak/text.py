"""One sentence in both languages, and numbers as people read them."""

import attrs

from liudu.contract import Language

TENTH_BELOW = 20.0
SMALLEST = 0.05


@attrs.frozen
class Text:
    """A sentence in Chinese and in English; a name is the same in both."""

    zh: str
    en: str

    def say(self, language: Language) -> str:
        """Return the sentence in one language."""
        return self.zh if language == "zh" else self.en


def same(text: str) -> Text:
    """Return a name or a number, which is the same in both languages."""
    return Text(text, text)


NONE = same("–")


def number(value: float | None) -> str:
    """Return a count or an expected count: one decimal below twenty, a dash for what is unknown."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return "–"
    if 0 < value < SMALLEST:
        return "< 0.1"
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value < TENTH_BELOW else f"{value:,.0f}"


def p_text(value: float | None) -> str:
    """Return a p-value with two figures; below one in a million it says so."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return "–"
    return "< 0.000001" if value < 1e-6 else f"{value:.2g}"  # noqa: PLR2004
