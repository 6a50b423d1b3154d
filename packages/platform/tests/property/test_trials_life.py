"""Whatever crashes in whatever order: no trial is stuck, decided twice, or charged for us."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction
from django_tasks_db.models import DBTaskResult
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from trial_city import AT, TARGETS, a_need, a_trial, organisation

from liudu.contract import Reason
from liudu.platform.actors import SYSTEM
from liudu.platform.supply.models import Certificate
from liudu.platform.trials import services
from liudu.platform.trials.decisions import ending_of
from liudu.platform.trials.models import Seal, Trial
from liudu.platform.trials.services import Beat
from liudu.platform.trials.services.trials import TrialOverError
from liudu.trial import certificate, keys

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db, pytest.mark.slow]
LEASE = timedelta(seconds=settings.TRIAL_LEASE_S)
RESULT = {
    "contract": "liudu.trial/1",
    "verdict": "failed",
    "reason": "ok",
    "task": "classify",
    "simulated": True,
    "targets": [],
    "level": {"asked": "process", "had": "process", "weaker": False},
    "measurements": {},
    "digests": dict.fromkeys(
        ("commitment", "data", "labels", "protocol", "scorer", "solution"), f"sha256:{'0' * 64}"
    ),
    "scorer": {"name": "classify", "version": "1"},
    "attempts": [],
    "solution": {},
}
WORKERS = ("one", "two", "three")
SIGNED = certificate.issue(
    RESULT, key=keys.load_or_make(Path(settings.CERTIFICATE_KEY))[0], at=AT, need="焊点漏检"
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["take", "beat", "decide", "crash", "fail", "give_back", "cancel", "reap", "lost_task"]
        ),
        st.sampled_from(WORKERS),
        st.integers(0, 3),  # leases that go by
    ),
    max_size=25,
)


def step(name, *, worker, at, trial):
    """Do one thing that may happen; refusals of what is over are part of life."""
    who = {"at": at, "trial_key": trial.key, "worker": worker}
    if name == "take":
        services.take(**who)
    elif name == "beat":
        services.beat(**who, so_far=Beat(stage_en="x", news=[("stage", "一", "one")]))
    elif name == "decide":
        services.decide(**who, result=RESULT, certificate=SIGNED)
    elif name == "crash":
        services.end_by_solution(**who, ending=ending_of(Reason.CRASH), result=RESULT)
    elif name == "fail":
        services.fail_by_platform(**who, code="DiskFull")
    elif name == "give_back":
        services.give_back(**who)
    elif name == "reap":
        services.reap(at)
    elif name == "lost_task":
        DBTaskResult.objects.all().delete()
    elif Trial.objects.get(pk=trial.pk).state in ("queued", "running"):
        services.cancel_trial(by=SYSTEM, at=at, trial=trial)
    else:
        with pytest.raises(TrialOverError):
            services.cancel_trial(by=SYSTEM, at=at, trial=trial)


def check(trial, *, seen):
    """Hold what must always hold."""
    decided = trial.state == Trial.State.DECIDED
    charged = decided or trial.reason_code == "crash"
    assert trial.attempt_count == int(charged)
    assert bool(trial.verdict) == decided
    assert (trial.state == Trial.State.RUNNING) == bool(trial.worker)
    assert (trial.lease_until is not None) == (trial.state == Trial.State.RUNNING)
    assert trial.infra_count <= settings.TRIAL_ATTEMPTS_MAX
    assert Certificate.objects.filter(trial_key=trial.key).count() == int(decided)
    over = trial.state in (Trial.State.DECIDED, Trial.State.ENDED)
    assert not seen or (over and trial.state == seen), "what is over stays as it is"
    return trial.state if over else ""


@hypothesis_settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_a_trial_is_never_stuck_never_decided_twice_and_never_charged_for_us(db, steps):
    with transaction.atomic():
        trial, at, seen = queued(), AT, ""
        for name, worker, leases in steps:
            at += LEASE * leases
            step(name, worker=worker, at=at, trial=trial)
            trial.refresh_from_db()
            seen = check(trial, seen=seen)
        trial.refresh_from_db()
        for _ in range(settings.TRIAL_ATTEMPTS_MAX + 1):  # one worker that lives is enough
            at += 2 * LEASE
            services.reap(at)
            services.take(at=at, trial_key=trial.key, worker="last")
            services.decide(
                at=at, trial_key=trial.key, worker="last", result=RESULT, certificate=SIGNED
            )
        trial.refresh_from_db()
        assert check(trial, seen=seen), trial.state
        transaction.set_rollback(True)


def queued():
    """Return a queued trial on a seal of which only the row is there."""
    need = a_need(organisation("明州光电"))
    Seal.objects.create(
        need=need, state=Seal.State.SEALED, targets=TARGETS, created_at=AT, sealed_at=AT
    )
    return a_trial(need)
