"""Facts are built by replacing days: what a build leaves equals what building all anew would."""

import re

import duckdb
from conftest import days_ago, known
from running import build_models, dbt, parsed_models, run_pipeline
from test_source import charge

FACTS = (
    "int_focus_charges",
    "int_daily_spend",
    "int_daily_sales",
    "int_daily_usage",
    "int_project_prices",
    "int_daily_checks",
)
SELECTED = ("-s", "int_days_to_build", *FACTS, "int_built_days")


def build_facts(warehouse, *arguments):
    """Views follow by themselves."""
    build_models(*SELECTED, *arguments, warehouse=warehouse)


def everything(warehouse):
    """All rows of the marts and of the facts."""
    relations = warehouse.rows("""
        select table_schema || '.' || table_name from information_schema.tables
        where table_schema = 'openai_marts' order by all
    """)
    names = [*(name for (name,) in relations), *(f"openai_intermediate.{f}" for f in FACTS)]
    return {name: warehouse.rows(f"from {name} order by all") for name in names}


def test_days_that_were_replaced_are_built_as_if_all_were(api, own_ten_days):
    api.overrides[days_ago(6)] = []
    api.overrides[days_ago(4)] = [charge("1.25", "gpt-6-new, output"), charge("-2", "refund")]
    own_ten_days.load(api, resources=None, since=days_ago(7), until=days_ago(3))
    build_facts(own_ten_days)
    by_days = everything(own_ten_days)
    build_facts(own_ten_days, "--full-refresh")
    assert by_days == everything(own_ten_days)
    days = "select count(*) from openai_marts.focus_costs where cast(ChargePeriodStart as date) = "
    assert own_ten_days.value(f"{days} '{days_ago(6)}'") == 0
    assert own_ten_days.value(f"{days} '{days_ago(4)}'") == 2


def test_days_that_were_not_replaced_are_left_alone(api, own_ten_days):
    for fact in ("int_focus_charges", "int_daily_spend"):
        with duckdb.connect(str(own_ten_days.path)) as connection:
            connection.execute(
                f"delete from openai_intermediate.{fact} where date = '{days_ago(9)}'"
            )
    own_ten_days.load(api, since=days_ago(3), until=days_ago(2))
    build_facts(own_ten_days)
    left = (
        f"select count(*) from openai_intermediate.int_focus_charges where date = '{days_ago(9)}'"
    )
    assert own_ten_days.value(left) == 0
    assert own_ten_days.rows("select distinct date from openai_intermediate.int_days_to_build") == [
        (days_ago(3),)
    ]


def test_day_that_leaves_the_ledger_leaves_the_facts(own_ten_days):
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


def test_other_models_build_all_days_anew(own_ten_days):
    with duckdb.connect(str(own_ten_days.path)) as connection:
        connection.execute("update openai_intermediate.int_focus_charges set service = 'Other'")
        connection.execute("update openai_intermediate.int_built_days set built_by = 'others'")
    build_facts(own_ten_days)
    services = "select count(distinct service) from openai_intermediate.int_focus_charges"
    assert own_ten_days.value(services) > 1


def test_build_whose_tests_failed_is_done_again(api, own_ten_days):
    before = own_ten_days.rows("from openai_intermediate.int_built_days order by all")
    own_ten_days.load(api, since=days_ago(5), until=days_ago(4))
    with duckdb.connect(str(own_ten_days.path)) as connection:
        connection.execute(f"""
            update openai_raw.cost_days set row_count = row_count + 1 where date = '{days_ago(5)}'
        """)
    ledger = "raw_rows_are_in_the_ledger_and_are_charges"
    failed = dbt("build", *SELECTED, ledger, warehouse=own_ten_days)
    assert f"Failure in test {ledger}" in failed.stdout
    assert own_ten_days.rows("from openai_intermediate.int_built_days order by all") == before
    with duckdb.connect(str(own_ten_days.path)) as connection:
        connection.execute(f"""
            update openai_raw.cost_days set row_count = row_count - 1 where date = '{days_ago(5)}'
        """)
    build_facts(own_ten_days)
    assert own_ten_days.rows("from openai_intermediate.int_built_days order by all") != before


def test_every_macro_that_facts_are_made_by_is_in_their_fingerprint():
    """Else a macro could change, and the days that are built would keep what it said before."""
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


def test_second_run_builds_what_a_load_can_change_and_a_full_one_all(ten_days, own_ten_days, api):
    def tests_passed(result):
        assert result.returncode == 0, result.stderr
        return int(re.search(r"(\d+) tests passed", result.stdout)[1])

    folder = own_ten_days.folder
    first = tests_passed(ten_days.printed)
    assert tests_passed(run_pipeline("--since", days_ago(2), cwd=folder, **known(api))) < first / 2
    assert tests_passed(run_pipeline("models", "--full", cwd=folder)) == first
    # Another raw table makes another view of it: the views are built again too.
    with duckdb.connect(str(own_ten_days.path)) as connection:
        connection.execute("create table openai_raw.another as select 1 as one")
    assert tests_passed(run_pipeline("models", cwd=folder)) == first
