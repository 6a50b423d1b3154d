"""Facts: what they are called, who holds them, how they are written and kept."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar
from unicodedata import normalize

import attrs

from liudu.contract import Language, Refusal
from liudu.rules._kind import (
    COUNT_MAX,
    DAY_MAX,
    DAY_MIN,
    MONEY_MAX_FEN,
    MONEY_UNITS,
    RATE_PLACES,
    Kind,
    Type,
    day_number,
    day_of,
)
from liudu.rules._source import Node, PackError, Scalar

TRUE_WORDS = frozenset({"true", "1", "是", "t", "真", "yes"})
FALSE_WORDS = frozenset({"false", "0", "否", "f", "假", "no"})
# 1.2E+05 is refused: Excel writes so what it has rounded. 1,5 is no 15.
WRITTEN = re.compile(r"[-+]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})\Z")
GROUPED = re.compile(r"[-+]?[0-9]{1,3}(,[0-9]{3}){1,9}(\.[0-9]{1,30})?\Z")
MAGNITUDE_MAX = 40
PLACES_MAX = 12
VALID_DAYS_MAX = 36_525  # a hundred years
T = TypeVar("T")


class BadFactValueError(Refusal):
    """A value that the fact cannot have."""

    en = "{fact}: {value!r} is not {wanted_en}."
    zh = "{fact}：{value!r} 不是{wanted_zh}。"


class FactOutOfRangeError(Refusal):
    """A value outside the declared range of a fact."""

    en = "{fact}: {value} is outside {minimum_en} to {maximum_en}; correct it, or declare another min or max in the pack."  # noqa: E501
    zh = "{fact}：{value} 超出 {minimum} 至 {maximum}；请更正，或在政策包中声明新的 min、max。"


class BadRangeError(PackError):
    """A range that is turned round."""

    en = "{place}: {low} comes after {high}: exchange them."
    zh = "{place}：{low} 晚于或大于 {high}：请对调。"


class BadLimitError(PackError):
    """A `min` or `max` that the fact cannot have."""

    en = "{place}: {problem_en}"
    zh = "{place}：{problem_zh}"


class BadUnitError(PackError):
    """A unit that this kind does not have."""

    en = "{place}: {unit} is not a unit of {kind}: {known}."
    zh = "{place}：{unit} 不是 {kind} 的单位：{known}。"


@attrs.frozen
class Words:
    """A text in Chinese and in English; the English may be missing and is then the Chinese."""

    zh: str
    en: str = ""

    def say(self, language: Language) -> str:
        """Return the text in one language."""
        return self.en if language == "en" and self.en else self.zh


def read_words(node: Node) -> Words:
    """Return a text that is written as one string or as ``{zh: …, en: …}``."""
    if node.is_mapping:
        fields = node.fields(needed="zh", optional="en")
        return Words(fields["zh"].text(), fields["en"].text() if "en" in fields else "")
    return Words(node.text())


@attrs.frozen(kw_only=True)
class Fact:
    """Something that is known, or not, of a subject.

    Attributes
    ----------
    name, type
        How rules call it and what it is.
    label
        What people call it.
    bureau
        Who holds it; empty if only the subject can tell.
    document
        The document that proves it, a key of the pack's documents, or empty.
    question
        What to ask the subject, if it may be asked.
    valid_days
        How long an observation holds; None for ever.
    scale
        Smallest units in one written unit: 100 for money written in yuan.
    denominator
        10**places for a rate, else 1.
    minimum, maximum
        The range, in the encoding.
    labels_en
        The labels of an enumeration in English, in the same order; empty if there are none.

    """

    name: str
    type: Type
    label: Words
    bureau: str = ""
    document: str = ""
    question: Words | None = None
    valid_days: int | None = None
    scale: int = 1
    denominator: int = 1
    minimum: int = 0
    maximum: int = 1
    labels_en: tuple[str, ...] = ()
    node: Node | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def has_source(self) -> bool:
        """Whether somebody can supply it."""
        return bool(self.bureau or self.question)

    def encode(self, value: object) -> int:
        """Return a Python value in the fact's encoding.

        Raises
        ------
        BadFactValueError, FactOutOfRangeError

        """
        number = self._number(value)
        if not self.minimum <= number <= self.maximum:
            raise FactOutOfRangeError(
                fact=self.name,
                value=value,
                minimum=self.show(self.minimum),
                maximum=self.show(self.maximum),
                minimum_en=self.show(self.minimum, "en"),
                maximum_en=self.show(self.maximum, "en"),
            )
        return number

    def _number(self, value: object) -> int:
        kind = self.type.kind
        if kind is Kind.BOOL and isinstance(value, bool):
            return int(value)
        if kind is Kind.DATE and isinstance(value, date):
            return day_number(value)
        if kind is Kind.ENUM and value in self.type.labels:
            return self.type.labels.index(str(value))
        numeric = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if numeric and kind in (Kind.COUNT, Kind.MONEY, Kind.RATE) and _is_near(value):
            scaled = Fraction(str(value)) * self.scale * self.denominator
            if scaled.denominator == 1:
                return scaled.numerator
        raise self._bad(value)

    def read(self, text: str) -> int:
        """Return a written value in the fact's encoding; raises as `encode` does."""
        return self.encode(self._parsed(text.strip()))

    def _parsed(self, text: str) -> object:
        kind = self.type.kind
        if kind is Kind.ENUM:
            english = text in self.labels_en and text not in self.type.labels
            return self.type.labels[self.labels_en.index(text)] if english else text
        if kind is Kind.BOOL:
            word = text.lower()
            if word in TRUE_WORDS or word in FALSE_WORDS:
                return word in TRUE_WORDS
            raise self._bad(text)
        if kind is Kind.DATE:
            try:
                return date.fromisoformat(_iso(text))
            except ValueError as error:
                raise self._bad(text) from error
        plain = text if text.isascii() else normalize("NFKC", text)  # １２ is 12
        if kind is Kind.MONEY and GROUPED.match(plain):
            plain = plain.replace(",", "")
        if not WRITTEN.match(plain):
            raise self._bad(text)
        return Decimal(plain)

    def _bad(self, value: object) -> BadFactValueError:
        unit = {"fen": "分", "yuan": "元", "wan": "万元", "": ""}
        name = next((key for key, fen in MONEY_UNITS.items() if fen == self.scale), "")
        labels = "/".join(self.type.labels)
        places = len(str(self.denominator)) - 1
        en, zh = {
            Kind.BOOL: ("true or false", " true 或 false（是、否）"),
            Kind.COUNT: (f"a whole number of {self.type.unit or 'pieces'}", "整数"),
            Kind.MONEY: (f"an amount in {name}, whole fen", f"以{unit[name]}计、精确到分的金额"),
            Kind.RATE: (f"a rate with at most {places} decimals", f"至多 {places} 位小数的比例"),
            Kind.DATE: ("a day, YYYY-MM-DD", "日期（年-月-日）"),
            Kind.ENUM: (f"one of {labels}", f" {labels} 之一"),
        }[self.type.kind]
        shown = value if isinstance(value, str) else "null" if value is None else str(value)
        return BadFactValueError(fact=self.name, value=shown, wanted_en=en, wanted_zh=zh)

    def show(self, number: int, language: Language = "zh") -> str:
        """Return an encoded value as people write it."""
        kind = self.type.kind
        if kind is Kind.BOOL:
            return {"zh": "否是", "en": ("no", "yes")}[language][int(number)]
        if kind is Kind.DATE:
            return day_of(number).isoformat()
        if kind is Kind.ENUM:
            english = language == "en" and self.labels_en
            return (self.labels_en if english else self.type.labels)[int(number)]
        if kind is Kind.MONEY:
            return money_text(int(number), language)
        return str((Decimal(int(number)) / self.denominator).normalize() + 0)


