"""Figures as people type them, read exactly, and said again as people read them. No Django."""

import re
import unicodedata
from decimal import Decimal
from typing import Final

from liudu.contract import Refusal

TYPED_LENGTH_MAX: Final = 40
BUDGET_FEN_MAX: Final = 10**13  # a hundred billion yuan: more is a slip of the pen
NUMBER_MAX: Final = Decimal(10) ** 12
FEN: Final = {"元": Decimal(100), "万元": Decimal(10) ** 6, "亿元": Decimal(10) ** 10}
HOURS: Final = {"hour": 1, "day": 24, "week": 168}

_PARTS: Final = {
    "%": Decimal("0.01"),
    "百分之": Decimal("0.01"),
    "‰": Decimal("0.001"),
    "千分之": Decimal("0.001"),
    "万分之": Decimal("0.0001"),
    "ppm": Decimal("0.000001"),
    "百万分之": Decimal("0.000001"),
}
_DIGIT: Final = dict(zip("零一二三四五六七八九", "0123456789", strict=True)) | {
    "〇": "0",
    "两": "2",
    "十": "10",
}
_NUMBER: Final = r"(\d+(?:\.\d+)?|\.\d+|\d+(?:\.\d+)?e-?\d{1,2})"
_SHARE: Final = re.compile(rf"(百分之|千分之|百万分之|万分之)?{_NUMBER}(%|‰|ppm)?")
_GROUPED: Final = re.compile(r"(\d{1,3})((?:,\d{3})+)(\.\d+)?")
_AMOUNT: Final = re.compile(rf"{_NUMBER}(千|万|百万|亿)?")
_MONEY: Final = re.compile(rf"[¥￥]?(?:rmb|人民币)?{_NUMBER}(元|万元?|亿元?)?整?")
_TIMES: Final = {"": 1, "千": 10**3, "万": 10**4, "百万": 10**6, "亿": 10**8}


class NotAShareError(Refusal):
    """Text that is no percentage."""

    en = "“{value}” is not a percentage: write it like 0.2 % or 0.002."
    zh = "“{value}”不是百分比。请写成 0.2 % 或 0.002 这样。"


class BareNumberError(Refusal):
    """A number of one or more without a percent sign: nobody knows what is meant."""

    en = "“{value}” has no percent sign: if you mean {value} %, write the sign."
    zh = "“{value}”没有写百分号。如果是 {value} %，请把百分号写上。"


class ShareTooLargeError(Refusal):
    """More than everything."""

    en = "“{value}” is more than 100 %: a share lies between 0 and 100 %."
    zh = "“{value}”超过了 100 %。比例应在 0 到 100 % 之间。"


class NotANumberError(Refusal):
    """Text that is no number, or not one above zero."""

    en = "“{value}” is not a number above zero: write it like 6000 or 6,000."
    zh = "“{value}”不是大于零的数。请写成 6000 或 6,000 这样。"


class NumberTooLargeError(Refusal):
    """A number beyond anything that is made."""

    en = "“{value}” is too large: at most {limit} is possible here."
    zh = "“{value}”太大了：这里最多 {limit}。"


class NotMoneyError(Refusal):
    """Text that is no amount."""

    en = "“{value}” is not an amount of money: write it like 50 or 1,200.50."
    zh = "“{value}”不是金额。请写成 50 或 1,200.50 这样，单位在右边选。"


class TooFineError(Refusal):
    """Less than a fen."""

    en = "“{value}” has parts of a fen: an amount is exact to the fen (0.01 yuan)."
    zh = "“{value}”不足一分的部分无法记账。金额最细到分（0.01 元）。"


class BudgetTooLargeError(Refusal):
    """An amount that is surely a slip of the pen."""

    en = "“{value}” is more than ¥100,000,000,000: check the unit."
    zh = "“{value}”超过了 1000 亿元，请核对单位。"


def share_of(typed: str) -> Decimal:
    """Return the share that was typed, exactly, in [0, 1].

    ``0.2 %``, ``0.2%``, ``０．２％``, ``2‰``, ``千分之二`` and ``0.002`` are one.

    Raises
    ------
    NotAShareError, BareNumberError, ShareTooLargeError
        Text, a number from 1 without a sign, more than everything.

    """
    plain = _plain(typed)
    match = _SHARE.fullmatch(_numerals(plain))
    if not match or (match[1] and match[3]):
        raise NotAShareError(value=_quoted(typed))
    part = match[1] or match[3]
    value = Decimal(match[2])
    if part is None and value >= 1:
        raise BareNumberError(value=_quoted(typed))
    share = value * _PARTS[part] if part else value
    if share > 1:
        raise ShareTooLargeError(value=_quoted(typed))
    return share


