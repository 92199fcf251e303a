"""The costs of a bill, which is what one organization spent in one currency.

Rows are lists, so that the report stays small. They refer to projects, users and models by their
index in lists. A period is a month, or one of two date ranges that compare an open month with the
month before: `closed`, the closed days of the last month, and `before`, the same weekdays four or
five weeks earlier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from openai_costs.query import Query
from openai_costs.reports.amounts import exact
from openai_costs.reports.html.json_values import json_value
from openai_costs.reports.html.months import next_month

_BY_PROJECT = """
select date, project_id, max(project_name), sum(unblended_cost)
from openai_marts.daily_costs_by_project
where organization_id = %s and currency = %s and date >= %s and date < %s
group by date, project_id
order by date, project_id
"""
_BY_USER = """
select
    extract(year from date), extract(month from date), user_id, max(user_name), max(user_type),
    attribution, unattributed_because, sum(unblended_cost)
from openai_marts.daily_costs_by_user
where organization_id = %s and currency = %s and date >= %s and date < %s
group by
    extract(year from date), extract(month from date), user_id, attribution, unattributed_because
order by 1, 2, 3, 6, 7
"""
_BY_USER_AND_PROJECT = """
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
    project_id, month, as_of, expected_month_end, backtested_months, backtest_error, backtest_bias,
    unknown_because
from openai_marts.cost_forecast
where
    organization_id = %s and currency = %s
    and (scope = 'organization' or (scope = 'project' and project_id is not null))
"""
_BUDGETS = """
select
    month, scope, scope_id, scope_name, budget_source, budget, unblended_cost, spent_share,
    expected_month_end, breached_on, expected_breach_on, status, unknown_because
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
where
    organization_id = %s and currency = %s and changed_on >= %s and previous_price is not null
    and not is_mixed
order by changed_on, model, service, meter, tier, modality, context, date
"""
# Rows without an id name no key, user or model that could be new.
_FIRST_COSTS = """
select {id}, max({name}), SubAccountId, min(cast(ChargePeriodStart as date)), sum(BilledCost)
from openai_marts.focus_costs
where BillingAccountId = %s and BillingCurrency = %s and {id} is not null
group by {id}, SubAccountId
order by 4, 1, 3
"""
_FIRST_COST_COLUMNS = {
    "project": ("SubAccountId", "SubAccountName"),
    "user": ("x_PrincipalId", "x_PrincipalName"),
    "key": ("x_CredentialId", "x_CredentialName"),
    "model": ("x_Model", "x_Model"),
}


def bill_costs(
    query: Query,
    organization_id: str,
    currency: str,
    months: Sequence[str],
    ranges: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Return the costs, budgets, anomalies and prices of a bill.

    `ranges` are the first and last days of the periods that are not months, by name.
    """
    return _Bill(query, organization_id, currency, months, ranges).costs()


