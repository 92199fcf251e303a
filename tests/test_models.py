"""The dbt models on loaded raw rows, in a real DuckDB."""

import itertools
import shutil
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from conftest import TODAY, RememberingApi, Warehouse, days_ago
from running import (
    PROJECT,
    READ_BY_THE_SUMMARY,
    build_models,
    dbt,
    parsed_models,
    run_pipeline,
    run_process,
    warnings_of,
)
from test_awkward_replies import Awkward, users_apart_before
from test_source import charge

from openai_costs_source.simulator.api import SimulatedApi

MARTS = {
    "focus_costs": ("cast(ChargePeriodStart as date)", "BillingAccountId", "BilledCost"),
    "daily_costs_by_project": ("date", "organization_id", "unblended_cost"),
    "daily_costs_by_user": ("date", "organization_id", "unblended_cost"),
    "daily_costs_by_model": ("date", "organization_id", "unblended_cost"),
}


def dbt_in_a_copy(*arguments, warehouse, cwd=None):
    """Run dbt in a separate process, in a copy of dbt_project next to the warehouse."""
    project = warehouse.folder / "dbt_project"
    if not project.exists():
        leftovers = shutil.ignore_patterns("target", "logs")
        shutil.copytree(PROJECT / "dbt_project", project, ignore=leftovers)
    folders = {"DBT_TARGET_PATH": str(project / "target"), "DBT_LOG_PATH": str(project / "logs")}
    return run_process("-m", "dbt.cli.main", *arguments, cwd=cwd or project, **folders)


@pytest.fixture(scope="module")
def built(demo):
    """The demo's warehouse: the whole history, with all models built."""
    folder, run = demo
    assert run.returncode == 0, run.stderr
    warehouse = Warehouse(folder)
    warehouse.path = folder / "demo.duckdb"
    return warehouse


@pytest.fixture(scope="module")
def bare(organization, tmp_path_factory):
    """A few days of all tables, with models that `dbt build` built without the command."""
    warehouse = Warehouse(tmp_path_factory.mktemp("bare"))
    with RememberingApi(organization) as api:
        warehouse.load(api, resources=None, start_date=days_ago(3))
    warehouse.build = dbt_in_a_copy("build", warehouse=warehouse)
    return warehouse


def test_only_staging_and_the_reconciliation_checks_read_sources():
    """The checks read the expected values directly from the raw tables."""
    readers = {
        node["original_file_path"]
        for node in parsed_models().to_dict()["nodes"].values()
        if node["resource_type"] == "model"
        and any(parent.startswith("source.") for parent in node["depends_on"]["nodes"])
    }
    folders = {str(Path(path).parent) for path in readers}
    assert folders == {"models/staging", "models/intermediate/checks"}


@pytest.mark.parametrize("variables", ["{}", "{raw_schema: elsewhere}"])
def test_build_without_loaded_costs_is_one_sentence(warehouse, variables):
    result = dbt("build", "--vars", variables, warehouse=warehouse)
    assert result.returncode == 1
    assert "No costs are loaded in the schema " in result.stdout
    assert "python pipeline.py load, or set the variable raw_schema" in result.stdout
    assert "ERROR creating" not in result.stdout


def test_dbt_build_works_by_itself(bare):
    assert bare.build.returncode == 0, bare.build.stdout
    assert warnings_of(bare.build.stdout) == []


def test_dbt_finds_the_default_warehouse_from_any_folder(bare, tmp_path):
    project = bare.folder / "dbt_project"
    folders = ("--project-dir", project, "--profiles-dir", project)
    mart = "select distinct organization_id from {{ ref('openai__daily_costs_by_project') }}"
    shown = dbt_in_a_copy("show", "--inline", mart, *folders, warehouse=bare, cwd=tmp_path)
    assert "org-demo-heliotrope" in shown.stdout


@pytest.mark.parametrize("mart", MARTS)
def test_mart_equals_the_raw_costs_of_each_day(built, mart):
    day, organization, cost = MARTS[mart]
    raw = built.rows("select date, organization_id, sum(amount) from openai_raw.costs group by all")
    in_mart = f"select {day}, {organization}, sum({cost}) from openai_marts.{mart} group by all"
    assert len(raw) > 70
    assert sorted(built.rows(in_mart)) == sorted(raw)


