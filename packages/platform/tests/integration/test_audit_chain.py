"""The chain of the audit: nobody changes it unseen, and ten writers keep one chain."""

import json
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from threading import Barrier

import pytest
from django.db import DatabaseError, connection, connections, transaction

from liudu.platform.actors import SYSTEM
from liudu.platform.audit import queries
from liudu.platform.audit.decisions import START, Wrong, canonical, digest_of
from liudu.platform.audit.models import Head, Line
from liudu.platform.audit.services import record

TRIGGERS = import_module("liudu.platform.audit.migrations.0002_lines_are_only_added")
pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]


def write(at, count=1, **detail):
    """Add lines."""
    with transaction.atomic():
        return [
            record(
                at=at,
                by=SYSTEM,
                verb="needs.need.published",
                subject_kind="need",
                subject_key=f"k{number}",
                **detail,
            )
            for number in range(count)
        ]


@pytest.fixture
def forge():
    """Run SQL as somebody who has taken the triggers down."""

    def run(sql, *values):
        TRIGGERS.fall(None, connection.schema_editor())
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
        TRIGGERS.stand(None, connection.schema_editor())

    return run


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_line SET verb = 'x' WHERE number = 2",
        "DELETE FROM audit_line WHERE number = 2",
        "DELETE FROM audit_line",
    ],
)
def test_the_database_itself_refuses_to_change_or_remove_a_line(at, sql):
    write(at, 3)
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        connection.cursor().execute(sql)
    assert Line.objects.count() == 3


def test_sqlite_cannot_replace_a_line_and_postgresql_cannot_empty_the_table(at):
    write(at, 3)
    sql = (
        "TRUNCATE audit_line"
        if connection.vendor == "postgresql"
        else "INSERT OR REPLACE INTO audit_line SELECT * FROM audit_line WHERE number = 2"
    )
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        connection.cursor().execute(sql)


def test_django_cannot_change_or_remove_a_line_either(at):
    (line,) = write(at)
    line.verb = "x"
    with pytest.raises(DatabaseError), transaction.atomic():
        line.save()
    with pytest.raises(DatabaseError), transaction.atomic():
        line.delete()


def test_an_empty_and_an_honest_chain_hold(at, monkeypatch):
    monkeypatch.setattr(queries, "CHUNK_LINES", 4)  # the walk crosses chunks
    assert queries.verify_chain() == queries.Verification(count=0, head_digest=START, broken=None)
    newest = write(at, 11, amount=3, name="苏州", quoted='"\n')[-1]
    seen = []
    found = queries.verify_chain(lambda done, total: seen.append((done, total)))
    assert found == queries.Verification(count=11, head_digest=newest.digest, broken=None)
    assert seen == [(4, 11), (8, 11), (11, 11)]


@pytest.mark.parametrize("column", [name for name in queries.COLUMNS if name != "number"])
def test_a_changed_column_is_found(at, forge, column):
    write(at, 5)
    value = "2020-01-01 00:00:00+00:00" if column == "at" else "forged"
    forge(f"UPDATE audit_line SET {column} = %s WHERE number = 3", value)  # noqa: S608
    found = queries.verify_chain()
    assert found.count == 2
    assert found.broken == queries.Break(number=3, wrong=Wrong.CONTENT)


@pytest.mark.parametrize(
    ("sql", "number", "wrong"),
    [
        ("UPDATE audit_line SET content = '{}' WHERE number = 3", 3, Wrong.DIGEST),
        ("UPDATE audit_line SET digest = 'f' WHERE number = 3", 3, Wrong.DIGEST),
        ("UPDATE audit_line SET previous = 'f' WHERE number = 3", 3, Wrong.LINK),
        ("DELETE FROM audit_line WHERE number = 3", 3, Wrong.MISSING),
        ("DELETE FROM audit_line WHERE number = 1", 1, Wrong.MISSING),
        ("DELETE FROM audit_line WHERE number = 5", 5, Wrong.MISSING),
        ("UPDATE audit_line SET number = 9 WHERE number = 5", 5, Wrong.MISSING),
        ("UPDATE audit_head SET digest = 'f'", 5, Wrong.HEAD),
        ("UPDATE audit_head SET number = 3", 3, Wrong.HEAD),
    ],
)
def test_whatever_is_changed_is_found_and_named(at, forge, sql, number, wrong):
    write(at, 5)
    forge(sql)
    assert queries.verify_chain().broken == queries.Break(number=number, wrong=wrong)


def test_two_lines_that_changed_places_are_found(at, forge):
    write(at, 5)
    forge(
        "UPDATE audit_line SET number = CASE number WHEN 2 THEN -3 ELSE -2 END "
        "WHERE number IN (2, 3)"
    )
    forge("UPDATE audit_line SET number = -number WHERE number < 0")
    assert queries.verify_chain().broken == queries.Break(number=2, wrong=Wrong.LINK)


def test_a_chain_written_anew_holds_in_itself_and_not_against_an_anchor(at, forge):
    lines = write(at, 5)
    anchor = (4, lines[3].digest)
    assert queries.verify_chain(anchor=anchor).broken is None
    previous = lines[1].digest
    for line in lines[2:]:
        said = {**json.loads(line.content), "verb": "forged"}
        content = canonical(said)
        digest = digest_of(previous=previous, content=content)
        forge(
            "UPDATE audit_line SET verb = 'forged', content = %s, previous = %s, digest = %s "
            "WHERE number = %s",
            content,
            previous,
            digest,
            line.number,
        )
        previous = digest
    Head.objects.update(digest=previous)
    assert queries.verify_chain().broken is None
    assert queries.verify_chain(anchor=anchor).broken == queries.Break(number=4, wrong=Wrong.ANCHOR)
    assert queries.verify_chain(anchor=(7, "f")).broken == queries.Break(
        number=6, wrong=Wrong.MISSING
    )


def test_the_export_is_enough_to_verify_the_chain_elsewhere(at):
    write(at, 5, note="试验")
    previous = START
    for text in queries.export_lines():
        line = json.loads(text)
        digest, said_previous = line.pop("digest"), line.pop("previous")
        assert said_previous == previous
        assert digest == digest_of(previous=previous, content=canonical(line))
        previous = digest
    assert previous == queries.head().digest


def test_a_line_is_written_inside_a_transaction_only(at, transactional_db):
    with pytest.raises(RuntimeError, match="transaction"):
        record(at=at, by=SYSTEM, verb="a.b.c", subject_kind="x", subject_key="y")


@pytest.mark.django_db(transaction=True)
def test_a_deed_that_fails_leaves_no_line_and_no_gap(at):
    with transaction.atomic():
        record(at=at, by=SYSTEM, verb="a.b.c", subject_kind="x", subject_key="y")
        transaction.set_rollback(True)  # as Django does when a deed raises
    write(at, 2)
    assert queries.verify_chain().count == 2
    assert queries.verify_chain().broken is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", [False, True], ids=["on a chain", "on nothing"])
def test_ten_writers_at_once_keep_one_chain(at, first):
    if not first:
        write(at)
    before = Line.objects.count()
    start = Barrier(10)

    def writer(_number):
        try:
            start.wait(timeout=30)
            for _ in range(20):
                write(at)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(writer, range(10)))
    found = queries.verify_chain()
    assert (found.count, found.broken) == (before + 200, None)
