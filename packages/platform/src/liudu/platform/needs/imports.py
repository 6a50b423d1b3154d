"""Lists that come in: received, read in the background row by row, and picked up after a fault."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import attrs
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max, Q
from django_tasks import task

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.city.models import District, Sector
from liudu.platform.identity.models import Organisation
from liudu.platform.needs.list_rows import HEADING_ROWS_MAX as HEADING_ROWS
from liudu.platform.needs.list_rows import (
    Choice,
    Headings,
    NoHeadingError,
    Note,
    Reader,
    Reading,
    field_of,
    headings_in,
    plain,
)
from liudu.platform.needs.list_words import PERSONAL
from liudu.platform.needs.models import ImportRow, ImportRun, Need
from liudu.platform.needs.services import draft_needs
from liudu.platform.needs.sheets import DamagedFileError, Row, Sheet, address, check_kind, opened

LIST_BYTES_MAX: Final = 20 << 20
CHUNK_ROWS: Final = 200  # taken in one transaction: small enough that others may write between
LEASE: Final = timedelta(seconds=60)
ATTEMPTS_MAX: Final = 3
FILE_NAME_LENGTH_MAX: Final = 255
UNIT_LENGTH_MAX: Final = 120
NOTED_COLUMNS_MAX: Final = 12


class ListTooLargeError(Refusal):
    """More bytes than one list has."""

    en = "The file has more than {size_mib_max} MiB. Remove its pictures, or split the list."
    zh = "文件超过 {size_mib_max} MiB。请删除其中的图片，或拆成几个文件。"


class SameListError(Refusal):
    """The same file came before."""

    status = 409
    en = "This very file was imported on {day} ({taken_count} needs taken). Nothing was doubled."
    zh = "这个文件已在 {day} 导入过（{taken_count} 条需求）。本次没有重复导入。"


class SameListUnderWayError(SameListError):
    """The same file came before, and is still being read."""

    en = (
        "This very file is being imported already ({taken_count} needs so far). Look at its report."
    )
    zh = "这个文件正在导入（已导入 {taken_count} 条需求），请看它的导入报告。"


class NotStalledError(Refusal):
    """There is nothing to pick up."""

    status = 409
    en = "This import is not stuck ({state}); there is nothing to pick up."
    zh = "该导入没有中断（{state}），无需继续。"


class GivenUpError(Refusal):
    """It was begun too often."""

    machine = True
    en = "The import was begun {attempt_count} times and did not end. Please tell the operator."
    zh = "导入已尝试 {attempt_count} 次仍未完成，请联系平台运营方。"


@attrs.frozen(kw_only=True)
class Planned:
    """One sheet that is a list: its headings, and what reads its rows."""

    sheet: Sheet
    headings: Headings
    reader: Reader
    row_count: int


@attrs.define(kw_only=True)
class Taking:
    """One row on its way to becoming a need."""

    row: ImportRow
    owner: Organisation | None = None
    draft: dict[str, Any] | None = None


# What a person does.


def file_of(run: ImportRun) -> Path:
    """Return where the list waits until it is read; afterwards only its rows are kept."""
    return Path(settings.PRIVATE) / "imports" / run.key


def receive_list(
    *,
    by: Actor,
    at: datetime,
    file_name: str,
    chunks: Iterable[bytes],
    take_hidden: bool = False,
    for_others: bool = False,
) -> ImportRun:
    """Keep a list that came and let a worker read it.

    Parameters
    ----------
    chunks
        The file, piece by piece.
    take_hidden
        Whether hidden rows and sheets are taken too.
    for_others
        Whether rows may name other owners: the bureau's list, not an owner's.

    Raises
    ------
    Refusal
        The file is no table, is too large, or came before.

    """
    owner = Organisation.objects.get(key=by.organisation_key)
    run = ImportRun(
        owner=owner,
        file_name=_bare_name(file_name),
        take_hidden=take_hidden,
        for_others=for_others,
        by_kind=by.kind,
        by_key=by.key,
        by_name=by.name,
        created_at=at,
    )
    path = file_of(run)
    try:
        run.digest = _stored(path, chunks)
        check_kind(path)
        _refuse_same(run)
        _begin(run, by=by, at=at)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return run


def _bare_name(file_name: str) -> str:
    return file_name.replace("\\", "/").rpartition("/")[2][-FILE_NAME_LENGTH_MAX:] or "list"


def _stored(path: Path, chunks: Iterable[bytes]) -> str:
    """Write a file that only this program reads; return its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size_bytes = hashlib.sha256(), 0
    with path.open("xb") as file:
        for chunk in chunks:
            size_bytes += len(chunk)
            if size_bytes > LIST_BYTES_MAX:
                raise ListTooLargeError(size_mib_max=LIST_BYTES_MAX >> 20)
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def same_list(run: ImportRun) -> ImportRun | None:
    """Return the import of the very same file before this one."""
    return (
        ImportRun.objects.filter(owner=run.owner, digest=run.digest, take_hidden=run.take_hidden)
        .exclude(state=ImportRun.State.REFUSED)
        .exclude(pk=run.pk)
        .first()
    )


