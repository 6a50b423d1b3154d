"""A YAML file that remembers where everything stands, and none of YAML 1.1's surprises."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, NoReturn, cast

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
ONE_NUMBER = re.compile(
    r"[-+]?([0-9][0-9_,]*\.?[0-9_]*|\.[0-9_]+)(e[-+]?[0-9]+)?\Z|[-+]?\.(inf|nan)\Z", re.IGNORECASE
)
DIGITS_MAX = 40
DEPTH_MAX = 40
NOT_A_KEY = re.compile(r"[^\w.-]")
# libyaml where it is there: ten times as fast, and no recursion in either.
PARSER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
UNPRINTABLE = yaml.reader.Reader.NON_PRINTABLE
# What the parser says, and what it means to somebody who writes a pack.
PROBLEMS = (
    (
        "mapping values are not allowed",
        "a second `: ` stands in this line: put the text in quotes",
        "同一行里又出现了“: ”：请给这段文字加引号",
    ),
    (
        "expected ',' or '}'",
        "in { } a comma ends a value: quote the whole condition, or give it its own line",
        "在 { } 里逗号表示一个值结束：含逗号或引号的条件请整个加引号，或单独写成一行",
    ),
    ("expected ',' or ']'", "a list is not closed: ]", "列表没有闭合：缺少 ]"),
    (
        "could not find expected ':'",
        "a colon and a space are missing after the key",
        "键名之后缺少英文冒号和空格",
    ),
    (
        "unexpected end of stream",
        "a quote is not closed",
        "引号没有闭合",
    ),
    (
        "expected key",
        "this line is indented otherwise than its neighbours",
        "此行的缩进与相邻各行不一致",
    ),
    (
        "expected <block end>",
        "this line is indented otherwise than its neighbours",
        "此行的缩进与相邻各行不一致",
    ),
    (
        "expected '-' indicator",
        "a list item (- …) is expected here",
        "此处应为列表项（- …）",
    ),
    (
        "unknown escape",
        "a backslash in double quotes: take single quotes",
        "双引号内有反斜线：请改用单引号",
    ),
)


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

    en = "{place}: this is not YAML: {problem_en}."
    zh = "{place}：不是合法的 YAML：{problem_zh}。"


class BooleanWordError(PackError):
    """A bare yes, no, on or off: YAML 1.1 reads it as a boolean, YAML 1.2 as a word."""

    en = '{place}: {word} is read as true or false by some programs: write true or false, or "{word}" in quotes.'  # noqa: E501
    zh = '{place}：{word} 会被一些程序读成真或假：请写 true 或 false；若是文字，请加引号写成 "{word}"。'  # noqa: E501


class AmbiguousNumberError(PackError):
    """A number that programs read differently: 010, 0x1F, 1:30, and 1_000 or 1e3 as a number."""

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

    en = "{place}: {key} means nothing here{hint_en}; known: {known}."
    zh = "{place}：此处不认识 {key}{hint_zh}；可用的有：{known}。"


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

    def place_of(self, index: int) -> Place:
        """Return the place of a character of the text."""
        before = self.text[:index]
        line = before.count("\n") + 1
        return Place(self.file, line, index - (before.rfind("\n") + 1) + 1)


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
        what = self.name or "the pack"
        return WrongShapeError(place=self.place, what=what, wanted_en=en, wanted_zh=zh)

    @property
    def style(self) -> str | None:
        """How a single value is quoted: ' " | > or not at all."""
        return getattr(self.raw, "style", None)

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
            first[key] = raw_key.start_mark.line + 1
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
        return text if self.style else self._plain(text)

    def _plain(self, text: str) -> Scalar:
        if text.lower() in CONSTANTS:
            return CONSTANTS[text.lower()]
        if text.lower() in BOOLEAN_WORDS:
            raise BooleanWordError(place=self.place, word=text)
        if WHOLE.match(text) or DECIMAL.match(text):
            if len(text) > DIGITS_MAX:
                en, zh = f"a number of at most {DIGITS_MAX} digits", f"至多 {DIGITS_MAX} 位的数"
                raise self.wrong(en=en, zh=zh)
            return int(text) if WHOLE.match(text) else Decimal(text)
        if DAY.match(text):
            return as_day(text, self.place)
        if NUMBER_LIKE.match(text):
            raise AmbiguousNumberError(place=self.place, word=text)
        return text

    def numeric(self) -> Scalar:
        """Return a value; what only some programs read as a number is refused: 1_000, 1e3, .5."""
        value = self.value()
        if isinstance(value, str) and not self.style and ONE_NUMBER.match(value):
            raise AmbiguousNumberError(place=self.place, word=value)
        return value

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
        """Return a day, in quotes or not."""
        value = self.value()
        if isinstance(value, str) and DAY.match(value):
            value = as_day(value, self.place)
        if isinstance(value, date):
            return value
        raise self.wrong(en="a day, YYYY-MM-DD", zh="日期，如 2026-01-01")

    def truth(self) -> bool:
        """Return true or false."""
        value = self.value()
        if isinstance(value, bool):
            return value
        raise self.wrong(en="true or false", zh=" true 或 false")

    def whole(self) -> int:
        """Return a whole number."""
        value = self.numeric()
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self.wrong(en="a whole number", zh="整数")

    def number(self) -> Decimal:
        """Return a number, exact as written."""
        value = self.numeric()
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return Decimal(value)
        raise self.wrong(en="a number", zh="数")

    def place_in(self, offset: int) -> Place:
        """Return the place of the character at `offset` of this value's text.

        The text in the file is folded, quoted and indented; it is followed character by
        character, any run of white space in one against any in the other.
        """
        value, text = str(self.raw.value), self.source.text
        at, mark = self.raw.start_mark.index, self.raw.start_mark
        if self.style in ("|", ">"):
            at = text.find("\n", at) + 1
        at = _skip_white(text, at) if value[:1].strip() else at
        at += 1 if self.style in ("'", '"') else 0
        for index, letter in enumerate(value[:offset]):
            if letter.isspace():
                at = at if index and value[index - 1].isspace() else _skip_white(text, at)
                continue
            at += 1 if text[at : at + 1] != letter else 0  # the backslash of an escape
            doubled = self.style == "'" and letter == "'"
            at += 2 if doubled else 1
        at = _skip_white(text, at) if value[offset : offset + 1].strip() else at
        before = text[mark.index : at]
        start = mark.column if "\n" not in before else 0
        return Place(
            self.source.file,
            mark.line + 1 + before.count("\n"),
            len(before) - (before.rfind("\n") + 1) + start + 1,
        )

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
                raise _unknown_key(key_node.place, key, known)
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


