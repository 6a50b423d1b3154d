"""What the queue runs. The workers import what it takes; the pages do not."""

from django_tasks import task
from django_tasks.base import TaskContext


@task(queue_name="trials", takes_context=True)
def run_trial(context: TaskContext, *, trial_key: str) -> None:
    """Run a queued trial."""
    from liudu.platform.trials.runner import run  # noqa: PLC0415 - brings numpy and the sandbox

    run(trial_key, worker=context.task_result.worker_ids[-1])


@task(queue_name="default")
def make_papers(*, trial_key: str) -> None:
    """Make the PDFs of a trial's report that are not there."""
    from liudu.platform.trials.runner import papers  # noqa: PLC0415 - brings the typesetter

    papers(trial_key)


@task(queue_name="default")
def seal_data(*, seal_key: str) -> None:
    """Seal what an owner has uploaded."""
    from liudu.platform.trials.runner import seal  # noqa: PLC0415 - brings numpy and Pillow

    seal(seal_key)
