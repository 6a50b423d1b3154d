"""Which letters the report's own fonts can show; a PDF for everybody may lack none of them."""

import unicodedata
from functools import cache
from typing import Any

from PIL import ImageFont

from liudu.trial.report.charts import FONTS

MISSING = "〓"  # what Chinese and Japanese typesetters put where they have no type
FACES = ("LiuduSansSC-Regular.otf", "LiuduSansSC-Bold.otf")
NO_LETTER = "\uffff"  # never assigned: every font shows its box for it
SIZE_PX = 32


def printable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value in which every letter that the fonts lack is a visible placeholder."""
    if isinstance(value, str):
        return value if value.isascii() else "".join(map(_shown, value))
    if isinstance(value, dict):
        return {name: printable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [printable(one) for one in value]
    return value


@cache
def _shown(letter: str) -> str:
    if letter.isascii() or letter == "\u200b":
        return letter
    if unicodedata.category(letter) in {"Cf", "Mn", "Me", "Cs", "Cn"}:
        return ""  # joins or varies its neighbours, and shows nothing by itself
    if letter.isspace() or unicodedata.category(letter).startswith("Z"):
        return letter
    return letter if all(_has(face, letter) for face in FACES) else MISSING


def _has(face: str, letter: str) -> bool:
    return _drawn(face, letter) != _drawn(face, NO_LETTER)


@cache
def _font(face: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / face, SIZE_PX, layout_engine=ImageFont.Layout.BASIC)


def _drawn(face: str, letter: str) -> tuple[object, bytes]:
    mask = _font(face).getmask(letter)
    return mask.size, bytes(mask)
