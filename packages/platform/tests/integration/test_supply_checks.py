"""A bundle is checked once, under a lease, and what the platform fails at is never its fault."""

from datetime import timedelta

import pytest
import supplies
from django_tasks_db.models import DBTaskResult

from liudu.platform.audit.models import Line
from liudu.platform.supply import queries, services
from liudu.platform.supply.decisions import CHECKS_MAX, LEASE, QUEUED_LEASE
from liudu.platform.supply.models import Version
from liudu.platform.supply.services import checks
from liudu.sandbox import Level, best_level

pytestmark = [pytest.mark.django_db, pytest.mark.everywhere]
State = Version.State
needs_bwrap = [
    pytest.mark.bwrap,
    pytest.mark.slow,
    pytest.mark.skipif(best_level() < Level.BWRAP, reason="no bubblewrap on this machine"),
]


@pytest.fixture(autouse=True)
def private(settings, tmp_path):
    """A private folder of its own for each test."""
    settings.PRIVATE = tmp_path / "private"
    return settings.PRIVATE


@pytest.fixture
def whose():
    """A vendor."""
    return supplies.vendor()


@pytest.fixture
def version(whose):
    """A version that waits for its check."""
    return supplies.upload(whose, supplies.solution(whose))


def check(version, *, after=timedelta()):
    """Do what a worker does when it takes the task."""
    services.check_version(version_key=version.key, now=lambda: supplies.AT + after)
    return supplies.fresh(version)


def waiting_tasks(version):
    """Return how often the check of a version stands in the queue."""
    tasks = DBTaskResult.objects.filter(queue_name="default")
    return sum(version.key in str(task.args_kwargs) for task in tasks)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=needs_bwrap)
        for name in ("python-batch", "python-stream", "shell-batch")
    ],
)
def test_the_example_solutions_conform_in_the_real_sandbox(name, whose):
    solution = supplies.solution(whose)
    checked = check(supplies.upload(whose, solution, supplies.packed(name)))
    assert checked.state == State.CONFORMS, (checked.reason_zh, checked.findings)
    assert checked.level == "bwrap"
    (task,) = checked.findings
    assert task["task"] == "classify"
    assert {found["state"] for found in task["findings"]} <= {"passed", "warned"}
    assert checked.lease_until is None
    assert Line.objects.filter(verb="supply.version.conforms").count() == 1


@pytest.mark.bwrap
@pytest.mark.skipif(best_level() < Level.BWRAP, reason="no bubblewrap on this machine")
def test_a_program_that_fails_is_told_why_in_both_languages(whose):
    content = supplies.zipped({"main.py": "raise SystemExit('no model found')"})
    checked = check(supplies.upload(whose, supplies.solution(whose), content))
    assert checked.state == State.REFUSED
    assert checked.reason_code == "ends"
    assert checked.reason_zh
    assert checked.reason_zh != checked.reason_en
    assert "no model found" in checked.findings[0]["stderr"]


def test_an_upload_stands_in_the_queue_with_a_lease(version):
    assert waiting_tasks(version) == 1
    assert version.lease_until == supplies.AT + QUEUED_LEASE


def test_what_this_machine_lacks_is_never_the_vendors_fault(version, settings):
    settings.LEVEL_MIN = "gvisor"
    broken = check(version)
    assert broken.state == State.BROKEN
    assert broken.reason_code == "infra"
    assert "本机" in broken.reason_zh
    assert broken.lease_until > supplies.AT


def test_an_error_of_our_own_is_never_the_vendors_fault_and_tells_no_inside(version, monkeypatch):
    def away(*_args, **_named):
        raise OSError("/srv/secret/path is gone")

    monkeypatch.setattr(checks, "check_solution", away)
    broken = check(version)
    assert broken.state == State.BROKEN
    assert "secret" not in broken.reason_en + broken.reason_zh


