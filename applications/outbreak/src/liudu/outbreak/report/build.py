"""Build the bulletin of a week from a table of counts and its configuration."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import attrs

from liudu.outbreak.configuration import Configuration
from liudu.outbreak.report.charts import epidemic_curve, tile_map
from liudu.outbreak.report.curves import Curve, curves
from liudu.outbreak.report.model import Bulletin, Chart, SignalPart, Table
from liudu.outbreak.report.tiles import EMPTY, Tiles
from liudu.outbreak.series import SeriesTable
from liudu.outbreak.signals import PRIORITIES, Raised, Week, district_of, evaluate
from liudu.outbreak.text import NONE, Text, number, p_text, same

WEEKS_LISTED: Final = 12
SIGNALS_DRAWN_MAX: Final = 40
FIGURES: Final = {
    "fpr": Text("误报率（周）", "False alarms, of weeks"),
    "sensitivity": Text("灵敏度（周）", "Sensitivity, of weeks"),
    "pod": Text("暴发检出率", "Outbreaks found"),
    "pod_first_week": Text("首周检出率", "Found in first week"),
    "ppv": Text("阳性预测值", "Alarms that are right"),
    "accuracy": Text("准确率", "Accuracy"),
}
SILENT: Final = "silent"
NOWHERE: Final = Text("", "")


@attrs.frozen(kw_only=True)
class Provenance:
    """Which files, programs and settings a bulletin rests on.

    Attributes
    ----------
    files
        Name and SHA-256.
    versions
        Program and version.
    configuration
        The settings, as text.

    """

    files: tuple[tuple[str, str], ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    configuration: str = ""


@attrs.frozen(kw_only=True, eq=False)
class Request:
    """What a bulletin is made of.

    Attributes
    ----------
    week
        Column of the table.
    made_at
        Moment, as people read it.
    place
        Whose bulletin it is.
    quality
        ``quality.json`` of an import.
    backtest
        Answer of ``liudu-outbreak backtest --json``.
    provisional
        So many of the last weeks may still grow by late reports.
    projected
        Key of a series and week to the count that a nowcast expects.
    threshold
        Counts from 1 to below it are hidden; 0 hides nothing.
    districts
        Only signals of these are told, though all series share one budget; none for all.

    """

    table: SeriesTable
    configuration: Configuration
    week: int
    made_at: str
    place: Text = NOWHERE
    simulated: bool = False
    tiles: Tiles = EMPTY
    quality: Mapping[str, Any] | None = None
    backtest: Mapping[str, Any] | None = None
    provisional: int = 0
    projected: Mapping[tuple[tuple[str, ...], str], float] = attrs.field(factory=dict)
    threshold: int = 5
    districts: frozenset[str] | None = None
    provenance: Provenance = attrs.field(factory=Provenance)


def bulletin(request: Request) -> Bulletin:
    """Evaluate the week and say what it found.

    Raises
    ------
    UnknownWeekError

    """
    week = _within(
        evaluate(request.table, configuration=request.configuration, week=request.week),
        request=request,
    )
    drawn = week.raised[:SIGNALS_DRAWN_MAX]
    shown = [
        curve.suppressed(threshold=request.threshold)
        for curve in curves(
            request.table,
            configuration=request.configuration,
            rows=[raised.row for raised in drawn],
            week=request.week,
            alpha=week.alpha,
            provisional=request.provisional,
            projected=request.projected,
        )
    ]
    chart, map_table = _map(request, week)
    place = request.place
    return Bulletin(
        title=Text(f"{place.zh}传染病预警周报", f"{place.en} early-warning bulletin".strip()),
        week=week.label,
        made_at=request.made_at,
        simulated=request.simulated,
        headline=_headline(week),
        lead=_lead(week, shown),
        facts=_facts(week),
        ranking=_ranking(week, threshold=request.threshold),
        signals=tuple(
            _signal(raised, curve, place=place_, threshold=request.threshold)
            for place_, (raised, curve) in enumerate(zip(drawn, shown, strict=True), start=1)
        ),
        map=chart,
        map_table=map_table,
        evaluation=evaluation(request.backtest),
        quality=quality_table(request.quality),
        quality_lead=_quality_lead(request.quality),
        methods=_methods(request, week),
        record=_record(request, week),
        threshold=request.threshold,
    )


def _within(week: Week, *, request: Request) -> Week:
    """Return the week as those see it who watch over some districts alone."""
    if request.districts is None:
        return week
    own = [one for one in week.raised if one.district in request.districts]
    return attrs.evolve(
        week,
        raised=tuple(attrs.evolve(one, rank=rank) for rank, one in enumerate(own, start=1)),
        series=sum(name in request.districts for name in _districts(request.table)),
        missing=0,
        too_short=0,
    )


def _districts(table: SeriesTable) -> list[str]:
    return [district_of(dict(zip(table.columns, key, strict=True))) for key in table.keys]


def _headline(week: Week) -> Text:
    count = len(week.raised)
    if not count:
        return Text(
            f"{week.label}：{week.series} 个序列均未出现异常升高",
            f"{week.label}: no unusual rise in {week.series} series",
        )
    first = week.raised[0].name
    return Text(
        f"{week.label}：{count} 个信号，最需关注的是 {first}",
        f"{week.label}: {count} {_plural(count, 'signal')}, first of all {first}",
    )


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"


def _lead(week: Week, shown: list[Curve]) -> Text:
    urgent = sum(raised.priority <= 2 for raised in week.raised)  # noqa: PLR2004
    late = any(curve.provisional[-1] for curve in shown)
    zh, en = "", ""
    if week.raised:
        zh = f"其中 {urgent} 个优先级为高或很高，请先核实。" if urgent else "没有高优先级的信号。"
        en = (
            f"{urgent} of high or very high priority: verify these first."
            if urgent
            else "None is of high priority."
        )
    if late:
        zh += "末周为暂定数，补报后可能上升。"
        en += " The last week is provisional and may grow by late reports."
    if week.missing or week.too_short:
        zh += f"另有 {week.missing} 个序列缺报、{week.too_short} 个历史不足 7 周，未作判定。"
        en += (
            f" Not decided: {week.missing} without a report, {week.too_short} with less than "
            "7 weeks of history."
        )
    return Text(zh or "所有序列都已判定。", en.strip() or "Every series was decided.")


def _facts(week: Week) -> tuple[tuple[Text, Text], ...]:
    urgent = sum(raised.priority <= 2 for raised in week.raised)  # noqa: PLR2004
    return (
        (Text("信号", "Signals"), same(f"{len(week.raised)}")),
        (Text("高优先级", "High priority"), same(f"{urgent}")),
        (Text("监测序列", "Series watched"), same(f"{week.series:,}")),
        (Text("未判定", "Not decided"), same(f"{week.missing + week.too_short}")),
    )


def hidden(count: float | None, *, threshold: int) -> bool:
    """Return whether a count is too small to be exported."""
    return count is not None and 0 < count < threshold


def shown_count(count: float | None, *, threshold: int) -> Text:
    """Return a count as it may be exported."""
    if hidden(count, threshold=threshold):
        return Text(f"1–{threshold - 1}", f"1–{threshold - 1}")
    return same(number(count))


def _ranking(week: Week, *, threshold: int) -> Table | None:
    if not week.raised:
        return None
    return Table(
        caption=Text("本周信号，最异常的在前", "Signals of the week, most unusual first"),
        columns=(
            Text("序列", "Series"), Text("优先级", "Priority"), Text("病例", "Cases"),
            Text("预期", "Expected"), Text("上限", "Bound"), same("p"),
            Text("方法", "Detector"),
        ),
        rows=tuple(_ranked(raised, threshold=threshold) for raised in week.raised),
        numeric_from=2,
    )  # fmt: skip


def _ranked(raised: Raised, *, threshold: int) -> tuple[Text, ...]:
    small = hidden(raised.observed, threshold=threshold)
    bound = None if raised.bound is None else max(raised.bound, threshold - 1.0)
    return (
        same(raised.name),
        PRIORITIES[raised.priority],
        shown_count(raised.observed, threshold=threshold),
        same(number(raised.expected)),
        same(number(bound if threshold > 1 else raised.bound)),
        NONE if small else same(p_text(raised.p_value)),  # a p gives its count away
        detector_text(raised),
    )


def detector_text(raised: Raised) -> Text:
    """Return what decided, in words."""
    if raised.fixed:
        return Text("固定规则", "fixed rule")
    return same(raised.detector)


def _signal(raised: Raised, curve: Curve, *, place: int, threshold: int) -> SignalPart:
    small = hidden(raised.observed, threshold=threshold)
    seen = shown_count(raised.observed, threshold=threshold)
    sentence = Text(
        f"{curve.weeks[-1]} 报告 {seen.zh} 例，预期 {number(raised.expected)} 例，"
        f"报警上限 {number(curve.bound[-1])} 例。",
        f"{seen.en} cases in {curve.weeks[-1]}; {number(raised.expected)} expected, "
        f"alarm above {number(curve.bound[-1])}.",
    )
    if raised.p_value is not None and not small:
        sentence = Text(
            f"{sentence.zh}没有暴发时，出现这么多病例的概率为 {p_text(raised.p_value)}。",
            f"{sentence.en} Without an outbreak so many are seen with probability "
            f"{p_text(raised.p_value)}.",
        )
    return SignalPart(
        rank=raised.rank,
        priority=raised.priority,
        name=same(raised.name),
        sentence=sentence,
        remarks=remarks(raised, late=curve.provisional[-1]),
        chart=epidemic_curve(curve, name=f"curve-{place}", threshold=threshold),
        table=weeks_table(curve, threshold=threshold),
    )


def remarks(raised: Raised, *, late: bool) -> tuple[Text, ...]:
    """Return what is to be known before acting on a signal."""
    found = []
    if raised.fixed:
        found.append(
            Text(
                "由固定规则触发：该病种出现病例即报警。", "Raised by a fixed rule of this disease."
            )
        )
    if raised.ladder:
        found.append(
            Text(
                f"历史较短，改用 {raised.detector} 判定；结论的把握较小。",
                f"The history is short: {raised.detector} decided instead, with less certainty.",
            )
        )
    if late:
        found.append(
            Text("本周为暂定数，补报后可能上升。", "Provisional: late reports may raise the count.")
        )
    return tuple(found)


def weeks_table(curve: Curve, *, threshold: int) -> Table:
    """Return the last weeks of a curve, newest first."""
    order = range(len(curve.weeks) - 1, max(len(curve.weeks) - 1 - WEEKS_LISTED, -1), -1)
    projected = any(curve.projected[index] is not None for index in order)
    head = (
        Text("周", "Week"),
        Text("病例", "Cases"),
        Text("预期", "Expected"),
        Text("上限", "Bound"),
    )
    extra = (Text("补报后预计", "Projected"),) if projected else ()
    return Table(
        caption=Text("最近各周", "The last weeks"),
        columns=(*head, *extra, Text("备注", "Remark")),
        rows=tuple(
            _week_row(curve, index, threshold=threshold, projected=projected) for index in order
        ),
    )


def _week_row(curve: Curve, index: int, *, threshold: int, projected: bool) -> tuple[Text, ...]:
    notes = []
    if curve.alarm[index]:
        notes.append(Text("报警", "alarm"))
    if curve.provisional[index]:
        notes.append(Text("暂定", "provisional"))
    seen = same(f"1–{threshold - 1}") if curve.hidden[index] else same(number(curve.counts[index]))
    extra = (same(number(curve.projected[index])),) if projected else ()
    return (
        same(curve.weeks[index]),
        seen,
        same(number(curve.expected[index])),
        same(number(curve.bound[index])),
        *extra,
        Text("、".join(n.zh for n in notes), ", ".join(n.en for n in notes)),
    )


def _map(request: Request, week: Week) -> tuple[Chart | None, Table | None]:
    named = _districts(request.table)
    only = request.districts
    districts = [n for n in dict.fromkeys(named) if n and (only is None or n in only)]
    if not districts:
        return None, None
    return district_map(
        request.tiles.over(districts),
        signals=Counter(raised.district for raised in week.raised),
        watched=Counter(named),
        only=districts,
    )


def district_map(
    tiles: Tiles, *, signals: Mapping[str, int], watched: Mapping[str, int], only: list[str]
) -> tuple[Chart, Table]:
    """Return the districts as tiles, and the same as a table."""
    positions = {name: at for name, at in tiles.positions.items() if name in only}
    some = [name for name in only if signals.get(name, 0)]
    alt = Text(
        "各区县信号数："
        + ("、".join(f"{name} {signals[name]}" for name in some) or "均为 0")
        + "。",
        "Signals by district: "
        + (", ".join(f"{tiles.labels[name].en} {signals[name]}" for name in some) or "none")
        + ".",
    )
    zh, en = (
        tile_map(_moved(positions), signals=signals, labels=tiles.labels, language=language)
        for language in ("zh", "en")
    )
    order = sorted(only, key=lambda name: (-signals.get(name, 0), name))
    rows = tuple(
        (tiles.labels[name], same(str(signals.get(name, 0))), same(str(watched.get(name, 0))))
        for name in order
    )
    head = (Text("区县", "District"), Text("信号", "Signals"), Text("监测序列", "Series watched"))
    caption = Text("各区县的信号", "Signals by district")
    return (
        Chart(name="map", alt=alt, zh=zh, en=en),
        Table(caption=caption, columns=head, rows=rows),
    )


def _moved(positions: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Return the tiles moved to the upper left corner."""
    left = min(x for x, _ in positions.values())
    top = min(y for _, y in positions.values())
    return {name: (x - left, y - top) for name, (x, y) in positions.items()}


