"""Calendar months."""

from __future__ import annotations

from datetime import date, timedelta


def month_names(first: date, last: date) -> list[str]:
    """Return the months from one day to another, such as 2026-10."""
    months = []
    while first <= last:
        months.append(f"{first:%Y-%m}")
        first = next_month(first)
    return months


def next_month(day: date) -> date:
    """Return the first day of the next month."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)
