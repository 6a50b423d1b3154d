"""Write simulated boards as a data folder that can be sealed, marked as simulated."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import attrs
import cv2
import numpy as np

from liudu.contract import Refusal
from liudu.inspect.boards import KINDS, Board, Look, draw_board
from liudu.inspect.raster import Picture

Task = Literal["detect", "classify"]

GENERATOR = "liudu.inspect.boards"
GENERATOR_VERSION = "1"
MARK = "simulated.json"
SIDE_PX = {"classify": 160, "detect": 640}
DEFECTS_PER_BOARD = (3, 12)  # of a defective board in detect, as in DeepPCB
COUNT_MAX = 1_000_000


class FolderInUseError(Refusal):
    """Simulated pieces are never mixed with others."""

    en = "{folder} is not empty: name a new folder, or empty it first."
    zh = "{folder} 不是空文件夹：请换一个新文件夹，或先将它清空。"


class BadSimulationError(Refusal):
    """A parameter of the simulation is out of range."""

    en = "{name} is {value}, but must be {limit}."
    zh = "{name} 为 {value}，但应为 {limit}。"


@attrs.frozen(kw_only=True)
class Simulation:
    """What to draw.

    Attributes
    ----------
    task
        `classify`: pieces of 160×160 with at most one defect; `detect`: boards of 640×640
        with 3 to 12 defects or none.
    count
        Number of pieces.
    defect_rate
        Share of pieces that are defective; met exactly, but for rounding.
    seed
        Each piece has a stream of its own, so that piece 7 is the same in 10 and in 10 000.
    kinds
        Which kinds of defect; a kind named twice is twice as frequent.
    look
        How scans differ, see `liudu.inspect.boards.Look`.

    """

    task: Task
    count: int
    defect_rate: float
    seed: int
    kinds: tuple[str, ...] = KINDS
    look: Look = attrs.field(factory=Look)

    def __attrs_post_init__(self) -> None:
        _require("count", self.count, 1 <= self.count <= COUNT_MAX, f"1 … {COUNT_MAX}")
        _require("defect-rate", self.defect_rate, 0 <= self.defect_rate <= 1, "0 … 1")
        _require("seed", self.seed, self.seed >= 0, "≥ 0")
        known = bool(self.kinds) and set(self.kinds) <= set(KINDS)
        _require("kinds", ",".join(self.kinds), known, ", ".join(KINDS))


def _require(name: str, value: object, right: bool, limit: str) -> None:
    if not right:
        raise BadSimulationError(name=name, value=value, limit=limit)


def simulated(simulation: Simulation) -> Iterator[Board]:
    """Draw the boards one after the other; none is kept."""
    defective = _which_are_defective(simulation)
    for index in range(simulation.count):
        rng = np.random.default_rng([simulation.seed, index])
        kinds = _kinds(simulation, rng=rng) if defective[index] else ()
        side_px = SIDE_PX[simulation.task]
        yield draw_board(rng=rng, side_px=side_px, defects=kinds, look=simulation.look)


def _which_are_defective(simulation: Simulation) -> Any:  # noqa: ANN401 - an array of bool
    rng = np.random.default_rng([simulation.seed, COUNT_MAX])
    defective = np.arange(simulation.count) < round(simulation.count * simulation.defect_rate)
    return rng.permutation(defective)


def _kinds(simulation: Simulation, *, rng: np.random.Generator) -> tuple[str, ...]:
    low, high = DEFECTS_PER_BOARD
    count = 1 if simulation.task == "classify" else int(rng.integers(low, high + 1))
    return tuple(str(kind) for kind in rng.choice(np.array(simulation.kinds), count))


def write(
    simulation: Simulation, into: Path, *, advance: Callable[[int], None] = lambda _steps: None
) -> None:
    """Write pictures, `labels.csv` and the mark `simulated.json`.

    Raises
    ------
    FolderInUseError
        When `into` holds something.

    """
    if into.exists() and any(into.iterdir()):
        raise FolderInUseError(folder=into)
    into.mkdir(parents=True, exist_ok=True)
    mark = {
        "simulated": True,
        "generator": GENERATOR,
        "version": GENERATOR_VERSION,
        "parameters": attrs.asdict(simulation),
    }
    # The mark comes first: a folder that was left half written is marked as well.
    (into / MARK).write_text(json.dumps(mark, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    row = {"classify": classify_rows, "detect": detect_rows}[simulation.task]
    columns = HEADER[simulation.task]
    with (into / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        labels = csv.writer(file, lineterminator="\n")
        labels.writerow(columns)
        for index, board in enumerate(simulated(simulation)):
            name = f"{index:06d}"
            write_picture(into / f"{name}_test.png", board.test)
            write_picture(into / f"{name}_template.png", board.template)
            labels.writerows(row(name, board))
            advance(1)


HEADER = {
    "classify": ("file", "label", "with.template"),
    "detect": ("file", "label", "x1", "y1", "x2", "y2", "with.template"),
}


def classify_rows(name: str, board: Board) -> list[tuple[object, ...]]:
    """Return the one row of a piece."""
    label = "defective" if board.kinds else "ok"
    return [(f"{name}_test.png", label, f"{name}_template.png")]


def detect_rows(name: str, board: Board) -> list[tuple[object, ...]]:
    """Return one row for each defect, or one with empty label and box."""
    file, template = f"{name}_test.png", f"{name}_template.png"
    if not board.kinds:
        return [(file, "", "", "", "", "", template)]
    return [
        (file, kind, *(int(v) for v in box), template)
        for kind, box in zip(board.kinds, board.boxes, strict=True)
    ]


def write_picture(path: Path, picture: Picture) -> None:
    """Write a binary picture as PNG with one bit a pixel."""
    if not cv2.imwrite(str(path), picture, [cv2.IMWRITE_PNG_BILEVEL, 1]):
        raise OSError(f"{path} could not be written")
