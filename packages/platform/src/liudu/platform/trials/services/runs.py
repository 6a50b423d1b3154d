"""What workers tell of a trial. Each write holds only while the worker has the lease."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from liudu.platform.actors import SYSTEM
from liudu.platform.supply import services as supply
from liudu.platform.trials import tasks
from liudu.platform.trials.decisions import (
    INFRASTRUCTURE,
    Ending,
    after_platform_failure,
    kept_of,
    lease,
)
from liudu.platform.trials.models import Event, Trial
from liudu.platform.trials.services.trials import tell, tell_audit
from liudu.trial.verdict import sentence

FIRST_AGAIN = 10  # before those that were never begun
PAPER_ASKED_FOR, PAPER_IN_TIME = 20, -20  # before, and after, all trials
WHOLE = ("need", "seal", "version__solution", "vendor__organisation", "offer")


@attrs.frozen(kw_only=True)
class Beat:
    """How far a run is: its stage, and what its followers have not read yet.

    Attributes
    ----------
    news
        ``(kind, zh, en)`` of what happened since the last beat.

    """

    stage_zh: str = ""
    stage_en: str = ""
    done_count: int = 0
    total_count: int | None = None
    news: Sequence[tuple[str, str, str]] = ()


def _lease_from(at: datetime) -> datetime:
    return at + lease(settings.TRIAL_LEASE_S)


@transaction.atomic
def take(*, at: datetime, trial_key: str, worker: str) -> Trial | None:
    """Give a queued trial to a worker under a lease; None where it is not to be had (any more)."""
    taken = Trial.objects.filter(key=trial_key, state=Trial.State.QUEUED).update(
        state=Trial.State.RUNNING,
        worker=worker,
        lease_until=_lease_from(at),
        started_at=Coalesce(F("started_at"), at),
        stage_zh="准备",
        stage_en="Preparing",
        done_count=0,
        total_count=None,
    )
    if not taken:
        return None
    trial = Trial.objects.select_related(*WHOLE).get(key=trial_key)
    tell(trial, at=at, kind="taken", zh="开始运行", en="Begun")
    tell_audit(SYSTEM, at, "trials.trial.begun", trial, worker=worker)
    return trial


def beat(*, at: datetime, trial_key: str, worker: str, so_far: Beat) -> bool:
    """Push the lease on and say how far the run is; False if the trial is no longer this worker's.

    Not audited: nothing is decided by it.
    """
    mine = Trial.objects.filter(key=trial_key, state=Trial.State.RUNNING, worker=worker)
    with transaction.atomic():
        changed = mine.update(
            lease_until=_lease_from(at),
            stage_zh=so_far.stage_zh[:120],
            stage_en=so_far.stage_en[:120],
            done_count=so_far.done_count,
            total_count=so_far.total_count,
        )
        if changed and so_far.news:
            trial = Trial.objects.only("pk").get(key=trial_key)
            Event.objects.bulk_create(
                Event(trial=trial, at=at, kind=kind, zh=zh[:400], en=en[:400])
                for kind, zh, en in so_far.news
            )
    return bool(changed)


def _still_mine(trial_key: str, worker: str) -> Trial | None:
    return (
        Trial.objects.select_for_update(of=("self",))
        .select_related(*WHOLE)
        .filter(key=trial_key, state=Trial.State.RUNNING, worker=worker)
        .first()
    )


@transaction.atomic
def decide(
    *,
    at: datetime,
    trial_key: str,
    worker: str,
    result: Mapping[str, Any],
    certificate: Mapping[str, Any],
) -> bool:
    """Write the verdict and file its certificate; False if the trial is not this worker's."""
    trial = _still_mine(trial_key, worker)
    if trial is None:
        return False
    trial.state, trial.verdict, trial.ended_at = Trial.State.DECIDED, result["verdict"], at
    trial.attempt_count += 1
    trial.result = kept_of(result) | {
        "sentence_zh": sentence(result, "zh"),
        "sentence_en": sentence(result, "en"),
    }
    _close(trial)
    supply.file_certificate(
        by=SYSTEM,
        at=at,
        version=trial.version,
        need=trial.need,
        trial_key=trial.key,
        verdict=trial.verdict,
        document=dict(certificate),
    )
    order_papers(trial, soon=False)
    tell(trial, at=at, kind="decided", zh="已出结论，等待公布", en="Decided, not yet released")
    tell_audit(
        SYSTEM,
        at,
        "trials.trial.decided",
        trial,
        verdict=trial.verdict,
        digests=trial.result["digests"],
        level=trial.result["level"]["had"],
    )
    return True


