"""Draw printed boards that look like binarised scans, with defects at known places.

A board is drawn as ideal copper, softened as a lens does, moved by a fraction of a pixel,
etched a little too much or too little, given ragged edges, and cut into black (copper) and
white (base). Template and test are two such scans of one drawing. Everything comes from the
`numpy.random.Generator` that is passed in.
"""

from collections.abc import Callable

import attrs
import cv2
import numpy as np
from numpy.typing import NDArray

from liudu.inspect.raster import Picture, binary

COPPER, BASE = 0, 255
KINDS = ("open", "short", "mousebite", "spur", "copper", "pin-hole")
RING_PX, HOLE_MIN_PX = 6, 6  # a drilled via; a smaller hole reads as a pin-hole
RIM_PX = 24  # drawn around the picture, so that a moved board shows more board
BOX_RIM_PX = 9  # how loosely people box a defect
BOX_SIDE_MIN_PX = 25
CHANGED_MIN_PX = 24  # a defect that changes less is not one that an inspector would mark
PLACE_TRIES = 40
NOISE_MAX = 100.0  # grey levels: edges grow ragged, flat copper and base stay clean
EDGE_SLOPE = 68.0  # grey levels a pixel at a softened edge, so that etching is in pixels

Field = NDArray[np.float32]
Rng = np.random.Generator


@attrs.frozen(kw_only=True)
class Look:
    """How scans differ from the drawing.

    Attributes
    ----------
    shift_px_max
        Largest shift between template and test, each way.
    etch_px
        Standard deviation of over- or under-etching of a board, in pixels at each edge.
    ragged_px
        Standard deviation of the raggedness of edges, in pixels.
    burst_share
        Share of scans with a patch of rough edges, twice as ragged.
    defect_scale
        Factor on the size of defects.

    """

    shift_px_max: float = 3.0
    etch_px: float = 0.2
    ragged_px: float = 0.2
    burst_share: float = 0.1
    defect_scale: float = 1.0


@attrs.frozen(kw_only=True)
class Board:
    """A drawn template and test with what was put in.

    Attributes
    ----------
    template, test
        uint8 (side, side) of 0 (copper) and 255 (base).
    boxes
        int32 (n, 4): x1, y1, x2, y2 around each defect, as loosely as people draw them.
    kinds
        The kind of each defect, see `KINDS`.

    """

    template: Picture
    test: Picture
    boxes: NDArray[np.int32]
    kinds: tuple[str, ...]


def draw_board(*, rng: Rng, side_px: int, defects: tuple[str, ...], look: Look) -> Board:
    """Draw one board, with the defects named.

    A defect that finds no place on this drawing (a short needs two conductors close by)
    brings a new drawing.
    """
    for _ in range(PLACE_TRIES):
        ideal = draw_copper(rng=rng, side_px=side_px + 2 * RIM_PX)
        faulty, stains = put_defects(ideal, defects, rng=rng, scale=look.defect_scale)
        if len(stains) == len(defects):
            break
    else:
        raise AssertionError("a drawing without room for its defects, many times over")
    dx, dy = (float(v) for v in rng.uniform(-look.shift_px_max, look.shift_px_max, 2))
    template = scan(ideal, rng=rng, look=look, dx=0.0, dy=0.0)
    test = scan(faulty, rng=rng, look=look, dx=dx, dy=dy)
    boxes = [_box(stain, dx=dx, dy=dy, side_px=side_px) for stain in stains]
    return Board(
        template=template,
        test=test,
        boxes=np.array(boxes, np.int32).reshape(-1, 4),
        kinds=defects,
    )


def _chance(share: float, *, rng: Rng) -> bool:
    return bool(rng.random() < share)


# --- copper -----------------------------------------------------------------------------


