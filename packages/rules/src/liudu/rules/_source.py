"""A YAML file that remembers where everything stands, and none of YAML 1.1's surprises."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import ClassVar

import attrs
import yaml

from liudu.contract import Refusal

Scalar = str | int | Decimal | bool | date | None
WHOLE = re.compile(r"-?(0|[1-9][0-9]*)\Z")
DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+\Z")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}
BOOLEAN_WORDS = frozenset({"yes", "no", "on", "off", "y", "n"})
NUMBER_LIKE = re.compile(
    r"[-+]?(0[0-9_]+|0[xob][0-9a-f_]+|[0-9][0-9_]*(:[0-5]?[0-9])+)\Z", re.IGNORECASE
)
PLAIN_TAGS = frozenset(
    ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)
DEPTH_MAX = 40


@attrs.frozen
class Place:
    """Where something stands in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class PackError(Refusal):
    """Something in a policy pack is wrong; `place` says where."""

    en: ClassVar[str] = "{place}: not a policy pack."
    zh: ClassVar[str] = "{place}：不是政策包。"


class BadYamlError(PackError):
    """The file is not YAML."""

    en = "{place}: this is not YAML: {problem}."
    zh = "{place}：不是合法的 YAML：{problem}。"


class BooleanWordError(PackError):
    """A bare yes, no, on or off: YAML 1.1 reads it as a boolean, YAML 1.2 as a word."""

    en = '{place}: {word} is read as true or false by some programs: write true or false, or "{word}" in quotes.'  # noqa: E501
    zh = '{place}：{word} 会被一些程序读成真或假：请写 true 或 false；若是文字，请加引号写成 "{word}"。'  # noqa: E501


class AmbiguousNumberError(PackError):
    """A number that programs read differently: 010, 0x1F, 1:30."""

    en = '{place}: programs read {word} as different numbers: write it in decimals, or "{word}" in quotes if it is a name.'  # noqa: E501
    zh = '{place}：不同程序会把 {word} 读成不同的数：请写普通十进制数；若是名称，请加引号写成 "{word}"。'  # noqa: E501


class DuplicateKeyError(PackError):
    """A key stands twice in one mapping, where YAML would silently keep the last."""

    en = "{place}: {key} stands twice here (first in line {line_first}): keep one."
    zh = "{place}：此处 {key} 写了两次（第一次在第 {line_first} 行）：请只留一个。"


class WrongShapeError(PackError):
    """A mapping, a list or a value stands where another is needed."""

    en = "{place}: {what} must be {wanted_en}."
    zh = "{place}：{what} 应为{wanted_zh}。"


class UnknownKeyError(PackError):
    """A key that means nothing here."""

    en = "{place}: {key} means nothing here; known: {known}."
    zh = "{place}：此处不认识 {key}；可用的有：{known}。"


class MissingKeyError(PackError):
    """A key that is needed is not there."""

    en = "{place}: {what} needs {key}."
    zh = "{place}：{what} 缺少 {key}。"


class BadDateError(PackError):
    """A day that the calendar does not have."""

    en = "{place}: {word} is not a day of the calendar: write YYYY-MM-DD."
    zh = "{place}：{word} 不是日历上的日期：请写 年-月-日，如 2026-01-01。"


@attrs.frozen(eq=False)
class Source:
    """A file's name and text."""

    file: str
    text: str

    def place(self, mark: yaml.Mark) -> Place:
        """Return the place of a mark of the YAML parser."""
        return Place(self.file, mark.line + 1, mark.column + 1)


