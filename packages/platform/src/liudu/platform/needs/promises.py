"""From answers to a promise, and from a promise to words and to the size of its trial. No Django.

`liudu.acceptance` decides what can be promised; what it refuses is refused here too.
"""

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from attrs import frozen

from liudu.acceptance import (
    METRICS,
    ConfidenceOutOfRangeError,
    HopedNotBetterError,
    LimitOutOfRangeError,
    Metric,
    NoPositiveError,
    OneSidedPromiseError,
    PooledAccuracyError,
    Promise,
    PromiseError,
    Size,
    Target,
    piece_name,
    samples_needed,
    size_for_power,
)
from liudu.contract import Refusal
from liudu.platform.needs.figures import duration, number_of, share_of, shown_number, shown_share
from liudu.platform.needs.jobs import ROWS, Job, Row, job_of

ERRORS_SHOWN: Final = 3  # sizes are said for 0, 1 and 2 errors
LUCK: Final = 0.8  # the chance to pass that the likely size gives
HOPED_SHARE: Final = 0.25  # of the limit, where the owner hopes for nothing in particular
ERRORS_TRIED_MAX: Final = 60
SEED_ABOVE_H: Final = 24.0  # of the line's time: longer than a day and seeding is proposed
CACHED_PLANS: Final = 512

Answers = Mapping[str, str]
Errors = dict[str, Refusal]


class SideMissingError(PromiseError):
    """The answers guard against one kind of error only."""

    en = (
        "Nothing is asked against {lacking_en} yet: {trivial_en} would keep this promise. "
        "Fill in a limit against {lacking_en} too."
    )
    zh = "还没有对{lacking_zh}提要求：{trivial_zh}也能达标。请把{lacking_zh}的限值也填上。"


class AccuracyIsNoTargetError(PromiseError):
    """Accuracy as the measure of acceptance."""

    en = (
        "“{wish}” cannot decide acceptance: where {share} of the pieces are {kind_en}, a solution "
        "that never finds one still reaches {reached}. Ask two things instead: how many of the "
        "{kind_en} may slip through (miss rate), and how many of the others may be "
        "flagged by mistake (overkill or false alarms)."
    )
    zh = (
        "“{wish}”不能作为验收指标：如果{kind_zh}只占 {share}，一件都找不出来的方案也有 {reached}。"
        "请改问两件事：{kind_zh}最多漏掉多少（漏检率），其余的最多错判多少（过杀率或误报率）。"
    )


class EndLimitError(PromiseError):
    """A ratio of nothing or of everything."""

    en = (
        "{metric_en} cannot be promised at 0 % or 100 %: no number of pieces shows it. "
        "Write the smallest figure that you can live with, for example 0.2 %."
    )
    zh = "{metric_zh}不能承诺为 0 % 或 100 %：多少件也证明不了。请写可以接受的值，例如 0.2 %。"


class ConfidenceUnusableError(PromiseError):
    """A confidence of a coin toss or less, or of certainty."""

    en = "A confidence of {shown} cannot be used: choose between 50 % and 100 %, as a rule 95 %."
    zh = "置信度不能是 {shown}：应大于 50 % 且小于 100 %，一般填 95 %。"


class HopedTooLittleError(PromiseError):
    """Hoped for less than is demanded."""

    en = (
        "{metric_en}: the hoped {hoped_shown} does not even keep the limit {limit_shown}. "
        "Hope for something better, or leave it open."
    )
    zh = "{metric_zh}：期望做到 {hoped_shown}，还达不到限值 {limit_shown}。请填更好的值，或空着。"


class PositiveMissingError(PromiseError):
    """The label that a miss is counted on is not said."""

    en = "Write the label that your data gives to what must be found, for example defective."
    zh = "请写明数据里要找的那一类的标签，例如 defective 或 不合格。"


class UnreadableTargetsError(PromiseError):
    """Targets that are no promise at all, with numbers beyond any double for example."""

    en = "The targets cannot be read: see docs/reference/formats.md for how a promise is written."
    zh = "验收指标无法读取：写法见 docs/reference/formats.md。"


