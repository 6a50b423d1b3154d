"""What a need says, field by field, in the reader's words."""

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any, Final

from attrs import frozen

from liudu.platform.city.models import District, Sector
from liudu.platform.needs.decisions import FIELDS, Change, Field
from liudu.platform.needs.figures import HOURS, shown_number, shown_share
from liudu.platform.needs.jobs import JOBS, Job, job_of
from liudu.platform.needs.models import Need
from liudu.platform.needs.promises import target_words
from liudu.platform.web.templatetags.liudu import yuan
from liudu.platform.words import Words

TOKENS_MAX: Final = 1200  # of a text that is compared word by word
NOT_SET: Final = Words("未填", "Not set")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_.%]+|\s+|.", re.DOTALL)
_SENTENCE: Final = re.compile(r"[^。！？.!?\n]*[。！？.!?\n]?")


@frozen(kw_only=True)
class Said:
    """One field in words: its lines before and after, or the marked text of a change."""

    field: Field
    before: tuple[str, ...]
    after: tuple[str, ...]
    marked: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> Words:
        """What people call the field."""
        return name_of(self.field)


class Speech:
    """Says fields; reads the names of sectors and districts once."""

    @cached_property
    def _places(self) -> dict[tuple[str, str], str]:
        rows: list[tuple[str, Iterable[Sector | District]]] = [
            ("sector", Sector.objects.all()),
            ("district", District.objects.all()),
        ]
        return {(kind, row.code): str(row) for kind, of in rows for row in of}

    def lines(self, name: str, value: Any) -> tuple[str, ...]:  # noqa: ANN401 - a field's own kind
        """Return a value in lines of words; none where it is not set."""
        if value in (None, "", {}):
            return ()
        if name in ("sector", "district"):
            return (self._places.get((name, str(value)), str(value)),)
        say = _SAY.get(name)
        return say(value) if say else tuple(str(value).split("\n"))

    def change(self, change: Change) -> Said:
        """Return a change in words; texts with what was put in and what was taken out."""
        name, before, after = change.field.name, change.before, change.after
        text = bool(change.field.length_max) and bool(before) and bool(after)
        return Said(
            field=change.field,
            before=self.lines(name, before),
            after=self.lines(name, after),
            marked=tuple(marked_text(str(before), str(after))) if text else (),
        )


def _said_job(code: str) -> tuple[str, ...]:
    return (str(job_words(JOBS[code])) if code in JOBS else code,)


def _said_pace(pieces_per_h: float) -> tuple[str, ...]:
    return (f"{shown_number(pieces_per_h)} {Words('件/小时', 'per hour')}",)


def _said_per(per: str) -> tuple[str, ...]:
    return (str(Need.Pace(per).label) if per in HOURS else per,)


def target_lines(targets: Mapping[str, Any]) -> list[str]:
    """Return the targets of a promise in words, and on which label a miss is counted."""
    lines = [str(Words(*target_words(one))) for one in targets.get("targets", ())]
    if targets.get("positive"):
        label = targets["positive"]
        lines.append(str(Words(f"要找的是标签“{label}”", f"To be found: the label “{label}”")))
    return lines


def job_words(job: Job) -> Words:
    """Return the kind of job in words."""
    return Words(job.zh, job.en)


def job_of_need(need: Need) -> Job | None:
    """Return the kind of job of a need, None while nobody said."""
    return job_of(code=need.job, task=(need.targets or {}).get("task", ""))


def name_of(field: Field) -> Words:
    """Return what people call a field."""
    return Words(field.zh, field.en)


def marked_text(before: str, after: str) -> list[tuple[str, str]]:
    """Return pieces of a text as (kept | taken | put, text), word by word or by sentences."""
    one, other = _TOKEN.findall(before), _TOKEN.findall(after)
    if len(one) + len(other) > TOKENS_MAX:
        one, other = _SENTENCE.findall(before), _SENTENCE.findall(after)
    pieces: list[tuple[str, str]] = []
    for kind, start, end, begin, stop in SequenceMatcher(
        None, one, other, autojunk=False
    ).get_opcodes():
        if kind == "equal":
            pieces.append(("kept", "".join(one[start:end])))
            continue
        if start < end:
            pieces.append(("taken", "".join(one[start:end])))
        if begin < stop:
            pieces.append(("put", "".join(other[begin:stop])))
    return pieces


def fields_named(names: Iterable[str]) -> list[Words]:
    """Return what people call some fields."""
    return [name_of(FIELDS[name]) for name in names]


_SAY: Final[Mapping[str, Callable[[Any], tuple[str, ...]]]] = {
    "targets": lambda targets: tuple(target_lines(targets)),
    "answers": lambda answers: tuple(f"{key}: {text}" for key, text in answers.items()),
    "job": _said_job,
    "budget_fen_max": lambda fen: (yuan(fen),),
    "positive_share": lambda share: (shown_share(share),),
    "pieces_per_h": _said_pace,
    "pace_per": _said_per,
    "simulated": lambda value: (str(Words("是", "Yes") if value else Words("否", "No")),),
}
