"""Charts drawn on the server, the same every time; each stands beside a table.

No chart tells anything by colour alone.
"""

import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

import vl_convert

from liudu.contract import Language
from liudu.outbreak.report.curves import Curve
from liudu.outbreak.report.model import Chart
from liudu.outbreak.text import Text, number

Json = dict[str, Any]

FONTS: Final = Path(__file__).parent / "fonts"
FONT: Final = "Liudu Sans SC"
INK, MUTED, LINE, ACCENT = "#17211e", "#5b6864", "#dfe4e1", "#0d6b5b"
BAR, BAND, ALARM, LATE = "#8fb5ab", "#d3e4df", "#b3261e", "#c9a24a"
CLIP: Final = re.compile(r"\bclip\d+\b")
CONFIG: Final[Json] = {
    "font": FONT,
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED, "labelFontSize": 12, "titleColor": MUTED, "titleFontSize": 12,
        "titleFontWeight": "normal", "gridColor": LINE, "domainColor": LINE, "tickColor": LINE,
        "labelOverlap": True,
    },
    "legend": {
        "labelColor": MUTED, "labelFontSize": 12, "orient": "top", "title": None,
        "symbolStrokeWidth": 0, "offset": 8, "columnPadding": 14,
    },
}  # fmt: skip
KINDS: Final = {
    "seen": Text("病例数", "Cases"),
    "alarm": Text("报警周", "Alarm week"),
    "late": Text("暂定（可能补报）", "Provisional"),
    "hidden": Text("已隐去的小数", "Hidden small count"),
}
COLOURS: Final = {"seen": BAR, "alarm": ALARM, "late": LATE, "hidden": "#e3e6e4"}
BAND_WORDS: Final = Text("预期范围（5–95 %）", "Expected range (5–95 %)")
BOUND_WORDS: Final = Text("报警上限", "Alarm bound")
WIDTH, HEIGHT = 720, 220


@functools.cache
def _register_fonts() -> None:
    vl_convert.register_font_directory(str(FONTS))


def draw(specification: Json) -> str:
    """Return the SVG of a Vega-Lite specification."""
    _register_fonts()
    svg = vl_convert.vegalite_to_svg({**specification, "config": CONFIG}, allowed_base_urls=[])
    return _plain_svg(str(svg), name=hashlib.sha256(repr(specification).encode()).hexdigest()[:8])


def _plain_svg(svg: str, *, name: str) -> str:
    # Vega marks every group as a graphics object with a role of its own; the figure has one name.
    svg = re.sub(r' (?:role|aria-[a-z]+)="[^"]*"', "", svg)
    # It numbers its clips through the whole process: name them by their chart instead.
    names = {old: f"c{name}-{n}" for n, old in enumerate(dict.fromkeys(CLIP.findall(svg)))}
    return CLIP.sub(lambda found: names[found[0]], svg)


def png(svg: str, *, scale: float = 2.0) -> bytes:
    """Return a drawing as PNG, for documents that take no SVG."""
    _register_fonts()
    return bytes(vl_convert.svg_to_png(svg, scale=scale))


def epidemic_curve(curve: Curve, *, name: str, threshold: int = 0) -> Chart:
    """Draw counts as bars, the expected range as a band, the bound as a dashed line."""
    alt = _alt(curve)
    kinds = [_kind(curve, index) for index in range(len(curve.weeks))]
    return Chart(
        name=name,
        alt=alt,
        zh=draw(_specification(curve, kinds, language="zh", threshold=threshold)),
        en=draw(_specification(curve, kinds, language="en", threshold=threshold)),
    )


def _kind(curve: Curve, index: int) -> str:
    if curve.hidden[index]:
        return "hidden"
    if curve.alarm[index]:
        return "alarm"
    return "late" if curve.provisional[index] else "seen"


def _alt(curve: Curve) -> Text:
    count, bound = curve.counts[-1], curve.bound[-1]
    alarms = sum(curve.alarm)
    seen_zh, seen_en = ("已隐去", "hidden") if curve.hidden[-1] else (number(count),) * 2
    return Text(
        f"{curve.weeks[0]} 至 {curve.weeks[-1]} 的周病例数；末周 {seen_zh} 例，"
        f"预期 {number(curve.expected[-1])}，上限 {number(bound)}；共 {alarms} 周报警。",
        f"Weekly cases from {curve.weeks[0]} to {curve.weeks[-1]}; last week {seen_en}, "
        f"expected {number(curve.expected[-1])}, bound {number(bound)}; "
        f"{alarms} weeks with an alarm.",
    )


def _specification(
    curve: Curve, kinds: Sequence[str], *, language: Language, threshold: int
) -> Json:
    present = [kind for kind in KINDS if kind in kinds]
    words = {kind: KINDS[kind].say(language) for kind in present}
    values = [
        {
            "i": index,
            "count": threshold - 1 if kinds[index] == "hidden" else curve.counts[index],
            "kind": words[kinds[index]],
            "low": curve.low[index],
            "high": curve.high[index],
            "bound": curve.bound[index],
            "expected": curve.expected[index],
        }
        for index in range(len(curve.weeks))
    ]
    band, bound = BAND_WORDS.say(language), BOUND_WORDS.say(language)
    colour: Json = {
        "type": "nominal",
        "scale": {
            "domain": [*words.values(), band, bound],
            "range": [*(COLOURS[kind] for kind in present), BAND, INK],
        },
    }
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "data": {"values": values},
        "encoding": {"x": _weeks_axis(curve)},
        "layer": _layers(colour, band=band, bound=bound),
    }


