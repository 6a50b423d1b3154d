"""Bring the template to where the board lies: one shift for the board, then one for each tile.

Pictures are uint8 (height, width) of 0 and 255. A shift (dx, dy) reads the template at
(x + dx, y + dy); what lies beyond its edge repeats the edge.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from liudu.inspect.raster import Picture, bordered

TILE_PX = 80
TILE_MARGIN_PX = 20
COARSE = 4  # the coarse search looks at pictures a quarter as wide
GAIN_MIN_PX = 6  # a tile moves only when that many pixels more agree
NEIGHBOURS = ((0, 0), (-1, 0), (1, 0), (0, -1), (-1, -1), (1, -1), (0, 1), (-1, 1), (1, 1))


def register(template: Picture, test: Picture, *, reach_px: int = 20) -> Picture:
    """Return the template moved, tile by tile, onto the test picture.

    Parameters
    ----------
    template, test
        Binary pictures of one size.
    reach_px
        The largest shift of the whole board that is looked for.

    """
    dx, dy = board_shift(template, test, reach_px=reach_px)
    aligned = follow_tiles(template, test, dx=dx, dy=dy)
    return search_poor_tiles(template, aligned, test)


def moved(template: Picture, *, dx: int, dy: int) -> Picture:
    """Return the template read at (x + dx, y + dy), its edges repeated."""
    if not (dx or dy):
        return template
    pad = max(abs(dx), abs(dy))
    height, width = template.shape
    padded = bordered(template, pad)
    return padded[pad + dy : pad + dy + height, pad + dx : pad + dx + width]


def board_shift(template: Picture, test: Picture, *, reach_px: int) -> tuple[int, int]:
    """Find the shift of the whole board, coarse to fine.

    The three best shifts at a quarter of the width are looked at pixel by pixel, for on a
    board of parallel traces the best coarse shift may be one trace aside.
    """
    reach_px = min(reach_px, min(test.shape) // 4)
    starts = {(0, 0), *_coarse_shifts(template, test, reach_px=reach_px, count=3)}
    near = range(-COARSE + 1, COARSE)
    shifts = {(x + i, y + j) for x, y in starts for i in near for j in near}
    inside = [s for s in shifts if max(abs(s[0]), abs(s[1])) <= reach_px]
    return min(inside, key=lambda s: (_disagreement(template, test, s), abs(s[0]) + abs(s[1]), s))


def _coarse_shifts(
    template: Picture, test: Picture, *, reach_px: int, count: int
) -> list[tuple[int, int]]:
    """Return the `count` best shifts on the coarse grid, in pixels."""
    reach = reach_px // COARSE
    if reach < 1:
        return []
    size = (test.shape[1] // COARSE, test.shape[0] // COARSE)
    small = cv2.resize(template, size, interpolation=cv2.INTER_AREA)
    inner = cv2.resize(test, size, interpolation=cv2.INTER_AREA)[reach:-reach, reach:-reach]
    cost = cv2.matchTemplate(small, inner, cv2.TM_SQDIFF)
    best = np.argsort(cost, axis=None, kind="stable")[:count]
    rows, columns = np.unravel_index(best, cost.shape)
    return [
        (int(x - reach) * COARSE, int(y - reach) * COARSE)
        for y, x in zip(rows, columns, strict=True)
    ]


def _disagreement(template: Picture, test: Picture, shift: tuple[int, int]) -> float:
    """Return the share of pixels that differ under a shift, on every fifth row that both have."""
    dx, dy = shift
    height, width = test.shape
    x0, x1 = max(0, -dx), min(width, width - dx)
    y0, y1 = max(0, -dy), min(height, height - dy)
    here = test[y0:y1:5, x0:x1]
    there = template[y0 + dy : y1 + dy : 5, x0 + dx : x1 + dx]
    return cv2.countNonZero(cv2.bitwise_xor(here, there)) / here.size


def follow_tiles(template: Picture, test: Picture, *, dx: int, dy: int) -> Picture:
    """Move the whole template by (dx, dy), then each tile one pixel further where that agrees."""
    options = [moved(template, dx=dx + i, dy=dy + j) for i, j in NEIGHBOURS]
    differing = np.stack([_differing_per_tile(option, test) for option in options])
    differing[1:] += GAIN_MIN_PX
    choice = differing.argmin(axis=0)
    aligned = options[0].copy()
    for row, column in zip(*np.nonzero(choice), strict=True):
        at = _tile(int(row), int(column))
        aligned[at] = options[choice[row, column]][at]
    return aligned


def _differing_per_tile(aligned: Picture, test: Picture) -> NDArray[np.float32]:
    """Return how many pixels differ in and around each tile, shape (tile rows, tile columns)."""
    cell = 8
    height, width = test.shape
    size = (max(1, width // cell), max(1, height // cell))
    share = cv2.resize(cv2.bitwise_xor(aligned, test), size, interpolation=cv2.INTER_AREA)
    side = (TILE_PX + 2 * TILE_MARGIN_PX) // cell
    summed = cv2.boxFilter(
        share, cv2.CV_32F, (side, side), normalize=False, borderType=cv2.BORDER_REPLICATE
    )
    step, half = TILE_PX // cell, TILE_PX // cell // 2
    rows = np.minimum(np.arange(-(-height // TILE_PX)) * step + half, size[1] - 1)
    columns = np.minimum(np.arange(-(-width // TILE_PX)) * step + half, size[0] - 1)
    return np.asarray(summed[np.ix_(rows, columns)] * (cell * cell / 255), dtype=np.float32)


def _tile(row: int, column: int) -> tuple[slice, slice]:
    y, x = row * TILE_PX, column * TILE_PX
    return slice(y, y + TILE_PX), slice(x, x + TILE_PX)


def search_poor_tiles(
    template: Picture,
    aligned: Picture,
    test: Picture,
    *,
    differing_max: float = 0.02,
    reach_px: int = 6,
) -> Picture:
    """Search wider, on the template as it came, for tiles that still differ too much."""
    pad = TILE_MARGIN_PX + reach_px
    wide = bordered(template, pad)
    seen = bordered(test, TILE_MARGIN_PX)
    mended = aligned.copy()
    for at in _poor_tiles(aligned, test, differing_max=differing_max):
        better = _best_tile(wide, seen, at, reach_px=reach_px)
        differing = cv2.countNonZero(cv2.bitwise_xor(better, test[at]))
        if differing < cv2.countNonZero(cv2.bitwise_xor(mended[at], test[at])):
            mended[at] = better
    return mended


def _poor_tiles(
    aligned: Picture, test: Picture, *, differing_max: float
) -> Iterator[tuple[slice, slice]]:
    difference = cv2.bitwise_xor(aligned, test)
    for row in range(-(-test.shape[0] // TILE_PX)):
        for column in range(-(-test.shape[1] // TILE_PX)):
            at = _tile(row, column)
            tile = difference[at]
            if cv2.countNonZero(tile) >= differing_max * tile.size:
                yield at


def _best_tile(wide: Picture, seen: Picture, at: tuple[slice, slice], *, reach_px: int) -> Picture:
    """Return the part of the padded template that fits one tile best, far shifts at a price."""
    y, x = at[0].start, at[1].start
    height = min(TILE_PX, seen.shape[0] - 2 * TILE_MARGIN_PX - y)
    width = min(TILE_PX, seen.shape[1] - 2 * TILE_MARGIN_PX - x)
    around = 2 * TILE_MARGIN_PX
    piece = seen[y : y + height + around, x : x + width + around]
    field = wide[y : y + height + around + 2 * reach_px, x : x + width + around + 2 * reach_px]
    differing = cv2.matchTemplate(field, piece, cv2.TM_SQDIFF) / 255.0**2
    steps = np.abs(np.arange(-reach_px, reach_px + 1))
    price = differing + 6.0 * (steps[:, None] + steps[None, :])
    j, i = np.unravel_index(int(price.argmin()), price.shape)
    top, left = y + int(j) + TILE_MARGIN_PX, x + int(i) + TILE_MARGIN_PX
    return wide[top : top + height, left : left + width]
