"""Small drawings that stand in a line of text: geometry and words, no library."""

import math
from collections.abc import Callable
from typing import Final

import attrs

from liudu.platform.words import language
from liudu.trial.verdict import figure, sign

LEFT: Final = 4.0
WIDTH: Final = 212.0  # of the axis, in units of the drawing
RATIO_UNITS: Final = ("%", "ratio")


@attrs.frozen(kw_only=True)
class Interval:
    """An interval against its limit, ready to be drawn 220 by 28.

    Attributes
    ----------
    bar_x, bar_width, point_x, limit_x, kept_x, kept_width
        In units of the drawing; None or 0 where there is nothing to draw.
    answer
        ``proved``, ``refuted`` or ``not_yet``.
    text, alt
        The same in words, short and whole.

    """

    bar_x: float
    bar_width: float
    point_x: float | None
    limit_x: float | None
    kept_x: float
    kept_width: float
    answer: str
    text: str
    alt: str


def interval(
    *,
    low: float | None,
    high: float | None,
    value: float | None,
    limit: float | None,
    op: str,
    unit: str,
    answer: str = "",
) -> Interval | None:
    """Return the drawing of an interval, or None where nothing is known.

    Parameters
    ----------
    low, high, value, limit
        In the same unit; ratios between 0 and 1 with the unit ``%``. An open end is None.
    op
        ``<``, ``<=``, ``>`` or ``>=``: on which side of the limit the promise is kept.
    answer
        What the verdict says; worked out from the interval where it is empty.

    """
    known = [each for each in (low, high, value, limit) if each is not None]
    if not known or not all(math.isfinite(each) for each in known):
        return None
    ratio = unit in RATIO_UNITS
    start, end = _domain(known, ratio=ratio)
    place = _placer(start=start, end=end)
    bar_from, bar_to = place(start if low is None else low), place(end if high is None else high)
    bounded = low is not None or high is not None
    limit_x = None if limit is None else place(limit)
    kept_from, kept_to = _kept(limit_x, op=op)
    return Interval(
        bar_x=bar_from,
        bar_width=round(max(bar_to - bar_from, 2.0), 1) if bounded else 0.0,
        point_x=None if value is None else place(value),
        limit_x=limit_x,
        kept_x=kept_from,
        kept_width=round(kept_to - kept_from, 1),
        answer=answer or _answer(low=low, high=high, limit=limit, op=op),
        text=_text(low=low, high=high, value=value, ratio=ratio, unit=unit),
        alt=_alt(low=low, high=high, value=value, limit=limit, op=op, unit=unit),
    )


def _domain(known: list[float], *, ratio: bool) -> tuple[float, float]:
    least, most = min(known), max(known)
    room = (most - least) * 0.15 or abs(most) * 0.15 or 0.5
    start, end = least - room, most + room
    if least >= 0:
        start = max(start, 0.0)
    return start, min(end, 1.0) if ratio and most <= 1 else end


def _placer(*, start: float, end: float) -> Callable[[float], float]:
    def place(value: float) -> float:
        share = (value - start) / (end - start)
        return round(LEFT + WIDTH * min(max(share, 0.0), 1.0), 1)

    return place


def _kept(limit_x: float | None, *, op: str) -> tuple[float, float]:
    if limit_x is None:
        return LEFT, LEFT
    return (LEFT, limit_x) if op.startswith("<") else (limit_x, LEFT + WIDTH)


def _answer(*, low: float | None, high: float | None, limit: float | None, op: str) -> str:
    if limit is None:
        return "not_yet"
    better, worse = (high, low) if op.startswith("<") else (low, high)
    if better is not None and _keeps(better, limit=limit, op=op):
        return "proved"
    return "refuted" if worse is not None and not _keeps(worse, limit=limit, op=op) else "not_yet"


def _keeps(value: float, *, limit: float, op: str) -> bool:
    return {"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}[op]


def _text(
    *, low: float | None, high: float | None, value: float | None, ratio: bool, unit: str
) -> str:
    def say(given: float | None, *, up: bool | None = None) -> str:
        if given is None:
            return "…"
        return figure(given, ratio=ratio, up=up) + ("" if ratio or not unit else f" {unit}")

    ends = f"{say(low, up=False)} – {say(high, up=True)}" if (low, high) != (None, None) else ""
    if value is None:
        return ends
    return f"{say(value)} ({ends})" if ends else say(value)


def _alt(
    *,
    low: float | None,
    high: float | None,
    value: float | None,
    limit: float | None,
    op: str,
    unit: str,
) -> str:
    ratio = unit in RATIO_UNITS
    measured = _text(low=low, high=high, value=value, ratio=ratio, unit=unit)
    zh = language() == "zh"
    words = f"实测 {measured}" if zh else f"Measured {measured}"
    if limit is None:
        return words
    wanted = f"{sign(op)} {figure(limit, ratio=ratio)}"
    return f"{words}，承诺 {wanted}" if zh else f"{words}, promised {wanted}"