def _refuse_same(run: ImportRun) -> None:
    before = same_list(run)
    if before:
        day = before.created_at.astimezone(clock.CITY_ZONE).date()
        done = before.state == ImportRun.State.DONE
        told = SameListError if done else SameListUnderWayError
        raise told(day=day, taken_count=before.taken_count, run_key=before.key)


def _begin(run: ImportRun, *, by: Actor, at: datetime) -> None:
    try:
        with transaction.atomic():
            run.save()
            read_list.enqueue(run.key)
            _tell("needs.list.received", run, by=by, at=at, digest=run.digest)
    except IntegrityError:  # the same file, sent twice at the same moment
        _refuse_same(run)
        raise


def resume_list(*, by: Actor, at: datetime, run: ImportRun) -> None:
    """Let a worker go on with an import whose worker died.

    Raises
    ------
    NotStalledError
        It is done, refused, or somebody is at it.

    """
    with transaction.atomic():
        locked = ImportRun.objects.select_for_update().get(pk=run.pk)
        if not is_stalled(locked, at=at):
            raise NotStalledError(state=locked.state)
        _enqueue_again(locked)
        _tell("needs.list.resumed", locked, by=by, at=at)


def resume_stalled(*, at: datetime) -> int:
    """Enqueue again what dead workers left; return how many. A worker calls this when idle."""
    stalled = ImportRun.objects.filter(state=ImportRun.State.RUNNING, lease_until__lt=at)
    count = 0
    for key in stalled.values_list("pk", flat=True):
        with transaction.atomic():
            run = ImportRun.objects.select_for_update().get(pk=key)
            if is_stalled(run, at=at):
                _enqueue_again(run)
                count += 1
    return count


def is_stalled(run: ImportRun, *, at: datetime) -> bool:
    """Whether the worker of an import has been silent for too long."""
    running = run.state == ImportRun.State.RUNNING
    return running and run.lease_until is not None and run.lease_until < at


def _enqueue_again(run: ImportRun) -> None:
    run.state, run.lease_until = ImportRun.State.WAITING, None
    run.save(update_fields=["state", "lease_until"])
    read_list.enqueue(run.key)


# What the worker does.


@task(queue_name="default")
def read_list(key: str) -> None:
    """Read one list: begin it, or go on where a dead worker stopped."""
    work_through(key, now=clock.now)


def work_through(key: str, *, now: Callable[[], datetime]) -> None:
    """Read a list to its end under a lease; each chunk of rows stands or falls as a whole.

    Parameters
    ----------
    now
        The clock: the lease is pushed on while the work lasts.

    """
    run = _claimed(key, at=now())
    if run is None:
        return
    try:
        if run.attempt_count > ATTEMPTS_MAX:
            raise GivenUpError(attempt_count=run.attempt_count - 1)
        if not file_of(run).is_file():
            raise DamagedFileError
        with opened(file_of(run), row_count_max=settings.LIST_ROWS_MAX) as sheets:
            plan = _planned(run, sheets)
            for rows in _chunks(_numbered(plan), after=_last_number(run)):
                _take(run, rows, at=now())
    except Refusal as refusal:
        _end(run, at=now(), refusal=refusal)
    except IntegrityError:
        # Another worker took these rows: the lease had run out. What it did stands.
        if _last_number(run) <= run.done_count:
            raise
    else:
        _end(run, at=now())


