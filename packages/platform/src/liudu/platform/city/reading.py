"""YAML that remembers its lines and has none of YAML 1.1's surprises; what a folder of it says."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import ClassVar, Final

import attrs
import yaml

from liudu.contract import Language, Refusal

FILE_BYTES_MAX: Final = 5 << 20
DEPTH_MAX: Final = 12
BOOLEAN_WORDS: Final = frozenset({"yes", "no", "on", "off", "y", "n"})
PLAIN_TAGS: Final = frozenset(("map", "seq", "str", "int", "float", "bool", "null", "timestamp"))
SHOWN_PROBLEMS_MAX: Final = 20
FULL_WIDTH_COLON: Final = "："


@attrs.frozen
class Place:
    """A line of a file; lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class PackProblem(Refusal):
    """Something in a city pack is wrong; `place` says where."""

    en: ClassVar[str] = "{place}: this is wrong."
    zh: ClassVar[str] = "{place}：此处有误。"


class NotUtf8Error(PackProblem):
    """The file is not UTF-8."""

    en = "{place}: this file is not UTF-8 (many Windows programs save GBK): save it as UTF-8."
    zh = "{place}：文件不是 UTF-8 编码（Windows 上的程序常存为 GBK）：请另存为 UTF-8。"


class TooLargeError(PackProblem):
    """The file is larger than any pack needs."""

    en = "{place}: the file has {size_bytes} bytes; at most {size_bytes_max} are read."
    zh = "{place}：文件有 {size_bytes} 字节，最多读取 {size_bytes_max} 字节。"


class TabIndentError(PackProblem):
    """A tab indents a line."""

    en = "{place}: a tab indents this line, which YAML forbids: use spaces."
    zh = "{place}：本行用制表符缩进，YAML 不允许：请改用空格。"


class FullWidthColonError(PackProblem):
    """A Chinese colon stands where YAML needs its own."""

    en = "{place}: “{word}” has a full-width colon: write it as a half-width one and a space (: )."
    zh = "{place}：“{word}” 用了全角冒号：请写半角冒号加空格（: ）。"


class BadYamlError(PackProblem):
    """The file is not YAML."""

    en = "{place}: this is not YAML: {problem}."
    zh = "{place}：不是合法的 YAML：{problem}。"


class BooleanWordError(PackProblem):
    """A bare yes, no, on or off, which programs read differently."""

    en = (
        "{place}: {word} is read as true or false by some programs: "
        'write true or false, or "{word}" in quotes.'
    )
    zh = '{place}：{word} 会被一些程序读成真或假：请写 true 或 false；若是文字，请写 "{word}"。'


class DuplicateKeyError(PackProblem):
    """A key stands twice in one mapping."""

    en = "{place}: {key} stands twice here (first in line {line_first}): keep one."
    zh = "{place}：此处 {key} 写了两次（第一次在第 {line_first} 行）：请只留一个。"


class WrongShapeError(PackProblem):
    """A mapping, a list or a value stands where another is needed."""

    en = "{place}: {what} must be {wanted_en}."
    zh = "{place}：{what} 应为{wanted_zh}。"


class UnknownKeyError(PackProblem):
    """A key that means nothing here."""

    en = "{place}: {key} means nothing here{meant_en}. Known: {known}."
    zh = "{place}：此处不认识 {key}{meant_zh}。可用的有：{known}。"


class MissingKeyError(PackProblem):
    """A key that is needed is not there."""

    en = "{place}: {what} needs {key}."
    zh = "{place}：{what} 缺少 {key}。"


