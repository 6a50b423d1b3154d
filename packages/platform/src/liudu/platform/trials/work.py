"""The worker: takes tasks of both queues, says that it lives, and brings back what others left."""

import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from types import FrameType
from typing import Final

from django.conf import settings
from django.db import DatabaseError, OperationalError, close_old_connections, connection
from django_tasks_db.management.commands.db_worker import Worker as TaskRunner
from django_tasks_db.models import DBTaskResult
from django_tasks_db.utils import exclusive_transaction

from liudu.platform import clock
from liudu.platform.trials import services
from liudu.platform.trials.decisions import QUEUE_NAMES, beat_s
from liudu.platform.trials.pulse import Every
from liudu.platform.trials.runner import STOP

logger = logging.getLogger(__name__)
IDLE_S: Final = 1.0
AFTER_FAULT_S: Final = 2.0
SWEEP_S: Final = 3600.0
# Contexts that bring back their own work, where they do.
RESUMERS: Final = (
    ("liudu.platform.supply.services", "reap_checks"),
    ("liudu.platform.needs.imports", "resume_stalled"),
    ("liudu.platform.funding.services", "resume_matching"),
)


def run_worker(
    *,
    once: bool = False,
    queues: Sequence[str] = QUEUE_NAMES,
    idle_s: float = IDLE_S,
    name: str = "",
) -> int:
    """Take tasks until told to stop; return how many were done.

    SIGTERM and SIGINT stop it after the task at hand; a trial that would take longer is handed
    back, at no cost to anybody. Any number of workers may run beside each other.

    Parameters
    ----------
    once
        Stop as soon as nothing is left to do.
    idle_s
        Seconds between looks at an empty queue.
    name
        At most 64 characters and never used before; made up by default.

    """
    name = name or f"{socket.gethostname()[:30]}-{os.getpid()}-{secrets.token_hex(4)}"
    STOP.forget()
    worker = _Worker(name=name, queues=queues, idle_s=idle_s, once=once)
    services.begin_work(at=clock.now(), name=name, host=socket.gethostname(), pid=os.getpid())
    try:
        with _told_by_signals(worker.told_to_stop), Every(worker.beat_s, worker.beat, name="beat"):
            worker.run()
    finally:
        with suppress(DatabaseError):
            services.end_work(at=clock.now(), name=name)
    return worker.done_count


class _Worker(TaskRunner):
    """The library's way to run one task, under a loop of our own."""

    def __init__(self, *, name: str, queues: Sequence[str], idle_s: float, once: bool) -> None:
        super().__init__(
            queue_names=list(queues),
            interval=idle_s,
            batch=once,
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id=name,
            excluded_queue_names=[],
        )
        self.beat_s = beat_s(settings.TRIAL_LEASE_S)
        self._reap_at_s = self._sweep_at_s = 0.0

    @property
    def done_count(self) -> int:
        """How many tasks were run."""
        return self._run_tasks

    def told_to_stop(self, number: int, frame: FrameType | None) -> None:
        """End after the task at hand."""
        del frame
        logger.info("%s: worker %s stops", signal.Signals(number).name, self.worker_id)
        self.running = False
        STOP.ask()

    def beat(self) -> None:
        """Say that this worker lives."""
        services.still_working(at=clock.now(), name=self.worker_id)

    def run(self) -> None:
        """Take one task after the other; a database that is away for a while is waited for."""
        logger.info("worker %s takes %s", self.worker_id, ", ".join(self.queue_names))
        while self.running:
            try:
                close_old_connections()
                self._bring_back()
                found = self._one()
            except DatabaseError as error:
                logger.warning("the database takes no work, trying again: %s", _why(error))
                connection.close()
                self._rest(AFTER_FAULT_S)
                continue
            if not found:
                if self.batch:
                    return
                self._rest(self.interval)

    def _rest(self, seconds: float) -> None:
        # In short steps, so that a signal ends it.
        until_s = time.monotonic() + seconds
        while self.running and (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.2))

    def _one(self) -> bool:
        """Run one task, if there is one."""
        ready = DBTaskResult.objects.ready().filter(
            backend_name=self.backend_name, queue_name__in=self.queue_names
        )
        if not ready.exists():  # asked without a lock, which is what an idle worker does all day
            return False
        with exclusive_transaction():
            row = ready.get_locked()
            if row is None:
                return False
            row.claim(self.worker_id)
        self.run_task(row)
        return True

    def _bring_back(self) -> None:
        """Bring back what dead workers left, a few times in each lease."""
        now_s = time.monotonic()
        if now_s < self._reap_at_s:
            return
        self._reap_at_s = now_s + min(settings.TRIAL_LEASE_S / 2, 15.0)
        at = clock.now()
        count = services.reap(at)
        if count:
            logger.warning("brought back %d pieces of work of workers that died", count)
        for resume in _resumers():
            resume(at=at)
        if now_s >= self._sweep_at_s:
            self._sweep_at_s = now_s + SWEEP_S
            services.sweep_uploads(at)


def _why(error: DatabaseError) -> str:
    """Return what is wrong with the database; what may quote a row is left out."""
    said = str(error).partition("\n")[0] if isinstance(error, OperationalError) else ""
    return said[:200] or type(error).__name__


def _resumers() -> list[Callable[..., object]]:
    found = []
    for module, function in RESUMERS:
        with suppress(ModuleNotFoundError):
            found.append(getattr(import_module(module), function))
    return found


class _told_by_signals:  # noqa: N801 - reads as a statement
    """Send SIGTERM and SIGINT to a handler, where this is the main thread."""

    def __init__(self, handler: Callable[[int, FrameType | None], None]) -> None:
        self._handler = handler
        self._before: dict[int, object] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._handler)

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]
