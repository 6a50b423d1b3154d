"""The solution that is tried: the contract's batch and stream modes around the inspector.

This module and what it imports are copied into the bundle; they need Python, numpy and
OpenCV and nothing else of ours. A piece that cannot be inspected is never passed: it is
answered as defective with score 1, and standard error says why.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import cv2

from liudu.inspect.inspector import CLASSES, Findings, defects, inspect, piece_score
from liudu.inspect.network import Network, load
from liudu.inspect.pictures import PictureError, read_binary, read_pair

Item = Mapping[str, Any]
Answer = dict[str, Any]
Answerer = Callable[[Item], Answer]

SIDE_UNKNOWN_PX = 640
BROKEN = (PictureError, cv2.error, KeyError, TypeError, ValueError, MemoryError)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How one trial is answered.

    Attributes
    ----------
    task
        `detect` or `classify`.
    score_min
        A defect counts above this score.
    classes
        detect: the kinds that the trial knows and the network too.
    positive, negative
        classify: how the trial calls a defective and a good piece.

    """

    task: str
    score_min: float
    classes: tuple[str, ...] = CLASSES
    positive: str = "defective"
    negative: str = "ok"


def main(folder: Path, arguments: list[str]) -> int:
    """Serve one trial; `folder` is the bundle that holds `settings.json` and the weights."""
    cv2.setNumThreads(1)
    packed = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    network = load(folder / packed["weights"])
    root = Path(os.environ["LIUDU_IN"])
    answer = answerer(network, settings(packed, trial=_trial(root)), root=root)
    if "stream" in arguments:
        return stream(answer, sys.stdin, sys.stdout)
    return batch(answer, root / "items.jsonl", Path(os.environ["LIUDU_OUT"]))


def _trial(root: Path) -> Mapping[str, Any]:
    """Return what the trial says of itself; nothing where there is no trial.json."""
    path = root / "trial.json"
    said: Mapping[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
    return said


def settings(packed: Mapping[str, Any], *, trial: Mapping[str, Any]) -> Settings:
    """Bring together what the bundle was packed for and the names that the trial uses."""
    named = [str(name) for name in trial.get("classes") or ()]
    positive = str(trial.get("positive") or "defective")
    return Settings(
        task=str(packed["task"]),
        score_min=float(packed["score_min"]),
        classes=tuple(name for name in CLASSES if name in named) or CLASSES,
        positive=positive,
        negative=next((name for name in named if name != positive), "ok"),
    )


def answerer(network: Network, chosen: Settings, *, root: Path) -> Answerer:
    """Return the function that answers one item."""
    detecting = chosen.task == "detect"
    answer, unsure = (_detected, _whole) if detecting else (_classified, _rejected)

    def answered(item: Item) -> Answer:
        try:
            findings, shape = _findings(network, item, root=root)
            return {"id": item["id"], **answer(findings, item, shape, chosen)}
        except BROKEN as error:
            sys.stderr.write(f"{item['id']}: {error}; answered as defective, score 1\n")
            return {"id": item["id"], **unsure(item, chosen, root)}

    return answered


def _findings(network: Network, item: Item, *, root: Path) -> tuple[Findings, tuple[int, int]]:
    companions = item.get("with") or {}
    if "template" not in companions:
        raise PictureError("the piece has no companion named template")
    test, template = read_pair(root / item["path"], root / companions["template"])
    return inspect(network, template=template, test=test), (test.shape[0], test.shape[1])


def _detected(findings: Findings, _item: Item, _shape: tuple[int, int], chosen: Settings) -> Answer:
    found = defects(findings, score_min=chosen.score_min, classes=chosen.classes)
    return {"boxes": [{"box": d.box, "label": d.label, "score": d.score} for d in found]}


def _classified(findings: Findings, item: Item, shape: tuple[int, int], chosen: Settings) -> Answer:
    margin_px = int((item.get("data") or {}).get("margin", 0))
    score = piece_score(findings, shape=shape, margin_px=margin_px)
    label = chosen.positive if score > chosen.score_min else chosen.negative
    return {"label": label, "score": round(score, 6)}


def _whole(item: Item, chosen: Settings, root: Path) -> Answer:
    """Return the safe answer of detect: all of the picture is suspect."""
    try:
        height, width = read_binary(root / item["path"]).shape
    except BROKEN:
        height = width = SIDE_UNKNOWN_PX
    return {"boxes": [{"box": [0, 0, width, height], "label": chosen.classes[0], "score": 1.0}]}


def _rejected(_item: Item, chosen: Settings, _root: Path) -> Answer:
    """Return the safe answer of classify."""
    return {"label": chosen.positive, "score": 1.0}


def batch(answer: Answerer, items: Path, out: Path) -> int:
    """Answer all of `items.jsonl` into `predictions.jsonl`."""
    with (
        items.open(encoding="utf-8") as lines,
        (out / "predictions.jsonl").open("w", encoding="utf-8") as predictions,
    ):
        for item in _items(lines):
            predictions.write(_line(answer(item)))
    return 0


def stream(answer: Answerer, lines: TextIO, predictions: TextIO) -> int:
    """Answer each item as it comes, until the end is announced."""
    for item in _items(lines):
        if item.get("op") == "end":
            return 0
        predictions.write(_line(answer(item)))
        predictions.flush()
    return 0


def _items(lines: TextIO) -> Iterator[Item]:
    return (json.loads(line) for line in lines if line.strip())


def _line(answer: Answer) -> str:
    return json.dumps(answer, separators=(",", ":")) + "\n"
