"""People act on one signal at the same moment, each over a connection of their own."""

import threading
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import connection

from liudu.outbreak.desk import services
from liudu.outbreak.desk.models import Entry, Signal
from liudu.outbreak.desk.offline import verify_file

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PEOPLE = 6


def at_once(acts):
    """Run all acts from one start line and return what each ended with."""
    line, ended = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place, act):
        line.wait()
        try:
            ended[place] = act()
        except Exception as error:  # noqa: BLE001 - what it is is what the test asks
            ended[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


@pytest.fixture
def people(detected, member):
    for number in range(PEOPLE):
        member(f"person{number}")
    return list(User.objects.order_by("pk"))


def test_of_people_who_step_at_once_one_does_and_the_others_are_told(people, site):
    signal = Signal.objects.first()

    def step(user):
        return lambda: services.take_step(
            signal, to="verifying", version=signal.version, note=user.username, outcome="",
            user=user, at=AT,
        )  # fmt: skip

    ended = at_once([step(user) for user in people])
    assert sum(isinstance(one, Signal) for one in ended) == 1
    told = [one for one in ended if isinstance(one, services.TakenInBetweenError)]
    assert len(told) == PEOPLE - 1, ended
    assert Entry.objects.filter(signal=signal, kind="step").count() == 1
    connection.close()
    assert verify_file(site.database).broken is None


def test_notes_written_at_once_are_all_kept_and_the_audit_stays_whole(people, site):
    signal = Signal.objects.first()

    def note(user):
        return lambda: services.add_note(signal, note=user.username, user=user, at=AT)

    ended = at_once([note(user) for user in people])
    assert not [one for one in ended if isinstance(one, Exception)]
    assert Entry.objects.filter(signal=signal, kind="note").count() == PEOPLE
    connection.close()
    assert verify_file(site.database).broken is None
