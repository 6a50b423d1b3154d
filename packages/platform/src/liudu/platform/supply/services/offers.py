"""Offers of vendors to needs, the owners' answers, and invitations."""

from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.clock import day_of
from liudu.platform.needs.models import Need
from liudu.platform.needs.services import advance_stage
from liudu.platform.supply.decisions import misfits
from liudu.platform.supply.models import Invitation, Offer, Vendor, Version

TEXT_CHARACTERS_MAX: Final = 4000


class NeedNotOpenError(Refusal):
    """Nothing can be offered to a need that is not published."""

    status = 409
    en = "“{need}” is not open: offers are made to published needs only."
    zh = "“{need}”当前未开放：只能向已发布的需求提交方案。"


class VersionNotReadyError(Refusal):
    """Only a version that conforms can be offered."""

    en = (
        "{version} is “{state}”: only a version that conforms can be offered. See its page for "
        "what is missing."
    )
    zh = "{version} 的状态是“{state}”：只有符合规范的版本才能提交。请到该版本页面查看原因。"


class OfferedAlreadyError(Refusal):
    """The same version was offered to the same need."""

    status = 409
    en = "{version} is already offered to this need ({state}): offer another version instead."
    zh = "{version} 已提交给该需求（{state}）：如有改进，请提交新版本。"


class OfferAnsweredError(Refusal):
    """An offer can be answered or withdrawn once."""

    status = 409
    en = "The offer of {version} is “{state}” already: nothing was changed."
    zh = "{version} 的提交已是“{state}”：没有作任何更改。"


class AnswerMissingError(Refusal):
    """A vendor is told why."""

    en = "Say why the offer is declined: its vendor reads it and can do better."
    zh = "请写明未采纳的原因：供方会看到，并据此改进。"


class InvitedAlreadyError(Refusal):
    """A vendor is invited to a need once."""

    status = 409
    en = "{vendor} was invited on {invited} already."
    zh = "{vendor} 已于 {invited} 收到邀请。"


@transaction.atomic
def offer_version(
    *, by: Actor, at: datetime, need: Need, version: Version, note: str = ""
) -> Offer:
    """Offer a version to a need, which is matched from then on.

    Raises
    ------
    NeedNotOpenError, VersionNotReadyError, OfferedAlreadyError
    liudu.trial.runtime.WrongTaskError, liudu.trial.runtime.WrongModeError
        The solution cannot be tried on what the need promises.

    """
    if need.status != Need.Status.PUBLISHED:
        raise NeedNotOpenError(need=str(need))
    if version.state != Version.State.CONFORMS:
        raise VersionNotReadyError(version=str(version), state=version.get_state_display())
    for refusal in misfits(version.manifest, need.targets):
        raise refusal
    vendor = version.solution.vendor
    offer = _new_offer(by=by, at=at, need=need, version=version, note=note)
    Invitation.objects.filter(need=need, vendor=vendor, answered_at=None).update(answered_at=at)
    advance_stage(by=by, at=at, need=need, to=Need.Stage.MATCHED)
    _record(offer, by=by, at=at, verb="supply.offer.made")
    return offer


def _new_offer(*, by: Actor, at: datetime, need: Need, version: Version, note: str) -> Offer:
    standing = Offer.objects.filter(need=need, version=version).exclude(state=Offer.State.WITHDRAWN)
    if same := standing.first():
        raise OfferedAlreadyError(version=str(version), state=same.get_state_display())
    try:
        with transaction.atomic():
            return Offer.objects.create(
                need=need,
                version=version,
                vendor=version.solution.vendor,
                note=note.strip()[:TEXT_CHARACTERS_MAX],
                offered_at=at,
                offered_by=by.name,
            )
    except IntegrityError:  # somebody else was faster by a moment
        state = Offer.State.OFFERED.label
        raise OfferedAlreadyError(version=str(version), state=state) from None