def _is_near(value: object) -> bool:
    """Whether a number is finite and not so large that it costs time to say so."""
    if isinstance(value, Decimal):
        return value.is_finite() and abs(value.adjusted()) <= MAGNITUDE_MAX
    return isinstance(value, int) and value.bit_length() <= 4 * MAGNITUDE_MAX


def _iso(text: str) -> str:
    """Return 2026/3/7 or 20260307 as 2026-03-07."""
    pieces = text.replace("/", "-").replace(".", "-").split("-")
    if len(pieces) == 3:  # noqa: PLR2004 - year, month, day
        return "-".join((pieces[0].zfill(4), pieces[1].zfill(2), pieces[2].zfill(2)))
    return text


def money_text(amount_fen: int, language: Language) -> str:
    """Return an amount in yuan, with fen only if there are any."""
    yuan, fen = divmod(abs(amount_fen), 100)
    number = f"{yuan:,}.{fen:02d}" if fen else f"{yuan:,}"
    sign = "-" if amount_fen < 0 else ""
    return f"{sign}{number} 元" if language == "zh" else f"{sign}¥{number}"


def read_type(fields: Mapping[str, Node]) -> Type:
    """Return the type that ``type``, ``unit`` and ``values`` declare."""
    node = fields["type"]
    word = node.text()
    kinds = [kind for kind in Kind if kind is not Kind.LITERAL]
    if word not in kinds:
        raise node.wrong(en="one of " + ", ".join(kinds), zh="以下之一：" + "、".join(kinds))
    kind = Kind(word)
    unit = fields["unit"].text() if "unit" in fields and kind is Kind.COUNT else None
    if kind is Kind.ENUM and "values" not in fields:
        raise node.wrong(en="given with values: [a, b]", zh="枚举，须列出 values: [甲, 乙]")
    labels = [item.text() for item in fields["values"].items()] if kind is Kind.ENUM else []
    if kind is Kind.ENUM and not labels:
        raise fields["values"].wrong(en="a list with labels", zh="含选项的列表")
    if len(set(labels)) != len(labels):
        raise fields["values"].wrong(en="a list without repetitions", zh="不重复的列表")
    return Type(kind, unit, tuple(labels))


