"""The first step of whoever reads the home page: one that their roles let them take."""

from collections.abc import Mapping
from typing import Final

import attrs

from liudu.platform.actors import Actor, Role
from liudu.platform.words import Words


@attrs.frozen(kw_only=True)
class Step:
    """A way to go on: where it leads, what its button says, and what follows the path."""

    says: Words
    route: str
    query: str = ""


POST: Final = Step(says=Words("发布需求", "Post a need"), route="needs:new")
OPEN: Final = Step(
    says=Words("我有方案，看需求", "I have a solution: see needs"),
    route="needs:list",
    query="?stage=posted",
)
NEEDS: Final = Step(says=Words("看需求", "See the needs"), route="needs:list")
DESK: Final = Step(says=Words("打开工作台", "Open my work"), route="office:mine")
SOLUTIONS: Final = Step(says=Words("我的方案", "Our solutions"), route="supply:mine")
BOARD: Final = Step(says=Words("打开看板", "Open the board"), route="office:board")
FOUND: Final = Step(says=Words("登记我的单位", "Register my organisation"), route="identity:found")
AUDIT: Final = Step(says=Words("查阅审计", "Read the audit"), route="audit:list")
USERS: Final = Step(says=Words("管理账号", "Look after accounts"), route="identity:users")

# The first role that somebody has decides.
OF_ROLE: Final[Mapping[Role, tuple[Step, Step]]] = {
    Role.OFFICER: (BOARD, DESK),
    Role.OPERATOR: (USERS, DESK),
    Role.AUDITOR: (AUDIT, DESK),
    Role.NEED_OWNER: (POST, DESK),
    Role.VENDOR: (OPEN, SOLUTIONS),
}


def steps_of(actor: Actor) -> tuple[Step, Step]:
    """Return the main and the second step of an actor; each is open to them."""
    if not actor.known:
        return POST, OPEN
    if not actor.organisation_key:
        return FOUND, NEEDS
    mine = (steps for role, steps in OF_ROLE.items() if actor.has(role))
    return next(mine, (DESK, NEEDS))
