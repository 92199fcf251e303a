"""What is loaded of each organization, what is missing, what was restated, and how fresh it is."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation
from rich.console import Console
from rich.markup import escape

from openai_costs.reports.summary import Query, exact, verdict

SOON = timedelta(days=30)
STALE_HOURS = 36
LAST_RESTATEMENTS = 5

DAYS = """
select date, is_closed, loaded_at
from openai_raw.cost_days
where organization_id = %s
order by date
"""
DISAGREEING = """
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
"""The days whose rows are not those that the ledger counts."""
UNMODELLED_DAYS = """
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
"""The days that at least one fact was not built from as they are loaded now."""
ORGANIZATIONS = """
select days.organization_id, max(days.organization_name), max(known.earliest_day),
    max(known.earliest_seen_on), max(days.loaded_at)
from openai_raw.cost_days as days
left join openai_raw.organizations as known on days.organization_id = known.organization_id
group by days.organization_id
order by days.organization_id
"""
_RESTATEMENTS = """
select date, was_amount, is_amount, seen_on
from openai_raw.cost_restatements
where organization_id = %s
order by seen_at desc, date desc
"""


def print_status(console: Console, query: Query, now: datetime) -> None:
    """Print each organization's status; amounts are exact."""
    today = now.date()
    with contextlib.suppress(DatabaseException):  # Before the first build, or another version's.
        if incomplete := unmodelled(query):
            console.print(f"\n[yellow]{incomplete}: run python pipeline.py models.[/yellow]")
    for organization_id, name, earliest, seen_on, loaded_at in query(ORGANIZATIONS):
        days = query(DAYS, organization_id)
        restatements = query(_RESTATEMENTS, organization_id)
        console.print(f"\n[bold]{escape(name or organization_id)}[/bold] ({organization_id})")
        facts: dict[str, str] = {}
        loaded_when = when_loaded(now, loaded_at)
        is_old = is_stale(now, loaded_at)
        facts["Loaded"] = f"[yellow]{loaded_when}[/yellow]" if is_old else loaded_when
        facts["Days"] = f"{len(days)}, {days[0][0]} to {days[-1][0]}"
        still_open = [day for day, is_closed, _ in days if not is_closed]
        facts["Not over when read"] = spans(still_open) or "none"
        loaded = {day for day, *_ in days}
        missing = [day for day in _each_day(days[0][0], today) if day not in loaded]
        facts["Missing"] = spans(missing) or "none"
        with contextlib.suppress(DatabaseUndefinedRelation):
            disagreeing = [day for (day,) in query(DISAGREEING, *[organization_id] * 2)]
            facts["Rows differ from ledger"] = spans(disagreeing) or "none"
        if earliest:
            leaving = soon_forgotten(earliest, seen_on, today)
            facts["OpenAI tells"] = f"days from {leaving[0]} on"
            facts["Soon to be forgotten"] = _leaving(leaving, loaded)
        facts["Restated"] = _restated(restatements)
        with contextlib.suppress(DatabaseUndefinedRelation):  # Where no model is built yet.
            facts["Verdict"] = verdict(query, organization_id)
        for label, fact in facts.items():
            console.print(f"  {label:<24}{fact}", soft_wrap=True)
        for day, was, is_now, seen_on in restatements[:LAST_RESTATEMENTS]:
            change = f"{day} from {exact(was)} to {exact(is_now)}, seen on {seen_on}"
            console.print(" " * 26 + change, soft_wrap=True)


def unmodelled(query: Query, organization_id: str | None = None) -> str:
    """A sentence that names the days that the models lack; empty if they are complete.

    Without an id, of all organizations. Raises DatabaseException if the models are not there.
    """
    days = {day for of, day in query(UNMODELLED_DAYS) if organization_id in (None, of)}
    return f"The models are incomplete: {spans(sorted(days))} must be built again" if days else ""


def soon_forgotten(earliest: date, seen_on: date, today: date) -> list[date]:
    """The days that OpenAI still tells and soon does not; it told `earliest` first on `seen_on`."""
    # The horizon moves on by a day each day; the length of the history stays.
    horizon = max(earliest, earliest + (today - seen_on))
    return list(_each_day(horizon, horizon + SOON))


def when_loaded(now: datetime, loaded_at: datetime) -> str:
    hours = _hours_since(now, loaded_at)
    age = f"{hours // 24} days" if hours >= 48 else f"{hours} hours" if hours else "minutes"
    return f"{in_utc(loaded_at):%Y-%m-%d %H:%M} UTC, {age} ago"


def is_stale(now: datetime, loaded_at: datetime, after_hours: int = STALE_HOURS) -> bool:
    return _hours_since(now, loaded_at) > after_hours


def _hours_since(now: datetime, loaded_at: datetime) -> int:
    return int((now - in_utc(loaded_at)).total_seconds() / 3600)


def in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _each_day(first: date, until: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((until - first).days))


def _leaving(leaving: Sequence[date], loaded: Collection[date]) -> str:
    missing = [day for day in leaving if day not in loaded]
    if not missing:
        return f"{spans(leaving)}, all loaded"
    return f"[yellow]{spans(missing)}, not loaded: run with --since {missing[0]}[/yellow]"


def spans(days: Sequence[date]) -> str:
    """2026-10-01, 2026-10-05 to 2026-10-07."""
    spans: list[list[date]] = []
    for day in days:
        if spans and spans[-1][-1] == day - timedelta(days=1):
            spans[-1] = [spans[-1][0], day]
        else:
            spans.append([day])
    return ", ".join(" to ".join(map(str, span)) for span in spans)


def _restated(restatements: Sequence[Sequence[Any]]) -> str:
    if not restatements:
        return "no closed day came back different so far"
    latest = max((seen_on - day).days for day, _, _, seen_on in restatements)
    largest = max(abs(now - was) for _, was, now, _ in restatements)
    days = len({day for day, *_ in restatements})
    return f"{days} days, up to {latest} days after the day, by at most {exact(largest)}; the last:"