@transaction.atomic
def _claimed(key: str, *, at: datetime) -> ImportRun | None:
    run = ImportRun.objects.select_for_update().filter(key=key).first()
    open_states = (ImportRun.State.WAITING, ImportRun.State.RUNNING)
    if run is None or run.state not in open_states:
        return None
    if run.state == ImportRun.State.RUNNING and not is_stalled(run, at=at):
        return None
    run.state, run.lease_until = ImportRun.State.RUNNING, at + LEASE
    run.attempt_count += 1
    run.save()
    return ImportRun.objects.select_related("owner").get(pk=run.pk)


def _last_number(run: ImportRun) -> int:
    return run.rows.aggregate(last=Max("number"))["last"] or 0


def _planned(run: ImportRun, sheets: Sequence[Sheet]) -> list[Planned]:
    """Find the lists among the sheets; say which were left out."""
    sectors = [_choice(row) for row in Sector.objects.all()]
    districts = [_choice(row) for row in District.objects.all()]
    plan: list[Planned] = []
    notes: list[Note] = []
    for sheet in sheets:
        if sheet.hidden and not run.take_hidden:
            notes.append(_hidden_sheet(sheet))
            continue
        headings = headings_in(_first(sheet))
        if headings is None:
            notes.extend([_sheet_without_headings(sheet)] if sheet.row_count else [])
            continue
        above = sum(1 for row in _first(sheet) if row.number <= headings.row and _is_filled(row))
        name = sheet.name if len(sheets) > 1 else ""
        reader = Reader(headings, sheet=name, sectors=sectors, districts=districts)
        count = max(sheet.row_count - above, 0)
        plan.append(Planned(sheet=sheet, headings=headings, reader=reader, row_count=count))
        notes.extend(_column_notes(headings))
    if not plan:
        raise NoHeadingError(row_count=HEADING_ROWS)
    run.notes = [note.to_json() for note in notes]
    run.headings = {each.sheet.name: list(each.headings.texts.values()) for each in plan}
    run.row_count = sum(each.row_count for each in plan)
    run.save(update_fields=["notes", "headings", "row_count"])
    return plan


def _choice(row: Sector | District) -> Choice:
    return Choice(code=row.code, names=(row.name, row.name_en), row=row)


def _first(sheet: Sheet) -> Iterator[Row]:
    for row in sheet.rows:
        if row.number > HEADING_ROWS:
            return
        yield row


def _is_filled(row: Row) -> bool:
    """Whether a row holds something of its own, not only what is merged into it."""
    return any((cell.shown or cell.stale) and not cell.merged_from for cell in row.cells.values())


def _hidden_sheet(sheet: Sheet) -> Note:
    return Note(
        code="HiddenSheet",
        zh=f"工作表“{sheet.name}”是隐藏的，未读取（{sheet.row_count} 行）。",
        en=f"The sheet “{sheet.name}” is hidden and was not read ({sheet.row_count} rows).",
    )


def _sheet_without_headings(sheet: Sheet) -> Note:
    return Note(
        code="NoHeadings",
        zh=f"工作表“{sheet.name}”没有可识别的表头，未读取。",
        en=f"The sheet “{sheet.name}” has no headings that we know and was not read.",
    )


def _column_notes(headings: Headings) -> Iterator[Note]:
    """Say which columns are not taken, and which are not even kept."""
    unknown = [text for text in headings.texts.values() if field_of(text) is None]
    personal = [text for text in headings.texts.values() if field_of(text) == PERSONAL]
    if unknown:
        names = "、".join(text[:30] for text in unknown[:NOTED_COLUMNS_MAX])
        yield Note(
            code="UnknownColumns",
            zh=f"未识别的列：{names}。内容只保留在本报告中，不进入需求。",
            en=f"Columns that we do not know: {names}. They stay in this report only.",
        )
    if personal:
        names = "、".join(text[:30] for text in personal[:NOTED_COLUMNS_MAX])
        yield Note(
            code="PersonalColumns",
            zh=f"含个人信息的列：{names}。未读取，也未保存。",
            en=f"Columns about persons: {names}. They were neither read nor kept.",
        )


def _numbered(plan: Sequence[Planned]) -> Iterator[tuple[int, Planned, Row]]:
    """Give the rows of all lists one count, the same whenever the file is read."""
    number = 0
    for each in plan:
        for row in each.sheet.rows:
            if row.number > each.headings.row and _is_filled(row):
                number += 1
                yield number, each, row


