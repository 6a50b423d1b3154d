"""What a need must say, what is missing, what changed, and where it may go. No Django.

The promise and the size of its trial are decided in `promises`, which this module passes on.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from attrs import frozen

from liudu.acceptance import PromiseError
from liudu.contract import Refusal
from liudu.platform.needs.figures import BUDGET_FEN_MAX
from liudu.platform.needs.jobs import JOBS, job_of
from liudu.platform.needs.promises import NeedPlan, plan_of, promise_of, with_line

__all__ = ["NeedPlan", "plan_of", "promise_of", "with_line"]

Content = Mapping[str, Any]
State = Literal["done", "missing", "optional"]


@frozen(kw_only=True)
class Field:
    """One thing that a need says.

    Attributes
    ----------
    name
        Of the column.
    zh, en
        What people call it.
    length_max
        Of a text, in characters; zero for what is no text.
    asked
        Whether a need without it cannot be published.
    fixed
        Whether it cannot change once data is sealed for it.

    """

    name: str
    zh: str
    en: str
    length_max: int = 0
    asked: bool = False
    fixed: bool = False


@frozen(kw_only=True)
class Step:
    """One page of the guided form."""

    code: str
    zh: str
    en: str
    fields: tuple[str, ...]


FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        field.name: field
        for field in (
            Field(name="title", zh="标题", en="Title", length_max=120, asked=True),
            Field(name="title_en", zh="英文标题", en="English title", length_max=200),
            Field(name="problem", zh="要解决的问题", en="Problem", length_max=8000, asked=True),
            Field(name="problem_en", zh="问题（英文）", en="Problem in English", length_max=8000),
            Field(
                name="wanted_capability", zh="想要的能力", en="Wanted capability", length_max=4000
            ),
            Field(name="sector", zh="行业", en="Sector", asked=True),
            Field(name="district", zh="区域", en="District", asked=True),
            Field(
                name="data_at_hand", zh="手头的数据", en="Data at hand", length_max=4000, asked=True
            ),
            Field(name="contact_unit", zh="联系单位", en="Contact unit", length_max=120),
            Field(name="targets_text", zh="指标原文", en="Targets as written", length_max=4000),
            Field(name="job", zh="任务类型", en="Kind of job", asked=True, fixed=True),
            Field(name="targets", zh="验收指标", en="Acceptance targets", asked=True, fixed=True),
            Field(name="answers", zh="未填完的指标", en="Unfinished targets", fixed=True),
            Field(name="pieces_per_h", zh="产线速度", en="Pace of the line", fixed=True),
            Field(name="pace_per", zh="速度单位", en="Unit of the pace", fixed=True),
            Field(name="positive_share", zh="自然占比", en="Natural share", fixed=True),
            Field(name="budget_fen_max", zh="预算上限", en="Budget, at most", asked=True),
            Field(name="due_date", zh="期望完成日期", en="Wanted by", asked=True),
            Field(name="simulated", zh="模拟数据", en="Simulated"),
        )
    }
)
STEPS: Final = (
    Step(
        code="problem",
        zh="要解决的问题",
        en="The problem",
        fields=("title", "problem", "wanted_capability", "title_en", "problem_en"),
    ),
    Step(code="place", zh="行业和区域", en="Sector and district", fields=("sector", "district")),
    Step(code="data", zh="手头的数据", en="Data at hand", fields=("data_at_hand",)),
    Step(code="job", zh="任务类型", en="Kind of job", fields=("job",)),
    Step(code="targets", zh="验收指标", en="Acceptance targets", fields=("targets", "answers")),
    Step(
        code="line",
        zh="产线速度和占比",
        en="Pace and share",
        fields=("pieces_per_h", "pace_per", "positive_share"),
    ),
    Step(
        code="money",
        zh="预算和日期",
        en="Budget and date",
        fields=("budget_fen_max", "due_date"),
    ),
)
STAGES: Final = ("posted", "matched", "trial", "accepted", "running")
WORDS_MIN: Final = 10  # characters of a problem that says anything


class UnknownFieldError(Refusal):
    """A field that no need has, or that nobody may write."""

    en = "A need has no field “{field}” to write. Fields: {known}."
    zh = "需求没有可写的字段“{field}”。可写的字段：{known}。"


class BlankTitleError(Refusal):
    """A need without a name."""

    en = "A need needs a title: write in one line what should get better."
    zh = "请给需求起个标题：一句话说清希望改善什么。"


class TextTooLongError(Refusal):
    """More text than a field takes."""

    en = "{name_en} has {length} characters; at most {limit} fit. Shorten it by {over}."
    zh = "{name_zh}有 {length} 个字，最多 {limit} 个，请删去 {over} 个。"


class NotTextError(Refusal):
    """Something else than text where text belongs."""

    en = "{name_en} must be text."
    zh = "{name_zh}必须是文字。"


class BudgetOutOfRangeError(Refusal):
    """A negative budget, or one beyond reason."""

    en = "The budget is {amount_fen} fen; it must be a whole number from 0 to {limit}."
    zh = "预算是 {amount_fen} 分，应为 0 到 {limit} 之间的整数（单位：分）。"


class LineOutOfRangeError(Refusal):
    """A pace or share that no line has."""

    en = (
        "The line makes {value}: a pace is above 0, a share lies between 0 and 100 %, "
        "both excluded."
    )
    zh = "产线的数值是 {value}：速度应大于 0，占比应在 0 与 100 % 之间（不含两端）。"


class UnknownJobError(Refusal):
    """A kind of job that is not offered."""

    en = "There is no kind of job “{job}”. Kinds: {known}."
    zh = "没有“{job}”这种任务类型。可选：{known}。"


class NeedIncompleteError(Refusal):
    """A need that cannot be published yet."""

    en = "Not yet ready to publish; still missing: {missing_en}."
    zh = "还不能发布，缺少：{missing_zh}。"


class DueDatePastError(Refusal):
    """A need that wants to be done by a day that has passed."""

    en = "The wanted day {due_date} is not after today, {today}: choose a later one."
    zh = "期望完成日期 {due_date} 不晚于今天（{today}），请改为以后的日期。"


class DueDateFarError(Refusal):
    """A day so far away that it is a slip of the pen."""

    en = "The wanted day {due_date} is more than {years} years away: check the year."
    zh = "期望完成日期 {due_date} 在 {years} 年以后，请核对年份。"


class NotADayError(Refusal):
    """Text that is no day."""

    en = "“{value}” is not a day: write it like 2027-03-31."
    zh = "“{value}”不是日期。请写成 2027-03-31 这样。"


YEARS_MAX: Final = 20
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029]")
_LINE_BREAK: Final = re.compile(r"\s*[\r\n]+\s*")


@frozen(kw_only=True)
class Change:
    """One field that differs between two states of a need."""

    field: Field
    before: Any
    after: Any


@frozen(kw_only=True)
class Clash:
    """One field that two people wrote from the same state on.

    Attributes
    ----------
    before
        What both saw.
    theirs
        What stands there now.
    mine
        What the second one wanted to write; None, with `written` false, where they wrote nothing.
    both
        Whether both changed it, and differently.

    """

    field: Field
    before: Any
    theirs: Any
    mine: Any
    written: bool
    both: bool


def clean(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a need as they are kept, or refuse what cannot be.

    Texts lose control characters and outer spaces, titles their line breaks. ``sector`` and
    ``district`` are passed on; targets must be a whole promise or empty.

    Raises
    ------
    Refusal
        One kind for each rule.

    """
    return {name: _cleaned(name, value) for name, value in fields.items()}


