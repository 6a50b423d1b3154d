"""Who sees what on the pages and in the API, and what guessing gives."""

import json

import pytest
import supplies
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from liudu.platform.actors import Role
from liudu.platform.supply import services
from liudu.platform.supply.models import Certificate, Invitation, Offer, Solution, Version

pytestmark = [pytest.mark.django_db, pytest.mark.everywhere]
AT = supplies.AT


@pytest.fixture(autouse=True)
def key(settings, tmp_path):
    """The platform's key and its private folder, in a place of their own."""
    settings.PRIVATE = tmp_path / "private"
    settings.CERTIFICATE_KEY = tmp_path / "key.pem"
    return supplies.platform_key(settings)


@pytest.fixture
def whose():
    """A vendor."""
    return supplies.vendor()


@pytest.fixture
def rival():
    """Another vendor."""
    return supplies.vendor("对手")


@pytest.fixture
def owner():
    """Who posts needs."""
    return supplies.party("明州光电", Role.NEED_OWNER)


@pytest.fixture
def officer():
    """Somebody of the bureau."""
    return supplies.party("场景办", Role.OFFICER, kind="bureau")


@pytest.fixture
def need(owner):
    """A published need."""
    return supplies.need(owner)


@pytest.fixture
def version(whose):
    """A version that conforms."""
    return supplies.conforming(whose, supplies.solution(whose))


@pytest.fixture
def offer(whose, need, version):
    """An offer that waits."""
    return services.offer_version(by=whose.actor, at=AT, need=need, version=version, note="密谈")


@pytest.fixture
def certificate(version, need, key):
    """A certificate that is not released."""
    return supplies.filed(version, need, key=key)


