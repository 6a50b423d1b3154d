"""Facts and parameters: what kind of thing they are, and in which unit."""

from datetime import date
from enum import StrEnum

import attrs

from liudu.contract import Language

YUAN_FEN = 100
WAN_FEN = 10_000 * YUAN_FEN
MONEY_UNITS = {"fen": 1, "yuan": YUAN_FEN, "wan": WAN_FEN}
MONEY_MAX_FEN = 10**14  # a trillion yuan: more than a city spends in a year
COUNT_MAX = 10**9
RATE_PLACES = 4
EPOCH = date(1970, 1, 1).toordinal()
DAY_MIN = date(1900, 1, 1).toordinal() - EPOCH
DAY_MAX = date(2199, 12, 31).toordinal() - EPOCH


class Kind(StrEnum):
    """What a fact, a parameter or an expression is."""

    BOOL = "bool"
    COUNT = "count"
    MONEY = "money"
    RATE = "rate"
    DATE = "date"
    ENUM = "enum"
    LITERAL = "number"  # a bare number; it takes the unit of what stands beside it


@attrs.frozen
class Type:
    """A kind with its unit (a count) or its labels (an enumeration)."""

    kind: Kind
    unit: str | None = None
    labels: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind is Kind.COUNT and self.unit:
            return f"count of {self.unit}"
        if self.kind is Kind.ENUM:
            return f"one of {'/'.join(self.labels)}"
        return {"money": "money (fen)", "number": "a bare number"}.get(self.kind, str(self.kind))

    def say(self, language: Language) -> str:
        """Return what it is called."""
        if language == "en":
            return str(self)
        detail = self.unit or "/".join(self.labels)
        return CHINESE[self.kind] + (f"（{detail}）" if detail else "")


CHINESE = {
    Kind.BOOL: "是否",
    Kind.COUNT: "数量",
    Kind.MONEY: "金额",
    Kind.RATE: "比例",
    Kind.DATE: "日期",
    Kind.ENUM: "选项",
    Kind.LITERAL: "不带单位的数",
}


def day_number(day: date) -> int:
    """Return the days since 1970-01-01."""
    return day.toordinal() - EPOCH


def day_of(number: int) -> date:
    """Return the day of a number of days since 1970-01-01."""
    return date.fromordinal(int(number) + EPOCH)
