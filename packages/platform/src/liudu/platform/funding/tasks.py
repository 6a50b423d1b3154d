"""What a worker does for this context."""

from django_tasks import task

from liudu.platform import clock


@task(queue_name="default")
def match_later(batch_key: str) -> None:
    """Compare a large city with a rule."""
    from liudu.platform.funding.services.matching import go_on_matching  # noqa: PLC0415 - enqueues it

    go_on_matching(batch_key=batch_key, now=clock.now)


@task(queue_name="default")
def mail_notices(batch_key: str, address: str) -> None:
    """Send the letters of a delivery that were not sent yet."""
    from liudu.platform.funding.letters import send_notices  # noqa: PLC0415 - Django is ready then

    send_notices(batch_key=batch_key, address=address, at=clock.now())
