"""Who may do what here: predicates on the actor, and on the object where there is one."""

from rules.permissions import add_perm
from rules.predicates import predicate

from liudu.platform.actors import Actor, Role
from liudu.platform.funding.models import Batch, Determination, Grant, Subject
from liudu.platform.identity.decisions import steers

SEES_ALL = (Role.OFFICER, Role.AUDITOR)


def is_known(actor: Actor, _subject: object = None) -> bool:
    """Return whether it is a person or a token."""
    return actor.known


def is_officer(actor: Actor, _subject: object = None) -> bool:
    """Return whether it is the office that delivers benefits."""
    return actor.known and actor.has(Role.OFFICER)


def sees_all(actor: Actor, _subject: object = None) -> bool:
    """Return whether it is the office or the audit."""
    return actor.known and actor.has(*SEES_ALL)


def is_self(actor: Actor, subject: Subject) -> bool:
    """Return whether an actor is the person that a subject is."""
    return actor.kind == "person" and subject.user is not None and subject.user.key == actor.key


def is_of(actor: Actor, subject: Subject) -> bool:
    """Return whether an actor is a subject, or belongs to the organisation that is or owns it."""
    mine = (subject.organisation, subject.owner)
    return is_self(actor, subject) or any(
        one is not None and actor.belongs_to(one.key) for one in mine
    )


def acts_for(actor: Actor, subject: Subject) -> bool:
    """Return whether an actor may bind a subject: oneself, or an organisation that one steers."""
    return is_self(actor, subject) or (is_of(actor, subject) and steers(actor.roles))


def speaks_for_organisation(actor: Actor, _subject: object = None) -> bool:
    """Return whether it steers the organisation that it acts for; mere members only read."""
    return actor.known and bool(actor.organisation_key) and steers(actor.roles)


def speaks_for(actor: Actor, subject: Subject | None = None) -> bool:
    """Return whether it is the subject itself, or steers the organisation that it is about."""
    return actor.known and (subject is None or acts_for(actor, subject))


def sees_subject(actor: Actor, subject: Subject | None = None) -> bool:
    """Return whether it is the subject itself, the office or the audit."""
    return actor.known and (subject is None or actor.has(*SEES_ALL) or is_of(actor, subject))


def sees_about_subject(actor: Actor, row: Determination | Grant | None = None) -> bool:
    """Return whether the actor sees the subject, and so what was determined and granted."""
    return actor.known and (row is None or actor.has(*SEES_ALL) or is_of(actor, row.subject))


def speaks_for_grant(actor: Actor, grant: Grant | None = None) -> bool:
    """Return whether it may say where a grant is paid to, or give it up."""
    return actor.kind == "person" and (grant is None or acts_for(actor, grant.subject))


def may_object(actor: Actor, grant: Grant | None = None) -> bool:
    """Return whether it is the subject, or anybody with an account once it is published."""
    if actor.kind != "person" or grant is None:
        return actor.kind == "person"
    return is_of(actor, grant.subject) or grant.batch.stage == Batch.Stage.PUBLISHED


for name, rule in {
    "funding.view_mine": is_known,
    "funding.see_subject": sees_subject,
    "funding.answer_question": speaks_for,
    "funding.apply_for_benefit": speaks_for,
    "funding.answer_for_organisation": speaks_for_organisation,
    "funding.see_determination": sees_about_subject,
    "funding.see_grant": sees_about_subject,
    "funding.confirm_account": speaks_for_grant,
    "funding.object_to_grant": may_object,
    "funding.view_deliveries": sees_all,
    "funding.use_sandbox": sees_all,
    "funding.view_imports": sees_all,
    "funding.set_parameter": is_officer,
    "funding.check_clause": is_officer,
    "funding.run_delivery": is_officer,
    "funding.review_grant": is_officer,
    "funding.export_orders": is_officer,
    "funding.import_facts": is_officer,
}.items():
    add_perm(name, predicate(rule))  # type: ignore[no-untyped-call]
