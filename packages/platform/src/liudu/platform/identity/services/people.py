"""Accounts of people."""

from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from liudu.contract import Language, Refusal
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.identity.models import User

NAME_LENGTH_MAX = 80


class EmailTakenError(Refusal):
    """An account has this address."""

    en = "{email} already has an account: log in, or reset its password."
    zh = "{email} 已有账号：请直接登录，或重置密码。"


class BadEmailError(Refusal):
    """The text is no address of mail."""

    en = "“{email}” is not an e-mail address: write it like name@example.com."
    zh = "“{email}”不是邮箱地址，应形如 name@example.com。"


class WeakPasswordError(Refusal):
    """The password is too easy to guess."""

    en = "{reason}"
    zh = "{reason}"


@transaction.atomic
def create_user(
    *,
    by: Actor,
    at: datetime,
    email: str,
    password: str,
    name: str = "",
    language: Language | str = "",
) -> User:
    """Return a new person; the address counts as confirmed, for `by` vouches for it.

    Raises
    ------
    BadEmailError, EmailTakenError, WeakPasswordError
        And nothing is made.

    """
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise BadEmailError(email=email) from error
    if User.objects.filter(email=email).exists():
        raise EmailTakenError(email=email)
    try:
        validate_password(password, User(email=email, name=name))
    except ValidationError as error:
        raise WeakPasswordError(reason=" ".join(error.messages)) from error
    user = User.objects.create_user(email, password, name=name[:NAME_LENGTH_MAX], language=language)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    tell(at=at, by=by, verb="identity.user.created", user=user)
    return user


@transaction.atomic
def edit_profile(
    *, by: Actor, at: datetime, user: User, name: str, language: Language | str
) -> User:
    """Keep the name and the language of a person."""
    before = {"name": user.name, "language": user.language}
    user.name, user.language = name.strip()[:NAME_LENGTH_MAX], language
    user.save(update_fields=["name", "language"])
    after = {"name": user.name, "language": user.language}
    if after != before:
        tell(at=at, by=by, verb="identity.user.edited", user=user, before=before, after=after)
    return user


def keep_language(*, by: Actor, at: datetime, user: User, language: Language | str) -> None:
    """Keep the language that a person has switched to, for the next login."""
    if user.language != language:
        edit_profile(by=by, at=at, user=user, name=user.name, language=language)


def tell(*, at: datetime, by: Actor, verb: str, user: User, **detail: Any) -> None:  # noqa: ANN401
    """Add an audit line about a person; their address of mail stays out of it."""
    record(
        at=at,
        by=by,
        verb=verb,
        subject_kind="user",
        subject_key=user.key,
        subject_name=user.name,
        **detail,
    )