class BadPackError(Refusal):
    """A city pack has problems; nothing of it was loaded."""

    en = "{folder}: {count} problem(s); nothing was loaded."
    zh = "{folder}：{count} 处问题，未载入任何内容。"

    def __init__(self, *, folder: str, problems: Iterable[PackProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(folder=folder, count=len(self.problems))

    def say(self, language: Language) -> str:
        """Return the sentence and the first problems, a line each."""
        shown = [problem.say(language) for problem in self.problems[:SHOWN_PROBLEMS_MAX]]
        return "\n".join([super().say(language), *(f"  {line}" for line in shown)])

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuilt, (self.facts["folder"], self.problems))


def _rebuilt(folder: str, problems: tuple[PackProblem, ...]) -> BadPackError:
    return BadPackError(folder=folder, problems=problems)


@attrs.frozen(eq=False)
class Node:
    """One piece of a file with its place, read as what it must be."""

    file: str
    raw: yaml.Node
    name: str

    @property
    def place(self) -> Place:
        """Where it starts."""
        return Place(self.file, self.raw.start_mark.line + 1)

    def wrong(self, *, en: str, zh: str) -> WrongShapeError:
        """Return the problem that this must be something else."""
        return WrongShapeError(place=self.place, what=self.name, wanted_en=en, wanted_zh=zh)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written here."""
        return isinstance(self.raw, yaml.ScalarNode) and not self.raw.style and not self.raw.value

    def entries(self) -> Iterator[tuple[str, Place, "Node"]]:
        """Yield key, its place and the value of a mapping."""
        if not isinstance(self.raw, yaml.MappingNode):
            written = str(self.raw.value) if isinstance(self.raw, yaml.ScalarNode) else ""
            if FULL_WIDTH_COLON in written:
                raise FullWidthColonError(place=self.place, word=written[:60])
            raise self.wrong(en="a mapping (key: value)", zh="键值对（键: 值）")
        first: dict[str, int] = {}
        for raw_key, raw_value in self.raw.value:
            key_node = Node(self.file, raw_key, self.name)
            key = key_node.text()
            if key in first:
                raise DuplicateKeyError(place=key_node.place, key=key, line_first=first[key])
            first[key] = key_node.place.line
            yield key, key_node.place, Node(self.file, raw_value, key)

    def fields(self, *, known: Iterable[str], needed: Iterable[str] = ()) -> dict[str, "Node"]:
        """Return the entries of a mapping whose keys are known; an empty value counts as none."""
        known = list(known)
        found: dict[str, Node] = {}
        for key, place, value in self.entries():
            if key not in known:
                raise _unknown(key, place, known)
            if not value.is_empty:
                found[key] = value
        for key in needed:
            if key not in found:
                raise MissingKeyError(place=self.place, what=self.name, key=key)
        return found

    def items(self) -> list["Node"]:
        """Return the items of a list."""
        if not isinstance(self.raw, yaml.SequenceNode):
            raise self.wrong(en="a list", zh="列表")
        return [
            Node(self.file, raw, f"{self.name}[{number}]")
            for number, raw in enumerate(self.raw.value, 1)
        ]

    def text(self, *, length_max: int = 600) -> str:
        """Return what is written, as it is written."""
        if not isinstance(self.raw, yaml.ScalarNode):
            raise self.wrong(en="a single value", zh="单个值")
        written = str(self.raw.value).strip()
        if not self.raw.style and written.lower() in BOOLEAN_WORDS:
            raise BooleanWordError(place=self.place, word=written)
        if not written:
            raise self.wrong(en="a text", zh="文字")
        if len(written) > length_max:
            raise self.wrong(
                en=f"at most {length_max} characters long (it has {len(written)})",
                zh=f"不超过 {length_max} 个字符的文字（现有 {len(written)} 个）",
            )
        return written

    def whole(self) -> int:
        """Return a whole number that a small column holds."""
        written = self.text()
        if not re.fullmatch(r"-?[0-9]{1,4}", written, re.ASCII):
            raise self.wrong(en="a whole number", zh="整数")
        return int(written)

    def truth(self) -> bool:
        """Return true or false."""
        written = self.text()
        if written not in ("true", "false"):
            raise self.wrong(en="true or false", zh="true 或 false")
        return written == "true"


def _unknown(key: str, place: Place, known: list[str]) -> PackProblem:
    if FULL_WIDTH_COLON in key:
        return FullWidthColonError(place=place, word=key)
    near = get_close_matches(key, known, n=1)
    return UnknownKeyError(
        place=place,
        key=key,
        known=", ".join(known),
        meant_en=f" (did you mean {near[0]}?)" if near else "",
        meant_zh=f"（是否想写 {near[0]}？）" if near else "",
    )


def read_node(path: Path) -> Node:
    """Return the root of a file.

    Raises
    ------
    PackProblem
        If it is too large, not UTF-8, not YAML, or uses anchors or tags.

    """
    size_bytes = path.stat().st_size
    if size_bytes > FILE_BYTES_MAX:
        raise TooLargeError(
            place=Place(path.name, 1), size_bytes=size_bytes, size_bytes_max=FILE_BYTES_MAX
        )
    text = _decoded(path)
    for number, line in enumerate(text.splitlines(), 1):
        if "\t" in line[: len(line) - len(line.lstrip())]:
            raise TabIndentError(place=Place(path.name, number))
    try:
        raw = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise _bad_yaml(path.name, text, error) from error
    if raw is None:
        raise BadYamlError(place=Place(path.name, 1), problem="it is empty")
    _require_plain(path.name, raw, depth=0, seen=set())
    return Node(path.name, raw, path.name)


def _decoded(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise NotUtf8Error(place=Place(path.name, line)) from error


def _bad_yaml(file: str, text: str, error: Exception) -> PackProblem:
    mark = getattr(error, "problem_mark", None)
    position = getattr(error, "position", None)
    line = mark.line + 1 if mark else text[: position or 0].count("\n") + 1
    lines = text.splitlines()
    for near in (line, line - 1):  # the parser often stops one line after the slip
        written = lines[near - 1] if 1 <= near <= len(lines) else ""
        if FULL_WIDTH_COLON in written and ":" not in written.split(FULL_WIDTH_COLON)[0]:
            return FullWidthColonError(place=Place(file, near), word=written.strip()[:60])
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    return BadYamlError(place=Place(file, line), problem=problem or "it nests too deep")


def _require_plain(file: str, raw: yaml.Node, *, depth: int, seen: set[int]) -> None:
    """Refuse aliases (a billion laughs), foreign tags and depth: a pack is plain data."""
    place = Place(file, raw.start_mark.line + 1)
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
        _require_plain(file, child, depth=depth + 1, seen=seen)
