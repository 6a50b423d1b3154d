"""The API of this context: translate, one call, translate."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from django.urls import reverse
from ninja import Field, Router, Schema, Status

from liudu.platform import clock
from liudu.platform.actors import Actor, Role
from liudu.platform.city.models import District
from liudu.platform.identity import queries, services
from liudu.platform.identity.letters import send_invitation
from liudu.platform.identity.models import Invitation, Organisation, Token, User
from liudu.platform.web.api_doors import Page, PageNumber, PageSize, api_door, page_of
from liudu.platform.web.doors import actor_at, may, require

router = Router()
Key = Annotated[str, Field(max_length=64, pattern=r"^[0-9a-z]+$")]
Code = Annotated[str, Field(max_length=40)]
ORGANISATION = "/organisations/{key}"


class SelfOut(Schema):
    """Who is asking."""

    kind: str
    key: str
    name: str
    organisation_key: str
    organisation_name: str
    roles: list[Role]

    @staticmethod
    def resolve_roles(actor: Actor) -> list[Role]:
        """Return the roles in the order in which they are always shown."""
        return list(queries.sorted_roles(actor.roles))


class OrganisationOut(Schema):
    """An organisation."""

    key: str
    name: str
    name_en: str
    kind: Organisation.Kind
    credit_code: str | None
    district: str | None
    created_at: datetime

    @staticmethod
    def resolve_district(organisation: Organisation) -> str | None:
        """Return the code of the district."""
        return organisation.district.code if organisation.district else None


class OrganisationIn(Schema):
    """What an organisation tells of itself."""

    name: Annotated[str, Field(min_length=2, max_length=120)]
    name_en: Annotated[str, Field(max_length=160)] = ""
    credit_code: Code = ""
    district: Annotated[str | None, Field(max_length=40)] = None


class FoundIn(OrganisationIn):
    """A new organisation."""

    kind: Organisation.Kind


class MemberOut(Schema):
    """A member; the address of mail only for who looks after the members."""

    key: str
    name: str
    email: str | None
    roles: list[Role]
    since: datetime


class RolesIn(Schema):
    """All roles of a member."""

    roles: Annotated[list[Role], Field(max_length=len(Role))]


class InviteIn(RolesIn):
    """Whom a letter goes to."""

    email: Annotated[str, Field(max_length=254)]


class InvitationOut(Schema):
    """An open letter; its link goes out by mail alone."""

    key: str
    email: str
    roles: list[Role]
    expires_at: datetime


class TokenOut(Schema):
    """A token without its secret, which was shown once."""

    key: str
    name: str
    roles: list[Role]
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@router.get("/self", response=SelfOut, auth=api_door("identity.view_self"))
def get_self(request: HttpRequest) -> Actor:
    """Return who is asking, and for whom."""
    return actor_at(request)


@router.get(
    "/organisations",
    response=Page[OrganisationOut],
    auth=api_door("identity.view_organisations"),
)
def list_organisations(
    request: HttpRequest,
    q: Annotated[str, Field(max_length=100)] = "",
    kind: Organisation.Kind | None = None,
    page: PageNumber = 1,
    size: PageSize = 25,
) -> dict[str, object]:
    """List organisations by name or credit code."""
    del request
    rows = queries.all_organisations(search=q.strip(), kind=kind or "")
    return page_of(rows, page=page, size=size)


@router.post(
    "/organisations", response={201: OrganisationOut}, auth=api_door("identity.found_organisation")
)
def found_organisation(request: HttpRequest, data: FoundIn) -> Status[Organisation]:
    """Found an organisation; only a person can, and gets its roles."""
    organisation = services.found_organisation(
        by=actor_at(request),
        at=clock.now(),
        user=User.objects.get(key=actor_at(request).key),
        **{**data.dict(), "district": _district(data.district)},
    )
    return Status(201, organisation)


@router.get(ORGANISATION, response=OrganisationOut, auth=api_door("identity.view_organisation"))
def get_organisation(request: HttpRequest, key: Key) -> Organisation:
    """Return an organisation to its members and to the office."""
    return _organisation(request, key, "identity.view_organisation")


@router.put(ORGANISATION, response=OrganisationOut, auth=api_door("identity.edit_organisation"))
def edit_organisation(request: HttpRequest, key: Key, data: OrganisationIn) -> Organisation:
    """Change what an organisation tells of itself."""
    return services.edit_organisation(
        by=actor_at(request),
        at=clock.now(),
        organisation=_organisation(request, key, "identity.edit_organisation"),
        **{**data.dict(), "district": _district(data.district)},
    )


@router.get(
    f"{ORGANISATION}/members",
    response=list[MemberOut],
    auth=api_door("identity.view_members"),
)
def list_members(request: HttpRequest, key: Key) -> list[dict[str, object]]:
    """List the members with their roles."""
    organisation = _organisation(request, key, "identity.view_members")
    manages = may(actor_at(request), "identity.manage_members", organisation)
    return [
        {
            "key": each.user.key,
            "name": str(each.user),
            "email": each.user.email if manages else None,
            "roles": each.roles,
            "since": each.since,
        }
        for each in queries.members_of(organisation)
    ]


@router.put(
    f"{ORGANISATION}/members/{{user_key}}",
    response={204: None},
    auth=api_door("identity.manage_members"),
)
def set_roles(request: HttpRequest, key: Key, user_key: Key, data: RolesIn) -> Status[None]:
    """Replace the roles of a member."""
    organisation = _organisation(request, key, "identity.manage_members")
    services.set_roles(
        by=actor_at(request),
        at=clock.now(),
        organisation=organisation,
        user=_member(organisation, user_key),
        roles=data.roles,
    )
    return Status(204, None)


@router.delete(
    f"{ORGANISATION}/members/{{user_key}}",
    response={204: None},
    auth=api_door("identity.manage_members"),
)
def remove_member(request: HttpRequest, key: Key, user_key: Key) -> Status[None]:
    """End a membership."""
    organisation = _organisation(request, key, "identity.manage_members")
    services.remove_member(
        by=actor_at(request),
        at=clock.now(),
        organisation=organisation,
        user=_member(organisation, user_key),
    )
    return Status(204, None)


@router.post(
    f"{ORGANISATION}/invitations",
    response={201: InvitationOut},
    auth=api_door("identity.manage_members"),
)
def invite_member(request: HttpRequest, key: Key, data: InviteIn) -> Status[Invitation]:
    """Send a letter that makes its reader a member."""
    invitation, secret = services.invite_member(
        by=actor_at(request),
        at=clock.now(),
        organisation=_organisation(request, key, "identity.manage_members"),
        email=data.email,
        roles=data.roles,
    )
    link = request.build_absolute_uri(reverse("identity:invitation", args=[secret]))
    send_invitation(invitation, link=link)
    return Status(201, invitation)


@router.get(
    f"{ORGANISATION}/tokens",
    response=Sequence[TokenOut],
    auth=api_door("identity.manage_tokens"),
)
def list_tokens(request: HttpRequest, key: Key) -> list[Token]:
    """List the tokens of one's organisation; a person makes them on its page."""
    return list(queries.tokens_of(_organisation(request, key, "identity.manage_tokens")))


@router.delete(
    f"{ORGANISATION}/tokens/{{token_key}}",
    response={204: None},
    auth=api_door("identity.manage_tokens"),
)
def revoke_token(request: HttpRequest, key: Key, token_key: Key) -> Status[None]:
    """Make a token worthless."""
    organisation = _organisation(request, key, "identity.manage_tokens")
    token = Token.objects.select_related("organisation").get(
        organisation=organisation, key=token_key
    )
    services.revoke_token(by=actor_at(request), at=clock.now(), token=token)
    return Status(204, None)


def _organisation(request: HttpRequest, key: str, permission: str) -> Organisation:
    organisation = Organisation.objects.select_related("district").get(key=key)
    require(actor_at(request), permission, organisation, seen="identity.view_organisation")
    return organisation


def _member(organisation: Organisation, user_key: str) -> User:
    return User.objects.filter(memberships__organisation=organisation).distinct().get(key=user_key)


def _district(code: str | None) -> District | None:
    return District.objects.get(code=code) if code else None
