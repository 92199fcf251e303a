"""Loads: stale data, incomplete days and models, and days that OpenAI will soon stop returning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from openai_costs.folders import COMMAND
from openai_costs.query import Query
from openai_costs.reports.alerts.alert import Alert
from openai_costs.reports.loaded_days import (
    DAYS,
    MISMATCHED_DAYS,
    ORGANIZATIONS,
    day_ranges,
    expiring_days,
    first_returned_day,
    in_utc,
    load_age,
    stale,
    unmodelled,
)
from openai_costs.reports.unverified import unverified

CRITICAL_HOURS = 7 * 24
"""A week without a load is longer than any weekend."""
CRITICAL_DAYS_LEFT = 7
"""Missing days that OpenAI returns for less than a week are critical."""


class _Organization(NamedTuple):
    id: str
    name: str
    earliest_day: date | None
    earliest_seen_on: date
    loaded_at: datetime


def load_alerts(query: Query, now: datetime) -> Iterator[Alert]:
    """Yield the alerts about the loads of each organization."""
    for organization_id, name, earliest_day, seen_on, loaded_at in query(ORGANIZATIONS):
        organization = _Organization(
            organization_id, name or organization_id, earliest_day, seen_on, in_utc(loaded_at)
        )
        yield from _incomplete_models(query, organization, now)
        yield from _stale_data(organization, now)
        yield from _incomplete_days(query, organization)
        yield from _expiring_days(query, organization, now)


def _incomplete_models(query: Query, organization: _Organization, now: datetime) -> Iterator[Alert]:
    if message := unmodelled(query, organization.id):
        yield _alert(
            "incomplete models",
            "critical",
            organization,
            now.date(),
            f"{message}, and figures may not include them: run {COMMAND} models.",
            f"{organization.loaded_at:%Y-%m-%d}",
        )
    for sentence in unverified(query, organization.id):
        yield _alert(
            "unchecked models",
            "warning",
            organization,
            now.date(),
            f"{sentence}: run {COMMAND} models.",
            f"{sentence} {organization.loaded_at:%Y-%m-%d}",
        )


def _stale_data(organization: _Organization, now: datetime) -> Iterator[Alert]:
    if stale(now, organization.loaded_at):
        critical = stale(now, organization.loaded_at, CRITICAL_HOURS)
        yield _alert(
            "stale data",
            "critical" if critical else "warning",
            organization,
            organization.loaded_at.date(),
            f"The last load was on {load_age(now, organization.loaded_at)}.",
            f"{organization.loaded_at:%Y-%m-%d}",
        )


def _incomplete_days(query: Query, organization: _Organization) -> Iterator[Alert]:
    if days := [day for (day,) in query(MISMATCHED_DAYS, organization.id, organization.id)]:
        yield _alert(
            "incomplete days",
            "critical",
            organization,
            days[0],
            f"The rows of {day_ranges(days)} do not match the ledger: run {COMMAND}, "
            "which loads these days again or reports why it cannot.",
            f"{days[0]}",
        )


def _expiring_days(query: Query, organization: _Organization, now: datetime) -> Iterator[Alert]:
    """Yield alerts about days that are not loaded and that OpenAI will soon stop returning.

    Days after the first loaded day are a gap. Days before it are only info, because the start date
    may exclude them on purpose.
    """
    if not organization.earliest_day:
        return
    loaded = [day for day, *_ in query(DAYS, organization.id)]
    first_returned = first_returned_day(
        organization.earliest_day, organization.earliest_seen_on, now.date()
    )
    missing = sorted(set(expiring_days(first_returned, now.date())) - set(loaded))
    gap = [day for day in missing if day > loaded[0]]
    before_first = [day for day in missing if day < loaded[0]]
    for days in (gap, before_first):
        if not days:
            continue
        days_left = (days[0] - first_returned).days
        severity = "critical" if days_left < CRITICAL_DAYS_LEFT else "warning"
        returned_until = now.date() + timedelta(days=days_left)
        # The key contains the next loaded day: the first missing day changes as OpenAI drops days.
        next_loaded = next((day for day in loaded if day > days[0]), loaded[-1])
        condition = "" if days is gap else "to keep them, "
        yield _alert(
            "days expiring",
            severity if days is gap else "info",
            organization,
            days[0],
            f"Not loaded: {day_ranges(days)}. OpenAI returns the first of them until "
            f"{returned_until}: {condition}run with --since {days[0]}.",
            f"{next_loaded}",
        )


def _alert(
    kind: str, severity: str, organization: _Organization, day: date, text: str, key_day: str
) -> Alert:
    name = organization.name
    key = f"{kind} {organization.id} {key_day}"
    return Alert(kind, severity, organization.id, name, name, day, text, key)
