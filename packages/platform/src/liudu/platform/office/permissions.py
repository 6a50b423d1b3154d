"""Who may do what here: predicates on the actor, and on the object where there is one."""

from rules.permissions import add_perm
from rules.predicates import predicate

from liudu.platform.actors import Actor, Role
from liudu.platform.needs.models import Need
from liudu.platform.office.models import SavedView


def works(actor: Actor, _subject: object = None) -> bool:
    """Whether somebody has a desk here: whoever has logged in, and an organisation's token."""
    return actor.known


def starts(actor: Actor, need: Need | None = None) -> bool:
    """Whether an actor may say that a need is in use: its owner, and officers."""
    if need is None:
        return actor.has(Role.NEED_OWNER, Role.OFFICER)
    if need.status != Need.Status.PUBLISHED:
        return False
    own = actor.belongs_to(need.owner.key) and actor.has(Role.NEED_OWNER)
    return own or actor.has(Role.OFFICER)


def keeps_views(actor: Actor, view: SavedView | None = None) -> bool:
    """Whether an actor may keep views, or change one: persons, and each only their own."""
    if actor.kind != "person" or not actor.organisation_key:
        return False
    return view is None or view.user.key == actor.key


def sees_view(actor: Actor, view: SavedView | None = None) -> bool:
    """Whether an actor may use a view: its own, and those shared in its organisation."""
    if view is None or keeps_views(actor, view):
        return keeps_views(actor)
    return view.shared and actor.belongs_to(view.organisation.key)


_WHO = {
    "office.see_mine": works,
    "office.see_board": works,
    "office.start_running": starts,
    "office.keep_views": keeps_views,
    "office.see_view": sees_view,
}
for permission, test in _WHO.items():
    add_perm(permission, predicate(test))  # type: ignore[no-untyped-call]
