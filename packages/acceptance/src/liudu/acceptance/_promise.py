"""A promise: the targets that a solution says it keeps, checked before anything is run."""

import difflib
import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, Self, TypeVar, cast, get_args

from attrs import Factory, field, frozen

from liudu.acceptance._metric import METRICS, TASKS, Metric, Task
from liudu.contract import Refusal

Op = Literal["<", "<=", ">", ">="]
Mode = Literal["batch", "stream"]
_T = TypeVar("_T", bound=str)


def _fixed(mapping: Mapping[str, float]) -> Mapping[str, float]:
    return MappingProxyType(dict(mapping))


_EXAMPLES = {
    "classify": (
        "  - {metric: miss_rate,     op: '<',  limit: 0.002}\n"
        "  - {metric: overkill_rate, op: '<=', limit: 0.03}"
    ),
    "detect": (
        "  - {metric: miss_rate,     op: '<',  limit: 0.02}\n"
        "  - {metric: overkill_rate, op: '<=', limit: 0.03}"
    ),
    "alarm": (
        "  - {metric: miss_rate,        op: '<',  limit: 0.1}\n"
        "  - {metric: false_alarm_rate, op: '<=', limit: 0.01}"
    ),
    "value": "  - {metric: within_tolerance_rate, op: '>=', limit: 0.99, tolerance: 0.5}",
}
_PROMISE_KEYS = (
    *("task", "positive", "targets", "mode", "window", "level", "limits", "iou", "missing"),
    *("score_min", "line"),
)
_TARGET_KEYS = ("metric", "op", "limit", "confidence", "hoped", "every_class")
_LEVELS = ("process", "landlock", "bwrap", "gvisor", "oci", "site")
_LIMITS = (
    *("memory_mib", "cpu_s", "wall_s", "processes", "open_files", "output_mib", "tmp_mib"),
    *("shm_mib", "stdout_kib", "stderr_kib", "item_timeout_s"),
)


class PromiseError(Refusal):
    """A promise that cannot be judged; the kinds below say which rule is broken."""

    def __init__(self, **facts: object) -> None:
        if "where" in facts:
            where = str(facts["where"])
            numbered = where.startswith("target ")
            facts["where_zh"] = (
                f"第 {where.removeprefix('target ')} 个目标"
                if numbered
                else where.replace("the promise", "承诺")
            )
        super().__init__(**facts)


class NotAMappingError(PromiseError):
    """Something that should have keys has none."""

    en = "{where} is {value}, not a mapping of keys to values: write it like\n{example}"
    zh = "{where_zh}是 {value}，不是“键: 值”的形式。请写成：\n{example}"


class UnknownKeyError(PromiseError):
    """A key that means nothing, mostly a slip of the pen."""

    en = "{where} has the unknown key {key!r}; {nearest_en}. Known keys: {known}."
    zh = "{where_zh}中有不认识的键 {key!r}；{nearest_zh}。可用的键：{known}。"


class MissingKeyError(PromiseError):
    """A key that must be there is not."""

    en = "{where} lacks the key {key!r}: add it, for example {example}."
    zh = "{where_zh}缺少键 {key!r}：请补上，例如 {example}。"


class BadValueError(PromiseError):
    """A value outside what its key allows."""

    en = "{where}: {key} is {value!r}, but must be {allowed_en}."
    zh = "{where_zh}：{key} 的值是 {value!r}，应为{allowed_zh}。"


class UnknownMetricError(PromiseError):
    """A metric that does not exist for the task."""

    en = "There is no metric {name!r} for the task {task!r}; {nearest_en}. Metrics: {known}."
    zh = "任务 {task!r} 没有指标 {name!r}；{nearest_zh}。可用的指标：{known}。"


class UnprovableMetricError(PromiseError):
    """A metric for which no valid bound is known."""

    en = (
        "{name} cannot be promised: no bound of it is valid for a finite number of pieces. It is "
        "reported with a bootstrap interval; promise miss_rate and false_calls_per_piece instead."
    )
    zh = (
        "{name} 不能作为承诺：对有限件数没有成立的置信界。报告中会给出它的自助法区间；"
        "请改为承诺 miss_rate 和 false_calls_per_piece。"
    )


