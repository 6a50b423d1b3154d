"""What people decide about a trial: to start it, to cancel it, to release its verdict."""

from datetime import datetime
from typing import ClassVar, Final

from django.db import IntegrityError, transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.needs import services as needs
from liudu.platform.needs.models import Need
from liudu.platform.supply import services as supply
from liudu.platform.supply.models import Offer, Version
from liudu.platform.trials import tasks
from liudu.platform.trials.decisions import CANCELLED
from liudu.platform.trials.models import Event, Seal, Trial

OPEN: Final = (Trial.State.QUEUED, Trial.State.RUNNING)


class NoSealError(Refusal):
    """There are no sealed data to try it on."""

    status: ClassVar[int] = 409
    en = "“{need}” has no sealed data: upload and seal them first."
    zh = "「{need}」还没有封存数据：请先上传并封存。"


class NotConformingError(Refusal):
    """The version has not passed the check of conformance."""

    status: ClassVar[int] = 409
    en = "{version} has not passed the conformance check ({state}): only versions that did are run."
    zh = "{version} 尚未通过规范检查（{state}）：只有通过检查的版本才能试验。"


class OfferClosedError(Refusal):
    """The offer was declined or withdrawn."""

    status: ClassVar[int] = 409
    en = "This offer is {state}: ask the vendor to offer again."
    zh = "该方案的状态为「{state}」：请供方重新提交。"


class AlreadyTriedError(Refusal):
    """The offer has had its trial."""

    status: ClassVar[int] = 409
    en = (
        "This offer has used its trial ({trial}). The vendor may try again with a new version and "
        "a new offer, so that nobody passes by trying often enough."
    )
    zh = (
        "该方案的试验次数已用完（试验 {trial}）。供方可提交新版本重新申请；"
        "这样才不会有人靠反复试验碰巧通过。"
    )


class AlreadyRunningError(Refusal):
    """The offer has a trial that has not ended."""

    status: ClassVar[int] = 409
    en = "This offer is being tried already (trial {trial}): follow it there."
    zh = "该方案已在试验中（试验 {trial}）：请到该试验页面查看进展。"


class TrialOverError(Refusal):
    """The trial has ended, so there is nothing to cancel."""

    status: ClassVar[int] = 409
    en = "Trial {trial} has ended already: there is nothing to cancel."
    zh = "试验 {trial} 已经结束，无需取消。"


class NoVerdictError(Refusal):
    """The trial has no verdict that could be released."""

    status: ClassVar[int] = 409
    en = "Trial {trial} has no verdict ({state}): only decided trials are released."
    zh = "试验 {trial} 尚无结论（{state}）：只有已出结论的试验才能公布。"


class AlreadyReleasedError(Refusal):
    """The verdict was released before."""

    status: ClassVar[int] = 409
    en = "Trial {trial} was released before; that cannot be undone or done again."
    zh = "试验 {trial} 的结论此前已公布；公布不可撤销，也无需重复。"


def start_trial(*, by: Actor, at: datetime, offer: Offer, seal: Seal | None = None) -> Trial:
    """Admit an offer, if it is not yet, and queue its trial.

    Parameters
    ----------
    seal
        One of the need's; the newest by default.

    Raises
    ------
    NoSealError, NotConformingError, OfferClosedError, AlreadyTriedError, AlreadyRunningError

    """
    try:
        with transaction.atomic():
            return _started(by=by, at=at, offer=offer, seal=seal)
    except IntegrityError as error:  # the same button twice: the first has queued it
        running = Trial.objects.filter(offer=offer, state__in=OPEN).first()
        if running is None:
            raise
        raise AlreadyRunningError(trial=running.key) from error