@pytest.mark.parametrize("mart", MARTS)
def test_costs_are_decimals_in_the_mart(built, mart):
    cost = MARTS[mart][2]
    types = built.rows(f"select distinct typeof({cost}) from openai_marts.{mart}")
    assert types == [("DECIMAL(38,18)",)]


def test_focus_costs_has_one_row_per_raw_row(built):
    assert built.value("select count(*) from openai_marts.focus_costs") == built.value(
        "select count(*) from openai_raw.costs"
    )


def test_billing_period_is_the_calendar_month_of_the_charge(built):
    wrong = """
        select count(*) from openai_marts.focus_costs
        where BillingPeriodStart <> date_trunc('month', ChargePeriodStart)
        or BillingPeriodEnd <> BillingPeriodStart + interval 1 month
        or ChargePeriodEnd <> ChargePeriodStart + interval 1 day
    """
    assert built.value(wrong) == 0


def test_costs_of_deleted_users_keep_their_owner(built, organization):
    listed = {user["id"] for user in organization.users}
    spenders = built.rows("""
        select distinct user_id from openai_marts.daily_costs_by_user
        where attribution = 'reported' and user_type = 'user'
    """)
    assert {user for (user,) in spenders} - listed


def test_costs_of_a_service_account_are_attributed_through_its_key(built):
    accounts = built.rows("""
        select distinct user_name from openai_marts.daily_costs_by_user
        where user_type = 'service_account' and attribution = 'key_owner'
    """)
    assert len(accounts) >= 3


def test_unattributed_costs_keep_their_amount(built):
    unattributed = built.rows("""
        select count(*) > 0, count(user_id), count(user_type), sum(unblended_cost) > 0
        from openai_marts.daily_costs_by_user where attribution = 'unattributed'
    """)
    assert unattributed == [(True, 0, 0, True)]


def test_archived_project_keeps_its_name(built, organization):
    (archived,) = [p for p in organization.projects if p["status"] == "archived"]
    name = built.value(f"""
        select distinct project_name from openai_marts.daily_costs_by_project
        where project_id = '{archived["id"]}'
    """)
    assert name == archived["name"]


def test_line_item_in_an_unknown_format_keeps_its_amount_and_text(built):
    other = built.rows("""
        select x_LineItem, x_Model, x_Meter, sum(BilledCost) > 0 from openai_marts.focus_costs
        where x_Service = 'Other' group by all
    """)
    assert other == [("agent runtime preview", None, None, True)]


def test_unit_price_is_what_the_quantity_cost(built):
    worst = built.value("""
        select max(abs(unit_price * quantity::double - unblended_cost::double))
        from openai_marts.daily_costs_by_model where quantity > 0
    """)
    assert worst < 1e-9


def test_quantities_are_priced_in_the_unit_of_the_price_list(built):
    tokens = built.rows("""
        select sum(f.PricingQuantity) * 1000000 = (
            select sum(quantity * case quantity_unit when '1000_tokens' then 1000 else 1 end)
            from openai_raw.costs where quantity_unit in ('tokens', '1000_tokens')
        ) from openai_marts.focus_costs as f where PricingUnit = '1000000 Tokens'
    """)
    assert tokens == [(True,)]


def test_calls_that_are_returned_without_a_unit_are_priced_by_the_thousand(built):
    calls = built.rows("""
        select distinct ConsumedUnit, PricingUnit, PricingQuantity * 1000 = x_Quantity
        from openai_marts.focus_costs where x_Meter = 'calls'
    """)
    assert calls == [("Requests", "1000 Requests", True)]


def test_list_price_is_the_public_one_or_marked_as_derived(built):
    listed = built.rows("""
        select distinct ListUnitPrice, x_ListPriceSource like 'platform.openai.com/%'
        from openai_marts.focus_costs where SkuPriceId = 'gpt-4.1-2025-04-14/text/output/standard'
    """)
    assert listed == [(Decimal(8), True)]
    derived = built.rows("""
        select distinct
            x_ListPriceSource, ListCost = BilledCost, ListUnitPrice = ContractedUnitPrice
        from openai_marts.focus_costs where SkuId = 'agent runtime preview'
    """)
    assert derived == [("derived", True, True)]


