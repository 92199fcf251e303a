"""`cost_forecast`, and the forecasts that `budget_status` uses."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from recomputation.rows import ONE_DAY, ZERO, days_between, days_of_month, month_of, total

FOUR_WEEKS = timedelta(days=28)


@dataclass(frozen=True)
class Forecast:
    """What a month has cost, and the expected cost of each of its days, or why it is unknown."""

    spent: Decimal
    by_day: dict[date, float] | None
    unknown_because: str | None

    @property
    def month_end(self):
        return None if self.by_day is None else math.fsum(self.by_day.values())


def forecast(books, organization_id, currency, scope, id_, month):
    """The forecast of a scope; that of an organization is the sum of its projects' forecasts."""
    as_of, days = books.ledger.as_of(organization_id), days_of_month(month)
    costs = books.costs_by_day(organization_id, currency, scope, id_)
    spent = total(costs.get(day, ZERO) for day in days)
    past = [day for day in days if day <= as_of]
    if unknown := books.ledger.missing(organization_id, past):
        return Forecast(spent, None, unknown)
    if scope == "organization":
        parts = [
            forecast(books, organization_id, currency, "project", project_id, month).by_day
            for project_id in books.ids(organization_id, currency, "project")
        ]
        return Forecast(spent, {day: math.fsum(part[day] for part in parts) for day in days}, None)
    by_day = {day: float(costs.get(day, ZERO)) for day in days}
    loaded = books.ledger.loaded(organization_id)
    for day in days:
        if day > as_of:
            by_day[day] = max(by_day[day], expected_cost(costs, loaded, as_of, day))
    return Forecast(spent, by_day, None)


def expected_cost(costs, loaded, as_of, day):
    """What the weekday cost in the last four weeks, times the growth since the four before."""
    last = days_between(as_of - FOUR_WEEKS + ONE_DAY, as_of)
    same = [costs.get(p, ZERO) for p in last if p in loaded and p.weekday() == day.weekday()]
    middle = sorted(same)[1:-1] if len(same) > 2 else same
    if not middle:
        return 0.0
    before = [past - FOUR_WEEKS for past in last]
    growth = 1.0
    if all(past in loaded for past in before):
        now, then = (float(total(costs.get(p, ZERO) for p in days)) for days in (last, before))
        growth = min(max(now / then, 0.75), 4 / 3) if then > 0 else 1.0
    return float(total(middle)) / len(middle) * growth


def cost_forecast(books):
    rows = []
    for organization_id in books.ledger.organization_ids:
        for currency in books.currencies(organization_id):
            rows.append(_row(books, organization_id, currency, "organization", organization_id))
            for project_id in books.ids(organization_id, currency, "project"):
                rows.append(_row(books, organization_id, currency, "project", project_id))
    return rows


def _row(books, organization_id, currency, scope, id_):
    month = month_of(books.ledger.last_day(organization_id))
    of_month = forecast(books, organization_id, currency, scope, id_, month)
    project_id = id_ if scope == "project" else None
    return {
        "month": month,
        "organization_id": organization_id,
        "organization_name": books.listings.organization_name(organization_id),
        "scope": scope,
        "project_id": project_id,
        "project_name": books.listings.project_name(organization_id, project_id),
        "currency": currency,
        "as_of": books.ledger.as_of(organization_id),
        "unblended_cost": of_month.spent,
        "expected_month_end": of_month.month_end,
        "previous_month_cost": _previous(books, organization_id, currency, scope, id_, month),
        "unknown_because": of_month.unknown_because,
    }


def _previous(books, organization_id, currency, scope, id_, month):
    """The cost of the month before; None if a day is missing, or nothing was billed."""
    days = days_of_month(month_of(month - ONE_DAY))
    costs = books.costs_by_day(organization_id, currency, scope, id_)
    costs = [costs[day] for day in days if day in costs]
    is_complete = not books.ledger.missing(organization_id, days)
    return total(costs) if costs and is_complete else None
