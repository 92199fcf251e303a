"""Each derived mart equals a second computation of it, in Python, on three small organizations."""

import json
import math
import shutil
from datetime import UTC, datetime, time
from pathlib import Path

import duckdb
import pytest
from conftest import FEW, Warehouse
from recomputation.anomalies import cost_anomalies
from recomputation.books import Books
from recomputation.budgets import budget_status
from recomputation.credits import credit_balance
from recomputation.daily_costs import (
    daily_costs_by_model,
    daily_costs_by_project,
    daily_costs_by_team,
    daily_costs_by_user,
)
from recomputation.efficiency import model_efficiency
from recomputation.entities import api_keys, projects, users
from recomputation.focus import focus_costs
from recomputation.forecasts import cost_forecast
from recomputation.prices import unit_prices
from recomputation.reconciliation import daily_totals, invoiced_months, ledger_months
from recomputation.restatements import restatements
from recomputation.rows import read_raw
from recomputation.usage import daily_usage
from running import DBT_PROJECT, build_models
from small_organizations import FIRST, LAST, SECOND, AllApis, small_organizations

LOADS = {FIRST: {}, SECOND: {}, LAST: {"keep_months": 2}}
"""The settings of each load by its day. The last one trims July."""
RESOURCES = (
    *(*FEW, "spend_limits", "usage_completions", "usage_web_search_calls"),
    "usage_audio_transcriptions",
)
SEEDS = Path(__file__).parent / "data" / "small_organizations"


def clock(day):
    """The class `datetime`, in which it is always noon of this day."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.combine(day, time(12), UTC)

    return Clock


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """The marts after all loads, built once, and the books."""
    warehouse, loads = Warehouse(tmp_path_factory.mktemp("compared")), []
    organizations = small_organizations()
    with pytest.MonkeyPatch.context() as world, AllApis(organizations) as api:
        world.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        world.setenv("DLT_DATA_DIR", str(warehouse.folder / "dlt"))
        for day, settings in LOADS.items():
            world.setattr("openai_costs_source.source.datetime", clock(day))
            keys = api.read_on(day)
            warehouse.load(api, resources=RESOURCES, admin_key=keys, **settings)
            with duckdb.connect(str(warehouse.path), read_only=True) as connection:
                loads.append(read_raw(connection))
        seeds = shutil.copytree(SEEDS, warehouse.folder / "seeds")
        build_models(warehouse=warehouse, OPENAI_COSTS_SEEDS=str(seeds))
    return Compared(warehouse, Books(loads, DBT_PROJECT / "seeds", seeds))


class Compared:
    """The marts of a warehouse, and the books that they are compared with."""

    def __init__(self, warehouse, books):
        self._warehouse, self._books = warehouse, books
        self.rows = warehouse.rows

    def assert_equal(self, recompute, key, mart=None, where="true", read=dict):
        """Compare a mart row by row with what a function returns, by default that of its name.

        `key` names the columns that identify a row; `read` returns a row of the mart as the
        function does.
        """
        rows = recompute(self._books)
        columns, mart = list(rows[0]), mart or recompute.__name__
        actual = self.rows(f"select {', '.join(columns)} from openai_marts.{mart} where {where}")
        actual = [read(dict(zip(columns, row, strict=True))) for row in actual]
        expected, actual = by_key(rows, key), by_key(actual, key)
        assert sorted(set(actual) - set(expected)) == [], "only in the mart"
        assert sorted(set(expected) - set(actual)) == [], "only in the recomputation"
        assert differences(expected, actual) == []


def by_key(rows, key):
    rows_by_key = {tuple(str(row[name]) for name in key): row for row in rows}
    assert len(rows_by_key) == len(rows)
    return rows_by_key


def differences(expected, actual):
    """What differs between the rows with the same key: (*key, column, expected, actual)."""
    return [
        (*key, column, value, actual[key][column])
        for key, row in sorted(expected.items())
        for column, value in row.items()
        if not is_equal(value, actual[key][column])
    ]


def is_equal(value, other):
    """Whether they are the same; floats may differ by rounding."""
    if isinstance(value, float) and other is not None:
        return math.isclose(value, other, rel_tol=1e-9, abs_tol=1e-9)
    return value == other


def test_daily_costs_by_project(compared):
    compared.assert_equal(
        daily_costs_by_project, ("date", "organization_id", "project_id", "currency")
    )


def test_daily_costs_by_user(compared):
    compared.assert_equal(
        daily_costs_by_user, ("date", "organization_id", "user_id", "attribution", "currency")
    )


OF_MODEL = (
    *("date", "organization_id", "service", "model", "meter", "tier", "modality", "context"),
    *("quantity_unit", "currency"),
)


def test_daily_costs_by_model(compared):
    compared.assert_equal(daily_costs_by_model, OF_MODEL)


def test_daily_costs_by_team(compared):
    compared.assert_equal(
        daily_costs_by_team, ("date", "organization_id", "team", "cost_center", "currency")
    )


def test_focus_costs(compared):
    def read(row):
        tags, start = row["Tags"], row["ChargePeriodStart"]
        return {**row, "Tags": tags and json.loads(tags), "ChargePeriodStart": start.date()}

    key = (
        *("ChargePeriodStart", "BillingAccountId", "SubAccountId", "x_PrincipalId"),
        *("x_CredentialId", "x_LineItem", "BillingCurrency", "BilledCost"),
    )
    compared.assert_equal(focus_costs, key, read=read)


def test_unit_prices(compared):
    compared.assert_equal(unit_prices, OF_MODEL)


def test_model_efficiency(compared):
    compared.assert_equal(
        model_efficiency, ("month", "organization_id", "model_family", "currency")
    )


def test_daily_usage(compared):
    key = (
        *("date", "organization_id", "kind", "project_id", "user_id", "api_key_id", "model"),
        *("tier", "is_batch"),
    )
    compared.assert_equal(daily_usage, key)


def test_restatements(compared):
    compared.assert_equal(restatements, ("organization_id", "date", "currency", "restatement"))


def test_cost_forecast(compared):
    compared.assert_equal(
        cost_forecast, ("month", "organization_id", "scope", "project_id", "currency")
    )


def test_budget_status(compared):
    key = ("organization_id", "budget_source", "scope", "scope_id", "month", "currency")
    compared.assert_equal(budget_status, key)


def test_credit_balance(compared):
    compared.assert_equal(credit_balance, ("date", "organization_id", "currency"))


def test_cost_anomalies(compared):
    compared.assert_equal(
        cost_anomalies, ("date", "organization_id", "scope", "scope_id", "currency")
    )


def test_projects(compared):
    compared.assert_equal(projects, ("organization_id", "project_id"))


def test_users(compared):
    compared.assert_equal(users, ("organization_id", "user_id"))


def test_api_keys(compared):
    compared.assert_equal(api_keys, ("organization_id", "api_key_id"))


def test_reconciliation(compared):
    compared.assert_equal(
        daily_totals,
        ("organization_id", "period_start", "currency"),
        mart="reconciliation",
        where="check_name = 'rows equal the API''s daily total' and currency is not null",
    )
    compared.assert_equal(
        ledger_months,
        ("organization_id", "period_start"),
        mart="reconciliation",
        where="check_name = 'every day is in the ledger'",
    )
    compared.assert_equal(
        invoiced_months,
        ("organization_id", "period_start", "currency"),
        mart="reconciliation",
        where="check_name = 'month equals its invoice'",
    )
    assert compared.rows("select * from openai_marts.reconciliation where status = 'differs'") == []
