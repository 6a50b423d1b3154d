"""The desk, the board, views and imports for programs."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from spreadsheets import GOOD, workbook

from liudu.platform.actors import Role
from liudu.platform.needs.imports import work_through
from liudu.platform.needs.models import ImportRun, Need

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]
API = "/api/office"


@pytest.fixture
def owner(organisation):
    return organisation("明州光电")


@pytest.fixture
def clerk(person, owner, client):
    user = person("c@example.org", of=owner, roles=[Role.NEED_OWNER])
    client.force_login(user)
    return user


@pytest.fixture
def accepted(owner, sector, at):
    """A need that was accepted."""
    return Need.objects.create(
        owner=owner,
        title="甲",
        sector=sector,
        status="published",
        stage="accepted",
        stage_at=at,
        published_at=at,
        created_at=at,
        updated_at=at,
    )


def test_the_board_and_the_desk_are_told_to_programs(client, clerk, accepted):
    columns = client.get(f"{API}/board").json()
    assert [column["count"] for column in columns] == [0, 0, 0, 1, 0]
    assert columns[3]["needs"][0]["key"] == accepted.key
    assert client.get(f"{API}/waiting").json() == {"mine": [], "others": []}


def test_a_program_says_that_a_need_is_in_use_once_it_is_accepted(client, clerk, accepted):
    running = f"{API}/needs/{accepted.key}/running"
    assert client.post(running).status_code == 204
    accepted.refresh_from_db()
    assert accepted.stage == "running"
    Need.objects.update(stage="posted")
    assert client.post(running).status_code == 409
    assert client.post(f"{API}/needs/nothinghere1/running").status_code == 404


def test_a_view_is_kept_and_deleted(client, clerk):
    body = {"page": "needs:list", "name": "我的", "query": "q=a"}
    made = client.post(f"{API}/views", body, content_type="application/json")
    assert made.status_code == 201
    again = client.post(f"{API}/views", body, content_type="application/json")
    assert again.status_code == 409
    assert [view["name"] for view in client.get(f"{API}/views").json()["items"]] == ["我的"]
    assert client.delete(f"{API}/views/{made.json()['key']}").status_code == 204
    assert client.delete(f"{API}/views/{made.json()['key']}").status_code == 404


@pytest.fixture
def sent(client, clerk, sector, district, home):
    """Send a list; return the answer."""
    del sector, district

    content = workbook(home / "a.xlsx", GOOD, ("乙", "智造业")).read_bytes()

    def send():
        return client.post(f"{API}/imports", {"file": SimpleUploadedFile("a.xlsx", content)})

    return send


@pytest.fixture
def home(tmp_path, settings):
    settings.PRIVATE = tmp_path / "private"
    return tmp_path


def test_a_list_is_sent_and_its_rows_are_told(client, sent, at):
    made = sent()
    assert (made.status_code, made.json()["state"]) == (201, "waiting")
    assert sent().status_code == 409
    key = made.json()["key"]
    work_through(key, now=lambda: at)
    assert client.get(f"{API}/imports/{key}").json()["taken_count"] == 1
    (refused,) = client.get(f"{API}/imports/{key}/rows", {"state": "refused"}).json()["items"]
    assert refused["reasons"][0]["address"] == "B3"
    assert client.get(f"{API}/imports").json()["items"][0]["key"] == key
    assert client.post(f"{API}/imports/{key}/resume").status_code == 409


def test_the_imports_of_others_do_not_exist(client, sent, person, organisation):
    key = sent().json()["key"]
    other = person("x@example.org", of=organisation("别家"), roles=[Role.NEED_OWNER])
    client.force_login(other)
    for path in (f"/imports/{key}", f"/imports/{key}/rows"):
        assert client.get(API + path).status_code == 404
    assert client.get(f"{API}/imports").json()["items"] == []


@pytest.mark.parametrize("path", ["/board", "/waiting", "/views", "/imports"])
def test_a_visitor_is_told_to_log_in(client, path):
    assert client.get(API + path).status_code == 401
    assert not ImportRun.objects.exists()
