"""The API's root: who is let in, how it refuses, what is done once."""

import json
from datetime import timedelta
from threading import Barrier, Thread

import guarded_city
import pytest
from django.db import OperationalError, connections
from django.test import Client

from liudu.platform import clock
from liudu.platform.actors import Role
from liudu.platform.audit.models import Line
from liudu.platform.identity import queries, services
from liudu.platform.identity.models import KeptAnswer, Organisation, Token

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

FOUND = {"name": "明州光电", "kind": "company"}


@pytest.fixture
def city():
    """A city with one of everything."""
    return guarded_city.build()


def program(city, reader, *, roles=()):
    """Return a client with a fresh token of somebody's organisation."""
    now = clock.now()
    _, secret = services.make_token(
        by=queries.actor_of(city.users[reader]),
        at=now,
        organisation=city.users[reader].memberships.first().organisation,
        name="test",
        roles=[Role(role) for role in roles],
        expires_at=now + timedelta(days=1),
    )
    return Client(headers={"authorization": f"Bearer {secret}"})


def problem_of(answer, *, status):
    """Return a problem document after a look at what all of them have."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    said = answer.json()
    assert {"type", "title", "status", "code", "detail"} <= said.keys()
    assert said["status"] == status
    assert said["detail"]
    return said


def found(client, *, key=None, **more):
    """Found an organisation."""
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(
        "/api/identity/organisations",
        json.dumps({**FOUND, **more}),
        content_type="application/json",
        headers=headers,
    )


def test_the_document_names_permission_and_problem_of_every_operation(client):
    document = client.get("/api/openapi.json").json()
    described = [each for methods in document["paths"].values() for each in methods.values()]
    assert len(described) > 10
    assert all(each["x-permission"] for each in described)
    assert all("4XX" in each["responses"] for each in described)
    ids = [each["operationId"] for each in described]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_page_of_the_api_tells_of_every_operation_and_loads_nothing(client, language):
    page = client.get("/api/docs", headers={"accept-language": language}).content.decode()
    for path in client.get("/api/openapi.json").json()["paths"]:
        assert f"<code>{path}</code>" in page
    assert ("Permission" in page) == (language == "en")


def test_a_visitor_is_asked_for_a_login_or_a_token(client):
    answer = client.get("/api/audit/lines")
    assert problem_of(answer, status=401)["code"] == "LoginNeeded"
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("secret", ["", "liudu_guess", "\x00", "x" * 10_000, "单位"])
def test_a_worthless_token_is_refused_everywhere(client, secret):
    for path in ("/api/identity/self", "/api/audit/lines"):
        answer = client.get(path, headers={"authorization": f"Bearer {secret}"})
        assert problem_of(answer, status=401)["code"] == "TokenInvalid"


def test_a_revoked_and_an_expired_token_are_refused(city):
    client = program(city, "owner")
    token = Token.objects.latest("pk")
    assert client.get("/api/identity/self").status_code == 200
    assert Token.objects.get(pk=token.pk).last_used_at is not None
    Token.objects.filter(pk=token.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    said = problem_of(client.get("/api/identity/self"), status=401)
    assert "过期" in said["detail"]
    Token.objects.filter(pk=token.pk).update(revoked_at=clock.now())
    assert "停用" in problem_of(client.get("/api/identity/self"), status=401)["detail"]


def test_the_permission_is_asked_before_the_body_is_read(city):
    client = program(city, "vendor", roles=["vendor"])
    answer = client.post(
        "/api/identity/organisations", "no json at all", content_type="application/json"
    )
    assert problem_of(answer, status=403)["permission"] == "identity.found_organisation"


def test_a_refusal_names_rule_facts_and_way_out_in_the_callers_language(city):
    client = city.client("owner")
    for language, word in (("zh-hans", "信用代码"), ("en", "licence")):
        client.cookies.clear() if language == "en" else None
        client = city.client("owner")
        answer = client.post(
            "/api/identity/organisations",
            json.dumps({**FOUND, "credit_code": "91350100M000100Y42"}),
            content_type="application/json",
            headers={"accept-language": language},
        )
        said = problem_of(answer, status=422)
        assert said["code"] == "CreditCode"
        assert said["facts"] == {"code": "91350100M000100Y42"}
        assert word in said["detail"]
        assert answer["Content-Language"] == ("en" if language == "en" else "zh")


def test_what_is_not_as_described_is_told_field_by_field(city):
    answer = found(city.client("owner"), name="x", kind="pirate")
    said = problem_of(answer, status=422)
    assert {error["field"].rpartition(".")[2] for error in said["errors"]} == {"name", "kind"}


def test_what_breaks_tells_no_inner_reason(city, monkeypatch):
    def breaks(**_more):
        raise RuntimeError("secret path /srv/liudu")

    monkeypatch.setattr(services, "found_organisation", breaks)
    client = city.client("owner", raise_request_exception=False)
    answer = found(client)
    said = problem_of(answer, status=500)
    assert said["code"] == "Broken"
    assert "secret" not in answer.content.decode()


def test_a_database_that_is_away_is_said_with_when_to_come_again(city, monkeypatch):
    def away(**_more):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(services, "found_organisation", away)
    answer = found(city.client("owner"))
    assert problem_of(answer, status=503)["code"] == "DatabaseAway"
    assert answer["Retry-After"] == "5"


def test_a_session_changes_nothing_without_the_pages_token(city):
    client = city.client("owner", enforce_csrf_checks=True)
    assert problem_of(found(client), status=403)["code"] == "CsrfMissing"
    page = client.get("/me/").content.decode()
    token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    answer = client.post(
        "/api/identity/organisations",
        json.dumps(FOUND),
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )
    assert answer.status_code == 201


def test_a_page_of_a_list_is_bounded(city):
    client = city.client("officer")
    for size in (0, 101, 10**30):
        answer = client.get("/api/identity/organisations", {"size": size})
        assert problem_of(answer, status=422)["code"] == "Invalid"
    first = client.get("/api/identity/organisations", {"size": 1}).json()
    assert (len(first["items"]), first["next"]) == (1, 2)
    last = client.get("/api/identity/organisations", {"size": 100}).json()
    assert last["next"] is None


def test_a_request_with_a_key_is_done_once(city):
    client = city.client("owner")
    first, again = found(client, key="k1"), found(client, key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again["Idempotent-Replayed"] == "true"
    assert Organisation.objects.filter(name=FOUND["name"]).count() == 1
    assert found(client, key="k2").json() != first.json()


def test_a_key_with_another_request_is_a_conflict(city):
    client = city.client("owner")
    found(client, key="k1")
    answer = found(client, key="k1", name="另一家")
    assert problem_of(answer, status=409)["code"] == "KeyUsed"
    assert problem_of(found(client, key="k" * 201), status=422)["code"] == "KeyTooLong"


def test_a_key_is_its_senders_own(city):
    found(city.client("owner"), key="k1")
    assert found(city.client("vendor"), key="k1").status_code == 201
    assert Organisation.objects.filter(name=FOUND["name"]).count() == 2


def test_a_refused_request_keeps_nothing_and_may_be_mended(city):
    client = city.client("owner")
    lines = Line.objects.count()
    assert found(client, key="k1", credit_code="wrong").status_code == 422
    assert not KeptAnswer.objects.exists()
    assert Line.objects.count() == lines
    assert found(client, key="k1").status_code == 201


def test_a_key_without_a_login_is_of_no_use(client):
    assert problem_of(found(client, key="k1"), status=401)
    assert not KeptAnswer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_same_requests_at_once_one_is_done_and_both_are_answered(city):
    clients = [city.client("owner") for _ in range(4)]
    start, answers = Barrier(4), []

    def send(client):
        try:
            start.wait(timeout=30)
            answers.append(found(client, key="k1"))
        finally:
            connections.close_all()

    threads = [Thread(target=send, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.content for answer in answers}) == 1
    assert Organisation.objects.filter(name=FOUND["name"]).count() == 1


def test_an_address_that_is_not_there_is_a_problem_to_programs_and_a_page_to_people(client):
    answer = client.get("/api/nowhere")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "NotFound"
    page = client.get("/nowhere/")
    assert page.status_code == 404
    assert "没有找到这一页" in page.content.decode()
