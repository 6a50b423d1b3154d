"""What the runner sends: the items, one JSON object a line."""

from collections.abc import Mapping
from typing import Any, Literal

import attrs
import orjson

from liudu.contract._manifest import CONTRACT, Mode, Task
from liudu.contract._problem import shown
from liudu.contract._refusal import Refusal

END_LINE = b'{"op":"end"}\n'


class BadItemError(Refusal):
    """A line of ``items.jsonl`` is not an item."""

    en = "Line {line_number} of the items is not an item of the contract: {what}."
    zh = "条目文件第 {line_number} 行不是合约规定的条目：{what}。"


@attrs.frozen(kw_only=True)
class Item:
    """One piece as a solution sees it.

    Attributes
    ----------
    id
        A random name that says nothing about the piece.
    path
        The piece's main file, relative to the input folder, if it has one.
    companions
        More files by role (``template``), relative to the input folder.
    data
        Public values, such as the counts of one step of a series.

    """

    id: str
    path: str | None = None
    companions: Mapping[str, str] = attrs.field(factory=dict)
    data: Mapping[str, object] = attrs.field(factory=dict)


def item_line(item: Item, op: Literal["warmup", "item"] | None = None) -> bytes:
    """Return an item as one line: without `op` for ``items.jsonl``, with it for a stream."""
    line: dict[str, object] = {"id": item.id} if op is None else {"op": op, "id": item.id}
    if item.path is not None:
        line["path"] = item.path
    if item.companions:
        line["with"] = dict(item.companions)
    if item.data:
        line["data"] = dict(item.data)
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def parse_item(line: bytes, *, line_number: int) -> Item:
    """Read one line of ``items.jsonl``; the opposite of `item_line`."""
    try:
        value: Any = orjson.loads(line)
        return Item(
            id=value["id"],
            path=value.get("path"),
            companions=value.get("with", {}),
            data=value.get("data", {}),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise BadItemError(line_number=line_number, what=shown(error)) from error


def trial_card(
    *,
    task: Task,
    mode: Mode,
    classes: tuple[str, ...],
    positive: str | None,
    window: int,
    item_count: int | None,
) -> bytes:
    """Return ``trial.json``: what a solution may know of the trial.

    `item_count` is None when the trial may stop early.
    """
    card = {
        "contract": CONTRACT,
        "task": task,
        "mode": mode,
        "classes": classes,
        "positive": positive,
        "window": window,
        "item_count": item_count,
    }
    return orjson.dumps(card, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
