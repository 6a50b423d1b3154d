"""Pages of funding: who sees what, what is refused, and one delivery by its buttons."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from liudu.platform import clock
from liudu.platform.actors import SYSTEM
from liudu.platform.audit.models import Line
from liudu.platform.funding import queries, sandbox, services
from liudu.platform.funding.models import Batch, Grant, PackVersion, PaymentOrder, Subject
from liudu.platform.identity.models import User

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

CITY = Path(__file__).parents[4] / "cities" / "suzhou" / "policies"
RENT = "suzhou-graduate-rent"
DUE = {
    "first_claim_paid": "是",
    "degree": "博士",
    "insured_this_quarter": "是",
    "owns_home": "否",
    "civil_servant": "否",
    "works_in_ai_or_quantum": "是",
    "months_paid": "6",
    "rent_paid": "9000",
}


@pytest.fixture(autouse=True)
def today(monkeypatch, at):
    monkeypatch.setattr(clock, "now", lambda: at)


@pytest.fixture
def policies(at):
    return services.load_policies(by=SYSTEM, at=at, folder=CITY)


@pytest.fixture
def office(client, organisation, person, policies):
    del policies
    bureau = organisation("市人社局", kind="bureau")
    client.force_login(person("officer@example.com", of=bureau, roles=["officer"]), BACKEND)
    return client


@pytest.fixture
def graduate(at, person, policies):
    del policies

    def make(email):
        user = person(email)
        subject = services.subject_for_user(at=at, user=user)
        for name, text in DUE.items():
            services.enter_fact(by=SYSTEM, at=at, subject=subject, name=name, text=text)
        return user, subject

    return make


BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def delivered(at, *, simulated=False):
    version = queries.version_of(RENT, on=at.date())
    batch = services.open_batch(
        by=SYSTEM,
        at=at,
        version=version,
        rule="rent-renewal",
        on=at.date(),
        sample_share=0.0,
        simulated=simulated,
    )
    services.match_batch(by=SYSTEM, at=at, batch=batch)
    return services.notify_batch(by=SYSTEM, at=at, batch=batch)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize(
    "path",
    [
        "/funding/",
        "/funding/policies/",
        "/funding/policies/?q=租房&kind=person",
        "/funding/policies/?open=1",
        "/funding/policies/?q=nothing-like-it",
        f"/funding/policies/{RENT}/",
        f"/funding/policies/{RENT}/versions/1/",
        "/funding/calendar/",
        "/funding/calendar/?kind=person",
    ],
)
def test_a_visitor_reads_policies(client, policies, path, language):
    del policies
    answer = client.get(path, headers={"accept-language": language})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/funding/mine/",
        "/funding/grants/",
        "/funding/facts/",
        "/funding/sandbox/",
        "/funding/deliveries/",
        "/funding/orders/",
        "/funding/imports/",
    ],
)
def test_what_is_not_public_asks_a_visitor_to_log_in(client, path):
    answer = client.get(path)
    assert answer.status_code == 302
    assert "login" in answer["location"]


@pytest.mark.parametrize(
    "path",
    [
        "/funding/",
        "/funding/sandbox/",
        f"/funding/sandbox/?policy={RENT}&p_rent_doctor=2000&budget=10&order=graduated_date",
        "/funding/deliveries/",
        "/funding/orders/",
        "/funding/imports/",
        "/funding/grants/",
        f"/funding/policies/{RENT}/",
        "/funding/mine/?who=me",
    ],
)
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_office_opens_its_pages(office, path, language):
    assert office.get(path, headers={"accept-language": language}).status_code == 200


def test_a_person_sees_cards_answers_and_skips(client, graduate):
    user, subject = graduate("a@example.com")
    client.force_login(user, BACKEND)
    page = client.get("/funding/mine/")
    assert "¥4,500" in page.text
    question = page.context["question"]
    answer = {"who": "me", "fact": question["name"], "value": "not a value"}
    wrong = client.post("/funding/mine/answer/", answer)
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.text
    good = question["options"][0][0] if question["options"] else "2020-01-01"
    assert client.post("/funding/mine/answer/", answer | {"value": good}).status_code == 302
    assert queries.live_facts([subject]).filter(name=question["name"]).exists()
    page = client.get("/funding/mine/")
    second = page.context["question"]["name"]
    assert second != question["name"]
    client.post("/funding/mine/skip/", {"who": "me", "fact": second})
    assert client.get("/funding/mine/").context["question"]["name"] not in (second, None)


def test_a_company_sees_its_own_and_nobody_elses(client, at, organisation, person, policies):
    del policies
    mine, other = organisation("甲公司"), organisation("乙公司")
    theirs = services.add_subject(by=SYSTEM, at=at, kind="project", name="项目", owner=other)
    client.force_login(person("a@example.com", of=mine, roles=["member"]), BACKEND)
    page = client.get("/funding/mine/?who=organisation")
    assert page.status_code == 200
    assert page.context["who"].kind == "enterprise"
    assert client.get(f"/funding/mine/?who={theirs.key}").status_code == 404
    plant = {"kind": "project", "name": "新厂"}
    assert client.post("/funding/facts/projects/new/", plant).status_code == 403  # a mere member
    client.force_login(person("b@example.com", of=mine, roles=["need_owner"]), BACKEND)
    assert client.post("/funding/facts/projects/new/", plant).status_code == 302
    project = Subject.objects.get(name="新厂")
    assert client.get(f"/funding/mine/?who={project.key}").context["who"].kind == "project"


def test_a_determination_is_for_its_subject_the_office_and_the_audit(
    client, at, graduate, organisation, person
):
    user, _ = graduate("a@example.com")
    stranger, _ = graduate("b@example.com")
    grant = delivered(at).grants.get(subject__user=user)
    page = reverse("funding:determination", args=[grant.determination.key])
    for who, status in ((user, 200), (stranger, 404)):
        client.force_login(who, BACKEND)
        assert client.get(page).status_code == status
        assert client.get(f"/funding/grants/{grant.key}/").status_code == status
    bureau = organisation("局", kind="bureau")
    for role, status in (("officer", 200), ("auditor", 200), ("member", 404)):
        client.force_login(person(f"{role}@example.com", of=bureau, roles=[role]), BACKEND)
        answer = client.get(page)
        assert answer.status_code == status
        assert ("重新计算，结论相同" in answer.text) is (status == 200)


def test_only_the_subject_confirms_its_account(client, at, graduate, organisation, person):
    user, _ = graduate("a@example.com")
    stranger, _ = graduate("b@example.com")
    grant = delivered(at).grants.get(subject__user=user)
    account = {"holder": "甲", "bank": "苏州银行", "number": "6222 0000 1111 2222"}
    path = f"/funding/grants/{grant.key}/account/"
    client.force_login(stranger, BACKEND)
    assert client.post(path, account).status_code == 404
    bureau = organisation("局", kind="bureau")
    client.force_login(person("o@example.com", of=bureau, roles=["officer"]), BACKEND)
    assert client.post(path, account).status_code == 403
    client.force_login(user, BACKEND)
    assert client.post(path, account | {"number": "12"}).status_code == 422
    assert client.post(path, account).status_code == 302
    page = client.get(f"/funding/grants/{grant.key}/")
    assert "**** 2222" in page.text
    assert "6222000011112222" not in page.text
    assert client.post(f"/funding/grants/{grant.key}/opt-out/").status_code == 302
    assert client.post(path, account).status_code == 409


def test_a_delivery_by_its_buttons(office, at, graduate, client):
    user, _ = graduate("张三丰@example.com")
    opened = office.post(
        "/funding/deliveries/", {"rule": f"{RENT}/rent-renewal", "on": "2026-11-20", "share": "0"}
    )
    assert opened.status_code == 302
    batch = Batch.objects.get()
    page = f"/funding/deliveries/{batch.key}/"
    assert office.get(f"{page}published/").status_code == 404
    assert office.post(f"{page}publish/").status_code == 409
    for step in ("match", "notify"):
        assert office.post(f"{page}{step}/").status_code == 302
    assert "¥4,500" in office.get(page).text
    grant = Grant.objects.get()
    services.confirm_account(
        by=SYSTEM, at=at, grant=grant, holder="=1+1", bank="苏州银行", number="62220000"
    )
    for step in ("pay", "pay", "publish"):
        assert office.post(f"{page}{step}/").status_code == 302
    exported = office.post("/funding/orders/export/")
    assert exported.status_code == 302
    assert office.get(exported["location"]).status_code == 200
    first, again = (office.post(f"{exported['location']}file/") for _ in range(2))
    assert first["content-type"].startswith("text/csv")
    assert "4500.00" in first.text
    assert "'=1+1" in first.text
    assert first.content == again.content
    order = PaymentOrder.objects.get()
    assert order.idempotency_key in again.text
    assert Line.objects.filter(verb="funding.orders.fetched").count() == 2
    assert office.post("/funding/orders/export/")["location"] == "/funding/orders/"
    assert office.post(f"/funding/orders/{order.key}/settle/", {"reference": ""}).status_code == 422
    assert (
        office.post(f"/funding/orders/{order.key}/settle/", {"reference": "T"}).status_code == 302
    )
    assert office.post(f"{page}archive/").status_code == 302
    client.logout()
    public = client.get(f"{page}published/")
    assert public.status_code == 200
    assert "张*丰" in public.text
    assert "张三丰" not in public.text
    del user


def test_a_rehearsal_with_simulated_people_is_marked(office, at, district, sector):
    del district, sector
    services.simulate_subjects(by=SYSTEM, at=at, kind="person", count=30)
    batch = delivered(at, simulated=True)
    assert "模拟数据" in office.get(f"/funding/deliveries/{batch.key}/").text
    tried = office.get(
        f"/funding/sandbox/?policy={RENT}&kind=person&p_rent_doctor=3000",
        headers={"HX-Request": "true", "HX-Target": "answer"},
    )
    assert tried.status_code == 200
    assert "<html" not in tried.text
    assert tried.context["tried"].comparison.total_fen > 0
    parts = tried.context["tried"].parts["district"]
    assert sum(one.change_fen for one in parts) == tried.context["tried"].comparison.total_fen


def test_the_sandbox_says_on_which_day_a_budget_ends(at, policies, district, sector):
    del policies, district, sector
    services.simulate_subjects(by=SYSTEM, at=at, kind="person", count=80)
    version = queries.version_of(RENT, on=at.date())
    city = sandbox.city_of(version, kind="person", on=at.date())
    all_of_it = sandbox.attempt(city, {}, budget_fen=2**61, order="graduated_date")
    assert all_of_it.exhausted_on is None
    half = sandbox.attempt(city, {}, budget_fen=all_of_it.after_fen // 2, order="graduated_date")
    assert half.exhausted_on is not None
    assert 0 < half.served < all_of_it.eligible_before
    services.enter_fact(
        by=SYSTEM, at=at, subject=Subject.objects.first(), name="owns_home", text="是"
    )
    assert sandbox.city_of(version, kind="person", on=at.date()) is not city


@pytest.mark.parametrize(
    "query", ["p_rent_doctor=abc", "p_rent_doctor=99999", "budget=1e400", "p_rent_doctor=0.001"]
)
def test_a_sandbox_value_that_cannot_be_is_refused_in_words(office, query):
    answer = office.get(f"/funding/sandbox/?policy={RENT}&{query}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_the_office_sets_an_open_parameter_and_checks_a_clause(office):
    path = "/funding/policies/suzhou-ai-news/parameters/compute_rate/"
    wrong = office.post(path, {"value": "二成", "source": "苏数据〔2026〕1号"})
    assert wrong.status_code == 422
    assert "二成" in wrong.text
    assert office.post(path, {"value": "0.2", "source": "苏数据〔2026〕1号"}).status_code == 302
    assert PackVersion.objects.filter(code="suzhou-ai-news").count() == 2
    page = office.get("/funding/policies/suzhou-ai-news/")
    assert "苏数据〔2026〕1号" in page.text
    check = f"/funding/policies/{RENT}/rules/rent-renewal/check/"
    assert office.post(check, {"compared_with": ""}).status_code == 422
    assert office.post(check, {"compared_with": "苏人社〔2025〕3号"}).status_code == 302
    assert "已核对" in office.get(f"/funding/policies/{RENT}/").text
    assert office.post("/funding/policies/none/parameters/x/").status_code == 404


def test_a_member_may_not_do_what_the_office_does(client, organisation, person, policies):
    del policies
    company = organisation()
    client.force_login(person("m@example.com", of=company, roles=["member"]), BACKEND)
    for path in (
        f"/funding/policies/{RENT}/parameters/rent_doctor/",
        f"/funding/policies/{RENT}/rules/rent-renewal/check/",
        "/funding/orders/export/",
        "/funding/deliveries/",
        "/funding/imports/",
    ):
        assert client.post(path).status_code == 403
    assert client.get("/funding/sandbox/").status_code == 403


def test_a_table_of_facts_is_uploaded_and_told_row_by_row(office):
    content = "subject,degree,owns_home\nP1,博士,否\nP2,高中,否\n".encode("gbk")
    file = SimpleUploadedFile("毕业生.csv", content, "text/csv")
    sent = {"file": file, "bureau": "市人社局", "kind": "person"}
    answer = office.post("/funding/imports/", sent, follow=True)
    assert answer.status_code == 200
    assert "高中" in answer.text
    assert "gb18030" in answer.text
    assert office.post("/funding/imports/", {"kind": "person"}).status_code == 422


def test_an_objection_is_raised_and_answered_on_the_page(office, client, at, graduate):
    user, _ = graduate("a@example.com")
    grant = delivered(at).grants.get()
    officer = client.session["_auth_user_id"]
    client.force_login(user, BACKEND)
    path = f"/funding/grants/{grant.key}/objections/"
    assert client.post(path, {"text": " "}).status_code == 422
    assert client.post(path, {"text": "应为硕士<script>"}).status_code == 302
    assert "<script>" not in client.get(f"/funding/grants/{grant.key}/").text.partition("<main")[2]
    client.force_login(User.objects.get(pk=officer), BACKEND)
    answer = f"/funding/objections/{grant.objections.get().key}/answer/"
    bad = client.post(answer, {"answer": "属实", "upheld": "yes", "amount": "many"})
    assert bad.status_code == 422
    good = client.post(answer, {"answer": "属实", "upheld": "yes", "amount": "3000.00"})
    assert good.status_code == 302
    grant.refresh_from_db()
    assert grant.amount_fen == 300_000


@pytest.mark.parametrize(
    "path",
    [
        "/funding/determinations/x/",
        "/funding/grants/x/",
        "/funding/deliveries/x/",
        "/funding/deliveries/x/published/",
        "/funding/imports/x/",
        "/funding/policies/none/",
        f"/funding/policies/{RENT}/versions/99/",
        "/funding/orders/exports/x/",
        "/funding/sandbox/?policy=none",
        "/funding/mine/?who=stranger",
    ],
)
def test_what_is_not_there_is_404(office, path):
    assert office.get(path).status_code == 404
