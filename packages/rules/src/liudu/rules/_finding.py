"""What a check finds."""

from enum import StrEnum

import attrs

from liudu.contract import Refusal


class Severity(StrEnum):
    """An error keeps a pack from being used; a warning wants a look."""

    ERROR = "error"
    WARNING = "warning"


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that a check found."""

    severity: Severity
    problem: Refusal


def error(problem: Refusal) -> Finding:
    """Return a finding that keeps a pack from being used."""
    return Finding(severity=Severity.ERROR, problem=problem)


def warning(problem: Refusal) -> Finding:
    """Return a finding that wants a look."""
    return Finding(severity=Severity.WARNING, problem=problem)
