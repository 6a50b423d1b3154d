"""What dead workers have left: nothing stays stuck for longer than a lease."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from liudu.platform.trials import tasks
from liudu.platform.trials.decisions import lease
from liudu.platform.trials.models import Seal, Trial, Worker
from liudu.platform.trials.services.runs import WHOLE, count_failure
from liudu.platform.trials.services.seals import OPEN as SEALING

STARTS_MAX: Final = 3
KEYS_MAX: Final = 10_000  # looked at in one go
STRANGER_AGE_MAX: Final = timedelta(days=1)
WORKERS_KEPT: Final = timedelta(days=7)
# Those who bring their own work back themselves; anything else is put back as it was.
KNOW_THEIR_OWN: Final = (
    "liudu.platform.trials.",
    "liudu.platform.supply.",
    "liudu.platform.needs.imports.",
)
NOT_DONE: Final = (TaskResultStatus.READY, TaskResultStatus.RUNNING)


Row = DBTaskResult[Any, Any]


class WorkerLostError(RuntimeError):
    """The worker of a task has died."""


def reap(at: datetime) -> int:
    """Take back what dead workers had; return how many trials, seals and tasks that were.

    Any number of workers may do this at the same moment.
    """
    count = sum(1 for key in _lost_trials(at) if _take_back(at, key=key))
    count += sum(_clear(row, at=at) for row in _lost_rows(at))
    return count + _enqueue_orphans()


def _lost_trials(at: datetime) -> list[str]:
    lost = Trial.objects.filter(state=Trial.State.RUNNING, lease_until__lt=at)
    return list(lost.values_list("key", flat=True)[:100])


@transaction.atomic
def _take_back(at: datetime, *, key: str) -> bool:
    trial = (
        Trial.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related(*WHOLE)
        .filter(key=key, state=Trial.State.RUNNING, lease_until__lt=at)
        .first()
    )
    if trial is None:
        return False
    count_failure(trial, at=at, code="WorkerLost", delay=timedelta())
    return True


def _lost_rows(at: datetime) -> Iterable[Row]:
    """Yield the running tasks whose worker is silent for longer than the lease."""
    silent_since = at - lease(settings.TRIAL_LEASE_S)
    Worker.objects.filter(stopped_at__isnull=True, seen_at__lt=silent_since).update(stopped_at=at)
    Worker.objects.filter(stopped_at__lt=at - WORKERS_KEPT).delete()
    living = set(Worker.objects.filter(stopped_at=None).values_list("name", flat=True))
    known = set(Worker.objects.values_list("name", flat=True))
    for row in DBTaskResult.objects.running().order_by("started_at")[:1000]:
        name = row.worker_ids[-1] if row.worker_ids else ""
        if name in living:
            continue
        if name in known or (row.started_at and row.started_at < at - STRANGER_AGE_MAX):
            yield row


@transaction.atomic
def _clear(row: Row, *, at: datetime) -> int:
    found = DBTaskResult.objects.select_for_update(skip_locked=True).filter(
        pk=row.pk, status=TaskResultStatus.RUNNING, worker_ids=row.worker_ids
    )
    locked = found.first()
    if locked is None:
        return 0
    again = not row.task_path.startswith(KNOW_THEIR_OWN) and len(row.worker_ids) < STARTS_MAX
    if again:
        found.update(status=TaskResultStatus.READY, started_at=None)
    else:
        found.update(
            status=TaskResultStatus.FAILED,
            finished_at=at,
            exception_class_path=f"{WorkerLostError.__module__}.{WorkerLostError.__qualname__}",
            traceback="",
        )
    return 1


def _enqueue_orphans() -> int:
    """Enqueue queued trials and waiting seals for which no task is there."""
    queued = Trial.objects.filter(state=Trial.State.QUEUED).values_list("key", flat=True)
    waiting = Seal.objects.filter(state__in=SEALING).values_list("key", flat=True)
    trials = _without_task(set(queued[:KEYS_MAX]), path=tasks.run_trial.module_path)
    seals = _without_task(set(waiting[:KEYS_MAX]), path=tasks.seal_data.module_path)
    with transaction.atomic():
        for key in trials:
            tasks.run_trial.enqueue(trial_key=key)
        for key in seals:
            tasks.seal_data.enqueue(seal_key=key)
    return len(trials) + len(seals)


def _without_task(keys: set[str], *, path: str) -> list[str]:
    if not keys:
        return []
    rows = DBTaskResult.objects.filter(task_path=path, status__in=NOT_DONE)
    for arguments in rows.values_list("args_kwargs", flat=True):
        keys.difference_update(arguments["kwargs"].values())
    return sorted(keys)
