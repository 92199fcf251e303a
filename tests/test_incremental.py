"""Incremental builds of the facts replace days, with the same result as a full build."""

import contextlib
import random
import re
import tarfile
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from conftest import Warehouse, days_ago, known
from running import build_models, dbt, parsed_models, run_pipeline
from test_source import charge

from openai_costs.commands import models
from openai_costs.warehouse.connection import open_client
from openai_costs.warehouse.destinations import configured_warehouse

DATA = Path(__file__).parent / "data"
FACTS = (
    "int_openai__focus_charges",
    "int_openai__daily_costs_by_identity",
    "int_openai__daily_costs_by_line_item",
    "int_openai__daily_usage",
    "int_openai__project_prices",
    "int_openai__daily_checks",
)
SELECTED = ("-s", "config.materialized:table", "int_openai__built_days", *FACTS)


def build_facts(warehouse, *arguments):
    """Build only the tables and facts: the views already exist."""
    build_models(*SELECTED, *arguments, warehouse=warehouse)


def days_to_build(warehouse, fact):
    rows = warehouse.rows(f"""
        select distinct date from openai_intermediate.int_openai__days_to_build
        where fact = '{fact}'
        order by date
    """)
    return [day for (day,) in rows]


def facts(warehouse):
    return {fact: warehouse.rows(f"from openai_intermediate.{fact} order by all") for fact in FACTS}


def everything(warehouse):
    """All rows of the marts and of the facts."""
    marts = warehouse.rows("""
        select table_name from information_schema.tables where table_schema = 'openai_marts'
    """)
    rows = {mart: warehouse.rows(f"from openai_marts.{mart} order by all") for (mart,) in marts}
    return facts(warehouse) | rows


def test_days_that_were_replaced_are_built_as_in_a_full_build(api, own_ten_days):
    api.overrides[days_ago(6)] = []
    api.overrides[days_ago(4)] = [charge("1.25", "gpt-6-new, output"), charge("-2", "refund")]
    own_ten_days.load(api, resources=None, since=days_ago(7), until=days_ago(3))
    build_facts(own_ten_days)
    by_days = facts(own_ten_days)
    build_facts(own_ten_days, "--full-refresh")
    assert by_days == facts(own_ten_days)
    days = "select count(*) from openai_marts.focus_costs where cast(ChargePeriodStart as date) = "
    assert own_ten_days.value(f"{days} '{days_ago(6)}'") == 0
    assert own_ten_days.value(f"{days} '{days_ago(4)}'") == 2


def test_days_that_were_not_replaced_are_not_built(api, own_ten_days):
    for fact in ("int_openai__focus_charges", "int_openai__daily_costs_by_identity"):
        with duckdb.connect(str(own_ten_days.path)) as connection:
            connection.execute(
                f"delete from openai_intermediate.{fact} where date = '{days_ago(9)}'"
            )
    own_ten_days.load(api, since=days_ago(3), until=days_ago(2))
    build_models("-s", "int_openai__loaded_days", warehouse=own_ten_days)
    assert days_to_build(own_ten_days, "int_openai__focus_charges") == [days_ago(3)]
    build_facts(own_ten_days)
    assert days_to_build(own_ten_days, "int_openai__focus_charges") == []
    charges = "openai_intermediate.int_openai__focus_charges"
    deleted = f"select count(*) from {charges} where date = '{days_ago(9)}'"
    assert own_ten_days.value(deleted) == 0


def test_day_removed_from_the_ledger_is_removed_from_the_facts(own_ten_days):
    with duckdb.connect(str(own_ten_days.path)) as connection:
        dated = """
            select table_name from information_schema.columns
            where table_schema = 'openai_raw' and column_name = 'date'
        """
        for (table,) in connection.execute(dated).fetchall():
            connection.execute(f"delete from openai_raw.{table} where date < '{days_ago(8)}'")
    build_facts(own_ten_days)
    for fact in FACTS:
        assert own_ten_days.value(f"select min(date) from openai_intermediate.{fact}") == days_ago(
            8
        )


