"""The questions of the guided form, a form for each step; they read answers and decide nothing."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from liudu.acceptance import Metric
from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.city.models import District, Sector
from liudu.platform.needs.decisions import FIELDS, require_future
from liudu.platform.needs.figures import (
    TYPED_LENGTH_MAX,
    fen_of,
    number_of,
    per_hour,
    share_of,
    shown_budget,
    shown_pace,
    shown_share,
)
from liudu.platform.needs.jobs import JOBS, ROWS, Job, Row, job_of, metrics_of
from liudu.platform.needs.models import Need
from liudu.platform.needs.promises import answers_of, targets_of
from liudu.platform.words import Words, both, language

EXTRA: Final = ("option", "hoped", "every_class")


class TypedField(forms.CharField):
    """A figure as people type it, read by one of the readers of `figures`."""

    def __init__(self, *, read: Callable[[str], Any], **more: Any) -> None:  # noqa: ANN401
        self.read = read
        super().__init__(max_length=TYPED_LENGTH_MAX, **more)

    def clean(self, value: Any) -> Any:  # noqa: ANN401 - Django's
        """Return the figure, None where nothing was typed."""
        typed = super().clean(value)
        if not typed:
            return None
        try:
            return self.read(typed)
        except Refusal as refusal:
            raise ValidationError(refusal.say(language())) from refusal


class StepForm(forms.Form):
    """One step: starts from a need, ends as changes to it."""

    need: Need | None

    def __init__(self, data: Mapping[str, Any] | None = None, *, need: Need | None = None) -> None:
        self.need = need
        super().__init__(data, initial=self.start(need) if need else {})
        for name, field in self.fields.items():
            field.asked = not field.required and self.asks(name)  # type: ignore[attr-defined]

    def asks(self, name: str) -> bool:
        """Return whether a need cannot be published without this answer."""
        return name in FIELDS and FIELDS[name].asked

    def start(self, need: Need) -> dict[str, Any]:
        """Return what is typed already."""
        return {name: getattr(need, name) for name in self.base_fields if hasattr(need, name)}

    def changes(self) -> dict[str, Any]:
        """Return the fields of the need that the answers make."""
        return dict(self.cleaned_data)


def _text(name: str, *, rows: int = 0, required: bool = False) -> forms.CharField:
    field = FIELDS[name]
    widget = forms.Textarea(attrs={"rows": rows}) if rows else forms.TextInput()
    return forms.CharField(
        label=both(field.zh, field.en),
        max_length=field.length_max,
        required=required,
        widget=widget,
    )


class ProblemForm(StepForm):
    """What should get better."""

    title = _text("title", required=True)
    problem = _text("problem", rows=7)
    wanted_capability = _text("wanted_capability", rows=4)
    title_en = _text("title_en")
    problem_en = _text("problem_en", rows=4)


class PlaceForm(StepForm):
    """Where, and in which line of business."""

    sector = forms.ChoiceField(label=both("行业", "Sector"), required=False)
    district = forms.ChoiceField(label=both("区域", "District"), required=False)

    def __init__(self, *args: Any, **more: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **more)
        for name, model in (("sector", Sector), ("district", District)):
            rows = [(row.code, str(row)) for row in model.objects.all()]
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - tells the type checker
            field.choices = [("", both("请选择", "Choose one")), *rows]

    def start(self, need: Need) -> dict[str, Any]:
        """Return the codes."""
        return {
            "sector": need.sector.code if need.sector else "",
            "district": need.district.code if need.district else "",
        }


class DataForm(StepForm):
    """What there is to try on."""

    data_at_hand = _text("data_at_hand", rows=7)


class JobForm(StepForm):
    """What kind of job it is."""

    job = forms.ChoiceField(
        label=both("这是哪一类任务？", "What kind of job is it?"),
        choices=[(job.code, both(job.zh, job.en)) for job in JOBS.values()],
        widget=forms.RadioSelect,
        required=False,
    )


ROW_WORDS: Final[Mapping[Row, tuple[Words, Words]]] = {
    "miss": (
        Words("不能漏掉的", "What must not slip through"),
        Words("漏检率低，或灵敏度高。", "A low miss rate, or a high sensitivity."),
    ),
    "false_alarm": (
        Words("不能错怪的", "What must not be flagged by mistake"),
        Words("过杀、误报太多，人就不再相信它。", "With too many false alarms nobody believes it."),
    ),
    "error": (
        Words("数值要多准", "How close the number must be"),
        Words("说清公差，以及多少比例要落在公差内。", "Say the tolerance, and the share within."),
    ),
    "speed": (
        Words("要多快", "How fast"),
        Words(
            "吞吐量、延迟或内存，按现场需要填。", "Throughput, latency or memory, if it matters."
        ),
    ),
    "more": (
        Words("再加一条", "One more"),
        Words("这项任务的任何指标。", "Any metric of this job."),
    ),
}


class TargetsForm(StepForm):
    """What counts as done: a row of fields for each kind of error."""

    positive = forms.CharField(
        label=both("数据里要找的那一类叫什么", "The label of what must be found"),
        max_length=80,
        required=False,
    )
    confidence = forms.CharField(
        label=both("置信度", "Confidence"), max_length=TYPED_LENGTH_MAX, required=False
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, job: Job, need: Need | None = None
    ) -> None:
        self.job = job
        self.made: dict[str, Any] = {}
        self.refusals: dict[str, Refusal] = {}
        super().__init__(data, need=need)
        for row in ROWS[job.task]:
            self.fields.update(_row_fields(job, row))
        if job.task != "classify":
            del self.fields["positive"]

    def start(self, need: Need) -> dict[str, Any]:
        """Return the answers that make the targets until now, or those that were left half."""
        first: dict[str, Any] = {f"{row}_metric": name for row, name in self.job.metrics.items()}
        first |= {"positive": self.job.positive, "confidence": "95 %"}
        fits = need.targets.get("task") == self.job.task
        first |= answers_of(need.targets) if fits else {}
        return first | dict(need.answers)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows with their fields and words, for the template."""
        return [
            {
                "name": row,
                "title": ROW_WORDS[row][0],
                "hint": ROW_WORDS[row][1],
                "metric": self[f"{row}_metric"],
                "limit": self[f"{row}_limit"],
                "extra": [self[name] for part in EXTRA if (name := f"{row}_{part}") in self.fields],
                "required": row in ("miss", "false_alarm", "error"),
            }
            for row in ROWS[self.job.task]
        ]

    @property
    def blank(self) -> bool:
        """Whether no limit was typed at all."""
        return not any(self.cleaned_data.get(f"{row}_limit") for row in ROWS[self.job.task])

    def clean(self) -> dict[str, Any]:
        """Make the promise, and say beside each answer what is wrong with it."""
        answers = {name: str(value or "") for name, value in self.cleaned_data.items()}
        if self.errors or self.blank:
            return self.cleaned_data
        before = self.need.targets if self.need else {}
        self.made, self.refusals = targets_of(answers, job=self.job, before=before)
        for name, refusal in self.refusals.items():
            self.add_error(name if name in self.fields else None, refusal.say(language()))
        return self.cleaned_data

    def changes(self) -> dict[str, Any]:
        """Return the promise; nothing typed takes it away."""
        return {"targets": self.made, "answers": {}}

    def unfinished(self) -> dict[str, Any]:
        """Return the answers as they were typed, to be kept until they make a promise."""
        typed = {name: str(self.data.get(name, "")).strip() for name in self.fields}
        return {"answers": {name: text for name, text in typed.items() if text}}