class WrongDirectionError(PromiseError):
    """The comparison points the wrong way for the metric."""

    en = (
        "{name} {op} {limit} promises the bad direction: {name} is better {better_en}. "
        "Write op: '{suggested}'."
    )
    zh = "{name} {op} {limit} 的方向反了：{name} 越{better_zh}越好。请写 op: '{suggested}'。"


class LimitOutOfRangeError(PromiseError):
    """A limit that the metric cannot have, or that no finite trial can show."""

    en = (
        "The limit of {name} is {limit}, but must lie {allowed_en}; a limit at the very end can "
        "be shown by no finite number of pieces. 0.2 % is written 0.002."
    )
    zh = (
        "{name} 的限值是 {limit}，必须{allowed_zh}；恰在端点上的限值，多少件也证明不了。"
        "0.2 % 写作 0.002。"
    )


class ConfidenceOutOfRangeError(PromiseError):
    """A confidence of a coin toss or less, or of certainty."""

    en = "The confidence of {name} is {confidence}; it must lie between 0.5 and 1: write 0.95."
    zh = "{name} 的置信度是 {confidence}，必须大于 0.5 且小于 1：通常写 0.95。"


class HopedNotBetterError(PromiseError):
    """The hoped value does not keep the limit, so no trial could be planned for it."""

    en = (
        "{name} is hoped to be {hoped}, which does not keep the limit {op} {limit}: "
        "hope for something better, or leave `hoped` out."
    )
    zh = "{name} 的期望值 {hoped} 达不到限值 {op} {limit}：请写更好的期望值，或去掉 hoped。"


class DuplicateTargetError(PromiseError):
    """Two targets on one metric."""

    en = "{name} is promised twice ({first} and {second}): keep the stricter one."
    zh = "{name} 被承诺了两次（{first} 与 {second}）：请只保留更严的一条。"


class NoTargetsError(PromiseError):
    """A promise of nothing."""

    en = "The promise has no targets: add some, for example\ntargets:\n{example}"
    zh = "承诺里没有任何目标，请补上，例如：\ntargets:\n{example}"


class OneSidedPromiseError(PromiseError):
    """Only one of the two kinds of error is promised."""

    en = (
        "The promise says nothing against {lacking_en}: {trivial_en} keeps it. "
        "Promise both kinds of error, for example\ntargets:\n{example}"
    )
    zh = (
        "承诺里没有约束{lacking_zh}：{trivial_zh}就能满足它。"
        "两种错误都要承诺，例如：\ntargets:\n{example}"
    )


class PooledAccuracyError(PromiseError):
    """Accuracy alone, which passing everything can reach."""

    en = (
        "{name} alone does not tell good from bad: where {share} of the pieces are {kind}, "
        "a solution that never finds one keeps it. Promise both kinds of error, for example\n"
        "targets:\n{example}"
    )
    zh = (
        "只承诺 {name} 分不出好坏：如果{kind}只占 {share}，一件都找不出来的方案也能达到。"
        "请分别承诺两种错误，例如：\ntargets:\n{example}"
    )


class FutureShownError(PromiseError):
    """Alarms in batch mode, where every step lies open from the start."""

    en = (
        "task: alarm cannot be tried in mode: batch: a batch shows all steps at once, so a "
        "solution could look at the future before it gives an alarm. Write mode: stream, or "
        "leave mode out."
    )
    zh = (
        "task: alarm 不能用 mode: batch：批量模式一开始就给出全部时间步，方案可以先看到未来再报警。"
        "请写 mode: stream，或去掉 mode。"
    )


class NoPositiveError(PromiseError):
    """Misses are promised, but not on what."""

    en = "The promise does not say which label a miss is counted on: add `positive: defective`."
    zh = "承诺没有说明漏检是针对哪个标签：请加上 `positive: defective`（您的正类标签）。"