def _started(*, by: Actor, at: datetime, offer: Offer, seal: Seal | None) -> Trial:
    offer = (
        Offer.objects.select_for_update(of=("self",))
        .select_related("need__owner", "version__solution", "vendor__organisation")
        .get(pk=offer.pk)
    )
    sealed = _sealed(offer.need, seal=seal)
    _require_startable(offer)
    if offer.state == Offer.State.OFFERED:
        supply.admit_offer(by=by, at=at, offer=offer)
    trial = Trial.objects.create(
        need=offer.need,
        seal=sealed,
        offer=offer,
        version=offer.version,
        vendor=offer.vendor,
        queued_at=at,
    )
    supply.note_untried(offer=offer, since=None)
    tell(trial, at=at, kind="queued", zh="进入排队", en="Queued")
    tasks.run_trial.enqueue(trial_key=trial.key)
    needs.advance_stage(by=by, at=at, need=offer.need, to=Need.Stage.TRIAL)
    tell_audit(by, at, "trials.trial.queued", trial, seal=sealed.key, offer=offer.key)
    return trial


def _sealed(need: Need, *, seal: Seal | None) -> Seal:
    found = Seal.objects.filter(need=need, state=Seal.State.SEALED)
    if seal is not None:
        found = found.filter(pk=seal.pk)
    newest = found.order_by("-sealed_at").first()
    if newest is None:
        raise NoSealError(need=need.title)
    return newest


def _require_startable(offer: Offer) -> None:
    if offer.state not in (Offer.State.OFFERED, Offer.State.ADMITTED):
        raise OfferClosedError(state=offer.get_state_display())
    if offer.version.state != Version.State.CONFORMS:
        state = offer.version.get_state_display()
        raise NotConformingError(version=str(offer.version), state=state)
    for earlier in offer.trials.all():
        if earlier.state in OPEN:
            raise AlreadyRunningError(trial=earlier.key)
        if earlier.attempt_count:
            raise AlreadyTriedError(trial=earlier.key)


@transaction.atomic
def cancel_trial(*, by: Actor, at: datetime, trial: Trial) -> Trial:
    """End a trial that has no verdict yet; its worker notices at its next beat.

    Raises
    ------
    TrialOverError

    """
    changed = Trial.objects.filter(pk=trial.pk, state__in=OPEN).update(
        state=Trial.State.ENDED,
        worker="",
        lease_until=None,
        ended_at=at,
        reason_code=CANCELLED.code,
        reason_zh=CANCELLED.zh,
        reason_en=CANCELLED.en,
    )
    if not changed:
        raise TrialOverError(trial=trial.key)
    trial.refresh_from_db()
    supply.note_untried(offer=trial.offer, since=at)
    tell(trial, at=at, kind="cancelled", zh=CANCELLED.zh, en=CANCELLED.en)
    tell_audit(by, at, "trials.trial.cancelled", trial)
    return trial


@transaction.atomic
def release_trial(*, by: Actor, at: datetime, trial: Trial) -> Trial:
    """Show the verdict to the vendor and, if the need is published, to everybody; once for all.

    Raises
    ------
    NoVerdictError, AlreadyReleasedError

    """
    if trial.state != Trial.State.DECIDED:
        raise NoVerdictError(trial=trial.key, state=trial.get_state_display())
    changed = Trial.objects.filter(pk=trial.pk, released_at__isnull=True).update(
        released_at=at, released_by=by.name
    )
    if not changed:
        raise AlreadyReleasedError(trial=trial.key)
    trial.refresh_from_db()
    supply.release_certificate(by=by, at=at, trial_key=trial.key)
    if trial.verdict == "passed":
        needs.advance_stage(by=by, at=at, need=trial.need, to=Need.Stage.ACCEPTED)
    tell(trial, at=at, kind="released", zh="结论已公布", en="The verdict was released")
    tell_audit(by, at, "trials.trial.released", trial, verdict=trial.verdict)
    return trial


def tell(trial: Trial, *, at: datetime, kind: str, zh: str, en: str) -> None:
    """Write what happened for those who follow the trial."""
    Event.objects.create(trial=trial, at=at, kind=kind, zh=zh[:400], en=en[:400])


def tell_audit(by: Actor, at: datetime, verb: str, trial: Trial, **detail: object) -> None:
    """Write the audit line of a trial."""
    record(
        at=at,
        by=by,
        verb=verb,
        subject_kind="trial",
        subject_key=trial.key,
        subject_name=f"{trial.version} · {trial.need.title}",
        need=trial.need.key,
        **detail,
    )
