"""What an operator does to accounts: stop and restore them, clear a second factor.

Nothing here tells a password, a code or a link of login, so that no operator becomes another.
"""

from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor, Role
from liudu.platform.identity.models import Membership, User
from liudu.platform.identity.services.people import tell


class OwnAccountError(Refusal):
    """Operators look after the accounts of others."""

    en = "This is your own account: look after it on your own page, or ask another operator."
    zh = "这是您自己的账号：请在个人页面管理，或请另一位运营人员操作。"
    status = 409


class LastOperatorError(Refusal):
    """Without an operator nobody could restore an account any more."""

    en = "{name} is the last active operator: make another one first (`liudu user create`)."
    zh = "{name} 是最后一位在用的运营人员：请先增设一位（`liudu user create`）。"
    status = 409


class NoFactorError(Refusal):
    """There is no second factor to clear."""

    en = "{name} has no second factor: there is nothing to clear."
    zh = "{name} 没有启用第二验证因素，无需清除。"
    status = 409


@transaction.atomic
def deactivate_user(*, by: Actor, at: datetime, user: User) -> User:
    """Stop an account: its sessions end, nobody logs in with it; what it did stays.

    Raises
    ------
    OwnAccountError, LastOperatorError

    """
    user = _locked(by=by, user=user)
    if not user.is_active:
        return user
    check_operators(leaving=user)
    user.is_active = False
    user.save(update_fields=["is_active"])
    ended = _end_sessions(user)
    tell(at=at, by=by, verb="identity.user.deactivated", user=user, sessions_ended=ended)
    return user


@transaction.atomic
def activate_user(*, by: Actor, at: datetime, user: User) -> User:
    """Let a stopped account log in again, with the password that it had.

    Raises
    ------
    OwnAccountError

    """
    user = _locked(by=by, user=user)
    if not user.is_active:
        user.is_active = True
        user.save(update_fields=["is_active"])
        tell(at=at, by=by, verb="identity.user.activated", user=user)
    return user


@transaction.atomic
def clear_factors(*, by: Actor, at: datetime, user: User) -> User:
    """Take the second factor and its recovery codes from an account whose owner has lost them.

    The password is still asked for, and running sessions end.

    Raises
    ------
    OwnAccountError, NoFactorError

    """
    user = _locked(by=by, user=user)
    removed, _ = Authenticator.objects.filter(user=user).delete()
    if not removed:
        raise NoFactorError(name=str(user))
    ended = _end_sessions(user)
    tell(at=at, by=by, verb="identity.user.factors_cleared", user=user, sessions_ended=ended)
    return user


def check_operators(*, leaving: User) -> None:
    """Refuse that the last active operator goes; two who go at once wait for each other.

    Raises
    ------
    LastOperatorError

    """
    held = Membership.objects.filter(role=Role.OPERATOR, user__is_active=True)
    keys = held.values_list("user_id", flat=True)
    active = User.objects.select_for_update().filter(pk__in=set(keys)).order_by("pk")
    operators = {row.pk for row in active if row.is_active}
    if operators == {leaving.pk}:
        raise LastOperatorError(name=str(leaving))


def _locked(*, by: Actor, user: User) -> User:
    if by.key == user.key:
        raise OwnAccountError
    return User.objects.select_for_update().get(pk=user.pk)


def _end_sessions(user: User) -> int:
    sessions = list(UserSession.objects.filter(user=user))
    for session in sessions:
        session.end()
    return len(sessions)