def _row_fields(job: Job, row: Row) -> dict[str, forms.Field]:
    offered = metrics_of(job.task, row=row)
    names = [(one.name, _metric_words(one)) for one in offered]
    first, title = job.metrics.get(row, ""), ROW_WORDS[row][0]
    fields: dict[str, forms.Field] = {
        f"{row}_metric": forms.ChoiceField(
            label=both("指标", "Metric"),
            choices=[*([] if row in ("miss", "false_alarm", "error") else [("", "–")]), *names],
            initial=first,
            required=False,
        ),
        f"{row}_limit": _figure(f"{title.zh}（限值）", f"{title.en} (limit)"),
    }
    if any(one.options for one in offered):
        fields[f"{row}_option"] = _figure("公差或误差封顶", "Tolerance or cap")
    if row != "speed":
        fields[f"{row}_hoped"] = _figure("期望做到", "Hoped for")
    if job.task == "classify" and row in ("miss", "false_alarm", "more"):
        fields[f"{row}_every_class"] = forms.BooleanField(
            label=both("每一类都要单独达标", "Every class must keep it by itself"), required=False
        )
    return fields


def _metric_words(metric: Metric) -> Words:
    lower = metric.better == "lower"
    return Words(
        f"{metric.zh}{'不高于' if lower else '不低于'}",
        f"{metric.en[:1].upper()}{metric.en[1:]} {'at most' if lower else 'at least'}",
    )


