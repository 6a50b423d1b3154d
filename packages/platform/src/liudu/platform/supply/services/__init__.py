"""Every write of this context."""

from liudu.platform.supply.services.certificates import (
    file_certificate,
    release_certificate,
    revoke_certificate,
    show_certificate,
)
from liudu.platform.supply.services.checks import check_version, reap_checks, recheck_version
from liudu.platform.supply.services.offers import (
    admit_offer,
    decline_offer,
    invite_vendor,
    note_untried,
    offer_version,
    withdraw_offer,
)
from liudu.platform.supply.services.solutions import (
    add_solution,
    add_version,
    edit_solution,
    register_vendor,
    upload_version,
)

__all__ = [
    "add_solution",
    "add_version",
    "admit_offer",
    "check_version",
    "decline_offer",
    "edit_solution",
    "file_certificate",
    "invite_vendor",
    "note_untried",
    "offer_version",
    "reap_checks",
    "recheck_version",
    "register_vendor",
    "release_certificate",
    "revoke_certificate",
    "show_certificate",
    "upload_version",
    "withdraw_offer",
]