def draw_copper(*, rng: Rng, side_px: int) -> Picture:
    """Draw conductors: a plane, bundles of traces, pads with their traces, or writing."""
    canvas = np.full((side_px, side_px), BASE, np.uint8)
    if _chance(0.3, rng=rng):
        _draw_plane(canvas, rng=rng)
    area = (side_px / 200) ** 2
    for _ in range(int(rng.integers(1, 3) * area) + 1):
        _draw_if_free(canvas, _draw_bundle, rng=rng)
    for _ in range(int(rng.integers(1, 4) * area) + 1):
        _draw_if_free(canvas, _draw_pad, rng=rng)
    for _ in range(int(rng.integers(0, 4) * area)):
        _draw_if_free(canvas, _draw_via, rng=rng)
    if _chance(0.1, rng=rng):
        _draw_if_free(canvas, _draw_writing, rng=rng)
    return canvas


def _draw_if_free(canvas: Picture, draw: Callable[..., None], *, rng: Rng) -> None:
    """Draw where nothing is near; a few tries, then leave it out."""
    for _ in range(4):
        layer = np.full_like(canvas, BASE)
        draw(layer, rng=rng)
        near = cv2.erode(layer, np.ones((13, 13), np.uint8))
        if not np.any((near == COPPER) & (canvas == COPPER)):
            np.minimum(canvas, layer, out=canvas)
            return


def _draw_plane(canvas: Picture, *, rng: Rng) -> None:
    """Cover one side with copper, with round clearances and a slit."""
    side = len(canvas)
    edge = int(side * rng.uniform(0.25, 0.7))
    tilt = int(side * rng.uniform(-0.2, 0.2))
    corners = np.array([(-9, -9), (edge, -9), (edge + tilt, side + 9), (-9, side + 9)])
    cv2.fillPoly(canvas, [corners.astype(np.int32)], COPPER)
    for _ in range(int(rng.integers(0, 3) * side / 200)):
        centre = tuple(int(v) for v in rng.integers(0, side, 2))
        cv2.circle(canvas, centre, int(rng.integers(10, 26)), BASE, -1)
    if _chance(0.5, rng=rng):
        ends = rng.integers(0, side, (2, 2))
        _line(canvas, ends[0], ends[1], grey=BASE, width=int(rng.integers(9, 16)))
    for _ in range(int(rng.integers(0, 4))):
        canvas[:] = np.rot90(canvas)


def _draw_bundle(canvas: Picture, *, rng: Rng) -> None:
    """Draw parallel traces that bend once by 45 degrees."""
    side = len(canvas)
    width, gap = int(rng.integers(7, 15)), int(rng.integers(9, 26))
    count = int(rng.integers(1, 6))
    offset, bend = rng.uniform(-0.2, 1.0) * side, rng.uniform(0.45, 0.8) * side
    slope = float(rng.choice([-1.0, 0.0, 1.0]))
    begin = -20.0 if _chance(0.7, rng=rng) else rng.uniform(0.1, 0.3) * side
    for index in range(count):
        across = offset + index * (width + gap)
        turn = bend - slope * index * (width + gap) * 0.4142
        far = side + 20.0
        points = [(begin, across), (turn, across), (far, across + slope * (far - turn))]
        cv2.polylines(canvas, [np.array(points, np.int32)], False, COPPER, width)
        if begin > 0:
            cv2.circle(canvas, (int(begin), int(across)), int(width * 0.9), COPPER, -1)
    if _chance(0.5, rng=rng):
        canvas[:] = canvas.T.copy()


