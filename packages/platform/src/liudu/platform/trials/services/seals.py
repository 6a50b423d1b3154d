"""Sealed data: taken in, sealed by a worker, told to its owner in counts and digests."""

from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.conf import settings
from django.db import IntegrityError, transaction

from liudu.contract import Refusal
from liudu.platform.actors import SYSTEM, Actor
from liudu.platform.audit.services import record
from liudu.platform.keys import new_key
from liudu.platform.needs import services as needs
from liudu.platform.needs.models import Need
from liudu.platform.trials import archives, places, sealing, tasks
from liudu.platform.trials.models import Seal

OPEN: Final = (Seal.State.WAITING, Seal.State.SEALING, Seal.State.BROKEN)
ENCODINGS: Final = ("", "gb18030")
UPLOAD_AGE_MAX: Final = timedelta(days=1)


class NoTargetsYetError(Refusal):
    """The need promises nothing yet."""

    status: ClassVar[int] = 409
    en = "“{need}” has no acceptance targets yet: set them first, for the seal fixes them."
    zh = "「{need}」还没有验收指标：请先填写，封存会把指标一并固定。"


class NeedNotPublishedError(Refusal):
    """Only published needs are sealed and tried."""

    status: ClassVar[int] = 409
    en = "“{need}” is not published: publish it, then seal its data."
    zh = "「{need}」尚未发布：请先发布，再封存数据。"


class SealingAlreadyError(Refusal):
    """Data of this need are being sealed."""

    status: ClassVar[int] = 409
    en = "Data of “{need}” are being sealed at this moment: wait until that has ended."
    zh = "「{need}」的数据正在封存：请等待本次封存结束。"


class UnknownEncodingError(Refusal):
    """Labels are read in two encodings only."""

    en = "Encoding {encoding!r} is not read: say UTF-8 or GB18030."
    zh = "不支持编码 {encoding!r}：请选 UTF-8 或 GB18030。"


def seal_data(
    *,
    by: Actor,
    at: datetime,
    need: Need,
    stream: archives.Readable,
    simulated: bool = False,
    encoding: str = "",
) -> Seal:
    """Take in an owner's archive; a worker seals it.

    Parameters
    ----------
    stream
        A zip with labels.csv and the pieces; read to its end. Its name is not kept.
    simulated
        Whether a program made the data; whatever comes of them is marked so.
    encoding
        Of the labels: empty for UTF-8, or ``gb18030``.

    Raises
    ------
    NoTargetsYetError, NeedNotPublishedError, SealingAlreadyError, UnknownEncodingError,
    liudu.platform.trials.archives.UploadTooLargeError, EmptyUploadError, NoRoomError, NotAZipError

    """
    _require_sealable(need, encoding=encoding)
    key = new_key()
    upload = places.upload_of(key)
    digest, size = archives.receive(stream, into=upload, size_bytes_max=settings.SEAL_BYTES_MAX)
    try:
        archives.require_whole(upload)
        return _queued(
            by=by,
            at=at,
            seal=Seal(
                key=key,
                need=need,
                upload_digest=digest,
                size_bytes=size,
                simulated=simulated or need.simulated,
                encoding=encoding,
                created_at=at,
                created_by=by.name,
            ),
        )
    except BaseException:
        upload.unlink(missing_ok=True)
        raise


def _require_sealable(need: Need, *, encoding: str) -> None:
    if encoding not in ENCODINGS:
        raise UnknownEncodingError(encoding=encoding)
    if need.status != Need.Status.PUBLISHED:
        raise NeedNotPublishedError(need=need.title)
    if not need.targets:
        raise NoTargetsYetError(need=need.title)
    if need.seals.filter(state__in=OPEN).exists():
        raise SealingAlreadyError(need=need.title)


def _queued(*, by: Actor, at: datetime, seal: Seal) -> Seal:
    try:
        with transaction.atomic():
            # Fixed now, and read after that: an edit at the same moment is in, or is refused.
            seal.targets = needs.fix_targets(by=by, at=at, need=seal.need).targets
            seal.save(force_insert=True)
            tasks.seal_data.enqueue(seal_key=seal.key)
            _record(by, at, "trials.data.uploaded", seal, size_bytes=seal.size_bytes)
    except IntegrityError as error:  # two uploads at one moment: the first is being sealed
        raise SealingAlreadyError(need=seal.need.title) from error
    return seal


