"""What the screens of funding do for those who use them: kept words, readers, letters, percent."""

import re
from pathlib import Path

import pytest
from django.urls import reverse

from liudu.platform import clock
from liudu.platform.actors import SYSTEM
from liudu.platform.audit.models import Line
from liudu.platform.city.models import District, Sector
from liudu.platform.funding import queries, sandbox, services
from liudu.platform.funding.models import Batch, Objection, PackVersion, PaymentOrder
from liudu.platform.identity.models import User

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

CITY = Path(__file__).parents[4] / "cities" / "suzhou" / "policies"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
RENT = "suzhou-graduate-rent"
LOOKED = "funding.subject.looked_at"
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
ACCOUNT = {"holder": "甲", "bank": "苏州银行", "number": "6222 0000 1111 2222"}


@pytest.fixture(autouse=True)
def policies(monkeypatch, at):
    monkeypatch.setattr(clock, "now", lambda: at)
    return services.load_policies(by=SYSTEM, at=at, folder=CITY)


@pytest.fixture
def graduate(at, person):
    def make(email="a@example.com"):
        user = person(email)
        subject = services.subject_for_user(at=at, user=user)
        for name, text in DUE.items():
            services.enter_fact(by=SYSTEM, at=at, subject=subject, name=name, text=text)
        return user, subject

    return make


@pytest.fixture
def officer(organisation, person):
    bureau = organisation("市人社局", kind="bureau")
    return person("officer@example.com", of=bureau, roles=["officer"])


def grant_of(at, *, share=0.0, notified=True, on=None):
    day = on or at.date()
    batch = services.open_batch(
        by=SYSTEM,
        at=at,
        version=queries.version_of(RENT, on=day),
        rule="rent-renewal",
        on=day,
        sample_share=share,
    )
    services.match_batch(by=SYSTEM, at=at, batch=batch)
    if notified:
        services.notify_batch(by=SYSTEM, at=at, batch=batch)
    return batch.grants.get()


@pytest.mark.parametrize("typed", ["2", "2 %", "2％"])
def test_a_share_is_typed_and_read_as_a_percentage(client, officer, typed):
    client.force_login(officer, BACKEND)
    form = {"rule": f"{RENT}/rent-renewal", "on": "2026-11-20", "share": typed, "above": "3,000"}
    assert client.post("/funding/deliveries/", form).status_code == 302
    batch = Batch.objects.get()
    assert batch.sample_share == pytest.approx(0.02)
    assert batch.review_above_fen == 3_000_00
    shown = client.get(f"/funding/deliveries/{batch.key}/").text
    assert "随机 2\N{NO-BREAK SPACE}%，超过 ¥3,000 的必查" in shown


@pytest.mark.parametrize(
    "wrong",
    [{"on": "明天"}, {"share": "百分之二"}, {"share": "101"}, {"share": "nan"}, {"above": "很多"}],
)
def test_a_delivery_that_cannot_be_opened_keeps_what_was_typed(client, officer, wrong):
    client.force_login(officer, BACKEND)
    form = {"rule": f"{RENT}/rent-renewal", "on": "2026-11-20", "share": "7", "above": "4321"}
    answer = client.post("/funding/deliveries/", form | {"simulated": "1"} | wrong)
    assert answer.status_code == 422
    for text in (form | wrong).values():
        assert f'"{text}"' in answer.text
    assert re.search(r'id="simulated"[^>]* checked', answer.text)
    assert not Batch.objects.exists()


