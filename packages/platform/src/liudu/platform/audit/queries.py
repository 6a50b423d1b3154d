"""Reads of the audit: searches, the chain's proof, its export."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Final

import attrs
from django.db.models import Q, QuerySet

from liudu.platform.audit.decisions import START, Wrong, columns_agree, digest_of
from liudu.platform.audit.models import Head, Line
from liudu.platform.clock import CITY_ZONE

COLUMNS: Final = (
    "number",
    "at",
    "actor_kind",
    "actor_key",
    "actor_name",
    "organisation_key",
    "organisation_name",
    "verb",
    "subject_kind",
    "subject_key",
    "subject_name",
)
CHUNK_LINES: Final = 2000
Progress = Callable[[int, int], None]


@attrs.frozen(kw_only=True)
class Break:
    """The first line at which the chain does not hold, and what is wrong with it."""

    number: int
    wrong: Wrong


@attrs.frozen(kw_only=True)
class Verification:
    """What a walk over the chain found.

    Attributes
    ----------
    count
        Lines that hold, from the first one on.
    head_digest
        Of the last line that holds: whoever notes it down can prove later that nothing up to
        there was written anew.
    broken
        None if the whole chain holds.

    """

    count: int
    head_digest: str
    broken: Break | None


@attrs.frozen(kw_only=True)
class Filters:
    """What a reader of the audit looks for; empty means everything."""

    actor: str = ""
    organisation: str = ""
    verb: str = ""
    subject_kind: str = ""
    key: str = ""
    day: date | None = None


def verify_chain(
    progress: Progress | None = None, *, anchor: tuple[int, str] | None = None
) -> Verification:
    """Walk the chain from its first line and return where it first does not hold.

    Reads `CHUNK_LINES` at a time, so that memory does not grow with the chain. Lines that are
    added meanwhile are left for the next walk.

    Parameters
    ----------
    progress
        Called with the lines done and the lines there are.
    anchor
        Number and digest of a line as somebody noted them down. A chain that was written anew
        as a whole holds in itself; against the note it does not.

    """
    head = Head.objects.filter(only=1).first() or Head(only=1, number=0, digest=START)
    last, digest = 0, START
    for line in _walk(up_to=head.number):
        wrong = _wrong(line, number=last + 1, previous=digest)
        wrong = wrong or _against(anchor, line)
        if wrong:
            return Verification(
                count=last, head_digest=digest, broken=Break(number=last + 1, wrong=wrong)
            )
        last, digest = last + 1, str(line["digest"])
        if progress and last % CHUNK_LINES == 0:
            progress(last, head.number)
    broken = _end_wrong(head, last=last, digest=digest, anchor=anchor)
    if progress:
        progress(last, head.number)
    return Verification(count=last, head_digest=digest, broken=broken)


def lines_of(subject_kind: str, subject_key: str) -> QuerySet[Line]:
    """Return what happened to one thing, the newest first."""
    return Line.objects.filter(subject_kind=subject_kind, subject_key=subject_key).order_by(
        "-number"
    )


def found(filters: Filters) -> QuerySet[Line]:
    """Return the lines that a reader looks for, the newest first."""
    rows = Line.objects.order_by("-number")
    if filters.actor:
        rows = rows.filter(Q(actor_key=filters.actor) | Q(actor_name=filters.actor))
    if filters.organisation:
        rows = rows.filter(
            Q(organisation_key=filters.organisation) | Q(organisation_name=filters.organisation)
        )
    if filters.verb:
        rows = rows.filter(verb__startswith=filters.verb)
    if filters.subject_kind:
        rows = rows.filter(subject_kind=filters.subject_kind)
    if filters.key:
        rows = rows.filter(Q(subject_key=filters.key) | Q(actor_key=filters.key))
    if filters.day:
        start = datetime.combine(filters.day, time.min, CITY_ZONE)
        rows = rows.filter(at__gte=start, at__lt=start + timedelta(days=1))
    return rows


def neighbours(line: Line) -> tuple[Line | None, Line | None]:
    """Return the line before and the line after."""
    near = Line.objects.in_bulk([line.number - 1, line.number + 1])
    return near.get(line.number - 1), near.get(line.number + 1)


def line_holds(line: Line, *, before: Line | None) -> bool:
    """Return whether a line says what its digest covers and covers the line before."""
    previous = before.digest if before else START
    return _wrong(_row(line), number=line.number, previous=previous) is None


def head() -> Head:
    """Return number and digest of the newest line: the anchor to note down elsewhere."""
    return Head.objects.filter(only=1).first() or Head(only=1, number=0, digest=START)


def export_lines(filters: Filters | None = None) -> Iterator[str]:
    """Yield each line as one line of JSON, the oldest first, with both digests."""
    rows = found(filters or Filters()).order_by("number")
    values = rows.values_list("content", "previous", "digest").iterator(chunk_size=CHUNK_LINES)
    for content, previous, digest in values:
        whole = {**json.loads(content), "previous": previous, "digest": digest}
        yield json.dumps(whole, ensure_ascii=False, sort_keys=True) + "\n"


def _walk(*, up_to: int) -> Iterator[Mapping[str, object]]:
    # By number and not by a cursor of the database: no transaction stays open for the walk.
    last = 0
    while chunk := list(
        Line.objects.filter(number__gt=last, number__lte=up_to)
        .order_by("number")
        .values(*COLUMNS, "content", "previous", "digest")[:CHUNK_LINES]
    ):
        yield from chunk
        last = chunk[-1]["number"]


def _wrong(line: Mapping[str, object], *, number: int, previous: str) -> Wrong | None:
    content = str(line["content"])
    if line["number"] != number:
        return Wrong.MISSING
    if line["previous"] != previous:
        return Wrong.LINK
    if line["digest"] != digest_of(previous=previous, content=content):
        return Wrong.DIGEST
    if not columns_agree({name: line[name] for name in COLUMNS}, content):
        return Wrong.CONTENT
    return None


def _against(anchor: tuple[int, str] | None, line: Mapping[str, object]) -> Wrong | None:
    noted = anchor is not None and anchor[0] == line["number"]
    return Wrong.ANCHOR if anchor and noted and anchor[1] != line["digest"] else None


def _end_wrong(
    head: Head, *, last: int, digest: str, anchor: tuple[int, str] | None
) -> Break | None:
    if last < head.number:
        return Break(number=last + 1, wrong=Wrong.MISSING)
    if digest != head.digest or _lines_beyond(head):
        return Break(number=last, wrong=Wrong.HEAD)
    if anchor and anchor[0] > last:
        return Break(number=last + 1, wrong=Wrong.MISSING)
    return None


def _lines_beyond(head: Head) -> bool:
    # The head is read again: lines may have been added since the walk began.
    beyond = Line.objects.filter(number__gt=head.number).order_by("-number").first()
    now = Head.objects.filter(only=1).first()
    return beyond is not None and (now is None or now.number < beyond.number)


def _row(line: Line) -> Mapping[str, object]:
    return {name: getattr(line, name) for name in (*COLUMNS, "content", "previous", "digest")}