def test_free_usage_has_a_price_of_zero_and_a_list_cost(built):
    free = built.rows("""
        select distinct ChargeCategory, ContractedUnitPrice, ContractedCost, ListCost > 0
        from openai_marts.focus_costs where BilledCost = 0
    """)
    assert free == [("Usage", Decimal(0), Decimal(0), True)]


def test_every_model_and_column_is_described(built):
    columns = built.rows(
        "select table_schema, table_name, column_name from information_schema.columns"
    )
    existing = {(schema, name): set() for schema, name, _ in columns}
    for schema, name, column in columns:
        existing[schema, name].add(column.lower())
    models = [node for node in parsed_models().nodes.values() if node.resource_type == "model"]
    assert models
    for node in models:
        assert node.description.startswith("One row per"), node.name
        described = {name.lower() for name, c in node.columns.items() if c.description}
        assert described == existing[node.schema, node.alias], node.name


def test_dbt_generates_its_documentation(bare):
    generated = dbt("docs", "generate", warehouse=bare)
    assert generated.returncode == 0, generated.stdout
    assert "Catalog written" in generated.stdout


@pytest.fixture
def small(api, warehouse):
    """One day of four rows, loaded, with no models built yet."""
    day = days_ago(5)
    api.overrides[day] = [
        charge("1.000000000000000001"),
        charge("-0.5", "gpt-5.6-sol, output"),
        charge("2", "telepathy, minutes"),
        charge("-2", "telepathy refund"),
    ]
    warehouse.load(api, since=day, until=days_ago(4))
    return warehouse


def test_emptied_day_is_removed_from_every_mart(api, small):
    marts = ("-s", *(f"+openai__{mart}" for mart in MARTS))
    build_models(*marts, warehouse=small)
    assert small.value("select count(*) from openai_marts.focus_costs") == 4
    api.overrides[days_ago(5)] = []
    small.load(api, since=days_ago(5), until=days_ago(4))
    build_models(*marts, warehouse=small)
    assert [small.value(f"select count(*) from openai_marts.{mart}") for mart in MARTS] == [0] * 4


def test_run_names_unknown_line_items_with_their_amounts(small):
    selected = (*READ_BY_THE_SUMMARY, "line_items_are_parsed")
    run = run_pipeline("models", cwd=small.folder, only=selected)
    assert run.returncode == 0, run.stderr
    warning = "line items are parsed: telepathy refund: -2.00 USD; telepathy, minutes: 2.00 USD\n"
    assert warning in run.stdout


@pytest.mark.parametrize(("days", "is_old"), [(60, False), (61, True)])
def test_list_prices_warn_if_the_newest_day_is_60_days_later(organization, warehouse, days, is_old):
    with SimulatedApi(organization, overrides={days_ago(1): []}) as api:
        warehouse.load(api, since=days_ago(1), until=TODAY)
    checked_on = days_ago(1 + days)
    build_models("-s", "stg_openai__cost_days", warehouse=warehouse)
    variables = f"list_prices_checked_on: '{checked_on}'"
    tested = dbt(
        *("test", "-s", "list_prices_are_recent", "--vars", variables), warehouse=warehouse
    )
    assert tested.returncode == 0, tested.stdout
    assert ("WARN=1" in tested.stdout) == is_old


def test_large_costs_of_unknown_line_items_warn_and_a_negative_amount_is_a_credit(small):
    built = dbt("build", "-s", "+openai__focus_costs", "line_items_are_parsed", warehouse=small)
    assert built.returncode == 0, built.stdout
    assert "WARN" in built.stdout
    assert "line_items_are_parsed" in built.stdout
    credits = small.rows("""
        select BilledCost, ListCost, ChargeCategory, ChargeFrequency, SkuId, PricingQuantity
        from openai_marts.focus_costs where BilledCost = -0.5
    """)
    half = Decimal("-0.5")
    assert credits == [(half, half, "Credit", "One-Time", None, None)]


