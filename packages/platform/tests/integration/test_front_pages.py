"""What a visitor meets first: the numbers, the cases, the search; few queries, nothing private."""

import re
from datetime import date, timedelta

import pytest
from django.core.cache import cache
from django.test import Client

from liudu.platform.actors import Role
from liudu.platform.front import queries
from liudu.platform.needs.models import Need
from liudu.platform.supply.models import Certificate, Offer, Solution, Vendor, Version
from liudu.platform.trials.models import Seal, Trial

pytestmark = [pytest.mark.django_db, pytest.mark.everywhere]
DIGEST = "0" * 64


@pytest.fixture(autouse=True)
def fresh():
    cache.clear()


@pytest.fixture
def make_need(organisation, sector, district, at):
    owner = organisation()

    def make(title="焊点漏检", *, status="published", stage="posted", **more):
        return Need.objects.create(
            owner=owner,
            title=title,
            sector=sector,
            district=district,
            status=status,
            stage=stage,
            created_at=at,
            updated_at=at,
            published_at=at,
            due_date=date(2027, 6, 30),
            **more,
        )

    return make


@pytest.fixture
def make_case(make_need, organisation, at):
    """Make a need whose trial passed, with a public certificate."""

    def make(title="焊点漏检", *, public=True, verdict="passed", released=True, revoked=False):
        need = make_need(title, stage="accepted")
        vendor = Vendor.objects.create(organisation=organisation("六角视觉"), updated_at=at)
        solution = Solution.objects.create(
            vendor=vendor, name="焊点明察", created_at=at, updated_at=at, proven_at=at
        )
        version = Version.objects.create(
            solution=solution,
            number=1,
            file_name="a.zip",
            size_bytes=1,
            archive_digest=DIGEST,
            uploaded_at=at,
        )
        offer = Offer.objects.create(need=need, version=version, vendor=vendor, offered_at=at)
        seal = Seal.objects.create(need=need, piece_count=200, created_at=at, digest="sha256:aa")
        trial = Trial.objects.create(
            need=need,
            seal=seal,
            offer=offer,
            version=version,
            vendor=vendor,
            state="decided",
            verdict=verdict,
            result={"targets": [TARGET]},
            queued_at=at,
            released_at=at if released else None,
        )
        return Certificate.objects.create(
            version=version,
            need=need,
            trial_key=trial.key,
            verdict=verdict,
            document={},
            issued_at=at,
            released_at=at if released else None,
            public=public,
            revoked_at=at if revoked else None,
        )

    return make


TARGET = {
    "metric": "miss_rate",
    "op": "<",
    "limit": 0.1,
    "confidence": 0.95,
    "answer": "proved",
    "point": 0.0,
    "lower": 0.0,
    "upper": 0.0295,
    "events": 0,
    "trials": 100,
}


def test_an_empty_city_says_zero_and_what_to_do_next(client):
    page = client.get("/").content.decode()
    assert page.count('<span class="stat-value">0</span>') == 6
    assert "还没有公开的需求" in page
    assert "还没有公开的案例" in page


def test_the_home_page_asks_the_database_little(
    client, make_need, make_case, django_assert_max_num_queries
):
    for number in range(8):
        make_need(f"需求 {number}")
    make_case()
    with django_assert_max_num_queries(10):  # six counts, which are kept, and the lists
        client.get("/")
    with django_assert_max_num_queries(4):
        client.get("/")


def test_the_numbers_are_counted_anew_after_a_minute(make_need, at):
    assert queries.numbers(at=at).need_count == 0
    make_need()
    assert queries.numbers(at=at + timedelta(seconds=59)).need_count == 0
    later = queries.numbers(at=at + timedelta(seconds=61))
    assert (later.need_count, later.at) == (1, at + timedelta(seconds=61))


def test_drafts_and_withdrawn_needs_are_nowhere(client, make_need):
    make_need("机密草稿", status="draft")
    make_need("撤回的需求", status="withdrawn")
    for address in ("/", "/search/?q=机密", "/search/?q=撤回"):
        page = client.get(address).content.decode()
        assert "机密草稿" not in page
        assert "撤回的需求" not in page


