"""What somebody who means harm tries first."""

import re
import subprocess
import sys
from datetime import timedelta

import guarded_city
import pytest
from django.conf import settings
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from liudu.platform import clock
from liudu.platform.actors import SYSTEM, Role
from liudu.platform.api import operations
from liudu.platform.audit.models import Line
from liudu.platform.identity import services
from liudu.platform.identity.models import Membership, User
from liudu.platform.identity.queries import actor_of

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

LOGIN = {"login": "owner@example.com", "password": "six degrees of a city"}


@pytest.fixture
def city():
    """A city with one of everything."""
    cache.clear()
    return guarded_city.build()


@pytest.fixture
def keyed(city):
    """Every route of ours with the arguments of something that is there."""
    return [
        (door, reverse(door.name, kwargs=arguments))
        for door in guarded_city.ours()
        for _, arguments in guarded_city.subjects(door, city.things)
    ]


def log_in(client, **changed):
    """Post the form of the login."""
    return client.post("/accounts/login/", {**LOGIN, **changed})


@pytest.mark.slow
def test_no_form_is_taken_without_its_token(city, keyed):
    client = city.client("owner", enforce_csrf_checks=True)
    before = Line.objects.count()
    for door, path in keyed:
        assert client.post(path).status_code == 403, door.name
    for path in ("/accounts/login/", "/accounts/logout/", "/i18n/setlang/"):
        assert client.post(path).status_code == 403, path
    assert Line.objects.count() == before


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["visitor", "owner", "officer"])
def test_every_page_tells_the_browser_to_be_strict(city, keyed, reader):
    client = city.client(reader)
    for door, path in keyed:
        answer = client.get(path)
        guarded_city.read(answer)
        assert answer["X-Frame-Options"] == "DENY", door.name
        assert answer["X-Content-Type-Options"] == "nosniff", door.name
        assert answer["Referrer-Policy"] == "same-origin", door.name
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin", door.name
        policy = answer["Content-Security-Policy"]
        assert "default-src 'self'" in policy, door.name
        assert "frame-ancestors 'none'" in policy, door.name
        if door.name != "trials:report":
            assert "unsafe" not in policy, door.name


@pytest.mark.slow
def test_a_script_in_a_title_or_a_name_is_shown_and_never_run(city, keyed):
    shown = set()
    for reader in ("visitor", "owner", "vendor", "officer", "auditor"):
        client = city.client(reader)
        for door, path in keyed:
            answer = client.get(path)
            text = guarded_city.read(answer)
            if not answer["Content-Type"].startswith("text/html"):
                continue
            assert b"<script>alert(" not in text, (reader, door.name)
            if guarded_city.ESCAPED.encode() in text:
                shown.add(door.name)
    assert {"needs:detail", "supply:solution", "identity:organisation"} <= shown


@pytest.mark.slow
def test_no_page_holds_code_or_looks_of_its_own(city, keyed):
    inline = re.compile(
        rb"<script(?![^>]*\bsrc=)(?![^>]*json)[^>]*>|\son\w+=|<style|\sstyle=|javascript:"
    )
    outside = re.compile(rb"(?:src|href|action)=[\"'](?:https?:)?//(?!testserver)")
    client = city.client("officer")
    for door, path in keyed:
        answer = client.get(path)
        text = guarded_city.read(answer)
        if answer["Content-Type"].startswith("text/html") and door.name != "trials:report":
            assert not inline.search(text), (door.name, inline.search(text))
            loaded = re.findall(rb"<(?:script|link|img|iframe)[^>]*>", text)
            assert not [each for each in loaded if outside.search(each)], door.name


@pytest.mark.slow
def test_guessed_keys_tell_nothing(city):
    client = city.client("rival")
    for door in guarded_city.ours():
        about = [word for word, _ in guarded_city.subjects(door, city.things)]
        if "key" not in door.arguments or "draft" not in about:
            continue
        things = {**city.things, "draft": city.things["draft"]}
        there = _answers(client, door, things, "draft")
        not_there = _answers(client, door, {**things, "draft": "0bcdfghjkmnp"}, "draft")
        assert there == not_there, door.name


def _answers(client, door, things, word):
    found = dict(guarded_city.subjects(door, things)).get(word)
    found = found or next(
        arguments for about, arguments in guarded_city.subjects(door, things) if about != "need"
    )
    path = reverse(door.name, kwargs=found)
    return [client.get(path).status_code, client.post(path).status_code]


def test_a_session_begun_before_the_login_is_worth_nothing_after_it(city):
    thief, client = Client(), Client()
    thief.get("/i18n/setlang/")
    session = thief.session
    session["planted"] = "yes"
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    assert log_in(client).status_code == 302
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != session.session_key
    thief.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    assert thief.get("/me/").status_code == 302