def evaluation(backtest: Mapping[str, Any] | None) -> Table | None:
    """Return how detectors do where outbreaks are known; the silent detector stands first."""
    detectors = (backtest or {}).get("detectors") or {}
    if not detectors:
        return None
    order = sorted(detectors, key=lambda name: name != SILENT)
    return Table(
        caption=Text(
            "在已知暴发上的表现（方括号内为 95 % 区间）；“从不报警”供对照："
            "准确率再高，也可能什么都没发现",
            "Where outbreaks are known (95 % intervals in brackets). Compare with the detector "
            "that never alarms: high accuracy alone may find nothing",
        ),
        columns=(Text("检测器", "Detector"), *FIGURES.values()),
        rows=tuple(_figures(name, detectors[name]["overall"]) for name in order),
    )


def _figures(name: str, overall: Mapping[str, Any]) -> tuple[Text, ...]:
    shown = Text("从不报警", "never alarms") if name == SILENT else same(name)
    return (shown, *(_figure(overall.get(key)) for key in FIGURES))


def _figure(figure: Mapping[str, Any] | None) -> Text:
    if figure is None or figure.get("value") is None:
        return NONE
    low, high = figure.get("interval") or (None, None)
    value = f"{figure['value'] * 100:.1f} %"
    if low is None or high is None:
        return same(value)
    return same(f"{value} [{low * 100:.1f}, {high * 100:.1f}]")


