"""Makes the model city: the pack, organisations, people, needs and vendors, by the services."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import transaction

from liudu.contract import Refusal
from liudu.platform.actors import SYSTEM, Actor
from liudu.platform.city.models import District, PublishedItem, Sector
from liudu.platform.city.services import load_city
from liudu.platform.commands.model_city import (
    BOARDS,
    BODIES,
    MARK_EN,
    PASSWORD,
    PEOPLE,
    SOLUTIONS,
    WISHES,
    Wish,
)
from liudu.platform.identity import services as identity
from liudu.platform.identity.models import Organisation, User
from liudu.platform.needs import services as needs
from liudu.platform.needs.models import Need
from liudu.platform.supply import services as supply
from liudu.platform.supply.models import Solution, Vendor

ACCOUNTS: Final = "accounts.json"
FEN_PER_WAN: Final = 1_000_000


class NoCityFoundError(Refusal):
    """There is no pack to make the demo of."""

    en = "No city pack was found (looked in {looked}): name its folder with --city."
    zh = "没有找到城市数据包（找过 {looked}）：请用 --city 指定文件夹。"


def find_city(named: Path | None) -> Path:
    """Return the folder of the pack: the one named, or the one beside the program."""
    if named is not None:
        return named
    roots = [Path.cwd(), *Path.cwd().parents, *Path(__file__).parents]
    for root in roots:
        if (root / "cities" / "suzhou" / "city.yaml").is_file():
            return root / "cities" / "suzhou"
    raise NoCityFoundError(looked=f"{Path.cwd()}, {Path(__file__).parent}")


def seed(*, at: datetime, city: Path) -> None:
    """Make what is not there yet; a second call adds nothing."""
    load_city(by=SYSTEM, at=at, folder=city)
    with transaction.atomic():
        bodies = {code: _organisation(code, at=at) for code in BODIES}
        for person in PEOPLE:
            if not User.objects.filter(email=person.email).exists():
                user = identity.create_user(
                    by=SYSTEM, at=at, email=person.email, password=PASSWORD, name=person.name
                )
                if person.organisation:
                    identity.add_member(
                        by=SYSTEM,
                        at=at,
                        organisation=bodies[person.organisation],
                        user=user,
                        roles=person.roles,
                    )
        for wish in (*WISHES, BOARDS):  # the newest comes last, and stands first in lists
            _need(wish, owner=bodies[wish.owner], at=at)
        _solutions(bodies, at=at)
    write_accounts()


def acting(organisation: Organisation) -> Actor:
    """Return the demo itself acting for an organisation, as the audit shows it."""
    return Actor(
        kind="system",
        name="演示 demo",
        organisation_key=organisation.key,
        organisation_name=organisation.name,
    )


def boards_need() -> Need:
    """Return the need whose trial runs."""
    return Need.objects.select_related("owner").get(title=BOARDS.title, simulated=True)


def _organisation(code: str, *, at: datetime) -> Organisation:
    body = BODIES[code]
    found = Organisation.objects.filter(name=body.marked).first()
    return found or identity.found_organisation(
        by=SYSTEM,
        at=at,
        name=body.marked,
        name_en=body.name_en + MARK_EN,
        kind=body.kind,
        district=District.objects.filter(code=body.district).first(),
    )


def _need(wish: Wish, *, owner: Organisation, at: datetime) -> None:
    if Need.objects.filter(title=wish.title, owner=owner).exists():
        return
    by = acting(owner)
    need = needs.draft_need(
        by=by,
        at=at,
        owner=owner,
        title=wish.title,
        title_en=wish.title_en,
        problem=f"{wish.problem}\n\n{_after(wish, english=False)}",
        problem_en=f"{wish.problem_en}\n\n{_after(wish, english=True)}",
        data_at_hand=wish.data,
        sector=Sector.objects.filter(code=wish.sector).first(),
        district=District.objects.filter(code=wish.district).first(),
        job=wish.job,
        targets=dict(wish.targets),
        budget_fen_max=wish.budget_wan * FEN_PER_WAN,
        due_date=_due(at, days=wish.days),
        simulated=True,
    )
    needs.publish_need(by=by, at=at, need_key=need.key)


def _due(at: datetime, *, days: int) -> date:
    return (at + timedelta(days=days)).date()


def _after(wish: Wish, *, english: bool) -> str:
    """Say after which published item a need is made, and where that stands."""
    item = PublishedItem.objects.select_related("source").filter(code=wish.after).first()
    if item is None or item.source is None:
        return "Simulated." if english else "模拟需求。"
    if english:
        return f"Simulated, after the published item {item.code} “{item.title_en}” (source {item.source.code}: {item.source.title})."  # noqa: E501
    return f"模拟需求，参照公开条目 {item.code}《{item.title}》（来源 {item.source.code}：{item.source.title}）。"  # noqa: E501


def _solutions(bodies: dict[str, Organisation], *, at: datetime) -> None:
    for code, name, name_en, sector_code, about, about_en in SOLUTIONS:
        organisation, body = bodies[code], BODIES[code]
        sector = Sector.objects.filter(code=sector_code).first()
        by = acting(organisation)
        vendor = Vendor.objects.filter(organisation=organisation).first()
        if vendor is None:
            vendor = supply.register_vendor(
                by=by,
                at=at,
                organisation=organisation,
                sectors=[sector] if sector else [],
                about=body.about,
                about_en=body.about_en,
            )
        if not Solution.objects.filter(vendor=vendor, name=name).exists():
            supply.add_solution(
                by=by,
                at=at,
                vendor=vendor,
                name=name,
                name_en=name_en,
                sector=sector,
                about=about,
                about_en=about_en,
            )


def write_accounts() -> None:
    """Keep the accounts where the login page of a demo reads them."""
    folder = settings.HOME / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"email": one.email, "password": PASSWORD, "zh": one.zh, "en": one.en} for one in PEOPLE
    ]
    (folder / ACCOUNTS).write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