def test_others_who_look_are_noted_once_a_day_and_told_to_the_subject(
    client, at, graduate, officer
):
    user, _ = graduate()
    grant = grant_of(at)
    pages = [
        reverse("funding:determination", args=[grant.determination.key]),
        reverse("funding:grant", args=[grant.key]),
        reverse("funding:letter", args=[grant.key]),
    ]
    client.force_login(user, BACKEND)
    for page in pages:
        assert client.get(page).status_code == 200
    assert not Line.objects.filter(verb=LOOKED).exists()
    assert "还没有别人看过" in client.get("/funding/facts/").text
    client.force_login(officer, BACKEND)
    for page in pages * 2:
        assert client.get(page).status_code == 200
    line = Line.objects.get(verb=LOOKED)
    assert (line.subject_kind, line.subject_key) == ("subject", grant.subject.key)
    client.force_login(user, BACKEND)
    assert "市人社局 · " in client.get("/funding/facts/").text


def test_a_look_by_the_api_is_noted_too(client, at, graduate, officer):
    graduate()
    grant = grant_of(at)
    client.force_login(officer, BACKEND)
    for path in (f"subjects/{grant.subject.key}/explanation", f"determinations/{grant.determination.key}"):  # fmt: skip  # noqa: E501
        assert client.get(f"/api/funding/{path}").status_code == 200
    assert Line.objects.filter(verb=LOOKED).count() == 1


def test_the_account_of_last_time_is_confirmed_by_one_button(client, at, graduate):
    user, subject = graduate()
    first = grant_of(at)
    client.force_login(user, BACKEND)
    page, path = f"/funding/grants/{first.key}/", f"/funding/grants/{first.key}/account/"
    assert "用上次的账户" not in client.get(page).text
    refused = client.post(path, {"as_before": "1"})
    assert refused.status_code == 422
    assert client.post(path, ACCOUNT).status_code == 302
    later = at.replace(year=2027, month=2)
    for name in ("insured_this_quarter", "owns_home"):
        services.enter_fact(by=SYSTEM, at=later, subject=subject, name=name, text=DUE[name])
    second = grant_of(later)
    shown = client.get(f"/funding/grants/{second.key}/").text
    assert "用上次的账户" in shown
    assert "6222000011112222" not in shown
    answer = client.post(f"/funding/grants/{second.key}/account/", {"as_before": "1"})
    assert answer.status_code == 302
    second.refresh_from_db()
    assert (second.state, second.account_number) == ("confirmed", "6222000011112222")


def test_a_letter_is_for_the_subject_once_it_was_told_and_holds_no_account(
    client, at, graduate, person
):
    user, _ = graduate()
    grant = grant_of(at, share=1.0)
    letter = f"/funding/grants/{grant.key}/letter/"
    client.force_login(user, BACKEND)
    assert client.get(letter).status_code == 404
    assert letter not in client.get(f"/funding/grants/{grant.key}/").text
    services.approve_grant(by=SYSTEM, at=at, grant=grant)
    services.confirm_account(by=SYSTEM, at=at, grant=grant, **ACCOUNT)
    shown = client.get(letter)
    assert shown.status_code == 200
    assert "¥4,500" in shown.text
    assert "2222" not in shown.text
    client.force_login(person("stranger@example.com"), BACKEND)
    assert client.get(letter).status_code == 404


def test_a_reader_of_the_publication_objects_there_and_stays_unnamed(
    client, at, graduate, person, officer
):
    user, _ = graduate()
    grant = grant_of(at)
    services.publish_batch(by=SYSTEM, at=at, batch=grant.batch)
    published = f"/funding/deliveries/{grant.batch.key}/published/"
    assert "next=%2Ffunding" in client.get(f"{published}?object={grant.key}").text
    reader = person("reader@example.com")
    User.objects.filter(pk=reader.pk).update(name="李读者")
    reader.refresh_from_db()
    client.force_login(reader, BACKEND)
    assert f"?object={grant.key}#object" in client.get(published).text
    path = f"/funding/grants/{grant.key}/objections/"
    empty = client.post(path, {"text": "  "})
    assert empty.status_code == 422
    assert path in empty.text
    for _ in range(2):
        assert client.post(path, {"text": "他有房"}).status_code == 302
    assert Objection.objects.count() == 1
    page = f"/funding/grants/{grant.key}/"
    assert client.get(page).status_code == 404
    client.force_login(user, BACKEND)
    assert "他有房" in client.get(page).text
    assert "李读者" not in client.get(page).text
    client.force_login(officer, BACKEND)
    assert "李读者" in client.get(page).text