def quality_table(quality: Mapping[str, Any] | None) -> Table | None:
    """Return every reason for which a row was left out, changed or noted."""
    if not quality:
        return None
    kinds = {
        "rejected": Text("剔除", "left out"),
        "altered": Text("改动", "changed"),
        "noted": Text("提示", "noted"),
    }
    rows = tuple(
        (
            Text(finding["zh"], finding["en"]),
            kinds.get(finding["kind"], same(str(finding["kind"]))),
            same(str(finding["file"])),
            same(f"{finding['count']:,}"),
            same(", ".join(str(row) for row in finding["rows"]) or "–"),
        )
        for finding in quality.get("findings", [])
    )
    return Table(
        caption=Text("按原因逐条计数", "Counted by reason"),
        columns=(
            Text("原因", "Reason"), Text("处理", "Done"), Text("文件", "File"),
            Text("行数", "Rows"), Text("例如第几行", "For example rows"),
        ),
        rows=rows,
        numeric_from=3,
    )  # fmt: skip


def _quality_lead(quality: Mapping[str, Any] | None) -> Text | None:
    if not quality:
        return None
    read, kept, rejected = (quality[f"rows_{name}"] for name in ("read", "kept", "rejected"))
    return Text(
        f"读入 {read:,} 行，保留 {kept:,} 行，剔除 {rejected:,} 行；每一行的去向都在表中。",
        f"{read:,} rows were read, {kept:,} kept, {rejected:,} left out; the table has all.",
    )


