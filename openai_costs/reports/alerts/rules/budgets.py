"""Budgets in `budget_status` that are exceeded, expected to be exceeded, or unknown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from openai_costs.query import Query
from openai_costs.reports.alerts.alert import Alert
from openai_costs.reports.amounts import cents, exact_grouped, percent

GRACE_DAYS = 14
"""A month's budgets raise alerts for two weeks after its end: OpenAI's invoice arrives by then."""

_BUDGET_NAMES = {
    "spend_limit": "its spend limit at OpenAI",
    "spend_alert": "the amount at which OpenAI sends an alert by e-mail",
}
_BUDGETS = """
select
    budget_id, budget_source, organization_id, organization_name, scope, scope_name, month,
    currency, budget, unblended_cost, spent_share, expected_month_end, breached_on,
    expected_breach_on, status, unknown_because
from openai_marts.budget_status
where month >= %s and status in ('breached', 'at risk', 'unknown')
order by month, budget_id
"""


def budget_alerts(query: Query, now: datetime) -> Iterator[Alert]:
    """Yield an alert for each budget that is breached, at risk or unknown.

    A breached budget is critical, a budget at risk or an unknown one is a warning. Unknown limits
    at OpenAI raise no alert, because OpenAI watches them. OpenAI's own e-mail alert is info once it
    is breached, because OpenAI already sent it.
    """
    since = (now.date() - timedelta(days=GRACE_DAYS)).replace(day=1)
    for row in query(_BUDGETS, since):
        budget_id, source, organization_id, organization_name, scope, name, month, *rest = row
        currency, budget, spent, share, expected_end, *days, status, reason = rest
        breached_on, expected_on = days
        breached = status == "breached"
        if source == "spend_alert" and not breached:
            continue
        if source != "budgets.csv" and status == "unknown":
            continue
        severity = "info" if source == "spend_alert" else "critical" if breached else "warning"
        breach_day = breached_on if breached else expected_on
        when = f" on {breach_day}" if breach_day else ""
        budget_name = f"{_BUDGET_NAMES.get(source, 'its budget')} for {month:%B %Y}{when}"
        refusal = ", and OpenAI then refuses its calls" if source == "spend_limit" else ""
        if status == "unknown":
            text = f"may pass {budget_name} of {cents(budget)} {currency} unnoticed: {reason}."
        elif breached:
            text = f"passed {budget_name}{refusal}: {_spending(spent, budget, currency, share)}."
        else:
            spending = _spending(spent, budget, currency, share)
            text = (
                f"is expected to pass {budget_name}{refusal}: {spending}, {cents(expected_end)} "
                f"{currency} expected by the end of the month."
            )
        yield Alert(
            "budget",
            severity,
            organization_id,
            organization_name,
            name,
            breach_day or month,
            f"{scope[:1].upper()}{scope[1:]} {name} {text}",
            # The key contains the amount: a raised budget that is exceeded again is a new alert.
            f"budget {organization_id} {budget_id} {month:%Y-%m} {exact_grouped(budget)}",
        )


def _spending(spent: Decimal, budget: Decimal, currency: str, share: float) -> str:
    return f"{cents(spent)} of {cents(budget)} {currency} ({percent(share)}) spent"
