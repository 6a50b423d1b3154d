"""What the figures mean, in plain words of both languages."""

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR
from typing import Any

from liudu.acceptance import METRICS, piece_name
from liudu.trial.report.text import Text, apart, count, percent, same, shorten, significant

Json = Mapping[str, Any]

VERDICTS = {
    "passed": Text("通过", "Passed"),
    "failed": Text("未通过", "Failed"),
    "undecided": Text("尚无定论", "Undecided"),
}
ANSWERS = {
    "proved": Text("已证明", "proved"),
    "refuted": Text("已否定", "refuted"),
    "not_yet": Text("证据不足", "not yet shown"),
}
TASKS = {
    "classify": Text("分类", "classification"),
    "detect": Text("检测", "detection"),
    "alarm": Text("预警", "alarms"),
    "value": Text("数值", "values"),
}
REASONS = {
    "crash": Text("方案运行中崩溃", "the solution crashed"),
    "timeout": Text("方案超时", "the solution ran out of time"),
    "oom": Text("方案超出内存上限", "the solution used more memory than allowed"),
    "bad_output": Text("方案的输出不合格式", "the solution's output broke the contract"),
    "missing_items": Text("方案漏答了部分样本", "the solution left pieces unanswered"),
    "sandbox_violation": Text("方案企图越出沙箱", "the solution tried to leave its sandbox"),
    "infra": Text("试验机自身故障", "the machine of the trial failed"),
}
DIGESTS = {
    "commitment": Text("封存承诺", "Commitment"),
    "data": Text("数据", "Data"),
    "labels": Text("标注（加盐）", "Labels (salted)"),
    "names": Text("原文件名（加盐）", "Names of the files (salted)"),
    "protocol": Text("试验方案（加盐）", "Protocol (salted)"),
    "scorer": Text("评分程序", "Scorer"),
    "solution": Text("参试方案", "Solution"),
    "predictions": Text("作答", "Predictions"),
}
FILES = (
    ("result.json", Text("结论、指标、区间、各类别", "verdict, targets, intervals, classes")),
    ("predictions.jsonl", Text("方案的逐件作答", "what the solution answered, piece by piece")),
    ("timings.npy", Text("逐件的发出与回答时刻", "when each piece was sent and answered")),
    ("measurements.json", Text("用时、CPU、内存", "time, CPU and memory")),
    ("certificate.json", Text("签名证书", "the signed certificate")),
)
SPANS = (
    ("wall_s", Text("总用时", "Wall time")),
    ("startup_s", Text("其中启动", "of it, start-up")),
    ("cpu_s", Text("CPU 时间", "CPU time")),
)
TARGET_COLUMNS = (
    Text("指标", "Metric"),
    Text("承诺", "Promise"),
    Text("观测值", "Seen"),
    Text("保证界", "Bound"),
    Text("依据", "From"),
    Text("回答", "Answer"),
)
CLASS_COLUMNS = (
    Text("类别", "Class"),
    Text("件数", "Trials"),
    Text("次数", "Events"),
    Text("观测值", "Seen"),
    Text("下界", "Lower"),
    Text("上界", "Upper"),
    Text("回答", "Answer"),
)
CURVE_COLUMNS = (
    Text("不复看的件", "No second look"),
    Text("阈值", "Threshold"),
    Text("漏检", "Missed"),
    Text("保证上界", "Bound"),
)
CURVE_AXES = (
    Text("不必复看的件", "Pieces without a second look"),
    Text("漏检率", "Miss rate"),
)
RECALL_AXES = (Text("查全率", "Recall"), Text("查准率", "Precision"))
FIELDS = {
    "class": Text("类别", "Class"),
    "pieces": Text("件数", "Pieces"),
    "boxes": Text("缺陷", "Boxes"),
    "wrong": Text("判错", "Wrong"),
    "missed": Text("漏检", "Missed"),
    "false_calls": Text("误报", "False calls"),
    "false_alarms": Text("误报", "False alarms"),
    "events": Text("事件", "Events"),
    "quiet_steps": Text("平静时步", "Quiet steps"),
    "error_rate": Text("错误率", "Error rate"),
    "average_precision": Text("平均精度 AP", "Average precision"),
    "map": Text("mAP", "mAP"),
    "f1": Text("F1", "F1"),
    "precision": Text("查准率", "Precision"),
    "recall": Text("查全率", "Recall"),
    "sensitivity": Text("灵敏度", "Sensitivity"),
    "first_step_rate": Text("首步预警率", "Alarmed in the first step"),
    "false_alarms_per_quiet_step": Text("每平静时步误报", "False alarms per quiet step"),
    "mean_absolute_error": Text("平均绝对误差", "Mean absolute error"),
    "root_mean_square_error": Text("均方根误差", "Root mean square error"),
    "bias": Text("偏差", "Bias"),
    "iou": Text("判为命中的 IoU", "IoU that counts as found"),
    "missing": Text("未作答", "Not answered"),
}
RATIO_FIELDS = frozenset(
    {"error_rate", "precision", "recall", "sensitivity", "first_step_rate"}
    | {"average_precision", "map", "f1", "false_alarms_per_quiet_step"}
)
LATENCY_AXES = (Text("单件延迟（毫秒）", "Latency of a piece (ms)"), Text("件数", "Pieces"))
NO_TIMINGS = Text(
    "批处理方式：整批交付，没有逐件的时刻，所以不画延迟分布。",
    "Batch mode: the answers came all at once, so there is no latency of single pieces to draw.",
)