def browser(who=None, **more):
    """Return a browser in which somebody has logged in, or nobody."""
    client = Client(**more)
    if who is not None:
        client.force_login(who.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def page(name, *args):
    """Return the address of a page."""
    return reverse(f"supply:{name}", args=args)


def file(content=None, *, name="board.zip"):
    """Return a file of a form."""
    return SimpleUploadedFile(name, supplies.zipped() if content is None else content)


def test_everybody_reads_the_public_pages_in_both_languages(version):
    key = version.solution.vendor.organisation.key
    paths = [
        page("solutions"),
        page("solution", version.solution.key),
        page("version", version.solution.key, 1),
        page("vendors"),
        page("vendor", key),
    ]
    for path in paths:
        assert browser().get(path).status_code == 200
        english = browser(headers={"accept-language": "en"}).get(path).content.decode()
        assert '<html lang="en"' in english


def test_the_list_finds_by_chinese_and_english_words_and_by_task(whose, version):
    supplies.solution(whose, name="心律失常预警")
    client = browser()
    for query in ("q=电路板", "q=board+check", "q=电路板&task=classify&sector="):
        content = client.get(f"{page('solutions')}?{query}").content.decode()
        assert version.solution.key in content, query
    assert "心律失常" not in client.get(f"{page('solutions')}?q=电路板").content.decode()
    assert "没有符合条件" in client.get(f"{page('solutions')}?task=alarm").content.decode()
    assert "没有符合条件" in client.get(f"{page('solutions')}?proven=yes").content.decode()


@pytest.mark.parametrize("query", ["page=0", "page=abc", "page=99999999999", "page=²"])
def test_what_is_no_page_is_not_found(query):
    assert browser().get(f"{page('solutions')}?{query}").status_code == 404


@pytest.mark.parametrize("query", ["q=%00", "sector=%00", "task=%00&q='--", "q=" + "a " * 300])
def test_strange_filters_find_nothing_and_break_nothing(query, version):
    assert browser().get(f"{page('solutions')}?{query}").status_code == 200
    assert browser().get(f"{page('vendors')}?{query}").status_code == 200


def test_twenty_five_solutions_are_on_a_page(whose):
    for number in range(30):
        supplies.solution(whose, name=f"方案 {number}")
    first = browser().get(page("solutions")).content.decode()
    second = browser().get(f"{page('solutions')}?page=2").content.decode()
    assert first.count("entry-title") == 25
    assert second.count("entry-title") == 5


def test_a_hidden_solution_is_not_found_by_others(whose, rival, officer):
    hidden = supplies.solution(whose, public=False)
    path = page("solution", hidden.key)
    assert browser().get(path).status_code == 404
    assert browser(rival).get(path).status_code == 404
    assert browser(whose).get(path).status_code == 200
    assert browser(officer).get(path).status_code == 200
    assert hidden.key not in browser().get(page("solutions")).content.decode()


def test_a_version_that_does_not_conform_is_between_its_vendor_and_the_bureau(
    whose, rival, officer
):
    version = supplies.upload(whose, supplies.solution(whose))
    Version.objects.filter(pk=version.pk).update(
        state=Version.State.REFUSED, reason_code="starts", reason_zh="启动不了", reason_en="No"
    )
    for name in ("version", "check"):
        path = page(name, version.solution.key, 1)
        assert browser().get(path).status_code == 404
        assert browser(rival).get(path).status_code == 404
        assert "启动不了" in browser(whose).get(path).content.decode()
        assert "启动不了" in browser(officer).get(path).content.decode()


def test_a_bundle_is_given_back_to_its_vendor_only(whose, rival, officer, version):
    path = page("bundle", version.solution.key, 1)
    mine = browser(whose).get(path)
    assert b"".join(mine.streaming_content).startswith(b"PK")
    assert "attachment" in mine["Content-Disposition"]
    assert browser(rival).get(path).status_code == 403
    assert browser(officer).get(path).status_code == 403
    assert browser().get(path).status_code == 302


def test_nobody_uploads_to_anothers_solution(whose, rival):
    solution = supplies.solution(whose)
    path = page("upload", solution.key)
    assert browser(rival).post(path, {"bundle": file()}).status_code == 403
    assert browser().post(path, {"bundle": file()}).status_code == 302
    assert browser(rival).get(page("edit_solution", solution.key)).status_code == 403
    assert not Version.objects.exists()


def test_an_upload_without_the_forms_token_is_refused_and_leaves_nothing(whose, settings):
    solution = supplies.solution(whose)
    client = browser(whose, enforce_csrf_checks=True)
    answer = client.post(page("upload", solution.key), {"bundle": file()})
    assert answer.status_code == 403
    assert not Version.objects.exists()
    assert not [each for each in settings.PRIVATE.rglob("*") if each.is_file()]


def test_an_upload_leads_to_its_version_which_asks_again_until_it_is_decided(whose):
    solution = supplies.solution(whose)
    client = browser(whose)
    answer = client.post(page("upload", solution.key), {"bundle": file()}, follow=True)
    assert answer.redirect_chain[-1][0] == page("version", solution.key, 1)
    assert "hx-get" in answer.content.decode()
    Version.objects.update(state=Version.State.CONFORMS)
    assert "hx-get" not in client.get(page("check", solution.key, 1)).content.decode()


def test_the_same_bundle_again_leads_to_the_version_that_it_is(whose):
    solution = supplies.solution(whose)
    client = browser(whose)
    client.post(page("upload", solution.key), {"bundle": file()})
    again = client.post(page("upload", solution.key), {"bundle": file()})
    assert again.status_code == 409
    assert page("version", solution.key, 1) in again.content.decode()


def test_a_form_without_a_file_is_told_so(whose):
    answer = browser(whose).post(page("upload", supplies.solution(whose).key), {})
    assert answer.status_code == 422
    assert "没有文件" in answer.content.decode()


def test_a_script_in_a_title_is_only_text(whose):
    solution = supplies.solution(whose, name="<script>alert(1)</script>")
    content = browser().get(page("solution", solution.key)).content.decode()
    assert "<script>alert" not in content
    assert "&lt;script&gt;alert" in content


@pytest.mark.parametrize(
    "website",
    ["javascript:alert(1)", "ftp://a.example", "//a.example", "https://", "http://u:p@a.example"],
)
def test_a_website_that_is_none_is_refused(website, whose):
    answer = browser(whose).post(page("profile"), {"website": website})
    assert answer.status_code == 422


def test_a_profile_is_written_and_read(whose):
    answer = browser(whose).post(
        page("profile"),
        {"about": "看得见每一处", "website": "https://a.example/", "founded_year": "2020"},
    )
    assert answer.status_code == 302
    content = browser().get(page("vendor", whose.organisation.key)).content.decode()
    assert "看得见每一处" in content
    assert 'href="https://a.example/"' in content


def test_who_is_no_vendor_yet_is_led_to_the_profile():
    made = supplies.party("新单位", Role.VENDOR)
    client = browser(made)
    for name in ("mine", "new_solution"):
        assert client.get(page(name)).url == page("profile")
    assert client.get(page("profile")).status_code == 200


def test_an_offer_is_seen_by_those_between_whom_it_stands(offer, whose, rival, owner, officer):
    detail = reverse("needs:detail", args=[offer.need.key])
    for who in (whose, owner, officer):
        assert "密谈" in browser(who).get(detail).content.decode()
    for who in (rival, None):
        content = browser(who).get(detail).content.decode()
        assert "密谈" not in content
        assert "看得见科技" not in content


def test_guessing_an_offers_key_gives_nothing(offer, rival, whose, owner):
    stranger = supplies.party("别家", Role.NEED_OWNER)
    withdraw, answer = page("withdraw", offer.key), page("answer", offer.key)
    assert browser(rival).post(withdraw).status_code == 404
    assert browser(stranger).post(answer, {"deed": "admit"}).status_code == 404
    assert browser(owner).post(withdraw).status_code == 403
    assert browser(whose).post(answer, {"deed": "admit"}).status_code == 403
    assert browser(owner).post(answer, {"deed": "else"}).status_code == 404
    assert supplies.fresh(offer).state == Offer.State.OFFERED


def test_an_owner_admits_and_a_vendor_reads_the_answer(offer, owner, whose):
    browser(owner).post(page("answer", offer.key), {"deed": "admit", "answer": "下周开始"})
    assert supplies.fresh(offer).state == Offer.State.ADMITTED
    assert "下周开始" in browser(whose).get(page("mine")).content.decode()


def test_a_vendor_offers_and_is_told_what_does_not_fit(whose, need, version):
    other = supplies.conforming(whose, supplies.solution(whose, name="逐件"), mode="stream")
    client = browser(whose)
    content = client.get(page("offer", need.key)).content.decode()
    assert version.key in content
    assert "逐件 v1" in content
    assert "stream 模式" in content
    refused = client.post(page("offer", need.key), {"version": other.key})
    assert refused.status_code == 422
    client.post(page("offer", need.key), {"version": version.key})
    assert Offer.objects.get().version == version


def test_nobody_offers_what_belongs_to_another(rival, need, version):
    answer = browser(rival).post(page("offer", need.key), {"version": version.key})
    assert answer.status_code == 422
    assert not Offer.objects.exists()


def test_only_the_owner_and_the_bureau_invite(need, whose, owner, officer):
    stranger = supplies.party("别家", Role.NEED_OWNER)
    path = page("invite", need.key)
    sent = {"vendor": whose.organisation.key, "message": "请看看"}
    assert browser(stranger).post(path, sent).status_code == 403
    assert browser(whose).get(path).status_code == 403
    assert browser(owner).post(path, sent).status_code == 302
    assert browser(officer).post(path, sent).status_code == 422
    assert Invitation.objects.count() == 1
    assert "请看看" in browser(whose).get(page("mine")).content.decode()


def test_an_unreleased_certificate_is_not_found(certificate, whose, rival, owner, officer):
    for path in (
        page("certificate", certificate.key),
        page("certificate_document", certificate.key),
        f"/api/supply/certificates/{certificate.key}",
    ):
        for who in (None, rival, whose):
            assert browser(who).get(path).status_code == 404
        for who in (owner, officer):
            assert browser(who).get(path).status_code == 200


def test_a_certificate_is_public_once_it_is_released_and_shown(certificate, whose, rival):
    services.release_certificate(by=whose.actor, at=AT, trial_key=certificate.trial_key)
    path, show = page("certificate", certificate.key), page("show_certificate", certificate.key)
    assert browser().get(path).status_code == 404
    assert browser(whose).get(path).status_code == 200
    assert browser(rival).post(show, {"public": "yes"}).status_code == 404
    browser(whose).post(show, {"public": "yes"})
    content = browser().get(path).content.decode()
    assert "刚刚核验" in content
    assert "模拟数据" in content
    assert f"liudu-trial verify liudu-{certificate.key}.json" in content
    browser(whose).post(show, {"public": "no"})
    assert browser().get(path).status_code == 404


def test_the_document_is_a_credential_that_verifies_offline(certificate, whose, tmp_path):
    from liudu.trial.commands.verify import verify_file  # noqa: PLC0415 - what a stranger runs

    services.release_certificate(by=whose.actor, at=AT, trial_key=certificate.trial_key)
    Certificate.objects.update(public=True)
    answer = browser().get(page("certificate_document", certificate.key))
    assert answer["Content-Type"] == "application/vc"
    path = tmp_path / "certificate.json"
    path.write_bytes(answer.content)
    assert verify_file(path).intact


def test_a_revoked_certificate_says_so_loudly(certificate, whose, officer):
    services.release_certificate(by=whose.actor, at=AT, trial_key=certificate.trial_key)
    Certificate.objects.update(public=True)
    revoke = page("revoke_certificate", certificate.key)
    assert browser(whose).post(revoke, {"reason": "x"}).status_code == 403
    browser(officer).post(revoke, {"reason": "标签有误"})
    content = browser().get(page("certificate", certificate.key)).content.decode()
    assert "本证书已吊销" in content
    assert "标签有误" in content
    assert "刚刚核验" not in content


def test_the_api_uploads_and_tells_the_findings_to_their_vendor_only(whose, rival):
    solution = supplies.solution(whose)
    path = f"/api/supply/solutions/{solution.key}/versions"
    client = browser(whose)
    made = client.post(path, {"bundle": file()})
    assert made.status_code == 201, made.content
    assert made.json()["state"] == "waiting"
    again = client.post(path, {"bundle": file()})
    assert (again.status_code, again.json()["code"]) == (409, "SameBundle")
    bad = client.post(path, {"bundle": file(b"not a bundle")})
    assert (bad.status_code, bad.json()["code"]) == (422, "NoBundle")
    assert browser(rival).post(path, {"bundle": file()}).status_code == 403
    Version.objects.update(state=Version.State.CONFORMS)
    assert "findings" in client.get(f"{path}/1").json()
    assert "findings" not in browser(rival).get(f"{path}/1").json()


def test_the_api_does_what_the_pages_do(whose, owner, need):
    vendor, office = browser(whose), browser(owner)

    def send(client, method, path, **content):
        answer = getattr(client, method)(
            f"/api/supply{path}", json.dumps(content), content_type="application/json"
        )
        assert answer.status_code in (200, 201), answer.content
        return answer.json()

    send(vendor, "put", "/profile", about="看得见", sectors=["manufacturing"])
    made = send(vendor, "post", "/solutions", name="检测", sector="manufacturing")
    send(vendor, "patch", f"/solutions/{made['key']}", name_en="Check")
    solution = Solution.objects.get(key=made["key"])
    assert (solution.name, solution.name_en) == ("检测", "Check")
    supplies.conforming(whose, solution)
    send(office, "post", "/invitations", need=need.key, vendor=whose.organisation.key)
    offer = send(vendor, "post", "/offers", need=need.key, solution=made["key"], number=1)
    assert send(office, "post", f"/offers/{offer['key']}/admit")["state"] == "admitted"
    assert vendor.get("/api/supply/offers").json()["items"][0]["key"] == offer["key"]
    assert vendor.get("/api/supply/invitations").json()["items"][0]["answered_at"]
    assert browser().get("/api/supply/offers").status_code == 401