def settled(content: Content, changes: Content) -> dict[str, Any]:
    """Return changes together with what follows from them.

    Targets bring their kind of job and their line along; another kind of job takes away targets
    that its task does not have; the promise always holds what is known of the line.
    """
    done = dict(changes)
    if done.get("targets"):
        line = done["targets"].get("line") or {}
        done = {"answers": {}, **line, **done}
        job = job_of(code={**content, **done}.get("job") or "", task=done["targets"]["task"])
        done["job"] = job.code if job else ""
    now = {**content, **done}
    if "job" in changes and "targets" not in changes and not _fits(now):
        done |= {"targets": {}, "answers": {}}
        now = {**content, **done}
    whole = with_line(
        now.get("targets") or {},
        pieces_per_h=now.get("pieces_per_h"),
        positive_share=now.get("positive_share"),
    )
    return done if whole == (content.get("targets") or {}) else done | {"targets": whole}


def state_of(step: Step, content: Content) -> State:
    """Return whether a step is done, lacks something, or may stay as it is."""
    if any(name in missing_of(content) for name in step.fields):
        return "missing"
    if any(content.get(name) not in (None, "", {}) for name in step.fields if name != "pace_per"):
        return "done"
    return "optional"


def missing_of(content: Content) -> tuple[str, ...]:
    """Return the names of the fields without which a need cannot be published, in their order."""
    return tuple(name for name, field in FIELDS.items() if field.asked and _lacks(content, name))


def next_step(code: str) -> Step | None:
    """Return the step after another, None after the last one."""
    codes = [step.code for step in STEPS]
    return STEPS[codes.index(code) + 1] if code != codes[-1] else None


def step_of(name: str) -> Step:
    """Return the step that asks for a field."""
    return next(step for step in STEPS if name in step.fields)


def require_publishable(content: Content, *, today: date) -> None:
    """Refuse a need that is not complete, or wanted by a day that has passed.

    Raises
    ------
    NeedIncompleteError, DueDatePastError, DueDateFarError
        What to do first.

    """
    require_complete(content)
    require_future(date.fromisoformat(content["due_date"]), today=today)


def require_complete(content: Content) -> None:
    """Refuse a need that lacks something that vendors must know."""
    missing = [FIELDS[name] for name in missing_of(content)]
    if missing:
        raise NeedIncompleteError(
            fields=tuple(field.name for field in missing),
            missing_zh="、".join(field.zh for field in missing),
            missing_en=", ".join(field.en.lower() for field in missing),
        )


