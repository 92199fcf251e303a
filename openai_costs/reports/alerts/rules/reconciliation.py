"""Checks that differ in the mart `reconciliation`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from openai_costs.query import Query
from openai_costs.reports.alerts.alert import Alert
from openai_costs.reports.amounts import cents, exact_grouped

RECENT_DAYS = 62
"""The open month and the one before it: a finance team can still ask OpenAI about them."""

# These checks may differ although the costs are right, or because a person entered a wrong figure.
# A difference in any other check means that money was lost or counted twice.
_WARNING_CHECKS = (
    "every day is in the ledger",
    "tokens billed equal tokens used",
    "month equals its invoice",
)
_DIFFERING = """
select
    organization_id, organization_name, check_name, period, period_start, currency, item,
    model_family, meter, difference, reason
from openai_marts.reconciliation
where status = 'differs'
order by organization_id, check_name, period_start, item, model_family, meter
"""


def reconciliation_alerts(query: Query, now: datetime) -> Iterator[Alert]:
    """Yield an alert for the recent differences of each check, and one for its older ones."""
    checks: dict[tuple[str, str, bool], list[Sequence[Any]]] = {}
    for row in query(_DIFFERING):
        organization_id, _, check_name, period, start = row[:5]
        recent = _period_end(period, start) >= now.date() - timedelta(days=RECENT_DAYS)
        checks.setdefault((organization_id, check_name, recent), []).append(row)
    for (organization_id, check_name, recent), rows in checks.items():
        largest = max(rows, key=lambda row: abs(row[9]))
        _, organization_name, _, period, start, currency, *details, difference, reason = largest
        newest = max(row[4] for row in rows)
        severity = "warning" if check_name in _WARNING_CHECKS else "critical"
        where = [str(detail) for detail in details if detail is not None]
        if period != "history":
            where.append(f"in {start:%B %Y}" if period == "month" else f"on {start}")
        times = f"{len(rows)} times, by at most" if len(rows) > 1 else "once, by"
        yield Alert(
            "reconciliation",
            severity if recent else "info",
            organization_id,
            organization_name,
            check_name,
            newest,
            f'The check "{check_name}" fails {times} {_difference(difference, currency)} '
            f"({', '.join(where) or 'whole history'}): {reason}.",
            # The key contains the month: a lasting difference is posted once a month, not daily.
            f"reconciliation {organization_id} {check_name} {newest:%Y-%m}",
        )


def _period_end(period: str, start: date) -> date:
    if period == "history":
        return date.max
    if period == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days=1)


def _difference(amount: Decimal, currency: str | None) -> str:
    """Return the size of a difference, exact if it is not money or is less than a cent."""
    amount = abs(amount)
    if not currency:
        return exact_grouped(amount)
    below_cent = amount < Decimal("0.01")
    return f"{exact_grouped(amount) if below_cent else cents(amount)} {currency}"