def test_a_broken_check_is_tried_again_when_its_time_has_come(version, settings):
    settings.LEVEL_MIN = "gvisor"
    broken = check(version)
    assert services.reap_checks(supplies.AT) == 0
    assert services.reap_checks(broken.lease_until) == 1
    assert waiting_tasks(version) == 2


def test_a_broken_check_is_not_tried_for_ever_but_a_person_may(version, settings, whose):
    settings.LEVEL_MIN = "gvisor"
    for number in range(CHECKS_MAX):
        given_up = check(version, after=timedelta(days=number))
    assert given_up.check_count == CHECKS_MAX
    assert given_up.lease_until is None
    assert services.reap_checks(supplies.AT + timedelta(days=99)) == 0
    again = services.recheck_version(by=whose.actor, at=supplies.AT, version=version)
    assert again.state == State.WAITING
    assert check(version).lease_until is not None


def test_only_a_broken_check_can_be_repeated(version, whose):
    with pytest.raises(checks.NotBrokenError) as refusal:
        services.recheck_version(by=whose.actor, at=supplies.AT, version=version)
    assert refusal.value.status == 409


def test_nobody_takes_a_check_that_another_worker_has(version):
    first = checks._begin(version_key=version.key, at=supplies.AT)
    assert first.state == State.CHECKING
    assert checks._begin(version_key=version.key, at=supplies.AT + LEASE / 2) is None


def test_a_killed_workers_check_is_picked_up_again(version):
    checks._begin(version_key=version.key, at=supplies.AT)  # and then it is killed
    assert services.reap_checks(supplies.AT + LEASE / 2) == 0
    assert services.reap_checks(supplies.AT + LEASE) == 1
    assert supplies.fresh(version).state == State.WAITING
    assert waiting_tasks(version) == 2


def test_a_worker_that_was_given_up_and_comes_back_changes_nothing(version, monkeypatch):
    late = checks._begin(version_key=version.key, at=supplies.AT)
    services.reap_checks(supplies.AT + LEASE)
    second = checks._begin(version_key=version.key, at=supplies.AT + LEASE)
    checks._break(late, error=OSError(), at=supplies.AT + LEASE)
    now = supplies.fresh(version)
    assert (now.state, now.check_count) == (State.CHECKING, second.check_count)
    assert not Line.objects.filter(verb="supply.version.broken").exists()


def test_a_bundle_that_takes_its_worker_along_again_and_again_is_given_up(version):
    at = supplies.AT
    for _ in range(CHECKS_MAX):
        checks._begin(version_key=version.key, at=at)
        at += LEASE
        services.reap_checks(at)
    given_up = supplies.fresh(version)
    assert given_up.state == State.BROKEN
    assert "平台的问题" in given_up.reason_zh
    assert services.reap_checks(at + timedelta(days=30)) == 0


def test_a_task_that_was_lost_is_queued_again(version):
    DBTaskResult.objects.all().delete()
    assert services.reap_checks(supplies.AT + QUEUED_LEASE) == 1
    assert waiting_tasks(version) == 1


def test_a_check_that_is_decided_is_not_done_again(version, monkeypatch):
    Version.objects.filter(pk=version.pk).update(state=State.CONFORMS)
    monkeypatch.setattr(checks, "check_solution", lambda *_a, **_n: pytest.fail("ran again"))
    assert check(version).check_count == 0


def test_a_bundle_that_is_gone_is_the_platforms_trouble(version):
    queries.bundle_path(version).unlink()
    gone = check(version)
    assert gone.state == State.BROKEN


@pytest.mark.bwrap
@pytest.mark.skipif(best_level() < Level.BWRAP, reason="no bubblewrap on this machine")
def test_a_bundle_that_changed_on_our_disk_is_the_platforms_trouble_too(version):
    other = supplies.zipped({"another.py": "x"})
    queries.bundle_path(version).write_bytes(other)
    changed = check(version)
    assert changed.state == State.BROKEN
    assert version.digest[:19] in changed.reason_en
