"""Every write of this context; the audit line is last in the same transaction."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.city.models import District, Sector
from liudu.platform.identity.models import Organisation
from liudu.platform.keys import is_key
from liudu.platform.needs.decisions import (
    FIELDS,
    BlankTitleError,
    changes_between,
    clashes,
    clean,
    is_further,
    require_complete,
    require_future,
    require_publishable,
    settled,
)
from liudu.platform.needs.models import Need, Revision

DRAFTS_PER_CHUNK: Final = 500
REASON_LENGTH_MAX: Final = 500
PLACES: Final[Mapping[str, type[Sector | District]]] = {"sector": Sector, "district": District}
COPIED: Final = tuple(name for name in FIELDS if name != "due_date")


class StaleNeedError(Refusal):
    """Somebody else wrote the need after it was read; nothing of either is lost.

    Attributes
    ----------
    need
        As it stands now.
    clashes
        `decisions.Clash` for every field that either of the two wrote.

    """

    status = 409
    en = (
        "“{title}” was changed by {by_name} after you opened it (you have revision {revision}, "
        "it is at {current}). Nothing of yours was written: look at both and choose."
    )
    zh = (
        "您打开之后，{by_name} 修改了“{title}”"
        "（您看到的是第 {revision} 版，现在是第 {current} 版）。"
        "您填的内容还没有写入：请对照两个版本后再定。"
    )

    def __init__(self, *, need: Need, found: Sequence[Any], **facts: object) -> None:
        super().__init__(title=need.title, current=need.revision, need_key=need.key, **facts)
        self.need = need
        self.clashes = tuple(found)


class UnknownRevisionError(Refusal):
    """A revision that the need never had."""

    status = 409
    en = "This need has no revision {revision}; it is at {current}. Open it again."
    zh = "这条需求没有第 {revision} 版，现在是第 {current} 版。请重新打开。"


class UnknownPlaceError(Refusal):
    """A sector or district that the city does not have."""

    en = "There is no {kind} with the code “{code}”: choose one of the list."
    zh = "没有代码为“{code}”的{kind_zh}，请从列表中选择。"


class NeedWithdrawnError(Refusal):
    """A withdrawn need stays as it was."""

    status = 409
    en = "“{title}” is withdrawn and stays as it was: make a copy of it and go on there."
    zh = "“{title}”已撤回，内容不再改动。请复制一份再继续。"


class NeedPublishedError(Refusal):
    """A need that is published cannot be published again."""

    status = 409
    en = "“{title}” was already published on {published_at}: there is nothing left to do."
    zh = "“{title}”已于 {published_at} 发布，不需要再发布一次。"


class NeedNotPublishedError(Refusal):
    """Something that only published needs can do."""

    status = 409
    en = "“{title}” is not published: publish it first."
    zh = "“{title}”还没有发布，请先发布。"


class TargetsFixedError(Refusal):
    """Targets after data was sealed for them."""

    status = 409
    en = (
        "Data was sealed for “{title}” on {fixed_at}: its targets and its line are fixed, so that "
        "nobody can move the goal after seeing a result. To ask for something else, make a copy."
    )
    zh = (
        "“{title}”的数据已于 {fixed_at} 封存，验收指标和产线数值随之固定，以免看到结果后再改标准。"
        "需要别的指标，请复制一份新需求。"
    )


class ReasonMissingError(Refusal):
    """A withdrawal that says nothing."""

    en = "Say why the need is withdrawn: it is kept in its history."
    zh = "请写明撤回的原因：它会留在历史记录里。"


class ReasonTooLongError(Refusal):
    """A reason of more than a paragraph."""

    en = "The reason has {length} characters; at most {limit} fit."
    zh = "原因有 {length} 个字，最多 {limit} 个。"


@transaction.atomic
def draft_need(
    *,
    by: Actor,
    at: datetime,
    owner: Organisation,
    key: str = "",
    **fields: Any,  # noqa: ANN401
) -> Need:
    """Return a new draft; only its title is asked for.

    Parameters
    ----------
    key
        Of a form: sent a second time, it changes its draft instead of making another.
    fields
        Those of `decisions.FIELDS`; sector and district as rows or as their codes.

    Raises
    ------
    Refusal
        What `decisions.clean` refuses, and unknown sectors or districts.

    """
    again = _sent_before(key, owner=owner) if is_key(key) else None
    if again is not None and again.status == Need.Status.DRAFT:
        return edit_need(by=by, at=at, need_key=key, revision=again.revision, changes=fields)
    need = _drafted(owner, at, _settled({}, fields))
    if is_key(key) and not Need.objects.filter(key=key).exists():
        need.key = key
    need.save()
    _keep(need, by=by, at=at, verb=Revision.Verb.DRAFTED)
    _record(need, by=by, at=at, verb="drafted")
    return need


@transaction.atomic
def draft_needs(
    *,
    by: Actor,
    at: datetime,
    owner: Organisation,
    drafts: Sequence[Mapping[str, Any]],
    import_key: str = "",
) -> list[Need]:
    """Return a new draft for each mapping, all or none; one audit line for each 500.

    Parameters
    ----------
    drafts
        As the fields of `draft_need`. A mapping may name its own ``owner``.
    import_key
        Of the list that they came in.

    """
    places = _Places()
    needs = [
        _drafted(
            draft.get("owner") or owner,
            at,
            _settled({}, {k: v for k, v in draft.items() if k != "owner"}, places=places),
        )
        for draft in drafts
    ]
    for start in range(0, len(needs), DRAFTS_PER_CHUNK):
        chunk = needs[start : start + DRAFTS_PER_CHUNK]
        Need.objects.bulk_create(chunk)
        Revision.objects.bulk_create(
            _revision(need, by=by, at=at, verb=Revision.Verb.IMPORTED) for need in chunk
        )
        record(
            at=at,
            by=by,
            verb="needs.list.imported",
            subject_kind="import",
            subject_key=import_key,
            subject_name=owner.name,
            need_keys=[need.key for need in chunk],
        )
    return needs


@transaction.atomic
def edit_need(
    *, by: Actor, at: datetime, need_key: str, revision: int, changes: Mapping[str, Any]
) -> Need:
    """Return the need with changes written, or refuse them because somebody else was faster.

    Parameters
    ----------
    revision
        The one that the writer saw.
    changes
        Some fields of `decisions.FIELDS`; what is not named stays.

    Raises
    ------
    StaleNeedError
        Another person wrote in between; carries both versions, field by field.
    NeedWithdrawnError, TargetsFixedError
        The need, or its targets, no longer change.
    NeedIncompleteError, DueDatePastError
        The need is published and would stop being complete.

    """
    need = _locked(need_key)
    _require_open(need)
    content = content_of(need)
    asked = _settled(content, changes)
    _require_fresh(need, revision=revision, mine=_plain(asked))
    changed = changes_between(content, {**content, **_plain(asked)})
    if not changed:
        return need
    _require_unfixed(need, names=[change.field.name for change in changed])
    _write(need, asked)
    if need.status == Need.Status.PUBLISHED:
        _require_still_publishable(need, before=content, at=at)
    names = [change.field.name for change in changed]
    return _done(need, by=by, at=at, verb=Revision.Verb.EDITED, fields=names)


@transaction.atomic
def publish_need(*, by: Actor, at: datetime, need_key: str, revision: int | None = None) -> Need:
    """Return the need, published: complete, against both kinds of error, wanted by a coming day.

    Parameters
    ----------
    revision
        The one whose answers were checked; where it is given and not the newest, the need is
        not published.

    Raises
    ------
    NeedIncompleteError, DueDatePastError, StaleNeedError, NeedPublishedError, NeedWithdrawnError

    """
    need = _locked(need_key)
    if need.status == Need.Status.PUBLISHED:
        raise NeedPublishedError(title=need.title, published_at=_day(need.published_at))
    _require_open(need)
    if revision is not None:
        _require_fresh(need, revision=revision, mine={})
    require_publishable(content_of(need), today=_today(at))
    need.status, need.published_at = Need.Status.PUBLISHED, at
    need.stage, need.stage_at = Need.Stage.POSTED, at
    return _done(need, by=by, at=at, verb=Revision.Verb.PUBLISHED)


@transaction.atomic
def withdraw_need(*, by: Actor, at: datetime, need_key: str, reason: str) -> Need:
    """Return the need, withdrawn with its reason; twice is the same as once.

    Raises
    ------
    ReasonMissingError, ReasonTooLongError

    """
    need = _locked(need_key)
    if need.status == Need.Status.WITHDRAWN:
        return need
    said = " ".join(reason.split())
    if not said:
        raise ReasonMissingError
    if len(said) > REASON_LENGTH_MAX:
        raise ReasonTooLongError(length=len(said), limit=REASON_LENGTH_MAX)
    need.status, need.withdrawn_at, need.withdrawn_reason = Need.Status.WITHDRAWN, at, said
    return _done(need, by=by, at=at, verb=Revision.Verb.WITHDRAWN, reason=said)


@transaction.atomic
def duplicate_need(
    *, by: Actor, at: datetime, need_key: str, owner: Organisation | None = None
) -> Need:
    """Return a new draft with everything that a need says, but for its date and its trials.

    Parameters
    ----------
    owner
        Whose draft it is; the same owner's where none is given.

    """
    source = Need.objects.select_related("owner", "sector", "district").get(key=need_key)
    fields = {name: getattr(source, name) for name in COPIED}
    room = FIELDS["title"].length_max - len("（副本）")
    fields["title"] = f"{source.title[:room]}（副本）"
    fields["title_en"] = f"{source.title_en[:190]} (copy)" if source.title_en else ""
    need = _drafted(owner or source.owner, at, fields)
    need.copied_from = source
    need.save()
    _keep(need, by=by, at=at, verb=Revision.Verb.COPIED)
    _record(need, by=by, at=at, verb="copied", source_key=source.key)
    return need


@transaction.atomic
def advance_stage(*, by: Actor, at: datetime, need: Need, to: Need.Stage) -> Need:
    """Return a published need at a further stage; one that is there or beyond stays as it is.

    Raises
    ------
    NeedNotPublishedError
        A draft or a withdrawn need has no stage to move.

    """
    now = _locked(need.key)
    if now.status != Need.Status.PUBLISHED:
        raise NeedNotPublishedError(title=now.title)
    if not is_further(to, than=now.stage):
        return now
    before = now.stage
    now.stage, now.stage_at = to, at
    return _done(now, by=by, at=at, verb=Revision.Verb.ADVANCED, before=before, stage=str(to))


@transaction.atomic
def fix_targets(*, by: Actor, at: datetime, need: Need) -> Need:
    """Return a need whose targets and line no longer change, for data is sealed for them.

    Called in the transaction that seals; a second seal changes nothing.

    Raises
    ------
    PromiseError
        There are no whole targets to fix.

    """
    now = _locked(need.key)
    if now.targets_fixed_at is not None:
        return now
    clean({"targets": now.targets or {"task": "classify"}})
    now.targets_fixed_at = at
    return _done(now, by=by, at=at, verb=Revision.Verb.FIXED)


def free_targets(*, by: Actor, at: datetime, need: Need) -> Need:
    """Return a need whose targets may change again, for no data of it were sealed in the end."""
    now = _locked(need.key)
    if now.targets_fixed_at is None:
        return now
    now.targets_fixed_at = None
    return _done(now, by=by, at=at, verb=Revision.Verb.FREED)


def content_of(need: Need) -> dict[str, Any]:
    """Return everything that a need says, as plain values, the way revisions keep it."""
    return _plain({name: getattr(need, name) for name in FIELDS}) | {
        "status": need.status,
        "stage": need.stage,
        "withdrawn_reason": need.withdrawn_reason,
    }


class _Places:
    """Sectors and districts by their codes, each read once."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}

    def row(self, kind: str, given: object) -> Any:  # noqa: ANN401 - a sector, a district or None
        model = PLACES[kind]
        if given in (None, "") or isinstance(given, model):
            return given or None
        if kind not in self._known:
            self._known[kind] = {row.code: row for row in model.objects.all()}
        found = self._known[kind].get(str(given))
        if found is None:
            kind_zh = FIELDS[kind].zh
            raise UnknownPlaceError(kind=kind, kind_zh=kind_zh, code=str(given)[:60])
        return found


