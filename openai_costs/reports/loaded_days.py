"""Which days are loaded, which are incomplete or expire soon, and how old the last load is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from openai_costs.query import Query

EXPIRING_DAYS = 30
STALE_HOURS = 36

DAYS = """
select date, is_closed, loaded_at
from openai_raw.cost_days
where organization_id = %s
order by date
"""
MISMATCHED_DAYS = """
select days.date
from openai_raw.cost_days as days
left join (
    select date, count(*) as row_count, sum(amount) as row_amount
    from openai_raw.costs
    where organization_id = %s
    group by date
) as stored on days.date = stored.date
where days.organization_id = %s
    and (
        days.row_count <> coalesce(stored.row_count, 0)
        or coalesce(days.row_amount, 0) <> coalesce(stored.row_amount, 0)
    )
order by days.date
"""
"""The days whose rows do not match the row count and amount in the ledger."""
_UNMODELLED_DAYS = """
select organization_id, date
from openai_intermediate.int_openai__days_to_build
where fact <> 'tests'
union
select organization_id, date
from (
    select organization_id, date, loaded_at from openai_raw.cost_days
    union all
    select organization_id, date, loaded_at from openai_intermediate.int_openai__loaded_days
    where kind = 'costs'
) as days
group by organization_id, date, loaded_at
having count(*) = 1
order by date
"""
"""The days whose latest load is missing from at least one fact."""
ORGANIZATIONS = """
select days.organization_id, max(days.organization_name), max(known.earliest_day),
    max(known.earliest_seen_on), max(days.loaded_at)
from openai_raw.cost_days as days
left join openai_raw.organizations as known on days.organization_id = known.organization_id
group by days.organization_id
order by days.organization_id
"""
"""Each organization: id, name, first day that OpenAI returned, when it did so, last load."""


def unmodelled(query: Query, organization_id: str | None = None) -> str:
    """Return a sentence that names the days that the models do not contain; empty if none.

    Without an id, names the days of all organizations. Raises DatabaseException without models.
    """
    rows = query(_UNMODELLED_DAYS)
    days = {day for row_id, day in rows if organization_id in (None, row_id)}
    if not days:
        return ""
    return f"The models are incomplete: {day_ranges(sorted(days))} must be built again"


def first_returned_day(earliest: date, seen_on: date, today: date) -> date:
    """Return the first day that OpenAI returns today.

    `earliest` is the first day that OpenAI returned on `seen_on`.
    """
    # OpenAI's history has a constant length: each day, its first day moves by one.
    return max(earliest, earliest + (today - seen_on))


def expiring_days(first: date, today: date) -> list[date]:
    """Return the days before today that OpenAI will stop returning within the next 30 days.

    `first` is the first day that OpenAI returns today.
    """
    return list(days_between(first, min(first + timedelta(days=EXPIRING_DAYS), today)))


def load_age(now: datetime, loaded_at: datetime) -> str:
    """Return the time and age of a load, such as "2026-10-05 04:00 UTC, 7 hours ago"."""
    hours = _hours_since(now, loaded_at)
    age = f"{hours // 24} days" if hours >= 48 else f"{hours} hours" if hours else "minutes"
    return f"{in_utc(loaded_at):%Y-%m-%d %H:%M} UTC, {age} ago"


def stale(now: datetime, loaded_at: datetime, after_hours: int = STALE_HOURS) -> bool:
    return _hours_since(now, loaded_at) > after_hours


def _hours_since(now: datetime, loaded_at: datetime) -> int:
    return int((now - in_utc(loaded_at)).total_seconds() / 3600)


def in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def days_between(first: date, until: date) -> Iterator[date]:
    """Return the days from `first` to the day before `until`."""
    return (first + timedelta(days=n) for n in range((until - first).days))


def day_ranges(days: Sequence[date]) -> str:
    """Return the days as text, such as "2026-10-01, 2026-10-05 to 2026-10-07"."""
    ranges: list[list[date]] = []
    for day in days:
        if ranges and ranges[-1][-1] == day - timedelta(days=1):
            ranges[-1] = [ranges[-1][0], day]
        else:
            ranges.append([day])
    return ", ".join(" to ".join(map(str, days)) for days in ranges)
