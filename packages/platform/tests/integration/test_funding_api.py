"""The API of funding: for programs with a token, for visitors, and for nobody else's matters."""

import json
from pathlib import Path

import pytest

from liudu.platform import clock
from liudu.platform.actors import SYSTEM
from liudu.platform.funding import queries, services
from liudu.platform.funding.api import SaidOut

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

CITY = Path(__file__).parents[4] / "cities" / "suzhou" / "policies"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture(autouse=True)
def today(monkeypatch, at):
    monkeypatch.setattr(clock, "now", lambda: at)


@pytest.fixture
def company(at, organisation):
    services.load_policies(by=SYSTEM, at=at, folder=CITY)
    made = organisation()
    subject = services.subject_for_organisation(at=at, organisation=made)
    services.enter_fact(by=SYSTEM, at=at, subject=subject, name="compute_spend", text="1000000")
    return made


def posted(client, path, content):
    return client.post(path, json.dumps(content), content_type="application/json")


def test_anybody_reads_the_policies(client, company):
    del company
    found = client.get("/api/funding/policies").json()
    assert len(found) == 10
    news = client.get("/api/funding/policies/suzhou-ai-news").json()
    assert "compute_rate" in news["open_parameters"]
    assert client.get("/api/funding/policies/none").status_code == 404


def test_facts_that_are_sent_are_explained_and_not_kept(client, company):
    del company
    sent = {"kind": "person", "facts": {"degree": "博士", "first_claim_paid": "是"}}
    answer = posted(client, "/api/funding/explain", sent)
    assert answer.status_code == 200
    renewal = next(one for one in answer.json() if one["rule"] == "rent-renewal")
    assert renewal["status"] == "unknown"
    assert "owns_home" in {one["name"] for one in renewal["missing"]}
    bad = {"kind": "person", "facts": {"degree": "高中"}}
    assert posted(client, "/api/funding/explain", bad).status_code == 422
    assert posted(client, "/api/funding/explain", {"kind": "cat"}).status_code == 422


def test_a_subject_is_explained_to_itself_only(client, company, organisation, person):
    subject = queries.subject_of_organisation(company)
    path = f"/api/funding/subjects/{subject.key}/explanation"
    assert client.get(path).status_code == 401
    client.force_login(person("b@example.com", of=organisation("乙"), roles=["member"]), BACKEND)
    assert client.get(path).status_code == 404
    client.force_login(person("a@example.com", of=company, roles=["member"]), BACKEND)
    compute = next(one for one in client.get(path).json() if one["rule"] == "compute-year")
    assert compute["open_parameters"] == ["compute_rate"]
    assert [one["key"] for one in client.get("/api/funding/subjects").json()] == [subject.key]
    questions = client.get(f"/api/funding/subjects/{subject.key}/questions").json()
    assert questions[0]["decided"] >= questions[-1]["decided"]


def test_an_explanation_is_as_the_api_describes_it(client, company):
    del company
    sent = {"kind": "enterprise", "facts": {"compute_spend": "1000000"}}
    answer = posted(client, "/api/funding/explain", sent).json()
    assert [SaidOut(**one).model_dump(mode="json") for one in answer] == answer


@pytest.mark.parametrize("path", ["grants", "determinations/x", "subjects"])
def test_a_visitor_is_told_to_log_in(client, path):
    assert client.get(f"/api/funding/{path}").status_code == 401
