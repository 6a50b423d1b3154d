"""The promise as people write it: YAML, with the line of every slip."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from liudu.acceptance import Promise, PromiseError
from liudu.contract import Refusal

BYTES_MAX = 1 << 20
Place = tuple[int, int]  # line and column, from 1
Places = dict[tuple[object, ...], Place]


class NoPromiseFileError(Refusal):
    """There is no such promise file."""

    en = "There is no promise file {path}: write one like\n{example}"
    zh = "找不到承诺文件 {path}：请照下例写一个：\n{example}"


class PromiseTooLargeError(Refusal):
    """The promise file is far too large to be a promise."""

    en = "{path} has {size} bytes; a promise has at most {size_max}. Is it the right file?"
    zh = "{path} 有 {size} 字节；承诺文件最多 {size_max} 字节。是不是选错了文件？"


class PromiseEncodingError(Refusal):
    """The promise is not UTF-8."""

    en = "{path} is not UTF-8 (byte {position}): save it as UTF-8, in Notepad under “Encoding”."
    zh = "{path} 不是 UTF-8（第 {position} 字节）：请另存为 UTF-8（记事本“编码”一栏可选）。"


class TabIndentError(Refusal):
    """The promise is indented by a tab."""

    en = "{path}, line {line}: a tab is used for indenting; YAML allows spaces only. Use two."
    zh = "{path} 第 {line} 行：用了制表符缩进；YAML 只允许空格，请改用两个空格。"


class FullWidthColonError(Refusal):
    """A key is followed by a full-width colon."""

    en = "{path}, line {line}: “：” is a full-width colon; write “: ” (colon and space)."
    zh = "{path} 第 {line} 行：用了全角冒号“：”；请改为半角冒号加空格“: ”。"


class YamlError(Refusal):
    """The promise is no YAML."""

    en = "{path}, line {line}, column {column}: not readable as YAML ({detail})."
    zh = "{path} 第 {line} 行第 {column} 列：不是可读的 YAML（{detail}）。"


class KeyTwiceError(Refusal):
    """A key is given twice; one of them would be lost in silence."""

    en = "{path}, line {line}: the key “{key}” is given a second time (first in line {first})."
    zh = "{path} 第 {line} 行：键“{key}”重复（首次在第 {first} 行）。"


class PromiseAtError(Refusal):
    """A promise was refused; says where in the file. Its `code` is that of the broken rule."""

    en = "{path}, line {line}: {why_en}"
    zh = "{path} 第 {line} 行：{why_zh}"

    @property
    def code(self) -> str:
        """The name of the broken rule."""
        return str(self.facts["rule"])


EXAMPLE = """\
task: classify
positive: defective
targets:
  - {metric: miss_rate,        op: "<",  limit: 0.002, confidence: 0.95}
  - {metric: overkill_rate,    op: "<=", limit: 0.03,  confidence: 0.95}
  - {metric: throughput_per_h, op: ">=", limit: 6000}
"""


class _CoreLoader(yaml.SafeLoader):
    """YAML with the types of version 1.2's core schema.

    PyYAML follows version 1.1, where ``no`` is false (a common label), ``2e-3`` is text,
    ``010`` is 8 and ``1:30`` is 90.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


_TYPES = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
)
for _name, _pattern, _first in _TYPES:
    _CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), [*_first, ""]
    )


def _whole(loader: yaml.SafeLoader, node: yaml.Node) -> int:
    return int(str(loader.construct_scalar(_scalar(node))))


def _real(loader: yaml.SafeLoader, node: yaml.Node) -> float:
    text = str(loader.construct_scalar(_scalar(node))).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


def _scalar(node: yaml.Node) -> yaml.ScalarNode:
    if isinstance(node, yaml.ScalarNode):
        return node
    raise yaml.constructor.ConstructorError(None, None, "expected a number", node.start_mark)


_CoreLoader.add_constructor("tag:yaml.org,2002:int", _whole)
_CoreLoader.add_constructor("tag:yaml.org,2002:float", _real)


def load_promise(path: Path) -> Promise:
    """Read a promise file.

    Raises
    ------
    Refusal
        With the line, and the example of a right promise where that helps. What
        `liudu.acceptance.Promise` refuses comes as `PromiseAtError` with the rule's own code.

    """
    text = _text(path)
    mapping, places = _mapping(path, text)
    try:
        return Promise.from_mapping(mapping)
    except PromiseError as error:
        line = _line_of(error, mapping, places)
        raise PromiseAtError(
            path=path, line=line, rule=error.code, why_en=error.say("en"), why_zh=error.say("zh")
        ) from error


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise NoPromiseFileError(path=path, example=EXAMPLE) from error
    if len(raw) > BYTES_MAX:
        raise PromiseTooLargeError(path=path, size=len(raw), size_max=BYTES_MAX)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PromiseEncodingError(path=path, position=error.start) from error


def _mapping(path: Path, text: str) -> tuple[object, Places]:
    try:
        loader = _CoreLoader(text)
        node = loader.get_single_node()
        places: Places = {}
        if node is not None:
            _locate(path, node, at=(), places=places)
        value = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise _slip(path, text, error) from error
    except (yaml.YAMLError, RecursionError) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise YamlError(path=path, line=1, column=1, detail=detail) from error
    if not isinstance(value, Mapping):
        _refuse_full_width(path, text)
    return value, places


def _slip(path: Path, text: str, error: yaml.MarkedYAMLError) -> Refusal:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.splitlines()
    for number in range(max(line - 1, 1), min(line, len(lines)) + 1):
        if re.match(r"[ ]*\t", lines[number - 1]):
            return TabIndentError(path=path, line=number)
        if re.match(r"[ \-]*\w+：", lines[number - 1]):
            return FullWidthColonError(path=path, line=number)
    return YamlError(path=path, line=line, column=column, detail=error.problem or "syntax")


def _refuse_full_width(path: Path, text: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"[ \-]*\w+：", line):
            raise FullWidthColonError(path=path, line=number)


def _locate(path: Path, node: yaml.Node, *, at: tuple[object, ...], places: Places) -> None:
    """Remember where each key and each entry stands; refuse keys that are given twice."""
    places[at] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _locate(path, child, at=(*at, index), places=places)
    elif isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            below = (*at, str(key.value))
            line = key.start_mark.line + 1
            if below in places:
                raise KeyTwiceError(path=path, line=line, key=key.value, first=places[below][0])
            _locate(path, child, at=below, places=places)
            places[below] = (line, key.start_mark.column + 1)


def _line_of(error: PromiseError, mapping: object, places: Places) -> int:
    """Return the line that a refusal of the promise speaks of, as near as it can be told."""
    facts = error.facts
    at: tuple[object, ...] = ()
    where = str(facts.get("where", ""))
    if match := re.fullmatch(r"target (\d+)", where):
        at = ("targets", int(match[1]) - 1)
    elif where in {"limits", "line"}:
        at = (where,)
    elif "name" in facts:
        at = _target_named(facts["name"], mapping)
    elif ("targets",) in places and "example" in facts:
        at = ("targets",)
    inside = (*at, facts.get("key"))
    return places.get(inside, places.get(at, (1, 1)))[0]


def _target_named(name: object, mapping: object) -> tuple[object, ...]:
    targets: Any = mapping.get("targets", []) if isinstance(mapping, Mapping) else []
    for index, target in enumerate(targets):
        if isinstance(target, Mapping) and target.get("metric") == name:
            return ("targets", index)
    return ("targets",)
