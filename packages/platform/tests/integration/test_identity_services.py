"""People, organisations, roles, invitations and tokens, as services."""

from datetime import timedelta

import attrs
import pytest
from django.utils import translation

from liudu.platform.actors import SYSTEM, Role
from liudu.platform.audit.models import Line
from liudu.platform.identity import queries, services
from liudu.platform.identity.models import Invitation, Membership, Token
from liudu.platform.identity.services import members, organisations, people, tokens

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

CODE = "91350100M000100Y43"
PHRASE = "mingzhou-2026-optics"


@pytest.fixture
def company(organisation, person, actor):
    """A company with a steward who acts for it."""
    of = organisation("明州光电")
    user = person("li@example.com", of=of, roles=("member", "need_owner", "vendor"))
    return of, user, actor(user, of=of)


def roles_of(user, of):
    """Return the roles that somebody holds."""
    return set(Membership.objects.filter(user=user, organisation=of).values_list("role", flat=True))


def test_a_new_person_is_kept_with_a_confirmed_address_and_an_audit_line(at):
    user = services.create_user(
        by=SYSTEM, at=at, email=" Wang@Example.com ", password=PHRASE, name="王工", language="zh"
    )
    assert user.email == "wang@example.com"
    assert user.check_password(PHRASE)
    assert user.emailaddress_set.get().verified
    line = Line.objects.get()
    assert (line.verb, line.subject_key) == ("identity.user.created", user.key)
    assert "example.com" not in line.content


@pytest.mark.parametrize(
    ("email", "password", "error"),
    [
        ("not an address", PHRASE, people.BadEmailError),
        ("wang@example.com", "short", people.WeakPasswordError),
        ("wang@example.com", "password1234", people.WeakPasswordError),
        ("wanggongcheng@example.com", "wanggongcheng", people.WeakPasswordError),
    ],
)
def test_a_person_who_cannot_be_is_refused(at, email, password, error):
    with pytest.raises(error):
        services.create_user(by=SYSTEM, at=at, email=email, password=password)
    assert not Line.objects.exists()


def test_an_address_has_one_account(at):
    services.create_user(by=SYSTEM, at=at, email="wang@example.com", password=PHRASE)
    with pytest.raises(people.EmailTakenError):
        services.create_user(by=SYSTEM, at=at, email="WANG@example.com", password=PHRASE)


def test_whoever_founds_a_company_speaks_for_it(at, person):
    user = person("li@example.com")
    by = queries.actor_of(user)
    company = services.found_organisation(
        by=by, at=at, name=" 明州  光电 ", kind="opc", user=user, credit_code=CODE.lower()
    )
    assert (company.name, company.credit_code) == ("明州 光电", CODE)
    assert roles_of(user, company) == {"member", "need_owner", "vendor"}
    assert Line.objects.get().verb == "identity.organisation.founded"


@pytest.mark.parametrize("kind", ["bureau", "operator"])
def test_bureaus_and_operators_are_founded_by_operators_alone(at, person, kind):
    user = person("li@example.com")
    with pytest.raises(organisations.KindNotOpenError):
        services.found_organisation(
            by=queries.actor_of(user), at=at, name="某局", kind=kind, user=user
        )
    by = attrs.evolve(queries.actor_of(user), roles=frozenset({Role.OPERATOR}))
    assert services.found_organisation(by=by, at=at, name="某局", kind=kind).kind == kind


def test_a_company_never_has_an_officer(at):
    with pytest.raises(organisations.RoleNotHereError):
        services.found_organisation(
            by=SYSTEM, at=at, name="明州光电", kind="company", roles=[Role.OFFICER]
        )


@pytest.mark.parametrize("code", ["91350100M000100Y4", "91350100M000100Y42", "913501O0M000100Y43"])
def test_a_mistyped_credit_code_is_refused(at, code):
    with pytest.raises(organisations.CreditCodeError):
        services.found_organisation(
            by=SYSTEM, at=at, name="明州光电", kind="company", credit_code=code
        )


def test_a_credit_code_belongs_to_one_organisation(at):
    found = {"by": SYSTEM, "at": at, "kind": "company", "credit_code": CODE}
    services.found_organisation(name="明州光电", **found)
    with pytest.raises(organisations.CreditCodeTakenError) as caught:
        services.found_organisation(name="另一家", **found)
    assert caught.value.status == 409


def test_the_last_steward_stays(at, company, person):
    of, user, by = company
    other = person("zhao@example.com", of=of, roles=("member",))
    with pytest.raises(members.LastStewardError):
        services.remove_member(by=by, at=at, organisation=of, user=user)
    with pytest.raises(members.LastStewardError):
        services.set_roles(by=by, at=at, organisation=of, user=user, roles=[Role.MEMBER])
    services.set_roles(by=by, at=at, organisation=of, user=other, roles=[Role.VENDOR])
    services.remove_member(by=by, at=at, organisation=of, user=user)
    assert roles_of(user, of) == set()
    assert roles_of(other, of) == {"member", "vendor"}
    assert list(Line.objects.order_by("number").values_list("verb", flat=True)) == [
        "identity.member.roles_set",
        "identity.member.left",
    ]


def test_a_steward_who_can_no_longer_log_in_does_not_count(at, company, person):
    of, user, by = company
    gone = person("gone@example.com", of=of, roles=("member", "vendor"))
    gone.is_active = False
    gone.save()
    with pytest.raises(members.LastStewardError):
        services.remove_member(by=by, at=at, organisation=of, user=user)