def _draw_pad(canvas: Picture, *, rng: Rng) -> None:
    """Draw one or a row of pads, some with a trace that leaves them."""
    side = len(canvas)
    x, y = (int(v) for v in rng.integers(0, side, 2))
    radius, count = int(rng.integers(11, 32)), int(rng.integers(1, 4))
    long = radius + int(rng.integers(0, 2)) * int(rng.integers(5, 30))
    step = 2 * radius + int(rng.integers(10, 22))
    round_pads, traced = _chance(0.5, rng=rng), _chance(0.6, rng=rng)
    for index in range(count):
        centre = (x + index * step, y)
        if round_pads:
            cv2.ellipse(canvas, centre, (radius, long), 0, 0, 360, COPPER, -1)
        else:
            _rounded(canvas, centre, radius, long)
        if traced:
            end = (centre[0], centre[1] + long + 30)
            _line(canvas, centre, end, grey=COPPER, width=int(np.clip(radius * 0.7, 7, 13)))
    if _chance(0.5, rng=rng):
        canvas[:] = canvas.T.copy()


def _rounded(canvas: Picture, centre: tuple[int, int], half_x: int, half_y: int) -> None:
    """Draw a rectangle with round corners of 6 px."""
    x, y = centre
    cv2.rectangle(canvas, (x - half_x + 6, y - half_y), (x + half_x - 6, y + half_y), COPPER, -1)
    cv2.rectangle(canvas, (x - half_x, y - half_y + 6), (x + half_x, y + half_y - 6), COPPER, -1)
    for i in (-1, 1):
        for j in (-1, 1):
            corner = (x + i * (half_x - 6), y + j * (half_y - 6))
            cv2.circle(canvas, corner, 6, COPPER, -1)


def _draw_via(canvas: Picture, *, rng: Rng) -> None:
    centre = tuple(int(v) for v in rng.integers(0, len(canvas), 2))
    radius = int(rng.integers(7, 17))
    cv2.circle(canvas, centre, radius, COPPER, -1)
    hole = radius - RING_PX
    if hole >= HOLE_MIN_PX and _chance(0.6, rng=rng):
        cv2.circle(canvas, centre, hole, BASE, -1)


def _draw_writing(canvas: Picture, *, rng: Rng) -> None:
    text = "".join(rng.choice(list("ABCDEFRUJ0123456789"), 4))
    at = tuple(int(v) for v in rng.integers(0, len(canvas), 2))
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, rng.uniform(1, 1.6), COPPER, 5)


def _line(canvas: Picture, a: object, b: object, *, grey: int, width: int) -> None:
    ends = [tuple(int(v) for v in np.asarray(end)) for end in (a, b)]
    cv2.line(canvas, ends[0], ends[1], grey, width)


# --- scanning ---------------------------------------------------------------------------


def scan(ideal: Picture, *, rng: Rng, look: Look, dx: float, dy: float) -> Picture:
    """Return what a scanner sees of the drawing, moved by (dx, dy), without the rim."""
    soft = cv2.GaussianBlur(ideal, (0, 0), 1.5).astype(np.float32)
    side = len(ideal) - 2 * RIM_PX
    matrix = np.array([[1, 0, dx - RIM_PX], [0, 1, dy - RIM_PX]])
    seen = cv2.warpAffine(soft, matrix, (side, side), flags=cv2.INTER_LINEAR)
    etched_px = float(rng.normal(0, look.etch_px))
    noise_px = etched_px + _ragged(rng=rng, side_px=side, look=look) * look.ragged_px
    seen += np.clip(noise_px * EDGE_SLOPE, -NOISE_MAX, NOISE_MAX)
    return binary(seen)


def _ragged(*, rng: Rng, side_px: int, look: Look) -> Field:
    """Return smooth noise of unit spread, rougher in a patch of some scans."""
    coarse = rng.standard_normal((side_px // 3 + 1, side_px // 3 + 1), dtype=np.float32)
    size = (side_px, side_px)
    noise = np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), np.float32)
    if rng.random() < look.burst_share:
        x, y = (int(v) for v in rng.integers(0, side_px, 2))
        patch = np.ones((side_px, side_px), np.float32)
        axes = tuple(int(v) for v in rng.integers(15, 60, 2))
        cv2.ellipse(patch, (x, y), axes, 0, 0, 360, 2.0, -1)
        noise *= patch
    return noise


# --- defects ----------------------------------------------------------------------------