def _settled(
    content: Mapping[str, Any], fields: Mapping[str, Any], *, places: _Places | None = None
) -> dict[str, Any]:
    """Return fields cleaned, with rows for codes, and with what follows from them."""
    cleaned = clean(fields)
    known = places or _Places()
    rows = {name: known.row(name, cleaned[name]) for name in PLACES if name in cleaned}
    return settled(content, cleaned | rows)


def _drafted(owner: Organisation, at: datetime, fields: Mapping[str, Any]) -> Need:
    if not fields.get("title"):
        raise BlankTitleError
    return Need(owner=owner, created_at=at, updated_at=at, **fields)


def _sent_before(key: str, *, owner: Organisation) -> Need | None:
    """Return the need that a form made already; its second sending waits for the first."""
    Organisation.objects.select_for_update().get(pk=owner.pk)
    return Need.objects.filter(key=key, owner=owner).first()


def _locked(key: str) -> Need:
    """Return the newest state of a need, which nobody else writes until this transaction ends."""
    rows = Need.objects.select_related("owner", "sector", "district")
    return rows.select_for_update(of=("self",)).get(key=key)


def _require_open(need: Need) -> None:
    if need.status == Need.Status.WITHDRAWN:
        raise NeedWithdrawnError(title=need.title)


def _require_unfixed(need: Need, *, names: Sequence[str]) -> None:
    if need.targets_fixed_at is not None and any(FIELDS[name].fixed for name in names):
        raise TargetsFixedError(title=need.title, fixed_at=_day(need.targets_fixed_at))


