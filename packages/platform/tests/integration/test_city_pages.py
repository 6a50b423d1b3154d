"""The pages and the API of the city, for visitors and for the office."""

from pathlib import Path

import pytest

from liudu.platform.actors import SYSTEM, Role
from liudu.platform.city import services
from liudu.platform.city.models import Fact

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]
SUZHOU = Path(__file__).parents[4] / "cities" / "suzhou"
SLOT = "/city/facts/sector.finance.target_2027/"
WORDS = {"value": "120", "unit": "亿元", "source_title": "正式文本 <script>alert(1)</script>"}


@pytest.fixture
def city(db, at):
    services.load_city(by=SYSTEM, at=at, folder=SUZHOU)


@pytest.fixture
def office(client, person, organisation):
    """A browser of an officer."""
    bureau = organisation("场景办", kind="bureau")
    client.force_login(
        person("office@example.org", of=bureau, roles=[Role.OFFICER]),
        backend="allauth.account.auth_backends.AuthenticationBackend",
    )
    return client


PAGES = (
    "/city/",
    "/city/districts/sip/",
    "/city/sectors/manufacturing/",
    "/city/sources/",
    "/city/sources/S1/",
    "/city/enterprises/",
    "/city/parks/",
    "/city/published/",
    "/city/published/SZ05/",
    "/city/gaps/",
    SLOT,
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_answers_everybody_in_both_languages(city, client, path, language):
    answer = client.get(path, headers={"accept-language": language})
    assert answer.status_code == 200
    assert ("Liudu" in answer.content.decode()) or language != "en"


def test_without_a_city_the_page_says_how_to_load_one(client, db):
    assert "liudu city load" in client.get("/city/").content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "/city/districts/atlantis/",
        "/city/sectors/magic/",
        "/city/sources/S999/",
        "/city/published/XX/",
        "/city/facts/none/",
    ],
)
def test_what_is_not_there_is_not_found(city, client, path):
    assert client.get(path).status_code == 404


def test_a_figure_names_its_source_and_that_nobody_has_checked_it(city, client):
    page = client.get("/city/facts/city.gdp_2024/").content.decode()
    assert "2.67" in page
    assert "/city/sources/S4/" in page
    assert "/city/sources/#verified" in page.replace('"', "")


def test_strange_filters_are_harmless(city, client):
    answer = client.get("/city/enterprises/", {"q": "%\0'\"<", "district": "x" * 500, "page": "-7"})
    assert answer.status_code == 200


def test_a_visitor_cannot_fill_a_slot(city, client):
    assert client.post(SLOT, WORDS).status_code == 403
    assert Fact.objects.get(code="sector.finance.target_2027").value == ""


def test_the_office_fills_a_slot_and_its_words_are_shown_as_words(city, office):
    assert office.post(SLOT, WORDS).status_code == 302
    page = office.get(SLOT).content.decode()
    assert "120 亿元" in page
    assert "<script>alert" not in page


def test_half_a_slot_comes_back_with_the_reason_beside_the_field(city, office):
    answer = office.post(SLOT, {**WORDS, "as_of": "soon"})
    assert answer.status_code == 422
    assert "soon" in answer.content.decode()


def test_a_source_s_address_must_be_one(city, office):
    answer = office.post(SLOT, {**WORDS, "source_url": "javascript:alert(1)"})
    assert answer.status_code == 422


def test_the_office_verifies_and_goes_back_only_within_the_platform(city, office):
    path = "/city/verify/fact/city.gdp_2024/"
    answer = office.post(path, {"next": "https://elsewhere.example/"})
    assert answer.url == "/city/"
    assert Fact.objects.get(code="city.gdp_2024").verified_at is not None
    office.post(path, {"verified": "no", "next": "/city/gaps/"})
    assert Fact.objects.get(code="city.gdp_2024").verified_at is None


def test_only_what_rests_on_a_source_can_be_verified(city, office):
    assert office.post("/city/verify/gap/measures/").status_code == 404
    assert office.post("/city/verify/fact/none/").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "districts",
        "sectors",
        "sources?size=100",
        "sources/S1",
        "facts?topic=target",
        "facts/city.gdp_2024",
        "enterprises?q=思必驰",
        "places?kind=opc",
        "published?place=elsewhere",
    ],
)
def test_the_api_says_what_the_pages_say(city, client, path):
    answer = client.get(f"/api/city/{path}")
    assert answer.status_code == 200
    assert answer.json()


def test_the_api_gives_sources_with_every_fact(city, client):
    facts = client.get("/api/city/facts", {"size": 100, "status": "stated"}).json()["items"]
    assert len(facts) == 100
    assert all(fact["source"] for fact in facts)


def test_the_api_lets_nobody_but_the_office_fill(city, client):
    answer = client.put(
        "/api/city/facts/sector.finance.target_2027",
        {"value": "1", "source_title": "x"},
        content_type="application/json",
    )
    assert answer.status_code == 401
