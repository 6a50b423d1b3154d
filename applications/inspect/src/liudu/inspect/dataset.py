"""Write DeepPCB as a data folder that can be sealed: whole boards, or tiles of them."""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import attrs

from liudu.inspect.deeppcb import CLASSES, Pair
from liudu.inspect.raster import Picture, bordered
from liudu.inspect.simulate import FolderInUseError, write_picture

Task = Literal["detect", "classify"]
Cluster = Literal["group", "pair"]
Row = tuple[object, ...]

TILE_PX = 160
MARGIN_PX = 32  # shown around a tile for comparing, not for judging
HEADER: dict[Task, tuple[str, ...]] = {
    "detect": ("file", "label", "x1", "y1", "x2", "y2", "cluster", "with.template"),
    "classify": ("file", "label", "cluster", "with.template", "data.margin"),
}

DEFAULT_CLUSTER: dict[Task, Cluster] = {"detect": "group", "classify": "pair"}


@attrs.frozen(kw_only=True)
class Tile:
    """A part of a board, with a margin that is there to be compared and not to be judged.

    Attributes
    ----------
    x, y
        Where the judged part begins on the board.
    template, test
        uint8 (224, 224): 160 judged pixels and 32 around; beyond the board the edge repeats.
    kind
        0 for a good tile, or 1 … 6: the first defect centred in it.

    """

    x: int
    y: int
    template: Picture
    test: Picture
    kind: int


def tiles(pair: Pair) -> Iterator[Tile]:
    """Cut a board into tiles that are surely good or surely defective.

    Defective: the centre of an annotation lies in the judged part. Good: no annotation
    touches it. Tiles that are only touched are left out.
    """
    template, test = (bordered(picture, MARGIN_PX) for picture in (pair.template, pair.test))
    seen_px = TILE_PX + 2 * MARGIN_PX
    for y in range(0, pair.test.shape[0], TILE_PX):
        for x in range(0, pair.test.shape[1], TILE_PX):
            kind = _tile_kind(pair, x=x, y=y)
            if kind is None:
                continue
            at = slice(y, y + seen_px), slice(x, x + seen_px)
            yield Tile(x=x, y=y, template=template[at], test=test[at], kind=kind)


def _tile_kind(pair: Pair, *, x: int, y: int) -> int | None:
    box = pair.boxes
    centre_x, centre_y = (box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2
    right, bottom = x + TILE_PX, y + TILE_PX
    inside = (centre_x >= x) & (centre_x < right) & (centre_y >= y) & (centre_y < bottom)
    touching = (box[:, 0] < right) & (box[:, 2] > x) & (box[:, 1] < bottom) & (box[:, 3] > y)
    if inside.any():
        return int(box[inside][0, 4])
    return None if touching.any() else 0


def write(
    pairs: Iterable[Pair],
    into: Path,
    *,
    task: Task,
    cluster: Cluster | None = None,
    advance: Callable[[int], None] = lambda _steps: None,
) -> int:
    """Write pictures and `labels.csv`; return the number of pieces.

    The cluster is what pieces share. By default it is in `detect` the board group, for boards
    of one lot fail alike, and in `classify` the pair, for tiles of one board do. Clusters of
    pairs speak of new boards of these lots; clusters of groups speak of new lots.

    Raises
    ------
    FolderInUseError
        When `into` holds something.

    """
    if into.exists() and any(into.iterdir()):
        raise FolderInUseError(folder=into)
    into.mkdir(parents=True, exist_ok=True)
    put = {"detect": _put_board, "classify": _put_tiles}[task]
    shared = cluster or DEFAULT_CLUSTER[task]
    files: set[object] = set()
    with (into / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        labels = csv.writer(file, lineterminator="\n")
        labels.writerow(HEADER[task])
        for pair in pairs:
            rows = put(pair, into, pair.group if shared == "group" else pair.name)
            labels.writerows(rows)
            files.update(row[0] for row in rows)
            advance(1)
    return len(files)


def _put_board(pair: Pair, into: Path, cluster: str) -> list[Row]:
    file, template = f"{pair.name}_test.png", f"{pair.name}_template.png"
    write_picture(into / file, pair.test)
    write_picture(into / template, pair.template)
    shared = (cluster, template)
    rows: list[Row] = [
        (file, CLASSES[int(kind) - 1], int(x1), int(y1), int(x2), int(y2), *shared)
        for x1, y1, x2, y2, kind in pair.boxes
    ]
    return rows or [(file, "", "", "", "", "", *shared)]


def _put_tiles(pair: Pair, into: Path, cluster: str) -> list[Row]:
    rows: list[Row] = []
    for tile in tiles(pair):
        name = f"{pair.name}_{tile.x:03d}_{tile.y:03d}"
        file, template = f"{name}_test.png", f"{name}_template.png"
        write_picture(into / file, tile.test)
        write_picture(into / template, tile.template)
        label = "defective" if tile.kind else "ok"
        rows.append((file, label, cluster, template, MARGIN_PX))
    return rows
