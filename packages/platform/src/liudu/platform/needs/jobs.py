"""The kinds of job that AI is wanted for, in plain words, and what is promised of each. No Django.

An owner knows what the job is; `task` and metrics are what the trial calls it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from attrs import frozen

from liudu.acceptance import METRICS, Metric

Task = Literal["classify", "detect", "alarm", "value"]
Row = Literal["miss", "false_alarm", "error", "speed", "more"]


@frozen(kw_only=True)
class Job:
    """One kind of job.

    Attributes
    ----------
    code
        Kept in the need.
    task
        What the trial calls it.
    zh, en, hint_zh, hint_en
        The question's answer, and examples of it.
    positive
        The label that a miss is counted on, where the task has one; the owner may change it.
    pieces
        What positive and negative pieces are called: measure word, zh, en.
    piece
        What comes along the line: (zh, en).
    metrics
        The metric that each row starts with.

    """

    code: str
    task: Task
    zh: str
    en: str
    hint_zh: str
    hint_en: str
    positive: str = ""
    pieces: Mapping[str, tuple[str, str, str]]
    piece: tuple[str, str]
    metrics: Mapping[Row, str]


def _job(
    code: str,
    task: Task,
    says: tuple[str, str],
    hints: tuple[str, str],
    *,
    positive: str = "",
    bad: tuple[str, str, str] = ("", "", ""),
    good: tuple[str, str, str] = ("", "", ""),
    piece: tuple[str, str] = ("件", "piece"),
    metrics: Mapping[Row, str],
) -> Job:
    return Job(
        code=code,
        task=task,
        zh=says[0],
        en=says[1],
        hint_zh=hints[0],
        hint_en=hints[1],
        positive=positive,
        pieces=MappingProxyType({"positive": bad, "negative": good} if bad[1] else {}),
        piece=piece,
        metrics=MappingProxyType(dict(metrics)),
    )


JOBS: Final[Mapping[str, Job]] = MappingProxyType(
    {
        job.code: job
        for job in (
            _job(
                "sort",
                "classify",
                ("分出好件和坏件", "Tell good pieces from bad"),
                (
                    "每件给一个结论：外观检测、来料检验、票据真伪。",
                    "One answer for each piece: surfaces, incoming goods, true or forged.",
                ),
                positive="defective",
                bad=("件", "坏件", "bad pieces"),
                good=("件", "好件", "good pieces"),
                metrics={"miss": "miss_rate", "false_alarm": "overkill_rate"},
            ),
            _job(
                "locate",
                "detect",
                ("找出缺陷，标明位置和种类", "Find defects: where they are and which"),
                (
                    "一件上可能有几处：焊点、划痕、路面病害、违规占道。",
                    "Several on one piece: solder joints, scratches, potholes, blocked lanes.",
                ),
                bad=("处", "缺陷（标注框）", "defects (marked boxes)"),
                good=("件", "无缺陷件", "pieces without a defect"),
                metrics={"miss": "miss_rate", "false_alarm": "overkill_rate"},
            ),
            _job(
                "screen",
                "classify",
                (
                    "筛查、预审：挑出必须由人来看的",
                    "Screen or review: pick out what a person must see",
                ),
                (
                    "影像筛查、申报材料预审、内容审核、信访分类。",
                    "Medical images, applications, content, letters from citizens.",
                ),
                positive="positive",
                bad=("例", "阳性样本", "positive cases"),
                good=("例", "阴性样本", "negative cases"),
                piece=("例", "case"),
                metrics={"miss": "sensitivity", "false_alarm": "specificity"},
            ),
            _job(
                "warn",
                "alarm",
                ("提前预警", "Warn early"),
                (
                    "按时间推进，不能偷看未来：疫情、设备故障、水质、火情。",
                    "Step by step, without a look ahead: outbreaks, machine failures, water, fire.",
                ),
                bad=("次", "事件", "events"),
                good=("个", "平静时步", "quiet steps"),
                piece=("个时步", "time step"),
                metrics={"miss": "miss_rate", "false_alarm": "false_alarm_rate"},
            ),
            _job(
                "read_number",
                "value",
                ("读出或测出一个数", "Read or measure a number"),
                (
                    "仪表读数、计数、尺寸、剂量、用时预测。",
                    "Gauges, counts, sizes, doses, forecasts of time.",
                ),
                piece=("个读数", "reading"),
                metrics={"error": "within_tolerance_rate"},
            ),
            _job(
                "read_text",
                "classify",
                ("读文字、认型号", "Read text or recognise types"),
                (
                    "结果出自一份已知清单：型号、证照类别、印章、车牌字段。自由长文本不适用。",
                    "One of a known list: types, licences, stamps. Not for free text.",
                ),
                bad=("件", "最怕认错的样本", "pieces that must not be mistaken"),
                good=("件", "其他样本", "other pieces"),
                metrics={
                    "miss": "miss_rate",
                    "false_alarm": "overkill_rate",
                    "more": "class_error_rate",
                },
            ),
        )
    }
)
ROWS: Final[Mapping[str, tuple[Row, ...]]] = MappingProxyType(
    {
        "classify": ("miss", "false_alarm", "speed", "more"),
        "detect": ("miss", "false_alarm", "speed", "more"),
        "alarm": ("miss", "false_alarm", "speed", "more"),
        "value": ("error", "speed", "more"),
    }
)


def job_of(*, code: str, task: str) -> Job | None:
    """Return the job of a need; by its task where it names none; None where neither is known."""
    named = JOBS.get(code)
    if named and task in ("", named.task):
        return named
    return next((job for job in JOBS.values() if job.task == task), None)


def metrics_of(task: str, *, row: Row) -> tuple[Metric, ...]:
    """Return the metrics that a row of the form offers for a task; those of `more` are all."""
    offered = (one for one in METRICS.values() if task in one.tasks and one.kind != "summary")
    if row == "more":
        return tuple(offered)
    return tuple(one for one in offered if one.against == row)