def test_changed_models_build_all_days_again(own_ten_days):
    with duckdb.connect(str(own_ten_days.path)) as connection:
        connection.execute(
            "update openai_intermediate.int_openai__focus_charges set service = 'Other'"
        )
        connection.execute(
            "update openai_intermediate.int_openai__built_days set built_by = 'others'"
        )
    build_facts(own_ten_days)
    services = "select count(distinct service) from openai_intermediate.int_openai__focus_charges"
    assert own_ten_days.value(services) > 1


def test_days_with_failed_tests_are_tested_again(api, own_ten_days):
    own_ten_days.load(api, since=days_ago(5), until=days_ago(4))

    def tested_after(row_count):
        with duckdb.connect(str(own_ten_days.path)) as connection:
            connection.execute(f"""
                update openai_raw.cost_days set row_count = row_count + {row_count}
                where date = '{days_ago(5)}'
            """)
        printed = dbt("build", *SELECTED, "tag:daily", warehouse=own_ten_days).stdout
        return printed, days_to_build(own_ten_days, "tests")

    printed, untested = tested_after(1)
    assert "Failure in test raw_rows_equal_ledger_and_charges" in printed
    assert untested == [days_ago(5)]
    _, untested = tested_after(-1)
    assert untested == []


def test_no_order_of_partial_dbt_commands_makes_a_fact_skip_a_day(api, own_ten_days):
    choices = random.Random(0)
    tables = [
        "int_openai__loaded_days",
        "int_openai__built_days",
        "config.materialized:table",
        *FACTS,
    ]
    for n in range(3):
        day = days_ago(choices.randrange(2, 10))
        api.overrides[day] = [charge(f"{n}.25", "gpt-6-new, output")] * choices.randrange(3)
        own_ten_days.load(api, since=day, until=day + timedelta(days=1))
        chosen = choices.sample(tables, choices.randrange(1, 5))
        excluded = ("--exclude", *chosen, "config.materialized:view")
        selection = choices.choice([("--select", *chosen), excluded])
        flags = choices.choice([(), (), (), ("--full-refresh",), ("--empty",)])
        dbt("run", *selection, *flags, warehouse=own_ten_days)
    build_facts(own_ten_days)
    by_days = everything(own_ten_days)
    build_models("--full-refresh", "-s", *FACTS, warehouse=own_ten_days)
    assert by_days == everything(own_ten_days)
    assert all(facts(own_ten_days).values())


def test_report_and_export_are_refused_and_alerts_raised_while_the_models_miss_days(
    api, own_ten_days
):
    day = days_ago(3)
    own_ten_days.load(api, since=day, until=days_ago(2))
    sentence = f"The models are incomplete: {day} must be built again"
    for command in (("report",), ("export", "--to", "focus")):
        refused = run_pipeline(*command, cwd=own_ten_days.folder)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert f"{sentence}: run python pipeline.py models." in refused.stderr
    assert sentence in run_pipeline("status", cwd=own_ten_days.folder).stdout
    alerts = run_pipeline("alerts", "--severity", "critical", cwd=own_ten_days.folder)
    assert alerts.returncode == 3
    assert sentence in alerts.stdout


def test_facts_are_due_again_if_they_were_built_before_their_inputs(api, own_ten_days):
    """After a load, `dbt run` builds only the checks, not the facts that they compare."""
    own_ten_days.load(api, since=days_ago(3), until=days_ago(2))
    build_models(
        "-s", "int_openai__loaded_days", "int_openai__daily_checks", warehouse=own_ten_days
    )
    assert days_ago(3) in days_to_build(own_ten_days, "int_openai__daily_checks")


