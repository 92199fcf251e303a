"""Facts are built by replacing days: what a build leaves equals what building all anew would."""

import json
import os
import re
import shutil

import duckdb
import pytest
from conftest import DemoApi, Warehouse, days_ago
from running import PROJECT, dbt, run_pipeline
from test_source import charge

from openai_costs_source.demo_api import DEMO_ADMIN_KEY

FACTS = (
    "int_focus_charges",
    "int_daily_spend",
    "int_daily_sales",
    "int_daily_usage",
    "int_project_prices",
    "int_daily_checks",
)
SELECTED = ("+focus_costs", "+unit_prices", "+daily_usage", "+reconciliation", "int_built_days")


def build(warehouse, *arguments):
    built = dbt("build", "--exclude-resource-type", "unit_test", *arguments, warehouse=warehouse)
    assert built.returncode == 0, built.stdout
    return built.stdout


def everything(warehouse):
    """All rows of the marts and of the facts."""
    relations = warehouse.rows("""
        select table_schema || '.' || table_name from information_schema.tables
        where table_schema = 'openai_marts' order by all
    """)
    names = [*(name for (name,) in relations), *(f"openai_intermediate.{f}" for f in FACTS)]
    return {name: warehouse.rows(f"from {name} order by all") for name in names}


@pytest.fixture(scope="module")
def history(tmp_path_factory, organization):
    """Ten days, loaded with all usage and built."""
    warehouse = Warehouse(tmp_path_factory.mktemp("history"))
    with DemoApi(organization, overrides={}) as api:
        warehouse.load(api, resources=None, since=days_ago(10))
    build(warehouse)
    return warehouse


@pytest.fixture
def loaded(history, tmp_path):
    """A copy of it, which may be changed."""
    shutil.copy(history.path, tmp_path)
    return Warehouse(tmp_path)


def test_days_that_were_replaced_are_built_as_if_all_were(api, loaded):
    api.overrides[days_ago(6)] = []
    api.overrides[days_ago(4)] = [charge("1.25", "gpt-6-new, output"), charge("-2", "refund")]
    loaded.load(api, resources=None, since=days_ago(7), until=days_ago(3))
    build(loaded)
    by_days = everything(loaded)
    build(loaded, "--full-refresh")
    assert by_days == everything(loaded)
    days = "select count(*) from openai_marts.focus_costs where cast(ChargePeriodStart as date) = "
    assert loaded.value(f"{days} '{days_ago(6)}'") == 0
    assert loaded.value(f"{days} '{days_ago(4)}'") == 2


def test_days_that_were_not_replaced_are_left_alone(api, loaded):
    for fact in ("int_focus_charges", "int_daily_spend"):
        with duckdb.connect(str(loaded.path)) as connection:
            connection.execute(
                f"delete from openai_intermediate.{fact} where date = '{days_ago(9)}'"
            )
    loaded.load(api, since=days_ago(3), until=days_ago(2))
    build(loaded, "-s", *SELECTED)
    left = (
        f"select count(*) from openai_intermediate.int_focus_charges where date = '{days_ago(9)}'"
    )
    assert loaded.value(left) == 0
    assert loaded.rows("select distinct date from openai_intermediate.int_days_to_build") == [
        (days_ago(3),)
    ]


def test_day_that_leaves_the_ledger_leaves_the_facts(loaded):
    with duckdb.connect(str(loaded.path)) as connection:
        dated = """
            select table_name from information_schema.columns
            where table_schema = 'openai_raw' and column_name = 'date'
        """
        for (table,) in connection.execute(dated).fetchall():
            connection.execute(f"delete from openai_raw.{table} where date < '{days_ago(8)}'")
    build(loaded)
    for fact in FACTS:
        assert loaded.value(f"select min(date) from openai_intermediate.{fact}") == days_ago(8)


