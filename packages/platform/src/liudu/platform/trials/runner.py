"""One trial from the queue to its verdict, and one upload to its seal, inside a worker.

Whatever goes wrong here is told by its code alone: messages and tracebacks could carry names or
labels, and both the task table and the log are read by people who must not see them.
"""

import fcntl
import logging
import traceback
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connection

from liudu.acceptance import Promise
from liudu.contract import BundleError, ManifestError, Reason, Refusal
from liudu.platform import clock
from liudu.platform.supply.queries import bundle_path
from liudu.platform.trials import places, reports, sealing, services
from liudu.platform.trials.decisions import Ending, ending_of, ending_of_refusal
from liudu.platform.trials.models import Trial
from liudu.platform.trials.pulse import Pulse, StopAsked, Stopped
from liudu.trial import keys
from liudu.trial.run import run_trial
from liudu.trial.runtime import (
    NeedsNotMetError,
    NoGpuError,
    TooFewCpusError,
    TooMuchMemoryError,
    WrongModeError,
    WrongTaskError,
)
from liudu.trial.seal import open_seal
from liudu.trial.serving import Clock

logger = logging.getLogger(__name__)
# Only these tell of the solution; any other refusal is the platform's to put right.
OF_THE_SOLUTION: Final = (
    BundleError,
    ManifestError,
    NeedsNotMetError,
    NoGpuError,
    TooFewCpusError,
    TooMuchMemoryError,
    WrongModeError,
    WrongTaskError,
)


class PaperNotMadeError(RuntimeError):
    """A report could not be set as PDF; the message is the code of the fault alone."""


STOP: Final = StopAsked()  # of this process; the worker's signal handler asks


def run(trial_key: str, *, worker: str, stop: StopAsked = STOP) -> None:
    """Run a trial if it is still queued, and write what came of it.

    Parameters
    ----------
    worker
        Who runs it, for its lease.

    """
    trial = services.take(at=clock.now(), trial_key=trial_key, worker=worker)
    if trial is None:
        return
    who: dict[str, Any] = {"trial_key": trial_key, "worker": worker}
    pulse = Pulse(**who, stop=stop)
    try:
        with pulse:
            result, ending, certificate = _measured(trial, pulse)
    except Stopped:
        connection.close()
        if not pulse.lost:
            services.give_back(at=clock.now(), **who)
        return
    except OF_THE_SOLUTION as refusal:
        services.end_by_solution(at=clock.now(), **who, ending=ending_of_refusal(refusal))
        return
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the platform's
        tell_quietly(f"trial {trial_key}", error)
        services.fail_by_platform(at=clock.now(), **who, code=code_of(error))
        return
    pulse.beat()  # stages that went by faster than a beat are told as well
    if ending is not None:
        services.end_by_solution(at=clock.now(), **who, ending=ending, result=result)
    else:
        services.decide(at=clock.now(), **who, result=result, certificate=certificate)


def _measured(trial: Trial, pulse: Pulse) -> tuple[dict[str, Any], Ending | None, dict[str, Any]]:
    """Run and report; return the result, the end if there is no verdict, and the certificate."""
    folder = places.seal_of(trial.seal.key)
    with pulse.breakable():
        measured = run_trial(
            open_seal(folder, progress=pulse),
            bundle_path(trial.version),
            into=places.run_of(trial.key),
            clock=Clock(now=clock.now),
            progress=pulse,
        )
    result = dict(measured.result)
    ending = ending_of(Reason(result["reason"]))
    key = keys.load_or_make(settings.CERTIFICATE_KEY)[0] if ending is None else None
    with pulse.stage(zh="撰写报告", en="Writing the report", total=None):
        certificate = reports.write(trial.key, seal=folder, key=key, at=clock.now())
    return result, ending, certificate or {}


def papers(trial_key: str) -> None:
    """Make the PDFs of a trial's report that are not there; what fails is told by its code."""
    trial = Trial.objects.select_related("seal").get(key=trial_key)
    try:
        reports.make_papers(trial_key, seal=places.seal_of(trial.seal.key), at=clock.now())
    except Exception as error:  # noqa: BLE001 - whatever it is, its words stay here
        tell_quietly(f"report of {trial_key}", error)
        raise PaperNotMadeError(code_of(error)) from None


def seal(seal_key: str) -> None:
    """Seal an upload if it is still waiting, and write what came of it."""
    upload = places.upload_of(seal_key)
    with _only_one(upload) as mine:
        if not mine:
            return
        waiting = services.begin_sealing(at=clock.now(), seal_key=seal_key)
        if waiting is None:
            sealing.drop_upload(seal_key)
            return
        try:
            sealed = sealing.seal_upload(
                seal_key,
                promise=Promise.from_mapping(waiting.targets),
                name=waiting.need.title,
                at=clock.now(),
                simulated=waiting.simulated,
                encoding=waiting.encoding,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the platform's
            _unsealed(seal_key, error)
        else:
            services.record_sealed(at=clock.now(), seal_key=seal_key, sealed=sealed)
            sealing.drop_upload(seal_key)


def _unsealed(seal_key: str, error: Exception) -> None:
    platform_failed = not isinstance(error, Refusal) or error.machine
    if platform_failed:
        tell_quietly(f"seal {seal_key}", error)
    elif isinstance(error, Refusal):
        sealing.keep_refusal(seal_key, error)
    again = services.record_unsealed(
        at=clock.now(), seal_key=seal_key, code=code_of(error), platform_failed=platform_failed
    )
    if not again:
        sealing.drop_upload(seal_key)


class _only_one:  # noqa: N801 - reads as a statement
    """Hold a lock beside a file; tells whether it was had. It goes with the process."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_suffix(".lock")

    def __enter__(self) -> bool:
        self._file = self._path.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)
        self._file.close()


def code_of(error: Exception) -> str:
    """Return the name of what went wrong."""
    return error.code if isinstance(error, Refusal) else type(error).__name__.removesuffix("Error")


def tell_quietly(what: str, error: Exception) -> None:
    """Log where something went wrong, without what it says."""
    places_in_code = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s: %s\n%s", what, code_of(error), places_in_code)