def put_defects(
    ideal: Picture, kinds: tuple[str, ...], *, rng: Rng, scale: float
) -> tuple[Picture, list[NDArray[np.bool_]]]:
    """Put the defects on a drawing, apart from each other.

    Returns
    -------
    faulty
        The drawing with the defects.
    stains
        For each defect the pixels that it changes; fewer than `kinds` if one found no place.

    """
    faulty, stains = ideal.copy(), []
    free = np.zeros(ideal.shape, bool)
    inner = RIM_PX + 14
    free[inner:-inner, inner:-inner] = True
    for kind in kinds:
        painted = _placed(ideal, kind, free, rng=rng, scale=scale)
        if painted is None:
            break
        stain = painted != ideal
        faulty[stain] = painted[stain]
        stains.append(stain)
        x1, y1, x2, y2 = _bounds(stain)
        free[max(0, y1 - 30) : y2 + 30, max(0, x1 - 30) : x2 + 30] = False
    return faulty, stains


def _placed(
    ideal: Picture, kind: str, free: NDArray[np.bool_], *, rng: Rng, scale: float
) -> Picture | None:
    """Return the drawing with one defect, or None where it finds no place."""
    grey = COPPER if kind in ("short", "spur", "copper") else BASE
    inside = ideal == (BASE if grey == COPPER else COPPER)
    depth, nearest = _depth(inside)
    spots = np.flatnonzero(_spots(kind, depth) & free)
    for _ in range(PLACE_TRIES if len(spots) else 0):
        y, x = (int(v) for v in np.unravel_index(int(rng.choice(spots)), ideal.shape))
        painted = ideal.copy()
        PAINTERS[kind](painted, (x, y), nearest(x, y), grey=grey, rng=rng, scale=scale)
        if _is_such(kind, ideal, painted, (x, y)):
            return painted
    return None


def _depth(
    inside: NDArray[np.bool_],
) -> tuple[Field, Callable[[int, int], tuple[float, float]]]:
    """Return how deep each pixel lies inside, and the way from a pixel to the nearest edge."""
    depth, label = cv2.distanceTransformWithLabels(
        inside.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(~inside)
    order = label[rows, columns]
    place = np.zeros((int(label.max()) + 1, 2), np.int32)
    place[order, 0], place[order, 1] = columns, rows

    def nearest(x: int, y: int) -> tuple[float, float]:
        edge_x, edge_y = place[label[y, x]]
        return float(edge_x - x), float(edge_y - y)

    return np.asarray(depth, np.float32), nearest


def _spots(kind: str, depth: Field) -> NDArray[np.bool_]:
    """Return the pixels where a defect of this kind can be centred, by their depth."""
    low, high = {
        "open": (3.0, 10.0),
        "short": (4.0, 14.0),
        "mousebite": (1.0, 2.5),
        "spur": (1.0, 2.5),
        "copper": (9.0, 1e9),
        "pin-hole": (7.0, 1e9),
    }[kind]
    allowed = (depth >= low) & (depth <= high)
    if kind in ("open", "short"):
        ridge = depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)) - 0.4
        allowed &= ridge
    return allowed


Point = tuple[int, int]
Way = tuple[float, float]


def _paint_across(
    painted: Picture, at: Point, way: Way, *, grey: int, rng: Rng, scale: float
) -> None:
    """Cut a conductor, or bridge a gap: a crooked stroke through both edges."""
    length = float(np.hypot(*way)) + 1e-6
    reach = (length + rng.uniform(3, 6)) / length
    width = max(3, round(float(rng.uniform(4, 11)) * scale))
    bend = rng.normal(0, 2.5, 2)
    x, y = at
    points = [
        (x - way[0] * reach, y - way[1] * reach),
        (x + bend[0], y + bend[1]),
        (x + way[0] * reach, y + way[1] * reach),
    ]
    cv2.polylines(painted, [np.array(points, np.int32)], False, grey, width)