def _methods(request: Request, week: Week) -> tuple[tuple[Text, Text], ...]:
    budget = request.configuration.budget
    rules = {
        "alpha": Text(
            f"p 不超过 {budget.value:g} 即报警", f"a week alarms at p ≤ {budget.value:g}"
        ),
        "fdr": Text(
            f"错误发现率 {budget.value:g}（Benjamini-Hochberg，全部序列一起控制），"
            f"本周相当于 p ≤ {week.alpha:.3g}",
            f"false discovery rate {budget.value:g} (Benjamini-Hochberg over all series); "
            f"this week p ≤ {week.alpha:.3g}",
        ),
        "count": Text(
            f"每周至多 {budget.value:g} 个报警，本周相当于 p ≤ {week.alpha:.3g}",
            f"at most {budget.value:g} alarms a week; this week p ≤ {week.alpha:.3g}",
        ),
    }
    parts = [
        (
            Text("报警预算", "Alarm budget"),
            rules[budget.rule],
        ),
        (
            Text("预期与上限", "Expected and bound"),
            Text(
                "由往年同期及近期趋势估计没有暴发时的病例数及其波动；病例数超过上限即报警。"
                "往周的上限按本周的标准画出。",
                "The count without an outbreak and its spread are estimated from earlier years and "
                "the trend; a count above the bound alarms. Earlier weeks are drawn at this "
                "week's level.",
            ),
        ),
        (
            Text("信号不等于暴发", "A signal is no outbreak"),
            Text(
                "信号只说明病例数异常升高，是否暴发须经核实和现场调查。",
                "A signal says that a count is unusually high; whether it is an outbreak takes "
                "verification and a field investigation.",
            ),
        ),
    ]
    if request.threshold > 1:
        parts.append(
            (
                Text("小数隐去", "Small counts"),
                Text(
                    f"为保护个人，1 至 {request.threshold - 1} 例只写范围，相应的 p 值不列，"
                    f"低于 {request.threshold - 1} 的上限一律按 {request.threshold - 1} 列出。",
                    f"To protect people, counts of 1 to {request.threshold - 1} are given as a "
                    f"range, their p-values are left out, and bounds below "
                    f"{request.threshold - 1} are given as {request.threshold - 1}.",
                ),
            )
        )
    return tuple(parts)


def _record(request: Request, week: Week) -> tuple[tuple[Text, Text], ...]:
    provenance = request.provenance
    rows = [
        (Text("评估周", "Week evaluated"), same(week.label)),
        (Text("生成时间", "Made"), same(request.made_at)),
    ]
    rows += [
        (Text("文件", "File"), same(f"{name}　sha256:{digest}"))
        for name, digest in provenance.files
    ]
    rows += [(Text("程序", "Program"), same(f"{n} {v}")) for n, v in provenance.versions]
    if provenance.configuration:
        rows.append((Text("配置", "Configuration"), same(provenance.configuration)))
    return tuple(rows)
