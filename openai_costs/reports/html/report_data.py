"""What the report tells: the marts in short, for each organization and currency.

Amounts are text, exact. A period is a month, or one of the two stretches of days that compare the
month that is not over with the month before: `closed`, its days that are over, and `before`, the
same days of the month before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from openai_costs.query import Query
from openai_costs.reports.alerts import find_alerts
from openai_costs.reports.amounts import exact
from openai_costs.reports.loaded_days import load_age, stale

MONTHS = 13
"""The months that the report tells of: the last one, and all since the same month a year before."""

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
_BY_PROJECT = """
select date, project_id, max(project_name), sum(unblended_cost)
from openai_marts.daily_costs_by_project
where organization_id = %s and currency = %s and date >= %s and date < %s
group by date, project_id
order by date, project_id
"""
_BY_PERSON = """
select
    extract(year from date), extract(month from date), user_id, max(user_name), max(user_type),
    attribution, unattributed_because, sum(unblended_cost)
from openai_marts.daily_costs_by_user
where organization_id = %s and currency = %s and date >= %s and date < %s
group by
    extract(year from date), extract(month from date), user_id, attribution, unattributed_because
order by 1, 2, 3, 6, 7
"""
_BY_PERSON_IN_PROJECT = """
select
    extract(year from ChargePeriodStart), extract(month from ChargePeriodStart), SubAccountId,
    x_PrincipalId, max(x_PrincipalName), x_Attribution, x_UnattributedBecause, sum(BilledCost)
from openai_marts.focus_costs
where
    BillingAccountId = %s and BillingCurrency = %s
    and ChargePeriodStart >= %s and ChargePeriodStart < %s
group by
    extract(year from ChargePeriodStart), extract(month from ChargePeriodStart), SubAccountId,
    x_PrincipalId, x_Attribution, x_UnattributedBecause
order by 1, 2, 3, 4, 6, 7
"""
_BY_MODEL = """
select
    extract(year from ChargePeriodStart), extract(month from ChargePeriodStart), SubAccountId,
    x_Service, x_Model, x_Meter, sum(BilledCost)
from openai_marts.focus_costs
where
    BillingAccountId = %s and BillingCurrency = %s
    and ChargePeriodStart >= %s and ChargePeriodStart < %s
group by
    extract(year from ChargePeriodStart), extract(month from ChargePeriodStart), SubAccountId,
    x_Service, x_Model, x_Meter
order by 1, 2, 3, 4, 5, 6
"""
_USER_TYPES = """
select user_id, user_type
from openai_marts.users
where organization_id = %s
"""
_FORECASTS = """
select
    project_id, month, as_of, expected_month_end, backtested_months, backtest_error, backtest_bias
from openai_marts.cost_forecast
where
    organization_id = %s and currency = %s
    and (scope = 'organization' or (scope = 'project' and project_id is not null))
"""
_BUDGETS = """
select
    month, scope, scope_id, scope_name, budget_source, budget, unblended_cost, spent_share,
    expected_month_end, breached_on, expected_breach_on, status
from openai_marts.budget_status
where organization_id = %s and currency = %s and month >= %s
order by month, scope, scope_name, budget_source
"""
_ANOMALIES = """
select date, scope, scope_id, scope_name, actual, expected, excess
from openai_marts.cost_anomalies
where organization_id = %s and currency = %s and date >= %s
order by date, excess desc
"""
_PRICES = """
select
    changed_on, model, service, meter, tier, modality, context, priced_per, previous_price,
    usual_price
