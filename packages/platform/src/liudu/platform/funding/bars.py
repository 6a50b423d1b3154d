"""Bars of amounts beside their names: one scale, one unit, zero where it belongs."""

from collections.abc import Sequence
from math import floor, log10
from typing import Final

import attrs

from liudu.platform.words import language

WIDTH: Final = 1000.0  # of a row's drawing; it is stretched to the column
YUAN_FEN: Final = 100
UNITS: Final = {  # in which people speak of large amounts
    "zh": ((100_000_000, "亿元"), (10_000, "万元"), (1, "元")),
    "en": ((1_000_000_000, "¥bn"), (1_000_000, "¥M"), (1_000, "¥k"), (1, "¥")),
}
ROUND_STEPS: Final = (1, 2, 2.5, 5, 10)


@attrs.frozen(kw_only=True)
class Scale:
    """From where to where a chart reaches, and in which unit its figures are.

    Attributes
    ----------
    low_fen, high_fen
        The ends of the axis, round numbers of the unit; zero is always inside.

    """

    unit: str
    unit_fen: int
    low_fen: float
    high_fen: float

    def place(self, amount_fen: float) -> float:
        """Return where an amount stands on the axis, from 0 to `WIDTH`."""
        return WIDTH * (amount_fen - self.low_fen) / (self.high_fen - self.low_fen)

    def text(self, amount_fen: float) -> str:
        """Return an amount in the axis's unit, without the unit."""
        return f"{amount_fen / self.unit_fen:,.4g}"

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The marks of the axis: place in percent, and figure."""
        marks = {self.low_fen, 0.0, self.high_fen}
        if self.low_fen == 0:
            marks.add(self.high_fen / 2)
        return [(self.place(one) / WIDTH * 100, self.text(one)) for one in sorted(marks)]


@attrs.frozen(kw_only=True)
class Bar:
    """One row of a chart: its rectangle on a drawing that is `WIDTH` wide, and its figure."""

    x: float
    width: float
    more: bool
    text: str


def scale_of(amounts_fen: Sequence[int]) -> Scale:
    """Return the scale that fits some amounts, in the reader's units; zero is always on it."""
    most = max((abs(one) for one in amounts_fen), default=0)
    units = [(size * YUAN_FEN, name) for size, name in UNITS[language()]]
    unit_fen, unit = next((one for one in units if most >= one[0]), units[-1])
    low = 0.0 - _round_up(-min([0, *amounts_fen]), unit_fen)
    high = _round_up(max([0, *amounts_fen]), unit_fen)
    if low == high == 0:
        high = float(unit_fen)
    return Scale(unit=unit, unit_fen=unit_fen, low_fen=low, high_fen=high)


def _round_up(amount_fen: int, unit_fen: int) -> float:
    """Return the next round number of units: 1, 2, 2.5 or 5 times a power of ten."""
    if amount_fen <= 0:
        return 0.0
    units = amount_fen / unit_fen
    power = 10.0 ** floor(log10(units))
    step = next(one for one in ROUND_STEPS if units <= one * power * (1 + 1e-12))
    return step * power * unit_fen


def bar_of(scale: Scale, amount_fen: int) -> Bar:
    """Return the bar of an amount, from zero to it."""
    zero, end = scale.place(0), scale.place(amount_fen)
    return Bar(
        x=round(min(zero, end), 2),
        width=round(abs(end - zero), 2),
        more=amount_fen >= 0,
        text=scale.text(amount_fen),
    )
