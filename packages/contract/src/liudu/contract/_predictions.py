"""What a solution answers: one JSON object a line, read as hostile."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any, BinaryIO

import attrs
import orjson

from liudu.contract._manifest import Task
from liudu.contract._problem import shown
from liudu.contract._refusal import Refusal

LINE_BYTES_MAX = 1024 * 1024
NUMBER_MAX = 1e300  # beyond it differences and squares overflow
_CORNERS = 4
_CHUNK_LINES = 4096  # columns are kept, rows are dropped: the garbage collector stays calm


class BadPredictionError(Refusal):
    """A line of the predictions breaks the contract; `line_number` counts from 1."""

    en = "Line {line_number} of the predictions breaks the contract."
    zh = "预测结果第 {line_number} 行不符合合约。"


class LineTooLongError(BadPredictionError):
    """The line is longer than the cap; the rest of it was not read."""

    en = (
        "Line {line_number} of the predictions is longer than {line_bytes_max} bytes: "
        "write one answer a line, without pictures or debugging text."
    )
    zh = (
        "预测结果第 {line_number} 行超过 {line_bytes_max} 字节："
        "每行只写一个答案，不要夹带图片或调试信息。"
    )


class NotJsonError(BadPredictionError):
    """The line is not JSON."""

    en = "Line {line_number} of the predictions is not JSON ({what}): {value}"
    zh = "预测结果第 {line_number} 行不是合法的 JSON（{what}）：{value}"


class NotFiniteError(BadPredictionError):
    """NaN or infinity, which JSON does not have and no verdict can use."""

    en = (
        "Line {line_number} of the predictions holds NaN, infinity or a number beyond ±1e300: "
        "answer with a finite number, or leave the optional field out. It begins {value}"
    )
    zh = (
        "预测结果第 {line_number} 行含有 NaN、无穷大或超出 ±1e300 的数："
        "请给出有限的数，或省去可选字段。该行开头为 {value}"
    )


class NotUtf8Error(BadPredictionError):
    """The line is not UTF-8, or the file begins with a byte order mark."""

    en = (
        "Line {line_number} of the predictions is not UTF-8 without BOM: write UTF-8. "
        "It begins {value}"
    )
    zh = "预测结果第 {line_number} 行不是不带 BOM 的 UTF-8：请用 UTF-8 输出。该行开头为 {value}"


class NotAnObjectError(BadPredictionError):
    """The line is JSON, but not an object."""

    en = "Line {line_number} of the predictions is not an object {{…}} but {value}."
    zh = "预测结果第 {line_number} 行不是对象 {{…}}，而是 {value}。"


class MissingFieldError(BadPredictionError):
    """A required field is absent."""

    en = 'Line {line_number} of the predictions lacks "{field}": a {task} answer is {example}.'
    zh = "预测结果第 {line_number} 行缺少 “{field}”：{task} 任务的答案形如 {example}。"


class UnknownFieldError(BadPredictionError):
    """A field that the task does not have; a typing error would otherwise pass unseen."""

    en = (
        'Line {line_number} of the predictions has the field "{field}", which a {task} answer '
        'does not have: leave it out, or did you mean "{nearest}"?'
    )
    zh = (
        "预测结果第 {line_number} 行有字段 “{field}”，{task} 任务的答案没有这个字段："
        "请去掉，或者您是想写 “{nearest}”？"
    )


class WrongTypeError(BadPredictionError):
    """A field has the wrong type: a text or true where a number belongs, for example."""

    en = "Line {line_number} of the predictions: {field} is {value}, but must be {wanted}."
    zh = "预测结果第 {line_number} 行：{field} 为 {value}，而这里必须是{wanted_zh}。"


class OutOfRangeError(BadPredictionError):
    """A score outside [0, 1]."""

    en = "Line {line_number} of the predictions: {field} is {value}; it must lie between 0 and 1."
    zh = "预测结果第 {line_number} 行：{field} 为 {value}，必须在 0 到 1 之间。"


class UnknownClassError(BadPredictionError):
    """A class that the trial does not have."""

    en = "Line {line_number} of the predictions: {field} names {value}; the classes are {classes}."
    zh = "预测结果第 {line_number} 行：{field} 写了 {value}；类别只有 {classes}。"


class BadBoxError(BadPredictionError):
    """A box without an inside."""

    en = (
        "Line {line_number} of the predictions: {field} is {value}; "
        "a box is [x1, y1, x2, y2] with x1 < x2 and y1 < y2."
    )
    zh = (
        "预测结果第 {line_number} 行：{field} 为 {value}；"
        "框应为 [x1, y1, x2, y2]，且 x1 < x2、y1 < y2。"
    )


class UnknownIdError(BadPredictionError):
    """An answer to an item that was not asked."""

    en = "Line {line_number} of the predictions answers {value}, which is not the id of an item."
    zh = "预测结果第 {line_number} 行回答了 {value}，但没有这个编号的条目。"


class DuplicateIdError(BadPredictionError):
    """A second answer to one item."""

    en = "Line {line_number} of the predictions answers {value} again: answer each item once."
    zh = "预测结果第 {line_number} 行再次回答了 {value}：每个条目只回答一次。"


@attrs.frozen
class Labelled:
    """The answer to one item of `classify`: a class, and how sure."""

    id: str
    label: str
    score: float | None = None
    scores: Mapping[str, float] | None = None


@attrs.frozen
class Box:
    """One found defect: pixel corners, x1 < x2 and y1 < y2; score in [0, 1], 1 if not given."""

    x1: float
    y1: float
    x2: float
    y2: float
    label: str
    score: float = 1.0


@attrs.frozen
class Boxes:
    """The answer to one item of `detect`."""

    id: str
    boxes: tuple[Box, ...]


@attrs.frozen
class Alarm:
    """The answer to one step of `alarm`."""

    id: str
    alarm: bool
    score: float | None = None


@attrs.frozen
class Number:
    """The answer to one item of `value`."""

    id: str
    value: float


Prediction = Labelled | Boxes | Alarm | Number


@attrs.frozen(kw_only=True)
class LabelColumns:
    """Many `classify` answers as columns, in the order of the lines; score None where absent."""

    ids: list[str]
    labels: list[str]
    scores: list[float | None]


EXAMPLES: Mapping[Task, str] = {
    "classify": '{"id":"k3f","label":"ok"}',
    "detect": '{"id":"k3f","boxes":[{"box":[1,2,30,40],"label":"open","score":0.9}]}',
    "alarm": '{"id":"k3f","alarm":true}',
    "value": '{"id":"k3f","value":12.5}',
}
_FIELDS: Mapping[Task, tuple[str, ...]] = {
    "classify": ("id", "label", "score", "scores"),
    "detect": ("id", "boxes"),
    "alarm": ("id", "alarm", "score"),
    "value": ("id", "value"),
}


def parse_prediction(
    line: bytes, *, task: Task, line_number: int, classes: frozenset[str] | None = None
) -> Prediction:
    """Read one answer.

    Parameters
    ----------
    line
        One line, with or without its line feed.
    task
        What was asked.
    line_number
        Counts from 1; only for the sentence of an error.
    classes
        The classes of the trial, or None when any name is taken.

    Raises
    ------
    BadPredictionError
        A subclass that names the line, the value, the limit and the way out.

    """
    if len(line) > LINE_BYTES_MAX:
        raise LineTooLongError(line_number=line_number, line_bytes_max=LINE_BYTES_MAX)
    reader = _Reader(task=task, line_number=line_number, classes=classes)
    return reader.prediction(reader.document(line))


def read_predictions(
    lines: Iterable[bytes],
    *,
    task: Task,
    ids: Collection[str],
    classes: frozenset[str] | None = None,
) -> dict[str, Prediction]:
    """Read a whole file of answers: each item at most once, and no other.

    Parameters
    ----------
    lines
        For example from `lines_of`, which refuses endless lines unread.
    task, classes
        As in `parse_prediction`.
    ids
        The ids of the items; those without an answer are simply absent from the result.

    Raises
    ------
    BadPredictionError
        At the first line that breaks the contract.

    """
    known = ids if isinstance(ids, (set, frozenset, dict)) else frozenset(ids)
    found: dict[str, Prediction] = {}
    number, lines = 0, iter(lines)
    while chunk := list(islice(lines, _CHUNK_LINES)):
        for prediction in _answers(chunk, task=task, first=number + 1, classes=classes):
            number += 1
            name = prediction.id
            if name in found:
                raise DuplicateIdError(line_number=number, value=_json(name))
            if name not in known:
                raise UnknownIdError(line_number=number, value=_json(name))
            found[name] = prediction
    return found


def _answers(
    chunk: list[bytes], *, task: Task, first: int, classes: frozenset[str] | None
) -> Iterator[Prediction]:
    columns = _ordinary(chunk, classes=classes) if task == "classify" else None
    if columns is not None:
        return map(Labelled, columns.ids, columns.labels, columns.scores)
    return (
        parse_prediction(line, task=task, line_number=number, classes=classes)
        for number, line in enumerate(chunk, first)
    )


def read_label_columns(
    lines: Iterable[bytes], *, ids: Collection[str], classes: frozenset[str] | None = None
) -> LabelColumns:
    """Read a whole file of `classify` answers as columns, several times as fast.

    The rules, the errors and their line numbers are those of `read_predictions`: whatever is
    out of the ordinary in a few thousand lines has them read again one by one. ``scores`` are
    checked and dropped.
    """
    known = ids if isinstance(ids, (set, frozenset)) else frozenset(ids)
    columns, lines = LabelColumns(ids=[], labels=[], scores=[]), iter(lines)
    while chunk := list(islice(lines, _CHUNK_LINES)):
        part = _ordinary(chunk, classes=classes) or _one_by_one(
            chunk, first=len(columns.ids) + 1, classes=classes
        )
        columns.ids.extend(part.ids)
        columns.labels.extend(part.labels)
        columns.scores.extend(part.scores)
        if len(columns.ids) > len(known):  # there must be one too many: read no further
            break
    if len(set(columns.ids)) != len(columns.ids) or not known.issuperset(columns.ids):
        _refuse_ids(columns.ids, known=known)
    return columns


def lines_of(file: BinaryIO, *, line_bytes_max: int = LINE_BYTES_MAX) -> Iterator[bytes]:
    """Yield the lines of a file; refuse one that is too long after reading `line_bytes_max`.

    Raises
    ------
    LineTooLongError

    """
    cap, number = line_bytes_max + 1, 0  # one more, for the line feed
    while line := file.readline(cap):
        number += 1
        if len(line) == cap and not line.endswith(b"\n"):
            raise LineTooLongError(line_number=number, line_bytes_max=line_bytes_max)
        yield line


def prediction_line(prediction: Prediction) -> bytes:
    """Return an answer as one line; the opposite of `parse_prediction`."""
    line = attrs.asdict(prediction, filter=lambda _, value: value is not None)
    if isinstance(prediction, Boxes):
        line["boxes"] = [
            {"box": [b.x1, b.y1, b.x2, b.y2], "label": b.label, "score": b.score}
            for b in prediction.boxes
        ]
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _ordinary(chunk: list[bytes], *, classes: frozenset[str] | None) -> LabelColumns | None:
    """Return the columns if every line is plainly right; None if one needs a closer look."""
    if max(map(len, chunk)) > LINE_BYTES_MAX:
        return None
    try:
        rows: list[dict[str, Any]] = list(map(orjson.loads, chunk))
        ids, labels = [row["id"] for row in rows], [row["label"] for row in rows]
        kinds = set(labels)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    scores = _ordinary_scores(rows)
    if scores is None or set(map(type, ids)) != {str} or set(map(type, kinds)) != {str}:
        return None
    if not (classes is None or kinds <= classes):
        return None
    return LabelColumns(ids=ids, labels=labels, scores=scores)


def _ordinary_scores(rows: list[dict[str, Any]]) -> list[float | None] | None:
    """Return the scores if no row or every row has one and no row has anything else."""
    lengths = set(map(len, rows))
    if lengths == {2}:  # id and label, which the caller has seen
        return [None] * len(rows)
    if lengths != {3}:
        return None
    scores: list[Any] = [row.get("score") for row in rows]
    if not set(map(type, scores)) <= {float, int} or min(scores) < 0 or max(scores) > 1:
        return None
    return list(map(float, scores))


def _one_by_one(chunk: list[bytes], *, first: int, classes: frozenset[str] | None) -> LabelColumns:
    columns = LabelColumns(ids=[], labels=[], scores=[])
    for number, line in enumerate(chunk, first):
        answer = parse_prediction(line, task="classify", line_number=number, classes=classes)
        if isinstance(answer, Labelled):
            columns.ids.append(answer.id)
            columns.labels.append(answer.label)
            columns.scores.append(answer.score)
    return columns


def _refuse_ids(ids: list[str], *, known: Collection[str]) -> None:
    seen: set[str] = set()
    for number, name in enumerate(ids, 1):
        if name in seen:
            raise DuplicateIdError(line_number=number, value=_json(name))
        if name not in known:
            raise UnknownIdError(line_number=number, value=_json(name))
        seen.add(name)


@attrs.frozen(kw_only=True)
class _Reader:
    """Reads one line; every complaint knows its place."""

    task: Task
    line_number: int
    classes: frozenset[str] | None

    def document(self, line: bytes) -> dict[str, Any]:
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise self._unreadable(line, error) from error
        if type(document) is not dict:
            raise NotAnObjectError(line_number=self.line_number, value=_json(document))
        self._only_fields(document)
        return document

    def _unreadable(self, line: bytes, error: orjson.JSONDecodeError) -> BadPredictionError:
        begins = shown(line[:80].decode("utf-8", "replace").strip())
        here = {"line_number": self.line_number, "value": begins}
        what = str(error)
        if "UTF-8" in what:
            return NotUtf8Error(**here)
        at = line[max(error.pos - 1, 0) : error.pos + 12].lstrip(b":,[ -+").lower()
        if "infinity" in what or at.startswith((b"nan", b"inf")):
            return NotFiniteError(**here)
        return NotJsonError(what=what if line.strip() else "empty line", **here)

    def _only_fields(self, document: Mapping[str, Any]) -> None:
        fields = _FIELDS[self.task]
        for field in document:
            if field not in fields:
                nearest = get_close_matches(field, fields, n=1, cutoff=0)[0]
                raise UnknownFieldError(
                    line_number=self.line_number,
                    field=shown(field),
                    task=self.task,
                    nearest=nearest,
                )

    def prediction(self, document: dict[str, Any]) -> Prediction:
        readers: Mapping[str, Callable[[dict[str, Any], str], Prediction]] = {
            "classify": self._labelled,
            "detect": self._boxes,
            "alarm": self._alarm,
            "value": self._number,
        }
        name = self._field(document, "id")
        if type(name) is not str:
            raise self._wrong("id", name, en="the item's id, as text", zh="条目编号（文本）")
        return readers[self.task](document, name)

    def _labelled(self, document: dict[str, Any], name: str) -> Labelled:
        label = self._class(self._field(document, "label"), field="label")
        scores = document.get("scores")
        if "scores" in document:
            if type(scores) is not dict:
                raise self._wrong(
                    "scores", scores, en="an object of scores by class", zh="按类别给分的对象"
                )
            for key, value in scores.items():
                self._class(key, field="scores")
                self._score(value, field=f"scores.{shown(key)}")
        return Labelled(name, label, self._optional_score(document), scores)

    def _boxes(self, document: dict[str, Any], name: str) -> Boxes:
        boxes = self._field(document, "boxes")
        if type(boxes) is not list:
            raise self._wrong(
                "boxes",
                boxes,
                en="a list, empty if nothing was found",
                zh="列表（没有发现就写空列表）",
            )
        return Boxes(name, tuple(self._box(box, at=i) for i, box in enumerate(boxes)))

    def _box(self, box: Any, *, at: int) -> Box:  # noqa: ANN401 - a solution may answer anything
        field = f"boxes[{at}]"
        if type(box) is not dict or not {"box", "label"} <= box.keys() <= {"box", "label", "score"}:
            raise self._wrong(
                field,
                box,
                en='{"box":[x1,y1,x2,y2],"label":…} with an optional "score"',
                zh='{"box":[x1,y1,x2,y2],"label":…}，可另有 "score"',
            )
        corners = box["box"]
        if type(corners) is not list or len(corners) != _CORNERS:
            raise BadBoxError(
                line_number=self.line_number, field=f"{field}.box", value=_json(corners)
            )
        x1, y1, x2, y2 = (self._finite(corner, field=f"{field}.box") for corner in corners)
        if not (x1 < x2 and y1 < y2):
            raise BadBoxError(
                line_number=self.line_number, field=f"{field}.box", value=_json(corners)
            )
        label = self._class(box["label"], field=f"{field}.label")
        return Box(
            x1, y1, x2, y2, label, self._score(box.get("score", 1.0), field=f"{field}.score")
        )

    def _alarm(self, document: dict[str, Any], name: str) -> Alarm:
        alarm = self._field(document, "alarm")
        if type(alarm) is not bool:
            raise self._wrong("alarm", alarm, en="true or false", zh=" true 或 false")
        return Alarm(name, alarm, self._optional_score(document))

    def _number(self, document: dict[str, Any], name: str) -> Number:
        return Number(name, self._finite(self._field(document, "value"), field="value"))

    def _field(self, document: dict[str, Any], field: str) -> Any:  # noqa: ANN401 - not yet judged
        if field not in document:
            raise MissingFieldError(
                line_number=self.line_number,
                field=field,
                task=self.task,
                example=EXAMPLES[self.task],
            )
        return document[field]

    def _class(self, value: object, *, field: str) -> str:
        if type(value) is not str:
            raise self._wrong(
                field, value, en="the name of a class, as text", zh="类别名称（文本）"
            )
        if self.classes is not None and value not in self.classes:
            names = ", ".join(map(_json, sorted(self.classes)))
            raise UnknownClassError(
                line_number=self.line_number, field=field, value=_json(value), classes=names
            )
        return value

    def _optional_score(self, document: dict[str, Any]) -> float | None:
        return self._score(document["score"], field="score") if "score" in document else None

    def _score(self, value: object, *, field: str) -> float:
        score = self._finite(value, field=field)
        if not 0 <= score <= 1:
            raise OutOfRangeError(line_number=self.line_number, field=field, value=_json(value))
        return score

    def _finite(self, value: object, *, field: str) -> float:
        if type(value) is not float and type(value) is not int:
            raise self._wrong(field, value, en="a number, without quotes", zh="数字（不加引号）")
        if not -NUMBER_MAX <= value <= NUMBER_MAX:
            raise NotFiniteError(line_number=self.line_number, value=_json(value))
        return float(value)

    def _wrong(self, field: str, value: object, *, en: str, zh: str) -> WrongTypeError:
        return WrongTypeError(
            line_number=self.line_number, field=field, value=_json(value), wanted=en, wanted_zh=zh
        )


def _json(value: object) -> str:
    return shown(orjson.dumps(value).decode())
