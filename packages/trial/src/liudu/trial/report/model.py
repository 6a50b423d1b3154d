"""What the report says, once: the page and the PDF are both made from it and cannot disagree."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN
from typing import Any

import attrs
import numpy as np

from liudu.acceptance import METRICS
from liudu.trial import certificate
from liudu.trial.report import charts, sentences
from liudu.trial.report.charts import Chart
from liudu.trial.report.pictures import Gallery
from liudu.trial.report.reading import RunFolder
from liudu.trial.report.text import DASH, Text, apart, count, duration, percent, same, significant

Json = Mapping[str, Any]

BINS = 40
STRETCHES = 30
CURVE_ROWS = 8


@attrs.frozen(kw_only=True)
class Table:
    """Rows under a caption; columns from `numeric_from` on hold figures and align right."""

    caption: Text
    columns: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]
    numeric_from: int = 1


@attrs.frozen(kw_only=True)
class Figure:
    """A chart with its reading and its table."""

    title: Text
    reading: Text
    chart: Chart
    table: Table


@attrs.frozen(kw_only=True)
class TargetFigure:
    """One promise: what was asked, what was seen, and what that proves."""

    name: Text
    promise: str
    answer: str
    answer_text: Text
    seen: str
    bound: str
    bound_name: Text
    tally: Text
    meaning: Text
    more: Text | None
    method: Text
    chart: Chart | None
    classes: Table | None


@attrs.frozen(kw_only=True)
class Matrix:
    """How often each true class (row) was answered as each class (column)."""

    classes: tuple[str, ...]
    columns: tuple[Text, ...]
    counts: tuple[tuple[int, ...], ...]
    shades: tuple[tuple[int, ...], ...]  # per row, 0 to 100: the share of the row in the cell


@attrs.frozen(kw_only=True)
class Report:
    """Everything that the report says, in reading order."""

    solution: str
    version: str
    vendor: str
    need: str
    verdict: str
    verdict_text: Text
    headline: Text
    advice: Text
    simulated: bool
    facts: tuple[tuple[Text, Text], ...]
    targets: tuple[TargetFigure, ...]
    summary: Table
    classes: Table | None
    others: Table | None
    matrix: Matrix | None
    figures: tuple[Figure, ...]
    speed: tuple[Figure, ...]
    measured: Table | None
    speed_note: Text | None
    gallery: Gallery
    methods: tuple[tuple[Text, Text], ...]
    record: tuple[tuple[Text, tuple[tuple[Text, Text], ...]], ...]
    ended_at: str
    certificate_digest: str | None


def build(run: RunFolder, *, need: str, gallery: Gallery, certificate_digest: str | None) -> Report:
    """Return the report of a complete run."""
    result = run.result
    solution = result["solution"]
    targets = tuple(target_figure(entry, task=result["task"]) for entry in flat_targets(result))
    details = result.get("details") or {}
    return Report(
        solution=str(solution.get("name")),
        version=str(solution.get("version", "")),
        vendor=str(solution.get("vendor") or ""),
        need=need,
        verdict=result["verdict"],
        verdict_text=sentences.VERDICTS[result["verdict"]],
        headline=sentences.headline(result, need=need, targets=flat_targets(result)),
        advice=sentences.advice(result, targets=flat_targets(result)),
        simulated=bool(result["simulated"]),
        facts=_facts(result),
        targets=targets,
        summary=_summary(targets),
        classes=_classes(details),
        others=_others(details),
        matrix=matrix(details.get("confusion")),
        figures=tuple(_curves(details, targets=flat_targets(result))),
        speed=tuple(_speed(run)),
        measured=_measured(run),
        speed_note=None if run.timings is not None else sentences.NO_TIMINGS,
        gallery=gallery,
        methods=sentences.methods(result, targets=flat_targets(result)),
        record=_record(run),
        ended_at=str(result.get("ended_at") or ""),
        certificate_digest=certificate_digest,
    )


def flat_targets(result: Json) -> list[dict[str, Any]]:
    """Return the targets of a result, each in one mapping."""
    return [certificate.flat_target(entry) for entry in result["targets"]]


def figure_of(
    value: float | None, *, metric: str, side: str | None = None, beside: float | None = None
) -> str:
    """Return a value of a metric as people read it: a percentage, a number an hour, MiB.

    A bound is rounded away from the claim, an upper one up, a lower one down, and has the digits
    that tell it from the limit `beside` it.
    """
    if value is None:
        return "–"
    rounding = ROUNDINGS[side]
    kind = METRICS[metric].kind if metric in METRICS else "mean"
    if kind == "ratio" or metric == "map":
        return apart(
            value,
            beside=beside,
            write=lambda ratio, digits: percent(ratio, digits=digits, rounding=rounding),
        )
    whole = kind == "pace" and abs(value) >= 1000  # noqa: PLR2004 - thousands are shown whole
    digits = len(f"{abs(value):.0f}") if whole else 4
    return significant(value, digits=digits, rounding=rounding)


ROUNDINGS = {None: ROUND_HALF_EVEN, "upper": ROUND_CEILING, "lower": ROUND_FLOOR}


def target_figure(entry: Json, *, task: str) -> TargetFigure:
    """Return one target for the report, for the class that decides where each one must keep it."""
    whole, entry = entry, deciding(entry)
    name, side = sentences.target_name(entry), sentences.decisive(entry)
    op = entry["op"].replace("<=", "≤").replace(">=", "≥")
    promise = f"{op} {figure_of(entry['limit'], metric=entry['metric'])}"

    def show(value: float | None) -> str:
        return figure_of(value, metric=entry["metric"], side=side, beside=entry["limit"])

    return TargetFigure(
        name=name,
        promise=promise,
        answer=entry["answer"],
        answer_text=sentences.ANSWERS[entry["answer"]],
        seen=figure_of(entry.get("point"), metric=entry["metric"]),
        bound=show(entry.get(side)),
        bound_name=sentences.bound_name(side, confidence=entry.get("confidence", 0.95)),
        tally=sentences.tally(entry, task=task),
        meaning=sentences.meaning(entry, task=task, show=show),
        more=sentences.more_needed(entry, task=task),
        method=sentences.method_name(entry.get("method")),
        chart=_target_chart(entry, name=name, promise=promise),
        classes=_target_classes(whole),
    )


def deciding(entry: Json) -> Json:
    """Return the target with the figures of the class that keeps it from being proved, if any.

    Where every class must keep the limit, the figure over all classes says nothing of the one
    that does not.
    """
    rows = [row for row in entry.get("by_class") or [] if row.get("answer") == entry["answer"]]
    if entry["answer"] == "proved" or not rows:
        return entry
    worst = max(rows, key=lambda row: abs((row.get("point") or 0.0) - _best(entry["metric"])))
    return {**entry, **worst, "by_class": entry["by_class"]}


def _best(metric: str) -> float:
    return 1.0 if metric in METRICS and METRICS[metric].better == "higher" else 0.0


def _target_chart(entry: Json, *, name: Text, promise: str) -> Chart | None:
    if entry.get("point") is None and entry.get("upper") is None and entry.get("lower") is None:
        return None
    metric = METRICS.get(entry["metric"])
    seen = figure_of(entry.get("point"), metric=entry["metric"])
    low, high = (
        figure_of(entry.get(side), metric=entry["metric"], side=side) for side in ("lower", "upper")
    )
    answer = sentences.ANSWERS[entry["answer"]]
    alt = Text(
        f"{name.zh}：观测 {seen}，区间 {low} 至 {high}，限值 {promise}，{answer.zh}",
        f"{name.en}: seen {seen}, interval {low} to {high}, limit {promise}, {answer.en}",
    )
    return charts.interval(
        name=f"target-{entry['metric']}",
        answer=entry["answer"],
        point=entry.get("point"),
        lower=entry.get("lower"),
        upper=entry.get("upper"),
        limit=entry["limit"],
        limit_text=promise,
        ratio=metric is not None and metric.kind == "ratio",
        alt=alt,
    )


def _target_classes(entry: Json) -> Table | None:
    rows = entry.get("by_class") or []
    if not rows:
        return None
    name = sentences.metric_name(entry["metric"])
    return Table(
        caption=Text(
            f"{name.zh}，按类别（各类的区间同时成立，因此比判定所用的检验宽）",
            f"{name.en} by class (intervals that hold for all classes at once, so they are wider "
            "than the test that decides)",
        ),
        columns=sentences.CLASS_COLUMNS,
        rows=tuple(_class_row(row, metric=entry["metric"]) for row in rows),
    )


def _class_row(row: Json, *, metric: str) -> tuple[Text, ...]:
    shown = [
        figure_of(row.get(part), metric=metric, side=side)
        for part, side in (("point", None), ("lower", "lower"), ("upper", "upper"))
    ]
    return (
        same(row.get("class")),
        same(count(row.get("trials"))),
        same(count(row.get("events"))),
        *(same(text) for text in shown),
        sentences.ANSWERS.get(str(row.get("answer")), DASH),
    )


def _summary(targets: Sequence[TargetFigure]) -> Table:
    rows = [
        (t.name, same(t.promise), same(t.seen), same(t.bound), t.tally, t.answer_text)
        for t in targets
    ]
    return Table(
        caption=Text("各项承诺", "All promises"), columns=sentences.TARGET_COLUMNS, rows=tuple(rows)
    )


def _facts(result: Json) -> tuple[tuple[Text, Text], ...]:
    measured = result.get("measurements") or {}
    facts = [(Text("试验件数", "Pieces tried"), same(count(measured.get("items"))))]
    if measured.get("throughput_per_h"):
        pace = same(count(measured["throughput_per_h"]))
        facts.append((Text("每小时件数", "Pieces an hour"), pace))
    if measured.get("wall_s") is not None:
        facts.append((Text("用时", "Time taken"), duration(measured["wall_s"])))
    if measured.get("memory_peak_mib") is not None:
        peak = f"{count(measured['memory_peak_mib'])} MiB"
        facts.append((Text("内存峰值", "Peak memory"), same(peak)))
    facts.append((Text("隔离级别", "Isolation"), same((result.get("level") or {}).get("had"))))
    return tuple(facts)


def _classes(details: Json) -> Table | None:
    rows = [row for row in details.get("by_class") or [] if isinstance(row, Mapping)]
    if not rows:
        return None
    names = [name for name in rows[0] if name in sentences.FIELDS]
    return Table(
        caption=Text("按类别", "By class"),
        columns=tuple(sentences.FIELDS[name] for name in names),
        rows=tuple(tuple(_cell(name, row.get(name)) for name in names) for row in rows),
    )


def _others(details: Json) -> Table | None:
    known = [name for name in details if name in sentences.FIELDS and details[name] is not None]
    known = [name for name in known if name != "missing" or details[name]]
    rows = [(sentences.FIELDS[name], _cell(name, details[name])) for name in known]
    if not rows:
        return None
    return Table(
        caption=Text("其他指标（只报告，不作结论）", "Other figures (reported, not judged)"),
        columns=(Text("指标", "Figure"), Text("值", "Value")),
        rows=tuple(rows),
    )


def _cell(name: str, value: object) -> Text:
    if value is None or isinstance(value, list | dict):
        return DASH
    if name in sentences.RATIO_FIELDS and isinstance(value, int | float):
        return same(percent(float(value)))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return same(value)
    return same(count(value) if isinstance(value, int) else significant(value, digits=4))


def matrix(found: object) -> Matrix | None:
    """Return the confusion matrix with its columns for other answers and for none."""
    if not isinstance(found, Mapping) or not found.get("classes"):
        return None
    classes = [str(name) for name in found["classes"]]
    rows = [[int(n) for n in row] for row in found["counts"]]
    columns = [same(name) for name in classes]
    for part, title in (("other", OTHER), ("missing", NONE)):
        if any(found.get(part) or ()):
            columns.append(title)
            rows = [[*row, int(n)] for row, n in zip(rows, found[part], strict=True)]
    shades = [[round(100 * n / max(sum(row), 1)) for n in row] for row in rows]
    return Matrix(
        classes=tuple(classes),
        columns=tuple(columns),
        counts=tuple(tuple(row) for row in rows),
        shades=tuple(tuple(row) for row in shades),
    )


OTHER = Text("其他类", "another class")
NONE = Text("没有答出", "nothing")


def _curves(details: Json, *, targets: Sequence[Json]) -> list[Figure]:
    return [*_selective(details, targets=targets), *_precision_recall(details)]


def _precision_recall(details: Json) -> list[Figure]:
    curve = details.get("precision_recall") or []
    if len(curve) < 2:  # noqa: PLR2004 - a line has two ends
        return []
    ordered = sorted(curve, key=lambda row: float(row["recall"]))
    rows = tuple(
        tuple(
            same(f)
            for f in (percent(r["recall"]), percent(r["precision"]), significant(r["threshold"]))
        )
        for r in _thinned(ordered)
    )
    columns = (*sentences.RECALL_AXES, Text("阈值", "Threshold"))
    title = Text("查全与查准", "Precision and recall")
    first, last = rows[0], rows[-1]
    alt = Text(
        f"查准率查全率曲线：查全 {first[0].zh} 时查准 {first[1].zh}，"
        f"查全 {last[0].zh} 时查准 {last[1].zh}",
        f"Precision–recall curve: {first[1].en} precision at {first[0].en} recall, "
        f"{last[1].en} at {last[0].en}",
    )
    reading = Text(
        "阈值越低，找出的缺陷越多，误报也越多。",
        "The lower the threshold, the more defects are found, and the more false calls come.",
    )
    chart = charts.precision_recall(ordered, alt=alt, titles=sentences.RECALL_AXES)
    table = Table(caption=title, columns=columns, rows=rows, numeric_from=0)
    return [Figure(title=title, reading=reading, chart=chart, table=table)]


def _thinned(rows: Sequence[Json]) -> list[Json]:
    places = np.linspace(0, len(rows) - 1, min(CURVE_ROWS, len(rows))).round().astype(int)
    return [rows[place] for place in dict.fromkeys(places.tolist())]


def _allowed(curve: Sequence[Json], *, limit: float | None) -> Json | None:
    # Tested from the strictest threshold on and stopped at the first failure (a fixed sequence),
    # so that the bound of the one that is chosen holds although many were looked at.
    best = None
    for row in curve:
        if limit is None or row.get("risk_upper") is None or row["risk_upper"] > limit:
            break
        best = row
    return best if best is not None and best["coverage"] > 0 else None


def _selective(details: Json, *, targets: Sequence[Json]) -> list[Figure]:
    curve = details.get("risk_coverage") or []
    if len(curve) < 2:  # noqa: PLR2004 - a line has two ends
        return []
    ordered = sorted(curve, key=lambda row: float(row["coverage"]))
    limit = next((t["limit"] for t in targets if t["metric"] == "miss_rate"), None)
    rows = tuple(
        (
            same(percent(row["coverage"])),
            same(significant(row["threshold"], digits=4)),
            same(percent(row["risk"])),
            same("–" if row.get("risk_upper") is None else percent(row["risk_upper"])),
        )
        for row in _thinned(ordered)
    )
    table = Table(
        caption=Text("风险与覆盖率", "Risk and coverage"),
        columns=sentences.CURVE_COLUMNS,
        rows=rows,
        numeric_from=0,
    )
    chart = charts.risk_coverage(
        ordered, limit=limit, alt=sentences.curve_alt(ordered), titles=sentences.CURVE_AXES
    )
    reading = sentences.selective(_allowed(ordered, limit=limit), limit=limit)
    title = Text("能少看多少件", "How much need not be looked at again")
    return [Figure(title=title, reading=reading, chart=chart, table=table)]


def _speed(run: RunFolder) -> list[Figure]:
    figures = []
    if run.timings is not None and np.isfinite(run.timings).all(axis=1).any():
        figures += [_latency(run), _pace(run)]
    return figures


def _measured(run: RunFolder) -> Table | None:
    measured = run.result.get("measurements") or {}
    limit_mib = (run.asked.get("limits") or {}).get("memory_mib")
    seconds = [
        (name, duration(float(measured[key])))
        for key, name in sentences.SPANS
        if isinstance(measured.get(key), int | float)
    ]
    peak = measured.get("memory_peak_mib")
    if isinstance(peak, int | float):
        of = Text(f"（上限 {count(limit_mib)}）", f" of {count(limit_mib)}") if limit_mib else DASH
        shown = (
            Text(f"{count(peak)} MiB{of.zh}", f"{count(peak)}{of.en} MiB")
            if limit_mib
            else same(f"{count(peak)} MiB")
        )
        seconds.append((Text("内存峰值", "Peak memory"), shown))
    if not seconds:
        return None
    return Table(
        caption=Text("用时与内存（从沙箱外测量）", "Time and memory (measured from outside)"),
        columns=(Text("项目", "Figure"), Text("值", "Value")),
        rows=tuple(seconds),
    )


def _latency(run: RunFolder) -> Figure:
    timings = run.timings
    if timings is None:
        raise AssertionError
    latency_ms = (timings[:, 1] - timings[:, 0]) * 1000
    latency_ms = latency_ms[np.isfinite(latency_ms)]
    p50, p95, p99, top = np.quantile(latency_ms, [0.5, 0.95, 0.99, 1.0])
    shown = latency_ms[latency_ms <= max(p99 * 1.6, p50 * 2)]
    heights, edges = np.histogram(shown, bins=BINS, range=(0, max(float(shown.max()), 1e-3)))
    beyond = len(latency_ms) - len(shown)
    chart = charts.bars(
        name="latency",
        edges=edges,
        heights=heights.astype(float),
        alt=sentences.latency_alt(p50=p50, p95=p95, p99=p99),
        titles=sentences.LATENCY_AXES,
        marks={"p50": float(p50), "p95": float(p95), "p99": float(p99)},
    )
    named = (("p50", p50), ("p95", p95), ("p99", p99), ("max", top))
    rows = tuple((same(name), same(f"{significant(value)} ms")) for name, value in named)
    table = Table(
        caption=Text("单件延迟", "Latency of one piece"),
        columns=(Text("百分位", "Percentile"), Text("延迟", "Latency")),
        rows=rows,
    )
    reading = sentences.latency(p50=p50, p99=p99, beyond=beyond)
    return Figure(
        title=Text("每件要等多久", "How long a piece waits"),
        reading=reading,
        chart=chart,
        table=table,
    )


def _pace(run: RunFolder) -> Figure:
    timings = run.timings
    if timings is None:
        raise AssertionError
    done_s = np.sort(timings[:, 1][np.isfinite(timings[:, 1])])
    done_s -= done_s[0]  # what lies before the first answer is start-up, which is told apart
    end_s = max(float(done_s[-1]), 1e-6)
    stretches = max(1, min(STRETCHES, len(done_s) // 5))
    counts, edges = np.histogram(done_s, bins=stretches, range=(0, end_s))
    per_h = counts / (end_s / stretches) * 3600
    targets = flat_targets(run.result)
    limit = next((t["limit"] for t in targets if t["metric"] == "throughput_per_h"), None)
    low, middle, high = float(per_h.min()), float(np.median(per_h)), float(per_h.max())
    unit, per_unit = ("min", 60.0) if end_s > 180 else ("s", 1.0)  # noqa: PLR2004 - three minutes
    chart = charts.bars(
        name="pace",
        edges=edges / per_unit,
        heights=per_h,
        alt=sentences.pace_alt(low=low, middle=middle, high=high),
        titles=sentences.pace_axes(unit),
        limit=limit,
    )
    named = (
        (Text("最慢的时段", "Slowest stretch"), low),
        (Text("中位数", "Median"), middle),
        (Text("最快的时段", "Fastest stretch"), high),
    )
    table = Table(
        caption=Text("每小时件数", "Pieces an hour"),
        columns=(Text("时段", "Stretch"), Text("件/小时", "Pieces an hour")),
        rows=tuple((name, same(count(value))) for name, value in named),
    )
    reading = sentences.pace(low=low, high=high, limit=limit, stretches=stretches)
    title = Text("快慢是否稳定", "Is the pace steady")
    return Figure(title=title, reading=reading, chart=chart, table=table)


def _record(run: RunFolder) -> tuple[tuple[Text, tuple[tuple[Text, Text], ...]], ...]:
    result = run.result
    level, scorer = result.get("level") or {}, result.get("scorer") or {}
    attempts = result.get("attempts") or []
    how = (
        (Text("任务", "Task"), sentences.TASKS.get(result["task"], same(result["task"]))),
        (Text("合同", "Contract"), same(result["contract"])),
        (Text("评分程序", "Scorer"), same(f"{scorer.get('name')} {scorer.get('version')}")),
        (Text("隔离级别（要求）", "Isolation asked for"), same(level.get("asked"))),
        (Text("隔离级别（实际）", "Isolation had"), same(level.get("had"))),
        (Text("结束原因", "Ended with"), same(result.get("reason"))),
        (Text("尝试", "Attempts"), sentences.attempts(attempts)),
        (Text("开始", "Started"), same(result.get("started_at") or "–")),
        (Text("结束", "Ended"), same(result.get("ended_at") or "–")),
    )
    digests = tuple(
        (sentences.DIGESTS.get(name, same(name)), same(value))
        for name, value in (result.get("digests") or {}).items()
    )
    versions = tuple(
        (same(name), same(value)) for name, value in (result.get("versions") or {}).items()
    )
    files = tuple((same(name), text) for name, text in sentences.FILES)
    return (
        (Text("怎样试的", "How it was tried"), how),
        (Text("摘要（SHA-256）", "Digests (SHA-256)"), digests),
        (Text("软件版本", "Versions"), versions),
        (Text("数据出自哪些文件", "Where the figures are"), files),
    )