def _chunks(
    rows: Iterable[tuple[int, Planned, Row]], *, after: int
) -> Iterator[list[tuple[int, Planned, Row]]]:
    chunk: list[tuple[int, Planned, Row]] = []
    for each in rows:
        if each[0] <= after:
            continue
        chunk.append(each)
        if len(chunk) == CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


@transaction.atomic
def _take(run: ImportRun, rows: Sequence[tuple[int, Planned, Row]], *, at: datetime) -> None:
    """Judge a chunk of rows and draft the needs of those that are good."""
    takings = [_judged(run, number, planned, row) for number, planned, row in rows]
    _name_owners(run, takings)
    _find_duplicates(run, takings)
    _draft(run, [each for each in takings if each.draft is not None], at=at)
    ImportRow.objects.bulk_create([each.row for each in takings])
    run.done_count = rows[-1][0]
    run.taken_count += sum(each.row.state == ImportRow.State.TAKEN for each in takings)
    run.lease_until = at + LEASE
    run.save(update_fields=["done_count", "taken_count", "lease_until"])


def _judged(run: ImportRun, number: int, planned: Planned, row: Row) -> Taking:
    """Read one row, or say why it is none."""
    reader = planned.reader
    place = address(column=min(planned.headings.texts), row=row.number, sheet=reader.sheet)
    kept = ImportRow(run=run, number=number, address=place[:60], sheet=planned.sheet.name)
    over = _hidden_row(place) if row.hidden and not run.take_hidden else reader.passes_over(row)
    if over:
        kept.state, kept.cells = ImportRow.State.SKIPPED, list(reader.shown(row))
        kept.reasons = [over.to_json()]
        return Taking(row=kept)
    reading = reader.read(row)
    kept.cells = list(reading.shown)
    kept.reasons = [note.to_json() for note in reading.notes]
    kept.state = ImportRow.State.TAKEN if reading.draft else ImportRow.State.REFUSED
    draft = dict(reading.draft) if reading.draft else None
    return Taking(row=kept, draft=_with_owner(draft, reading))


def _with_owner(draft: dict[str, Any] | None, reading: Reading) -> dict[str, Any] | None:
    return {**draft, "owner": reading.owner} if draft is not None else None


def _hidden_row(place: str) -> Note:
    return Note(
        code="HiddenRow",
        address=place,
        zh="该行在 Excel 中是隐藏的，未导入。若确需导入，请勾选“同时导入隐藏行”后重新上传。",
        en="The row is hidden in Excel and was not taken. To take it, choose so when you upload.",
    )


def _name_owners(run: ImportRun, takings: Sequence[Taking]) -> None:
    """Find whose need each row is; a bureau lists what others want, an owner only its own."""
    drafts = [each for each in takings if each.draft is not None]
    names = {str((each.draft or {})["owner"]) for each in drafts} - {""}
    known: dict[str, Organisation] = {}
    if run.for_others and names:
        rows = Organisation.objects.filter(Q(name__in=names) | Q(name_en__in=names))
        known = {name: row for row in rows for name in (row.name, row.name_en) if name}
    own = {plain(run.owner.name), plain(run.owner.name_en), ""}
    for each in drafts:
        name = str((each.draft or {}).pop("owner"))
        if plain(name) in own:
            each.owner = run.owner
        elif not run.for_others:
            _refuse(each, _not_yours(name, each.row.address))
        elif name in known:
            each.owner = known[name]
        else:
            _keep_for(each, name, run)


def _refuse(taking: Taking, note: Note, *, state: str = ImportRow.State.REFUSED) -> None:
    taking.draft, taking.row.state = None, state
    stop = attrs.evolve(note, stops=True).to_json()
    taking.row.reasons = [stop, *taking.row.reasons]


def _not_yours(name: str, place: str) -> Note:
    return Note(
        code="OtherOwner",
        address=place,
        zh=f"{place}：需求单位“{name}”不是本单位，只能导入本单位的需求。",
        en=f"{place}: the owner “{name}” is not your organisation; only its own needs are taken.",
    )