def test_nobody_gives_a_role_that_they_do_not_hold(at, company, person, actor):
    of, _, _ = company
    vendor = person("zhao@example.com", of=of, roles=("member", "vendor"))
    member = person("sun@example.com", of=of, roles=("member",))
    change = {"by": actor(vendor, of=of), "at": at, "organisation": of, "user": member}
    with pytest.raises(members.RoleNotYoursError):
        services.set_roles(roles=[Role.NEED_OWNER], **change)
    services.set_roles(roles=[Role.VENDOR], **change)
    assert roles_of(member, of) == {"member", "vendor"}


def test_a_steward_of_one_organisation_changes_nobody_of_another(at, company, organisation, person):
    _, _, by = company
    other = organisation("别家")
    user = person("sun@example.com", of=other, roles=("member", "vendor"))
    with pytest.raises(members.RoleNotYoursError):
        services.remove_member(by=by, at=at, organisation=other, user=user)
    with pytest.raises(members.RoleNotYoursError):
        services.invite_member(
            by=by, at=at, organisation=other, email="a@example.com", roles=[Role.MEMBER]
        )


def test_an_invitation_makes_its_reader_a_member_once(at, company, person):
    of, _, by = company
    invitation, secret = services.invite_member(
        by=by, at=at, organisation=of, email="Sun@example.com", roles=[Role.VENDOR]
    )
    assert secret not in str(Invitation.objects.values().get(pk=invitation.pk))
    user = person("sun@example.com")
    accept = {"by": queries.actor_of(user), "user": user, "secret": secret}
    assert services.accept_invitation(at=at, **accept) == of
    assert roles_of(user, of) == {"member", "vendor"}
    lines = Line.objects.count()
    assert services.accept_invitation(at=at, **accept) == of, "a second click stays where it is"
    assert Line.objects.count() == lines
    services.remove_member(by=by, at=at, organisation=of, user=user)
    with pytest.raises(members.InvitationGoneError):
        services.accept_invitation(at=at, **accept)
    assert not any(secret in content for content in Line.objects.values_list("content", flat=True))


def test_an_invitation_ends_after_its_days(at, company, person):
    of, _, by = company
    _, secret = services.invite_member(
        by=by, at=at, organisation=of, email="sun@example.com", roles=[]
    )
    user = person("sun@example.com")
    late = at + timedelta(days=members.INVITATION_DAYS)
    with pytest.raises(members.InvitationGoneError):
        services.accept_invitation(by=queries.actor_of(user), at=late, user=user, secret=secret)


def test_an_invitation_is_for_its_address_alone(at, company, person):
    of, _, by = company
    _, secret = services.invite_member(
        by=by, at=at, organisation=of, email="sun@example.com", roles=[]
    )
    thief = person("thief@example.com")
    with pytest.raises(members.InvitationForAnotherError):
        services.accept_invitation(by=queries.actor_of(thief), at=at, user=thief, secret=secret)


def test_a_second_invitation_and_a_withdrawal_make_the_first_worthless(at, company, person):
    of, _, by = company
    invite = {"by": by, "at": at, "organisation": of, "email": "sun@example.com", "roles": []}
    _, first = services.invite_member(**invite)
    invitation, second = services.invite_member(**invite)
    services.withdraw_invitation(by=by, at=at, invitation=invitation)
    user = person("sun@example.com")
    for secret in (first, second, "never sent"):
        with pytest.raises(members.InvitationGoneError):
            services.accept_invitation(by=queries.actor_of(user), at=at, user=user, secret=secret)


def test_a_token_acts_for_its_organisation_with_its_roles(at, company):
    of, _, by = company
    token, secret = services.make_token(
        by=by,
        at=at,
        organisation=of,
        name="ERP 同步",
        roles=[Role.VENDOR],
        expires_at=at + timedelta(days=30),
    )
    assert secret not in str(Token.objects.values().get(pk=token.pk))
    found = queries.actor_of_token(secret, at=at)
    assert (found.kind, found.key, found.organisation_key) == ("token", token.key, of.key)
    assert found.roles == {Role.MEMBER, Role.VENDOR}


def test_a_token_ends_when_revoked_and_when_its_day_comes(at, company):
    of, _, by = company
    make = {"by": by, "at": at, "organisation": of, "roles": []}
    _, short = services.make_token(name="短", expires_at=at + timedelta(days=1), **make)
    revoked, secret = services.make_token(name="长", expires_at=at + timedelta(days=9), **make)
    services.revoke_token(by=by, at=at, token=revoked)
    with pytest.raises(tokens.TokenRevokedError):
        services.revoke_token(by=by, at=at, token=revoked)
    for worthless, when in ((short, at + timedelta(days=1)), (secret, at), ("liudu_guess", at)):
        with pytest.raises(queries.TokenInvalidError) as caught:
            queries.actor_of_token(worthless, at=when)
        assert caught.value.status == 401


def test_a_token_can_do_no_more_than_its_maker(at, company, person, actor):
    of, _, _ = company
    vendor = person("zhao@example.com", of=of, roles=("member", "vendor"))
    make = {"by": actor(vendor, of=of), "at": at, "organisation": of, "name": "x"}
    with pytest.raises(tokens.TokenRoleError):
        services.make_token(roles=[Role.NEED_OWNER], expires_at=at + timedelta(days=1), **make)
    with pytest.raises(tokens.TokenPeriodError):
        services.make_token(roles=[], expires_at=at + timedelta(days=400), **make)
    with pytest.raises(tokens.TokenPeriodError):
        services.make_token(roles=[], expires_at=at, **make)


def test_an_organisation_is_called_by_its_english_name_to_who_reads_english(organisation):
    with_both, with_one = organisation("明州精密"), organisation("城东医院")
    with_both.name_en = "Mingzhou Precision"
    with translation.override("en"):
        assert (str(with_both), str(with_one)) == ("Mingzhou Precision", "城东医院")
    assert str(with_both) == "明州精密"