class OptionMissingError(PromiseError):
    """A metric that needs one more figure."""

    en = "{metric_en} needs its {option_en} too: write a number above zero."
    zh = "{metric_zh}还要填{option_zh}：请写一个大于零的数。"


@frozen(kw_only=True)
class KindPlan:
    """How many trials of one unit the promise takes.

    Attributes
    ----------
    unit
        ``positive``, ``negative``, ``flagged``, ``piece`` or ``item``.
    measure, zh, en
        What they are called; the measure word only where the kind of job has one.
    samples
        Smallest numbers that prove every target on the unit with 0, 1, 2 errors.
    likely
        The number with which a solution that is four times better than the limit (or as good as
        hoped) passes with 80 %; None where it cannot be said.
    every_class
        Whether so many are needed of each class.

    """

    unit: str
    measure: str
    zh: str
    en: str
    samples: tuple[int, ...]
    likely: Size | None
    every_class: bool

    @property
    def count(self) -> int:
        """The smallest number, without an error."""
        return self.samples[0]


@frozen(kw_only=True)
class Seeding:
    """Known pieces put among those of the line, where the line takes too long by itself.

    ``measure``, ``zh`` and ``en`` call the known pieces by the name that the job has for them.
    """

    unit: str
    measure: str
    zh: str
    en: str
    seeded_count: int
    line_count: int
    hours: float

    @property
    def piece_count(self) -> int:
        """All pieces of the trial."""
        return self.seeded_count + self.line_count

    @property
    def duration(self) -> tuple[str, str]:
        """How long it takes, in Chinese and in English."""
        return duration(self.hours)


@frozen(kw_only=True)
class NeedPlan:
    """What a promise takes: pieces of each kind, the line's time, and a shorter way.

    ``line_count`` and ``hours`` are what the line makes until all kinds have turned up by
    themselves, on average; None where the line is not known.
    """

    kinds: tuple[KindPlan, ...]
    line_count: int | None = None
    hours: float | None = None
    seeding: Seeding | None = None

    @property
    def duration(self) -> tuple[str, str] | None:
        """How long the line takes by itself."""
        return None if self.hours is None else duration(self.hours)

    def count_of(self, unit: str) -> int:
        """Return how many of a unit are needed; none is zero."""
        return next((kind.count for kind in self.kinds if kind.unit == unit), 0)


def promise_of(targets: object) -> Promise:
    """Return the promise that a need's `targets` hold; every slip is a `PromiseError`."""
    try:
        return Promise.from_mapping(targets)
    except (OverflowError, TypeError, RecursionError):
        raise UnreadableTargetsError from None


def with_line(
    targets: Mapping[str, Any], *, pieces_per_h: float | None, positive_share: float | None
) -> dict[str, Any]:
    """Return targets with what is known of the line, as far as a promise can hold it."""
    bare = {key: value for key, value in targets.items() if key != "line"}
    if not bare or pieces_per_h is None or positive_share is None:
        return bare
    return bare | {"line": {"pieces_per_h": pieces_per_h, "positive_share": positive_share}}


def targets_of(
    answers: Answers, *, job: Job, before: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], Errors]:
    """Return the promise that the answers of the form make, or what is wrong with each.

    Parameters
    ----------
    answers
        For each row of the job's task ``<row>_metric``, ``<row>_limit`` and, where wanted,
        ``<row>_option``, ``<row>_hoped``, ``<row>_every_class``; ``positive``; ``confidence``.
    before
        The promise until now; what the form does not ask (mode, limits, level …) is kept.

    Returns
    -------
    tuple
        The mapping, empty where there are errors; refusals by the name of the answer, those of
        no answer under the empty name.

    """
    errors: Errors = {}
    rows = {row: _row(row, answers, errors) for row in ROWS[job.task]}
    listed = [target for target in rows.values() if target]
    listed += _rowless(before or {}, job=job) if listed else []
    if errors:
        return {}, errors
    mapping = _kept(before or {}, job=job) | {"task": job.task, "targets": listed}
    if job.task == "classify" and answers.get("positive", "").strip():
        mapping["positive"] = answers["positive"].strip()
    try:
        return promise_of(_with_operators(mapping, before or {})).to_json(), {}
    except PromiseError as refusal:
        said = kindly(refusal, mapping=mapping, job=job)
        return {}, {_where(said, answers=answers, rows=rows): said}