def _english_labels(fields: Mapping[str, Node], kind: Type) -> tuple[str, ...]:
    """Return the labels in English, one for each label and no two alike."""
    if "values_en" not in fields:
        return ()
    node, count = fields["values_en"], len(kind.labels)
    labels = tuple(item.text() for item in node.items())
    if len(labels) != count or len(set(labels)) != count:
        raise node.wrong(
            en=f"a list of {count} labels, one for each of `values` and no two alike",
            zh=f"与 values 一一对应、互不重复的 {count} 个选项",
        )
    return labels


def money_scale(fields: Mapping[str, Node], kind: Kind) -> int:
    """Return the fen in one written unit; money must say its unit."""
    if kind is not Kind.MONEY:
        return 1
    if "unit" not in fields:
        node = fields["type"]
        raise node.wrong(
            en="given with unit: yuan, wan or fen", zh="金额，须写明 unit: yuan、wan 或 fen"
        )
    unit = fields["unit"].text()
    if unit not in MONEY_UNITS:
        known = ", ".join(MONEY_UNITS)
        raise BadUnitError(place=fields["unit"].place, unit=unit, kind=kind, known=known)
    return MONEY_UNITS[unit]


def read_fact(name: str, node: Node) -> Fact:
    """Return the fact that a node of ``facts`` declares."""
    fields = node.fields(
        needed="type label",
        optional="unit values values_en bureau document ask valid_days min max places",
    )
    kind = read_type(fields)
    places = _whole_in(fields, "places", 0, PLACES_MAX, RATE_PLACES)
    fact = Fact(
        name=name,
        type=kind,
        label=read_words(fields["label"]),
        bureau=fields["bureau"].text() if "bureau" in fields else "",
        document=fields["document"].text() if "document" in fields else "",
        question=read_words(fields["ask"]) if "ask" in fields else None,
        valid_days=_whole_in(fields, "valid_days", 0, VALID_DAYS_MAX, None),
        scale=money_scale(fields, kind.kind),
        denominator=10**places if kind.kind is Kind.RATE else 1,
        minimum=-(2**62),
        maximum=2**62,
        labels_en=_english_labels(fields, kind),
        node=node,
    )
    return _with_range(fact, fields)


def _with_range(fact: Fact, fields: Mapping[str, Node]) -> Fact:
    low, high = {
        Kind.BOOL: (0, 1),
        Kind.COUNT: (0, COUNT_MAX),
        Kind.MONEY: (0, MONEY_MAX_FEN),
        Kind.RATE: (0, fact.denominator),
        Kind.DATE: (DAY_MIN, DAY_MAX),
        Kind.ENUM: (0, len(fact.type.labels) - 1),
    }[fact.type.kind]
    low = _limit(fact, fields["min"]) if "min" in fields else low
    high = _limit(fact, fields["max"]) if "max" in fields else high
    if low > high:
        node = fields.get("min") or fields["max"]
        raise BadRangeError(place=node.place, low=fact.show(low), high=fact.show(high))
    return attrs.evolve(fact, minimum=low, maximum=high)


def _limit(fact: Fact, node: Node) -> int:
    """Return a `min` or `max` in the fact's encoding."""
    try:
        return fact.encode(written_value(fact, node))
    except (BadFactValueError, FactOutOfRangeError) as error:
        raise BadLimitError(
            place=node.place, problem_en=error.say("en"), problem_zh=error.say("zh")
        ) from error


def written_value(fact: Fact, node: Node) -> Scalar:
    """Return what a pack writes as a value of a fact; a day may stand in quotes."""
    if fact.type.kind is Kind.DATE and node.value() is not None:
        return node.day()
    numeric = fact.type.kind in (Kind.COUNT, Kind.MONEY, Kind.RATE)
    return node.numeric() if numeric else node.value()


def _whole_in(fields: Mapping[str, Node], key: str, low: int, high: int, otherwise: T) -> int | T:
    """Return a whole number of a range, or what holds where it is not given."""
    if key not in fields:
        return otherwise
    number = fields[key].whole()
    if not low <= number <= high:
        raise fields[key].wrong(
            en=f"a whole number from {low} to {high}", zh=f" {low} 至 {high} 的整数"
        )
    return number