def metric_name(name: str) -> Text:
    """Return what a metric is called."""
    metric = METRICS.get(name)
    return Text(metric.zh, _capital(metric.en)) if metric else same(name)


def target_name(entry: Json) -> Text:
    """Return what a target is called, with its class where one class decided it."""
    name = metric_name(entry["metric"])
    if not entry.get("class"):
        return name
    label = shorten(str(entry["class"]), length=32)
    return Text(f"{name.zh}（{label}）", f"{name.en} ({label})")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _unit(entry: Json, *, task: str) -> Text:
    metric = METRICS.get(entry["metric"])
    if metric is None:
        return Text("件", "piece")
    zh, en = piece_name(metric, task=task)  # type: ignore[arg-type]
    return Text(zh, en)


def _plural(noun: str) -> str:
    first, _, rest = noun.partition(" ")
    if rest and first in {"piece", "step"}:  # "piece without a defect": pieces, not defects
        return f"{first}s {rest}"
    return f"{noun}es" if noun.endswith("x") else f"{noun}s"


def headline(result: Json, *, need: str, targets: Sequence[Json]) -> Text:
    """Return the verdict in one sentence."""
    solution = result["solution"]
    name = shorten(f"{solution.get('name')} {solution.get('version', '')}".strip(), length=64)
    need = shorten(need, length=64)
    if not any(entry.get("point") is not None for entry in targets):
        return _ended(name, need=need, reason=str(result["reason"]))
    refuted = [entry for entry in targets if entry["answer"] == "refuted"]
    open_ = [entry for entry in targets if entry["answer"] == "not_yet"]
    if result["verdict"] == "passed":
        return Text(
            f"{name} 在「{need}」上兑现了全部 {len(targets)} 项承诺。",
            f'{name} kept {_all(len(targets))} on "{need}".',
        )
    if refuted:
        return Text(
            f"{name} 在「{need}」上没有兑现承诺：{_names(refuted).zh}超出限值。",
            f'{name} did not keep its promise on "{need}": {_names(refuted).en} beyond the limit.',
        )
    if result["verdict"] == "failed":
        return _ended(name, need=need, reason=str(result.get("reason")))
    return Text(
        f"{name} 在「{need}」上还分不出高下：{_names(open_).zh}的证据不够。",
        f'"{need}" does not yet show what {name} can do: too little evidence on '
        f"{_names(open_).en}.",
    )


def _all(number: int) -> str:
    return "its one promise" if number == 1 else f"all {number} promises"


def _ended(name: str, *, need: str, reason: str) -> Text:
    why = REASONS.get(reason, same(reason))
    return Text(
        f"{name} 没能完成「{need}」上的试验：{why.zh}。",
        f'{name} did not finish the trial on "{need}": {why.en}.',
    )


def _names(entries: Sequence[Json]) -> Text:
    names = [metric_name(entry["metric"]) for entry in entries]
    return Text("、".join(n.zh for n in names), ", ".join(n.en.lower() for n in names))