@pytest.mark.slow
def test_a_case_tells_need_promise_figures_and_how_to_check(client, make_case):
    certificate = make_case()
    page = client.get(f"/cases/{certificate.key}/").content.decode()
    for words in ("焊点漏检", "焊点明察", "六角视觉", "&lt; 10 %", "0 % – 2.95 %", "0 / 100"):
        assert words in page
    assert f"liudu-trial verify liudu-{certificate.key}.json" in page
    assert 'role="img"' in page


@pytest.mark.parametrize(
    "how",
    [{"public": False}, {"verdict": "failed"}, {"released": False}, {"revoked": True}],
    ids=["not shown", "failed", "not released", "revoked"],
)
def test_only_released_public_passed_and_unrevoked_certificates_are_cases(client, make_case, how):
    certificate = make_case(**how)
    assert client.get(f"/cases/{certificate.key}/").status_code == 404
    assert "焊点明察" not in client.get("/cases/").content.decode()


def test_a_case_of_a_withdrawn_need_is_gone(client, make_case):
    certificate = make_case()
    Need.objects.update(status="withdrawn")
    assert client.get(f"/cases/{certificate.key}/").status_code == 404


def test_the_search_finds_every_kind_by_every_word(client, make_case, at):
    make_case()
    Solution.objects.create(
        vendor=Vendor.objects.get(), name="机密方案", public=False, created_at=at, updated_at=at
    )
    assert "焊点漏检" in client.get("/search/?q=焊点+漏检").content.decode()
    assert "没有找到" in client.get("/search/?q=焊点+飞机").content.decode()
    assert "六角视觉" in client.get("/search/?q=六角").content.decode()
    assert "机密方案" not in client.get("/search/?q=方案").content.decode()
    page = Client(headers={"accept-language": "en"}).get("/search/?q=industrial park")
    assert "Suzhou Industrial Park" in page.content.decode()


@pytest.mark.parametrize("text", ["%", "_", "'", '"><script>', "\0", " ", "a" * 5000, "\\", "（）"])
def test_the_search_takes_any_text(client, make_need, text):
    make_need()
    answer = client.get("/search/", {"q": text})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()
    assert '"><script>' not in answer.content.decode()


def test_a_script_in_a_title_is_text(client, make_need):
    make_need("<script>alert(1)</script>")
    page = client.get("/").content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_search_costs_five_queries_however_much_is_found(
    client, make_need, django_assert_max_num_queries
):
    for number in range(12):
        make_need(f"焊点 {number}")
    with django_assert_max_num_queries(5):
        page = client.get("/search/?q=焊点").content.decode()
    assert "更多需求" in page
    assert page.count("/needs/") >= 8


WAYS = {
    "nobody": (None, (), "/needs/new/"),
    "new": (None, None, "/organisations/new/"),
    "owner": ("company", [Role.NEED_OWNER], "/needs/new/"),
    "vendor": ("company", [Role.VENDOR], "/needs/?stage=posted"),
    "both": ("company", [Role.VENDOR, Role.NEED_OWNER], "/needs/new/"),
    "member": ("company", [Role.MEMBER], "/office/"),
    "officer": ("bureau", [Role.OFFICER], "/office/board/"),
    "auditor": ("bureau", [Role.AUDITOR], "/audit/"),
    "operator": ("operator", [Role.OPERATOR], "/users/"),
}


@pytest.mark.parametrize("who", WAYS)
def test_the_first_step_of_the_home_page_is_open_to_whoever_reads_it(
    client, person, organisation, who
):
    kind, roles, way = WAYS[who]
    if roles != ():
        of = organisation("甲", kind=kind) if kind else None
        client.force_login(person("p@example.org", of=of, roles=roles or ()))
    page = client.get("/").content.decode()
    hero = page.partition("hero-actions")[2].partition("</div>")[0]
    links = re.findall(r'href="([^"]+)"', hero)
    assert links[0] == way
    for link in links:
        assert client.get(link, follow=True).status_code == 200


def test_the_home_page_offers_nothing_that_its_reader_may_not_do(client, person, organisation):
    client.force_login(person("p@example.org", of=organisation(), roles=[Role.VENDOR]))
    page = client.get("/").content.decode()
    assert "/needs/new/" not in page
    assert "/vendors/profile/" in page
