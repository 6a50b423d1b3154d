"""``liudu user``: accounts, made on the server."""

import sys

import click

from liudu.console import Console, with_console
from liudu.contract import Refusal
from liudu.platform.actors import Role
from liudu.platform.commands import migrate, start_django


class NoSuchOrganisationError(Refusal):
    """There is no organisation of this key."""

    en = "There is no organisation {key}: make one with `liudu organisation create`."
    zh = "没有编号为 {key} 的组织：请先用 `liudu organisation create` 新建。"


class RolesWithoutOrganisationError(Refusal):
    """A role is one in an organisation."""

    en = "A role is held in an organisation: add --organisation KEY."
    zh = "角色属于某个组织：请加上 --organisation 组织编号。"


@click.group()
def command() -> None:
    """账户 · Accounts."""


@command.command("create")
@click.argument("email")
@click.option("--name", default="", help="姓名 · name")
@click.option("--organisation", default="", help="组织编号 · key of an organisation")
@click.option("--role", "roles", multiple=True, type=click.Choice([role.value for role in Role]))
@click.option(
    "--password-stdin", is_flag=True, help="从标准输入读密码 · read the password from stdin"
)
@with_console
def create(  # noqa: PLR0917 - the options of a command
    console: Console,
    email: str,
    name: str,
    organisation: str,
    roles: tuple[str, ...],
    password_stdin: bool,
) -> None:
    """新建账户 · Create an account."""
    if roles and not organisation:
        raise RolesWithoutOrganisationError
    start_django()
    migrate()
    key = _made(
        email=email,
        password=_password(console, from_stdin=password_stdin),
        name=name,
        organisation=organisation,
        roles=roles,
    )
    console.say(zh=f"已新建账户 {email}。", en=f"Created {email}.")
    console.emit({"email": email, "key": key})


def _password(console: Console, *, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    words = "密码" if console.language == "zh" else "Password"
    return str(click.prompt(words, hide_input=True, confirmation_prompt=True, err=True))


def _made(
    *, email: str, password: str, name: str, organisation: str, roles: tuple[str, ...]
) -> str:
    from django.db import transaction  # noqa: PLC0415 - after Django has started

    from liudu.platform import clock  # noqa: PLC0415
    from liudu.platform.actors import SYSTEM  # noqa: PLC0415
    from liudu.platform.identity import services  # noqa: PLC0415
    from liudu.platform.identity.models import Organisation  # noqa: PLC0415

    at = clock.now()
    with transaction.atomic():
        user = services.create_user(by=SYSTEM, at=at, email=email, password=password, name=name)
        if organisation:
            found = Organisation.objects.filter(key=organisation).first()
            if found is None:
                raise NoSuchOrganisationError(key=organisation)
            held = [Role(role) for role in roles] or [Role.MEMBER]
            services.add_member(by=SYSTEM, at=at, organisation=found, user=user, roles=held)
    return user.key