class _Index:
    """A list of distinct entries, to which rows refer by index."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self._indexes: dict[tuple[Any, ...], int] = {}

    def of(self, *key: Any, **entry: Any) -> int:
        """Return the index of the entry with this key; add the entry if the key is new."""
        if key not in self._indexes:
            self._indexes[key] = len(self.entries)
            self.entries.append(entry)
        return self._indexes[key]


class _Bill:
    def __init__(
        self,
        query: Query,
        organization_id: str,
        currency: str,
        months: Sequence[str],
        ranges: Mapping[str, Sequence[str]],
    ) -> None:
        self._query = query
        self._organization_id = organization_id
        self._currency = currency
        self._ranges = ranges
        self._first = date.fromisoformat(f"{months[0]}-01")
        self._until = next_month(date.fromisoformat(f"{months[-1]}-01"))
        self._projects, self._users, self._models = _Index(), _Index(), _Index()

    def costs(self) -> dict[str, Any]:
        costs = {
            "by_day": self._by_day(),
            "by_user": [*self._by_user(), *self._by_user_and_project()],
            "by_model": self._by_model(),
            "forecasts": self._json_rows(_FORECASTS),
            "budgets": self._json_rows(_BUDGETS, self._first),
            "anomalies": self._json_rows(_ANOMALIES, self._first),
            "prices": self._prices(),
            "first_costs": [row for kind in _FIRST_COST_COLUMNS for row in self._first_costs(kind)],
        }
        entries = {
            "projects": self._projects.entries,
            "users": self._users.entries,
            "models": self._models.entries,
        }
        return costs | entries

    def _rows(self, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
        return self._query(sql, self._organization_id, self._currency, *values)

    def _json_rows(self, sql: str, *values: Any) -> list[Any]:
        return [[json_value(value) for value in row] for row in self._rows(sql, *values)]

    def _rows_by_period(self, sql: str) -> list[tuple[str, list[Any]]]:
        """Return the rows of each month and of each date range, with the name of the period."""
        rows = [
            (f"{int(year)}-{int(month):02}", values)
            for year, month, *values in self._rows(sql, self._first, self._until)
        ]
        for period, (first, last) in self._ranges.items():
            until = date.fromisoformat(last) + timedelta(days=1)
            for _, _, *values in self._rows(sql, date.fromisoformat(first), until):
                rows.append((period, values))
        return rows

    def _project(self, project_id: str | None, name: str | None = None) -> int:
        return self._projects.of(project_id, id=project_id, name=name or project_id or "No project")

    def _user(
        self, user_id: str | None, name: str | None, user_type: Any, attribution: Any, reason: Any
    ) -> int:
        return self._users.of(
            *(user_id, attribution, reason),
            id=user_id,
            name=name or user_id or "Unattributed",
            type=user_type,
            attribution=attribution,
            reason=reason,
        )

    def _by_day(self) -> list[Any]:
        rows = self._rows(_BY_PROJECT, self._first, self._until)
        return [
            [str(day), self._project(project_id, name), exact(cost)]
            for day, project_id, name, cost in rows
        ]

    def _by_user(self) -> list[Any]:
        """Return costs by user of all projects together, as rows without a project."""
        rows = []
        for period, (*user, cost) in self._rows_by_period(_BY_USER):
            rows.append([period, None, self._user(*user), exact(cost)])
        return rows

    def _by_user_and_project(self) -> list[Any]:
        rows = self._query(_USER_TYPES, self._organization_id)
        types = {row[0]: row[1] for row in rows}
        costs = []
        for period, values in self._rows_by_period(_BY_USER_AND_PROJECT):
            project_id, user_id, name, attribution, reason, cost = values
            user = self._user(user_id, name, types.get(user_id), attribution, reason)
            costs.append([period, self._project(project_id), user, exact(cost)])
        return costs

    def _by_model(self) -> list[Any]:
        rows = []
        for period, values in self._rows_by_period(_BY_MODEL):
            project_id, service, model, meter, cost = values
            index = self._models.of(service, model, name=model or service, service=service)
            rows.append([period, self._project(project_id), index, meter, exact(cost)])
        return rows

    def _prices(self) -> list[Any]:
        """Return each price change, with the price on its first whole day."""
        changes: dict[tuple[Any, ...], list[Any]] = {}
        for *change, before, price in self._json_rows(_PRICES, self._first):
            changes.setdefault(tuple(change), [*change, before, price])
        return list(changes.values())

    def _first_costs(self, kind: str) -> list[Any]:
        """Return the first day of costs in each project, with the first day in any project."""
        id_column, name_column = _FIRST_COST_COLUMNS[kind]
        rows = self._rows(_FIRST_COSTS.format(id=id_column, name=name_column))
        first_anywhere: dict[str, date] = {}
        for row_id, _, _, first, _ in rows:
            first_anywhere.setdefault(row_id, first)
        return [
            [
                *(kind, row_id, name, self._project(project_id)),
                *(str(first), str(first_anywhere[row_id]), exact(cost)),
            ]
            for row_id, name, project_id, first, cost in rows
            if first >= self._first
        ]
