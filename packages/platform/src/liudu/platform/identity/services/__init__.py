"""Every write to people, organisations, memberships and tokens."""

from liudu.platform.identity.services.members import (
    accept_invitation,
    add_member,
    invite_member,
    remove_member,
    set_roles,
    withdraw_invitation,
)
from liudu.platform.identity.services.organisations import (
    confirm_credit_code,
    edit_organisation,
    found_organisation,
)
from liudu.platform.identity.services.people import create_user, edit_profile, keep_language
from liudu.platform.identity.services.tokens import make_token, note_use, revoke_token

__all__ = [
    "accept_invitation",
    "add_member",
    "confirm_credit_code",
    "create_user",
    "edit_organisation",
    "edit_profile",
    "found_organisation",
    "invite_member",
    "keep_language",
    "make_token",
    "note_use",
    "remove_member",
    "revoke_token",
    "set_roles",
    "withdraw_invitation",
]
