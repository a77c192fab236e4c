"""Business days: from midnight to midnight in the brand's time zone, 23 to 25 hours. Pure."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Day(NamedTuple):
    """One day; times in milliseconds since 1970 UTC."""

    name: str
    """YYYY-MM-DD."""
    start_ms: int
    end_ms: int
    """When the next day begins."""


def day_at(at_ms: int, zone: ZoneInfo) -> Day:
    """The business day of a moment."""
    day = datetime.fromtimestamp(at_ms / 1000, zone).date()
    return Day(day.isoformat(), _start_ms(day, zone), _start_ms(day + timedelta(days=1), zone))


def _start_ms(day: date, zone: ZoneInfo) -> int:
    # Where midnight does not exist the clock is put forward at it, and where it comes twice the first one is meant.
    return int(datetime.combine(day, time.min, zone).timestamp() * 1000)
