"""What went wrong is said in words, in both languages, and nothing that was typed is lost."""

import pytest
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpResponse
from django.test import Client, RequestFactory
from django.urls import include, path, re_path

from liudu.contract import Refusal
from liudu.platform.actors import VISITOR
from liudu.platform.web import pages

pytestmark = [pytest.mark.django_db, pytest.mark.everywhere]


class TooLongError(Refusal):
    en = "{length} characters are too many: at most 10."
    zh = "{length} 个字符太多：最多 10 个。"


class StaleError(Refusal):
    status = 409
    en = "Revision {revision} is not the newest."
    zh = "第 {revision} 版不是最新的。"


def raising(error):
    def view(request):
        del request
        raise error

    return view


urlpatterns = [
    path("refused/", raising(TooLongError(length=12))),
    path("stale/", raising(StaleError(revision=3))),
    path("away/", raising(OperationalError("database is locked at /secret/path"))),
    path("forbidden/", raising(PermissionDenied("needs.edit_need"))),
    path("nothing/", raising(Http404())),
    path("unreadable/", raising(BadRequest())),
    path("broken/", raising(RuntimeError("inner secret"))),
    path("fine/", lambda request: HttpResponse(request.method)),
    re_path("", include("liudu.platform.urls")),
]
handler400 = "liudu.platform.web.pages.bad_request"
handler403 = "liudu.platform.web.pages.forbidden"
handler404 = "liudu.platform.web.pages.not_found"
handler500 = "liudu.platform.web.pages.broken"


@pytest.fixture
def ask(settings):
    settings.ROOT_URLCONF = __name__
    client = Client(raise_request_exception=False)

    def asked(method, address, data=None, *, language="zh-hans"):
        client.cookies["django_language"] = language
        return getattr(client, method)(address, data)

    return asked


@pytest.mark.parametrize(
    ("address", "status", "zh", "en"),
    [
        ("/refused/", 422, "12 个字符太多：最多 10 个。", "12 characters are too many"),
        ("/stale/", 409, "第 3 版不是最新的。", "Revision 3 is not the newest."),
        ("/away/", 503, "数据库暂时无法访问", "The database is away for a moment"),
        ("/forbidden/", 403, "当前身份没有这项权限", "You may not do this"),
        ("/nothing/", 404, "没有找到这一页", "There is no such page"),
        ("/unreadable/", 400, "请求无法读取", "The request cannot be read"),
        ("/broken/", 500, "系统出错了", "Something went wrong"),
    ],
)
def test_each_error_has_a_page_in_both_languages(ask, address, status, zh, en):
    for language, words in (("zh-hans", zh), ("en", en)):
        answer = ask("get", address, language=language)
        assert answer.status_code == status
        assert words in answer.content.decode()
        assert "secret" not in answer.content.decode()


def test_a_form_that_the_database_could_not_take_is_shown_again(ask):
    typed = {"title": "焊点<b>漏检</b>", "problem": "第一行\n第二行", "skills": ["看", "算"]}
    answer = ask("post", "/away/?step=2", typed)
    page = answer.content.decode()
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert 'action="/away/?step=2"' in page
    assert 'name="title" value="焊点&lt;b&gt;漏检&lt;/b&gt;"' in page
    assert page.count('name="skills"') == 2
    assert "第一行\n第二行" in page


def test_passwords_and_codes_are_never_shown_again(ask):
    typed = {"login": "wang@example.com", "password": "hidden 1", "otp_code": "123987"}
    page = ask("post", "/away/", typed).content.decode()
    assert "wang@example.com" in page
    assert "hidden 1" not in page
    assert "123987" not in page
    assert "密码和验证码不会显示" in page


def test_the_page_of_a_database_that_is_away_asks_it_nothing(
    settings, rf, django_assert_num_queries
):
    settings.ROOT_URLCONF = __name__
    request = rf.post("/away/", {"title": "x"})
    with django_assert_num_queries(0):
        answer = pages.database_away(request)
    assert answer.status_code == 503


def test_a_get_leaves_no_form_to_keep():
    assert pages.kept_form(RequestFactory().get("/away/")) is None


def test_the_way_back_leads_to_this_host_only(rf):
    for referer, back in (
        ("http://testserver/needs/new/", "/needs/new/"),
        ("http://elsewhere.example/x", ""),
        ("http://testserver.elsewhere.example/x", ""),
        ("", ""),
    ):
        request = rf.get("/refused/", headers={"referer": referer})
        request.actor = VISITOR
        page = pages.refused(request, TooLongError(length=12)).content.decode()
        assert ('href="/needs/new/"' in page) is bool(back)
        assert "elsewhere" not in page


def test_a_stranger_host_is_told_nothing(ask, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    answer = Client(raise_request_exception=False, headers={"host": "evil.example"}).get("/fine/")
    assert answer.status_code == 400
    assert "evil.example" not in answer.content.decode()
    assert ask("get", "/fine/").content == b"GET"