def _keep_for(taking: Taking, name: str, run: ImportRun) -> None:
    """Let the bureau keep the draft of an owner who is not here yet."""
    draft = taking.draft or {}
    units = [name, draft.get("contact_unit", "")]
    draft["contact_unit"] = " · ".join(filter(None, units))[:UNIT_LENGTH_MAX]
    taking.owner = run.owner
    place = taking.row.address
    note = Note(
        code="OwnerNotHere",
        address=place,
        zh=f"{place}：“{name}”尚未在平台注册，草稿由{run.owner.name}代管，单位名称记入联系单位。",
        en=f"{place}: “{name}” is not registered; {run.owner.name} keeps the draft, "
        "and the name is noted as the contact.",
    )
    taking.row.reasons = [*taking.row.reasons, note.to_json()]


def _find_duplicates(run: ImportRun, takings: Sequence[Taking]) -> None:
    """Take a need once: neither twice from this file nor beside the one that is here."""
    drafts = [each for each in takings if each.draft is not None and each.owner is not None]
    seen = _titles_here({each.owner.pk for each in drafts if each.owner}, run)
    for each in drafts:
        if each.owner is None or each.draft is None:
            continue
        name = (each.owner.pk, plain(each.draft["title"]))
        if name in seen:
            _refuse(each, _twice(each.row.address, seen[name]), state=ImportRow.State.DUPLICATE)
        else:
            seen[name] = each.row.address


def _titles_here(owner_ids: set[int], run: ImportRun) -> dict[tuple[int, str], str]:
    """Return the titles that owners have, with the address in this file where they came from it.

    Titles are compared without blanks and punctuation, which no index knows; those of a few
    owners are few.
    """
    needs = Need.objects.filter(owner__in=owner_ids).exclude(status=Need.Status.WITHDRAWN)
    places = dict(
        run.rows.filter(need__isnull=False, need__owner__in=owner_ids).values_list(
            "need_id", "address"
        )
    )
    return {
        (owner, plain(title)): places.get(pk, "")
        for pk, owner, title in needs.values_list("pk", "owner_id", "title").iterator()
    }


def _twice(place: str, first: str) -> Note:
    if first:
        return Note(
            code="TwiceInList",
            address=place,
            zh=f"{place}：与 {first} 重复（同一单位、同一名称），只导入前一条。",
            en=f"{place}: the same owner and title as {first}; only the first was taken.",
        )
    return Note(
        code="TwiceHere",
        address=place,
        zh=f"{place}：平台上已有同一单位的同名需求，未重复导入。",
        en=f"{place}: the owner already has a need of this title; it was not doubled.",
    )


def _draft(run: ImportRun, takings: Sequence[Taking], *, at: datetime) -> None:
    by_owner: dict[int, list[Taking]] = {}
    for each in takings:
        if each.owner is not None:
            by_owner.setdefault(each.owner.pk, []).append(each)
    for group in by_owner.values():
        owner = group[0].owner
        drafts = [each.draft for each in group if each.draft is not None]
        if owner is None:
            continue
        needs = draft_needs(by=actor_of(run), at=at, owner=owner, drafts=drafts, import_key=run.key)
        for each, need in zip(group, needs, strict=True):
            each.row.need = need


def actor_of(run: ImportRun) -> Actor:
    """Return who sent a list, as the audit names them."""
    return Actor(
        kind="token" if run.by_kind == "token" else "person",
        key=run.by_key,
        name=run.by_name,
        organisation_key=run.owner.key,
        organisation_name=run.owner.name,
    )


@transaction.atomic
def _end(run: ImportRun, *, at: datetime, refusal: Refusal | None = None) -> None:
    """Close an import; its file is no longer needed."""
    run.state = ImportRun.State.REFUSED if refusal else ImportRun.State.DONE
    if refusal:
        run.reason_zh, run.reason_en = refusal.say("zh"), refusal.say("en")
    else:
        run.row_count = run.done_count = _last_number(run)
    run.ended_at, run.lease_until = at, None
    run.save()
    verb = "needs.list.refused" if refusal else "needs.list.ended"
    code = refusal.code if refusal else ""
    _tell(verb, run, by=actor_of(run), at=at, rows=run.row_count, taken=run.taken_count, code=code)
    transaction.on_commit(lambda: file_of(run).unlink(missing_ok=True))


def _tell(verb: str, run: ImportRun, *, by: Actor, at: datetime, **detail: object) -> None:
    record(
        at=at,
        by=by,
        verb=verb,
        subject_kind="import",
        subject_key=run.key,
        subject_name=run.file_name,
        **detail,
    )
