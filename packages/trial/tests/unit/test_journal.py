import os
from datetime import UTC, datetime

import orjson
import pytest

from liudu.trial.journal import (
    DamagedJournalError,
    Journal,
    Lock,
    RunIsBusyError,
    State,
    WrongStepError,
    free_room,
    reserve_room,
    write_whole,
)

MOMENT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def open_journal(folder):
    return Journal(folder / "journal.jsonl", now=lambda: MOMENT)


def test_events_are_there_for_the_next_reader(tmp_path):
    journal = open_journal(tmp_path)
    journal.enter(State.CREATED, seal="here")
    journal.note("look", shown=32)
    again = open_journal(tmp_path)
    assert again.state is State.CREATED
    assert again.last("look") == {
        "seq": 2,
        "at": "2026-11-20T08:00:00Z",
        "event": "look",
        "shown": 32,
    }


def test_half_a_last_line_never_counted_and_is_taken_away(tmp_path):
    journal = open_journal(tmp_path)
    journal.enter(State.CREATED)
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + b'{"seq":2,"event":"stag')
    again = open_journal(tmp_path)
    assert again.state is State.CREATED
    again.enter(State.STAGED)
    assert [orjson.loads(line)["seq"] for line in again.path.read_bytes().splitlines()] == [1, 2]


def test_a_damaged_line_in_the_middle_is_refused_with_its_number(tmp_path):
    journal = open_journal(tmp_path)
    journal.enter(State.CREATED)
    journal.enter(State.STAGED)
    journal.path.write_bytes(b"[]\n" + journal.path.read_bytes())
    with pytest.raises(DamagedJournalError, match="Line 1 "):
        open_journal(tmp_path)


def test_a_step_that_cannot_follow_is_refused(tmp_path):
    journal = open_journal(tmp_path)
    journal.enter(State.CREATED)
    with pytest.raises(WrongStepError, match="created cannot become complete"):
        journal.enter(State.COMPLETE)


def test_a_complete_run_does_not_break_any_more(tmp_path):
    journal = open_journal(tmp_path)
    for state in (State.CREATED, State.STAGED, State.SERVING, State.COLLECTED, State.SCORED):
        journal.enter(state)
    journal.enter(State.COMPLETE)
    with pytest.raises(WrongStepError):
        journal.enter(State.BROKEN)


def test_a_broken_run_knows_how_far_it_came(tmp_path):
    journal = open_journal(tmp_path)
    for state in (State.CREATED, State.STAGED, State.SERVING, State.COLLECTED):
        journal.enter(state)
    journal.enter(State.BROKEN, reason="interrupted")
    assert journal.state is State.BROKEN
    assert journal.reached is State.COLLECTED


def test_a_write_that_the_disk_refuses_leaves_the_journal_as_it_was(tmp_path, monkeypatch):
    journal = open_journal(tmp_path)
    journal.enter(State.CREATED)
    before = journal.path.read_bytes()
    real = os.write

    def half(fd, data):
        real(fd, bytes(data)[:7])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="No space"):
        journal.enter(State.STAGED)
    assert journal.path.read_bytes() == before
    assert open_journal(tmp_path).state is State.CREATED


def test_a_file_is_there_in_full_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    write_whole(path, b"old")

    def refuse(fd, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new and longer")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


def test_the_room_set_aside_is_given_back(tmp_path):
    reserve_room(tmp_path)
    assert sum(entry.stat().st_blocks for entry in tmp_path.iterdir()) * 512 >= 64 * 1024
    free_room(tmp_path)
    free_room(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_second_at_the_lock_is_told_who_has_it(tmp_path):
    with Lock(tmp_path, now=lambda: MOMENT):
        with pytest.raises(RunIsBusyError) as refused, Lock(tmp_path, now=lambda: MOMENT):
            pass
        assert f"process {os.getpid()}" in refused.value.say("en")
        assert "2026-11-20T08:00:00Z" in refused.value.say("zh")
    with Lock(tmp_path, now=lambda: MOMENT):
        pass
