"""Certificates: filed when a trial is decided, released with it, shown by the vendor, revoked."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.clock import day_of
from liudu.platform.needs.models import Need
from liudu.platform.supply.models import Certificate, Solution, Version
from liudu.trial.certificate import verify

REASON_CHARACTERS_MAX: Final = 300


class NotIntactError(Refusal):
    """A document whose signature does not fit is not filed."""

    en = "The certificate of trial {trial} is not intact: sign it again before it is filed."
    zh = "试验 {trial} 的证书签名无效：请重新签发后再归档。"


class NotReleasedError(Refusal):
    """Nobody shows what has not been released."""

    status = 409
    en = "The certificate of trial {trial} is not released yet: it can be shown afterwards."
    zh = "试验 {trial} 的证书尚未发布：发布之后才能公开展示。"


class ReasonMissingError(Refusal):
    """A certificate is revoked for a reason that everybody can read."""

    en = "Say why the certificate is revoked: the reason is shown with it."
    zh = "请写明吊销原因：原因会与证书一同公开。"


class RevokedAlreadyError(Refusal):
    """A certificate is revoked once."""

    status = 409
    en = "The certificate was revoked on {revoked} already: {reason}"
    zh = "该证书已于 {revoked} 吊销：{reason}"


@transaction.atomic
def file_certificate(
    *,
    by: Actor,
    at: datetime,
    version: Version,
    need: Need,
    trial_key: str,
    verdict: str,
    document: Mapping[str, Any],
) -> Certificate:
    """Keep the certificate of a decided trial; nobody but owner and bureau sees it yet.

    A trial has one certificate: filed again, the first stays.

    Raises
    ------
    liudu.trial.certificate.NotACertificateError, NotIntactError

    """
    known = Certificate.objects.filter(trial_key=trial_key).first()
    if known is not None:
        return known
    certificate = Certificate.objects.create(
        version=version,
        need=need,
        trial_key=trial_key,
        verdict=verdict,
        document=dict(document),
        issued_at=at,
    )
    certificate.refresh_from_db()  # what the database gives back is what will be checked
    if not verify(certificate.document, at=at).intact:
        raise NotIntactError(trial=trial_key)
    _record(certificate, by=by, at=at, verb="supply.certificate.filed")
    return certificate


@transaction.atomic
def release_certificate(*, by: Actor, at: datetime, trial_key: str) -> Certificate:
    """Release a trial's certificate; one that passed marks its solution as proven.

    What is released already stays as it is.

    Raises
    ------
    Certificate.DoesNotExist

    """
    certificate = Certificate.objects.select_for_update(of=("self",)).get(trial_key=trial_key)
    if certificate.released_at is not None:
        return certificate
    certificate.released_at = at
    certificate.save(update_fields=["released_at"])
    if certificate.verdict == "passed" and certificate.revoked_at is None:
        Solution.objects.filter(pk=certificate.version.solution_id).update(proven_at=at)
    _record(certificate, by=by, at=at, verb="supply.certificate.released")
    return certificate


@transaction.atomic
def show_certificate(
    *, by: Actor, at: datetime, certificate: Certificate, public: bool
) -> Certificate:
    """Show a released certificate to everybody, or no longer.

    Raises
    ------
    NotReleasedError

    """
    locked = Certificate.objects.select_for_update(of=("self",)).get(pk=certificate.pk)
    if locked.released_at is None:
        raise NotReleasedError(trial=locked.trial_key)
    if locked.public == public:
        return locked
    locked.public = public
    locked.save(update_fields=["public"])
    verb = "supply.certificate.shown" if public else "supply.certificate.hidden"
    _record(locked, by=by, at=at, verb=verb)
    return locked


@transaction.atomic
def revoke_certificate(
    *, by: Actor, at: datetime, certificate: Certificate, reason: str
) -> Certificate:
    """Revoke a certificate; its solution stays proven only if another one still says so.

    Raises
    ------
    ReasonMissingError, RevokedAlreadyError

    """
    locked = Certificate.objects.select_for_update(of=("self",)).get(pk=certificate.pk)
    if locked.revoked_at is not None:
        raise RevokedAlreadyError(revoked=day_of(locked.revoked_at), reason=locked.revoked_reason)
    if not reason.strip():
        raise ReasonMissingError
    locked.revoked_at, locked.revoked_by = at, by.organisation_name or by.name
    locked.revoked_reason = reason.strip()[:REASON_CHARACTERS_MAX]
    locked.save(update_fields=["revoked_at", "revoked_by", "revoked_reason"])
    _prove_anew(locked.version.solution_id)
    _record(locked, by=by, at=at, verb="supply.certificate.revoked", reason=locked.revoked_reason)
    return locked


def _prove_anew(solution_id: int) -> None:
    standing = Certificate.objects.filter(
        version__solution_id=solution_id,
        verdict="passed",
        released_at__isnull=False,
        revoked_at=None,
    )
    newest = standing.order_by("-released_at").first()
    proven_at = newest.released_at if newest else None
    Solution.objects.filter(pk=solution_id).update(proven_at=proven_at)


def _record(
    certificate: Certificate, *, by: Actor, at: datetime, verb: str, **detail: object
) -> None:
    record(
        by=by,
        at=at,
        verb=verb,
        subject_kind="certificate",
        subject_key=certificate.key,
        subject_name=str(certificate.version),
        trial=certificate.trial_key,
        **detail,
    )