def test_what_an_officer_typed_stays_where_it_is_refused(client, at, graduate, officer):
    graduate()
    grant = grant_of(at, share=1.0)
    client.force_login(officer, BACKEND)
    path = f"/funding/grants/{grant.key}"
    undecided = client.post(f"{path}/review/", {"decision": "", "note": "收入待核"})
    assert undecided.status_code == 422
    assert "收入待核" in undecided.text
    services.approve_grant(by=SYSTEM, at=at, grant=grant)
    gone = client.post(f"{path}/review/", {"decision": "approve", "note": "收入待核"})
    assert gone.status_code == 409
    assert 'role="alert"' in gone.text
    services.raise_objection(by=SYSTEM, at=at, grant=grant, text="少了")
    objection = Objection.objects.get()
    wrong = client.post(
        f"/funding/objections/{objection.key}/answer/",
        {"upheld": "yes", "answer": "确实少了", "amount": "四千"},
    )
    assert wrong.status_code == 422
    assert "确实少了" in wrong.text
    assert "四千" in wrong.text


def test_an_order_without_the_treasurys_number_stays_on_the_list(client, at, graduate, officer):
    graduate()
    grant = grant_of(at)
    services.confirm_account(by=SYSTEM, at=at, grant=grant, **ACCOUNT)
    services.order_payments(by=SYSTEM, at=at, batch=grant.batch)
    order = PaymentOrder.objects.get()
    PaymentOrder.objects.update(state=PaymentOrder.State.EXPORTED, exported_at=at)
    client.force_login(officer, BACKEND)
    refused = client.post(f"/funding/orders/{order.key}/settle/", {"reference": " "})
    assert refused.status_code == 422
    assert f'id="wrong-{order.key}"' in refused.text


def test_english_pages_say_the_values_in_english(client, at, graduate):
    user, _ = graduate()
    grant = grant_of(at)
    client.force_login(user, BACKEND)
    client.cookies["django_language"] = "en"
    page = client.get(reverse("funding:determination", args=[grant.determination.key])).text
    assert "<strong>yes</strong>" in page
    assert "<strong>是</strong>" not in page
    assert "November 2026" in page
    assert ">yes<" in client.get("/funding/facts/").text


def test_facts_that_were_used_stand_apart_from_those_that_were_only_known(client, at, graduate):
    user, subject = graduate()
    services.enter_fact(by=SYSTEM, at=at, subject=subject, name="full_time", text="是")
    grant = grant_of(at)
    client.force_login(user, BACKEND)
    page = client.get(reverse("funding:determination", args=[grant.determination.key]))
    used = {one["fact"].name for one in page.context["used"]}
    assert used == set(DUE) - {"rent_paid"}
    assert {one["fact"].name for one in page.context["others"]} == {"rent_paid", "full_time"}
    homes = next(one for one in page.context["used"] if one["fact"].name == "owns_home")
    assert homes["until"] is not None
    assert [str(one["label"].zh) for one in page.context["effects"]] == ["已发放月数"]


def test_sliders_can_stand_on_the_values_of_today(client, officer):
    client.force_login(officer, BACKEND)
    for version in queries.versions_on(clock.today()):
        sliders = client.get(f"/funding/sandbox/?policy={version.code}").context["sliders"]
        for one in sliders:
            low, step, now = (float(one[name]) for name in ("low", "step", "now"))
            steps = (now - low) / step
            assert steps == pytest.approx(round(steps), abs=1e-6), (version.code, one)