def advice(result: Json, *, targets: Sequence[Json]) -> Text:
    """Return what follows from the verdict."""
    task = result["task"]
    needed = [more_needed(entry, task=task) for entry in targets]
    more = [text for text in needed if text is not None]
    if result["verdict"] == "passed":
        return Text(
            "每一项都由保证界证明，而不只是观测值碰巧达标；下面逐项列出。",
            "Each is shown by its bound, not by a lucky figure; the details follow.",
        )
    if result["verdict"] == "undecided" and more:
        return Text("".join(t.zh for t in more), " ".join(t.en for t in more))
    if result["verdict"] == "undecided":
        return Text("再多试一些件，结论就会出来。", "Try more pieces, and the answer will come.")
    if any(entry["answer"] == "refuted" for entry in targets):
        return Text(
            "这不是运气不好：即使按最有利的界算，也达不到限值。再多试也不会通过，应改进方案。",
            "This is not bad luck: even its most favourable bound misses the limit. "
            "More pieces will not help; a better solution will.",
        )
    return Text(
        "结束原因与保留的输出见文末和 quarantine 文件夹。",
        "Its end and its output are recorded at the end of this report and in quarantine/.",
    )


def decisive(entry: Json) -> str:
    """Return which bound decided: ``upper`` or ``lower``, the other one where it was refuted."""
    metric = METRICS.get(entry["metric"])
    side = "upper" if metric is None or metric.better == "lower" else "lower"
    if entry["answer"] != "refuted":
        return side
    return "lower" if side == "upper" else "upper"


def bound_name(side: str, *, confidence: float) -> Text:
    """Return what the decisive bound is called."""
    level = percent(confidence)
    if side == "upper":
        return Text(f"{level} 置信上界", f"{level} upper bound")
    return Text(f"{level} 置信下界", f"{level} lower bound")


def tally(entry: Json, *, task: str) -> Text:
    """Return from how many pieces the figure comes."""
    trials, events = entry.get("trials"), entry.get("events")
    if trials is None or entry.get("note") == "one_measurement":
        return same("–")
    unit = _unit(entry, task=task)
    clusters = entry.get("clusters")
    grouped = Text("", "")
    if clusters and clusters != trials:
        grouped = Text(f"，{count(clusters)} 组", f" in {count(clusters)} clusters")
    if events is None:
        return Text(f"{count(trials)} {unit.zh}{grouped.zh}", f"{count(trials)}{grouped.en}")
    return Text(
        f"{count(events)} / {count(trials)} {unit.zh}{grouped.zh}",
        f"{count(events)} of {count(trials)} {_plural(unit.en)}{grouped.en}",
    )


def meaning(entry: Json, *, task: str, show: Callable[[float | None], str]) -> Text:
    """Return what the decisive bound says, in words of the shop floor."""
    metric, side = METRICS.get(entry["metric"]), decisive(entry)
    bound = entry.get(side)
    if metric is not None and metric.kind == "measured" and entry.get("point") is not None:
        return Text(
            f"全程实测 {show(entry['point'])}，从沙箱外测得。",
            f"Measured from outside over the whole run: {show(entry['point'])}.",
        )
    if metric is None or bound is None:
        note = NOTES.get(str(entry.get("note")))
        if note is None:
            return Text("没有可用的界。", "There is no bound for it.")
        return Text(note.zh, note.en[0].upper() + note.en[1:])
    sure, upper = percent(entry.get("confidence", 0.95)), side == "upper"
    zh, en = ("不超过", "at most") if upper else ("不少于", "at least")
    if metric.kind == "ratio":
        unit = _unit(entry, task=task)
        words = SHOP_FLOOR.get(entry["metric"], Text(f"计入{metric.zh}", f"count for {metric.en}"))
        rounding = ROUND_CEILING if upper else ROUND_FLOOR
        of = apart(
            bound,
            beside=entry.get("limit"),
            write=lambda ratio, digits: significant(1000 * ratio, digits=digits, rounding=rounding),
        )
        return Text(
            f"{sure} 的把握：每 1000 {_measured(unit.zh)}，{words.zh}的{zh} {of}。",
            f"{sure} sure: of 1,000 {_plural(unit.en)}, {en} {of} {words.en}.",
        )
    if metric.kind == "pace":
        return Text(
            f"{sure} 的把握：长期每小时{zh} {show(bound)} 件。",
            f"{sure} sure: {en} {show(bound)} pieces an hour in the long run.",
        )
    return Text(
        f"{sure} 的把握：{metric.zh}{zh} {show(bound)}。",
        f"{sure} sure: the {metric.en} is {en} {show(bound)}.",
    )