def _require_fresh(need: Need, *, revision: int, mine: Mapping[str, Any]) -> None:
    if revision == need.revision:
        return
    seen = need.revisions.filter(number=revision).first()
    if seen is None:
        raise UnknownRevisionError(revision=revision, current=need.revision)
    now = content_of(need)
    moved = changes_between(seen.content, now)
    if not moved and seen.content.get("status") == need.status:
        return  # only its stage moved on, which nobody edits
    newest = need.revisions.order_by("-number").first()
    raise StaleNeedError(
        need=need,
        found=clashes(base=seen.content, mine=mine, theirs=now),
        revision=revision,
        by_name=newest.by_name if newest else "",
    )


def _require_still_publishable(need: Need, *, before: Mapping[str, Any], at: datetime) -> None:
    """Refuse a change that leaves a published need incomplete; a day that passed may stay."""
    content = content_of(need)
    require_complete(content)
    if need.due_date is not None and content["due_date"] != before["due_date"]:
        require_future(need.due_date, today=_today(at))


def _write(need: Need, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        setattr(need, name, value)


def _done(need: Need, *, by: Actor, at: datetime, verb: Revision.Verb, **detail: object) -> Need:
    need.revision += 1
    need.updated_at = at
    need.save()
    _keep(need, by=by, at=at, verb=verb)
    _record(need, by=by, at=at, verb=verb.value, **detail)
    return need


def _keep(need: Need, *, by: Actor, at: datetime, verb: Revision.Verb) -> None:
    _revision(need, by=by, at=at, verb=verb).save()


def _revision(need: Need, *, by: Actor, at: datetime, verb: Revision.Verb) -> Revision:
    return Revision(
        need=need,
        number=need.revision,
        at=at,
        by_key=by.key,
        by_name=by.name,
        verb=verb,
        content=content_of(need),
    )


def _record(need: Need, *, by: Actor, at: datetime, verb: str, **detail: object) -> None:
    record(
        at=at,
        by=by,
        verb=f"needs.need.{verb}",
        subject_kind="need",
        subject_key=need.key,
        subject_name=need.title,
        revision=need.revision,
        **detail,
    )


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in fields.items()}


def _plain_value(value: object) -> object:
    if isinstance(value, Sector | District):
        return value.code
    return value.isoformat() if isinstance(value, date) else value


def _today(at: datetime) -> date:
    return at.astimezone(ZoneInfo(settings.TIME_ZONE)).date()


def _day(moment: datetime | None) -> str:
    return _today(moment).isoformat() if moment else ""
