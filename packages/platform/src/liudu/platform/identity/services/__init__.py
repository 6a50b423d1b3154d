"""Every write to people, organisations, memberships and tokens."""

from liudu.platform.identity.services.accounts import (
    activate_user,
    clear_factors,
    deactivate_user,
)
from liudu.platform.identity.services.members import (
    accept_invitation,
    add_member,
    invite_member,
    remove_member,
    renew_invitation,
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
    "activate_user",
    "add_member",
    "clear_factors",
    "confirm_credit_code",
    "create_user",
    "deactivate_user",
    "edit_organisation",
    "edit_profile",
    "found_organisation",
    "invite_member",
    "keep_language",
    "make_token",
    "note_use",
    "remove_member",
    "renew_invitation",
    "revoke_token",
    "set_roles",
    "withdraw_invitation",
]
