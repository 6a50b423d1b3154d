"""Organisations: who may found which, and what they are called."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor, Role
from liudu.platform.audit.services import record
from liudu.platform.city.models import District
from liudu.platform.identity.decisions import OPEN_KINDS, ROLES_OF, is_credit_code, roles_refused
from liudu.platform.identity.models import Membership, Organisation, User
from liudu.platform.identity.roles import roles_said

NAME_LENGTH_MAX = 120


class KindNotOpenError(Refusal):
    """Bureaus and operators are not founded by whoever likes."""

    en = "A {kind} is set up by the platform's operator: ask them, or found a company."
    zh = "{kind} 类单位须由平台运营方设立：请联系运营方，或改为创建企业。"
    status = 403


class RoleNotHereError(Refusal):
    """An organisation of its kind has no such role."""

    en = "An organisation of the kind {kind} has no {roles}: choose among {allowed}."
    zh = "{kind} 类单位没有 {roles} 角色：可选 {allowed}。"


class CreditCodeError(Refusal):
    """The unified social credit code is mistyped."""

    en = "{code} is not a unified social credit code of 18 characters: compare it with the licence."
    zh = "{code} 不是有效的 18 位统一社会信用代码（校验位不符）：请对照营业执照核对。"


class CreditCodeTakenError(Refusal):
    """An organisation with this code is here."""

    en = "{code} belongs to an organisation that is here: ask its members to invite you."
    zh = "{code} 的单位已在平台：请联系其成员邀请您加入。"
    status = 409


class NoCreditCodeError(Refusal):
    """There is no code to confirm."""

    en = "{organisation} has given no unified social credit code: ask them to add it."
    zh = "{organisation} 尚未填写统一社会信用代码：请其先补填。"


class NameMissingError(Refusal):
    """An organisation needs a name of bounded length."""

    en = "The name has {length} characters: it needs 2 to {length_max}."
    zh = "名称有 {length} 个字：应为 2 至 {length_max} 个字。"


@transaction.atomic
def found_organisation(
    *,
    by: Actor,
    at: datetime,
    name: str,
    kind: str,
    user: User | None = None,
    roles: Iterable[Role] | None = None,
    district: District | None = None,
    credit_code: str = "",
    name_en: str = "",
) -> Organisation:
    """Return a new organisation; `user`, if there is one, gets the roles in it.

    Parameters
    ----------
    roles
        Those of `user`; by default all that the kind allows for companies, one-person companies
        and public bodies, and plain membership elsewhere.

    Raises
    ------
    KindNotOpenError
        A bureau or an operator, and `by` is neither operator nor system.

    """
    if kind not in OPEN_KINDS and by.kind != "system" and not by.has(Role.OPERATOR):
        raise KindNotOpenError(kind=Organisation.Kind(kind).label)
    default = ROLES_OF[kind] if kind in OPEN_KINDS else {Role.MEMBER}
    given = frozenset({*(roles if roles is not None else default), Role.MEMBER})
    _check_roles(kind=kind, roles=given)
    organisation = Organisation(
        kind=kind, created_at=at, **_names(name=name, name_en=name_en), district=district
    )
    organisation.credit_code = _free_code(credit_code)
    if organisation.credit_code and (by.kind == "system" or by.has(Role.OPERATOR)):
        _confirm(organisation, by=by, at=at)
    organisation.save()
    if user is not None:
        _join(user=user, organisation=organisation, roles=given, at=at)
    tell(at=at, by=by, verb="identity.organisation.founded", organisation=organisation, kind=kind)
    return organisation


@transaction.atomic
def edit_organisation(
    *,
    by: Actor,
    at: datetime,
    organisation: Organisation,
    name: str,
    name_en: str = "",
    credit_code: str = "",
    district: District | None = None,
) -> Organisation:
    """Keep what an organisation tells of itself."""
    before = _facts(organisation)
    for field, value in _names(name=name, name_en=name_en).items():
        setattr(organisation, field, value)
    organisation.credit_code = _free_code(credit_code, but=organisation)
    if (organisation.credit_code or "") != before["credit_code"]:
        organisation.credit_code_confirmed_at = None
        organisation.credit_code_confirmed_by = ""
    organisation.district = district
    organisation.save()
    after = _facts(organisation)
    changed = {
        field: [before[field], after[field]] for field in after if before[field] != after[field]
    }
    if changed:
        tell(
            at=at,
            by=by,
            verb="identity.organisation.edited",
            organisation=organisation,
            changed=changed,
        )
    return organisation


@transaction.atomic
def confirm_credit_code(*, by: Actor, at: datetime, organisation: Organisation) -> Organisation:
    """Keep that the office has seen the licence: from now on bureaus' facts are the organisation's.

    Raises
    ------
    NoCreditCodeError

    """
    organisation = Organisation.objects.select_for_update().get(pk=organisation.pk)
    if not organisation.credit_code:
        raise NoCreditCodeError(organisation=organisation.name)
    if organisation.credit_code_confirmed_at is None:
        _confirm(organisation, by=by, at=at)
        organisation.save()
        tell(
            at=at,
            by=by,
            verb="identity.organisation.confirmed",
            organisation=organisation,
            credit_code=organisation.credit_code,
        )
    return organisation


def _confirm(organisation: Organisation, *, by: Actor, at: datetime) -> None:
    organisation.credit_code_confirmed_at = at
    organisation.credit_code_confirmed_by = by.name


def tell(
    *, at: datetime, by: Actor, verb: str, organisation: Organisation, **detail: object
) -> None:
    """Add an audit line about an organisation."""
    record(
        at=at,
        by=by,
        verb=verb,
        subject_kind="organisation",
        subject_key=organisation.key,
        subject_name=organisation.name,
        **detail,
    )


def check_roles(*, organisation: Organisation, roles: Iterable[Role]) -> None:
    """Refuse roles that an organisation of this kind cannot hold."""
    _check_roles(kind=organisation.kind, roles=roles)


def _check_roles(*, kind: str, roles: Iterable[Role]) -> None:
    refused = roles_refused(kind=kind, roles=roles)
    if refused:
        raise RoleNotHereError(
            kind=Organisation.Kind(kind).label,
            roles=roles_said(refused),
            allowed=roles_said(ROLES_OF[kind]),
        )


def _join(*, user: User, organisation: Organisation, roles: Iterable[Role], at: datetime) -> None:
    Membership.objects.bulk_create(
        Membership(user=user, organisation=organisation, role=role, since=at)
        for role in sorted(roles)
    )


def _names(*, name: str, name_en: str) -> dict[str, str]:
    name = " ".join(name.split())
    if not 2 <= len(name) <= NAME_LENGTH_MAX:  # noqa: PLR2004 - two characters are a name
        raise NameMissingError(length=len(name), length_max=NAME_LENGTH_MAX)
    return {"name": name, "name_en": " ".join(name_en.split())[:160]}


def _free_code(code: str, *, but: Organisation | None = None) -> str | None:
    code = "".join(code.split()).upper()
    if not code:
        return None
    if not is_credit_code(code):
        raise CreditCodeError(code=code[:40])
    others = Organisation.objects.exclude(pk=but.pk) if but else Organisation.objects.all()
    if others.filter(credit_code=code).exists():
        raise CreditCodeTakenError(code=code)
    return code


def _facts(organisation: Organisation) -> dict[str, str]:
    return {
        "name": organisation.name,
        "name_en": organisation.name_en,
        "credit_code": organisation.credit_code or "",
        "district": organisation.district.code if organisation.district else "",
    }
