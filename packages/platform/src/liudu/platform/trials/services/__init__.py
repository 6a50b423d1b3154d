"""Every write of this context."""

from liudu.platform.trials.services.reaping import reap
from liudu.platform.trials.services.runs import (
    Beat,
    beat,
    decide,
    end_by_solution,
    fail_by_platform,
    give_back,
    order_papers,
    take,
)
from liudu.platform.trials.services.seals import (
    begin_sealing,
    record_sealed,
    record_unsealed,
    seal_data,
    sweep_uploads,
)
from liudu.platform.trials.services.trials import cancel_trial, release_trial, start_trial
from liudu.platform.trials.services.workers import begin_work, end_work, still_working

__all__ = [
    "Beat",
    "beat",
    "begin_sealing",
    "begin_work",
    "cancel_trial",
    "decide",
    "end_by_solution",
    "end_work",
    "fail_by_platform",
    "give_back",
    "order_papers",
    "reap",
    "record_sealed",
    "record_unsealed",
    "release_trial",
    "seal_data",
    "start_trial",
    "still_working",
    "sweep_uploads",
    "take",
]