def _weeks_axis(curve: Curve) -> Json:
    every = max(len(curve.weeks) // 8, 1)
    shown = list(range(len(curve.weeks) - 1, -1, -every))[::-1]
    names = ", ".join(f"'{index}': '{curve.weeks[index]}'" for index in shown)
    return {
        "field": "i",
        "type": "ordinal",
        "title": None,
        "scale": {"paddingInner": 0.15, "paddingOuter": 0.2},
        "axis": {
            "values": shown, "labelExpr": f"{{{names}}}['' + datum.value]", "labelAngle": 0,
            "ticks": False, "labelPadding": 6,
        },
    }  # fmt: skip


def _layers(colour: Json, *, band: str, bound: str) -> list[Json]:
    y: Json = {
        "type": "quantitative", "title": None, "scale": {"zero": True},
        "axis": {"tickCount": 5, "tickMinStep": 1, "format": ",.4~r"},
    }  # fmt: skip
    return [
        {
            "mark": {"type": "area", "interpolate": "monotone"},
            "encoding": {
                "y": {"field": "low", **y}, "y2": {"field": "high"},
                "color": {"datum": band, **colour},
            },
        },
        {
            "mark": {"type": "bar", "binSpacing": 0},
            "encoding": {"y": {"field": "count", **y}, "color": {"field": "kind", **colour}},
        },
        {
            "mark": {"type": "line", "interpolate": "monotone", "strokeWidth": 1.6,
                     "strokeDash": [5, 3]},
            "encoding": {"y": {"field": "bound", **y}, "color": {"datum": bound, **colour}},
        },
    ]  # fmt: skip


TILE, GAP = 104, 8
SHADES: Final = ("#f0f4f2", "#f6ddd9", "#e9aca4", "#cf6a5f", "#a92a20")
DARK_FROM: Final = 3  # shades on which white letters are read


def tile_map(
    positions: Mapping[str, tuple[int, int]],
    *,
    signals: Mapping[str, int],
    labels: Mapping[str, Text],
    language: Language,
) -> str:
    """Return the districts as tiles of a grid; number and shade say how many signals each has."""
    columns = max((x for x, _ in positions.values()), default=0) + 1
    rows = max((y for _, y in positions.values()), default=0) + 1
    width, height = columns * (TILE + GAP) - GAP, rows * (TILE + GAP) - GAP
    tiles = "".join(
        _tile(
            name=labels[district].say(language), number_=signals.get(district, 0), x=x, y=y
        )
        for district, (x, y) in positions.items()
    )  # fmt: skip
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="{FONT}, sans-serif">{tiles}</svg>'
    )


def _tile(*, name: str, number_: int, x: int, y: int) -> str:
    shade = min(number_, len(SHADES) - 1)
    ink = "#ffffff" if shade >= DARK_FROM else INK
    left, top = x * (TILE + GAP), y * (TILE + GAP)
    size = 15 if _wide(name) <= 5 else 12  # noqa: PLR2004 - what fits a tile
    return (
        f'<rect x="{left}" y="{top}" width="{TILE}" height="{TILE}" rx="10" '
        f'fill="{SHADES[shade]}"/>'
        f'<text x="{left + 12}" y="{top + 28}" font-size="{size}" fill="{ink}">'
        f"{escape(_shortened(name))}</text>"
        f'<text x="{left + 12}" y="{top + 84}" font-size="34" font-weight="700" fill="{ink}">'
        f"{number_ or '·'}</text>"
    )


def _wide(text: str) -> float:
    return sum(1.0 if ord(letter) >= 0x2E80 else 0.58 for letter in text)  # noqa: PLR2004


def _shortened(name: str, *, room: float = 7.0) -> str:
    kept = ""
    for letter in name:
        if _wide(kept + letter) > room:
            return kept + "…"
        kept += letter
    return kept


SPARK_WEEKS: Final = 26
SPARK_WIDTH, SPARK_HEIGHT = 130, 34


def sparkline(curve: Curve) -> str:
    """Return the last half year as small bars; weeks that alarm are dark."""
    counts = [count or 0.0 for count in curve.counts[-SPARK_WEEKS:]]
    alarms = curve.alarm[-SPARK_WEEKS:]
    top = max(*counts, 1.0) if len(counts) > 1 else max(counts[0], 1.0)
    step = SPARK_WIDTH / SPARK_WEEKS
    bars = "".join(
        f'<rect x="{index * step:.1f}" y="{SPARK_HEIGHT * (1 - count / top):.1f}" '
        f'width="{step - 1:.1f}" height="{SPARK_HEIGHT * count / top:.1f}" '
        f'fill="{ALARM if alarm else BAR}"/>'
        for index, (count, alarm) in enumerate(zip(counts, alarms, strict=True))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" '
        f'width="{SPARK_WIDTH}" height="{SPARK_HEIGHT}">{bars}</svg>'
    )
