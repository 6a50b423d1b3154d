"""The gallery of the worst errors: the pieces from the seal, small enough to be mailed."""

import base64
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import orjson
from PIL import Image, ImageDraw, ImageOps

from liudu.trial.progress import Progress, Silence
from liudu.trial.report.text import Text, same, significant

Json = Mapping[str, Any]

PICTURES_MAX = 12
SIDE_MAX_PX = 480
SIDE_MIN_PX = 200
PIXELS_MAX = 200_000_000  # a larger picture is taken for a decompression bomb
TRUTH, ANSWER = "#1fd69a", "#ff9d2e"
HALO = "#101816"


@attrs.frozen(kw_only=True)
class Picture:
    """One error, with the piece if it can be shown."""

    id: str
    why: Text
    said: Text
    jpeg: bytes | None
    width_px: int
    height_px: int
    missing: Text | None

    @property
    def data_uri(self) -> str:
        """The picture as it is embedded in the page."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg or b'').decode()}"


@attrs.frozen(kw_only=True)
class Gallery:
    """The worst errors that are shown, of how many, and why none is if so."""

    pictures: tuple[Picture, ...]
    has_boxes: bool
    note: Text | None


WITHHELD = Text("按要求未附图片。", "Pictures were left out on request.")
NO_ERRORS = Text(
    "没有一件判错，这里没有图片可看。", "Not one piece was wrong: there is nothing to show."
)
NOT_SCORED = Text("没有可评的作答，所以没有图片。", "Nothing was answered that could be shown.")
GONE = Text("封存文件夹里没有这张图片", "The seal does not hold this picture")
UNREADABLE = Text("图片打不开（损坏或不是图片）", "The picture cannot be opened (damaged, or none)")
NO_SEAL = Text(
    "未找到封存文件夹，用 --seal 指定后可附图片",
    "The seal was not found: name it with --seal to see the picture",
)


def gallery(
    worst: Sequence[Json],
    *,
    seal: Path | None,
    withheld: bool = False,
    scored: bool = True,
    progress: Progress | None = None,
) -> Gallery:
    """Return the gallery for the worst errors.

    Parameters
    ----------
    worst
        Entries of ``result.json``: ``id``, ``truth``, ``answer``, ``score``, ``why``.
    seal
        The seal's folder, or None if it is not at hand.
    withheld
        Leave the pictures out, as for a report that goes to a vendor.
    scored
        Whether anything was scored at all.

    """
    shown = list(worst)[:PICTURES_MAX]
    if not shown:
        return Gallery(pictures=(), has_boxes=False, note=NO_ERRORS if scored else NOT_SCORED)
    paths = _paths(seal, ids={str(entry["id"]) for entry in shown}) if seal else {}
    pictures = []
    with (progress or Silence()).stage(zh="图片", en="pictures", total=len(shown)) as advance:
        for entry in shown:
            pictures.append(_picture(entry, seal=seal, paths=paths, withheld=withheld))
            advance(1)
    boxes = any(_boxes(entry.get("truth")) or _boxes(entry.get("answer")) for entry in shown)
    return Gallery(pictures=tuple(pictures), has_boxes=boxes, note=WITHHELD if withheld else None)


def _paths(seal: Path, *, ids: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    items = seal / "items.jsonl"
    if not items.is_file():
        return found
    with items.open("rb") as lines:
        for line in lines:
            item = orjson.loads(line)
            if item.get("id") in ids:
                found[item["id"]] = str(item.get("path") or "")
    return found


def _picture(
    entry: Json, *, seal: Path | None, paths: Mapping[str, str], withheld: bool
) -> Picture:
    truth, answer = entry.get("truth"), entry.get("answer")
    jpeg, size, missing = None, (0, 0), None
    if not withheld:
        missing = NO_SEAL
        if seal is not None:
            jpeg, size, missing = _load(
                seal, paths.get(str(entry["id"])), truth=_boxes(truth), answer=_boxes(answer)
            )
    why = entry.get("why")
    return Picture(
        id=str(entry["id"]),
        why=Text(str(why.get("zh", "")), str(why.get("en", "")))
        if isinstance(why, Mapping)
        else same(why or ""),
        said=_said(entry),
        jpeg=jpeg,
        width_px=size[0],
        height_px=size[1],
        missing=missing,
    )


def _said(entry: Json) -> Text:
    truth, answer, score = entry.get("truth"), entry.get("answer"), entry.get("score")
    names = (Text("真实", "truth"), Text("回答", "answer"))
    if isinstance(truth, list) or isinstance(answer, list):
        names = (Text("漏检", "missed"), Text("误报", "false calls"))
    parts = [
        Text(f"{name.zh}：{value.zh}", f"{name.en}: {value.en}")
        for name, value in zip(names, (_value(truth), _value(answer)), strict=True)
    ]
    if score is not None:
        shown = significant(float(score))
        parts.append(Text(f"分数 {shown}", f"score {shown}"))
    return Text(" · ".join(p.zh for p in parts), " · ".join(p.en for p in parts))


def _value(value: object) -> Text:
    if value is None:
        return Text("没有作答", "no answer")
    if isinstance(value, list):
        counts = Counter(box.label for box in _boxes(value) if box.wrong)
        named = [label if n == 1 else f"{label} ×{n}" for label, n in sorted(counts.items())]
        return same(", ".join(named)) if named else Text("无", "none")
    if isinstance(value, bool):
        return Text("是", "yes") if value else Text("否", "no")
    return same(significant(value, digits=5) if isinstance(value, float) else value)


@attrs.frozen
class Box:
    """A box of the truth or of the answer, and whether the other side lacks it."""

    corners: tuple[float, float, float, float]
    label: str
    wrong: bool


def _boxes(value: object) -> list[Box]:
    found = []
    for row in value if isinstance(value, list) else []:
        box = row.get("box") if isinstance(row, Mapping) else None
        if isinstance(box, list | tuple) and len(box) == 4:  # noqa: PLR2004 - two corners
            x1, y1, x2, y2 = (float(each) for each in box)
            right = row.get("found", row.get("hit", False))
            found.append(Box((x1, y1, x2, y2), str(row.get("label", "")), not right))
    return found


def _load(
    seal: Path,
    path: str | None,
    *,
    truth: Iterable[Box],
    answer: Iterable[Box],
) -> tuple[bytes | None, tuple[int, int], Text | None]:
    if path is None:
        return None, (0, 0), GONE
    if not path:  # a step of a series has no file, and nothing is missing
        return None, (0, 0), None
    file = (seal / path).resolve()
    if not file.is_relative_to(seal.resolve()) or not file.is_file():
        return None, (0, 0), GONE
    try:
        with Image.open(file) as opened:
            if opened.width * opened.height > PIXELS_MAX:
                return None, (0, 0), UNREADABLE
            opened.draft("RGB", (SIDE_MAX_PX * 2, SIDE_MAX_PX * 2))
            original = opened.size
            image = _eight_bit(opened)
    except (
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ):
        return None, (0, 0), UNREADABLE
    small = _fit(image)
    scale = (small.width / original[0], small.height / original[1])
    _draw(small, truth, scale=scale, colour=TRUTH, dashed=False)
    _draw(small, answer, scale=scale, colour=ANSWER, dashed=True)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=80, optimize=True, subsampling=0)
    return out.getvalue(), small.size, None


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 bit and more: stretch what is there over 8 bit
        low, high = image.getextrema()
        span = (float(high) - float(low)) or 1.0  # type: ignore[arg-type]
        image = image.convert("F").point(lambda value: value * (255 / span) - low * (255 / span))  # type: ignore[operator]
        return image.convert("L").convert("RGB")
    image.load()
    return image.convert("RGB")


def _fit(image: Image.Image) -> Image.Image:
    side = max(image.size)
    if side < SIDE_MIN_PX:  # tiny pieces are shown large, pixel by pixel
        times = -(-SIDE_MIN_PX // side)
        return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    if side > SIDE_MAX_PX:
        return ImageOps.contain(image, (SIDE_MAX_PX, SIDE_MAX_PX))
    return image.copy()


def _draw(
    image: Image.Image,
    boxes: Iterable[Box],
    *,
    scale: tuple[float, float],
    colour: str,
    dashed: bool,
) -> None:
    draw = ImageDraw.Draw(image)
    for box in boxes:
        if not box.wrong and dashed:
            continue  # where truth and answer agree, one thin line is enough
        x1, y1, x2, y2 = box.corners
        a, b = x1 * scale[0], y1 * scale[1]
        c, d = max(x2 * scale[0], a + 3), max(y2 * scale[1], b + 3)
        if dashed:  # around, so that a box that was found in the wrong class hides nothing
            a, b, c, d = a - 4, b - 4, c + 4, d + 4
        corners = ((a, b, c, b), (c, b, c, d), (c, d, a, d), (a, d, a, b))
        width = 3 if box.wrong else 1
        for side in corners:
            draw.line(side, fill=HALO, width=width + 2)
        for side in corners:
            _line(draw, side, colour=colour, dashed=dashed, width=width)


def _line(
    draw: ImageDraw.ImageDraw,
    side: tuple[float, float, float, float],
    *,
    colour: str,
    dashed: bool,
    width: int,
) -> None:
    x1, y1, x2, y2 = side
    length = max(abs(x2 - x1), abs(y2 - y1), 1)
    step = 11.0 if dashed else length
    start = 0.0
    while start < length:
        end = min(start + (6.0 if dashed else length), length)
        points = [
            (x1 + (x2 - x1) * at / length, y1 + (y2 - y1) * at / length) for at in (start, end)
        ]
        draw.line(points, fill=colour, width=width)
        start += step