def _paint_blot(
    painted: Picture, at: Point, way: Way, *, grey: int, rng: Rng, scale: float
) -> None:
    """Paint a crooked blot that stays where it is."""
    room = float(np.hypot(*way)) - 3.0
    size = min(float(rng.uniform(3.2, 8.0)) * scale, room)
    _blot(painted, at, size, grey=grey, rng=rng, stretch=min(2.0, room / size))


def _paint_at_edge(
    painted: Picture, at: Point, way: Way, *, grey: int, rng: Rng, scale: float
) -> None:
    """Bite into a conductor, or let it grow: a blot from the edge inwards."""
    length = float(np.hypot(*way)) + 1e-6
    size = float(rng.uniform(3.5, 8.0)) * scale
    x, y = at[0] - way[0] / length * size * 0.5, at[1] - way[1] / length * size * 0.5
    _blot(painted, (round(x), round(y)), size, grey=grey, rng=rng, stretch=1.6)
    mouth = (round(at[0] + way[0]), round(at[1] + way[1]))
    cv2.line(painted, mouth, (round(x), round(y)), grey, max(3, round(size * 0.8)))


def _blot(painted: Picture, at: Point, size: float, *, grey: int, rng: Rng, stretch: float) -> None:
    """Fill an irregular polygon of about `size` pixels' radius."""
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    radius = size * rng.uniform(0.6, 1.0, 12)
    long, turn = rng.uniform(1.0, max(1.0, stretch)), rng.uniform(0, np.pi)
    u, v = radius * np.cos(angle) * long, radius * np.sin(angle)
    x = at[0] + u * np.cos(turn) - v * np.sin(turn)
    y = at[1] + u * np.sin(turn) + v * np.cos(turn)
    cv2.fillPoly(painted, [np.stack([x, y], 1).round().astype(np.int32)], grey)


PAINTERS: dict[str, Callable[..., None]] = {
    "open": _paint_across,
    "short": _paint_across,
    "mousebite": _paint_at_edge,
    "spur": _paint_at_edge,
    "copper": _paint_blot,
    "pin-hole": _paint_blot,
}


def _is_such(kind: str, ideal: Picture, painted: Picture, at: Point) -> bool:
    """Check by counting conductors and holes near the place that the paint made this defect."""
    x, y = at
    around = slice(max(0, y - 40), y + 40), slice(max(0, x - 40), x + 40)
    before, after = ideal[around], painted[around]
    if np.count_nonzero(before != after) < CHANGED_MIN_PX:
        return False
    conductors = _count(after == COPPER) - _count(before == COPPER)
    bases = _count(after == BASE) - _count(before == BASE)
    return {
        "open": conductors > 0,
        "short": conductors < 0 or bases > 0,
        "mousebite": conductors == 0 and bases == 0,
        "spur": conductors == 0 and bases == 0,
        "copper": conductors == 1,
        "pin-hole": bases == 1,
    }[kind]


def _count(mask: NDArray[np.bool_]) -> int:
    return int(cv2.connectedComponents(mask.astype(np.uint8))[0])


def _bounds(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _box(
    stain: NDArray[np.bool_], *, dx: float, dy: float, side_px: int
) -> tuple[int, int, int, int]:
    """Return the loose box around a stain, in the picture without rim and within it."""
    x1, y1, x2, y2 = _bounds(stain)
    grow_x = max(BOX_RIM_PX, -(-(BOX_SIDE_MIN_PX - (x2 - x1)) // 2))
    grow_y = max(BOX_RIM_PX, -(-(BOX_SIDE_MIN_PX - (y2 - y1)) // 2))
    left, top = round(dx) - RIM_PX, round(dy) - RIM_PX
    box = (x1 + left - grow_x, y1 + top - grow_y, x2 + left + grow_x, y2 + top + grow_y)
    return tuple(min(max(v, 0), side_px) for v in box)  # type: ignore[return-value]
