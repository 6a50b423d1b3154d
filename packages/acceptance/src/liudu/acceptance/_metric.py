"""What can be promised: the metrics, what each counts, and which way is better."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from attrs import frozen

Task = Literal["classify", "detect", "alarm", "value"]
Kind = Literal["ratio", "mean", "quantile", "pace", "measured", "summary"]
Against = Literal["miss", "false_alarm", "both", "speed", "error"]
Better = Literal["lower", "higher"]

TASKS: tuple[Task, ...] = get_args(Task)


@frozen(kw_only=True)
class Metric:
    """One metric: its denominator is part of its meaning.

    Attributes
    ----------
    name
        The name in the promise.
    tasks
        The tasks for which it exists.
    kind
        ``ratio``: events over trials, exact binomial. ``mean``: mean of bounded values.
        ``quantile``: a quantile of values, by order statistics. ``pace``: items per hour.
        ``measured``: one measurement without sampling error. ``summary``: a figure for which no
        finite-sample bound is known; it is reported and cannot be promised.
    against
        The error that a target on it guards against.
    better
        The good direction. A ratio that is better ``lower`` counts bad events, one that is
        better ``higher`` counts good events.
    unit
        What one trial is: the denominator.
    pooled
        True where errors of all kinds are thrown together, so that answering always the
        frequent kind can meet it.
    options
        Keys of the target that it needs besides the common ones.
    quantile
        Of a quantile metric, the quantile in (0, 1).
    zh, en
        Its name for people.

    """

    name: str
    tasks: frozenset[Task]
    kind: Kind
    against: Against
    better: Better
    unit: str
    zh: str
    en: str
    pooled: bool = False
    options: tuple[str, ...] = ()
    quantile: float | None = None

    @property
    def event_is_bad(self) -> bool:
        """Whether a ratio's event is the bad thing."""
        return self.better == "lower"


_ALL: frozenset[Task] = frozenset(TASKS)
_CLASSIFY: frozenset[Task] = frozenset({"classify"})
_DETECT: frozenset[Task] = frozenset({"detect"})
_ALARM: frozenset[Task] = frozenset({"alarm"})
_VALUE: frozenset[Task] = frozenset({"value"})
_FOUND: frozenset[Task] = frozenset({"classify", "detect", "alarm"})


def _ratio(
    name: str,
    tasks: frozenset[Task],
    against: Against,
    better: Better,
    unit: str,
    *,
    zh: str,
    en: str,
    pooled: bool = False,
    options: tuple[str, ...] = (),
) -> Metric:
    return Metric(
        name=name,
        tasks=tasks,
        kind="ratio",
        against=against,
        better=better,
        unit=unit,
        zh=zh,
        en=en,
        pooled=pooled,
        options=options,
    )


def _latency(percent: int) -> Metric:
    return Metric(
        name=f"latency_ms_p{percent}",
        tasks=_ALL,
        kind="quantile",
        against="speed",
        better="lower",
        unit="item",
        zh=f"第 {percent} 百分位延迟（毫秒）",
        en=f"{percent}th percentile of latency (ms)",
        quantile=percent / 100,
    )


