"""Charts drawn on the server: Vega-Lite by Altair, made SVG by vl-convert, kept by their content.

A chart never stands alone: the page puts it beside a table of the same figures (`<c-figure>`),
and no chart tells anything by colour alone.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from html import escape
from typing import Any, Final, Literal

import attrs
from django.core.cache import cache
from django.utils.safestring import SafeString, mark_safe

from liudu.acceptance import METRICS
from liudu.platform.words import language
from liudu.trial.verdict import figure, sign

FONT: Final = "PingFang SC, Microsoft YaHei, Noto Sans CJK SC, sans-serif"
INK, MUTED, LINE, PINE, AMBER = "#15211f", "#46544f", "#dde4e1", "#0d6b5b", "#d98e2b"
COLOURS: Final = {"proved": "#0b6b3f", "refuted": "#ab2318", "not_yet": "#8a5200"}
SIGNS: Final = {"proved": "✓", "refuted": "✕", "not_yet": "?"}
KEPT_S: Final = 24 * 3600
CONFIG: Final[dict[str, Any]] = {
    "font": FONT,
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "labelFontSize": 11,
        "labelLimit": 220,
        "title": None,
        "gridColor": LINE,
        "domainColor": LINE,
        "tickColor": LINE,
        "labelOverlap": True,
    },
    "title": {"anchor": "start", "fontSize": 12, "color": INK, "fontWeight": 600, "offset": 4},
}
Answer = Literal["proved", "refuted", "not_yet"]


@attrs.frozen(kw_only=True)
class Measured:
    """One target of a verdict, as a chart and its table show it.

    Attributes
    ----------
    name
        Of the metric, in the reader's language.
    point, lower, upper, limit
        Ratios between 0 and 1 where `ratio` is true; an open or unknown end is None.
    op
        ``<``, ``<=``, ``>`` or ``>=``.
    events, trials
        How many of how many, for ratios; None where nothing was counted.

    """

    name: str
    point: float | None
    lower: float | None
    upper: float | None
    limit: float
    op: str
    ratio: bool
    answer: Answer
    confidence: float
    events: int | None = None
    trials: int | None = None

    @property
    def promise(self) -> str:
        """What was promised: sign and limit."""
        return f"{sign(self.op)} {figure(self.limit, ratio=self.ratio)}"

    @property
    def measured(self) -> str:
        """What was seen."""
        return "–" if self.point is None else figure(self.point, ratio=self.ratio)

    @property
    def interval(self) -> str:
        """How far it may reach, each end rounded away from the claim."""
        if self.lower is None and self.upper is None:
            return "–"
        low = "…" if self.lower is None else figure(self.lower, ratio=self.ratio, up=False)
        high = "…" if self.upper is None else figure(self.upper, ratio=self.ratio, up=True)
        return f"{low} – {high}"

    @property
    def confidence_text(self) -> str:
        """The confidence of the bounds."""
        return f"{100 * self.confidence:g} %"


def measured(target: dict[str, Any]) -> Measured:
    """Return a target as `result.json` of a trial writes it, ready to be shown."""
    metric = METRICS[target["metric"]]
    return Measured(
        name=metric.zh if language() == "zh" else metric.en,
        point=target.get("point"),
        lower=target.get("lower"),
        upper=target.get("upper"),
        limit=target["limit"],
        op=target["op"],
        ratio=metric.kind == "ratio",
        answer=target["answer"],
        confidence=target.get("confidence", 0.95),
        events=target.get("events"),
        trials=target.get("trials"),
    )


def forest(rows: Sequence[Measured], *, title: str) -> SafeString:
    """Return every target's point and interval against its limit, each on a scale of its own."""
    drawn = [row for row in rows if _ends(row)]
    if not drawn:
        return mark_safe("")
    said = "; ".join(f"{row.name} {row.measured} ({row.interval}), {row.promise}" for row in drawn)
    return _svg(_key("forest", language(), rows), lambda: _forest(drawn), title=title, said=said)


def bars(rows: Sequence[tuple[str, float]], *, title: str, unit: str = "") -> SafeString:
    """Return counts as horizontal bars, each with its figure."""
    if not rows:
        return mark_safe("")
    said = "; ".join(f"{name} {count:,}{unit}" for name, count in rows)
    return _svg(_key("bars", language(), rows), lambda: _bars(rows), title=title, said=said)


def _forest(rows: Sequence[Measured]) -> dict[str, Any]:
    import altair  # noqa: PLC0415 - takes a second, which only a process that draws pays

    charts = [_row(altair, row) for row in rows]
    joined = altair.vconcat(*charts, spacing=14).resolve_scale(x="independent")
    drawn: dict[str, Any] = joined.to_dict()
    return drawn