def number_of(typed: str) -> Decimal:
    """Return the number above zero that was typed: ``6,000``, ``６０００``, ``1.2万``."""
    match = _AMOUNT.fullmatch(_plain(typed))
    value = Decimal(match[1]) * _TIMES[match[2] or ""] if match else Decimal(0)
    if value <= 0:
        raise NotANumberError(value=_quoted(typed))
    if value > NUMBER_MAX:
        raise NumberTooLargeError(value=_quoted(typed), limit=f"{NUMBER_MAX:,.0f}")
    return value


def fen_of(typed: str, *, unit: str) -> int:
    """Return an amount in whole fen; a unit in the text wins over the chosen one.

    Parameters
    ----------
    typed
        ``50``, ``1,200.50``, ``¥50``, ``50万``; zero is an amount.
    unit
        ``元``, ``万元`` or ``亿元``.

    """
    match = _MONEY.fullmatch(_plain(typed))
    if not match:
        raise NotMoneyError(value=_quoted(typed))
    named = (match[2] or unit).removesuffix("元") + "元"
    fen = Decimal(match[1]) * FEN[named]
    if fen > BUDGET_FEN_MAX:
        raise BudgetTooLargeError(value=_quoted(typed))
    if fen != fen.to_integral_value():
        raise TooFineError(value=_quoted(typed))
    return int(fen)


def per_hour(pieces: Decimal, *, per: str) -> float:
    """Return a pace per hour; days have 24 hours, weeks 168."""
    return float(pieces / HOURS[per])


def shown_share(share: float) -> str:
    """Return a share as a percentage with every digit that it has: 0.002 is ``0.2 %``."""
    return f"{_digits(Decimal(repr(float(share))) * 100)} %"


def shown_number(value: float) -> str:
    """Return a number with its thousands apart and every digit that it has."""
    whole, _, part = _digits(Decimal(f"{value:.12g}")).partition(".")
    return f"{int(whole):,}" + (f".{part}" if part else "")


def shown_pace(pieces_per_h: float, *, per: str) -> str:
    """Return a pace per hour, day or week as it was typed."""
    return shown_number(pieces_per_h * HOURS[per])


def shown_budget(amount_fen: int) -> tuple[str, str]:
    """Return the digits and the unit in which an amount is best typed."""
    unit = "万元" if amount_fen >= FEN["万元"] and amount_fen % 10_000 == 0 else "元"
    return _digits(Decimal(amount_fen) / FEN[unit]), unit


def duration(hours: float) -> tuple[str, str]:
    """Return how long something takes, in Chinese and in English, in the unit that fits."""
    if hours * 60 < 1:
        return "不到 1 分钟", "less than a minute"
    for limit, size, zh, en in (
        (2, 1 / 60, "分钟", "minute"),
        (48, 1, "小时", "hour"),
        (24 * 90, 24, "天", "day"),
        (24 * 365 * 2, 24 * 30.4375, "个月", "month"),
    ):
        if hours < limit:
            return _said(hours / size, zh, en)
    return _said(hours / (24 * 365.25), "年", "year")


def _said(value: float, zh: str, en: str) -> tuple[str, str]:
    text = f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004 - two digits
    return f"约 {text} {zh}", f"about {text} {en}{'' if text == '1' else 's'}"


def _plain(typed: str) -> str:
    """Return typed text with half-width digits and without spaces and thousands marks."""
    text = unicodedata.normalize("NFKC", typed[: TYPED_LENGTH_MAX + 1]).lower()
    text = re.sub(r"\s", "", text).replace("。", ".").replace("﹪", "%")
    if len(text) > TYPED_LENGTH_MAX:
        return ""
    return _GROUPED.sub(lambda found: found[0].replace(",", ""), text)


def _numerals(text: str) -> str:
    return re.sub(r"(?<=分之)[零〇一二两三四五六七八九十]$", lambda one: _DIGIT[one[0]], text)


def _digits(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _quoted(typed: str) -> str:
    text = " ".join(typed.split())
    return text if len(text) <= TYPED_LENGTH_MAX else text[:TYPED_LENGTH_MAX] + "…"
