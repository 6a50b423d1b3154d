"""The heartbeat of a running trial: a thread that pushes its lease on and says how far it is."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, Self

from django.conf import settings
from django.db import DatabaseError, connection

from liudu.platform import clock
from liudu.platform.trials import services
from liudu.platform.trials.decisions import beat_s
from liudu.platform.trials.services import Beat
from liudu.trial.progress import Advance

logger = logging.getLogger(__name__)
STOP_SIGNAL: Final = signal.SIGUSR1
GRACE_S: Final = 5.0  # of a run that is about to end anyway, when its worker is told to stop


class Stopped(KeyboardInterrupt):
    """The run is to break off: its lease is lost, or its worker was told to stop.

    A kind of Ctrl-C, for that is how a run is broken off in order, with nothing left behind.
    """


class StopAsked:
    """Whether the worker was told to stop, and when."""

    def __init__(self) -> None:
        self._at_s: float | None = None

    def ask(self) -> None:
        """Tell it to stop."""
        self._at_s = self._at_s or time.monotonic()

    def forget(self) -> None:
        """Begin anew."""
        self._at_s = None

    @property
    def grace_is_over(self) -> bool:
        """Whether it was told long enough ago."""
        return self._at_s is not None and time.monotonic() - self._at_s > GRACE_S


class Every:
    """Calls something again and again in a thread of its own, with a connection of its own."""

    def __init__(self, seconds: float, call: Callable[[], None], *, name: str) -> None:
        self._seconds, self._call = seconds, call
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _go(self) -> None:
        try:
            while not self._over.wait(self._seconds):
                try:
                    self._call()
                except DatabaseError as error:
                    # The lease is long enough for a database that restarts.
                    logger.warning("no heartbeat, trying again: %s", type(error).__name__)
                    connection.close()
        finally:
            connection.close()


class Pulse:
    """Looks on at a run (`liudu.trial.progress.Progress`) and beats while it lasts.

    The run only changes what is in memory; the thread writes it, about once a second, together
    with the lease. It breaks the run off when the lease is lost or the worker has to stop.
    """

    def __init__(self, *, trial_key: str, worker: str, stop: StopAsked | None = None) -> None:
        self.trial_key, self.worker = trial_key, worker
        self.lost = False
        self._stop = StopAsked() if stop is None else stop
        self._beat = Beat()
        self._news: list[tuple[str, str, str]] = []
        self._guard = threading.Lock()
        self._may_break = False
        self._runner = threading.get_ident()
        period_s = beat_s(settings.TRIAL_LEASE_S)
        self._thread = Every(period_s, self.beat, name=f"pulse of {trial_key}")

    def __enter__(self) -> Self:
        self._thread.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.__exit__()

    @contextmanager
    def stage(self, *, zh: str, en: str, total: int | None) -> Iterator[Advance]:
        """Open a stage."""
        with self._guard:
            self._news.append(("stage", zh, en))
            self._beat = Beat(stage_zh=zh, stage_en=en, total_count=total)
        yield self._advance

    def _advance(self, steps: int) -> None:
        with self._guard:
            now = self._beat
            self._beat = Beat(
                stage_zh=now.stage_zh,
                stage_en=now.stage_en,
                total_count=now.total_count,
                done_count=now.done_count + steps,
            )

    def beat(self) -> None:
        """Beat once; break the run off where it has to."""
        with self._guard:
            news, self._news = self._news, []
            so_far = Beat(
                stage_zh=self._beat.stage_zh,
                stage_en=self._beat.stage_en,
                done_count=self._beat.done_count,
                total_count=self._beat.total_count,
                news=news,
            )
        try:
            mine = services.beat(
                at=clock.now(), trial_key=self.trial_key, worker=self.worker, so_far=so_far
            )
        except DatabaseError:
            with self._guard:
                self._news = [*news, *self._news]
            raise
        self.lost = self.lost or not mine
        if self.lost or self._stop.grace_is_over:
            self._break_off()

    def _break_off(self) -> None:
        with self._guard:
            if self._may_break:
                self._may_break = False
                signal.pthread_kill(self._runner, STOP_SIGNAL)

    @contextmanager
    def breakable(self) -> Iterator[None]:
        """Let the run within be broken off; only there, so that no write is cut in two."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(STOP_SIGNAL, _stopped)
        try:
            with self._guard:
                self._may_break = True
            yield
        finally:
            with self._guard:
                self._may_break = False
            signal.signal(STOP_SIGNAL, before)


def _stopped(number: int, frame: FrameType | None) -> None:
    raise Stopped