def test_the_cookies_are_out_of_reach_of_scripts_and_of_other_sites(city):
    client = Client()
    log_in(client)
    for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
        client.get("/accounts/login/") if name not in client.cookies else None
    session = client.cookies[settings.SESSION_COOKIE_NAME]
    assert session["httponly"]
    assert session["samesite"] == "Lax"
    assert settings.CSRF_COOKIE_HTTPONLY
    assert settings.SESSION_COOKIE_SECURE == settings.HTTPS


def test_one_logs_out_by_post_and_not_by_following_a_link(city):
    client = city.client("owner")
    assert client.get("/accounts/logout/").status_code == 200
    assert client.get("/me/").status_code == 200
    client.post("/accounts/logout/")
    assert client.get("/me/").status_code == 302


def test_a_changed_password_ends_the_other_sessions(city):
    here, elsewhere = Client(), Client()
    log_in(here)
    log_in(elsewhere)
    new = "quite another phrase 7"
    form = {"oldpassword": LOGIN["password"], "password1": new, "password2": new}
    assert here.post("/accounts/password/change/", form).status_code == 302
    assert here.get("/me/").status_code == 200
    assert elsewhere.get("/me/").status_code == 302


def test_whoever_guesses_passwords_is_shut_out_and_told_until_when(city):
    client = Client(headers={"accept-language": "zh-hans"})
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        assert log_in(client, password="a guess").status_code == 200  # noqa: S106
    shut = log_in(client, password="a guess", login="OWNER@example.com")  # noqa: S106
    assert shut.status_code == 429
    assert 0 < int(shut["Retry-After"]) <= 15 * 60
    assert re.search(r"20\d\d-\d\d-\d\d \d\d:\d\d", shut.content.decode())
    assert "分钟" in shut.content.decode()
    assert log_in(client).status_code == 429  # the right one is of no use now
    assert log_in(Client(), login="vendor@example.com").status_code == 302  # others get in
    line = Line.objects.get(verb="identity.user.locked_out")  # one, however often it is tried
    assert line.subject_key == city.users["owner"].key


def test_what_limits_logins_is_counted_for_all_processes_together():
    cache.set("counted", 3)
    program = (
        "from django.conf import settings; import sys, ast;"
        "settings.configure(CACHES=ast.literal_eval(sys.argv[1]));"
        "from django.core.cache import cache; print(cache.get('counted'))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, repr(settings.CACHES)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout == "3\n"


def test_another_network_is_not_shut_out_with_the_guesser(city):
    client = Client()
    for _ in range(settings.AXES_FAILURE_LIMIT):
        log_in(client, password="a guess")  # noqa: S106
    assert log_in(Client(REMOTE_ADDR="192.0.2.7")).status_code == 302


def test_the_login_does_not_tell_who_has_an_account(city):
    known = log_in(Client(), password="a guess").content  # noqa: S106
    unknown = log_in(Client(), login="nobody@example.com").content

    def same(text):
        text = re.sub(rb"(csrfmiddlewaretoken\" value|X-CSRFToken)[^>]*", b"", text)
        return re.sub(rb"[\w.]+@example.com", b"", text)

    assert same(known) == same(unknown)


def test_the_reset_of_a_password_does_not_tell_who_has_an_account(city):
    for email in ("owner@example.com", "nobody@example.com"):
        answer = Client().post("/accounts/password/reset/", {"email": email})
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/password/reset/done/")
    assert [letter.to for letter in mail.outbox] == [["owner@example.com"]]


@pytest.mark.parametrize(
    "password", ["short1!", "password123", "newcomer@example.com", "newcomer-example"]
)
def test_a_password_that_is_easily_guessed_is_refused(password):
    form = {"email": "newcomer@example.com", "password1": password, "password2": password}
    assert Client().post("/accounts/signup/", form).status_code == 200
    assert not User.objects.exists()


def test_whoever_signs_up_is_told_to_the_audit():
    phrase = "six degrees of a city"
    form = {"email": "newcomer@example.com", "password1": phrase, "password2": phrase}
    assert Client().post("/accounts/signup/", form).status_code == 302
    user = User.objects.get()
    line = Line.objects.get(verb="identity.user.signed_up")
    assert line.subject_key == user.key
    assert "newcomer@" not in "".join(Line.objects.values_list("content", flat=True))


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"],
)
def test_nobody_is_led_to_another_site(city, elsewhere):
    answer = Client().post("/accounts/login/", {**LOGIN, "next": elsewhere})
    assert answer["Location"].startswith("/")
    assert "evil" not in answer["Location"]
    client = city.client("owner")
    key = city.things["owner"]
    answer = client.post("/me/organisation/", {"organisation": key, "next": elsewhere})
    assert answer["Location"] == reverse("office:mine")
    answer = client.post("/i18n/setlang/", {"language": "en", "next": elsewhere})
    assert "evil" not in answer["Location"]
    assert answer["Location"].startswith("/")


