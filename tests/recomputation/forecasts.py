"""`cost_forecast`, and the forecasts that `budget_status` uses."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from recomputation.rows import (
    ONE_DAY,
    ZERO,
    days_between,
    days_of_month,
    grouped,
    month_of,
    ratio,
    total,
)

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


def forecast(books, organization_id, currency, scope, id_, month, as_of=None):
    """The forecast of a scope; that of an organization is the sum of its projects' forecasts.

    `as_of` is the last day with known costs, by default the last closed day.
    """
    as_of, days = as_of or books.ledger.as_of(organization_id), days_of_month(month)
    costs = books.costs_by_day(organization_id, currency, scope, id_)
    spent = total(costs.get(day, ZERO) for day in days)
    past = [day for day in days if day <= as_of]
    if unknown := books.ledger.missing(organization_id, past):
        return Forecast(spent, None, unknown)
    if scope == "organization":
        parts = [
            forecast(books, organization_id, currency, "project", project_id, month, as_of).by_day
            for project_id in books.ids(organization_id, currency, "project")
        ]
        return Forecast(spent, {day: math.fsum(part[day] for part in parts) for day in days}, None)
    by_day = {day: float(costs.get(day, ZERO)) for day in past}
    # Of the days after `as_of`, the open day has costs already.
    is_current = as_of == books.ledger.as_of(organization_id)
    levels = Levels(costs, books.ledger.loaded(organization_id), as_of)
    for day in days[len(past) :]:
        billed = float(costs.get(day, ZERO)) if is_current else 0.0
        by_day[day] = max(billed, levels.expected_cost(day))
    return Forecast(spent, by_day, None)


class Levels:
    """What each weekday cost in the four weeks until `as_of`, and in the four weeks before."""

    def __init__(self, costs, loaded, as_of):
        self._as_of = as_of
        first = min(costs, default=as_of)
        recent, earlier = (
            grouped(
                [
                    day
                    for day in days_between(until - FOUR_WEEKS + ONE_DAY, until)
                    if day in loaded and day >= first
                ],
                date.weekday,
            )
            for until in (as_of, as_of - FOUR_WEEKS)
        )
        self._recent, before = (
            {
                weekday: _level([costs.get(day, ZERO) for day in days])
                for weekday, days in each.items()
            }
            for each in (recent, earlier)
        )
        self._growth = 1.0
        if len(earlier) == 7 and min(map(len, earlier.values())) >= 3 and sum(before.values()) > 0:
            growth = math.fsum(map(self._of_weekday, range(7))) / math.fsum(before.values())
            self._growth = min(4 / 3, max(0.75, growth))

    def _of_weekday(self, weekday):
        if weekday in self._recent:
            return self._recent[weekday]
        return math.fsum(self._recent.values()) / len(self._recent) if self._recent else 0.0

    def expected_cost(self, day):
        """The level of the day's weekday, at least 0, with the growth until that day."""
        ahead = (day - self._as_of).days
        level = max(0.0, self._of_weekday(day.weekday()))
        return level * (1 + (self._growth - 1) * (ahead + 13.5) / 28)


def _level(costs):
    """The mean without the highest and the lowest cost, if there are at least three."""
    middle = sorted(costs)[1:-1] if len(costs) > 2 else costs
    return float(total(middle)) / len(middle)


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
    errors = _backtest(books, organization_id, currency, scope, id_, month)
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
        "backtested_months": len(errors),
        "backtest_error": ratio(math.fsum(map(abs, errors)), len(errors)),
        "backtest_bias": ratio(math.fsum(errors), len(errors)),
    }


def _previous(books, organization_id, currency, scope, id_, month):
    """The cost of the month before; None if a day is missing, or nothing was billed."""
    days = days_of_month(month_of(month - ONE_DAY))
    costs = books.costs_by_day(organization_id, currency, scope, id_)
    costs = [costs[day] for day in days if day in costs]
    is_complete = not books.ledger.missing(organization_id, days)
    return total(costs) if costs and is_complete else None


def _backtest(books, organization_id, currency, scope, id_, month):
    """The errors of forecasts from the same day of up to six months before, as shares.

    A month needs all its days, and a ledger that begins four weeks before that day.
    """
    errors, day_of_month = [], books.ledger.as_of(organization_id).day
    first = min(books.ledger.loaded(organization_id))
    for _ in range(6):
        month = month_of(month - ONE_DAY)
        days = days_of_month(month)
        as_of = days[min(day_of_month, len(days)) - 1]
        if books.ledger.missing(organization_id, days) or first > as_of - FOUR_WEEKS + ONE_DAY:
            break
        of_month = forecast(books, organization_id, currency, scope, id_, month, as_of)
        if of_month.spent > 0:
            errors.append(of_month.month_end / float(of_month.spent) - 1)
    return errors