def _unknown_key(place: Place, key: str, known: Sequence[str]) -> PackError:
    if key == "<<":
        return _not_used(place, en="merge keys (<<) are not used here", zh="此处不用合并键（<<）")
    broken = NOT_A_KEY.search(key) is not None
    en = " (if it belongs to the value before it, put all of that in quotes)" if broken else ""
    zh = "（若它是前一个值的一部分，请给整个值加引号）" if broken else ""
    return UnknownKeyError(place=place, key=key, known=", ".join(known), hint_en=en, hint_zh=zh)


def _skip_white(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


def read_yaml(text: str, *, file: str = "pack.yaml") -> Node:
    """Return the root of a YAML text.

    Raises
    ------
    BadYamlError
        If it is not YAML, uses anchors or tags, or nests deeper than any pack needs.

    """
    source = Source(file, text.removeprefix("\ufeff"))
    strange = UNPRINTABLE.search(source.text)
    if strange:
        code = f"U+{ord(strange[0]):04X}"
        place = source.place_of(strange.start())
        raise _not_used(place, en=f"the control character {code}", zh=f"含有控制字符 {code}")
    try:
        raw = _Composer(source).compose()
    except yaml.YAMLError as error:
        raise _bad_yaml(source, error) from error
    if raw is None:
        raise _not_used(Place(file, 1, 1), en="it is empty", zh="内容为空")
    return Node(source, raw, "")


def _not_used(place: Place, *, en: str, zh: str) -> BadYamlError:
    return BadYamlError(place=place, problem_en=en, problem_zh=zh)


def _bad_yaml(source: Source, error: yaml.YAMLError) -> BadYamlError:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error)
    place = source.place(mark) if mark is not None else Place(source.file, 1, 1)
    en, zh = problem, f"语法有误（{problem}）"
    for said, ours_en, ours_zh in PROBLEMS:
        if said in problem:
            en, zh = ours_en, ours_zh
    lines = source.text.splitlines()
    near = lines[max(place.line - 2, 0) : place.line]
    if "cannot start any token" in problem and mark is not None:
        letter = source.text[mark.index : mark.index + 1]
        en, zh = (
            ("a tab: indent with spaces", "此处是制表符：请用空格缩进")
            if letter == "\t"
            else (
                f"{letter} cannot stand first: put the text in quotes",
                f"不能以 {letter} 开头：请加引号",
            )
        )
    elif any("：" in line for line in near):
        en += "; ： is no colon of YAML, write `: `"
        zh += "；“：”是全角冒号，YAML 要用英文冒号加空格“: ”"
    return BadYamlError(place=place, problem_en=en, problem_zh=zh)


