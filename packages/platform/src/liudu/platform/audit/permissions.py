"""Who may do what here: predicates on the actor, and on the object where there is one."""

from rules.permissions import add_perm
from rules.predicates import predicate

from liudu.platform.actors import Actor, Role


def reads(actor: Actor, _subject: object = None) -> bool:
    """Return whether an auditor or the operator asks; what is sealed never is in a line."""
    return actor.known and actor.has(Role.AUDITOR, Role.OPERATOR)


for permission in ("audit.view_audit", "audit.export_audit"):
    add_perm(permission, predicate(reads))  # type: ignore[no-untyped-call]
