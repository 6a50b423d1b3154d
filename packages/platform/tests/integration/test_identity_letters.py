"""Second factors, passwords that are reset by a letter, invitations: as browsers meet them."""

import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from liudu.platform import clock
from liudu.platform.actors import Role
from liudu.platform.identity import services

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]
PASSWORD = "a long enough password"  # noqa: S105 - of people who live in a test
GUESSES_MAX = 30  # in a quarter of an hour, as settings.ACCOUNT_RATE_LIMITS says
NEW = "quiet harbour lantern 7"


@pytest.fixture(autouse=True)
def fresh():
    """Codes that were used are remembered in the cache."""
    cache.clear()


@pytest.fixture
def user(person, organisation):
    return person("user@example.org", of=organisation(), roles=[Role.NEED_OWNER])


@pytest.fixture
def moment(monkeypatch):
    """Set the clock of the codes forward by steps of half a minute."""
    start = totp.time.time()

    def forward(steps):
        monkeypatch.setattr(totp.time, "time", lambda: start + 30 * steps)

    return forward


def log_in(password=PASSWORD):
    browser = Client()
    browser.post(reverse("account_login"), {"login": "user@example.org", "password": password})
    return browser


def inside(browser):
    return browser.get(reverse("identity:me")).status_code == 200


def second(browser, code):
    return browser.post(reverse("mfa_authenticate"), {"code": code})


def enrolled(browser):
    """Enrol an app by its pages; return its secret."""
    page = browser.get(reverse("mfa_activate_totp"), follow=True)
    if page.redirect_chain:  # the password is asked for again
        browser.post(page.redirect_chain[-1][0], {"password": PASSWORD})
        page = browser.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    assert secret in page.content.decode()
    code = code_of(secret)
    answer = browser.post(reverse("mfa_activate_totp"), {"code": code})
    assert answer.status_code == 302
    return secret


def code_of(secret):
    value = totp.hotp_value(secret, totp.yield_hotp_counters_from_time().__next__())
    return totp.format_hotp_value(value)


def test_a_second_factor_is_enrolled_and_asked_for_at_the_next_login(user, moment):
    moment(0)
    secret = enrolled(log_in())
    assert Authenticator.objects.filter(user=user, type="totp").exists()
    browser = log_in()
    assert not inside(browser)  # the password alone is not enough
    moment(3)
    assert second(browser, "000000").status_code == 200
    assert not inside(browser)
    code = code_of(secret)
    assert second(browser, code).status_code == 302
    assert inside(browser)
    other = log_in()
    second(other, code)  # read over somebody's shoulder
    assert not inside(other)


def test_each_recovery_code_opens_once(user, moment):
    moment(0)
    enrolled(log_in())
    codes = RecoveryCodes(
        Authenticator.objects.get(user=user, type="recovery_codes")
    ).get_unused_codes()
    browser = log_in()
    second(browser, codes[0])
    assert inside(browser)
    again = log_in()
    second(again, codes[0])
    assert not inside(again)
    second(again, codes[1])
    assert inside(again)


def test_codes_are_not_guessed_for_ever(user, moment):
    moment(0)
    secret = enrolled(log_in())
    browser = log_in()
    moment(3)
    for number in range(GUESSES_MAX):
        second(browser, f"{number:06d}")
    second(browser, code_of(secret))  # even the right one, for a while
    assert not inside(browser)


def letter_link(pattern):
    return re.search(pattern, mail.outbox[-1].body)[1]


def reset_link():
    Client().post(reverse("account_reset_password"), {"email": "user@example.org"})
    return letter_link(r"http://testserver(/accounts/password/reset/key/\S+)")


def choose(link, password=NEW):
    """Open the link of a letter and choose a password; return the last answer."""
    browser = Client()
    page = browser.get(link, follow=True)
    if not page.redirect_chain:
        return page
    return browser.post(
        page.redirect_chain[-1][0], {"password1": password, "password2": password}, follow=True
    )


def test_a_password_is_reset_once_by_the_link_of_its_letter(user):
    old = log_in()
    link = reset_link()
    choose(link)
    assert not inside(log_in())
    assert inside(log_in(NEW))
    assert not inside(old)  # the sessions of the old password are over
    page = choose(link, "another quiet harbour 9")
    assert "链接无效" in page.content.decode()
    assert inside(log_in(NEW))


def test_the_link_of_a_reset_is_worth_nothing_when_it_is_old_or_changed(user, settings):
    link = reset_link()
    assert "链接无效" in choose(link[:-3] + "x/").content.decode()
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "链接无效" in choose(link).content.decode()
    assert inside(log_in())


def test_a_letter_of_before_is_void_once_another_password_is_chosen(user):
    first, last = reset_link(), reset_link()
    choose(last)
    assert "链接无效" in choose(first, "another quiet harbour 9").content.decode()
    assert inside(log_in(NEW))


def test_an_invited_person_signs_up_by_the_link_and_joins(user, actor):
    company = user.memberships.get().organisation
    _, secret = services.invite_member(
        by=actor(user, of=company),
        at=clock.now(),
        organisation=company,
        email="new@example.org",
        roles=[Role.NEED_OWNER],
    )
    link = reverse("identity:invitation", args=[secret])
    browser = Client()
    page = browser.get(link).content.decode()
    signup = re.search(r'href="(/accounts/signup/\?[^"]+)"', page)[1].replace("&amp;", "&")
    answer = browser.post(
        signup, {"email": "new@example.org", "password1": NEW, "password2": NEW, "name": "新人"}
    )
    assert answer.headers["Location"] == link
    assert browser.get(link).status_code == 200
    assert browser.post(link).status_code == 302
    assert company.memberships.filter(user__email="new@example.org").count() == 2


def test_an_invitation_that_is_old_says_so_and_joins_nobody(user, actor):
    company = user.memberships.get().organisation
    _, secret = services.invite_member(
        by=actor(user, of=company),
        at=clock.now() - timedelta(days=15),
        organisation=company,
        email="user@example.org".replace("user", "late"),
        roles=[],
    )
    link = reverse("identity:invitation", args=[secret])
    browser = log_in()
    assert "已过期" in browser.get(link).content.decode()
    assert browser.post(link).status_code != 302
    assert company.memberships.count() == 1
