"""Incremental builds of the facts replace days, with the same result as a full build."""

import contextlib
import random
import re
import tarfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
import yaml
from conftest import Warehouse, days_ago, known, last_run
from running import (
    DBT_PROJECT,
    build_models,
    changed_models,
    dbt,
    parsed_models,
    run_pipeline,
)
from test_source import charge

from openai_costs.commands import models
from openai_costs.folders import own_seeds
from openai_costs.seed_files import hash_of_seeds, read_seeds
from openai_costs.warehouse.connection import open_client, query_through
from openai_costs.warehouse.destinations import configured_warehouse
from openai_costs.warehouse.run_log import last_build

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
    """Build only the tables and facts: the views already exist, and no fact reads a check."""
    without_checks = ("--exclude", "tag:whole_history")
    build_models(*SELECTED, *without_checks, *arguments, warehouse=warehouse)


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
    rows = {
        # The last digits of a sum of doubles depend on the order of its rows.
        mart: [
            [float(f"{value:.12g}") if isinstance(value, float) else value for value in row]
            for row in warehouse.rows(f"from openai_marts.{mart} order by all")
        ]
        for (mart,) in marts
    }
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
            "update openai_intermediate.int_openai__built_days set fingerprint = 'others'"
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


def fingerprints(warehouse):
    build_models("-s", "int_openai__loaded_days", warehouse=warehouse)
    ((built_by, checked_by),) = warehouse.rows("""
        select distinct built_by, checked_by from openai_intermediate.int_openai__loaded_days
    """)
    return built_by, checked_by


EDITED_FILE = {"checksum": lambda checksum: replace(checksum, checksum="of an edited file")}
EDITED_MACRO = {"macro_sql": lambda text: f"{text} "}


def test_change_of_what_facts_depend_on_builds_all_days_and_any_other_change_checks_them(
    own_ten_days,
):
    built_by, checked_by = fingerprints(own_ten_days)
    assert fingerprints(own_ten_days) == (built_by, checked_by)
    for name, edit in {
        "openai__daily_costs_by_project": EDITED_FILE,
        "charges_follow_focus": EDITED_FILE,
        "teams": EDITED_FILE,
        "items_that_differ": EDITED_MACRO,
        "test_unique_grain": EDITED_MACRO,
    }.items():
        with changed_models(**{name: edit}):
            after = fingerprints(own_ten_days)
        assert after[0] == built_by, name
        assert after[1] != checked_by, name
    for name, edit in {
        "int_openai__line_items": EDITED_FILE,
        "stg_openai__costs": EDITED_FILE,
        "default__product": EDITED_MACRO,
    }.items():
        with changed_models(**{name: edit}):
            after = fingerprints(own_ten_days)
        assert after[0] != built_by, name
        assert after[1] != checked_by, name


def test_model_of_another_package_changes_no_fingerprint(own_ten_days):
    of_another = {"package_name": lambda _: "another"}
    with changed_models(charges_follow_focus=of_another):
        before = fingerprints(own_ten_days)
    with changed_models(charges_follow_focus=of_another | EDITED_FILE):
        assert fingerprints(own_ten_days) == before


def test_price_in_a_loaded_seed_builds_all_days_and_a_team_checks_them(own_ten_days):
    def change(sql):
        with duckdb.connect(str(own_ten_days.path)) as connection:
            connection.execute(sql)

    first = fingerprints(own_ten_days)
    seed = own_ten_days.value("""
        select table_schema from information_schema.tables where table_name = 'teams'
    """)
    change(f"insert into {seed}.teams (organization_id, team) values ('org', 'new')")
    second = fingerprints(own_ten_days)
    change(f"update {seed}.list_prices set price = price + 1")
    third = fingerprints(own_ten_days)
    assert (first[0] == second[0], first[1] == second[1]) == (True, False)
    assert (second[0] == third[0], second[1] == third[1]) == (False, False)


def test_fingerprint_contains_all_variables_of_the_project():
    project = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())
    macro = (DBT_PROJECT / "macros" / "fingerprints.sql").read_text()
    listed = re.search(r"macro project_variables.*?\[(.*?)\]", macro, re.DOTALL)[1]
    assert set(re.findall(r"'(\w+)'", listed)) == set(project["vars"])


def test_changed_mart_is_checked_on_all_days_by_the_next_run(own_ten_days, monkeypatch):
    lost = days_ago(6)
    without_a_day = {"raw_code": lambda code: f"{code}\nwhere daily.date <> '{lost}'"}
    monkeypatch.setattr(models, "project_files", lambda: "changed")
    with changed_models(openai__daily_costs_by_project=EDITED_FILE | without_a_day):
        result = run_pipeline("models", cwd=own_ten_days.folder)
    assert result.returncode == 1
    assert "daily_costs_by_project equals raw" in result.stderr
    assert str(lost) in result.stderr


def test_second_run_builds_what_a_load_can_change_and_a_full_run_builds_all(
    ten_days, own_ten_days, api
):
    def tests_passed(*command):
        result = run_pipeline(*command, cwd=own_ten_days.folder, **known(api))
        assert result.returncode == 0, result.stderr
        return last_run(own_ten_days)["tests_passed"]

    first = last_run(ten_days)["tests_passed"]
    assert tests_passed("--since", days_ago(2)) < first / 2
    assert tests_passed("models", "--full") == first


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
    # That version did not load the residency of projects.
    assert upgraded.rows("""
        select distinct RegionId, RegionName, x_Residency from openai_marts.focus_costs
    """) == [(None, None, None)]
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
    assert set(existing) - built == set()


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
        "alter table openai_raw.projects add column another text",
    ],
)
def test_all_models_are_built_after_a_change_since_the_last_build(
    own_ten_days, monkeypatch, change
):
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(own_ten_days.path))
    warehouse = configured_warehouse(None)

    seeds = hash_of_seeds(read_seeds(own_seeds()))

    def unchanged_since_the_last_build():
        with open_client(warehouse) as client:
            now = (models.project_files(), models._inputs(client, seeds))
            return now == last_build(query_through(client))

    assert unchanged_since_the_last_build()
    with duckdb.connect(str(own_ten_days.path)) as connection:
        connection.execute(change)
    assert not unchanged_since_the_last_build()
