"""Workers as they are: processes of their own, on a real database, killed and stopped."""

import errno
import signal

import pytest
from django.conf import settings
from django_tasks_db.models import DBTaskResult
from trial_city import AT, MANIFEST, a_need, a_seal, a_trial, now, organisation, until, worker

from liudu.platform.actors import SYSTEM
from liudu.platform.supply.models import Certificate
from liudu.platform.trials import places, runner, services
from liudu.platform.trials.models import Trial, Worker
from liudu.platform.trials.services.trials import AlreadyTriedError
from liudu.sandbox import Level, available
from liudu.trial import certificate, recheck

pytestmark = [
    pytest.mark.everywhere,
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.timeout(600),  # of a machine under load; what is awaited comes in seconds
]
LONG = "time.sleep(600)"


@pytest.fixture
def need(transactional_db):
    """A need with sealed data."""
    need = a_need(organisation("明州光电"))
    a_seal(need)
    return need


def end(process):
    """Return what a worker said, once it has ended."""
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


def test_a_trial_comes_to_a_verdict_and_a_certificate_that_verifies(need):
    trial = a_trial(need)
    end(worker())
    ended = now(trial)
    assert (ended.state, ended.verdict) == (Trial.State.DECIDED, "passed"), ended.reason_zh
    assert (ended.attempt_count, ended.infra_count) == (1, 0)
    stages = [event.en for event in ended.events.all()]
    assert stages[0] == "Queued"
    assert "Running the solution" in stages
    assert stages[-1] == "Decided, not yet released"
    document = Certificate.objects.get(trial_key=trial.key).document
    verified = certificate.verify(document, at=ended.ended_at)
    assert verified.accepted
    assert verified.subject["need"]["name"] == need.title
    found = dict(recheck.of_run(places.run_of(trial.key)))
    claimed = verified.subject["evidence"]
    assert found["evidence.result"] == claimed["result"]


@pytest.mark.bwrap
@pytest.mark.skipif(available(Level.BWRAP) is not None, reason="no bubblewrap here")
def test_where_bubblewrap_is_the_trial_runs_in_it(need):
    trial = a_trial(need)
    end(worker())
    assert now(trial).result["level"]["had"] == "bwrap"


def test_a_worker_killed_in_the_middle_is_followed_by_another_within_the_lease(need):
    trial = a_trial(need, before="time.sleep(3)")
    first = worker(once=False)
    until(lambda: now(trial).stage_en == "Running the solution")
    first.kill()
    first.communicate()
    end(worker_until_decided(trial))
    ended = now(trial)
    assert (ended.state, ended.verdict) == (Trial.State.DECIDED, "passed"), ended.reason_zh
    assert (ended.attempt_count, ended.infra_count) == (1, 1)
    kinds = [event.kind for event in ended.events.all()]
    assert kinds.count("taken") == 2
    assert "infra" in kinds
    assert not DBTaskResult.objects.running().exists()
    assert Certificate.objects.filter(trial_key=trial.key).count() == 1


def test_a_worker_told_to_stop_hands_its_trial_back_at_no_cost(need):
    trial = a_trial(need, before=LONG)
    process = worker(once=False)
    until(lambda: now(trial).stage_en == "Running the solution")
    process.send_signal(signal.SIGTERM)
    end(process)
    after = now(trial)
    assert (after.state, after.worker) == (Trial.State.QUEUED, "")
    assert (after.attempt_count, after.infra_count) == (0, 0)
    assert DBTaskResult.objects.ready().count() == 1
    assert Worker.objects.get().stopped_at is not None


def test_a_trial_that_is_cancelled_while_it_runs_ends_at_once_and_stays_ended(need):
    trial = a_trial(need, before=LONG)
    process = worker()
    until(lambda: now(trial).stage_en == "Running the solution")
    services.cancel_trial(by=SYSTEM, at=AT, trial=now(trial))
    end(process)
    after = now(trial)
    assert (after.state, after.reason_code) == (Trial.State.ENDED, "cancelled")
    assert (after.attempt_count, after.verdict) == (0, "")
    assert not Certificate.objects.filter(trial_key=trial.key).exists()


def test_two_workers_run_each_of_many_trials_exactly_once(need):
    trials = [a_trial(need, vendor=f"供方 {number}") for number in range(8)]
    processes = [worker(lease_s=30) for _ in range(2)]
    for process in processes:
        end(process)
    for trial in map(now, trials):
        assert trial.state == Trial.State.DECIDED, trial.reason_zh
        kinds = [event.kind for event in trial.events.all()]
        assert (kinds.count("taken"), kinds.count("decided")) == (1, 1)
    assert Certificate.objects.count() == len(trials)


def test_a_solution_that_crashes_ends_by_its_own_reason_and_is_told_no_piece(need):
    trial = a_trial(need, before='raise SystemExit("0 o 1 x")')
    end(worker())
    after = now(trial)
    assert (after.state, after.reason_code) == (Trial.State.ENDED, "crash")
    assert (after.attempt_count, after.infra_count, after.verdict) == (1, 0, "")
    assert "0 o" not in str(vars(after))
    assert not Certificate.objects.exists()
    with pytest.raises(AlreadyTriedError):
        services.start_trial(by=SYSTEM, at=AT, offer=trial.offer)


def test_a_solution_for_another_task_ends_without_having_seen_a_piece(need):
    files = {"liudu-solution.json": MANIFEST.replace("classify", "value"), "main.py": ""}
    trial = a_trial(need, files=files)
    end(worker())
    after = now(trial)
    assert (after.state, after.reason_code) == (Trial.State.ENDED, "WrongTask")
    assert (after.attempt_count, after.infra_count) == (0, 0)


def test_a_platform_that_fails_again_and_again_ends_the_trial_and_charges_nobody(need):
    trial = a_trial(need)
    (places.seal_of(trial.seal.key) / "items.sha256").write_text("altered")
    process = worker(once=False, lease_s=1)
    until(lambda: now(trial).state == Trial.State.ENDED)
    process.terminate()
    said = end(process)
    after = now(trial)
    assert after.reason_code == "infrastructure"
    assert (after.attempt_count, after.infra_count) == (0, settings.TRIAL_ATTEMPTS_MAX)
    assert "SealAltered" in said
    assert not DBTaskResult.objects.ready().exists()
    # The owner may start it again with the same offer.
    services.start_trial(by=SYSTEM, at=AT, offer=trial.offer)


def test_a_full_disk_is_the_platforms_fault(need, monkeypatch):
    trial = a_trial(need)

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runner, "run_trial", full)
    runner.run(trial.key, worker="one")
    after = now(trial)
    assert (after.state, after.infra_count, after.attempt_count) == (Trial.State.QUEUED, 1, 0)


def worker_until_decided(trial):
    """Return a worker that was told to stop once a trial was over."""
    process = worker(once=False)
    until(lambda: now(trial).state in (Trial.State.DECIDED, Trial.State.ENDED))
    process.terminate()
    return process