def test_row_added_to_a_seed_sets_the_tier_and_meter_of_days_already_loaded(
    api, warehouse, monkeypatch
):
    day = days_ago(5)
    line_items = ("lunar | gpt-7, input", "gpt-7, thinking")
    api.overrides[day] = [charge("1", line_item, quantity=10) for line_item in line_items]
    warehouse.load(api, resources=["costs"], since=day, until=days_ago(4))

    def parsed():
        build_models("-s", "+openai__focus_costs", warehouse=warehouse)
        return warehouse.rows("""
            select x_Service, x_Model, x_ServiceTier, x_Meter, SkuMeter
            from openai_marts.focus_costs order by x_LineItem desc
        """)

    def add(seed, row):
        node = parsed_models().nodes[f"seed.openai_costs.{seed}"]
        file = warehouse.folder / f"{seed}.csv"
        file.write_text((PROJECT / "dbt_project/seeds" / file.name).read_text() + f"{row}\n")
        monkeypatch.setattr(node, "original_file_path", str(file))

    unparsed = ("Other", None, None, None, "Tokens")
    assert parsed() == [unparsed, unparsed]
    add("line_item_tiers", "lunar,before,lunar,,")
    lunar = ("Chat and completions", "gpt-7", "lunar", "input", "Input Tokens")
    assert parsed() == [lunar, unparsed]
    add("token_meters", "thinking,reasoning,Reasoning,Output,")
    thinking = ("Chat and completions", "gpt-7", "standard", "reasoning", "Reasoning Tokens")
    assert parsed() == [lunar, thinking]


def test_wrong_fraction_of_a_cent_in_a_fact_fails_the_build(small):
    build_models("-s", "+openai__reconciliation", warehouse=small)
    with duckdb.connect(str(small.path)) as connection:
        connection.execute(
            "update openai_intermediate.int_openai__daily_costs_by_identity set unblended_cost = "
            "unblended_cost + 0.000000000000000001 where unblended_cost > 0"
        )
    # A full refresh checks all days, as no load has replaced any since the last build.
    tested = dbt("build", "--full-refresh", "-s", "int_openai__daily_checks+", warehouse=small)
    assert tested.returncode != 0
    assert "Failure in test reconciliation_is_exact" in tested.stdout
    differing = small.rows("""
        select distinct check_name from openai_marts.reconciliation where status = 'differs'
    """)
    assert sorted(differing) == [
        ("daily_costs_by_project equals raw by project",),
        ("daily_costs_by_team equals raw by team and cost center",),
        ("daily_costs_by_user equals raw by user and attribution",),
    ]


def test_day_that_differs_from_the_apis_own_total_warns(small):
    with duckdb.connect(str(small.path)) as connection:
        connection.execute("update openai_raw.cost_days set api_amount = api_amount + 0.01")
    tested = dbt("test", "-s", "raw_equals_api_total", warehouse=small)
    assert "WARN=1" in tested.stdout


def test_row_missing_from_the_raw_costs_fails_the_ledger_test(small):
    build_models("-s", "+openai__focus_costs", warehouse=small)
    with duckdb.connect(str(small.path)) as connection:
        connection.execute("delete from openai_raw.costs where amount < 0")
    tested = dbt("test", "-s", "raw_rows_equal_ledger_and_charges", warehouse=small)
    assert "ERROR=1" in tested.stdout


def test_quantity_that_is_too_large_keeps_its_amount_and_is_named(api, warehouse):
    day = days_ago(5)
    largest, too_large = Decimal("9" * 15), Decimal(f"{'9' * 27}.5")
    api.overrides[day] = [
        charge(amount, f"{model}, {meter}", quantity=quantity, quantity_unit=unit)
        for model, unit in [("o3", "tokens"), ("o4", "1000_tokens"), ("o5", "images"), ("o6", None)]
        for amount, meter, quantity in (("3", "output", largest), ("1.5", "input", too_large))
    ]
    warehouse.load(api, since=day, until=days_ago(4))
    needed = ("+openai__focus_costs", "quantities_are_countable", *READ_BY_THE_SUMMARY)
    built = run_pipeline("models", cwd=warehouse.folder, only=needed)
    assert built.returncode == 0, built.stderr
    assert (
        f"the quantity {too_large}00000000 of o3, input of org-demo-heliotrope on {day} is "
        "too large to be counted"
    ) in " ".join(built.stdout.split())
    assert (
        warehouse.value("select sum(unblended_cost) from openai_marts.daily_costs_by_model") == 18
    )
    counted = "select distinct quantity from openai_marts.daily_costs_by_model order by 1"
    assert warehouse.rows(counted) == [(largest,), (None,)]