class _Composer:
    """Builds nodes from what the parser reads: no anchor, alias or tag, and no recursion.

    A pack is plain data: aliases could make a small file a huge one (a billion laughs).
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.root: yaml.Node | None = None
        self.waiting: list[tuple[yaml.CollectionNode, list[yaml.Node]]] = []

    def compose(self) -> yaml.Node | None:
        """Return the root, or None if there is nothing."""
        for event in yaml.parse(self.source.text, Loader=PARSER):
            if isinstance(event, yaml.CollectionEndEvent):
                self.close(event)
            elif isinstance(event, yaml.NodeEvent):
                self.begin(event)
            elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
                self.refuse(event, en="a second document begins (---)", zh="出现第二个文档（---）")
        return self.root

    def refuse(self, event: yaml.Event, *, en: str, zh: str) -> NoReturn:
        raise _not_used(self.source.place(cast("yaml.Mark", event.start_mark)), en=en, zh=zh)

    def begin(self, event: yaml.NodeEvent) -> None:
        """Take a value, or the start of a mapping or list."""
        if event.anchor is not None:
            en, zh = (
                "anchors and aliases (& and *) are not used here",
                "此处不用锚点和别名（& 和 *）",
            )
            self.refuse(event, en=en, zh=zh)
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.refuse(event, en=f"the tag {tag} is not used here", zh=f"此处不用标签 {tag}")
        if len(self.waiting) > DEPTH_MAX:
            self.refuse(event, en="it nests too deep", zh="嵌套太深")
        start, end = cast("yaml.Mark", event.start_mark), cast("yaml.Mark", event.end_mark)
        if isinstance(event, yaml.ScalarEvent):
            self.add(yaml.ScalarNode("", event.value, start, end, event.style))
            return
        kind = yaml.MappingNode if isinstance(event, yaml.MappingStartEvent) else yaml.SequenceNode
        node = kind("", [], start, end)
        self.add(node)
        self.waiting.append((node, []))

    def add(self, node: yaml.Node) -> None:
        if self.waiting:
            self.waiting[-1][1].append(node)
        else:
            self.root = node

    def close(self, event: yaml.CollectionEndEvent) -> None:
        """End a mapping or list; a mapping's parts are key, value, key, value."""
        node, children = self.waiting.pop()
        pairs = zip(children[::2], children[1::2], strict=True)
        node.value = list(pairs) if isinstance(node, yaml.MappingNode) else children
        node.end_mark = event.end_mark
