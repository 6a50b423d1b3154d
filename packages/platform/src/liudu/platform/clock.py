"""The only place of the platform that asks the clock."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

CITY_ZONE = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def day_of(at: datetime) -> date:
    """Return the day that a moment has in the city."""
    return at.astimezone(CITY_ZONE).date()


def today() -> date:
    """Return the day that it is in the city."""
    return day_of(now())