SHOP_FLOOR = {
    "miss_rate": Text("漏掉", "are missed"),
    "sensitivity": Text("能找出", "are found"),
    "overkill_rate": Text("被误判", "are rejected without cause"),
    "specificity": Text("判为正常", "are left alone"),
    "false_alarm_rate": Text("误报", "raise a false alarm"),
    "precision": Text("报得对", "are right"),
    "false_discovery_rate": Text("报错", "are wrong"),
    "accuracy": Text("判对", "are judged right"),
    "error_rate": Text("判错", "are judged wrong"),
    "class_error_rate": Text("判错", "are judged wrong"),
    "within_tolerance_rate": Text("在公差内", "lie within the tolerance"),
    "first_step_rate": Text("首步就报警", "are alarmed in their first step"),
}


def more_needed(entry: Json, *, task: str) -> Text | None:
    """Return how many more pieces would decide an open target, or why none will."""
    needed, name = entry.get("more_needed"), metric_name(entry["metric"])
    if entry["answer"] != "not_yet":
        return None
    if not isinstance(needed, Mapping):
        note = NOTES.get(str(entry.get("note")))
        return note and Text(f"{name.zh}：{note.zh}", f"{name.en}: {note.en}")
    unit = _unit(entry, task=task)
    if needed.get("unit") == "cluster" and entry.get("clusters"):
        unit = Text("组", "cluster")
    best = count(needed["no_further_error"])
    zh = f"{name.zh}：再试 {best} {_measured(unit.zh)}且不再出错，就能证明"
    en = f"{name.en}: {best} more {_plural(unit.en)} without a further error would prove it"
    if needed.get("observed_rate") is None:
        return Text(
            f"{zh}；照目前的出错率则证明不了。", f"{en}; at the rate seen so far none will."
        )
    likely = count(needed["observed_rate"])
    if likely == best:
        return Text(f"{zh}。", f"{en}.")
    return Text(
        f"{zh}；照目前的出错率约需 {likely} {_measured(unit.zh)}。",
        f"{en}; at the rate seen so far about {likely}.",
    )


def _measured(unit: str) -> str:
    bare = unit.removesuffix("（件）")
    return f"件{bare}" if bare != unit else unit if unit in {"件", "组", "项"} else f"个{unit}"


NOTES = {
    "too_few_items": Text(
        "件数太少，算不出保证界。", "too few pieces for a bound: try more of them."
    ),
    "too_short": Text(
        "试验太短，看不出速度是否稳定。", "the trial was too short to show a steady pace."
    ),
    "correlated": Text(
        "速度前后相关太强，应延长试验。",
        "the pace drifts too much for a bound: let the trial run longer.",
    ),
    "one_measurement": Text(
        "只有一次测量，无从判断波动。", "it was measured once, which shows no variation."
    ),
    "no_trials": Text("一件也没有试到。", "not one piece of the kind was tried."),
}
METHOD_NAMES = {
    "clopper_pearson": Text("Clopper–Pearson 精确界", "exact Clopper–Pearson"),
    "betting": Text("有界均值的押注法", "betting bound of a bounded mean"),
    "betting_two_one_sided": Text("押注法，双单侧", "betting, two one-sided"),
    "cluster_betting": Text("按组的押注法", "betting over clusters"),
    "order_statistics": Text("顺序统计量", "order statistics"),
    "batch_means": Text("分批均值", "batch means"),
    "repeats": Text("分批计时的 t 区间", "t interval over timed chunks"),
    "measured": Text("直接测量", "measured"),
    "e_process": Text("随时有效的 e 过程", "anytime-valid e-process"),
}