def test_a_budget_that_has_no_order_is_said_to_be_too_small(client, at, officer, district, sector):
    del district, sector
    services.simulate_subjects(by=SYSTEM, at=at, kind="enterprise", count=200)
    path = "/funding/policies/suzhou-ai-news/parameters/compute_rate/"
    client.force_login(officer, BACKEND)
    assert client.post(path, {"value": "20 %", "source": "苏数据〔2026〕1号"}).status_code == 302
    assert PackVersion.objects.filter(code="suzhou-ai-news").count() == 2
    assert "20\N{NO-BREAK SPACE}%" in client.get("/funding/policies/suzhou-ai-news/").text
    tried = client.get("/funding/sandbox/?policy=suzhou-ai-news&budget=0.01")
    assert tried.context["tried"].after_fen > 100_00
    assert "不够" in tried.text
    assert "够用" in client.get("/funding/sandbox/?policy=suzhou-ai-news&budget=99999999").text


def test_a_large_city_is_read_behind_a_notice(client, at, officer, monkeypatch):
    District.objects.create(code="d", name="区", name_en="district")
    Sector.objects.create(number=1, code="s", name="业", name_en="sector")
    services.simulate_subjects(by=SYSTEM, at=at, kind="person", count=20)
    monkeypatch.setattr(sandbox, "MANY", 10)
    client.force_login(officer, BACKEND)
    path = f"/funding/sandbox/?policy={RENT}&p_rent_doctor=2000"
    first = client.get(path)
    assert "正在读取全市的事实" in first.text
    assert 'value="2000"' in first.text
    part = client.get(path, headers={"HX-Request": "true", "HX-Target": "answer"})
    assert part.context["tried"].comparison.total_fen >= 0
    assert "正在读取全市的事实" not in client.get(path).text
    assert "1,500 元 → 2,000 元" in client.get(f"{path}&wait=1").text


def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(client, at, graduate):
    graduate()
    grant = grant_of(at)
    page = f"/funding/grants/{grant.key}/"
    sent = client.post(f"{page}account/", ACCOUNT, headers={"Referer": f"http://testserver{page}"})
    assert sent.status_code == 302
    assert sent.url == f"/accounts/login/?next={page}"
    abroad = client.post(f"{page}account/", headers={"Referer": "https://evil.example/x"})
    assert abroad.url == "/accounts/login/?next=/"
    part = client.post(
        "/funding/mine/answer/",
        headers={
            "HX-Request": "true",
            "HX-Current-URL": "http://testserver/funding/mine/?who=me",
        },
    )
    assert part.status_code == 204
    assert part["HX-Redirect"] == "/accounts/login/?next=/funding/mine/%3Fwho%3Dme"


def test_a_rehearsal_goes_through_to_the_archive_without_the_treasury(client, at, officer):
    District.objects.create(code="d", name="区", name_en="district")
    Sector.objects.create(number=1, code="s", name="业", name_en="sector")
    services.simulate_subjects(by=SYSTEM, at=at, kind="person", count=40)
    client.force_login(officer, BACKEND)
    form = {"rule": f"{RENT}/rent-renewal", "on": "2026-11-20", "share": "0", "simulated": "1"}
    page = client.post("/funding/deliveries/", form).url
    for step in ("match", "notify"):
        assert client.post(f"{page}{step}/").status_code == 302
    batch = Batch.objects.get()
    grant = batch.grants.filter(state="notified").first()
    services.confirm_account(by=SYSTEM, at=at, grant=grant, **ACCOUNT)
    for step in ("pay", "publish"):
        assert client.post(f"{page}{step}/").status_code == 302
    assert client.post("/funding/orders/export/").url == "/funding/orders/"
    assert "不交财政" in client.get("/funding/orders/").text
    made = client.post("/funding/orders/export/", {"simulated": "1"})
    assert "模拟数据" in client.get(made.url).text
    order = PaymentOrder.objects.get()
    assert client.post(f"/funding/orders/{order.key}/settle/", {"reference": "演练"}).status_code == 302  # fmt: skip  # noqa: E501
    assert client.post(f"{page}archive/").status_code == 302
    batch.refresh_from_db()
    assert batch.stage == Batch.Stage.ARCHIVED
