"""The check of conformance: taken under a lease, run in the sandbox, told in words.

A worker takes a version by `_begin`, which counts `check_count` up; whatever it writes later
counts only while that number still stands, so that a worker that was given up and comes back
changes nothing.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import attrs
from django.conf import settings
from django.db import transaction

from liudu.contract import Refusal
from liudu.platform.actors import SYSTEM, Actor
from liudu.platform.audit.services import record
from liudu.platform.supply import bundles
from liudu.platform.supply.decisions import (
    CHECKS_MAX,
    LEASE,
    QUEUED_LEASE,
    VENDORS_FAULT,
    Checked,
    outcome_of,
    refused,
    wait_after,
)
from liudu.platform.supply.models import Version
from liudu.platform.supply.tasks import check_later
from liudu.sandbox import Level, best_level
from liudu.trial.conformance import check_solution
from liudu.trial.progress import Advance
from liudu.trial.serving import Clock

log = logging.getLogger(__name__)
OPEN: Final = (Version.State.WAITING, Version.State.CHECKING, Version.State.BROKEN)
Now = Callable[[], datetime]


class LevelTooWeakError(Refusal):
    """The machine cannot keep a stranger's program apart well enough."""

    machine = True
    en = (
        "This machine isolates programs only at the level {had}; uploaded bundles are run at "
        "{level_min} or stronger. Install bubblewrap, or set LIUDU_LEVEL_MIN where all vendors "
        "are trusted."
    )
    zh = (
        "本机只能以 {had} 级别隔离程序，而上传的方案包至少要在 {level_min} 级别下运行。"
        "请安装 bubblewrap；若所有供方都可信，可设置 LIUDU_LEVEL_MIN。"
    )


class BundleChangedError(Refusal):
    """What lies on our disk is not what was uploaded."""

    machine = True
    en = "The stored bundle is no longer the one with digest {digest}…: an operator looks into it."
    zh = "存储的方案包与上传时的摘要 {digest}… 不一致：这是平台的问题，运维人员会处理。"


class WorkerLostError(Refusal):
    """The worker of a check went silent again and again."""

    machine = True
    en = (
        "The worker was lost {check_count} times while it checked this bundle. That is the "
        "platform's trouble, not yours; an operator looks into it."
    )
    zh = "检查本方案包的工作进程已中断 {check_count} 次。这是平台的问题，不是您的；运维人员会处理。"


class NotBrokenError(Refusal):
    """A check is tried again only where the platform failed."""

    status = 409
    en = "Version {number} is “{state}”: a check is repeated only where the platform failed."
    zh = "第 {number} 版的状态是“{state}”：只有平台故障的检查才能重试。"


def check_version(*, version_key: str, now: Now) -> None:
    """Check one version; whatever goes wrong on our side is told so and tried again.

    Nothing happens if somebody else checks it, or if it has been decided.
    """
    version = _begin(version_key=version_key, at=now())
    if version is None:
        return
    try:
        checked = _run(version, now=now)
    except VENDORS_FAULT as error:
        checked = refused(error)
    except Exception as error:
        log.exception("check of version %s", version.key)
        _break(version, error=error, at=now())
        return
    _finish(version, checked=checked, at=now())


def _run(version: Version, *, now: Now) -> Checked:
    level, level_min = best_level(), Level.named(settings.LEVEL_MIN)
    if level < level_min:
        raise LevelTooWeakError(had=level.label, level_min=level_min.label)
    conformance = check_solution(
        bundles.path_of(version.key),
        clock=Clock(now=now),
        level=level,
        progress=_Told(version=version, now=now),
    )
    if conformance.digest != version.digest:
        raise BundleChangedError(digest=version.digest[:19])
    return outcome_of(conformance)


@attrs.frozen(kw_only=True)
class _Told:
    """Writes how far a check is, and pushes its lease on."""

    version: Version
    now: Now

    @contextmanager
    def stage(self, *, zh: str, en: str, total: int | None) -> Iterator[Advance]:
        done = 0

        def tell(steps: int) -> None:
            nonlocal done
            done += steps
            _mine(self.version).update(
                stage_zh=zh,
                stage_en=en,
                done_count=done,
                total_count=total,
                lease_until=self.now() + LEASE,
            )

        tell(0)
        yield tell


