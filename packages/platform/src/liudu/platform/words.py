"""Every sentence in both languages, side by side where it is used."""

from typing import Any, cast

import attrs
from django.utils.functional import lazystr
from django.utils.translation import get_language

from liudu.contract import Language


def language() -> Language:
    """Return the language of the reader whom we are answering; Chinese first."""
    return "en" if (get_language() or "").startswith("en") else "zh"


@attrs.frozen
class Words:
    """One sentence in Chinese and in English.

    Attributes
    ----------
    zh, en
        The sentence; both are required, so that no page is half translated.

    """

    zh: str
    en: str

    def __str__(self) -> str:
        return self.say(language())

    def say(self, wanted: Language) -> str:
        """Return the sentence in one language."""
        return self.en if wanted == "en" else self.zh


def both(zh: str, en: str) -> Any:  # noqa: ANN401 - Django's lazy text has no usable type
    """Return text for labels, choices and messages that speaks the reader's language when shown."""
    return cast("Any", lazystr(Words(zh, en)))
