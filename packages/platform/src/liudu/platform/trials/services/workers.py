"""Who is at work: one row for each worker, pushed on while it lives."""

from datetime import datetime

from liudu.platform.trials.models import Worker


def begin_work(*, at: datetime, name: str, host: str, pid: int) -> Worker:
    """Write down a new worker."""
    return Worker.objects.create(name=name, host=host[:120], pid=pid, started_at=at, seen_at=at)


def still_working(*, at: datetime, name: str) -> bool:
    """Say that a worker lives; one that was given up for dead is back."""
    return bool(Worker.objects.filter(name=name).update(seen_at=at, stopped_at=None))


def end_work(*, at: datetime, name: str) -> None:
    """Write that a worker has stopped by itself."""
    Worker.objects.filter(name=name).update(seen_at=at, stopped_at=at)
