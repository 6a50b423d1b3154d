"""What a worker does for this context."""

from django_tasks import task

from liudu.platform import clock


@task(queue_name="default")
def check_later(version_key: str) -> None:
    """Hold an uploaded bundle to the contract."""
    from liudu.platform.supply.services.checks import check_version  # noqa: PLC0415 - enqueues it

    check_version(version_key=version_key, now=clock.now)