def _begin(*, version_key: str, at: datetime) -> Version | None:
    """Take a version unless somebody has it: waiting, or its lease is over."""
    with transaction.atomic():
        version = (
            Version.objects.select_for_update(of=("self",))
            .filter(key=version_key, state__in=OPEN)
            .first()
        )
        if version is None:
            return None
        held = version.state == Version.State.CHECKING and (
            version.lease_until is not None and version.lease_until > at
        )
        if held:
            return None
        version.state = Version.State.CHECKING
        version.check_count += 1
        version.lease_until = at + LEASE
        version.save(update_fields=["state", "check_count", "lease_until"])
        return version


@transaction.atomic
def _finish(version: Version, *, checked: Checked, at: datetime) -> None:
    state = Version.State.CONFORMS if checked.conforms else Version.State.REFUSED
    changed = _mine(version).update(
        state=state,
        checked_at=at,
        level=checked.level,
        findings=checked.findings,
        reason_code=checked.reason_code,
        reason_zh=checked.reason_zh,
        reason_en=checked.reason_en,
        **_AT_REST,
    )
    if changed:
        _record(version, at=at, verb=f"supply.version.{state}", reason=checked.reason_code)


@transaction.atomic
def _break(version: Version, *, error: Exception, at: datetime) -> None:
    told = error if isinstance(error, Refusal) else None
    last = _spent(version)
    changed = _mine(version).update(
        state=Version.State.BROKEN,
        checked_at=at,
        reason_code="infra",
        reason_zh=told.say("zh") if told else f"平台内部错误（{type(error).__name__}）。",
        reason_en=told.say("en") if told else f"The platform failed ({type(error).__name__}).",
        **{**_AT_REST, "lease_until": None if last else at + wait_after(version.check_count)},
    )
    if changed:
        _record(version, at=at, verb="supply.version.broken", reason=type(error).__name__)


_AT_REST: Final[dict[str, Any]] = {
    "lease_until": None,
    "stage_zh": "",
    "stage_en": "",
    "done_count": 0,
    "total_count": None,
}


def reap_checks(at: datetime) -> int:
    """Queue each check again whose worker went silent, or whose time to be tried again has come.

    Called by the worker's loop every so often. Also takes away what killed uploads left behind.

    Returns
    -------
    How many checks were queued.

    """
    due = Version.objects.filter(state__in=OPEN, lease_until__lte=at).values_list("key", flat=True)
    queued = sum(_queue_again(key, at=at) for key in list(due[:100]))
    bundles.sweep(at=at, known=_known_versions)
    return queued


@transaction.atomic
def _queue_again(key: str, *, at: datetime) -> bool:
    version = (
        Version.objects.select_for_update(of=("self",))
        .filter(key=key, state__in=OPEN, lease_until__lte=at)
        .first()
    )
    if version is None:
        return False
    if version.state == Version.State.CHECKING and _spent(version):
        _break(version, error=WorkerLostError(check_count=version.check_count), at=at)
        return False
    if version.state == Version.State.CHECKING:
        version.state = Version.State.WAITING
    version.lease_until = at + QUEUED_LEASE
    version.save(update_fields=["state", "lease_until"])
    check_later.enqueue(version.key)
    return True


@transaction.atomic
def recheck_version(*, by: Actor, at: datetime, version: Version) -> Version:
    """Queue a check once more that the platform failed at.

    Raises
    ------
    NotBrokenError

    """
    locked = Version.objects.select_for_update(of=("self",)).get(pk=version.pk)
    if locked.state != Version.State.BROKEN:
        raise NotBrokenError(number=locked.number, state=locked.get_state_display())
    locked.state = Version.State.WAITING
    locked.lease_until = at + QUEUED_LEASE
    locked.save(update_fields=["state", "lease_until"])
    check_later.enqueue(locked.key)
    _record(locked, by=by, at=at, verb="supply.version.requeued")
    return locked


def _mine(version: Version) -> Any:  # noqa: ANN401 - a query set of Django's
    """Return the version's row while it is still this worker's."""
    return Version.objects.filter(
        pk=version.pk, state=Version.State.CHECKING, check_count=version.check_count
    )


def _spent(version: Version) -> bool:
    """Say whether it is not tried again by itself; a person may, and it is tried as often anew."""
    return version.check_count % CHECKS_MAX == 0


def _known_versions(keys: set[str]) -> set[str]:
    return set(Version.objects.filter(key__in=keys).values_list("key", flat=True))


def _record(
    version: Version, *, at: datetime, verb: str, by: Actor = SYSTEM, **detail: object
) -> None:
    record(
        by=by,
        at=at,
        verb=verb,
        subject_kind="version",
        subject_key=version.key,
        subject_name=str(version),
        number=version.number,
        digest=version.digest,
        **detail,
    )
