"""Whatever is sent to the API, it answers; it never breaks."""

from datetime import timedelta

import guarded_city
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_headers_conformance, status_code_conformance

from liudu.platform import clock
from liudu.platform.identity import services
from liudu.platform.identity.queries import actor_of
from liudu.platform.wsgi import application

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.timeout(900)]
EXAMPLES = 8
ANSWERED = (not_a_server_error, status_code_conformance, response_headers_conformance)


@schemathesis.serializer("application/zip", "application/octet-stream")
def as_it_is(_context, value):
    """Send a file as its bytes."""
    return {"data": value if isinstance(value, bytes) else str(value).encode(errors="replace")}


@pytest.fixture
def one_connection():
    """Let the server's requests run in the test's transaction, as Django's test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def headers(one_connection):
    """Return the headers of a caller: a visitor, or the token of somebody's organisation."""
    city = guarded_city.build()

    def of(reader):
        if reader == guarded_city.VISITOR:
            return {}
        by = actor_of(city.users[reader])
        _, secret = services.make_token(
            by=by,
            at=clock.now(),
            organisation=city.users[reader].memberships.first().organisation,
            name="fuzz",
            roles=by.roles,
            expires_at=clock.now() + timedelta(days=1),
        )
        return {"Authorization": f"Bearer {secret}"}

    return of


@pytest.mark.parametrize("reader", ["visitor", "owner", "vendor", "officer", "auditor"])
def test_nothing_that_is_sent_breaks_the_api(headers, reader):
    sent = headers(reader)
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", application)
    asked = 0
    for found in schema.get_all_operations():
        _bombard(found.ok(), headers=sent)
        asked += 1
    assert asked > 10


def _bombard(operation, *, headers):
    @seed(1120)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case):
        with transaction.atomic():
            case.call_and_validate(headers=headers, checks=ANSWERED)
            transaction.set_rollback(True)

    ask()