from openai_marts.unit_prices
where organization_id = %s and currency = %s and changed_on >= %s and previous_price is not null
order by changed_on, model, service, meter, tier, modality, context, date
"""
# An id that is null is no key, person or model: nothing of it can be new.
_FIRST_COSTS = """
select {id}, max({name}), SubAccountId, min(cast(ChargePeriodStart as date)), sum(BilledCost)
from openai_marts.focus_costs
where BillingAccountId = %s and BillingCurrency = %s and {id} is not null
group by {id}, SubAccountId
order by 4, 1, 3
"""
_FIRSTS = {
    "project": ("SubAccountId", "SubAccountName"),
    "person": ("x_PrincipalId", "x_PrincipalName"),
    "key": ("x_CredentialId", "x_CredentialName"),
    "model": ("x_Model", "x_Model"),
}
_CHECKS = """
select check_name, status, count(*)
from openai_marts.reconciliation
where organization_id = %s
group by check_name, status
order by check_name, status
"""
_RESTATED = """
select count(distinct date), count(*), max(days_after)
from openai_marts.restatements
where organization_id = %s
"""


def report_data(query: Query, now: datetime) -> dict[str, Any]:
    """All that the page shows, as JSON has it."""
    alerts = find_alerts(query, now)
    books = []
    for organization_id, name, loaded_at in query(_ORGANIZATIONS):
        told = _organization(query, organization_id, now, loaded_at)
        told["alerts"] = [
            _jsonable(asdict(alert)) for alert in alerts if alert.organization_id == organization_id
        ]
        totals = query(_TOTALS, organization_id) or [("", Decimal(0), name)]
        for currency, total, current_name in totals:
            book = {
                "organization_id": organization_id,
                "organization_name": current_name or organization_id,
                "currency": currency,
                "total": exact(total),
            }
            books.append(book | told | _Book(query, organization_id, currency, told).told())
    return {"written_at": f"{now:%Y-%m-%d %H:%M} UTC", "books": books}


def _organization(
    query: Query, organization_id: str, now: datetime, loaded_at: datetime
) -> dict[str, Any]:
    """What is told of an organization whatever its currencies: days, freshness, checks."""
    days = query(_DAYS, organization_id)
    # Of the last day, and perhaps of days before it.
    open_days = [day for day, is_closed in days if not is_closed]
    restated, restatements, days_after = query(_RESTATED, organization_id)[0]
    last = days[-1][0]
    return {
        "days": [str(day) for day, _ in days],
        "open_days": [str(day) for day in open_days],
        "months": _months(days[0][0], last)[-MONTHS:],
        "loaded": load_age(now, loaded_at),
        "is_stale": stale(now, loaded_at),
        "checks": [
            [name, status, count] for name, status, count in query(_CHECKS, organization_id)
        ],
        "restated": {"days": restated, "times": restatements, "days_after": days_after},
    } | _comparison([day for day, _ in days], open_days)


def _months(first: date, last: date) -> list[str]:
    months = []
    while first <= last:
        months.append(f"{first:%Y-%m}")
        first = _next_month(first)
    return months


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _comparison(days: Sequence[date], open_days: Sequence[date]) -> dict[str, Any]:
    """The days of the last month that are over, and the same ones of the month before."""
    month = days[-1].replace(day=1)
    closed = [day for day in days if day >= month and day not in open_days]
    if not closed:
        return {"closed": None, "before": None}
    before = month - timedelta(days=1)
    same = before.replace(day=min(closed[-1].day, before.day))
    if _next_month(closed[-1]) == closed[-1] + timedelta(days=1):
        same = before  # A month that is over is compared with a whole one.
    return {
        "closed": [str(month), str(closed[-1])],
        "before": [str(before.replace(day=1)), str(same)],
    }


class _Names:
    """What rows name, told once: a row has its place in the list instead."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self._places: dict[tuple[Any, ...], int] = {}

    def place(self, key: tuple[Any, ...], **told: Any) -> int:
        if key not in self._places:
            self._places[key] = len(self.told)
            self.told.append(told)
        return self._places[key]