def _figure(zh: str, en: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"inputmode": "text", "autocomplete": "off"})
    return forms.CharField(
        label=both(zh, en), max_length=TYPED_LENGTH_MAX, required=False, widget=widget
    )


def _share_of_line(typed: str) -> Decimal:
    share = share_of(typed)
    if not 0 < share < 1:
        raise ShareAtEndError
    return share


class ShareAtEndError(Refusal):
    """Nothing or everything of the line."""

    en = "The share must lie between 0 and 100 %, both excluded: give the best guess you have."
    zh = "占比应在 0 与 100 % 之间（不含两端）：没有准数时，填您最好的估计。"


class LineForm(StepForm):
    """What the line makes."""

    pieces = TypedField(label=both("产线速度", "Pace"), read=number_of, required=False)
    pace_per = forms.ChoiceField(
        label=both("单位", "Unit"), choices=Need.Pace.choices, required=False
    )
    positive_share = TypedField(
        label=both("自然占比", "Natural share"), read=_share_of_line, required=False
    )

    def start(self, need: Need) -> dict[str, Any]:
        """Return the figures as they were typed."""
        pace, share = need.pieces_per_h, need.positive_share
        return {
            "pieces": "" if pace is None else shown_pace(pace, per=need.pace_per),
            "pace_per": need.pace_per,
            "positive_share": "" if share is None else shown_share(share),
        }

    def changes(self) -> dict[str, Any]:
        """Return pace per hour and share."""
        per = self.cleaned_data["pace_per"] or "hour"
        pieces, share = self.cleaned_data["pieces"], self.cleaned_data["positive_share"]
        return {
            "pieces_per_h": None if pieces is None else per_hour(pieces, per=per),
            "pace_per": per,
            "positive_share": None if share is None else float(share),
        }


class MoneyForm(StepForm):
    """How much, and by when."""

    budget = forms.CharField(
        label=both("预算上限", "Budget, at most"),
        max_length=TYPED_LENGTH_MAX,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    unit = forms.ChoiceField(
        label=both("单位", "Unit"),
        choices=[
            ("万元", both("万元", "× 10,000 yuan")),
            ("元", both("元", "yuan")),
            ("亿元", both("亿元", "× 100 million yuan")),
        ],
        required=False,
    )
    due_date = forms.DateField(
        label=both("期望完成日期", "Wanted by"),
        required=False,
        input_formats=["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日"],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={
            "invalid": both(
                "这不是日期。请写成 2027-03-31 这样。",
                "This is not a day: write it like 2027-03-31.",
            )
        },
    )

    def asks(self, name: str) -> bool:
        """Return whether a need cannot be published without this answer."""
        return name in ("budget", "due_date")

    def start(self, need: Need) -> dict[str, Any]:
        """Return the amount in the unit in which it is best typed."""
        amount, unit = ("", "万元")
        if need.budget_fen_max is not None:
            amount, unit = shown_budget(need.budget_fen_max)
        return {"budget": amount, "unit": unit, "due_date": need.due_date}

    def clean_due_date(self) -> date | None:
        """Refuse a day that is gone at once; one that was written down before may stay."""
        due: date | None = self.cleaned_data["due_date"]
        if due is not None and (self.need is None or due != self.need.due_date):
            try:
                require_future(due, today=clock.today())
            except Refusal as refusal:
                raise ValidationError(refusal.say(language())) from refusal
        return due

    def clean(self) -> dict[str, Any]:
        """Read the amount exactly, in whole fen."""
        typed = self.cleaned_data.get("budget")
        unit = self.cleaned_data.get("unit") or "万元"
        self.cleaned_data["budget_fen_max"] = None
        if typed:
            try:
                self.cleaned_data["budget_fen_max"] = fen_of(typed, unit=unit)
            except Refusal as refusal:
                self.add_error("budget", refusal.say(language()))
        return self.cleaned_data

    def changes(self) -> dict[str, Any]:
        """Return whole fen and the day."""
        return {name: self.cleaned_data[name] for name in ("budget_fen_max", "due_date")}


FORMS: Final[Mapping[str, type[StepForm]]] = {
    "problem": ProblemForm,
    "place": PlaceForm,
    "data": DataForm,
    "job": JobForm,
    "line": LineForm,
    "money": MoneyForm,
}


def form_of(
    step: str, data: Mapping[str, Any] | None = None, *, need: Need | None
) -> StepForm | None:
    """Return the form of a step; None for targets while the kind of job is not known."""
    if step != "targets":
        return FORMS[step](data, need=need)
    job = job_of(code=need.job, task=need.targets.get("task", "")) if need else None
    return TargetsForm(data, job=job, need=need) if job else None
