"""Rules of organisations: their credit code, and which roles they can hold."""

from collections.abc import Iterable
from typing import Final

from liudu.platform.actors import Role

# GB 32100-2015: no I, O, S, V, Z, which are mistaken for digits and for each other.
CREDIT_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CREDIT_CODE_LENGTH: Final = 18
_DIVISION: Final = slice(2, 8)  # the administrative division, digits only

_ENTERPRISE: Final = frozenset({Role.MEMBER, Role.NEED_OWNER, Role.VENDOR})
ROLES_OF: Final = {
    "company": _ENTERPRISE,
    "opc": _ENTERPRISE,
    "public_body": _ENTERPRISE,
    "bureau": frozenset({Role.MEMBER, Role.NEED_OWNER, Role.OFFICER, Role.AUDITOR}),
    "operator": frozenset({Role.MEMBER, Role.OFFICER, Role.OPERATOR, Role.AUDITOR}),
}
OPEN_KINDS: Final = frozenset({"company", "opc", "public_body"})  # anyone may found them
STEERING: Final = frozenset({Role.NEED_OWNER, Role.VENDOR, Role.OFFICER, Role.OPERATOR})


def credit_code_check(body: str) -> str:
    """Return the check character of the first 17 characters of a 统一社会信用代码 (GB 32100-2015).

    Examples
    --------
    >>> credit_code_check("91350100M000100Y4")
    '3'

    """
    total = sum(CREDIT_ALPHABET.index(each) * pow(3, place, 31) for place, each in enumerate(body))
    return CREDIT_ALPHABET[-total % 31]


def is_credit_code(code: str) -> bool:
    """Return whether a text is a 统一社会信用代码 whose check character is right."""
    return (
        len(code) == CREDIT_CODE_LENGTH
        and set(code) <= set(CREDIT_ALPHABET)
        and code[_DIVISION].isdigit()
        and credit_code_check(code[:-1]) == code[-1]
    )


def roles_refused(*, kind: str, roles: Iterable[Role]) -> frozenset[Role]:
    """Return those of the roles that an organisation of this kind cannot hold."""
    return frozenset(roles) - ROLES_OF[kind]


def steers(roles: Iterable[Role]) -> bool:
    """Return whether somebody with these roles looks after the organisation's members."""
    return not STEERING.isdisjoint(roles)


def grantable(*, own: frozenset[Role], kind: str) -> frozenset[Role]:
    """Return the roles that somebody may give in an organisation of this kind.

    Nobody gives more than they hold; an operator gives what the kind allows.
    """
    allowed = ROLES_OF[kind]
    return allowed if Role.OPERATOR in own else allowed & (own | {Role.MEMBER})
