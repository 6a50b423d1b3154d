"""The charts of the report: Vega-Lite drawn to SVG, without a browser, the same every time.

Every chart carries what it says as `alt` and stands beside a table with the same figures.
No chart tells anything by colour alone.
"""

import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import vl_convert
from numpy.typing import NDArray

from liudu.contract import Language
from liudu.trial.report.text import Text

Json = dict[str, Any]

FONTS = Path(__file__).parent / "fonts"
FONT = "Liudu Sans SC"
INK, MUTED, LINE, ACCENT = "#17211e", "#5b6864", "#dfe4e1", "#0d6b5b"
ANSWERS = {"proved": "#0b6b4a", "refuted": "#b3261e", "not_yet": "#8a5b00"}
FAR = 8.0  # limit and bound so many times apart are shown on a logarithmic scale
FLOOR = 1e-6
RISKS_SHOWN = 5  # a curve is drawn up to so many times the limit: beyond it nobody may go
ONCE: Json = {"values": [{}]}  # a mark that stands for no row is drawn once, not once a row


@attrs.frozen(kw_only=True)
class Chart:
    """A drawing in both languages and what it shows, in words."""

    name: str
    alt: Text
    zh: str
    en: str

    def svg(self, language: Language) -> str:
        """Return the SVG in one language."""
        return self.zh if language == "zh" else self.en


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


CLIP = re.compile(r"\bclip\d+\b")
CONFIG: Json = {
    "font": FONT,
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "labelFontSize": 13,
        "titleColor": MUTED,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
        "gridColor": LINE,
        "domainColor": LINE,
        "tickColor": LINE,
        "labelOverlap": True,
    },
}


def interval(
    *,
    name: str,
    answer: str,
    point: float | None,
    lower: float | None,
    upper: float | None,
    limit: float,
    limit_text: str,
    ratio: bool,
    alt: Text,
) -> Chart:
    """Draw one target: what was seen, how far it may reach, and the limit that it must keep."""
    known = [value for value in (point, lower, upper, limit) if value is not None]
    low, high, log = _domain(known, limit=limit, ratio=ratio)
    ends = [value for value in (lower, upper, point) if value is not None] or [limit]
    start, end = max(min(ends), low), min(max(ends), high)
    colour = ANSWERS.get(answer, MUTED)
    x: Json = {"type": "quantitative", "title": None, "scale": _scale(low, high, log=log)}
    x["axis"] = {"format": ".3~%" if ratio else ",.4~r", "tickCount": 5, "grid": False}
    rows = {"start": start, "end": end, "limit": limit, "point": point, "text": limit_text}
    layers: list[Json] = [
        _rule({"x": {"field": "start", **x}, "x2": {"field": "end"}}, colour, width=7, opacity=0.3),
        _rule({"x": {"field": "limit", **x}}, INK, width=1.5, dash=[5, 3]),
        {
            "mark": {
                "type": "text",
                "dy": -33,
                "color": INK,
                "fontSize": 12,
                **_side(limit, low, high, log=log),
            },
            "encoding": {"x": {"field": "limit", **x}, "text": {"field": "text"}},
        },
    ]
    if point is not None:
        mark = {"type": "point", "filled": True, "size": 110, "opacity": 1, "color": colour}
        rows["point"] = max(point, low)
        layers.insert(
            1,
            {
                "mark": {**mark, "stroke": "white", "strokeWidth": 1.5},
                "encoding": {"x": {"field": "point", **x}},
            },
        )
    svg = draw({"width": 400, "height": 46, "data": {"values": [rows]}, "layer": layers})
    return Chart(name=name, alt=alt, zh=svg, en=svg)


def _rule(
    encoding: Json, colour: str, *, width: float, dash: list[int] | None = None, opacity: float = 1
) -> Json:
    mark: Json = {"type": "rule", "color": colour, "strokeWidth": width, "opacity": opacity}
    if dash:
        mark["strokeDash"] = dash
    else:
        mark["strokeCap"] = "round"
    return {"mark": mark, "encoding": encoding}


def _domain(known: Sequence[float], *, limit: float, ratio: bool) -> tuple[float, float, bool]:
    positive = [value for value in known if value > 0]
    low, high = min(positive, default=0.0), max(positive, default=1.0)
    others = max((value for value in known if value != limit), default=limit)
    if limit > 0 and others > 0 and max(others / limit, limit / others) > FAR:
        bottom = max(low / 2, FLOOR) if min(known) > 0 else max(min(limit, low) / 10, FLOOR)
        return bottom, min(high * 2, 1.0) if ratio else high * 2, True
    top = max(known) * 1.18 or 1.0
    return min(0.0, min(known) * 1.18), min(top, 1.0) if ratio else top, False


def _scale(low: float, high: float, *, log: bool) -> Json:
    scale: Json = {"domain": [low, high], "nice": False}
    return {**scale, "type": "log"} if log else {**scale, "zero": False}


def _side(limit: float, low: float, high: float, *, log: bool) -> Json:
    place = (
        np.interp(np.log(limit), np.log([low, high]), [0, 1])
        if log
        else (limit - low) / (high - low)
    )
    if place < 0.15:  # noqa: PLR2004 - near the left edge the text would be cut
        return {"align": "left"}
    return {"align": "right"} if place > 0.85 else {"align": "center"}  # noqa: PLR2004