def test_other_models_build_all_days_anew(loaded):
    with duckdb.connect(str(loaded.path)) as connection:
        connection.execute("update openai_intermediate.int_focus_charges set service = 'Other'")
        connection.execute("update openai_intermediate.int_built_days set built_by = 'others'")
    build(loaded)
    services = "select count(distinct service) from openai_intermediate.int_focus_charges"
    assert loaded.value(services) > 1


def test_build_whose_tests_failed_is_done_again(api, loaded):
    before = loaded.rows("from openai_intermediate.int_built_days order by all")
    loaded.load(api, since=days_ago(5), until=days_ago(4))
    with duckdb.connect(str(loaded.path)) as connection:
        connection.execute(f"""
            update openai_raw.cost_days set row_count = row_count + 1 where date = '{days_ago(5)}'
        """)
    failed = dbt("build", "--exclude-resource-type", "unit_test", warehouse=loaded)
    assert "Failure in test raw_rows_are_in_the_ledger_and_are_charges" in failed.stdout
    assert loaded.rows("from openai_intermediate.int_built_days order by all") == before
    with duckdb.connect(str(loaded.path)) as connection:
        connection.execute(f"""
            update openai_raw.cost_days set row_count = row_count - 1 where date = '{days_ago(5)}'
        """)
    build(loaded)
    assert loaded.rows("from openai_intermediate.int_built_days order by all") != before


def test_every_macro_that_facts_are_made_by_is_in_their_fingerprint(history):
    """Else a macro could change, and the days that are built would keep what it said before."""
    manifest = json.loads(
        (PROJECT / "dbt_project" / os.environ["DBT_TARGET_PATH"] / "manifest.json").read_text()
    )
    macros, nodes = manifest["macros"], manifest["nodes"]

    def used(macro, seen):
        if macro.startswith("macro.openai_costs.") and macro not in seen:
            seen.add(macro)
            for other in macros[macro]["depends_on"]["macros"]:
                used(other, seen)
        return seen

    def ancestors(node, seen):
        if node in nodes and node not in seen:
            seen.add(node)
            for other in nodes[node]["depends_on"].get("nodes", []):
                ancestors(other, seen)
        return seen

    known = used("macro.openai_costs.models_fingerprint", set())
    # They say which days are built and how, not what of.
    about_days = {
        f"macro.openai_costs.{name}"
        for name in (
            "is_to_build",
            "is_not_before_days_to_build",
            "is_day_of",
            "default__is_day_of",
            "is_literally_to_build",
            "drop_emptied_days",
            "default__drop_emptied_days",
            "relation_of_days_to_build",
            "first_day",
            "default__first_day",
            "remove_days_to_build",
            "get_incremental_replace_days_sql",
            "loaded_days",
            "is_built_by_these_models",
            "should_full_refresh",
            "generate_schema_name",
            "raw",
            "declared_type",
            "noop_statement",
        )
    }
    made_by = set()
    for fact in FACTS:
        for node in ancestors(f"model.openai_costs.{fact}", set()):
            for macro in nodes[node]["depends_on"]["macros"]:
                used(macro, made_by)
    assert made_by - known - about_days == set()


def test_second_run_builds_what_a_load_can_change_and_a_full_one_all(api, tmp_path):
    settings = {"OPENAI_ADMIN_KEY": DEMO_ADMIN_KEY, "OPENAI_BASE_URL": api.base_url}
    since = {"SOURCES__OPENAI_COSTS__START_DATE": days_ago(5).isoformat()}

    def tests_passed(*arguments):
        told = run_pipeline(*arguments, cwd=tmp_path, **settings, **since)
        assert told.returncode == 0, told.stderr
        return int(re.search(r"(\d+) tests passed", told.stdout)[1])

    first = tests_passed()
    assert tests_passed() < first / 2
    assert tests_passed("models", "--full") == first
    # Another raw table makes another view of it: the views are built again too.
    with duckdb.connect(str(tmp_path / "openai_costs.duckdb")) as connection:
        connection.execute("create table openai_raw.another as select 1 as one")
    assert tests_passed("models") == first