def order_papers(trial: Trial, *, soon: bool) -> None:
    """Let a worker make the PDFs of a report: `soon` where a reader waits, else when it is idle.

    Not audited: they say what the report says.
    """
    priority = PAPER_ASKED_FOR if soon else PAPER_IN_TIME
    tasks.make_papers.using(priority=priority).enqueue(trial_key=trial.key)


def _close(trial: Trial) -> None:
    trial.worker, trial.lease_until = "", None
    trial.stage_zh = trial.stage_en = ""
    trial.save()


@transaction.atomic
def end_by_solution(
    *,
    at: datetime,
    trial_key: str,
    worker: str,
    ending: Ending,
    result: Mapping[str, Any] | None = None,
) -> bool:
    """End a trial for a reason of the solution's; False if the trial is not this worker's."""
    trial = _still_mine(trial_key, worker)
    if trial is None:
        return False
    trial.attempt_count += ending.costs_attempt
    if result is not None:
        trial.result = kept_of(result)
    _end(trial, at=at, ending=ending)
    return True


def _end(trial: Trial, *, at: datetime, ending: Ending) -> None:
    trial.state, trial.ended_at = Trial.State.ENDED, at
    trial.reason_code = ending.code[:60]
    trial.reason_zh, trial.reason_en = ending.zh, ending.en
    _close(trial)
    if not trial.attempt_count:
        supply.note_untried(offer=trial.offer, since=at)
    tell(trial, at=at, kind="ended", zh=ending.zh, en=ending.en)
    tell_audit(
        SYSTEM,
        at,
        "trials.trial.ended",
        trial,
        reason=trial.reason_code,
        costs_attempt=ending.costs_attempt,
    )


@transaction.atomic
def fail_by_platform(*, at: datetime, trial_key: str, worker: str, code: str) -> bool:
    """Queue a trial again that the platform failed at, or end it; it costs the vendor nothing.

    Returns
    -------
    False if the trial is not this worker's.

    """
    trial = _still_mine(trial_key, worker)
    if trial is None:
        return False
    count_failure(trial, at=at, code=code, delay=_lease_from(at) - at)
    return True


def count_failure(trial: Trial, *, at: datetime, code: str, delay: timedelta) -> None:
    """Count a failure of the platform at a locked trial; `delay` it before the next try."""
    trial.infra_count += 1
    follows = after_platform_failure(
        infra_count=trial.infra_count, attempts_max=settings.TRIAL_ATTEMPTS_MAX
    )
    if follows == "end":
        _end(trial, at=at, ending=INFRASTRUCTURE)
        return
    tell(
        trial,
        at=at,
        kind="infra",
        zh=f"平台故障（{code}），将自动重试，不计入供方次数",
        en=f"The platform failed ({code}); it tries again, at no cost to the vendor",
    )
    queue_again(trial, run_after=at + delay if delay else None)
    tell_audit(SYSTEM, at, "trials.trial.failed_by_platform", trial, code=code)


def queue_again(trial: Trial, *, run_after: datetime | None = None) -> None:
    """Put a trial back into the queue, before those that were never begun."""
    trial.state = Trial.State.QUEUED
    trial.done_count, trial.total_count = 0, None
    _close(trial)
    tasks.run_trial.using(priority=FIRST_AGAIN, run_after=run_after).enqueue(trial_key=trial.key)


@transaction.atomic
def give_back(*, at: datetime, trial_key: str, worker: str) -> bool:
    """Hand a trial back because its worker is told to stop; nobody has failed."""
    trial = _still_mine(trial_key, worker)
    if trial is None:
        return False
    zh, en = "执行程序停机，试验回到队首", "The worker stopped; the trial is first in the queue"
    tell(trial, at=at, kind="given_back", zh=zh, en=en)
    queue_again(trial)
    tell_audit(SYSTEM, at, "trials.trial.given_back", trial)
    return True
