"""What a worker does for this context."""

from django_tasks import task

from liudu.platform import clock


@task(queue_name="default", priority=10)
def verify() -> None:
    """Walk the whole chain, which takes about half a minute a million lines, and keep the result.

    Some trial may run for an hour; a chain is proved before the next one begins.
    """
    from liudu.platform.audit import proofs  # noqa: PLC0415 - which enqueues this

    proofs.prove(now=clock.now)
