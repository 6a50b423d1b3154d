"""The only place of the application that asks the clock."""

from datetime import UTC, date, datetime


def now() -> datetime:
    """Return the present moment, aware, in UTC, without microseconds."""
    return datetime.now(UTC).replace(microsecond=0)


def today() -> date:
    """Return the present day where this machine stands."""
    return datetime.now(UTC).astimezone().date()
