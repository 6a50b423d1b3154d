"""Where the districts of a city lie on a grid of tiles: a small YAML, no map service."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import attrs
import yaml

from liudu.contract import Refusal
from liudu.outbreak.text import Text, same

SHIPPED: Final = Path(__file__).parent / "tiles"
GRID_MAX: Final = 60
PAIR: Final = 2


class BadTilesError(Refusal):
    """The file does not say where districts lie."""

    en = "{file} is no tile grid ({found}). Wanted: districts: {{NAME: {{at: [column, row]}}}}."
    zh = "{file} 不是区县方格图（{found}）。应写成：districts: {{名称: {{at: [列, 行]}}}}。"


class TileTakenError(Refusal):
    """Two districts lie on one tile."""

    en = "{file}: {first} and {second} both lie on tile {at}. Move one."
    zh = "{file}：{first} 与 {second} 都在方格 {at}。请移动其中一个。"


@attrs.frozen(kw_only=True)
class Tiles:
    """Positions (column, row from 0) and names of districts."""

    positions: Mapping[str, tuple[int, int]]
    labels: Mapping[str, Text]

    def over(self, districts: Iterable[str]) -> "Tiles":
        """Return the grid with districts that it does not know added below it."""
        positions, labels = dict(self.positions), dict(self.labels)
        new = [name for name in dict.fromkeys(districts) if name not in positions]
        first = max((y for _, y in positions.values()), default=-1) + 1
        columns = max(math.isqrt(len(new) - 1) + 1 if new else 1, 1)
        if positions:
            columns = max(x for x, _ in positions.values()) + 1
        for place, name in enumerate(new):
            positions[name] = (place % columns, first + place // columns)
            labels[name] = same(name)
        return Tiles(positions=positions, labels=labels)


EMPTY: Final = Tiles(positions={}, labels={})


def read_tiles(path: Path) -> Tiles:
    """Read a grid: ``districts: {姑苏区: {at: [1, 2], en: Gusu, code: 320508}}``.

    Raises
    ------
    BadTilesError, TileTakenError

    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadTilesError(file=path.name, found=type(error).__name__) from error
    districts = content.get("districts") if isinstance(content, dict) else None
    if not isinstance(districts, dict) or not districts:
        raise BadTilesError(file=path.name, found="no districts")
    positions: dict[str, tuple[int, int]] = {}
    coded: dict[str, tuple[int, int]] = {}
    labels: dict[str, Text] = {}
    for name, entry in districts.items():
        at = _position(entry, file=path.name, name=str(name))
        for other, taken in positions.items():
            if taken == at:
                raise TileTakenError(file=path.name, first=other, second=name, at=list(at))
        positions[str(name)] = at
        label = Text(str(entry.get("zh", name)), str(entry.get("en", entry.get("zh", name))))
        labels[str(name)] = label
        if "code" in entry:  # the same tile under the code that line lists use
            coded[str(entry["code"])] = at
            labels[str(entry["code"])] = label
    return Tiles(positions={**coded, **positions}, labels=labels)


def _position(entry: object, *, file: str, name: str) -> tuple[int, int]:
    at = entry.get("at") if isinstance(entry, dict) else None
    right = (
        isinstance(at, list)
        and len(at) == PAIR
        and all(type(value) is int and 0 <= value < GRID_MAX for value in at)
    )
    if not right or at is None:
        raise BadTilesError(file=file, found=f"{name}: {entry!r}")
    return int(at[0]), int(at[1])