def require_future(due_date: date, *, today: date) -> None:
    """Refuse a day that is not after today, or that is absurdly far."""
    if due_date <= today:
        raise DueDatePastError(due_date=due_date.isoformat(), today=today.isoformat())
    if due_date.year - today.year > YEARS_MAX:
        raise DueDateFarError(due_date=due_date.isoformat(), years=YEARS_MAX)


def is_further(stage: str, *, than: str) -> bool:
    """Return whether a stage lies further round the loop than another."""
    return STAGES.index(stage) > STAGES.index(than)


def changes_between(before: Content, after: Content) -> tuple[Change, ...]:
    """Return what differs between two states of a need, field by field."""
    return tuple(
        Change(field=field, before=before.get(name), after=after.get(name))
        for name, field in FIELDS.items()
        if _differs(before.get(name), after.get(name))
    )


def clashes(*, base: Content, mine: Content, theirs: Content) -> tuple[Clash, ...]:
    """Return every field that either of two people changed since the state that both saw."""
    found = []
    for name, field in FIELDS.items():
        before, now = base.get(name), theirs.get(name)
        wanted = mine.get(name, before)
        moved, written = _differs(before, now), name in mine and _differs(before, wanted)
        if moved or written:
            found.append(
                Clash(
                    field=field,
                    before=before,
                    theirs=now,
                    mine=wanted if written else None,
                    written=written,
                    both=moved and written and _differs(now, wanted),
                )
            )
    return tuple(found)


def merged_text(mine: str, theirs: str) -> str:
    """Return both texts, one after the other, so that nothing of either is lost."""
    if mine in theirs:
        return theirs
    return mine if theirs in mine else f"{theirs}\n\n{mine}"


def _fits(content: Content) -> bool:
    job = JOBS.get(content.get("job") or "")
    task = (content.get("targets") or {}).get("task")
    return job is not None and task in (None, job.task)


def _differs(one: object, other: object) -> bool:
    empty: tuple[object, ...] = (None, "", {}, [])
    return one != other and not (one in empty and other in empty)


def _lacks(content: Content, name: str) -> bool:
    value = content.get(name)
    if name == "problem":
        return len(value or "") < WORDS_MIN
    if name == "targets":
        try:
            promise_of(value or {})
        except PromiseError:
            return True
        return False
    return value is None or value == ""


def _cleaned(name: str, value: Any) -> Any:  # noqa: ANN401 - a field's own kind
    field = FIELDS.get(name)
    if field is None:
        raise UnknownFieldError(field=name, known=", ".join(FIELDS))
    if field.length_max:
        return _text(field, value)
    check = _CHECKS.get(name)
    return check(value) if check else value


def _text(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise NotTextError(name_zh=field.zh, name_en=field.en)
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    if field.name.startswith("title"):
        text = _LINE_BREAK.sub(" ", text)
    text = unicodedata.normalize("NFC", _CONTROL.sub("", text)).strip()
    text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is no text
    if field.name == "title" and not text:
        raise BlankTitleError
    if len(text) > field.length_max:
        raise TextTooLongError(
            name_zh=field.zh,
            name_en=field.en,
            length=len(text),
            limit=field.length_max,
            over=len(text) - field.length_max,
        )
    return text


def _budget(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= BUDGET_FEN_MAX:
        raise BudgetOutOfRangeError(amount_fen=str(value)[:40], limit=f"{BUDGET_FEN_MAX:,}")
    return value


def _pace(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _PACE_MAX:
        raise LineOutOfRangeError(value=str(value)[:40])
    return float(value)


def _share(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise LineOutOfRangeError(value=str(value)[:40])
    return float(value)


def _job(value: object) -> str:
    if value in ("", None):
        return ""
    if value not in JOBS:
        raise UnknownJobError(job=str(value)[:40], known=", ".join(JOBS))
    return str(value)


def _targets(value: object) -> dict[str, Any]:
    if value in (None, {}):
        return {}
    return promise_of(value).to_json()


def _day(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if value in (None, ""):
        return None
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise NotADayError(value=str(value)[:40]) from None


def _answers(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    return {
        str(key)[:40]: _CONTROL.sub("", str(text))[:200]
        for key, text in list(value.items())[:60]
        if text
    }


_PACE_MAX: Final = 1e13
_CHECKS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "budget_fen_max": _budget,
        "pieces_per_h": _pace,
        "positive_share": _share,
        "job": _job,
        "targets": _targets,
        "due_date": _day,
        "answers": _answers,
        "simulated": bool,
    }
)


def names_of(fields: Iterable[str], *, language: Literal["zh", "en"]) -> str:
    """Return the names of fields as people read them."""
    listed: Sequence[str] = [
        FIELDS[name].zh if language == "zh" else FIELDS[name].en for name in fields
    ]
    return ("、" if language == "zh" else ", ").join(listed)