def method_name(code: object) -> Text:
    """Return what a method of the verdict is called."""
    name = str(code or "–")
    every = name.removesuffix("_every_class").removesuffix("_in_turns")
    found = METHOD_NAMES.get(every, same(every))
    return (
        found
        if not name.endswith("_every_class")
        else Text(f"{found.zh}，逐类", f"{found.en}, class by class")
    )


def attempts(found: Sequence[object]) -> Text:
    """Return how often it was tried and how each attempt ended."""
    reasons = [str(a.get("reason")) if isinstance(a, Mapping) else str(a) for a in found]
    joined = ", ".join(reasons)
    tail = f" ({joined})" if joined else ""
    return Text(f"{len(reasons)} 次{tail}", f"{len(reasons)}{tail}")


def curve_alt(curve: Sequence[Json]) -> Text:
    """Return the risk–coverage curve in words."""
    first, last = curve[0], curve[-1]
    return Text(
        f"风险覆盖率曲线：{percent(first['coverage'])} 的件不复看时漏检 {percent(first['risk'])}，"
        f"{percent(last['coverage'])} 的件不复看时漏检 {percent(last['risk'])}",
        f"Risk–coverage curve: {percent(first['risk'])} missed when {percent(first['coverage'])} "
        f"get no second look, {percent(last['risk'])} when {percent(last['coverage'])} get none",
    )


def selective(best: Json | None, *, limit: float | None) -> Text:
    """Return what the curve allows: `best` is its loosest row whose bound keeps the limit."""
    if limit is None:
        return Text(
            "横轴是不必复看的件的比例，纵轴是因此漏掉的不良；实线为观测值，虚线为保证上界。",
            "Across: the share of pieces without a second look. Up: the share of positive pieces "
            "missed by that; solid as seen, dotted its guaranteed bound.",
        )
    if best is None:
        return Text(
            f"没有哪个阈值能在漏检保证不超过 {percent(limit)} 的同时免去复看：每件都要有人看。",
            f"No threshold spares anybody a look while misses are sure to stay below "
            f"{percent(limit)}: people must look at every piece.",
        )
    share, threshold = percent(best["coverage"]), significant(best["threshold"], digits=4)
    risk = percent(best["risk_upper"])
    return Text(
        f"分数低于 {threshold} 的件放行、其余复看：{share} 的件不必再看，"
        f"漏检仍保证不超过 {risk}（限值 {percent(limit)}，图中横虚线）。",
        f"Pass what scores below {threshold} and look at the rest: {share} of the pieces need no "
        f"second look, and misses are sure to stay below {risk} "
        f"(limit {percent(limit)}, dashed line).",
    )


def latency_alt(*, p50: float, p95: float, p99: float) -> Text:
    """Return the histogram of latency in words."""
    a, b, c = (significant(value) for value in (p50, p95, p99))
    return Text(
        f"延迟分布：一半在 {a} 毫秒内，95 % 在 {b} 毫秒内，99 % 在 {c} 毫秒内",
        f"Histogram of latency: half within {a} ms, 95 % within {b} ms, 99 % within {c} ms",
    )


def latency(*, p50: float, p99: float, beyond: int) -> Text:
    """Return what the latencies mean."""
    a, c = significant(p50), significant(p99)
    cut = Text("", "")
    if beyond:
        cut = Text(f"图中未画最慢的 {beyond} 件。", f" The slowest {beyond} are not drawn.")
    return Text(
        f"一半的件在 {a} 毫秒内得到回答，100 件里有 99 件在 {c} 毫秒内。{cut.zh}",
        f"Half of the pieces are answered within {a} ms, 99 of 100 within {c} ms.{cut.en}",
    )


def pace_axes(unit: str) -> tuple[Text, Text]:
    """Return the titles of the axes of pace over time."""
    zh = "分钟" if unit == "min" else "秒"
    return Text(f"首件答出后的时间（{zh}）", f"Time since the first answer ({unit})"), Text(
        "件/小时", "Pieces an hour"
    )


def pace_alt(*, low: float, middle: float, high: float) -> Text:
    """Return the pace over time in words."""
    return Text(
        f"各时段每小时件数：最慢 {count(low)}，中位 {count(middle)}，最快 {count(high)}",
        f"Pieces an hour over time: slowest {count(low)}, median {count(middle)}, "
        f"fastest {count(high)}",
    )


