"""The API of needs: what the pages do, for programs."""

from datetime import UTC, timedelta

import pytest

from liudu.platform import clock
from liudu.platform.needs.models import Need
from liudu.platform.needs.services import draft_need, publish_need

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

TARGETS = {
    "task": "classify",
    "positive": "defective",
    "targets": [
        {"metric": "miss_rate", "op": "<", "limit": 0.002},
        {"metric": "overkill_rate", "op": "<=", "limit": 0.03},
    ],
}
ROOT = "/api/needs"


@pytest.fixture
def owner(organisation):
    return organisation()


@pytest.fixture
def wang(person, owner):
    return person("wang@example.com", of=owner, roles=["need_owner"])


class Caller:
    """Calls as a logged-in program would, with the token that proves where it comes from."""

    def __init__(self, browser):
        self.browser = browser
        browser.cookies["csrftoken"] = "a" * 32

    def __call__(self, method, path, body=None, **headers):
        return getattr(self.browser, method)(
            ROOT + path,
            **({} if method == "get" else {"data": body if body is not None else {}}),
            content_type="application/json",
            headers={"x-csrftoken": "a" * 32, **headers},
        )


@pytest.fixture
def api(signed_in, wang):
    return Caller(signed_in(wang))


@pytest.fixture
def rival(signed_in, person, organisation):
    user = person("zhao@example.com", of=organisation("别家"), roles=["need_owner"])
    return Caller(signed_in(user))


@pytest.fixture
def posted(actor, wang, owner, whole):
    by = actor(wang, of=owner)
    need = draft_need(by=by, at=clock.now(), owner=owner, **whole)
    return publish_need(by=by, at=clock.now(), need_key=need.key)


@pytest.fixture
def dozen(actor, wang, owner):
    by = actor(wang, of=owner)
    return [
        draft_need(by=by, at=clock.now(), owner=owner, title=str(number), targets=TARGETS)
        for number in range(12)
    ]


@pytest.fixture
def whole(sector, district):
    return {
        "title": "贴片焊点漏检太多",
        "problem": "人工目检每班漏掉三四块坏板。",
        "data_at_hand": "两年的检测图像",
        "sector": sector.code,
        "district": district.code,
        "targets": TARGETS,
        "pieces_per_h": 6000,
        "positive_share": 0.01,
        "budget_fen_max": 50_000_000,
        "due_date": (clock.now().astimezone(UTC) + timedelta(days=200)).date().isoformat(),
    }


def test_a_need_lives_through_the_api(api, whole):
    made = api("post", "", whole)
    assert made.status_code == 201, made.content
    need = made.json()
    assert (need["status"], need["job"], need["missing"]) == ("draft", "sort", [])
    path = f"/{need['key']}"
    assert api("get", path)["ETag"] == '"1"'
    edited = api("patch", path, {"title": "焊点"}, **{"if-match": '"1"'})
    assert (edited.json()["title"], edited.json()["revision"]) == ("焊点", 2)
    plan = api("get", f"{path}/plan").json()
    assert [kind["samples"] for kind in plan["kinds"]] == [[1497, 2371, 3146], [99, 157, 208]]
    assert (plan["line_count"], plan["seeding"]["piece_count"]) == (149_700, 1597)
    assert api("post", f"{path}/publish", {"revision": 2}).json()["status"] == "published"
    history = api("get", f"{path}/history").json()["items"]
    assert [state["verb"] for state in history] == ["published", "edited", "drafted"]
    assert history[1]["changes"] == [
        {"field": "title", "before": "贴片焊点漏检太多", "after": "焊点"}
    ]
    copy = api("post", f"{path}/duplicate")
    assert copy.status_code == 201
    gone = api("post", f"{path}/withdraw", {"reason": "预算取消"}).json()
    assert (gone["status"], gone["withdrawn_reason"]) == ("withdrawn", "预算取消")
    listed = api("get", "?status=draft").json()["items"]
    assert [one["key"] for one in listed] == [copy.json()["key"]]


def test_the_second_writer_is_answered_with_a_conflict(api, whole):
    key = api("post", "", whole).json()["key"]
    api("patch", f"/{key}", {"revision": 1, "title": "甲"})
    answer = api("patch", f"/{key}", {"revision": 1, "title": "乙"})
    assert answer.status_code == 409
    problem = answer.json()
    assert (problem["code"], problem["facts"]["current"]) == ("StaleNeed", 2)
    assert Need.objects.get(key=key).title == "甲"


def test_a_change_without_a_revision_is_asked_for_one(api, whole):
    key = api("post", "", whole).json()["key"]
    for header in ({}, {"if-match": "*"}, {"if-match": '"x"'}):
        assert api("patch", f"/{key}", {"title": "甲"}, **header).status_code == 428


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"title": " "}, 422),
        ({"title": "x", "status": "published"}, 422),
        ({"title": "x", "sector": "nowhere"}, 422),
        ({"title": "x", "budget_fen_max": -1}, 422),
        ({"title": "x", "pieces_per_h": 0}, 422),
        ({"title": "x", "positive_share": 1}, 422),
        ({"title": "x", "targets": {"task": "classify"}}, 422),
        ({"title": "x", "targets": {**TARGETS, "targets": TARGETS["targets"][:1]}}, 422),
        ({"title": "x", "targets": {**TARGETS, "window": 0}}, 422),
        ({"title": "x", "due_date": "soon"}, 422),
    ],
)
def test_what_the_form_refuses_the_api_refuses(api, body, status):
    answer = api("post", "", body)
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith("application/problem+json")
    assert not Need.objects.exists()


def test_an_incomplete_need_is_not_published_and_says_what_is_missing(api):
    key = api("post", "", {"title": "x"}).json()["key"]
    answer = api("post", f"/{key}/publish", {})
    assert (answer.status_code, answer.json()["code"]) == (422, "NeedIncomplete")


def test_a_draft_does_not_exist_for_others(api, rival, client, whole):
    key = api("post", "", whole).json()["key"]
    for method, path, body in (
        ("get", f"/{key}", None),
        ("get", f"/{key}/plan", None),
        ("get", f"/{key}/history", None),
        ("patch", f"/{key}", {"revision": 1, "title": "x"}),
        ("post", f"/{key}/publish", {}),
        ("post", f"/{key}/withdraw", {"reason": "x"}),
        ("post", f"/{key}/duplicate", {}),
    ):
        assert rival(method, path, body).status_code == 404, path
    assert rival("get", "").json()["items"] == []
    assert client.get(f"{ROOT}/{key}").status_code == 404


def test_a_published_need_is_read_by_everybody_and_changed_by_its_owner(posted, rival, client):
    need = posted
    assert client.get(f"{ROOT}/{need.key}").json()["title"] == need.title
    assert rival("patch", f"/{need.key}", {"revision": 2, "title": "x"}).status_code == 403
    assert rival("get", f"/{need.key}/history").status_code == 404
    assert client.post(f"{ROOT}", {}, content_type="application/json").status_code == 401


def test_a_promise_is_planned_before_there_is_a_need(api):
    answer = api(
        "post", "/plan", {"targets": TARGETS, "pieces_per_h": 6000, "positive_share": 0.0001}
    )
    assert answer.json()["seeding"]["seeded_count"] == 1497
    assert api("post", "/plan", {"targets": {}}).status_code == 422


def test_the_list_asks_a_fixed_number_of_times(api, dozen, django_assert_max_num_queries):
    assert dozen
    with django_assert_max_num_queries(5):
        first = api("get", "?size=5").json()
    assert (len(first["items"]), first["next"]) == (5, 2)
