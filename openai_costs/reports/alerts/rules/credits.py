"""Prepaid credits that are used up, or soon will be, in the mart `credit_balance`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

from openai_costs.query import Query
from openai_costs.reports.alerts.alert import Alert
from openai_costs.reports.amounts import cents

WARNING_DAYS = 14
"""Enough time to approve a top-up."""
CRITICAL_DAYS = 3
"""The length of a weekend: the top-up must be done before it."""

_CREDITS = """
select organization_id, organization_name, currency, date, granted, balance, daily_cost, runs_out_on
from openai_marts.credit_balance
order by organization_id, currency, date
"""


def credit_alerts(query: Query, now: datetime) -> Iterator[Alert]:
    """Yield an alert for each balance of prepaid credits that is used up or runs out soon."""
    rows = query(_CREDITS)
    for (organization_id, currency), group in groupby(rows, key=lambda row: (row[0], row[2])):
        days = list(group)
        _, name, _, day, _, balance, daily_cost, runs_out_on = days[-1]
        last_grant = max((row[3] for row in days if row[4] > 0), default="")
        if balance is not None and balance < 0:
            severity = "critical"
            text = (
                f"Prepaid credits were used up on {runs_out_on}: the balance was "
                f"{cents(balance)} {currency} at the end of {day}."
            )
        elif runs_out_on and runs_out_on <= now.date() + timedelta(days=WARNING_DAYS):
            days_left = (runs_out_on - now.date()).days
            severity = "critical" if days_left <= CRITICAL_DAYS else "warning"
            text = (
                f"{cents(balance)} {currency} of prepaid credits were left at the end of {day}: "
                f"at {cents(daily_cost)} {currency} a day they run out on {runs_out_on}."
            )
        else:
            continue
        yield Alert(
            "prepaid credits",
            severity,
            organization_id,
            name,
            name,
            day,
            text,
            # The key contains the last grant: running out after another grant is a new alert.
            f"prepaid credits {organization_id} {currency} {last_grant}",
        )
