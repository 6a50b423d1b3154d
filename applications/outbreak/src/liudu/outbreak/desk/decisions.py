"""The rules of triage, without a database: states, roles, repeats, and the figures of merit."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import median
from typing import Final, Literal

import attrs

from liudu.contract import Refusal
from liudu.outbreak.text import Text

State = Literal["signal", "verifying", "suspected", "investigating", "closed"]
Outcome = Literal["", "outbreak", "no_outbreak", "data_error", "unclear"]
Role = Literal["viewer", "investigator", "administrator"]

STATES: Final[dict[str, Text]] = {
    "signal": Text("信号", "Signal"),
    "verifying": Text("核实", "Verifying"),
    "suspected": Text("疑似事件", "Suspected event"),
    "investigating": Text("现场调查", "Field investigation"),
    "closed": Text("结案", "Closed"),
}
OUTCOMES: Final[dict[str, Text]] = {
    "outbreak": Text("确认暴发", "Outbreak confirmed"),
    "no_outbreak": Text("不是暴发", "No outbreak"),
    "data_error": Text("数据差错", "Error in the data"),
    "unclear": Text("无法判断", "Cannot be told"),
}
ROLES: Final[dict[str, Text]] = {
    "viewer": Text("查看", "Viewer"),
    "investigator": Text("调查", "Investigator"),
    "administrator": Text("管理", "Administrator"),
}
RANKS: Final = {role: rank for rank, role in enumerate(ROLES)}
ORDER: Final = tuple(STATES)
QUIET_DAYS: Final = 14  # where the plan of a disease names none
SECONDS_PER_HOUR: Final = 3600.0
NOTE_MAX: Final = 4000
JUDGED: Final = frozenset({"outbreak", "no_outbreak", "data_error"})


class StepNotPossibleError(Refusal):
    """A step that the present state does not allow."""

    en = "A signal cannot go from “{from_en}” to “{to_en}”."
    zh = "信号不能从“{from_zh}”转到“{to_zh}”。"


class OutcomeMissingError(Refusal):
    """A signal is closed without saying what it was."""

    en = "Say what the signal turned out to be before it is closed."
    zh = "结案前请选择结论。"


class NoteMissingError(Refusal):
    """Nothing was written where something must be."""

    en = "Write a note first."
    zh = "请先填写说明。"


class NoteTooLongError(Refusal):
    """A note is longer than can be kept."""

    en = "The note has {length} characters; {limit} is the most. Shorten it."
    zh = "说明有 {length} 个字符，最多 {limit} 个，请精简。"


def may(role: str, *, at_least: str) -> bool:
    """Return whether a role includes another."""
    return RANKS.get(role, -1) >= RANKS[at_least]


def next_states(state: str) -> tuple[str, ...]:
    """Return the states that may follow: any later one; a closed signal is taken up again."""
    if state == "closed":
        return ("verifying",)
    return ORDER[ORDER.index(state) + 1 :]


def check_step(state: str, *, to: str, outcome: str, note: str) -> None:
    """Refuse a step that the rules do not allow.

    Raises
    ------
    StepNotPossibleError, OutcomeMissingError, NoteMissingError, NoteTooLongError

    """
    if to not in next_states(state):
        before, after = STATES[state], STATES.get(to, Text(to, to))
        raise StepNotPossibleError(
            from_zh=before.zh, to_zh=after.zh, from_en=before.en, to_en=after.en
        )
    if to == "closed" and outcome not in OUTCOMES:
        raise OutcomeMissingError
    if state == "closed" and not note.strip():
        raise NoteMissingError  # taking up again wants a reason
    check_note(note)


def check_note(note: str, *, required: bool = False) -> None:
    """Refuse a note that is too long, or empty where one is required.

    Raises
    ------
    NoteMissingError, NoteTooLongError

    """
    if required and not note.strip():
        raise NoteMissingError
    if len(note) > NOTE_MAX:
        raise NoteTooLongError(length=len(note), limit=NOTE_MAX)


@attrs.frozen(kw_only=True)
class Earlier:
    """An earlier signal of the same series: when it was last seen and how it stands."""

    state: str
    last_week: int
    closed_week: int | None


def repeats(earlier: Earlier | None, *, week: int, quiet_days: int) -> bool:
    """Return whether an alarm belongs to a signal that is known already and is not raised again.

    It does while that signal is open, and after it was closed for `quiet_days` (0: 14 days),
    counted from the last week it was seen in.
    """
    if earlier is None or week < earlier.last_week:
        return False
    if earlier.state != "closed":
        return True
    return (week - earlier.last_week) * 7 <= (quiet_days or QUIET_DAYS)


@attrs.frozen(kw_only=True)
class Merit:
    """How the desk does.

    Attributes
    ----------
    response_median_h
        Median hours from signal to verification; None before the first.
    answered, raised
        Signals that were taken up, and all.
    confirmed, judged
        Closed as outbreak, and closed with a clear outcome: their ratio is the PPV so far.

    """

    raised: int
    answered: int
    response_median_h: float | None
    confirmed: int
    judged: int

    @property
    def ppv(self) -> float | None:
        """Share of judged signals that were outbreaks; None before the first."""
        return self.confirmed / self.judged if self.judged else None


def merit(
    pairs: Sequence[tuple[datetime, datetime | None]], *, outcomes: Iterable[str]
) -> Merit:  # fmt: skip
    """Return the figures from (raised, taken up) and the outcomes of closed signals."""
    hours = [
        (taken - raised).total_seconds() / SECONDS_PER_HOUR
        for raised, taken in pairs
        if taken is not None
    ]
    judged = [
        outcome for outcome in outcomes if outcome in {"outbreak", "no_outbreak", "data_error"}
    ]
    return Merit(
        raised=len(pairs),
        answered=len(hours),
        response_median_h=median(hours) if hours else None,
        confirmed=judged.count("outbreak"),
        judged=len(judged),
    )