def test_no_model_fails_on_extreme_values_of_any_loaded_column(api, warehouse):
    day = days_ago(5)
    amounts = [Decimal("2" * 14 + "." + "9" * 18), Decimal("1e-18"), Decimal(0)]
    quantities = [Decimal("9" * 29 + "." + "9" * 9), Decimal("9" * 15), Decimal("1e-9"), None]
    units = ["tokens", "1000_tokens", "images", "seconds", "", None]
    items = [("gpt-5.6-sol, {} input", 1), ("gpt-5.6-luna, {} input", -1), ("{} minutes", 1)]
    for n, unit in enumerate(units):
        # One line item per row: the simulated API adds up what it groups.
        rows = itertools.product(enumerate(amounts), enumerate(quantities), items)
        api.overrides[day + timedelta(days=n % 3)] = [
            charge(sign * amount, item.format(f"{i}{j}{n}"), quantity=quantity, quantity_unit=unit)
            for (i, amount), (j, quantity), (item, sign) in rows
        ]
    warehouse.load(api, resources=None, since=day, until=days_ago(2))
    with duckdb.connect(str(warehouse.path)) as connection:
        for table, column, kind in connection.execute("""
            select table_name, column_name, data_type from information_schema.columns
            where table_schema = 'openai_raw' and table_name like 'usage_%'
                and table_name <> 'usage_days' and data_type in ('BIGINT', 'DECIMAL(38,9)')
        """).fetchall():
            largest = "9" * 29 if kind != "BIGINT" else "9223372036854775807"
            for days, value in ((5, largest), (4, f"-{largest}")):
                connection.execute(
                    f"update openai_raw.{table} set {column} = {value} "
                    f"where date = '{days_ago(days)}'"
                )
    build_models(warehouse=warehouse)
    relations = warehouse.rows("""
        select table_schema || '.' || table_name from information_schema.tables
        where table_schema in ('openai_staging', 'openai_intermediate', 'openai_marts')
    """)
    for (relation,) in relations:
        warehouse.rows(f"from {relation}")


def test_duplicate_of_a_free_charge_fails_the_build(api, small):
    api.overrides[days_ago(5)] = [charge("0", "gpt-5.6-luna, input")]
    small.load(api, since=days_ago(5), until=days_ago(4))
    build_models("-s", "+openai__focus_costs", warehouse=small)
    with duckdb.connect(str(small.path)) as connection:
        fact = "openai_intermediate.int_openai__focus_charges"
        connection.execute(f"insert into {fact} from {fact}")
    tested = dbt("test", "-s", "openai__focus_costs", warehouse=small)
    assert "Failure in test raw_rows_equal_ledger_and_charges" in tested.stdout
    assert "ERROR=1" in tested.stdout


def test_users_follow_the_separate_response_by_user(organization, warehouse):
    with Awkward(organization) as api:
        api.bend = users_apart_before(days_ago(2))
        warehouse.load(api, since=days_ago(5))
    build_models("-s", "+openai__daily_costs_by_user", "+openai__focus_costs", warehouse=warehouse)
    by_user = """
        select date, user_id, sum(unblended_cost) from openai_marts.daily_costs_by_user
        where attribution = 'reported' group by all order by all
    """
    reported = """
        select date, user_id, sum(amount) from (
            select date, user_id, amount from openai_raw.costs_by_user
            union all
            select date, user_id, amount from openai_raw.costs
        ) where user_id is not null group by all order by all
    """
    assert warehouse.rows(by_user) == warehouse.rows(reported)
    assert len({day for day, *_ in warehouse.rows(by_user)}) == 6
    owners = f"""
        select count(*) from openai_marts.daily_costs_by_user
        where attribution = 'key_owner' and date < '{days_ago(2)}'
    """
    assert warehouse.value(owners) == 0
    assert warehouse.value("select sum(BilledCost) from openai_marts.focus_costs") == (
        warehouse.value("select sum(amount) from openai_raw.costs")
    )
