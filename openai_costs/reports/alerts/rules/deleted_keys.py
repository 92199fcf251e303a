"""Deleted API keys that still cost something."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from openai_costs.query import Query
from openai_costs.reports.alerts.alert import Alert
from openai_costs.reports.amounts import cents

RECENT_DAYS = 3
"""Costs arrive hours after usage, not days: older costs are from before the deletion."""

_LAST_CLOSED_DAYS = """
select organization_id, max(date)
from openai_raw.cost_days
where is_closed
group by organization_id
order by organization_id
"""
_COSTS_OF_DELETED_KEYS = """
select
    keys.organization_name, keys.api_key_id, keys.api_key_name, keys.project_name,
    costs.BillingCurrency, max(costs.ChargePeriodStart), sum(costs.BilledCost)
from openai_marts.api_keys as keys
inner join openai_marts.focus_costs as costs
    on keys.organization_id = costs.BillingAccountId
    and keys.api_key_id = costs.x_CredentialId
where keys.is_deleted and costs.BillingAccountId = %s
    and costs.ChargePeriodStart >= %s and costs.ChargePeriodStart < %s
group by
    keys.organization_name, keys.api_key_id, keys.api_key_name, keys.project_name,
    costs.BillingCurrency
having sum(costs.BilledCost) > 0
order by keys.api_key_id, costs.BillingCurrency
"""


def deleted_key_alerts(query: Query, now: datetime) -> Iterator[Alert]:
    """Yield an alert for each deleted API key with costs on the last closed days."""
    for organization_id, last_closed in query(_LAST_CLOSED_DAYS):
        until = last_closed + timedelta(days=1)
        since = until - timedelta(days=RECENT_DAYS)
        for row in query(_COSTS_OF_DELETED_KEYS, organization_id, since, until):
            organization_name, key_id, key_name, project, currency, last_cost, cost = row
            key = key_name if key_name == key_id else f"{key_name} ({key_id})"
            of_project = f" of project {project}" if project else ""
            yield Alert(
                "deleted key",
                "warning",
                organization_id,
                organization_name,
                key_name,
                date(last_cost.year, last_cost.month, last_cost.day),
                f"API key {key}{of_project} is no longer listed, but cost {cents(cost)} "
                f"{currency} from {since} to {last_closed}.",
                f"deleted key {organization_id} {key_id} {currency}",
            )
