"""The solution that is tried: the contract's batch and stream modes around the inspector.

This module and what it imports are copied into the bundle; they need Python, numpy and
OpenCV and nothing else of ours.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import cv2

from liudu.inspect.inspector import Findings, defects, inspect, piece_score
from liudu.inspect.network import Network, load
from liudu.inspect.pictures import PictureError, read_pair

Item = Mapping[str, Any]
Answer = dict[str, Any]
Answerer = Callable[[Item], Answer]


def main(folder: Path, arguments: list[str]) -> int:
    """Serve one trial; `folder` is the bundle that holds `settings.json` and the weights."""
    cv2.setNumThreads(1)
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    network = load(folder / settings["weights"])
    root = Path(os.environ["LIUDU_IN"])
    answer = answerer(network, settings, root=root)
    if "stream" in arguments:
        return stream(answer, sys.stdin, sys.stdout)
    return batch(answer, root / "items.jsonl", Path(os.environ["LIUDU_OUT"]))


def answerer(network: Network, settings: Mapping[str, Any], *, root: Path) -> Answerer:
    """Return the function that answers one item of the task that the bundle was packed for."""
    answer = {"detect": _detected, "classify": _classified}[settings["task"]]
    unsure = {"detect": _detect_unsure, "classify": _classify_unsure}[settings["task"]]
    score_min = float(settings["score_min"])

    def answered(item: Item) -> Answer:
        try:
            findings, shape = _findings(network, item, root=root)
            return {"id": item["id"], **answer(findings, item, shape, score_min)}
        except (PictureError, cv2.error, KeyError, TypeError, ValueError) as error:
            sys.stderr.write(f"{item['id']}: {error}; answered defective, score 1\n")
            return {"id": item["id"], **unsure()}

    return answered


def _findings(network: Network, item: Item, *, root: Path) -> tuple[Findings, tuple[int, int]]:
    companions = item.get("with") or {}
    if "template" not in companions:
        raise PictureError("the piece has no companion named template")
    test, template = read_pair(root / item["path"], root / companions["template"])
    return inspect(network, template=template, test=test), (test.shape[0], test.shape[1])


def _detected(findings: Findings, item: Item, shape: tuple[int, int], score_min: float) -> Answer:
    del item, shape
    found = defects(findings, score_min=score_min)
    return {"boxes": [{"box": d.box, "label": d.label, "score": d.score} for d in found]}


def _classified(findings: Findings, item: Item, shape: tuple[int, int], score_min: float) -> Answer:
    margin_px = int((item.get("data") or {}).get("margin", 0))
    score = piece_score(findings, shape=shape, margin_px=margin_px)
    return {"label": "defective" if score > score_min else "ok", "score": round(score, 6)}


def _detect_unsure() -> Answer:
    """Return the safe answer for a piece that cannot be inspected: all of it is suspect."""
    whole = {"box": [0.0, 0.0, 640.0, 640.0], "label": "open", "score": 1.0}
    return {"boxes": [whole]}


def _classify_unsure() -> Answer:
    return {"label": "defective", "score": 1.0}


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
