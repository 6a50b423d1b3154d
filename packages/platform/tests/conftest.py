"""A moment, people and a city for all tests of the platform."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management.commands import flush
from django.db import transaction
from django.db.backends.base.operations import BaseDatabaseOperations
from django.test import Client
from django.utils import translation

from liudu.platform.actors import Actor, Role
from liudu.platform.city.models import District, Sector
from liudu.platform.identity.models import Membership, Organisation, User

AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@pytest.fixture
def at():
    """The moment at which tests act."""
    return AT


@pytest.fixture
def sector(db):
    """Manufacturing."""
    return Sector.objects.create(
        code="manufacturing", number=1, name="制造", name_en="Manufacturing"
    )


@pytest.fixture
def district(db):
    """The industrial park."""
    return District.objects.create(
        code="sip", name="苏州工业园区", name_en="Suzhou Industrial Park"
    )


@pytest.fixture
def organisation(db):
    """Make an organisation."""

    def make(name="明州光电", *, kind="company"):
        return Organisation.objects.create(name=name, kind=kind, created_at=AT)

    return make


@pytest.fixture
def person(db):
    """Make a person with roles in an organisation."""

    def make(email, *, of=None, roles=()):
        user = User.objects.create_user(
            email, "a long enough password", name=email.partition("@")[0]
        )
        for role in roles:
            Membership.objects.create(user=user, organisation=of, role=Role(role), since=AT)
        return user

    return make


@pytest.fixture
def actor():
    """Make the actor of a user."""

    def make(user, *, of):
        roles = Membership.objects.filter(user=user, organisation=of).values_list("role", flat=True)
        return Actor(
            kind="person",
            key=user.key,
            name=str(user),
            organisation_key=of.key,
            organisation_name=of.name,
            roles=frozenset(Role(role) for role in roles),
        )

    return make


@pytest.fixture
def signed_in(db):
    """Make a browser in which a user has logged in already, without the door and its counting."""

    def make(user):
        browser = Client()
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        browser.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
        return browser

    return make


@pytest.fixture(autouse=True)
def the_city_speaks_chinese():
    """A page leaves its reader's language behind in the thread that made it."""
    translation.deactivate()


# Django fills these two after each flush, query by query, with what they hold already.
FILLED = {"django_content_type", "auth_permission"}


@pytest.fixture(autouse=True, scope="session")
def tables_that_tests_may_empty():
    """Between tests that commit, all tables are emptied; triggers of some refuse that."""
    before = BaseDatabaseOperations.execute_sql_flush, flush.emit_post_migrate_signal
    BaseDatabaseOperations.execute_sql_flush = emptied
    flush.emit_post_migrate_signal = lambda *_given, **_named: None
    yield
    BaseDatabaseOperations.execute_sql_flush, flush.emit_post_migrate_signal = before


def emptied(operations, _sql_list):
    """Empty all tables; to truncate most of them, which are empty, would take half a second."""
    connection = operations.connection
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    quoted = [operations.quote_name(name) for name in names if name not in FILLED]
    with (
        transaction.atomic(using=connection.alias),
        connection.cursor() as cursor,
        no_triggers(cursor, connection.vendor),
    ):
        for table in quoted:
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - our own tables


@contextmanager
def no_triggers(cursor, vendor):
    """Take the triggers away for a while: on SQLite one by one, each by its own words."""
    if vendor == "postgresql":
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
        return
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    triggers = cursor.fetchall()
    for name, _sql in triggers:
        cursor.execute(f"DROP TRIGGER {name}")
    yield
    for _name, sql in triggers:
        cursor.execute(sql)
