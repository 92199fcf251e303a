"""MetricFlow's metrics equal the marts."""

import json
import re
import shutil
from pathlib import Path

import pytest
from conftest import Warehouse
from running import PROJECT, run_process

# Metrics and the dimensions that they are grouped by.
QUERIES = {
    "months": (
        [
            "openai_unblended_cost", "openai_unblended_cost_by_team", "openai_tokens",
            "openai_requests", "openai_input_tokens", "openai_cached_input_tokens",
            "openai_output_tokens",
        ],
        ["metric_time__month"],
    ),
    "prices": (
        ["openai_price_per_million_tokens", "openai_unblended_cost"],
        ["openai_charge__model", "openai_charge__meter"],
    ),
    "month to date": (["openai_unblended_cost_month_to_date"], ["metric_time__day"]),
    "currencies": (
        ["openai_unblended_cost", "openai_list_cost", "openai_price_per_million_tokens"],
        ["openai_charge__meter"],
    ),
    "by currency": (
        ["openai_unblended_cost"],
        ["openai_charge__meter", "openai_charge__currency"],
    ),
}  # fmt: skip


class MetricFlow:
    """The demo's warehouse, and the output of `mf` for it."""

    def __init__(self, demo, folder):
        self.warehouse = Warehouse(folder)
        self.warehouse.path = Path(shutil.copy(demo[0] / "demo.duckdb", folder))
        project = shutil.copytree(
            PROJECT / "dbt_project",
            folder / "project" / "dbt_project",
            ignore=shutil.ignore_patterns("target", "logs"),
        )
        commands = {
            name: [
                *("query", "--explain", "--quiet"),
                *("--metrics", ",".join(metrics), "--group-by", ",".join(dimensions)),
            ]
            for name, (metrics, dimensions) in QUERIES.items()
        }
        file = folder / "commands.json"
        file.write_text(json.dumps({"validation": ["validate-configs"], **commands}))
        done = run_process(
            PROJECT / "tests" / "engines" / "mf_commands.py",
            file,
            cwd=project,
            DESTINATION__DUCKDB__CREDENTIALS=str(self.warehouse.path),
            DBT_TARGET_PATH="target",
            DBT_LOG_PATH="logs",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        # The validation prints to the process's output, not to the command's.
        self.validation = done.stdout
        self.sql = json.loads(file.read_text())

    def rows(self, query, charges="openai_marts.focus_costs"):
        """The exact result of MetricFlow's SQL; `mf query` itself rounds."""
        metrics, dimensions = QUERIES[query]
        # MetricFlow chooses the order of the columns.
        columns = ", ".join([*dimensions, *metrics])
        sql = re.sub(r'(\S*"?openai_marts"?)\."?focus_costs"?', charges, self.sql[query])
        return self.warehouse.rows(f"select {columns} from ({sql}) order by all")


@pytest.fixture(scope="module")
def metricflow(demo, tmp_path_factory):
    pytest.importorskip("dbt_metricflow", reason="pip install 'dbt-metricflow[dbt-duckdb]'")
    return MetricFlow(demo, tmp_path_factory.mktemp("metrics"))


def test_metrics_and_dimensions_are_valid_in_the_warehouse(metricflow):
    assert metricflow.validation.count("ERRORS: 0, FUTURE_ERRORS: 0") == 6


def test_metrics_of_a_month_equal_the_marts(metricflow):
    marts = metricflow.warehouse.rows("""
        select month, cost, teams, tokens, used.* exclude month
        from (
            select date_trunc('month', date) as month, sum(unblended_cost) as cost, sum(
                quantity * case quantity_unit when 'tokens' then 1 when '1000_tokens' then 1000 end
            ) as tokens
            from openai_marts.daily_costs_by_model group by month
        )
        join (
            select date_trunc('month', date) as month, sum(unblended_cost) as teams
            from openai_marts.daily_costs_by_team group by month
        ) using (month)
        join (
            select date_trunc('month', date) as month, sum(requests), sum(input_tokens),
                sum(cached_input_tokens), sum(output_tokens)
            from openai_marts.daily_usage group by month
        ) as used using (month)
        order by month
    """)
    assert len(marts) >= 6
    assert metricflow.rows("months") == marts


def test_price_is_cost_per_token_of_the_model(metricflow):
    expected = metricflow.warehouse.rows("""
        select model, meter, sum(unblended_cost), sum(unblended_cost) / sum(quantity) * 1000000
        from openai_marts.daily_costs_by_model
        where quantity_unit = 'tokens' group by all having sum(quantity) > 0
    """)
    prices = {
        (model, meter): (cost, price) for model, meter, price, cost in metricflow.rows("prices")
    }
    assert len(expected) > 30
    for model, meter, cost, price in expected:
        assert prices[model, meter] == (cost, pytest.approx(price, rel=1e-9)), (model, meter)


def test_month_to_date_restarts_each_month(metricflow):
    # Includes days without costs, which only the ledger has.
    expected = metricflow.warehouse.rows("""
        select days.date, sum(coalesce(sum(unblended_cost), 0)) over (
            partition by date_trunc('month', days.date) order by days.date
        )
        from openai_raw.cost_days as days
        left join openai_marts.daily_costs_by_project using (date)
        group by days.date order by days.date
    """)
    assert metricflow.rows("month to date") == expected


def test_metrics_of_money_add_up_no_two_currencies(metricflow):
    charges = """(
        select * replace (case x_Meter when 'output' then 'EUR' when 'input' then
            case SubAccountId when 'proj_europe' then 'EUR' else 'USD' end else 'USD' end
        as BillingCurrency) from openai_marts.focus_costs)"""
    expected = metricflow.warehouse.rows(f"""
        select x_Meter, case when count(distinct BillingCurrency) = 1 then sum(BilledCost) end,
            case when count(distinct BillingCurrency) = 1 then sum(ListCost) end
        from {charges} group by x_Meter order by all
    """)
    rows = metricflow.rows("currencies", charges)
    assert [row[:3] for row in rows] == expected
    prices = {meter: price for meter, _, _, price in rows}
    assert (prices["input"], prices["output"] > 0) == (None, True)
    assert {row[1] for row in rows if row[0] == "input"} == {None}
    assert metricflow.rows("by currency", charges) == metricflow.warehouse.rows(f"""
        select x_Meter, BillingCurrency, sum(BilledCost) from {charges} group by all order by all
    """)
