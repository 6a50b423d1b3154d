"""Who may do what here: predicates on the actor, and on the object where there is one."""

from rules.permissions import add_perm
from rules.predicates import predicate

from liudu.platform.actors import Actor, Role
from liudu.platform.identity.decisions import steers
from liudu.platform.identity.models import Organisation

OFFICES = (Role.OFFICER, Role.OPERATOR, Role.AUDITOR)


def is_person(actor: Actor, _subject: object = None) -> bool:
    """Return whether somebody has logged in."""
    return actor.kind == "person"


def is_known(actor: Actor, _subject: object = None) -> bool:
    """Return whether a person or a token asks."""
    return actor.known


def is_office(actor: Actor, _subject: object = None) -> bool:
    """Return whether the scenario office, the operator or the audit asks."""
    return actor.known and actor.has(*OFFICES)


def sees(actor: Actor, organisation: Organisation | None = None) -> bool:
    """Return whether a member of the organisation or the office asks."""
    if not actor.known:
        return False
    if organisation is None or actor.has(*OFFICES):
        return True
    return actor.belongs_to(organisation.key)


def looks_after(actor: Actor, organisation: Organisation | None = None) -> bool:
    """Return whether a steward of the organisation or the operator asks."""
    if actor.kind != "person":
        return False
    if organisation is None or actor.has(Role.OPERATOR):
        return True
    return actor.belongs_to(organisation.key) and steers(actor.roles)


def makes_tokens(actor: Actor, organisation: Organisation | None = None) -> bool:
    """Return whether a steward of the organisation itself asks: a token acts in its name."""
    if actor.kind != "person" or not steers(actor.roles):
        return organisation is None and actor.kind == "person"
    return organisation is None or actor.belongs_to(organisation.key)


def confirms(actor: Actor, _organisation: Organisation | None = None) -> bool:
    """Return whether the office or the operator asks, who has seen the licence."""
    return actor.kind == "person" and actor.has(Role.OFFICER, Role.OPERATOR)


def operates(actor: Actor, _user: object = None) -> bool:
    """Return whether an operator asks: a person, for no program stops accounts."""
    return actor.kind == "person" and actor.has(Role.OPERATOR)


_WHO = {
    "identity.view_me": is_person,
    "identity.edit_me": is_person,
    "identity.view_self": is_known,
    "identity.choose_organisation": is_person,
    "identity.found_organisation": is_person,
    "identity.accept_invitation": is_person,
    "identity.view_organisations": is_office,
    "identity.view_organisation": sees,
    "identity.edit_organisation": looks_after,
    "identity.confirm_credit_code": confirms,
    "identity.view_members": sees,
    "identity.manage_members": looks_after,
    "identity.manage_users": operates,
    "identity.manage_tokens": makes_tokens,
}
for permission, test in _WHO.items():
    add_perm(permission, predicate(test))  # type: ignore[no-untyped-call]
