"""The only place of the application that asks the clock."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment, aware, in UTC, without microseconds."""
    return datetime.now(UTC).replace(microsecond=0)