@transaction.atomic
def withdraw_offer(*, by: Actor, at: datetime, offer: Offer) -> Offer:
    """Take an offer back that has not been answered.

    Raises
    ------
    OfferAnsweredError

    """
    locked = _open(offer)
    return _close(locked, by=by, at=at, state=Offer.State.WITHDRAWN, answer="")


@transaction.atomic
def admit_offer(*, by: Actor, at: datetime, offer: Offer, answer: str = "") -> Offer:
    """Admit an offer to trial; an offer that is admitted already stays so.

    Raises
    ------
    OfferAnsweredError

    """
    locked = _locked(offer)
    if locked.state == Offer.State.ADMITTED:
        return locked
    locked = _open(offer)
    locked.untried_since = at
    return _close(locked, by=by, at=at, state=Offer.State.ADMITTED, answer=answer)


def note_untried(*, offer: Offer, since: datetime | None) -> None:
    """Keep since when an admitted offer waits for a trial; None once it has one.

    Part of the deed that starts or ends the trial, whose audit line tells of it.
    """
    Offer.objects.filter(pk=offer.pk, state=Offer.State.ADMITTED).update(untried_since=since)


@transaction.atomic
def decline_offer(*, by: Actor, at: datetime, offer: Offer, answer: str) -> Offer:
    """Decline an offer and say why.

    Raises
    ------
    OfferAnsweredError, AnswerMissingError

    """
    locked = _open(offer)
    if not answer.strip():
        raise AnswerMissingError
    return _close(locked, by=by, at=at, state=Offer.State.DECLINED, answer=answer)


@transaction.atomic
def invite_vendor(
    *, by: Actor, at: datetime, need: Need, vendor: Vendor, message: str = ""
) -> Invitation:
    """Ask a vendor to look at a need.

    Raises
    ------
    NeedNotOpenError, InvitedAlreadyError

    """
    if need.status != Need.Status.PUBLISHED:
        raise NeedNotOpenError(need=str(need))
    invitation, made = Invitation.objects.get_or_create(
        need=need,
        vendor=vendor,
        defaults={
            "message": message.strip()[:TEXT_CHARACTERS_MAX],
            "invited_by": by.organisation_name or by.name,
            "invited_at": at,
        },
    )
    if not made:
        raise InvitedAlreadyError(vendor=str(vendor), invited=day_of(invitation.invited_at))
    record(
        by=by,
        at=at,
        verb="supply.vendor.invited",
        subject_kind="need",
        subject_key=need.key,
        subject_name=need.title,
        vendor=vendor.organisation.key,
        invitation=invitation.key,
    )
    return invitation


def _locked(offer: Offer) -> Offer:
    rows = Offer.objects.select_for_update(of=("self",)).select_related(
        "need__owner", "version__solution", "vendor__organisation"
    )
    return rows.get(pk=offer.pk)


def _open(offer: Offer) -> Offer:
    locked = _locked(offer)
    if locked.state != Offer.State.OFFERED:
        raise OfferAnsweredError(version=str(locked.version), state=locked.get_state_display())
    return locked


def _close(offer: Offer, *, by: Actor, at: datetime, state: Offer.State, answer: str) -> Offer:
    offer.state, offer.answered_at, offer.answered_by = state, at, by.name
    offer.answer = answer.strip()[:TEXT_CHARACTERS_MAX]
    offer.save(update_fields=["state", "answered_at", "answered_by", "answer", "untried_since"])
    _record(offer, by=by, at=at, verb=f"supply.offer.{state.value}")
    return offer


def _record(offer: Offer, *, by: Actor, at: datetime, verb: str) -> None:
    record(
        by=by,
        at=at,
        verb=verb,
        subject_kind="offer",
        subject_key=offer.key,
        subject_name=str(offer.version),
        need=offer.need.key,
        version=offer.version.key,
        vendor=offer.vendor.organisation.key,
    )