@attrs.frozen(eq=False)
class Node:
    """One piece of a YAML file with its place.

    Reading a piece as what it must be is the reader's wish: `mapping`, `items`, `text` and the
    others raise `WrongShapeError` with the place where it is something else.
    """

    source: Source
    raw: yaml.Node
    name: str

    @property
    def place(self) -> Place:
        """Where it starts."""
        return self.source.place(self.raw.start_mark)

    def wrong(self, *, en: str, zh: str) -> WrongShapeError:
        """Return the error that this must be something else."""
        return WrongShapeError(place=self.place, what=self.name, wanted_en=en, wanted_zh=zh)

    @property
    def is_mapping(self) -> bool:
        """Whether this is a mapping."""
        return isinstance(self.raw, yaml.MappingNode)

    def mapping(self) -> dict[str, "Node"]:
        """Return the entries by key."""
        return {key: value for key, _, value in self.entries()}

    def entries(self) -> Iterator[tuple[str, "Node", "Node"]]:
        """Yield key, the key's node and the value of a mapping, in order."""
        if not isinstance(self.raw, yaml.MappingNode):
            raise self.wrong(en="a mapping (key: value)", zh="键值对（键: 值）")
        first: dict[str, int] = {}
        for raw_key, raw_value in self.raw.value:
            key_node = Node(self.source, raw_key, self.name)
            key = key_node.word()
            if key in first:
                raise DuplicateKeyError(place=key_node.place, key=key, line_first=first[key])
            first[key] = key_node.place.line
            yield key, key_node, Node(self.source, raw_value, f"{self.name}.{key}".lstrip("."))

    def items(self) -> list["Node"]:
        """Return the items of a list."""
        if not isinstance(self.raw, yaml.SequenceNode):
            raise self.wrong(en="a list", zh="列表")
        return [
            Node(self.source, raw, f"{self.name}[{index}]")
            for index, raw in enumerate(self.raw.value)
        ]

    def word(self) -> str:
        """Return a key as written."""
        if not isinstance(self.raw, yaml.ScalarNode):
            raise self.wrong(en="a word", zh="一个词")
        return str(self.raw.value)

    def value(self) -> Scalar:
        """Return a single value: YAML 1.2, decimals exact, words that mislead refused."""
        if not isinstance(self.raw, yaml.ScalarNode):
            raise self.wrong(en="a single value", zh="单个值")
        text = str(self.raw.value)
        return text if self.raw.style else self._plain(text)

    def _plain(self, text: str) -> Scalar:
        if text.lower() in CONSTANTS:
            return CONSTANTS[text.lower()]
        if text.lower() in BOOLEAN_WORDS:
            raise BooleanWordError(place=self.place, word=text)
        if WHOLE.match(text):
            return int(text)
        if DECIMAL.match(text):
            return Decimal(text)
        if DAY.match(text):
            return as_day(text, self.place)
        if NUMBER_LIKE.match(text):
            raise AmbiguousNumberError(place=self.place, word=text)
        return text

    def text(self) -> str:
        """Return a text; an empty one is refused."""
        value = self.value()
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(en="a text", zh="文字")
        return value

    def expression(self) -> str:
        """Return what is written, whatever it looks like: `0`, `true` and `a > 1` alike."""
        self.value()
        return str(self.raw.value)

    def day(self) -> date:
        """Return a day."""
        value = self.value()
        if isinstance(value, date):
            return value
        raise self.wrong(en="a day, YYYY-MM-DD", zh="日期，如 2026-01-01")

    def truth(self) -> bool:
        """Return true or false."""
        value = self.value()
        if isinstance(value, bool):
            return value
        raise self.wrong(en="true or false", zh="true 或 false")

    def whole(self) -> int:
        """Return a whole number."""
        value = self.value()
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self.wrong(en="a whole number", zh="整数")

    def number(self) -> Decimal:
        """Return a number, exact as written."""
        value = self.value()
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return Decimal(value)
        raise self.wrong(en="a number", zh="数")

    def place_in(self, offset: int) -> Place:
        """Return the place of the character at `offset` of this value's text."""
        mark, start = self.raw.start_mark, self.raw.start_mark.column
        lines = self.source.text.splitlines()
        style = getattr(self.raw, "style", None)
        if style in ("|", ">"):
            before = str(self.raw.value)[:offset]
            row = before.count("\n")
            body = lines[mark.line + 1 + row] if mark.line + 1 + row < len(lines) else ""
            indent = len(body) - len(body.lstrip())
            column = indent + offset - (before.rfind("\n") + 1)
            return Place(self.source.file, mark.line + 2 + row, column + 1)
        quote = 1 if style else 0
        return Place(self.source.file, mark.line + 1, start + quote + offset + 1)

    def fields(self, *, needed: str = "", optional: str = "") -> dict[str, "Node"]:
        """Return the entries of a mapping whose keys are known.

        Parameters
        ----------
        needed, optional
            The keys, separated by spaces.

        """
        known = [*needed.split(), *optional.split()]
        found: dict[str, Node] = {}
        for key, key_node, value in self.entries():
            if key not in known:
                raise UnknownKeyError(place=key_node.place, key=key, known=", ".join(known))
            found[key] = value
        for key in needed.split():
            if key not in found:
                raise MissingKeyError(place=self.place, what=self.name or "the pack", key=key)
        return found

    def canonical(self) -> object:
        """Return the content without places, comments and layout, for a digest."""
        if isinstance(self.raw, yaml.MappingNode):
            return {key: value.canonical() for key, _, value in self.entries()}
        if isinstance(self.raw, yaml.SequenceNode):
            return [item.canonical() for item in self.items()]
        value = self.value()
        kind = type(value).__name__
        return value if isinstance(value, str | bool) else {f"!{kind}": str(value)}


def as_day(text: str, place: Place) -> date:
    """Return the day that a text names."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadDateError(place=place, word=text) from error


def read_yaml(text: str, *, file: str = "pack.yaml") -> Node:
    """Return the root of a YAML text.

    Raises
    ------
    BadYamlError
        If it is not YAML, uses anchors or tags, or nests deeper than any pack needs.

    """
    source = Source(file, text.removeprefix("\ufeff"))
    try:
        raw = yaml.compose(source.text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _bad_yaml(source, error) from error
    except RecursionError as error:
        raise BadYamlError(place=Place(file, 1, 1), problem="it nests too deep") from error
    if raw is None:
        raise BadYamlError(place=Place(file, 1, 1), problem="it is empty")
    _require_plain(source, raw, depth=0, seen=set())
    return Node(source, raw, "")


def _bad_yaml(source: Source, error: yaml.YAMLError) -> BadYamlError:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error)
    place = source.place(mark) if mark is not None else Place(source.file, 1, 1)
    return BadYamlError(place=place, problem=problem)


def _require_plain(source: Source, raw: yaml.Node, *, depth: int, seen: set[int]) -> None:
    """Refuse aliases (a billion laughs) and foreign tags: a pack is plain data."""
    place = source.place(raw.start_mark)
    if id(raw) in seen:
        raise BadYamlError(place=place, problem="anchors and aliases (& and *) are not used here")
    if depth > DEPTH_MAX:
        raise BadYamlError(place=place, problem="it nests too deep")
    if str(raw.tag).removeprefix("tag:yaml.org,2002:") not in PLAIN_TAGS:
        raise BadYamlError(place=place, problem=f"the tag {raw.tag} is not used here")
    seen.add(id(raw))
    children: list[yaml.Node] = []
    if isinstance(raw, yaml.MappingNode):
        children = [part for pair in raw.value for part in pair]
    elif isinstance(raw, yaml.SequenceNode):
        children = list(raw.value)
    for child in children:
        _require_plain(source, child, depth=depth + 1, seen=seen)