def _row(altair: Any, row: Measured) -> Any:  # noqa: ANN401 - Altair's classes are made at run time
    low, high = _domain(row)
    colour = COLOURS[row.answer]
    ends = {"low": _inside(row.lower, low, high, low), "high": _inside(row.upper, low, high, high)}
    new_data: Any = altair.Data
    one = new_data(values=[{**ends, "point": row.point, "limit": row.limit}])
    axis = altair.Axis(format=".3~%" if row.ratio else ",.4~r", tickCount=5, grid=False)
    scale = altair.Scale(domain=[low, high], nice=False)
    x = {"type": "quantitative", "scale": scale, "axis": axis, "title": None}
    layers = [
        altair.Chart(one)
        .mark_rule(strokeWidth=9, opacity=0.35, color=colour)
        .encode(x=altair.X("low", **x), x2="high"),
        altair.Chart(one)
        .mark_rule(strokeDash=[5, 3], color=INK, strokeWidth=1.5)
        .encode(x=altair.X("limit", **x)),
    ]
    if row.point is not None:
        layers.append(
            altair.Chart(one)
            .mark_point(filled=True, size=90, color=colour, opacity=1)
            .encode(x=altair.X("point", **x))
        )
    words = f"{SIGNS[row.answer]} {row.name} {row.promise}"
    return altair.layer(*layers).properties(width=400, height=32, title=words)


def _bars(rows: Sequence[tuple[str, float]]) -> dict[str, Any]:
    import altair  # noqa: PLC0415 - see above

    new_data: Any = altair.Data
    data = new_data(values=[{"name": name, "count": count} for name, count in rows])
    names = altair.Y(
        "name:N", sort=None, title=None, axis=altair.Axis(ticks=False, domain=False, labelPadding=8)
    )
    counts = altair.X("count:Q", title=None, axis=None)
    base = altair.Chart(data).encode(y=names, x=counts)
    text = base.mark_text(align="left", dx=5, color=INK, fontSize=12).encode(
        text=altair.Text("count:Q", format=",")
    )
    drawn: dict[str, Any] = (
        (base.mark_bar(color=PINE, height=16, cornerRadiusEnd=3) + text)
        .properties(width=320, height={"step": 26})
        .to_dict()
    )
    return drawn


def _ends(row: Measured) -> list[float]:
    return [value for value in (row.point, row.lower, row.upper) if value is not None]


def _domain(row: Measured) -> tuple[float, float]:
    known = [*_ends(row), row.limit]
    least, most = min(known), max(known)
    room = (most - least) * 0.15 or abs(most) * 0.15 or 0.5
    low, high = least - room, most + room
    if least >= 0:
        low = max(low, 0.0)
    return low, min(high, 1.0) if row.ratio else high


def _inside(value: float | None, low: float, high: float, open_end: float) -> float:
    return open_end if value is None else min(max(value, low), high)


def _key(kind: str, *content: object) -> str:
    return "chart:" + hashlib.sha256(repr((kind, content)).encode()).hexdigest()


def _svg(key: str, specify: Any, *, title: str, said: str) -> SafeString:  # noqa: ANN401
    drawing = cache.get(key)
    if drawing is None:
        drawing = _drawn(specify())
        cache.set(key, drawing, KEPT_S)
    name = hashlib.sha256(f"{key}{title}".encode()).hexdigest()[:10]
    head = f'<svg role="img" aria-labelledby="t{name} d{name}" focusable="false"{drawing}'
    words = f'<title id="t{name}">{escape(title)}</title><desc id="d{name}">{escape(said)}</desc>'
    place = head.index(">", head.index("viewBox")) + 1
    return mark_safe(head[:place] + words + head[place:])  # noqa: S308 - drawn here, words escaped


def _drawn(specification: dict[str, Any]) -> str:
    """Return the drawing after ``<svg``: without styles (our CSP allows none) and inner roles."""
    import vl_convert  # noqa: PLC0415 - see above

    specification = {**specification, "config": CONFIG}
    svg = str(vl_convert.vegalite_to_svg(json.dumps(specification), allowed_base_urls=[]))
    svg = re.sub(r' (?:role|aria-[a-z]+|style|class|xmlns:xlink|version)="[^"]*"', "", svg)
    name = hashlib.sha256(svg.encode()).hexdigest()[:8]
    svg = re.sub(r"\bclip(\d+)\b", rf"c{name}-\1", svg)
    return svg[svg.index("<svg") + len("<svg") :]
