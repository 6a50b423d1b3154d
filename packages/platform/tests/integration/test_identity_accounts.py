"""What operators do to accounts, and what they cannot do."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core import mail
from django.urls import reverse

from liudu.platform.actors import SYSTEM, Role
from liudu.platform.audit.models import Line
from liudu.platform.identity import services
from liudu.platform.identity.models import Invitation, Membership
from liudu.platform.identity.services.accounts import (
    LastOperatorError,
    NoFactorError,
    OwnAccountError,
)
from liudu.platform.identity.services.members import InvitationGoneError, RoleNotYoursError

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]


@pytest.fixture
def home(organisation):
    return organisation("运营公司", kind="operator")


@pytest.fixture
def operator(person, home):
    return person("op@example.org", of=home, roles=[Role.MEMBER, Role.OPERATOR])


@pytest.fixture
def by(actor, operator, home):
    return actor(operator, of=home)


@pytest.fixture
def clerk(person, organisation):
    return person("clerk@example.org", of=organisation(), roles=[Role.NEED_OWNER])


@pytest.fixture
def at_work(client, operator):
    """A browser of the operator."""
    client.force_login(operator, "allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def browser_of(client):
    """Make a browser in which somebody has logged in through the door."""

    def make(user):
        browser = client.__class__()
        browser.post(
            reverse("account_login"),
            {"login": user.email, "password": "a long enough password"},
        )
        return browser

    return make


def verbs(user):
    return list(
        Line.objects.filter(subject_kind="user", subject_key=user.key)
        .order_by("number")
        .values_list("verb", flat=True)
    )


def with_factor(user):
    return Authenticator.objects.create(user=user, type="totp", data={"secret": "x"})


def test_a_stopped_account_is_out_at_once_and_does_not_get_in_again(at_work, clerk, browser_of):
    browser = browser_of(clerk)
    assert browser.get(reverse("identity:me")).status_code == 200
    assert UserSession.objects.filter(user=clerk).count() == 1

    at_work.post(reverse("identity:deactivate_user", args=[clerk.key]))
    assert browser.get(reverse("identity:me")).status_code == 302
    assert not UserSession.objects.filter(user=clerk).exists()
    assert browser_of(clerk).get(reverse("identity:me")).status_code == 302
    assert verbs(clerk)[-1] == "identity.user.deactivated"

    at_work.post(reverse("identity:activate_user", args=[clerk.key]))
    assert browser.get(reverse("identity:me")).status_code == 302  # the old session stays ended
    assert browser_of(clerk).get(reverse("identity:me")).status_code == 200
    assert "identity.user.activated" in verbs(clerk)


def test_stopping_twice_is_told_once(by, at, clerk):
    for _ in range(2):
        services.deactivate_user(by=by, at=at, user=clerk)
    assert verbs(clerk) == ["identity.user.deactivated"]


def test_an_operator_does_nothing_to_the_own_account(by, at, operator):
    with_factor(operator)
    for deed in (services.deactivate_user, services.activate_user, services.clear_factors):
        with pytest.raises(OwnAccountError):
            deed(by=by, at=at, user=operator)
    operator.refresh_from_db()
    assert operator.is_active
    assert Authenticator.objects.filter(user=operator).exists()


def test_the_last_operator_stays(by, at, person, home, operator):
    other = person("op2@example.org", of=home, roles=[Role.OFFICER, Role.OPERATOR])
    services.deactivate_user(by=by, at=at, user=other)
    with pytest.raises(LastOperatorError):
        services.deactivate_user(by=SYSTEM, at=at, user=operator)
    with pytest.raises(LastOperatorError):
        services.set_roles(by=SYSTEM, at=at, organisation=home, user=operator, roles=[])
    with pytest.raises(LastOperatorError):
        services.remove_member(by=SYSTEM, at=at, organisation=home, user=operator)
    assert Membership.objects.filter(user=operator, role=Role.OPERATOR).exists()


def test_a_second_factor_is_cleared_and_its_owner_is_told(at_work, clerk, browser_of):
    browser = browser_of(clerk)
    with_factor(clerk)
    at_work.post(reverse("identity:clear_factors", args=[clerk.key]))
    assert not Authenticator.objects.filter(user=clerk).exists()
    assert browser.get(reverse("identity:me")).status_code == 302
    (letter,) = mail.outbox
    assert letter.to == [clerk.email]
    assert "第二验证因素" in letter.body
    assert "second factor" in letter.body
    assert verbs(clerk)[-1] == "identity.user.factors_cleared"


def test_there_must_be_a_factor_to_clear(at_work, by, at, clerk):
    with pytest.raises(NoFactorError):
        services.clear_factors(by=by, at=at, user=clerk)
    answer = at_work.post(reverse("identity:clear_factors", args=[clerk.key]))
    assert answer.status_code == 409
    assert "无需清除" in answer.content.decode()


def test_accounts_are_found_by_name_address_and_state(at_work, clerk, by, at, operator):
    def listed(**asked):
        page = at_work.get(reverse("identity:users"), asked).context["page"]
        return {user.email for user in page.object_list}

    services.deactivate_user(by=by, at=at, user=clerk)
    assert listed() == {clerk.email, operator.email}
    assert listed(q="CLERK@") == {clerk.email}
    assert listed(state="inactive") == {clerk.email}
    assert listed(state="operator") == {operator.email}
    assert listed(q="nobody") == set()


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_page_of_an_account_tells_what_was_done_to_it(at_work, by, at, clerk, language):
    services.deactivate_user(by=by, at=at, user=clerk)
    page = at_work.get(
        reverse("identity:user", args=[clerk.key]), headers={"accept-language": language}
    ).content.decode()
    assert {"zh-hans": "停用账号", "en": "deactivated an account"}[language] in page
    assert clerk.email in page
    assert clerk.password not in page


def test_only_operators_look_after_accounts(client, person, organisation, clerk):
    bureau = organisation("工信局", kind="bureau")
    officer = person("o@example.org", of=bureau, roles=[Role.OFFICER, Role.AUDITOR])
    for user in (officer, clerk):
        client.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
        assert client.get(reverse("identity:users")).status_code == 403
        assert client.get(reverse("identity:user", args=[clerk.key])).status_code == 403
        deed = reverse("identity:deactivate_user", args=[officer.key])
        assert client.post(deed).status_code == 403
    officer.refresh_from_db()
    assert officer.is_active


def test_an_invitation_is_sent_again_with_another_link(at_work, by, at, clerk):
    company = clerk.memberships.get().organisation
    invitation, secret = services.invite_member(
        by=by, at=at, organisation=company, email="new@example.org", roles=[Role.VENDOR]
    )
    assert "new@example.org" in at_work.get(reverse("identity:users")).content.decode()
    answer = at_work.post(reverse("identity:renew_invitation", args=[company.key, invitation.key]))
    assert answer.status_code == 200
    (letter,) = mail.outbox
    assert letter.to == ["new@example.org"]
    assert secret not in letter.body
    renewed = Invitation.objects.get()
    assert (renewed.key, renewed.roles) == (invitation.key, invitation.roles)
    assert renewed.token_digest != invitation.token_digest
    assert renewed.expires_at > invitation.expires_at


def test_an_invitation_that_is_over_or_beyond_the_own_roles_is_not_renewed(
    by, at, actor, person, clerk
):
    company = clerk.memberships.get().organisation
    invitation, _ = services.invite_member(
        by=by, at=at, organisation=company, email="new@example.org", roles=[Role.VENDOR]
    )
    with pytest.raises(RoleNotYoursError):
        services.renew_invitation(by=actor(clerk, of=company), at=at, invitation=invitation)
    services.withdraw_invitation(by=by, at=at, invitation=invitation)
    with pytest.raises(InvitationGoneError):
        services.renew_invitation(by=by, at=at, invitation=invitation)