_RATIOS = (
    _ratio("miss_rate", _FOUND, "miss", "lower", "positive", zh="漏检率", en="miss rate"),
    _ratio("sensitivity", _FOUND, "miss", "higher", "positive", zh="灵敏度", en="sensitivity"),
    _ratio(
        "first_step_rate",
        _ALARM,
        "miss",
        "higher",
        "positive",
        zh="首步预警率",
        en="share of events alarmed in their first step",
    ),
    _ratio(
        "overkill_rate",
        _CLASSIFY | _DETECT,
        "false_alarm",
        "lower",
        "negative",
        zh="过杀率",
        en="overkill rate",
    ),
    _ratio(
        "false_alarm_rate",
        _ALARM,
        "false_alarm",
        "lower",
        "negative",
        zh="误报率",
        en="false alarm rate",
    ),
    _ratio(
        "specificity",
        _FOUND,
        "false_alarm",
        "higher",
        "negative",
        zh="特异度",
        en="specificity",
    ),
    _ratio("precision", _FOUND, "false_alarm", "higher", "flagged", zh="查准率", en="precision"),
    _ratio(
        "false_discovery_rate",
        _FOUND,
        "false_alarm",
        "lower",
        "flagged",
        zh="错报占比",
        en="false discovery rate",
    ),
    _ratio(
        "accuracy", _CLASSIFY, "both", "higher", "piece", zh="准确率", en="accuracy", pooled=True
    ),
    _ratio(
        "error_rate", _CLASSIFY, "both", "lower", "piece", zh="错误率", en="error rate", pooled=True
    ),
    _ratio(
        "class_error_rate",
        _CLASSIFY,
        "both",
        "lower",
        "piece",
        zh="各类错误率",
        en="error rate of each class",
    ),
    _ratio(
        "within_tolerance_rate",
        _VALUE,
        "error",
        "higher",
        "piece",
        zh="公差内占比",
        en="share within tolerance",
        options=("tolerance",),
    ),
)

_MEANS = (
    Metric(
        name="false_calls_per_piece",
        tasks=_DETECT,
        kind="mean",
        against="false_alarm",
        better="lower",
        unit="piece",
        zh="每件误报数",
        en="false calls per piece",
        options=("cap",),
    ),
    Metric(
        name="mean_absolute_error",
        tasks=_VALUE,
        kind="mean",
        against="error",
        better="lower",
        unit="piece",
        zh="平均绝对误差",
        en="mean absolute error",
        options=("cap",),
    ),
    Metric(
        name="bias",
        tasks=_VALUE,
        kind="mean",
        against="error",
        better="lower",
        unit="piece",
        zh="偏差（绝对值）",
        en="bias (absolute)",
        options=("cap",),
    ),
)

_OTHERS = (
    Metric(
        name="map",
        tasks=_DETECT,
        kind="summary",
        against="both",
        better="higher",
        unit="piece",
        zh="平均精度均值 mAP",
        en="mean average precision",
    ),
    Metric(
        name="throughput_per_h",
        tasks=_ALL,
        kind="pace",
        against="speed",
        better="higher",
        unit="item",
        zh="吞吐量（件/小时）",
        en="throughput (items per hour)",
    ),
    _latency(50),
    _latency(95),
    _latency(99),
    Metric(
        name="memory_peak_mib",
        tasks=_ALL,
        kind="measured",
        against="speed",
        better="lower",
        unit="run",
        zh="内存峰值（MiB）",
        en="peak memory (MiB)",
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType(
    {metric.name: metric for metric in _RATIOS + _MEANS + _OTHERS}
)

_PIECES: Mapping[tuple[Task, str], tuple[str, str]] = MappingProxyType(
    {
        ("classify", "positive"): ("正样本（件）", "positive piece"),
        ("classify", "negative"): ("负样本（件）", "negative piece"),
        ("classify", "flagged"): ("被判为正的件", "piece called positive"),
        ("detect", "positive"): ("标注框", "box"),
        ("detect", "negative"): ("无缺陷件", "piece without a defect"),
        ("detect", "flagged"): ("报出的框", "reported box"),
        ("alarm", "positive"): ("事件", "event"),
        ("alarm", "negative"): ("平静时步", "quiet step"),
        ("alarm", "flagged"): ("报警时步", "step with an alarm"),
    }
)
_PLAIN = {"piece": ("件", "piece"), "item": ("项", "item"), "run": ("次运行", "run")}


def piece_name(metric: Metric, *, task: Task) -> tuple[str, str]:
    """Return what one trial of the metric is called in the task, in Chinese and in English."""
    return _PIECES.get((task, metric.unit)) or _PLAIN[metric.unit]
