"""``liudu organisation``: bureaus and the operator are founded on the server."""

import click

from liudu.console import Console, with_console
from liudu.contract import Refusal
from liudu.platform.actors import Role
from liudu.platform.commands import migrate, start_django

KINDS = ("bureau", "operator", "public_body", "company", "opc")


class NoSuchUserError(Refusal):
    """Nobody has this address."""

    en = "Nobody has an account as {email}: make one with `liudu user create`."
    zh = "没有邮箱为 {email} 的账户：请先用 `liudu user create` 新建。"


class NoSuchDistrictError(Refusal):
    """There is no such district."""

    en = "There is no district {code}: load the city first, or name one of it."
    zh = "没有代码为 {code} 的区市：请先载入城市，或改用其中的代码。"


@click.group()
def command() -> None:
    """组织 · Organisations."""


@command.command("create")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), default="bureau", show_default=True)
@click.option("--name-en", default="", help="英文名 · name in English")
@click.option("--district", default="", help="区市代码 · code of a district")
@click.option("--user", default="", help="首位成员的邮箱 · address of its first member")
@click.option("--role", "roles", multiple=True, type=click.Choice([role.value for role in Role]))
@with_console
def create(  # noqa: PLR0917 - the options of a command
    console: Console,
    name: str,
    kind: str,
    name_en: str,
    district: str,
    user: str,
    roles: tuple[str, ...],
) -> None:
    """新建组织 · Found an organisation."""
    start_django()
    migrate()
    key = _founded(
        name=name, kind=kind, name_en=name_en, district=district, email=user, roles=roles
    )
    console.say(zh=f"已新建 {name}，编号 {key}。", en=f"Founded {name}, key {key}.")
    console.emit({"name": name, "key": key})


def _founded(
    *, name: str, kind: str, name_en: str, district: str, email: str, roles: tuple[str, ...]
) -> str:
    from liudu.platform import clock  # noqa: PLC0415 - after Django has started
    from liudu.platform.actors import SYSTEM  # noqa: PLC0415
    from liudu.platform.city.models import District  # noqa: PLC0415
    from liudu.platform.identity import services  # noqa: PLC0415
    from liudu.platform.identity.models import User  # noqa: PLC0415

    member = User.objects.filter(email=email.lower()).first() if email else None
    if email and member is None:
        raise NoSuchUserError(email=email)
    place = District.objects.filter(code=district).first() if district else None
    if district and place is None:
        raise NoSuchDistrictError(code=district)
    organisation = services.found_organisation(
        by=SYSTEM,
        at=clock.now(),
        name=name,
        kind=kind,
        user=member,
        roles=[Role(role) for role in roles] or None,
        district=place,
        name_en=name_en,
    )
    return organisation.key