def kindly(refusal: PromiseError, *, mapping: Mapping[str, Any], job: Job | None) -> PromiseError:
    """Return a refusal in the words of somebody who fills in a form instead of a file."""
    pooled = next((one for one in _listed(mapping) if _metric(one).pooled), None)
    one_sided = isinstance(refusal, OneSidedPromiseError | PooledAccuracyError)
    if pooled is not None and one_sided:
        return _accuracy(pooled, mapping=mapping, job=job)
    if isinstance(refusal, OneSidedPromiseError):
        return SideMissingError(**refusal.facts)
    if isinstance(refusal, NoPositiveError):
        return PositiveMissingError()
    metric = METRICS.get(str(refusal.facts.get("name")))
    return _of_metric(refusal, metric) if metric else refusal


def answers_of(targets: Mapping[str, Any]) -> dict[str, str]:
    """Return the answers of the form that make these targets, as they would be typed."""
    if not targets:
        return {}
    answers = {"positive": str(targets.get("positive") or "")}
    free = list(ROWS.get(str(targets.get("task")), ()))
    for target in _listed(targets):
        row = _row_of(target, free)
        if row is None:
            continue
        free.remove(row)
        answers |= _typed(target, row)
    return answers


def unasked(targets: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the metrics of targets that the form has no row for, so that nobody loses them."""
    rows = {value for key, value in answers_of(targets).items() if key.endswith("_metric")}
    return tuple(str(one["metric"]) for one in _listed(targets) if one["metric"] not in rows)


def target_words(target: Mapping[str, Any]) -> tuple[str, str]:
    """Return one target in words, in Chinese and in English."""
    metric = _metric(target)
    option = "".join(f", {name} {shown_number(target[name])}" for name in metric.options)
    option_zh = "".join(
        f"，{_OPTIONS[name][0]} {shown_number(target[name])}" for name in metric.options
    )
    limit = f"{_OPS[str(target['op'])]} {limit_words(target)}"
    every = target.get("every_class") and metric.name != "class_error_rate"
    zh, en = ("（每一类）", " in every class") if every else ("", "")
    return (
        f"{metric.zh}{zh} {limit}{option_zh}",
        f"{_capital(metric.en)}{en} {limit}{option}",
    )


def limit_words(target: Mapping[str, Any]) -> str:
    """Return the limit of a target as people read it."""
    if _metric(target).kind == "ratio":
        return shown_share(target["limit"])
    return shown_number(target["limit"])


def accuracy_wish(*texts: str) -> str:
    """Return what a text says of accuracy as the aim, empty where it does not."""
    for text in texts:
        found = _WISH.search(unicodedata.normalize("NFKC", text))
        if found:
            return found[0].strip()
    return ""


def plan_of(
    targets: Mapping[str, Any],
    *,
    pieces_per_h: float | None = None,
    positive_share: float | None = None,
    job: str = "",
) -> NeedPlan:
    """Return how many pieces of each kind a promise takes, how long that is, and a shorter way.

    Parameters
    ----------
    targets
        A whole promise; every slip is a `PromiseError`.
    pieces_per_h, positive_share
        Of the line; those of the promise where they are not given.
    job
        Code of the kind of job, for what the pieces are called.

    """
    line = targets.get("line") or {}
    return _plan(
        json.dumps(targets, sort_keys=True, default=str),
        pieces_per_h if pieces_per_h is not None else line.get("pieces_per_h"),
        positive_share if positive_share is not None else line.get("positive_share"),
        job,
    )


@lru_cache(maxsize=CACHED_PLANS)
def _plan(
    targets: str, pieces_per_h: float | None, positive_share: float | None, job: str
) -> NeedPlan:
    promise = promise_of(json.loads(targets))
    kinds = _kinds(promise, job=job_of(code=job, task=promise.task))
    needed = {kind.unit: kind.count for kind in kinds}
    if not pieces_per_h or (positive_share is None and needed.keys() & {"positive", "flagged"}):
        return NeedPlan(kinds=kinds)
    share = positive_share if positive_share is not None else 0.0
    line_count = max((_from_line(*one, share=share) for one in needed.items()), default=0)
    hours = line_count / pieces_per_h
    return NeedPlan(
        kinds=kinds,
        line_count=line_count,
        hours=hours,
        seeding=_seeding(
            needed,
            job=job_of(code=job, task=promise.task),
            share=share,
            hours=hours,
            pieces_per_h=pieces_per_h,
        ),
    )


def _kinds(promise: Promise, *, job: Job | None) -> tuple[KindPlan, ...]:
    by_unit: dict[str, list[Target]] = {}
    for target in promise.targets:
        if _error_limit(target) is not None:
            by_unit.setdefault(target.rule.unit, []).append(target)
    return tuple(_kind(unit, of, promise, job) for unit, of in by_unit.items())


def _kind(unit: str, targets: list[Target], promise: Promise, job: Job | None) -> KindPlan:
    columns = [_samples(target) for target in targets]
    whole = min(len(column) for column in columns)
    named = job.pieces.get(unit) if job else None
    measure, zh, en = named or ("", *piece_name(targets[0].rule, task=promise.task))
    likely = [_likely(target) for target in targets]
    return KindPlan(
        unit=unit,
        measure=measure,
        zh=zh,
        en=en,
        samples=tuple(max(column[count] for column in columns) for count in range(whole)),
        likely=max((one for one in likely if one), key=lambda one: one.trial_count, default=None)
        if all(likely)
        else None,
        every_class=any(target.every_class for target in targets),
    )


def _samples(target: Target) -> tuple[int, ...]:
    limit = _error_limit(target) or 0.5
    shown = 1 if target.rule.kind == "mean" else ERRORS_SHOWN
    return tuple(
        samples_needed(limit=limit, event_count=count, confidence=target.confidence)
        for count in range(shown)
    )


def _likely(target: Target) -> Size | None:
    limit = _error_limit(target)
    if target.rule.kind != "ratio" or limit is None:
        return None
    hoped = limit * HOPED_SHARE
    if target.hoped is not None:
        hoped = target.hoped if target.rule.event_is_bad else 1 - target.hoped
    return size_for_power(
        limit=limit,
        rate=max(0.0, hoped),
        wanted=LUCK,
        confidence=target.confidence,
        event_count_max=ERRORS_TRIED_MAX,
    )


def _error_limit(target: Target) -> float | None:
    """Return the limit on the rate of bad trials; None where counting does not decide."""
    metric = target.rule
    if metric.kind == "ratio":
        return target.limit if metric.event_is_bad else 1 - target.limit
    if metric.kind == "quantile":
        return 1 - (metric.quantile or 0.5)
    if metric.kind == "mean" and metric.name != "bias":
        return target.limit / target.options["cap"]
    return None


def _from_line(unit: str, count: int, *, share: float) -> int:
    # A solution that keeps its promise flags about as many as there are to be found.
    turn_up = {"positive": share, "flagged": share, "negative": 1 - share}.get(unit, 1.0)
    return math.ceil(count / turn_up - 1e-9)


def _seeding(
    needed: Mapping[str, int],
    *,
    job: Job | None,
    share: float,
    hours: float,
    pieces_per_h: float,
) -> Seeding | None:
    found = max(needed.get("positive", 0), needed.get("flagged", 0))
    quiet = needed.get("negative", 0)
    rare = "positive" if share <= 0.5 else "negative"  # noqa: PLR2004 - the rarer half
    seeded = found if rare == "positive" else quiet
    if not seeded or hours <= SEED_ABOVE_H:
        return None
    others = quiet / (1 - share) if rare == "positive" else found / share
    least = max((count for unit, count in needed.items() if unit in ("piece", "item")), default=0)
    line_count = max(math.ceil(others - 1e-9), least - seeded)
    seeded_hours = (seeded + line_count) / pieces_per_h
    if seeded_hours > hours / 2:
        return None
    measure, zh, en = (job.pieces.get(rare) if job else None) or _SEEDED[rare]
    return Seeding(
        unit=rare,
        measure=measure,
        zh=zh,
        en=en,
        seeded_count=seeded,
        line_count=line_count,
        hours=seeded_hours,
    )


_SEEDED: Final = {
    "positive": ("件", "要找的样本", "pieces of the kind to be found"),
    "negative": ("件", "正常样本", "pieces of the other kind"),
}
_OPTIONS: Final = {"tolerance": ("公差", "tolerance"), "cap": ("误差封顶", "cap")}
_OPS: Final = {"<": "<", "<=": "≤", ">": ">", ">=": "≥"}
_SIGNS: Final = {  # that people type before a limit, where they say what the metric says anyway
    "lower": re.compile(r"^\s*(?:[<＜]\s*[=＝]?|[≤≦]|不高于|不超过|小于|低于)\s*"),
    "higher": re.compile(r"^\s*(?:[>＞]\s*[=＝]?|[≥≧]|不低于|不小于|大于|高于)\s*"),
}
_WISH: Final = re.compile(
    r"(?:准确率|正确率|识别率|准确度|精度|accuracy)[^0-9%。；;\n]{0,12}\d{1,3}(?:\.\d+)?\s*%"
    r"|\d{1,3}(?:\.\d+)?\s*%\s*(?:以上)?(?:的)?\s*(?:准确率|正确率|识别率|accuracy)",
    re.IGNORECASE,
)
_ASKED: Final = ("task", "targets", "positive")


def _row(row: Row, answers: Answers, errors: Errors) -> dict[str, Any] | None:
    """Return the target of one row, None where its limit is empty; errors go to `errors`."""
    typed = answers.get(f"{row}_limit", "").strip()
    metric = METRICS.get(answers.get(f"{row}_metric", ""))
    if not typed or metric is None:
        return None
    ratio = metric.kind == "ratio"
    target: dict[str, Any] = {
        "metric": metric.name,
        "op": "<=" if metric.better == "lower" else ">=",
        "limit": _read(_SIGNS[metric.better].sub("", typed), f"{row}_limit", errors, ratio=ratio),
        "confidence": _read(
            answers.get("confidence", "").strip() or "95 %", "confidence", errors, ratio=True
        ),
    }
    if answers.get(f"{row}_hoped", "").strip():
        target["hoped"] = _read(answers[f"{row}_hoped"], f"{row}_hoped", errors, ratio=ratio)
    for option in metric.options:
        given = answers.get(f"{row}_option", "").strip()
        if not given:
            errors[f"{row}_option"] = OptionMissingError(
                metric_zh=metric.zh,
                metric_en=_capital(metric.en),
                option_zh=_OPTIONS[option][0],
                option_en=_OPTIONS[option][1],
            )
        else:
            target[option] = _read(given, f"{row}_option", errors)
    if answers.get(f"{row}_every_class"):
        target["every_class"] = True
    return target


def _read(typed: str, name: str, errors: Errors, *, ratio: bool = False) -> float:
    try:
        return float(share_of(typed) if ratio else number_of(typed))
    except Refusal as refusal:
        errors[name] = refusal
        return math.nan


def _kept(before: Mapping[str, Any], *, job: Job) -> dict[str, Any]:
    """Return what a promise holds besides what the form asks, for as long as the task stays."""
    if before.get("task") != job.task:
        return {}
    return {key: value for key, value in before.items() if key not in _ASKED}


def _rowless(before: Mapping[str, Any], *, job: Job) -> list[dict[str, Any]]:
    """Return the targets until now that the form has no row for."""
    if before.get("task") != job.task:
        return []
    names = unasked(before)
    return [dict(one) for one in _listed(before) if one["metric"] in names]


def _with_operators(mapping: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping with ``<`` where it was ``<``: the form asks for no operator."""
    strict = {one["metric"]: one["op"] for one in _listed(before)}
    return dict(mapping) | {
        "targets": [
            one | {"op": strict[one["metric"]]}
            if strict.get(one["metric"], "")[:1] == one["op"][:1]
            else one
            for one in mapping["targets"]
        ]
    }


def _listed(targets: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for one in targets.get("targets") or ():
        if isinstance(one, Mapping) and one.get("metric") in METRICS:
            yield one


def _metric(target: Mapping[str, Any]) -> Metric:
    return METRICS[str(target["metric"])]


def _row_of(target: Mapping[str, Any], free: Iterable[Row]) -> Row | None:
    against = _metric(target).against
    wanted = (against if against != "both" else "more", "more")
    return next((row for name in wanted for row in free if row == name), None)


def _typed(target: Mapping[str, Any], row: Row) -> dict[str, str]:
    metric = _metric(target)
    show = shown_share if metric.kind == "ratio" else shown_number
    typed = {
        f"{row}_metric": metric.name,
        f"{row}_limit": show(target["limit"]),
        "confidence": shown_share(target.get("confidence", 0.95)),
    }
    if target.get("hoped") is not None:
        typed[f"{row}_hoped"] = show(target["hoped"])
    if target.get("every_class"):
        typed[f"{row}_every_class"] = "on"
    for option in metric.options:
        typed[f"{row}_option"] = shown_number(target[option])
    return typed


def _where(refusal: PromiseError, *, answers: Answers, rows: Mapping[Row, object]) -> str:
    """Return the answer beside which a refusal is said."""
    lacking = refusal.facts.get("lacking_en", "")
    sides = {"misses": "miss", "false alarms": "false_alarm", "errors of the value": "error"}
    if lacking in sides:
        return f"{sides[str(lacking)]}_limit"
    if isinstance(refusal, ConfidenceUnusableError):
        return "confidence"
    part = "hoped" if isinstance(refusal, HopedTooLittleError) else "limit"
    name = refusal.facts.get("name")
    for row in rows:
        if name and answers.get(f"{row}_metric") == name and answers.get(f"{row}_limit"):
            return f"{row}_{part}"
    return "positive" if isinstance(refusal, PositiveMissingError) else ""


def _of_metric(refusal: PromiseError, metric: Metric) -> PromiseError:
    """Return a refusal of one figure, with names and figures as the form shows them."""
    named = {"name": metric.name, "metric_zh": metric.zh, "metric_en": _capital(metric.en)}
    if isinstance(refusal, ConfidenceOutOfRangeError):
        return ConfidenceUnusableError(shown=shown_share(_fact(refusal, "confidence")))
    if isinstance(refusal, LimitOutOfRangeError) and metric.kind == "ratio":
        return EndLimitError(**named)
    if isinstance(refusal, HopedNotBetterError):
        show = shown_share if metric.kind == "ratio" else shown_number
        op = _OPS[str(refusal.facts["op"])]
        return HopedTooLittleError(
            **named,
            hoped_shown=show(_fact(refusal, "hoped")),
            limit_shown=f"{op} {show(_fact(refusal, 'limit'))}",
        )
    return refusal


def _fact(refusal: PromiseError, name: str) -> float:
    return float(str(refusal.facts[name]))


def _accuracy(
    target: Mapping[str, Any], *, mapping: Mapping[str, Any], job: Job | None
) -> AccuracyIsNoTargetError:
    metric = _metric(target)
    error = target["limit"] if metric.better == "lower" else 1 - target["limit"]
    share = (mapping.get("line") or {}).get("positive_share")
    share = share if share is not None and share <= error else error
    bad = (job.pieces.get("positive") if job else None) or ("件", "坏件", "bad pieces")
    reached = 1 - share if metric.better == "higher" else share
    return AccuracyIsNoTargetError(
        name=metric.name,
        wish=f"{metric.zh} {_OPS[str(target['op'])]} {shown_share(target['limit'])}",
        share=shown_share(round(share, 9)),
        reached=shown_share(round(reached, 9)),
        kind_zh=bad[1],
        kind_en=bad[2],
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
