"""Whoever knows the keys of another organisation's things can do nothing with them.

Every route and every operation of the API whose path holds a key is asked, with real keys, by
somebody of another organisation who holds every role there that a company can have. What is
public may be read; nothing may be changed, save what is meant for strangers (`MEANT`).
"""

import re
from datetime import timedelta

import guarded_city
import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from liudu.platform import clock
from liudu.platform.api import api, operations
from liudu.platform.identity import services
from liudu.platform.identity.models import User
from liudu.platform.identity.queries import actor_of

pytestmark = [
    pytest.mark.everywhere,
    pytest.mark.django_db,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]

KEPT_OUT = (403, 404, 405)
# What everybody may read: published needs, public solutions and vendors, what was shown, the city.
PUBLIC = frozenset({"need", "solution", "vendor", "shown", "sector", "district", "source"})
PUBLIC |= {"policy"}
# What a stranger may do with another's public thing.
MEANT = {
    "funding:apply": "anybody applies for oneself for what a public policy gives",
    "needs:duplicate": "a published need may be the pattern of one's own",
    "supply:offer": "a vendor offers a solution for a published need",
    "identity:invitation": "the secret of an invitation is its key",
}
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
OF_NOBODY = ("django_session", "axes_", "usersessions_", '"last_used_at"')


class Written:
    """What was written to the database by one request after another."""

    def __init__(self):
        self.rows = []

    def __call__(self, execute, sql, params, many, context):
        text = sql.lstrip()
        if text.upper().startswith(WRITES) and not any(name in text for name in OF_NOBODY):
            self.rows.append(text[:120])
        return execute(sql, params, many, context)


@pytest.fixture
def city():
    """A city with one of everything."""
    return guarded_city.build()


def strangers(city):
    """Yield who asks: of another company, of the vendor's, and of none."""
    yield "rival", {"vendor", "rival"}
    yield "vendor", {"vendor", "solution", "hidden", "offer", "trial", "certificate", "shown"}
    city.users["nobody"] = User.objects.create_user("nobody@example.com", "a phrase of my own 9")
    yield "nobody", set()


def test_no_page_lets_a_stranger_at_what_another_keeps(city):
    found, asked = [], 0
    for reader, own in strangers(city):
        client = city.client(reader, raise_request_exception=False)
        for door in guarded_city.ours():
            for word, arguments in guarded_city.subjects(door, city.things):
                things = set(word.split("+")) - {""}
                if not things or things & own or door.name in MEANT:
                    continue
                path = reverse(door.name, kwargs=arguments)
                asked += 1
                for method in ("get", "post"):
                    status, written = _asked(client, method, path)
                    reads = method == "get" and things <= PUBLIC and status == 200
                    if not (reads or status in KEPT_OUT) or written:
                        found.append((reader, method, door.name, word, status, written))
    assert found == []
    assert asked > 60


def _asked(client, method, path, **more):
    """Return how a path answers and what was written; nothing of it stays."""
    written = Written()
    with transaction.atomic(), connection.execute_wrapper(written):
        answer = getattr(client, method)(path, **more)
        guarded_city.read(answer)
        transaction.set_rollback(True)
    return answer.status_code, written.rows


# By the end of the path of an operation: which things its key may name.
KEYS = {
    "city/sources": ["source"],
    "identity/organisations": ["owner"],
    "needs": ["need", "draft"],
    "office/needs": ["need", "draft"],
    "supply/vendors": ["vendor"],
    "supply/solutions": ["solution", "hidden"],
    "supply/offers": ["offer"],
    "supply/certificates": ["certificate", "shown"],
    "trials/trials": ["trial"],
    "funding/policies": ["policy"],
    "funding/subjects": ["subject"],
    "funding/determinations": ["determination"],
    "office/views": ["view"],
    "office/imports": ["import"],
}
# Of no organisation: the city's facts are written by its bureau, the audit is read by its readers.
OF_THE_CITY = ("city/facts", "audit/lines")
MEANT_BY_API = {"/api/needs/{key}/duplicate"}


def test_no_operation_lets_a_strangers_token_at_what_another_keeps(city):
    program = Client(headers={"authorization": f"Bearer {_token(city, 'rival')}"})
    schema = api.get_openapi_schema()
    found, asked = [], 0
    for operation in operations():
        path = guarded_city.path_of(operation)
        root = path.removeprefix("/api/").partition("/{")[0]
        if "{" not in path or root in OF_THE_CITY or path in MEANT_BY_API:
            continue
        for word in KEYS[root]:
            filled = _filled(path, city.things, word)
            for method in operation.methods:
                told = schema["paths"][path][method.lower()]
                more = {"data": _least(told, schema), "content_type": "application/json"}
                status, written = _asked(
                    program, method.lower(), filled, **(more if method != "GET" else {})
                )
                asked += 1
                reads = method == "GET" and word in PUBLIC and status == 200
                if not (reads or status in KEPT_OUT) or written:
                    found.append((method, path, word, status, written))
    assert found == []
    assert asked > 40


def _token(city, reader):
    by = actor_of(city.users[reader])
    _, secret = services.make_token(
        by=by,
        at=clock.now(),
        organisation=city.organisations[reader],
        name="ERP",
        roles=by.roles,
        expires_at=clock.now() + timedelta(days=1),
    )
    return secret


def _filled(path, things, word):
    others = {"user_key": things["member_key"], "token_key": things["token"], "number": 1}
    return re.sub(r"\{(\w+)\}", lambda found: str(others.get(found[1], things[word])), path)


def _least(told, schema):
    """Return the smallest body that an operation takes, so that no form of it hides who asks."""
    content = told.get("requestBody", {}).get("content", {})
    shape = content.get("application/json", {}).get("schema")
    return _made(shape, schema) if shape else {}


def _made(shape, schema):
    """Return a value of a shape."""
    if "$ref" in shape:
        shape = schema["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    for choice in ("anyOf", "allOf", "oneOf"):
        if choice in shape:
            return _made(shape[choice][0], schema)
    if "enum" in shape or "const" in shape:
        return shape.get("const", *shape.get("enum", [])[:1])
    if shape.get("type") == "object":
        fields = shape.get("properties", {})
        return {name: _made(fields[name], schema) for name in shape.get("required", [])}
    text = "2027-01-01T00:00:00Z" if shape.get("format") == "date-time" else "x" * 10
    plain = {"array": [], "boolean": True, "integer": shape.get("minimum", 1), "string": text}
    return plain.get(shape.get("type"), 1)
