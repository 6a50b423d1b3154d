"""What happens to accounts elsewhere, told to the audit: logins, locks, passwords, factors."""

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from axes.helpers import get_cool_off
from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest

from liudu.platform import clock
from liudu.platform.actors import VISITOR
from liudu.platform.audit.queries import lines_of
from liudu.platform.audit.services import record
from liudu.platform.identity.models import User
from liudu.platform.identity.queries import actor_of
from liudu.platform.identity.services.people import tell


@transaction.atomic
def _told(verb: str, user: User | None, **detail: object) -> None:
    if user is not None:
        tell(at=clock.now(), by=actor_of(user), verb=verb, user=user, **detail)


@receiver(user_logged_in)
def logged_in(request: HttpRequest | None, user: User, **_more: Any) -> None:  # noqa: ANN401
    """Keep the login, and answer in the person's language from now on."""
    if request is not None:
        request.language_of_login = user.language  # type: ignore[attr-defined]
    _told("identity.user.logged_in", user)


@receiver(user_logged_out)
def logged_out(user: User | None, **_more: Any) -> None:  # noqa: ANN401
    """Keep the logout."""
    _told("identity.user.logged_out", user)


@receiver(user_locked_out)
@transaction.atomic
def locked_out(username: str = "", **_more: Any) -> None:  # noqa: ANN401
    """Keep that somebody guesses passwords, once a lock: guessing on must not fill the audit."""
    user = User.objects.filter(email=username.strip().lower()).first() if username else None
    at, key, verb = clock.now(), user.key if user else "", "identity.user.locked_out"
    if lines_of("user", key).filter(verb=verb, at__gt=at - get_cool_off()).exists():
        return
    record(
        at=at,
        by=VISITOR,
        verb=verb,
        subject_kind="user",
        subject_key=key,
        subject_name=user.name if user else "",
    )


def _tells(verb: str) -> Any:  # noqa: ANN401 - a receiver of Django's
    def told(user: User, **_more: Any) -> None:  # noqa: ANN401
        _told(verb, user)

    return told


_VERBS = {
    account.password_changed: "identity.user.password_changed",
    account.password_reset: "identity.user.password_reset",
    account.password_set: "identity.user.password_set",
    account.email_changed: "identity.user.email_changed",
    account.email_added: "identity.user.email_added",
    account.email_removed: "identity.user.email_removed",
    mfa.authenticator_added: "identity.user.factor_added",
    mfa.authenticator_removed: "identity.user.factor_removed",
    mfa.authenticator_reset: "identity.user.factor_reset",
}
for signal, verb in _VERBS.items():
    signal.connect(_tells(verb), weak=False, dispatch_uid=verb)
