"""Read DeepPCB as it was repacked: pairs.csv, boxes.csv and one zip of pictures for each split.

Source: Tang et al., "On-line PCB Defect Detector On A New PCB Defect Dataset", arXiv 1902.06197.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import attrs
import cv2
import numpy as np
from numpy.typing import NDArray

from liudu.contract import Refusal
from liudu.inspect.raster import Picture, as_picture, binary

CLASSES = ("open", "short", "mousebite", "spur", "copper", "pin-hole")
SPLITS = ("trainval", "devtest")
VALIDATION_PAIRS = 150
VALIDATION_SEED = 0


class NoDeepPcbError(Refusal):
    """The folder does not hold the repacked data."""

    en = (
        "{folder} holds no {missing}: "
        "name the folder that has pairs.csv, boxes.csv and {split}.zip."
    )
    zh = "{folder} 中没有 {missing}：请指定含有 pairs.csv、boxes.csv 和 {split}.zip 的文件夹。"


@attrs.frozen(kw_only=True)
class Pair:
    """A template and a board with its annotated defects.

    Attributes
    ----------
    name, group
        Eight digits; the board group is the lot that the pair comes from.
    template, test
        uint8 (640, 640) of 0 and 255.
    boxes
        int32 (n, 5): x1, y1, x2, y2, class 1 … 6 (see `CLASSES`).

    """

    name: str
    group: str
    template: Picture
    test: Picture
    boxes: NDArray[np.int32]


def pairs(folder: Path, *, split: str) -> Iterator[Pair]:
    """Yield the pairs of one split in the official order."""
    for name in ("pairs.csv", "boxes.csv", f"{split}.zip"):
        if not (folder / name).is_file():
            raise NoDeepPcbError(folder=folder, missing=name, split=split)
    boxes = _boxes(folder / "boxes.csv")
    with ZipFile(folder / f"{split}.zip") as pictures:
        for row in _rows(folder / "pairs.csv"):
            if row["split"] == split:
                yield Pair(
                    name=row["pair"],
                    group=row["group"],
                    template=_picture(pictures, f"{row['pair']}_temp.png"),
                    test=_picture(pictures, f"{row['pair']}_test.png"),
                    boxes=np.array(boxes.get(row["pair"], []), np.int32).reshape(-1, 5),
                )


def validation_pairs(everything: list[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Split trainval into its training part and the fixed 150 validation pairs."""
    # RandomState, for the fixed split of the published figures was drawn with it.
    order = np.random.RandomState(VALIDATION_SEED).permutation(len(everything))
    chosen = {int(index) for index in order[:VALIDATION_PAIRS]}
    training = [pair for index, pair in enumerate(everything) if index not in chosen]
    return training, [everything[int(index)] for index in order[:VALIDATION_PAIRS]]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="ascii") as lines:
        yield from csv.DictReader(lines)


def _boxes(path: Path) -> dict[str, list[list[int]]]:
    boxes: dict[str, list[list[int]]] = {}
    for row in _rows(path):
        box = [int(row[key]) for key in ("x1", "y1", "x2", "y2", "class")]
        boxes.setdefault(row["pair"], []).append(box)
    return boxes


def _picture(pictures: ZipFile, name: str) -> Picture:
    grey = cv2.imdecode(np.frombuffer(pictures.read(name), np.uint8), cv2.IMREAD_GRAYSCALE)
    return binary(as_picture(grey))
