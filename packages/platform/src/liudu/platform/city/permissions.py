"""Who may do what here: everybody reads; the office fills slots and verifies."""

from rules.permissions import add_perm
from rules.predicates import predicate

from liudu.platform.actors import Actor, Role


@predicate  # type: ignore[untyped-decorator]
def is_officer(actor: Actor) -> bool:
    """Return whether the actor acts for a bureau as its officer."""
    return actor.has(Role.OFFICER)


add_perm("city.fill_slot", is_officer)  # type: ignore[no-untyped-call]
add_perm("city.verify_row", is_officer)  # type: ignore[no-untyped-call]