class _Book:
    """What an organization spent in one currency."""

    def __init__(
        self, query: Query, organization_id: str, currency: str, told: dict[str, Any]
    ) -> None:
        self._query = query
        self._whose = organization_id, currency
        self._months: list[str] = told["months"]
        self._stretches: dict[str, list[str]] = {
            name: told[name] for name in ("closed", "before") if told[name]
        }
        self._first = date.fromisoformat(f"{self._months[0]}-01")
        self._until = _next_month(date.fromisoformat(f"{self._months[-1]}-01"))
        self._projects, self._people, self._models = _Names(), _Names(), _Names()

    def told(self) -> dict[str, Any]:
        told = {
            "by_day": self._by_day(),
            "by_person": [*self._by_person(), *self._by_person_in_project()],
            "by_model": self._by_model(),
            "forecasts": self._rows(_FORECASTS),
            "budgets": self._rows(_BUDGETS, self._first),
            "anomalies": self._rows(_ANOMALIES, self._first),
            "prices": self._prices(),
            "firsts": [each for kind in _FIRSTS for each in self._first_costs(kind)],
        }
        names = {
            "projects": self._projects.told,
            "people": self._people.told,
            "models": self._models.told,
        }
        return told | names

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        return [
            [_jsonable(value) for value in row] for row in self._query(sql, *self._whose, *values)
        ]

    def _project(self, project_id: str | None, name: str | None = None) -> int:
        name = name or project_id or "No project"
        return self._projects.place((project_id,), id=project_id, name=name)

    def _by_day(self) -> list[Any]:
        rows = self._query(_BY_PROJECT, *self._whose, self._first, self._until)
        return [
            [str(day), self._project(project_id, name), exact(cost)]
            for day, project_id, name, cost in rows
        ]

    def _by_period(self, sql: str) -> list[tuple[str, Sequence[Any]]]:
        """The rows of each month, and of both stretches of days; each with its period's name."""
        found = [
            (f"{int(row[0])}-{int(row[1]):02}", row[2:])
            for row in self._query(sql, *self._whose, self._first, self._until)
        ]
        for name, days in self._stretches.items():
            first, last = map(date.fromisoformat, days)
            until = last + timedelta(days=1)
            found += [(name, row[2:]) for row in self._query(sql, *self._whose, first, until)]
        return found

    def _by_person(self) -> list[Any]:
        """Of all projects together: rows without a project."""
        rows = []
        for period, (user_id, name, user_type, how, because, cost) in self._by_period(_BY_PERSON):
            person = self._person(user_id, name, user_type, how, because)
            rows.append([period, None, person, exact(cost)])
        return rows

    def _by_person_in_project(self) -> list[Any]:
        types = {row[0]: row[1] for row in self._query(_USER_TYPES, self._whose[0])}
        rows = []
        for period, row in self._by_period(_BY_PERSON_IN_PROJECT):
            project_id, user_id, name, how, because, cost = row
            person = self._person(user_id, name, types.get(user_id), how, because)
            rows.append([period, self._project(project_id), person, exact(cost)])
        return rows

    def _person(self, user_id: Any, name: Any, user_type: Any, how: Any, because: Any) -> int:
        return self._people.place(
            (user_id, how, because),
            id=user_id,
            name=name or user_id or "Nobody named",
            type=user_type,
            attribution=how,
            because=because,
        )

    def _by_model(self) -> list[Any]:
        rows = []
        for period, (project_id, service, model, meter, cost) in self._by_period(_BY_MODEL):
            place = self._models.place((service, model), name=model or service, service=service)
            rows.append([period, self._project(project_id), place, meter, exact(cost)])
        return rows

    def _prices(self) -> list[Any]:
        """Each change of a price, with what it became on the first day of it."""
        changes: dict[tuple[Any, ...], list[Any]] = {}
        for *change, before, price in self._rows(_PRICES, self._first):
            changes.setdefault(tuple(change), [*change, before, price])
        return list(changes.values())

    def _first_costs(self, kind: str) -> list[Any]:
        """What had its first cost in these months: in its project, and in any."""
        id_column, name_column = _FIRSTS[kind]
        rows = self._query(_FIRST_COSTS.format(id=id_column, name=name_column), *self._whose)
        anywhere: dict[str, date] = {}
        for each, _, _, first, _ in rows:
            anywhere.setdefault(each, first)
        return [
            [kind, each, name, self._project(project_id), str(first), str(anywhere[each]), exact(c)]
            for each, name, project_id, first, c in rows
            if first >= self._first
        ]


def _jsonable(value: Any) -> Any:
    if isinstance(value, Decimal):
        return exact(value)
    if isinstance(value, date):
        return str(value)
    if isinstance(value, dict):
        return {name: _jsonable(each) for name, each in value.items()}
    return value
