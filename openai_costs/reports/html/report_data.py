"""The data of the report as JSON: an extract of the marts for each organization and currency.

A bill is what one organization spent in one currency. Amounts are exact, as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from openai_costs.project_files import marts
from openai_costs.query import Query
from openai_costs.reports.alerts import find_alerts
from openai_costs.reports.amounts import exact
from openai_costs.reports.html.bill_costs import bill_costs
from openai_costs.reports.html.json_values import json_value
from openai_costs.reports.html.months import month_names
from openai_costs.reports.loaded_days import load_age, stale
from openai_costs.reports.unverified import unverified

MONTHS = 13
"""The months of the report: the last month and the twelve before it."""

_ORGANIZATIONS = """
select organization_id, max(organization_name), max(loaded_at)
from openai_raw.cost_days
group by organization_id
order by organization_id
"""
_DAYS = """
select date, is_closed
from openai_raw.cost_days
where organization_id = %s
order by date
"""
_TOTALS = """
select currency, sum(unblended_cost), max(organization_name)
from openai_marts.daily_costs_by_project
where organization_id = %s
group by currency
order by currency
"""
_CHECKS = """
select check_name, status, count(*)
from openai_marts.reconciliation
where organization_id = %s
group by check_name, status
order by check_name, status
"""
_RESTATED = """
select count(distinct date), count(*), max(days_after)
from (
    select distinct date, seen_on, days_after
    from openai_marts.restatements
    where organization_id = %s
) as restatements
"""


def report_data(query: Query, now: datetime) -> dict[str, Any]:
    """Return all data that the page shows, as JSON values."""
    alerts = find_alerts(query, now)
    bills = []
    for organization_id, name, loaded_at in query(_ORGANIZATIONS):
        organization = _organization(query, organization_id, now, loaded_at)
        organization["alerts"] = [
            json_value(asdict(alert))
            for alert in alerts
            if alert.organization_id == organization_id
        ]
        ranges = {
            period: organization[period] for period in ("closed", "before") if organization[period]
        }
        totals = query(_TOTALS, organization_id) or [("", Decimal(0), name)]
        for currency, total, current_name in totals:
            bill = {
                "organization_id": organization_id,
                "organization_name": current_name or organization_id,
                "currency": currency,
                "total": exact(total),
            }
            costs = bill_costs(query, organization_id, currency, organization["months"], ranges)
            bills.append(bill | organization | costs)
    return {"written_at": f"{now:%Y-%m-%d %H:%M} UTC", "bills": bills}


def _organization(
    query: Query, organization_id: str, now: datetime, loaded_at: datetime
) -> dict[str, Any]:
    """Return what does not depend on a currency: days, loads and checks of an organization."""
    days = query(_DAYS, organization_id)
    open_days = [day for day, is_closed in days if not is_closed]
    restated_days, restatements, days_after = query(_RESTATED, organization_id)[0]
    return {
        "days": [str(day) for day, _ in days],
        "open_days": [str(day) for day in open_days],
        "months": month_names(days[0][0], days[-1][0])[-MONTHS:],
        "loaded": load_age(now, loaded_at),
        "stale": stale(now, loaded_at),
        "unverified": unverified(query, organization_id),
        "checks": _checks_by_table(query(_CHECKS, organization_id)),
        "restated": {"days": restated_days, "times": restatements, "days_after": days_after},
    } | _comparison([day for day, _ in days], open_days)


def _checks_by_table(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return name, status and number of checks, with all checks of a mart under the mart's name."""
    numbers: dict[tuple[str, str], int] = {}
    for check_name, status, number in rows:
        table = check_name.split(" ")[0]
        key = (table if table in marts() else check_name, status)
        numbers[key] = numbers.get(key, 0) + number
    return [[name, status, number] for (name, status), number in sorted(numbers.items())]


def _comparison(days: Sequence[date], open_days: Sequence[date]) -> dict[str, Any]:
    """Return two date ranges: the last month's closed days, and the same weekdays before them.

    These are four weeks earlier or, after the 28th day, five weeks, so that no day is in both.
    """
    month = days[-1].replace(day=1)
    closed = [day for day in days if day >= month and day not in open_days]
    if not closed:
        return {"closed": None, "before": None}
    earlier = timedelta(weeks=4 if closed[-1].day <= 28 else 5)
    return {
        "closed": [str(month), str(closed[-1])],
        "before": [str(month - earlier), str(closed[-1] - earlier)],
    }
