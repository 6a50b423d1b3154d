"""What a trial observed: one frozen class for each kind of evidence."""

from typing import Any

import numpy as np
from attrs import Attribute, field, frozen
from numpy.typing import NDArray

from liudu.acceptance._metric import METRICS
from liudu.contract import Refusal


class BadEvidenceError(Refusal):
    """Evidence that cannot be what it says."""

    en = "The evidence for {metric}: {why_en}."
    zh = "{metric} 的证据有误：{why_zh}。"


def _refuse(metric: str, why_en: str, why_zh: str) -> BadEvidenceError:
    return BadEvidenceError(metric=metric, why_en=why_en, why_zh=why_zh)


def _whole(values: object) -> NDArray[np.int64] | None:
    if values is None:
        return None
    _, codes = np.unique(np.asarray(values), return_inverse=True)
    return codes.astype(np.int64).reshape(-1)


def _texts(values: object) -> NDArray[Any] | None:
    return None if values is None else np.asarray(values)


def _floats(values: object) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def _flags(values: object) -> NDArray[np.bool_]:
    array = np.asarray(values)
    return array if array.size else array.astype(np.bool_)


def _known(instance: object, attribute: "Attribute[str]", value: str) -> None:
    del instance, attribute
    if value not in METRICS:
        raise _refuse(value, "there is no such metric", "没有这个指标")


def _check_length(metric: str, name: str, values: NDArray[Any] | None, *, length: int) -> None:
    if values is not None and values.shape != (length,):
        raise _refuse(
            metric,
            f"{name} has the shape {values.shape} beside {length} trials; give one for each",
            f"{name} 的形状是 {values.shape}，而试验有 {length} 次；两者必须一一对应",
        )


@frozen(kw_only=True, eq=False)
class Counts:
    """Events of a ratio metric, one entry per trial in the order in which they were seen.

    Attributes
    ----------
    metric
        Name of a ratio metric.
    event
        Shape (n,); True is the bad thing for metrics that are better lower, the good thing for
        those that are better higher.
    cluster
        Shape (n,) or None; trials with the same value belong together and are never treated as
        independent. Any hashable values; kept as whole numbers.
    stratum
        Shape (n,) or None; the class of each trial, for targets that hold in every class.

    """

    metric: str = field(validator=_known)
    event: NDArray[np.bool_] = field(converter=_flags)
    cluster: NDArray[np.int64] | None = field(default=None, converter=_whole)
    stratum: NDArray[Any] | None = field(default=None, converter=_texts)

    def __attrs_post_init__(self) -> None:
        if self.event.dtype != np.bool_:
            raise _refuse(
                self.metric,
                f"events must be true or false, not {self.event.dtype}",
                f"事件必须是真或假，而不是 {self.event.dtype}",
            )
        _check_length(self.metric, "event", self.event, length=self.event.size)
        _check_length(self.metric, "cluster", self.cluster, length=self.event.size)
        _check_length(self.metric, "stratum", self.stratum, length=self.event.size)


@frozen(kw_only=True, eq=False)
class Values:
    """Values of a mean or quantile metric, in the order in which they were seen.

    Attributes
    ----------
    metric
        Name of a mean or quantile metric.
    value
        Shape (n,), finite, within [low, high]; in the metric's unit.
    cluster
        As in `Counts`.
    low, high
        What a value can be at all, fixed by the protocol and not taken from the data: the bound
        of a mean rests on it. A quantile needs none (``high`` may be infinite).

    """

    metric: str = field(validator=_known)
    value: NDArray[np.float64] = field(converter=_floats)
    cluster: NDArray[np.int64] | None = field(default=None, converter=_whole)
    low: float = 0.0
    high: float = np.inf

    def __attrs_post_init__(self) -> None:
        _check_length(self.metric, "value", self.value, length=self.value.size)
        _check_length(self.metric, "cluster", self.cluster, length=self.value.size)
        if not np.isfinite(self.value).all():
            raise _refuse(
                self.metric,
                "a value is not a finite number; score it as the worst instead",
                "有的值不是有限的数；请按最差情形计分",
            )
        if not self.low < self.high:
            raise _refuse(
                self.metric,
                f"low {self.low} is not below high {self.high}",
                f"下限 {self.low} 不小于上限 {self.high}",
            )
        if self.value.size and not (self.low <= self.value.min() and self.value.max() <= self.high):
            raise _refuse(
                self.metric,
                f"values run from {self.value.min():g} to {self.value.max():g}, outside "
                f"[{self.low:g}, {self.high:g}]; cap them by the protocol's rule",
                f"取值从 {self.value.min():g} 到 {self.value.max():g}，超出 "
                f"[{self.low:g}, {self.high:g}]；请按协议的规则截断",
            )


@frozen(kw_only=True, eq=False)
class Pace:
    """When each item was done: seconds since serving started, in any order."""

    done_at_s: NDArray[np.float64] = field(converter=_floats)
    metric: str = field(default="throughput_per_h", validator=_known)

    def __attrs_post_init__(self) -> None:
        _check_length(self.metric, "done_at_s", self.done_at_s, length=self.done_at_s.size)
        if self.done_at_s.size and not (
            np.isfinite(self.done_at_s).all() and self.done_at_s.min() >= 0
        ):
            raise _refuse(
                self.metric,
                "a completion time is negative or not finite: did the clock jump?",
                "有的完成时间为负或不是有限的数：时钟是否跳变了？",
            )


@frozen(kw_only=True, eq=False)
class Repeats:
    """Servings that were each timed as a whole: items done and seconds taken, in order of time.

    For work that is handed over all at once, where the times of single items cannot be trusted.
    Best of equal size; see `repeats_bound` for what is assumed.

    Attributes
    ----------
    items
        Shape (k,), how many items each serving answered, from 0.
    seconds
        Shape (k,), from the start of the serving to its end, above 0.

    """

    metric: str = field(default="throughput_per_h", validator=_known)
    items: NDArray[np.float64] = field(converter=_floats)
    seconds: NDArray[np.float64] = field(converter=_floats)

    def __attrs_post_init__(self) -> None:
        _check_length(self.metric, "items", self.items, length=self.items.size)
        _check_length(self.metric, "seconds", self.seconds, length=self.items.size)
        fine = np.isfinite(self.items) & (self.items >= 0)
        fine &= np.isfinite(self.seconds) & (self.seconds > 0)
        if not fine.all():
            raise _refuse(
                self.metric,
                "a repeat has a negative count, or a time that is not above 0: did the clock jump?",
                "有一次重复的件数为负，或用时不大于 0：时钟是否跳变了？",
            )


@frozen(kw_only=True)
class Measured:
    """One plain measurement of the whole run, without sampling error."""

    metric: str = field(validator=_known)
    value: float = field(converter=float)

    def __attrs_post_init__(self) -> None:
        if not np.isfinite(self.value):
            raise _refuse(self.metric, f"{self.value} is not finite", f"{self.value} 不是有限的数")


Evidence = Counts | Values | Pace | Repeats | Measured
