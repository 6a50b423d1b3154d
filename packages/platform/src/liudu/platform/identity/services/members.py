"""Who belongs to an organisation, with which roles, and the letters that invite."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet

from liudu.contract import Refusal
from liudu.platform.actors import Actor, Role
from liudu.platform.identity.decisions import grantable, steers
from liudu.platform.identity.models import Invitation, Membership, Organisation, User
from liudu.platform.identity.roles import roles_said
from liudu.platform.identity.services.accounts import check_operators
from liudu.platform.identity.services.organisations import check_roles, tell
from liudu.platform.identity.services.people import BadEmailError
from liudu.platform.words import Words

INVITATION_DAYS = 14


class RoleNotYoursError(Refusal):
    """Nobody gives or takes a role that they do not hold."""

    en = "You cannot give or take {roles}: ask somebody who holds it, or the operator."
    zh = "您没有 {roles} 角色，因此不能授予或收回：请由持有该角色的成员或平台运营方操作。"
    status = 403


class LastStewardError(Refusal):
    """Without a steward nobody could look after the members any more."""

    en = "{name} is the last who looks after {organisation}: give another member a role first."
    zh = "{name} 是 {organisation} 最后一位管理成员：请先授予其他成员业务角色。"
    status = 409


class AlreadyMemberError(Refusal):
    """The person is a member."""

    en = "{email} is a member of {organisation}: change the roles there."
    zh = "{email} 已是 {organisation} 的成员：请直接修改其角色。"
    status = 409


class NotMemberError(Refusal):
    """The person is no member."""

    en = "{name} is no longer a member of {organisation}."
    zh = "{name} 已不是 {organisation} 的成员。"
    status = 409


class InvitationGoneError(Refusal):
    """The invitation is unknown, used, withdrawn or too old."""

    en = "This invitation is {state}: ask for a new one."
    zh = "此邀请{state}：请对方重新邀请。"
    status = 409


class InvitationForAnotherError(Refusal):
    """The invitation went to another address."""

    en = "This invitation went to {wanted}, and you are logged in as {email}: change the account."
    zh = "此邀请发给 {wanted}，而您登录的是 {email}：请换用对应账号。"
    status = 403


USED = Words("已被使用", "used")
WITHDRAWN = Words("已撤回", "withdrawn")
EXPIRED = Words("已过期", "too old")
UNKNOWN = Words("无效", "unknown")


@transaction.atomic
def add_member(
    *, by: Actor, at: datetime, organisation: Organisation, user: User, roles: Iterable[Role]
) -> None:
    """Make somebody a member at once; for the operator and the command line."""
    given = _given(organisation=organisation, roles=roles)
    _check_grant(by=by, organisation=organisation, changed=given)
    held = set(_held(user, organisation))
    _add(user=user, organisation=organisation, roles=given - held, at=at)
    _tell(
        at=at,
        by=by,
        verb="identity.member.added",
        organisation=organisation,
        user=user,
        roles=given,
    )


@transaction.atomic
def set_roles(
    *, by: Actor, at: datetime, organisation: Organisation, user: User, roles: Iterable[Role]
) -> None:
    """Replace the roles of a member.

    Raises
    ------
    NotMemberError, RoleNotHereError, RoleNotYoursError, LastStewardError
        And nothing is changed.

    """
    _lock(organisation)
    held = _held(user, organisation)
    if not held:
        raise NotMemberError(name=str(user), organisation=organisation.name)
    given = _given(organisation=organisation, roles=roles)
    if given == held:
        return
    _check_grant(by=by, organisation=organisation, changed=given ^ held)
    _check_steward(user=user, organisation=organisation, held=held, given=given)
    Membership.objects.filter(user=user, organisation=organisation, role__in=held - given).delete()
    _add(user=user, organisation=organisation, roles=given - held, at=at)
    _tell(
        at=at,
        by=by,
        verb="identity.member.roles_set",
        organisation=organisation,
        user=user,
        roles=given,
        before=sorted(held),
    )


@transaction.atomic
def remove_member(*, by: Actor, at: datetime, organisation: Organisation, user: User) -> None:
    """End a membership; a person may always end their own unless they are the last steward."""
    _lock(organisation)
    held = _held(user, organisation)
    if not held:
        raise NotMemberError(name=str(user), organisation=organisation.name)
    if by.key != user.key:
        _check_grant(by=by, organisation=organisation, changed=held)
    _check_steward(user=user, organisation=organisation, held=held, given=frozenset())
    Membership.objects.filter(user=user, organisation=organisation).delete()
    verb = "identity.member.left" if by.key == user.key else "identity.member.removed"
    _tell(at=at, by=by, verb=verb, organisation=organisation, user=user, roles=held)


@transaction.atomic
def invite_member(
    *, by: Actor, at: datetime, organisation: Organisation, email: str, roles: Iterable[Role]
) -> tuple[Invitation, str]:
    """Return an invitation and its secret, which is kept nowhere and goes into one letter.

    An open invitation to the same address is withdrawn.

    Raises
    ------
    BadEmailError, AlreadyMemberError, RoleNotHereError, RoleNotYoursError
        And nothing is made.

    """
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise BadEmailError(email=email[:100]) from error
    if Membership.objects.filter(user__email=email, organisation=organisation).exists():
        raise AlreadyMemberError(email=email, organisation=organisation.name)
    given = _given(organisation=organisation, roles=roles)
    _check_grant(by=by, organisation=organisation, changed=given)
    _open(organisation, at=at).filter(email=email).update(withdrawn_at=at)
    secret = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        token_digest=digest_of(secret),
        email=email,
        organisation=organisation,
        roles=sorted(given),
        invited_by=by.name[:120],
        created_at=at,
        expires_at=at + timedelta(days=INVITATION_DAYS),
    )
    tell(
        at=at,
        by=by,
        verb="identity.member.invited",
        organisation=organisation,
        invitation=invitation.key,
        roles=sorted(given),
    )
    return invitation, secret


@transaction.atomic
def renew_invitation(*, by: Actor, at: datetime, invitation: Invitation) -> tuple[Invitation, str]:
    """Return an open invitation with a new secret and its whole time again; the old link is void.

    Roles and address stay, so that no more is given than was given before.

    Raises
    ------
    InvitationGoneError
        It was used or withdrawn; one that is merely too old is renewed.
    RoleNotYoursError
        It gives a role that `by` could not give.

    """
    invitation = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("organisation")
        .get(pk=invitation.pk)
    )
    check_open(invitation, at=min(at, invitation.created_at))
    _check_grant(
        by=by,
        organisation=invitation.organisation,
        changed=frozenset(Role(role) for role in invitation.roles),
    )
    secret = secrets.token_urlsafe(32)
    invitation.token_digest = digest_of(secret)
    invitation.expires_at = at + timedelta(days=INVITATION_DAYS)
    invitation.save(update_fields=["token_digest", "expires_at"])
    tell(
        at=at,
        by=by,
        verb="identity.invitation.renewed",
        organisation=invitation.organisation,
        invitation=invitation.key,
    )
    return invitation, secret


@transaction.atomic
def withdraw_invitation(*, by: Actor, at: datetime, invitation: Invitation) -> None:
    """Make an open invitation worthless."""
    invitation = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("organisation")
        .get(pk=invitation.pk)
    )
    check_open(invitation, at=at)
    invitation.withdrawn_at = at
    invitation.save(update_fields=["withdrawn_at"])
    tell(
        at=at,
        by=by,
        verb="identity.invitation.withdrawn",
        organisation=invitation.organisation,
        invitation=invitation.key,
    )


@transaction.atomic
def accept_invitation(*, by: Actor, at: datetime, user: User, secret: str) -> Organisation:
    """Make the person whom a letter went to a member; who is one by it already stays one.

    Raises
    ------
    InvitationGoneError, InvitationForAnotherError
        And nobody becomes a member.

    """
    invitation = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("organisation")
        .filter(token_digest=digest_of(secret))
        .first()
    )
    if invitation is None:
        raise InvitationGoneError(state=UNKNOWN)
    organisation = invitation.organisation
    if user.email == invitation.email and invitation.accepted_at and _held(user, organisation):
        return organisation  # a second click
    check_open(invitation, at=at)
    if user.email != invitation.email:
        raise InvitationForAnotherError(wanted=invitation.email, email=user.email)
    given = frozenset(Role(role) for role in invitation.roles)
    _add(user=user, organisation=organisation, roles=given - _held(user, organisation), at=at)
    invitation.accepted_at = at
    invitation.save(update_fields=["accepted_at"])
    _tell(
        at=at,
        by=by,
        verb="identity.member.joined",
        organisation=organisation,
        user=user,
        roles=given,
        invitation=invitation.key,
    )
    return organisation


def check_open(invitation: Invitation, *, at: datetime) -> None:
    """Refuse an invitation that is used, withdrawn or too old."""
    if invitation.accepted_at:
        raise InvitationGoneError(state=USED)
    if invitation.withdrawn_at:
        raise InvitationGoneError(state=WITHDRAWN)
    if invitation.expires_at <= at:
        raise InvitationGoneError(state=EXPIRED)


def digest_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _open(organisation: Organisation, *, at: datetime) -> QuerySet[Invitation]:
    return Invitation.objects.filter(
        organisation=organisation,
        accepted_at__isnull=True,
        withdrawn_at__isnull=True,
        expires_at__gt=at,
    )


def _lock(organisation: Organisation) -> None:
    # Two stewards who remove each other at once must wait for each other.
    Organisation.objects.select_for_update().get(pk=organisation.pk)


def _given(*, organisation: Organisation, roles: Iterable[Role]) -> frozenset[Role]:
    given = frozenset({*roles, Role.MEMBER})
    check_roles(organisation=organisation, roles=given)
    return given


def _held(user: User, organisation: Organisation) -> frozenset[Role]:
    rows = Membership.objects.filter(user=user, organisation=organisation)
    return frozenset(Role(role) for role in rows.values_list("role", flat=True))


def _add(*, user: User, organisation: Organisation, roles: Iterable[Role], at: datetime) -> None:
    Membership.objects.bulk_create(
        Membership(user=user, organisation=organisation, role=role, since=at)
        for role in sorted(roles)
    )


def _check_grant(*, by: Actor, organisation: Organisation, changed: frozenset[Role]) -> None:
    if by.kind == "system":
        return
    here = by.belongs_to(organisation.key) or by.has(Role.OPERATOR)
    beyond = changed - grantable(own=by.roles, kind=organisation.kind) if here else changed
    if beyond:
        raise RoleNotYoursError(roles=roles_said(beyond))


def _check_steward(
    *, user: User, organisation: Organisation, held: frozenset[Role], given: frozenset[Role]
) -> None:
    if Role.OPERATOR in held and Role.OPERATOR not in given:
        check_operators(leaving=user)
    if not steers(held) or steers(given):
        return
    others = Membership.objects.filter(organisation=organisation, user__is_active=True).exclude(
        user=user
    )
    if not steers(Role(role) for role in others.values_list("role", flat=True)):
        raise LastStewardError(name=str(user), organisation=organisation.name)


def _tell(
    *,
    at: datetime,
    by: Actor,
    verb: str,
    organisation: Organisation,
    user: User,
    roles: Iterable[Role],
    **detail: object,
) -> None:
    tell(
        at=at,
        by=by,
        verb=verb,
        organisation=organisation,
        user=user.key,
        user_name=user.name,
        roles=sorted(roles),
        **detail,
    )
