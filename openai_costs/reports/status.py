"""The status of each organization: days loaded and missing, restatements, age of the last load."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation

from openai_costs.folders import COMMAND
from openai_costs.query import Query
from openai_costs.reports.amounts import exact
from openai_costs.reports.loaded_days import (
    DAYS,
    MISMATCHED_DAYS,
    ORGANIZATIONS,
    day_ranges,
    days_between,
    expiring_days,
    first_returned_day,
    in_utc,
    load_age,
    stale,
    unmodelled,
)
from openai_costs.reports.unverified import unverified
from openai_costs.reports.verdict import verdict
from openai_costs.terminal import Output, Part
from openai_costs.warehouse.run_log import RUNS

LAST_RESTATEMENTS = 5

_RUNS = f"""
select ended_at, exit_code, requests, days_replaced, days_checked
from {RUNS}
order by ended_at desc
"""  # noqa: S608
_RESTATEMENTS = """
select date, was_amount, is_amount, seen_on, upper(coalesce(nullif(trim(currency), ''), 'usd'))
from openai_raw.cost_restatements
where organization_id = %s
order by seen_at desc, date desc, currency
"""


def print_status(output: Output, query: Query, now: datetime) -> None:
    """Print each organization's status; amounts are exact."""
    today = now.date()
    # Before the first build, or with the models of another version, the query fails.
    with contextlib.suppress(DatabaseException):
        for message in filter(None, [unmodelled(query), *unverified(query)]):
            output.line()
            output.line((f"{message}: run {COMMAND} models.", "yellow"))
    if runs := _runs(query):
        output.line()
        output.line(("Runs", "bold"), f"  {runs}")
    for organization_id, name, earliest, seen_on, loaded_at in query(ORGANIZATIONS):
        days = query(DAYS, organization_id)
        restatements = query(_RESTATEMENTS, organization_id)
        output.line()
        output.line((name or organization_id, "bold"), f" ({organization_id})")
        facts: dict[str, Part] = {}
        age = load_age(now, loaded_at)
        facts["Loaded"] = (age, "yellow") if stale(now, loaded_at) else age
        facts["Days"] = f"{len(days)}, {days[0][0]} to {days[-1][0]}"
        open_days = [day for day, is_closed, _ in days if not is_closed]
        facts["Not over when read"] = day_ranges(open_days) or "none"
        loaded = {day for day, *_ in days}
        missing = [day for day in days_between(days[0][0], today) if day not in loaded]
        facts["Missing"] = day_ranges(missing) or "none"
        with contextlib.suppress(DatabaseUndefinedRelation):
            mismatched = [day for (day,) in query(MISMATCHED_DAYS, *[organization_id] * 2)]
            facts["Rows differ from ledger"] = day_ranges(mismatched) or "none"
        if earliest:
            first = first_returned_day(earliest, seen_on, today)
            facts["OpenAI returns"] = f"days from {first} on"
            facts["Expiring soon"] = _expiring(expiring_days(first, today), loaded)
        facts["Restated"] = _restated(restatements)
        with contextlib.suppress(DatabaseUndefinedRelation):  # Before the first build.
            facts["Verdict"] = verdict(query, organization_id)
        for label, fact in facts.items():
            output.line(f"  {label:<24}", fact)
        for day, before, after, restated_on, currency in restatements[:LAST_RESTATEMENTS]:
            amounts = f"{exact(before)} to {exact(after)} {currency}"
            change = f"{day} from {amounts}, seen on {restated_on}"
            output.line(" " * 26 + change)


def _runs(query: Query) -> str:
    """Return a summary of all runs, and of what the last one did; empty before the first one."""
    rows: Sequence[Sequence[Any]] = ()
    # Another version may have created the table with other columns.
    with contextlib.suppress(DatabaseException):
        rows = query(_RUNS)
    if not rows:
        return ""
    failed = sum(row[1] != 0 for row in rows)
    ended, exit_code, requests, replaced, checked = rows[0]
    parts = [
        f"{in_utc(ended):%Y-%m-%d %H:%M} UTC, exit code {exit_code}",
        *([f"{requests} requests"] if requests is not None else []),
        *([f"{replaced} days replaced"] if replaced is not None else []),
        *([f"{checked} days checked"] if checked is not None else []),
    ]
    return f"{len(rows)}, of which {failed} failed; the last: {', '.join(parts)}"


def _expiring(expiring: Sequence[date], loaded: Collection[date]) -> Part:
    if not expiring:
        return "none"
    missing = [day for day in expiring if day not in loaded]
    if not missing:
        return f"{day_ranges(expiring)}, all loaded"
    return f"{day_ranges(missing)}, not loaded: run with --since {missing[0]}", "yellow"


def _restated(restatements: Sequence[Sequence[Any]]) -> str:
    if not restatements:
        return "no closed day has changed so far"
    longest = max((seen_on - day).days for day, _, _, seen_on, _ in restatements)
    largest: dict[str, Decimal] = {}
    for _, before, after, _, currency in restatements:
        largest[currency] = max(largest.get(currency, Decimal(0)), abs(after - before))
    changes = " or ".join(f"{exact(largest[currency])} {currency}" for currency in sorted(largest))
    days = len({day for day, *_ in restatements})
    return f"{days} days, up to {longest} days later, by at most {changes}; the latest:"
