"""Reads of people, organisations and tokens."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import attrs
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from liudu.contract import Refusal
from liudu.platform.actors import VISITOR, Actor, Role
from liudu.platform.identity.models import Invitation, Membership, Organisation, Token, User
from liudu.platform.identity.services.members import check_open, digest_of
from liudu.platform.words import Words, language


class TokenInvalidError(Refusal):
    """The token is unknown, revoked or too old."""

    en = "This token is {state}: make a new one on the organisation's token page."
    zh = "此令牌{state}：请在单位的“接口令牌”页重新生成。"
    status = 401


UNANSWERED_SHOWN: Final = timedelta(days=30)  # after an invitation has run out
UNKNOWN = Words("无效", "unknown")
REVOKED = Words("已停用", "revoked")
EXPIRED = Words("已过期", "too old")


@attrs.frozen(kw_only=True)
class Member:
    """One member with all roles in one organisation."""

    user: User
    roles: tuple[Role, ...]
    since: datetime


def actor_of(user: User | AnonymousUser, *, organisation_key: str = "") -> Actor:
    """Return who a user is, acting for one of their organisations (the first if none is named)."""
    if not isinstance(user, User) or not user.is_active:
        return VISITOR
    memberships = list(
        Membership.objects.filter(user=user).select_related("organisation").order_by("since", "pk")
    )
    organisations = {row.organisation.key: row.organisation for row in memberships}
    chosen: Organisation | None = organisations.get(organisation_key) or next(
        iter(organisations.values()), None
    )
    return Actor(
        kind="person",
        key=user.key,
        name=str(user),
        organisation_key=chosen.key if chosen else "",
        organisation_name=chosen.name if chosen else "",
        organisation_name_en=chosen.name_en if chosen else "",
        roles=frozenset(Role(row.role) for row in memberships if row.organisation == chosen),
        language=language(),
    )


def token_of(secret: str, *, at: datetime) -> Token:
    """Return the live token of a secret.

    Raises
    ------
    TokenInvalidError
        It is unknown, revoked or too old.

    """
    token = Token.objects.select_related("organisation").filter(digest=digest_of(secret)).first()
    if token is None:
        raise TokenInvalidError(state=UNKNOWN)
    if token.revoked_at is not None:
        raise TokenInvalidError(state=REVOKED)
    if token.expires_at <= at:
        raise TokenInvalidError(state=EXPIRED)
    return token


def actor_of_token(secret: str, *, at: datetime) -> Actor:
    """Return who acts with a token: its organisation, with the roles of the token."""
    return actor_for(token_of(secret, at=at))


def actor_for(token: Token) -> Actor:
    """Return who acts with a live token."""
    return Actor(
        kind="token",
        key=token.key,
        name=token.name,
        organisation_key=token.organisation.key,
        organisation_name=token.organisation.name,
        roles=frozenset(Role(role) for role in token.roles),
        language=language(),
    )


def organisations_of(user: User) -> list[Organisation]:
    """Return the organisations that a person may act for, the oldest membership first."""
    rows = Membership.objects.filter(user=user).select_related("organisation")
    return list(
        {row.organisation_id: row.organisation for row in rows.order_by("since", "pk")}.values()
    )


def memberships_of(user: User) -> list[tuple[Organisation, tuple[Role, ...]]]:
    """Return the organisations of a person with their roles there, the oldest first."""
    rows = Membership.objects.filter(user=user).select_related("organisation")
    held: dict[Organisation, list[str]] = {}
    for row in rows.order_by("since", "pk"):
        held.setdefault(row.organisation, []).append(row.role)
    return [(organisation, sorted_roles(roles)) for organisation, roles in held.items()]


def members_of(organisation: Organisation) -> list[Member]:
    """Return the members with their roles, the oldest first."""
    rows = Membership.objects.filter(organisation=organisation).select_related("user")
    found: dict[User, list[Membership]] = {}
    for row in rows.order_by("since", "pk"):
        found.setdefault(row.user, []).append(row)
    return [
        Member(user=user, roles=sorted_roles(row.role for row in held), since=held[0].since)
        for user, held in found.items()
    ]


def sorted_roles(roles: Iterable[str]) -> tuple[Role, ...]:
    """Return roles in the order in which they are always shown."""
    wanted = {Role(role) for role in roles}
    return tuple(role for role in Role if role in wanted)


def all_users(*, search: str = "", state: str = "") -> QuerySet[User]:
    """Return accounts by a part of their name or address, the newest first.

    Parameters
    ----------
    state
        ``active``, ``inactive`` or ``operator``; anything else for all.

    """
    rows = User.objects.order_by("-joined_at", "-pk")
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(email__icontains=search))
    if state in {"active", "inactive"}:
        rows = rows.filter(is_active=state == "active")
    if state == "operator":
        operators = Membership.objects.filter(role=Role.OPERATOR).values("user")
        rows = rows.filter(pk__in=operators)
    return rows


def users_whole() -> QuerySet[User]:
    """Return accounts with all that a list of them shows."""
    memberships = Membership.objects.select_related("organisation").order_by("since", "pk")
    return User.objects.prefetch_related(Prefetch("memberships", memberships)).annotate(
        has_factor=Exists(Authenticator.objects.filter(user=OuterRef("pk")))
    )


def invitations_to(text: str, *, at: datetime) -> QuerySet[Invitation]:
    """Return the invitations nobody has answered to addresses with a text, the newest first."""
    since = at - UNANSWERED_SHOWN
    return (
        Invitation.objects.select_related("organisation")
        .filter(accepted_at=None, withdrawn_at=None, expires_at__gt=since, email__icontains=text)
        .order_by("-created_at", "-pk")
    )


def open_invitations(organisation: Organisation, *, at: datetime) -> QuerySet[Invitation]:
    """Return the letters that somebody may still answer, the newest first."""
    return Invitation.objects.filter(
        organisation=organisation,
        accepted_at__isnull=True,
        withdrawn_at__isnull=True,
        expires_at__gt=at,
    ).order_by("-created_at", "-pk")


def invitation_for(secret: str, *, at: datetime) -> Invitation | None:
    """Return the open invitation of a secret, or None."""
    found = (
        Invitation.objects.select_related("organisation")
        .filter(token_digest=digest_of(secret))
        .first()
    )
    if found is not None:
        check_open(found, at=at)
    return found


def tokens_of(organisation: Organisation) -> QuerySet[Token]:
    """Return the tokens of an organisation, the newest first."""
    return Token.objects.filter(organisation=organisation).order_by("-created_at", "-pk")


def all_organisations(*, search: str = "", kind: str = "") -> QuerySet[Organisation]:
    """Return organisations by name or by credit code."""
    rows = Organisation.objects.select_related("district").order_by("name", "pk")
    if kind:
        rows = rows.filter(kind=kind)
    if search:
        rows = rows.filter(name__icontains=search) | rows.filter(credit_code=search.upper())
    return rows


def organisations_named(text: str) -> QuerySet[Organisation]:
    """Return the organisations whose name holds a text, for a filter by `…__in`.

    A list asks so in place of a join: the database looks through the names once, not once a row.
    """
    return Organisation.objects.filter(Q(name__icontains=text) | Q(name_en__icontains=text))
