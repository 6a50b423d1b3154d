"""Who may do what here: predicates on the actor, and on the object where there is one."""

from rules.permissions import add_perm
from rules.predicates import predicate

from liudu.platform.actors import Actor, Role
from liudu.platform.needs.models import Need
from liudu.platform.supply.models import Certificate, Offer, Solution, Vendor, Version

STAFF = (Role.OFFICER, Role.OPERATOR, Role.AUDITOR)


def is_vendor(actor: Actor, _subject: object = None) -> bool:
    """Return whether a vendor asks."""
    return actor.has(Role.VENDOR)


def may_answer_somewhere(actor: Actor, _subject: object = None) -> bool:
    """Return whether an owner of needs or the bureau asks."""
    return actor.has(Role.NEED_OWNER, Role.OFFICER)


def is_officer(actor: Actor, _subject: object = None) -> bool:
    """Return whether the bureau asks."""
    return actor.has(Role.OFFICER)


def may_recheck_somewhere(actor: Actor, _subject: object = None) -> bool:
    """Return whether a vendor asks, or who runs the machines."""
    return actor.has(Role.VENDOR, Role.OPERATOR)


def edits_profile(actor: Actor, vendor: Vendor | None = None) -> bool:
    """Return whether that vendor asks."""
    return actor.has(Role.VENDOR) and (vendor is None or actor.belongs_to(vendor.organisation.key))


def sees_solution(actor: Actor, solution: Solution | None = None) -> bool:
    """Return whether it is public, or its vendor or the bureau asks."""
    return solution is None or solution.public or sees_inside(actor, solution)


def sees_inside(actor: Actor, solution: Solution | None = None) -> bool:
    """Return whether who asks may see checks that failed, and why: its people, the bureau."""
    return solution is not None and (
        actor.belongs_to(solution.vendor.organisation.key) or actor.has(*STAFF)
    )


def edits_solution(actor: Actor, solution: Solution | None = None) -> bool:
    """Return whether its vendor asks."""
    return solution is not None and (
        actor.has(Role.VENDOR) and actor.belongs_to(solution.vendor.organisation.key)
    )


def sees_version(actor: Actor, version: Version | None = None) -> bool:
    """Return whether it conforms, for everybody, or is between vendor and bureau."""
    if version is None:
        return True
    conforms = version.state == Version.State.CONFORMS
    return (conforms and sees_solution(actor, version.solution)) or sees_inside(
        actor, version.solution
    )


def edits_version(actor: Actor, version: Version | None = None) -> bool:
    """Return whether its vendor asks; nobody else ever gets the bundle back."""
    return version is not None and edits_solution(actor, version.solution)


def rechecks(actor: Actor, version: Version | None = None) -> bool:
    """Return whether its vendor asks, or who runs the machines."""
    return version is not None and (actor.has(Role.OPERATOR) or edits_version(actor, version))


def sees_offer(actor: Actor, offer: Offer | None = None) -> bool:
    """Return whether its vendor, the need's owner or the bureau asks: no other vendor."""
    return offer is not None and (
        actor.belongs_to(offer.vendor.organisation.key)
        or answers_for(actor, offer.need)
        or actor.has(Role.AUDITOR)
    )


def withdraws_offer(actor: Actor, offer: Offer | None = None) -> bool:
    """Return whether the vendor asks who made it."""
    return offer is not None and (
        actor.has(Role.VENDOR) and actor.belongs_to(offer.vendor.organisation.key)
    )


def answers_for(actor: Actor, need: Need | None = None) -> bool:
    """Return whether the need's owner or the bureau asks."""
    return need is not None and (
        actor.has(Role.OFFICER) or (actor.has(Role.NEED_OWNER) and actor.belongs_to(need.owner.key))
    )


def answers_offer(actor: Actor, offer: Offer | None = None) -> bool:
    """Return whether the owner of its need or the bureau asks."""
    return offer is not None and answers_for(actor, offer.need)


def sees_certificate(actor: Actor, certificate: Certificate | None = None) -> bool:
    """Return whether it is shown to all, or released to its vendor, or owner or bureau asks."""
    if certificate is None:
        return True
    released = certificate.released_at is not None
    if released and certificate.public:
        return True
    if released and actor.belongs_to(certificate.version.solution.vendor.organisation.key):
        return True
    return answers_for(actor, certificate.need) or actor.has(Role.AUDITOR)


def shows_certificate(actor: Actor, certificate: Certificate | None = None) -> bool:
    """Return whether the vendor asks to whom it was released."""
    return (
        certificate is not None
        and certificate.released_at is not None
        and edits_solution(actor, certificate.version.solution)
    )


_WHO = {
    # at the door of a page …
    "supply.be_vendor": is_vendor,
    "supply.answer": may_answer_somewhere,
    "supply.recheck": may_recheck_somewhere,
    "supply.revoke_certificate": is_officer,
    # … and on the object
    "supply.edit_profile": edits_profile,
    "supply.see_solution": sees_solution,
    "supply.see_inside": sees_inside,
    "supply.edit_solution": edits_solution,
    "supply.see_version": sees_version,
    "supply.download_bundle": edits_version,
    "supply.offer_version": edits_version,
    "supply.recheck_version": rechecks,
    "supply.see_offer": sees_offer,
    "supply.withdraw_offer": withdraws_offer,
    "supply.answer_offer": answers_offer,
    "supply.invite_vendor": answers_for,
    "supply.see_certificate": sees_certificate,
    "supply.show_certificate": shows_certificate,
}
for permission, who in _WHO.items():
    add_perm(permission, predicate(who))  # type: ignore[no-untyped-call]
