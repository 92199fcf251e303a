"""Days on which a key, user, model or project cost unusually much, in the mart `cost_anomalies`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from statistics import median

from openai_costs.query import Query
from openai_costs.reports.alerts.alert import Alert
from openai_costs.reports.alerts.events import Anomaly, group_into_events
from openai_costs.reports.amounts import cents

ANOMALY_DAYS = 14
"""Two weeks: a person who returns from a vacation still sees the alert."""
USUAL_DAYS = 28
"""The usual daily cost is the median of four weeks, in which all weekdays have equal weight."""
CRITICAL_SHARE = Decimal("0.5")
"""An event whose excess is above this share of the usual daily cost is critical."""

_CAUSES = {
    "volume": "because of its volume",
    "price": "because of higher prices",
    "model mix": "because of a costlier mix of models",
}
_LAST_DAYS = """
select organization_id, max(date)
from openai_raw.cost_days
group by organization_id
order by organization_id
"""
_ANOMALIES = """
select
    organization_id, organization_name, date, scope, scope_id, scope_name, currency, actual,
    expected, excess, explained_by
from openai_marts.cost_anomalies
where organization_id = %s and date > %s
order by date, currency, scope_id
"""
_CHARGES = """
select x_CredentialId, x_PrincipalId, x_ModelFamily, coalesce(SubAccountId, ''), sum(BilledCost)
from openai_marts.focus_costs
where BillingAccountId = %s and BillingCurrency = %s
    and ChargePeriodStart >= %s and ChargePeriodStart < %s
group by x_CredentialId, x_PrincipalId, x_ModelFamily, coalesce(SubAccountId, '')
"""
_DAILY_COSTS = """
select sum(unblended_cost)
from openai_marts.daily_costs_by_project
where organization_id = %s and currency = %s and date >= %s and date < %s
group by date
"""


def anomaly_alerts(query: Query, now: datetime) -> Iterator[Alert]:
    """Yield an alert for each event of the two weeks that end with the last loaded day."""
    for organization_id, last_day in query(_LAST_DAYS):
        since = last_day - timedelta(days=ANOMALY_DAYS)
        rows = [Anomaly(*row) for row in query(_ANOMALIES, organization_id, since)]
        for (day, currency), group in groupby(rows, key=lambda row: (row.date, row.currency)):
            anomalies = list(group)
            next_day = day + timedelta(days=1)
            # A single flagged row needs no lookup of its charges.
            charges = (
                query(_CHARGES, organization_id, currency, day, next_day)
                if len(anomalies) > 1
                else []
            )
            four_weeks = (day - timedelta(days=USUAL_DAYS), day)
            daily = [
                cost for (cost,) in query(_DAILY_COSTS, organization_id, currency, *four_weeks)
            ]
            for event in group_into_events(anomalies, charges):
                critical = bool(daily) and event[0].excess > median(daily) * CRITICAL_SHARE
                yield _event_alert(event, "critical" if critical else "warning")


def _event_alert(event: Sequence[Anomaly], severity: str) -> Alert:
    row, *wider = event
    label = f"{row.label[:1].upper()}{row.label[1:]}"
    cost = f"cost {cents(row.actual)} {row.currency} on {row.date}"
    cause = row.explained_by or ""
    if cause.startswith("new "):
        text = f"{label} is new and {cost}"
    else:
        times = [f"{row.actual / row.expected:.1f} times as much"] if row.expected > 0 else []
        causes = [_CAUSES[cause]] if cause in _CAUSES else []
        reason = ", ".join(times + causes)
        text = f"{label} {cost}, where {cents(row.expected)} is usual"
        text += f": {reason}" if reason else ""
    if wider:
        text += f"; it also shows in {', '.join(other.label for other in wider)}"
    return Alert(
        "anomaly",
        severity,
        row.organization_id,
        row.organization_name,
        row.scope_name,
        row.date,
        f"{text}.",
        f"anomaly {row.organization_id} {row.date} {row.currency} {row.scope} {row.scope_id}",
    )
