"""Who may do what here: predicates on the actor, and on the object where there is one.

Three rings: who is in it (owner, vendor, office) sees how a trial goes; verdict and figures are
for owner and office until they are released; pictures of sealed pieces are for the owner alone.
"""

from rules.permissions import add_perm
from rules.predicates import predicate

from liudu.platform.actors import Actor, Role
from liudu.platform.needs.models import Need
from liudu.platform.supply.models import Offer
from liudu.platform.trials.models import Seal, Trial

OFFICE = (Role.OFFICER, Role.OPERATOR, Role.AUDITOR)


def decides_somewhere(actor: Actor, _subject: object = None) -> bool:
    """Return whether an owner of needs or the bureau asks."""
    return actor.has(Role.NEED_OWNER, Role.OFFICER)


def is_known(actor: Actor, _subject: object = None) -> bool:
    """Return whether somebody stands behind it."""
    return actor.known


def owns(actor: Actor, need: Need) -> bool:
    """Return whether who decides for the need's owner asks."""
    return actor.has(Role.NEED_OWNER) and actor.belongs_to(need.owner.key)


def is_released(trial: Trial) -> bool:
    """Return whether everybody may see the verdict."""
    return trial.released_at is not None and trial.need.status == Need.Status.PUBLISHED


def is_its_vendor(actor: Actor, trial: Trial) -> bool:
    """Return whether the vendor asks whose solution it is."""
    return actor.belongs_to(trial.vendor.organisation.key)


def sees_trial(actor: Actor, trial: Trial | None = None) -> bool:
    """Return whether it is the actor's own in some way, or released."""
    return trial is not None and (
        is_released(trial)
        or is_its_vendor(actor, trial)
        or actor.belongs_to(trial.need.owner.key)
        or actor.has(*OFFICE)
    )


def sees_progress(actor: Actor, trial: Trial | None = None) -> bool:
    """Return whether events, attempts and reasons are for the actor: all but mere visitors."""
    return trial is not None and (
        is_its_vendor(actor, trial) or actor.belongs_to(trial.need.owner.key) or actor.has(*OFFICE)
    )


def sees_result(actor: Actor, trial: Trial | None = None) -> bool:
    """Return whether verdict and figures are for the actor."""
    if trial is None or trial.state != Trial.State.DECIDED:
        return False
    if is_released(trial) or owns(actor, trial.need):
        return True
    if trial.released_at is not None and is_its_vendor(actor, trial):
        return True
    return actor.has(Role.OFFICER, Role.AUDITOR)


def sees_report(actor: Actor, trial: Trial | None = None) -> bool:
    """Return whether the report without pieces is for the actor."""
    if trial is None or not sees_result(actor, trial):
        return False
    return (
        owns(actor, trial.need)
        or is_its_vendor(actor, trial)
        or actor.has(Role.OFFICER, Role.AUDITOR)
    )


def sees_pieces(actor: Actor, trial: Trial | None = None) -> bool:
    """Return whether sealed pieces may be shown to the actor: their owner, and nobody else."""
    return trial is not None and owns(actor, trial.need)


def decides_on(actor: Actor, trial: Trial | None = None) -> bool:
    """Return whether the need's owner or the bureau asks."""
    return trial is not None and (owns(actor, trial.need) or actor.has(Role.OFFICER))


def cancels(actor: Actor, trial: Trial | None = None) -> bool:
    """Return whether the actor may end it: owner, office, and its vendor while it waits."""
    if trial is None or trial.state not in (Trial.State.QUEUED, Trial.State.RUNNING):
        return False
    if decides_on(actor, trial) or actor.has(Role.OPERATOR):
        return True
    waits = trial.state == Trial.State.QUEUED
    return waits and actor.has(Role.VENDOR) and is_its_vendor(actor, trial)


def releases(actor: Actor, trial: Trial | None = None) -> bool:
    """Return whether the actor may release the verdict that is there."""
    return (
        trial is not None
        and trial.state == Trial.State.DECIDED
        and trial.released_at is None
        and decides_on(actor, trial)
    )


def starts(actor: Actor, offer: Offer | None = None) -> bool:
    """Return whether the need's owner or the bureau asks."""
    return offer is not None and (owns(actor, offer.need) or actor.has(Role.OFFICER))


def seals(actor: Actor, need: Need | None = None) -> bool:
    """Return whether the need's owner asks: only its own data are sealed."""
    return need is not None and owns(actor, need)


def sees_seals(actor: Actor, need: Need | None = None) -> bool:
    """Return whether counts and digests of sealed data are for the actor."""
    return need is not None and (
        actor.belongs_to(need.owner.key) or actor.has(Role.OFFICER, Role.AUDITOR)
    )


def sees_refusal(actor: Actor, seal: Seal | None = None) -> bool:
    """Return whether why data were refused, which may name files, is for the actor."""
    return seal is not None and owns(actor, seal.need)


def is_office(actor: Actor, _subject: object = None) -> bool:
    """Return whether the technical side is for the actor."""
    return actor.has(Role.OPERATOR, Role.OFFICER)


_WHO = {
    # at the door of a page …
    "trials.decide": decides_somewhere,
    "trials.be_known": is_known,
    "trials.see_queue": is_office,
    # … and on the object
    "trials.see_trial": sees_trial,
    "trials.see_progress": sees_progress,
    "trials.see_result": sees_result,
    "trials.see_report": sees_report,
    "trials.see_pieces": sees_pieces,
    "trials.decide_on": decides_on,
    "trials.cancel_trial": cancels,
    "trials.release_trial": releases,
    "trials.start_trial": starts,
    "trials.seal_need": seals,
    "trials.see_seals": sees_seals,
    "trials.see_refusal": sees_refusal,
}
for permission, who in _WHO.items():
    add_perm(permission, predicate(who))  # type: ignore[no-untyped-call]