def test_another_host_is_not_answered(city):
    answer = Client(headers={"host": "evil.example"}).get("/")
    assert answer.status_code == 400
    assert b"evil.example" not in answer.content


def test_who_acts_for_an_organisation_belongs_to_it(city):
    client = city.client("vendor")
    answer = client.post("/me/organisation/", {"organisation": city.things["bureau"]})
    assert answer.status_code == 404
    session = client.session
    session["organisation"] = city.things["bureau"]  # even if it stood in the session
    session.save()
    assert client.get("/organisations/").status_code == 403


def test_a_role_that_was_taken_is_gone_at_once(city):
    client = city.client("auditor")
    assert client.get("/audit/").status_code == 200
    Membership.objects.filter(user=city.users["auditor"], role="auditor").delete()
    assert client.get("/audit/").status_code == 403


def test_somebody_who_was_put_out_is_a_visitor_at_once(city):
    client = city.client("owner")
    User.objects.filter(pk=city.users["owner"].pk).update(is_active=False)
    assert client.get("/me/").status_code == 302


def test_the_language_that_was_chosen_comes_back_with_the_login(city):
    client = city.client("owner")
    client.post("/i18n/setlang/", {"language": "en", "next": "/"})
    assert User.objects.get(email="owner@example.com").language == "en"
    another = Client(headers={"accept-language": "zh-hans"})
    log_in(another)
    assert b'lang="en"' in another.get("/me/").content


def test_an_invitation_is_answered_in_the_browser(city):
    new = services.create_user(
        by=SYSTEM,
        at=clock.now(),
        email="fresh@example.com",
        password="a phrase of my own 8",  # noqa: S106
    )
    city.users["fresh"] = new
    owner, fresh = city.client("owner"), city.client("fresh")
    key = city.things["owner"]
    answer = owner.post(
        f"/organisations/{key}/invitations/", {"email": new.email, "roles": ["need_owner"]}
    )
    letter = mail.outbox[-1]
    assert letter.to == [new.email]
    link = re.search(r"http://testserver(/invitations/\S+)", letter.body)[1]
    assert link in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    visitor = Client().get(link)
    assert visitor.status_code == 200
    assert visitor["Referrer-Policy"] == "same-origin"
    assert fresh.post(link).status_code == 302
    assert set(Membership.objects.filter(user=new).values_list("role", flat=True)) == {
        "member",
        "need_owner",
    }
    joined = Membership.objects.filter(user=new).count()
    assert fresh.post(link).status_code == 302  # a second click is no mistake
    assert Membership.objects.filter(user=new).count() == joined
    assert owner.post(link).status_code != 302  # nor is the letter anybody else's


def test_a_token_is_shown_once_and_speaks_for_its_organisation_alone(city):
    client = city.client("owner")
    path = f"/organisations/{city.things['owner']}/tokens/"
    form = {
        "name": "ERP",
        "roles": ["need_owner"],
        "last_date": clock.today() + timedelta(days=30),
    }
    answer = client.post(path, form)
    assert answer.status_code == 201
    secret = re.search(r"liudu_[\w-]{40,}", answer.content.decode())[0]
    assert secret not in client.get(path).content.decode()
    program = Client(headers={"authorization": f"Bearer {secret}"})
    said = program.get("/api/identity/self").json()
    assert (said["kind"], said["organisation_key"]) == ("token", city.things["owner"])
    assert said["roles"] == ["member", "need_owner"]
    other = city.things["vendor"]
    assert program.get(f"/api/identity/organisations/{other}").status_code == 404
    assert program.get("/api/identity/organisations").status_code == 403
    assert program.get("/me/").status_code == 302  # a token opens no page


def test_a_vendor_token_of_one_company_does_not_touch_another(city):
    now = clock.now()
    rival = city.organisations["rival"]
    _, secret = services.make_token(
        by=actor_of(city.users["rival"]),
        at=now,
        organisation=rival,
        name="x",
        roles=[Role.NEED_OWNER, Role.VENDOR],
        expires_at=now + timedelta(days=1),
    )
    program = Client(headers={"authorization": f"Bearer {secret}"})
    hidden = {city.things[name] for name in ("draft", "hidden", "trial", "offer", "certificate")}
    asked = 0
    for operation in operations():
        path = guarded_city.path_of(operation)
        for key in hidden:
            filled = re.sub(r"\{[^}]+\}", key, path)
            if filled == path or "number" in path:
                continue
            for method in operation.methods:
                answer = program.generic(method, filled, "{}", content_type="application/json")
                asked += 1
                assert answer.status_code in (403, 404, 405, 409, 422), (method, filled)
    assert asked