def pace(*, low: float, high: float, limit: float | None, stretches: int) -> Text:
    """Return what the pace over time means."""
    zh = f"把试验等分为 {stretches} 段，每小时件数在 {count(low)} 与 {count(high)} 之间。"
    en = (
        f"In {stretches} equal stretches of the trial the pace lay between {count(low)} "
        f"and {count(high)} an hour."
    )
    if limit is not None and low >= limit:
        zh += f"最慢的一段也快于要求的 {count(limit)}（虚线）。"
        en += f" Even the slowest beats the {count(limit)} that were asked (dashed line)."
    elif limit is not None:
        zh += f"虚线是要求的 {count(limit)}。"
        en += f" The dashed line is the {count(limit)} that were asked."
    return Text(zh, en)


def methods(result: Json, *, targets: Sequence[Json]) -> tuple[tuple[Text, Text], ...]:
    """Return how the figures were computed, one paragraph for each way that was used."""
    used: set[str] = {
        METRICS[entry["metric"]].kind for entry in targets if entry["metric"] in METRICS
    }
    codes = {str(entry.get("method") or "") for entry in targets}
    if any(code.startswith("cluster_betting") for code in codes):
        used.add("clusters")
    if not any(code.startswith("clopper_pearson") for code in codes):
        used.discard("ratio")
    if result.get("looks"):
        used.add("looks")
    return tuple(METHODS[name] for name in METHODS if name in used or name == "always")


METHODS = {
    "always": (
        Text("三种回答", "Three answers"),
        Text(
            "保证界达到限值为「已证明」；即使按最有利的界也达不到为「已否定」；两者都不是为"
            "「证据不足」。全部已证明才算通过。观测值好看但件数太少，不能通过。",
            "A promise is proved if its bound keeps the limit, refuted if even the most favourable "
            "bound does not, and otherwise not yet shown. All must be proved to pass: a fine "
            "figure from too few pieces does not.",
        ),
    ),
    "ratio": (
        Text("比例", "Ratios"),
        Text(
            "精确的单侧 Clopper–Pearson 界（1934）：不作正态近似，件数再少、错误为零时也成立；"
            "只用于相互独立的件。",
            "Exact one-sided Clopper–Pearson bounds (1934): no normal approximation, valid for few "
            "pieces and for zero errors. Used where the pieces are independent.",
        ),
    ),
    "clusters": (
        Text("成组的件", "Pieces that belong together"),
        Text(
            "同一零件、患者或序列的件算作一组，组内不当作相互独立；界由押注法在各组之间得出，"
            "组数有限时也成立。",
            "Pieces of one part, patient or series form a cluster and are not treated as "
            "independent; the bound is won by betting over the clusters and is valid for a finite "
            "number of them.",
        ),
    ),
    "looks": (
        Text("边试边看", "Looking while it runs"),
        Text(
            "试验分批进行，每批之后都看一次结果；用的是随时有效的检验，看多少次都不会放大误判的风险。",
            "The trial went on in chunks and was looked at after each; the tests are valid at any "
            "time, so that looking often does not raise the risk of a wrong answer.",
        ),
    ),
    "mean": (
        Text("均值", "Means"),
        Text(
            "对有界数值的非渐近置信界，件数有限时也成立。",
            "A confidence bound for bounded values that is valid for a finite number of pieces.",
        ),
    ),
    "quantile": (
        Text("百分位", "Percentiles"),
        Text(
            "由顺序统计量得到的精确界，不假设延迟服从何种分布。",
            "Exact bounds from order statistics; nothing is assumed about the distribution.",
        ),
    ),
    "pace": (
        Text("吞吐量", "Throughput"),
        Text(
            "把试验切成时段（流模式）或分批计时（批模式），用各段之间的波动估计长期速度的界；"
            "质量与速度在同一次运行中测得。",
            "The run is cut into stretches (stream) or served in timed chunks (batch), and their "
            "variation bounds the long-run pace. Quality and speed are measured in one run.",
        ),
    ),
    "measured": (
        Text("内存与用时", "Memory and time"),
        Text(
            "从沙箱外面量，计入方案的全部子进程。",
            "Measured from outside the sandbox, over all processes of the solution.",
        ),
    ),
}
