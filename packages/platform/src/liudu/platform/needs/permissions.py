"""Who may do what here: predicates on the actor, and on the object where there is one."""

from rules.permissions import add_perm
from rules.predicates import predicate

from liudu.platform.actors import Actor, Role
from liudu.platform.needs.models import ImportRun, Need


def sees(actor: Actor, need: Need | None = None) -> bool:
    """Whether an actor may see a need; says the same as `queries.visible_to`."""
    if need is None or need.status == Need.Status.PUBLISHED:
        return True
    if actor.kind == "system" or actor.has(Role.AUDITOR) or _own(actor, need):
        return True
    return need.published_at is not None and actor.has(Role.OFFICER, Role.OPERATOR)


def posts(actor: Actor, _need: Need | None = None) -> bool:
    """Whether an actor may post needs for the organisation that they act for."""
    return bool(actor.organisation_key) and actor.has(Role.NEED_OWNER, Role.OFFICER)


def keeps(actor: Actor, need: Need | None = None) -> bool:
    """Whether an actor may change a need: its owner, and officers once it is out of the draft."""
    if need is None:
        return actor.has(Role.NEED_OWNER, Role.OFFICER)
    if _own(actor, need):
        return actor.has(Role.NEED_OWNER, Role.OFFICER)
    return actor.has(Role.OFFICER) and need.published_at is not None


def owns(actor: Actor, need: Need | None = None) -> bool:
    """Whether an actor may publish a need: only its owner."""
    if need is None:
        return actor.has(Role.NEED_OWNER, Role.OFFICER)
    return _own(actor, need) and actor.has(Role.NEED_OWNER, Role.OFFICER)


def follows(actor: Actor, need: Need | None = None) -> bool:
    """Whether an actor may read who wrote what: whoever may see it and has logged in."""
    if need is None:
        return actor.known
    if actor.has(Role.AUDITOR, Role.OFFICER) and sees(actor, need):
        return True
    return _own(actor, need)


def sees_import(actor: Actor, run: ImportRun | None = None) -> bool:
    """Whether an actor may read what became of a list: who posts needs for whom it came for."""
    if run is None:
        return posts(actor, None) or actor.has(Role.AUDITOR)
    return actor.has(Role.AUDITOR) or (posts(actor, None) and actor.belongs_to(run.owner.key))


def lists_for_others(actor: Actor, _subject: object = None) -> bool:
    """Whether an actor may send a list of what others want: a bureau."""
    return actor.has(Role.OFFICER)


def _own(actor: Actor, need: Need) -> bool:
    return actor.belongs_to(need.owner.key)


_WHO = {
    "needs.see_need": sees,
    "needs.post_need": posts,
    "needs.edit_need": keeps,
    "needs.publish_need": owns,
    "needs.withdraw_need": keeps,
    "needs.copy_need": posts,
    "needs.follow_need": follows,
    "needs.import_list": posts,
    "needs.see_import": sees_import,
    "needs.import_for_others": lists_for_others,
}
for permission, test in _WHO.items():
    add_perm(permission, predicate(test))  # type: ignore[no-untyped-call]
