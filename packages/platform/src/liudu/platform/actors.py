"""Who acts: a person for an organisation, an organisation's token, the system, or a visitor."""

from enum import StrEnum
from typing import Final, Literal

import attrs

from liudu.contract import Language


class Role(StrEnum):
    """What somebody may do in the name of an organisation."""

    MEMBER = "member"
    NEED_OWNER = "need_owner"
    VENDOR = "vendor"
    OFFICER = "officer"
    OPERATOR = "operator"
    AUDITOR = "auditor"


@attrs.frozen(kw_only=True)
class Actor:
    """Who acts, as services, permissions and the audit know it.

    Attributes
    ----------
    kind
        ``person``, ``token``, ``system`` or ``visitor``.
    key
        Of the user or of the token; empty for the system and for visitors.
    name
        As the audit keeps it beside the key.
    organisation_key, organisation_name
        In whose name; empty where there is none.
    organisation_name_en
        In English, where the organisation gave one: for readers, never for the audit.
    roles
        Those of the person in this organisation.
    language
        In which the actor wants to be answered.

    """

    kind: Literal["person", "token", "system", "visitor"]
    key: str = ""
    name: str = ""
    organisation_key: str = ""
    organisation_name: str = ""
    organisation_name_en: str = ""
    roles: frozenset[Role] = frozenset()
    language: Language = "zh"

    @property
    def known(self) -> bool:
        """Whether somebody stands behind it who has logged in, or a token."""
        return self.kind in ("person", "token")

    @property
    def organisation(self) -> str:
        """What the organisation is called in the language of who is answered."""
        english = self.organisation_name_en if self.language == "en" else ""
        return english or self.organisation_name

    def has(self, *roles: Role) -> bool:
        """Whether the actor has one of the roles."""
        return not self.roles.isdisjoint(roles)

    def belongs_to(self, organisation_key: str) -> bool:
        """Whether the actor acts for this organisation."""
        return bool(organisation_key) and self.organisation_key == organisation_key


VISITOR: Final = Actor(kind="visitor")
SYSTEM: Final = Actor(kind="system", name="Liudu")