def test_fingerprint_of_the_facts_contains_every_macro_that_builds_them():
    """Otherwise a macro could change and days that are already built would keep the old result."""
    manifest = parsed_models().to_dict()
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
    # Macros that determine which days are built and where, not the values of the rows.
    files = (
        *("days_to_build", "built_days", "replace_days", "source_or_empty"),
        "generate_schema_name",
    )
    subjects = {macro["name"] for macro in macros.values() if Path(macro["path"]).stem in files}
    subjects |= {"declared_type", "noop_statement"}
    # An engine's implementation is named engine__macro.
    selecting_days = {
        name for name, macro in macros.items() if macro["name"].split("__")[-1] in subjects
    }
    used_by_facts = set()
    for fact in FACTS:
        for node in ancestors(f"model.openai_costs.{fact}", set()):
            for macro in nodes[node]["depends_on"]["macros"]:
                used(macro, used_by_facts)
    assert used_by_facts - known - selecting_days == set()


def test_second_run_builds_what_a_load_can_change_and_a_full_run_builds_all(
    ten_days, own_ten_days, api
):
    def tests_passed(result):
        assert result.returncode == 0, result.stderr
        return int(re.search(r"(\d+) tests passed", result.stdout)[1])

    folder = own_ten_days.folder
    first = tests_passed(ten_days.printed)
    assert tests_passed(run_pipeline("--since", days_ago(2), cwd=folder, **known(api))) < first / 2
    assert tests_passed(run_pipeline("models", "--full", cwd=folder)) == first


def test_warehouse_of_an_earlier_version_is_upgraded_by_the_next_build(tmp_path):
    """The archive is `export database` of the demo's last five days, by commit cec39da."""
    with tarfile.open(DATA / "warehouse_of_cec39da.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    with contextlib.chdir(tmp_path), duckdb.connect("openai_costs.duckdb") as connection:
        connection.execute("import database 'exp'")
        connection.execute("create view openai_intermediate.int_lost_credits as select 1 as one")
    upgraded = Warehouse(tmp_path)
    for command in (("report",), ("export", "--to", "focus")):
        refused = run_pipeline(*command, cwd=tmp_path)
        assert refused.returncode == 1
        assert "run python pipeline.py models" in refused.stderr
    build_models(warehouse=upgraded)
    by_upgrade = facts(upgraded)
    build_models("--full-refresh", "-s", *FACTS, warehouse=upgraded)
    assert by_upgrade == facts(upgraded)
    built = {
        (node.schema, node.alias)
        for node in parsed_models().nodes.values()
        if node.resource_type in ("model", "seed")
    }
    schemas = ", ".join(f"'{schema}'" for schema in {schema for schema, _ in built})
    existing = upgraded.rows(f"""
        select table_schema, table_name from information_schema.tables
        where table_schema in ({schemas})
    """)
    assert set(existing) - built == {("openai_intermediate", "last_build")}


def test_fact_of_another_version_is_built_again(own_ten_days):
    """An earlier version, run in between, built a table of this name with other columns."""
    with duckdb.connect(str(own_ten_days.path)) as connection:
        before = connection.execute(
            "from openai_intermediate.int_openai__project_prices"
        ).fetchall()
        connection.execute("""
            create or replace table openai_intermediate.int_openai__project_prices as
            select * exclude (usual_price) from openai_intermediate.int_openai__project_prices
        """)
    build_facts(own_ten_days)
    after = own_ten_days.rows("from openai_intermediate.int_openai__project_prices")
    assert sorted(map(str, after)) == sorted(map(str, before))


@pytest.mark.parametrize(
    "change",
    [
        "create or replace view openai_marts.projects as select * from openai_raw.projects",
        "create table openai_raw.another as select 1 as one",  # A model may read it.
    ],
)
def test_all_models_are_built_after_a_change_since_the_last_build(
    own_ten_days, monkeypatch, change
):
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(own_ten_days.path))
    warehouse = configured_warehouse(demo=False, destination=None)

    def unchanged_since_the_last_build():
        with open_client(warehouse) as client:
            inputs = models._inputs(client)
            return models._fingerprint(client, inputs) == models._last_build(client)

    assert unchanged_since_the_last_build()
    with duckdb.connect(str(own_ten_days.path)) as connection:
        connection.execute(change)
    assert not unchanged_since_the_last_build()
