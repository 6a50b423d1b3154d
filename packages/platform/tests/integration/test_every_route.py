"""Every route names its permission, and who gets in where is written down and reviewed.

The matrix is `doors.yaml` beside this file. After a change that is meant, write it anew with
``LIUDU_WRITE_DOORS=1 pytest packages/platform/tests/integration/test_every_route.py`` and read
the difference.
"""

import os
from pathlib import Path

import guarded_city
import pytest
import yaml
from django.db import connection, transaction
from django.urls import reverse
from rules.permissions import permissions

from liudu.platform.api import operations, permission_of
from liudu.platform.audit.models import Line
from liudu.platform.web.doors import PUBLIC

MATRIX = Path(__file__).parent / "doors.yaml"
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


@pytest.fixture
def city(db):
    """A city with one of everything."""
    return guarded_city.build()


def test_every_route_of_ours_names_a_permission():
    nameless = [
        door.name for door in guarded_city.ours() if not getattr(door.view, "permission", "")
    ]
    assert nameless == []
    assert len(guarded_city.ours()) > 40


def test_every_operation_of_the_api_names_a_permission():
    found = {
        operation.view_func.__qualname__: permission_of(operation) for operation in operations()
    }
    assert found
    assert [name for name, permission in found.items() if not permission] == []


def test_every_named_permission_is_registered():
    named = {door.view.permission for door in guarded_city.ours()}
    named |= {permission_of(operation) for operation in operations()}
    assert {name for name in named - {PUBLIC} if name not in permissions} == set()


def test_every_library_route_is_known_and_there():
    names = {door.name for door in guarded_city.doors()}
    assert set(guarded_city.LIBRARIES) <= names
    for prefix in guarded_city.LIBRARY_PREFIXES:
        assert any(name.startswith(prefix) for name in names), prefix


def outcome(answer):
    """Return how a door answered: in, login, or the status that keeps somebody out."""
    if answer.status_code == 302 and answer["Location"].startswith("/accounts/login/"):
        return "login"
    if answer.status_code in (403, 404, 405):
        return str(answer.status_code)
    return "in" if answer.status_code < 500 else "broken"


def matrix_of(city):
    """Return for every door, subject and method how each reader fares."""
    clients = {
        reader: city.client(reader, raise_request_exception=False)
        for reader in guarded_city.READERS
    }
    found = {}
    for door in guarded_city.ours():
        for word, arguments in guarded_city.subjects(door, city.things):
            path = reverse(door.name, kwargs=arguments)
            about = f"{door.name} ({word})" if word else door.name
            row = {"path": f"/{door.path}", "permission": door.view.permission}
            for method in ("get", "post"):
                row[method.upper()] = said(
                    {
                        reader: ask(client, method=method, path=path)
                        for reader, client in clients.items()
                    }
                )
            found[about] = row
    return found


def ask(client, *, method, path):
    """Return the outcome of one request, none of whose deeds stays."""
    with transaction.atomic():
        answer = getattr(client, method)(path)
        guarded_city.read(answer)
        result = outcome(answer)
        transaction.set_rollback(True)
    return result


def said(outcomes):
    """Return outcomes as one line: who gets in, who not and how."""
    by = {}
    for reader, result in outcomes.items():
        by.setdefault(result, []).append(reader)
    if len(by) == 1:
        return f"{next(iter(by))}: everybody"
    return "; ".join(f"{result}: {' '.join(by[result])}" for result in sorted(by))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_who_gets_in_where_is_as_it_was_reviewed(city):
    found = matrix_of(city)
    broken = [(about, row) for about, row in found.items() if "broken" in str(row)]
    assert broken == []
    if os.environ.get("LIUDU_WRITE_DOORS"):
        text = yaml.safe_dump(found, allow_unicode=True, sort_keys=True, width=200)
        MATRIX.write_text(text, encoding="utf-8")
    reviewed = yaml.safe_load(MATRIX.read_text(encoding="utf-8"))
    assert found == reviewed


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_reading_changes_nothing(city):
    before = Line.objects.count()
    changes = []

    def watch(execute, sql, params, many, context):
        kept = any(table in sql for table in ("django_session", "audit_line", "audit_head"))
        if sql.lstrip().upper().startswith(WRITES) and not kept:
            changes.append((watched, sql[:200]))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        for reader in ("visitor", "owner", "vendor", "officer", "auditor", "operator"):
            client = city.client(reader, raise_request_exception=False)
            changes.clear()  # of the login
            for door in guarded_city.ours():
                for word, arguments in guarded_city.subjects(door, city.things):
                    watched = (reader, door.name, word)
                    guarded_city.read(client.get(reverse(door.name, kwargs=arguments)))
            assert changes == []
    # Who looks at somebody's facts is told to them; nothing else is written by reading.
    told = Line.objects.filter(verb__in=("identity.user.logged_in", "funding.subject.looked_at"))
    assert Line.objects.count() == before + told.count()