def _nearest(name: str, known: Iterable[str]) -> dict[str, str]:
    names = list(known)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    near = close[0] if close else ""
    return {
        "nearest_en": f"did you mean {near!r}?" if near else "none is near",
        "nearest_zh": f"是不是 {near!r}？" if near else "也没有相近的",
        "known": ", ".join(names),
    }


def _number(value: object, *, where: str, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadValueError(
            where=where, key=key, value=value, allowed_en="a finite number", allowed_zh="有限的数"
        )
    return float(value)


@frozen(kw_only=True)
class Target:
    """One promised figure: ``metric op limit`` at a confidence.

    ``<`` and ``<=`` ask for the same evidence where a figure is estimated: the binomial
    distribution function is continuous in the rate, so the hardest case of "p ≥ limit" and of
    "p > limit" is the limit itself, and the exact test is the same. They differ where a figure is
    measured without sampling error (``memory_peak_mib``): there equality keeps ``<=`` only.

    Attributes
    ----------
    metric
        Name in `METRICS`.
    op
        The comparison, which must point in the metric's good direction.
    limit
        Ratios in (0, 1); all others positive and finite, in the metric's unit.
    confidence
        In (0.5, 1); one minus it is the risk of a false proof and of a false refutation, each.
    hoped
        The true value that the plan's power is computed for.
    every_class
        Whether each class must keep the limit by itself.
    options
        What the metric needs besides: ``tolerance`` or ``cap``, in the value's unit.

    """

    metric: str
    op: Op
    limit: float
    confidence: float = 0.95
    hoped: float | None = None
    every_class: bool = False
    options: Mapping[str, float] = field(factory=dict, converter=_fixed)

    def __attrs_post_init__(self) -> None:
        if self.metric not in METRICS:
            raise UnknownMetricError(name=self.metric, task="any", **_nearest(self.metric, METRICS))
        _check_direction(self)
        _check_limit(self)
        if not 0.5 < self.confidence < 1:  # noqa: PLR2004 - a coin toss
            raise ConfidenceOutOfRangeError(name=self.metric, confidence=self.confidence)
        if self.hoped is not None:
            _check_hoped(self)

    @property
    def rule(self) -> Metric:
        """The metric itself."""
        return METRICS[self.metric]

    @property
    def alpha(self) -> float:
        """The risk of a false proof: one minus the confidence."""
        return 1 - self.confidence

    @classmethod
    def from_mapping(
        cls, mapping: object, *, task: Task = "classify", where: str = "target"
    ) -> Self:
        """Read one target; every slip is a `PromiseError` that names ``where`` it is."""
        example = _EXAMPLES[task].splitlines()[0].strip(" -")
        keys = _keys(mapping, where=where, example=example)
        for key in ("metric", "op", "limit"):
            if key not in keys:
                raise MissingKeyError(where=where, key=key, example=example)
        metric = _known_metric(keys["metric"], task=task)
        _check_keys(keys, (*_TARGET_KEYS, *metric.options), where=where)
        return cls(
            metric=metric.name,
            op=_choice(keys["op"], get_args(Op), where=where, key="op"),
            limit=_number(keys["limit"], where=where, key="limit"),
            confidence=_number(keys.get("confidence", 0.95), where=where, key="confidence"),
            hoped=None
            if keys.get("hoped") is None
            else _number(keys["hoped"], where=where, key="hoped"),
            every_class=_flag(keys.get("every_class", False), where=where, key="every_class")
            or metric.name == "class_error_rate",
            options={key: _option(keys, key, where=where) for key in metric.options},
        )

    def to_json(self) -> dict[str, object]:
        """Return the target as it is written in the promise."""
        shown: dict[str, object] = {
            "metric": self.metric,
            "op": self.op,
            "limit": self.limit,
            "confidence": self.confidence,
        }
        if self.hoped is not None:
            shown["hoped"] = self.hoped
        if self.every_class:
            shown["every_class"] = True
        return shown | dict(self.options)

    def __str__(self) -> str:
        every = " in every class" if self.every_class else ""
        return f"{self.metric} {self.op} {self.limit:g}{every}"


def _check_direction(target: Target) -> None:
    lower = target.rule.better == "lower"
    if lower == target.op.startswith("<"):
        return
    raise WrongDirectionError(
        name=target.metric,
        op=target.op,
        limit=target.limit,
        better_en="lower" if lower else "higher",
        better_zh="低" if lower else "高",
        suggested=target.op.replace(*("><" if lower else "<>")),
    )


def _check_limit(target: Target) -> None:
    ratio = target.rule.kind == "ratio"
    inside = math.isfinite(target.limit) and 0 < target.limit < (1 if ratio else math.inf)
    cap = target.options.get("cap", math.inf)
    if inside and target.limit < cap:
        return
    if inside or not ratio:
        allowed = (f"between 0 and {cap}, both excluded", f"大于 0 且小于 {cap}")
    else:
        allowed = ("between 0 and 1, both excluded", "大于 0 且小于 1")
    raise LimitOutOfRangeError(
        name=target.metric, limit=target.limit, allowed_en=allowed[0], allowed_zh=allowed[1]
    )


def _check_hoped(target: Target) -> None:
    hoped = target.hoped
    if hoped is None:
        return
    inside = math.isfinite(hoped) and 0 <= hoped <= (1 if target.rule.kind == "ratio" else math.inf)
    better = hoped < target.limit if target.rule.better == "lower" else hoped > target.limit
    if not (inside and better):
        raise HopedNotBetterError(name=target.metric, hoped=hoped, op=target.op, limit=target.limit)


@frozen(kw_only=True)
class Line:
    """The line that the pieces come from: pace and share of positive pieces."""

    pieces_per_h: float
    positive_share: float


def default_mode(task: Task) -> Mode:
    """Return the mode of a promise that names none: alarms may not see the future."""
    return "stream" if task == "alarm" else "batch"


@frozen(kw_only=True)
class Promise:
    """What a solution says it keeps, and the rules under which that is judged.

    Attributes
    ----------
    task
        ``classify``, ``detect``, ``alarm`` or ``value``.
    positive
        The label that a miss is counted on; needed by ``classify``.
    targets
        The promised figures; the trial passes only if every one is proved.
    mode
        ``batch`` or ``stream``. Alarms are tried as a stream, which is their default: a batch
        would show the future.
    window, level, limits, iou, score_min, missing, line
        As in ``docs/reference/formats.md``.

    """

    task: Task
    targets: tuple[Target, ...]
    positive: str | None = None
    mode: Mode = field(default=Factory(lambda promise: default_mode(promise.task), True))
    window: int = 1
    level: str = "bwrap"
    limits: Mapping[str, float] = field(factory=dict, converter=_fixed)
    iou: float = 0.33
    score_min: float = 0.0
    missing: Literal["worst"] = "worst"
    line: Line | None = None

    def __attrs_post_init__(self) -> None:
        if not self.targets:
            raise NoTargetsError(example=_EXAMPLES[self.task])
        for target in self.targets:
            _known_metric(target.metric, task=self.task)
        _check_duplicates(self.targets)
        _check_both_sides(self)
        if self.task == "classify" and self.positive is None:
            raise NoPositiveError
        if self.task == "alarm" and self.mode == "batch":
            raise FutureShownError

    @classmethod
    def from_mapping(cls, mapping: object) -> Self:
        """Read a promise from the mapping that a YAML or JSON file holds.

        Raises
        ------
        PromiseError
            One kind for each rule; the sentence names the key, the value and the way out.

        """
        example = f"task: classify\npositive: defective\ntargets:\n{_EXAMPLES['classify']}"
        keys = _keys(mapping, where="the promise", example=example)
        _check_keys(keys, _PROMISE_KEYS, where="the promise")
        if "task" not in keys:
            raise MissingKeyError(where="the promise", key="task", example="task: classify")
        task = _choice(keys["task"], TASKS, where="the promise", key="task")
        return cls(
            task=task,
            targets=_targets(keys.get("targets"), task=task),
            positive=_label(keys.get("positive")),
            mode=_choice(keys.get("mode", default_mode(task)), get_args(Mode), key="mode"),
            window=_window(keys.get("window", 1)),
            level=_choice(keys.get("level", "bwrap"), _LEVELS, key="level"),
            limits=_limits(keys.get("limits") or {}),
            iou=_share(keys.get("iou", 0.33), where="the promise", key="iou"),
            score_min=_score(keys.get("score_min", 0.0)),
            missing=_choice(keys.get("missing", "worst"), ("worst",), key="missing"),
            line=_line(keys.get("line")),
        )

    def to_json(self) -> dict[str, object]:
        """Return the promise as a mapping that `from_mapping` reads back unchanged."""
        shown: dict[str, object] = {
            "task": self.task,
            "targets": [target.to_json() for target in self.targets],
            "mode": self.mode,
            "window": self.window,
            "level": self.level,
            "limits": dict(self.limits),
            "iou": self.iou,
            "score_min": self.score_min,
            "missing": self.missing,
        }
        if self.positive is not None:
            shown["positive"] = self.positive
        if self.line is not None:
            shown["line"] = {
                "pieces_per_h": self.line.pieces_per_h,
                "positive_share": self.line.positive_share,
            }
        return shown


def _keys(mapping: object, *, where: str, example: str) -> Mapping[str, object]:
    if not isinstance(mapping, Mapping):
        raise NotAMappingError(where=where, value=repr(mapping)[:60], example=example)
    return cast("Mapping[str, object]", mapping)


def _check_keys(keys: Mapping[str, object], known: Iterable[str], *, where: str) -> None:
    names = tuple(known)
    for key in keys:
        if key not in names:
            raise UnknownKeyError(where=where, key=key, **_nearest(key, names))


def _choice(value: object, allowed: tuple[_T, ...], *, key: str, where: str = "the promise") -> _T:
    for name in allowed:
        if value == name:
            return name
    listed = ", ".join(repr(name) for name in allowed)
    raise BadValueError(
        where=where,
        key=key,
        value=value,
        allowed_en=f"one of {listed}",
        allowed_zh=f" {listed} 之一",
    )


def _flag(value: object, *, where: str, key: str) -> bool:
    if isinstance(value, bool):
        return value
    raise BadValueError(
        where=where, key=key, value=value, allowed_en="true or false", allowed_zh=" true 或 false"
    )


def _option(keys: Mapping[str, object], key: str, *, where: str) -> float:
    if key not in keys:
        raise MissingKeyError(where=where, key=key, example=f"{key}: 10")
    return _positive(keys[key], where=where, key=key)


def _positive(value: object, *, where: str, key: str) -> float:
    number = _number(value, where=where, key=key)
    if number > 0:
        return number
    raise BadValueError(
        where=where, key=key, value=value, allowed_en="greater than 0", allowed_zh="大于 0 的数"
    )


def _share(value: object, *, where: str, key: str) -> float:
    number = _positive(value, where=where, key=key)
    if number < 1:
        return number
    raise BadValueError(
        where=where,
        key=key,
        value=value,
        allowed_en="between 0 and 1",
        allowed_zh=" 0 与 1 之间的数",
    )


def _score(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise BadValueError(
        where="the promise",
        key="score_min",
        value=value,
        allowed_en="a score from 0 to 1",
        allowed_zh=" 0 到 1 之间的分数",
    )


def _label(value: object) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    raise BadValueError(
        where="the promise",
        key="positive",
        value=value,
        allowed_en="a label as text; put yes, no, true and numbers in quotes",
        allowed_zh="文字标签；yes、no、true 和数字请加引号",
    )


def _window(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise BadValueError(
        where="the promise",
        key="window",
        value=value,
        allowed_en="a whole number from 1",
        allowed_zh="不小于 1 的整数",
    )


def _limits(value: object) -> dict[str, float]:
    keys = _keys(value, where="limits", example="limits: {memory_mib: 2048, wall_s: 3600}")
    _check_keys(keys, _LIMITS, where="limits")
    return {key: _positive(number, where="limits", key=key) for key, number in keys.items()}


def _line(value: object) -> Line | None:
    if value is None:
        return None
    example = "line: {pieces_per_h: 6000, positive_share: 0.01}"
    keys = _keys(value, where="line", example=example)
    _check_keys(keys, ("pieces_per_h", "positive_share"), where="line")
    for key in ("pieces_per_h", "positive_share"):
        if key not in keys:
            raise MissingKeyError(where="line", key=key, example=example)
    return Line(
        pieces_per_h=_positive(keys["pieces_per_h"], where="line", key="pieces_per_h"),
        positive_share=_share(keys["positive_share"], where="line", key="positive_share"),
    )


def _targets(value: object, *, task: Task) -> tuple[Target, ...]:
    if value is None or value == []:
        raise NoTargetsError(example=_EXAMPLES[task])
    if not isinstance(value, list | tuple):
        raise NotAMappingError(
            where="targets", value=repr(value)[:60], example=f"targets:\n{_EXAMPLES[task]}"
        )
    return tuple(
        Target.from_mapping(one, task=task, where=f"target {number}")
        for number, one in enumerate(value, start=1)
    )


def _known_metric(name: object, *, task: Task) -> Metric:
    known = [metric.name for metric in METRICS.values() if task in metric.tasks]
    if not isinstance(name, str) or name not in known:
        raise UnknownMetricError(name=name, task=task, **_nearest(str(name), known))
    if METRICS[name].kind == "summary":
        raise UnprovableMetricError(name=name)
    return METRICS[name]


def _check_duplicates(targets: tuple[Target, ...]) -> None:
    seen: dict[tuple[str, bool], Target] = {}
    for target in targets:
        key = (target.metric, target.every_class)
        if key in seen:
            raise DuplicateTargetError(name=target.metric, first=seen[key], second=target)
        seen[key] = target


def _check_both_sides(promise: Promise) -> None:
    if promise.task == "value":
        if not any(target.rule.against == "error" for target in promise.targets):
            raise _one_sided("error", promise.task)
        return
    guarded: set[str] = set()
    for target in promise.targets:
        if target.rule.against == "both" and (target.every_class or not target.rule.pooled):
            guarded |= {"miss", "false_alarm"}
        elif target.rule.against != "both":
            guarded.add(target.rule.against)
    pooled = next((t for t in promise.targets if t.rule.pooled and not t.every_class), None)
    if pooled is not None and not guarded & {"miss", "false_alarm"}:
        raise _pooled(pooled, promise)
    for side in ("miss", "false_alarm"):
        if side not in guarded:
            raise _one_sided(side, promise.task)


def _pooled(target: Target, promise: Promise) -> PooledAccuracyError:
    error = target.limit if target.rule.better == "lower" else 1 - target.limit
    return PooledAccuracyError(
        name=target.metric,
        share=f"{100 * error:.3g} %",
        kind=promise.positive or "positive",
        example=_EXAMPLES[promise.task],
    )


def _one_sided(side: str, task: Task) -> OneSidedPromiseError:
    words = {
        "miss": ("misses", "finding nothing at all", "漏检", "什么都不报"),
        "false_alarm": ("false alarms", "flagging everything", "误报（过杀）", "全部判为有问题"),
        "error": ("errors of the value", "any answer", "数值误差", "随便给个答案"),
    }
    lacking_en, trivial_en, lacking_zh, trivial_zh = words[side]
    return OneSidedPromiseError(
        lacking_en=lacking_en,
        trivial_en=trivial_en,
        lacking_zh=lacking_zh,
        trivial_zh=trivial_zh,
        example=_EXAMPLES[task],
    )