def risk_coverage(
    curve: Sequence[Mapping[str, float]],
    *,
    limit: float | None,
    alt: Text,
    titles: tuple[Text, Text],
) -> Chart:
    """Draw the error among the answered pieces against the share that is answered."""
    values = [
        {"coverage": row["coverage"], "risk": row["risk"], "upper": row.get("risk_upper")}
        for row in curve
    ]

    known = [value for row in values for value in (row["risk"], row["upper"]) if value is not None]
    top = max([*known, limit or 0.0]) * 1.05 or 1.0
    if limit:
        top = min(top, limit * RISKS_SHOWN)

    def spec(language: Language) -> Json:
        x = {
            "field": "coverage",
            "type": "quantitative",
            "title": titles[0].say(language),
            "axis": {"format": ".0%", "tickCount": 6, "grid": False},
        }
        y = {
            "type": "quantitative",
            "title": titles[1].say(language),
            "axis": {"format": ".2~%", "tickCount": 5},
            "scale": {"domain": [0, top], "nice": False},
        }
        layers: list[Json] = [
            {
                "mark": {"type": "area", "color": ACCENT, "opacity": 0.14, "clip": True},
                "encoding": {"x": x, "y": {"field": "risk", **y}, "y2": {"field": "upper"}},
            },
            {
                "mark": {"type": "line", "color": ACCENT, "strokeWidth": 2.2, "clip": True},
                "encoding": {"x": x, "y": {"field": "risk", **y}},
            },
            {
                "mark": {"type": "line", "color": ACCENT, "strokeDash": [3, 3], "clip": True},
                "encoding": {"x": x, "y": {"field": "upper", **y}},
            },
        ]
        if limit is not None:
            layers.append(
                {
                    "data": ONCE,
                    "mark": {
                        "type": "rule",
                        "color": INK,
                        "strokeDash": [5, 3],
                        "strokeWidth": 1.5,
                    },
                    "encoding": {"y": {"datum": limit, **y}},
                }
            )
        return {"width": 440, "height": 210, "data": {"values": values}, "layer": layers}

    return Chart(name="risk-coverage", alt=alt, zh=draw(spec("zh")), en=draw(spec("en")))


def precision_recall(
    curve: Sequence[Mapping[str, float]], *, alt: Text, titles: tuple[Text, Text]
) -> Chart:
    """Draw precision against recall, both as shares."""
    values = [{"recall": row["recall"], "precision": row["precision"]} for row in curve]

    def spec(language: Language) -> Json:
        axis = {"format": ".0%", "tickCount": 5}
        domain = {"domain": [0, 1]}
        encoding = {
            part: {
                "field": part,
                "type": "quantitative",
                "title": title.say(language),
                "axis": {**axis, "grid": part == "precision"},
                "scale": domain,
            }
            for part, title in zip(("recall", "precision"), titles, strict=True)
        }
        mark = {"type": "line", "color": ACCENT, "strokeWidth": 2.2, "interpolate": "linear"}
        return {
            "width": 440,
            "height": 210,
            "data": {"values": values},
            "mark": mark,
            "encoding": {"x": encoding["recall"], "y": encoding["precision"]},
        }

    return Chart(name="precision-recall", alt=alt, zh=draw(spec("zh")), en=draw(spec("en")))


def bars(
    *,
    name: str,
    edges: NDArray[np.float64],
    heights: NDArray[np.float64],
    alt: Text,
    titles: tuple[Text, Text],
    marks: Mapping[str, float] | None = None,
    limit: float | None = None,
) -> Chart:
    """Draw a histogram, or a rate over time, with named vertical marks or one horizontal limit."""
    values = [
        {"from": float(a), "to": float(b), "height": float(h)}
        for a, b, h in zip(edges[:-1], edges[1:], heights, strict=True)
    ]

    def spec(language: Language) -> Json:
        x = {
            "type": "quantitative",
            "title": titles[0].say(language),
            "scale": {"domain": [float(edges[0]), float(edges[-1])], "nice": False},
            "axis": {"grid": False, "tickCount": 6},
        }
        y = {
            "type": "quantitative",
            "title": titles[1].say(language),
            "axis": {"tickCount": 4, "format": ",.3~r"},
        }
        layers: list[Json] = [
            {
                "mark": {
                    "type": "rect",
                    "color": ACCENT,
                    "opacity": 0.55,
                    "stroke": "white",
                    "strokeWidth": 0.6,
                },
                "encoding": {
                    "x": {"field": "from", **x},
                    "x2": {"field": "to"},
                    "y": {"field": "height", **y},
                    "y2": {"datum": 0},
                },
            }
        ]
        layers += [
            _mark_at(at, text, x, row=row) for row, (text, at) in enumerate((marks or {}).items())
        ]
        if limit is not None:
            layers.append(
                {
                    "data": ONCE,
                    "mark": {
                        "type": "rule",
                        "color": INK,
                        "strokeDash": [5, 3],
                        "strokeWidth": 1.5,
                    },
                    "encoding": {"y": {"datum": limit, **y}},
                }
            )
        return {"width": 440, "height": 160, "data": {"values": values}, "layer": layers}

    return Chart(name=name, alt=alt, zh=draw(spec("zh")), en=draw(spec("en")))


def _mark_at(at: float, text: str, x: Json, *, row: int) -> Json:
    label = {"type": "text", "align": "left", "dx": 5, "y": 7 + 16 * row, "color": INK}
    return {
        "data": ONCE,
        "layer": [
            {
                "mark": {"type": "rule", "color": INK, "strokeDash": [4, 3]},
                "encoding": {"x": {"datum": at, **x}},
            },
            {
                "mark": {**label, "fontSize": 12},
                "encoding": {"x": {"datum": at, **x}, "text": {"value": text}},
            },
        ],
    }
