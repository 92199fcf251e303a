"""UTC days as the Unix times that the API uses."""

from datetime import UTC, date, datetime


def midnight(day: date) -> int:
    """Return the Unix time at which that UTC day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