def _record(by: Actor, at: datetime, verb: str, seal: Seal, **detail: object) -> None:
    record(
        at=at,
        by=by,
        verb=verb,
        subject_kind="seal",
        subject_key=seal.key,
        subject_name=seal.need.title,
        need=seal.need.key,
        **detail,
    )


@transaction.atomic
def begin_sealing(*, at: datetime, seal_key: str) -> Seal | None:
    """Return a seal whose data are waiting, now marked as being sealed; None if there is none."""
    seal = Seal.objects.select_for_update().filter(key=seal_key, state__in=OPEN).first()
    if seal is None:
        return None
    seal.state = Seal.State.SEALING
    seal.save(update_fields=["state"])
    _record(SYSTEM, at, "trials.data.sealing", seal, attempt=seal.attempt_count + 1)
    return seal


@transaction.atomic
def record_sealed(*, at: datetime, seal_key: str, sealed: sealing.Sealed) -> None:
    """Write that the data are sealed."""
    seal = Seal.objects.select_for_update().get(key=seal_key)
    seal.state, seal.sealed_at = Seal.State.SEALED, at
    seal.digest, seal.piece_count = sealed.digest, sealed.piece_count
    seal.counts, seal.notices = dict(sealed.counts), [dict(one) for one in sealed.notices]
    seal.size_bytes, seal.simulated = sealed.size_bytes, sealed.simulated
    seal.reason_code = seal.reason_zh = seal.reason_en = ""
    seal.save()
    _record(
        SYSTEM,
        at,
        "trials.data.sealed",
        seal,
        digest=seal.digest,
        piece_count=seal.piece_count,
        counts=seal.counts,
        simulated=seal.simulated,
    )


@transaction.atomic
def record_unsealed(*, at: datetime, seal_key: str, code: str, platform_failed: bool) -> bool:
    """Write that sealing has failed; return whether the archive is to be kept for another try.

    Parameters
    ----------
    code
        Of the rule that was broken. The sentence may name files, so it is not kept here.

    """
    # The need first, as an upload locks them.
    need = Need.objects.select_for_update().get(seals__key=seal_key)
    seal = Seal.objects.select_for_update().get(key=seal_key)
    seal.reason_code = code[:60]
    again = platform_failed and seal.attempt_count + 1 < settings.TRIAL_ATTEMPTS_MAX
    if platform_failed:
        seal.attempt_count += 1
        seal.reason_zh = "平台故障，不是数据的问题。" + (
            "将自动重试。" if again else "请重新上传。"
        )
        seal.reason_en = "The platform failed, not the data. " + (
            "It will be tried again." if again else "Please upload them again."
        )
    else:
        seal.reason_zh = "数据未通过封存前的检查；详细原因只有需求方可见。"
        seal.reason_en = "The data were refused before sealing; only the owner sees why in full."
    seal.state = Seal.State.BROKEN if again else Seal.State.REFUSED
    seal.save()
    if again:
        tasks.seal_data.enqueue(seal_key=seal.key)
    if not again and not need.seals.filter(state__in=(*OPEN, Seal.State.SEALED)).exists():
        needs.free_targets(by=SYSTEM, at=at, need=need)  # a wrong target may be what was wrong
    _record(SYSTEM, at, "trials.data.refused", seal, code=seal.reason_code, again=again)
    return again


def sweep_uploads(at: datetime) -> int:
    """Take away what killed processes left of uploads more than a day ago; return how much."""
    folder, count = places.private("uploads"), 0
    for path in folder.iterdir():
        old = path.stat().st_mtime < (at - UPLOAD_AGE_MAX).timestamp()
        if old and not Seal.objects.filter(key=path.stem, state__in=OPEN).exists():
            sealing.remove(path)
            count += 1
    return count
