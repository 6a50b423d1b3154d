"""Keys to the API for an organisation's programs."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor, Role
from liudu.platform.identity.models import Organisation, Token
from liudu.platform.identity.roles import roles_said
from liudu.platform.identity.services.members import digest_of
from liudu.platform.identity.services.organisations import check_roles, tell

PREFIX = "liudu_"  # so that scanners for leaked secrets find it
DAYS_MAX = 366
TOKENS_MAX = 50
NAME_LENGTH_MAX = 80
USE_NOTED_EVERY = timedelta(minutes=5)


class TokenPeriodError(Refusal):
    """A token ends, and not too late."""

    en = "A token lives between 1 and {days_max} days: choose another last day."
    zh = "令牌有效期为 1 至 {days_max} 天：请另选到期日。"


class TokenNameError(Refusal):
    """A token needs a name by which it is found again."""

    en = "Name the token by what uses it, in 1 to {length_max} characters."
    zh = "请用 1 至 {length_max} 个字写明令牌的用途。"


class TokenRoleError(Refusal):
    """A token can do no more than who made it."""

    en = "A token can have no more than your own roles; {roles} is not among them."
    zh = "令牌的角色不能超过您自己的角色；您没有 {roles}。"
    status = 403


class TooManyTokensError(Refusal):
    """An organisation keeps its tokens in sight."""

    en = "{organisation} has {count_max} live tokens: revoke one that nothing uses."
    zh = "{organisation} 已有 {count_max} 个有效令牌：请先停用不再使用的。"
    status = 409


class TokenRevokedError(Refusal):
    """The token has been revoked."""

    en = "The token {name} was revoked before."
    zh = "令牌 {name} 早已停用。"
    status = 409


@transaction.atomic
def make_token(
    *,
    by: Actor,
    at: datetime,
    organisation: Organisation,
    name: str,
    roles: Iterable[Role],
    expires_at: datetime,
) -> tuple[Token, str]:
    """Return a token and its secret, which is shown once and kept nowhere.

    Raises
    ------
    TokenNameError, TokenPeriodError, TokenRoleError, TooManyTokensError
        And no token is made.

    """
    name = " ".join(name.split())
    given = frozenset({*roles, Role.MEMBER})
    _check(by=by, at=at, organisation=organisation, name=name, roles=given, expires_at=expires_at)
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token.objects.create(
        digest=digest_of(secret),
        name=name,
        organisation=organisation,
        roles=sorted(given),
        created_by=by.name[:120],
        created_at=at,
        expires_at=expires_at,
    )
    tell(
        at=at,
        by=by,
        verb="identity.token.made",
        organisation=organisation,
        token=token.key,
        name=name,
        roles=sorted(given),
        expires_at=expires_at,
    )
    return token, secret


@transaction.atomic
def revoke_token(*, by: Actor, at: datetime, token: Token) -> None:
    """Make a token worthless from now on."""
    live = Token.objects.filter(pk=token.pk, revoked_at__isnull=True)
    if not live.update(revoked_at=at):
        raise TokenRevokedError(name=token.name)
    token.revoked_at = at
    tell(
        at=at,
        by=by,
        verb="identity.token.revoked",
        organisation=token.organisation,
        token=token.key,
        name=token.name,
    )


def note_use(*, token: Token, at: datetime) -> None:
    """Keep when a token was last used, to five minutes; no deed, hence no audit line."""
    if token.last_used_at is None or at - token.last_used_at >= USE_NOTED_EVERY:
        Token.objects.filter(pk=token.pk).update(last_used_at=at)


def _check(
    *,
    by: Actor,
    at: datetime,
    organisation: Organisation,
    name: str,
    roles: frozenset[Role],
    expires_at: datetime,
) -> None:
    if not 1 <= len(name) <= NAME_LENGTH_MAX:
        raise TokenNameError(length_max=NAME_LENGTH_MAX)
    if not at < expires_at <= at + timedelta(days=DAYS_MAX):
        raise TokenPeriodError(days_max=DAYS_MAX)
    check_roles(organisation=organisation, roles=roles)
    own = by.roles if by.belongs_to(organisation.key) else frozenset()
    beyond = roles - own - {Role.MEMBER}
    if by.kind != "system" and beyond:
        raise TokenRoleError(roles=roles_said(beyond))
    live = Token.objects.filter(
        organisation=organisation, revoked_at__isnull=True, expires_at__gt=at
    )
    if live.count() >= TOKENS_MAX:
        raise TooManyTokensError(organisation=organisation.name, count_max=TOKENS_MAX)
