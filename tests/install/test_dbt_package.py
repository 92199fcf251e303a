"""The dbt project works as a package in a project with schemas, a database and names of its own."""

import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest
import yaml
from conftest import Warehouse
from running import DBT_PROJECT, PROJECT, build_models, run_process
from small_organizations import AllApis, small_organizations
from test_recomputation import LOADS, RESOURCES, SEEDS, clock

CONSUMER = Path(__file__).parent / "consumer"
OWN_MODELS = ("users", "projects", "api_keys", "reconciliation", "metricflow_time_spine")
PARTS = ("plans", "usage", "semantic_layer")
MARTS = {
    path.stem.removeprefix("openai__") for path in (DBT_PROJECT / "models" / "marts").glob("*.sql")
}
MARTS_OF_PARTS = {
    "plans": {"budget_status", "cost_forecast", "credit_balance"},
    "usage": {"daily_usage", "model_efficiency"},
    "semantic_layer": set(),
}
CHECKS_OF_PARTS = {
    "plans": "budget_status|cost_forecast|credit_balance",
    "usage": "daily_usage|model_efficiency|tokens billed|ledger of usage",
    "semantic_layer": "nothing",
}
KNOWN_WARNINGS = {"line_items_are_parsed", "budgets_refer_to_known_ids", "charges_are_plausible"}
"""Tests that warn about the data of the small organizations, as in our own project."""


class Consumer:
    """A copy of the project in `consumer/`, which installs the package."""

    def __init__(self, folder, raw, package=None):
        self.folder = shutil.copytree(
            CONSUMER, folder, ignore=shutil.ignore_patterns("target", "dbt_packages", "logs")
        )
        self.read(raw)
        shutil.copytree(raw.seeds, self.folder / "openai_seeds")
        self.seeds = str(self.folder / "openai_seeds")
        self.write("packages.yml", {"packages": [package or {"local": str(DBT_PROJECT)}]})

    def read(self, raw, load=-1):
        """Attach the raw data after this load."""
        shutil.copy(raw.loads[load], self.folder / "billing.duckdb")

    def write(self, name, content):
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        (self.folder / name).write_text(text)

    def change_project(self, change):
        project = yaml.safe_load((self.folder / "dbt_project.yml").read_text())
        change(project)
        self.write("dbt_project.yml", project)

    def run(self, *arguments):
        return run_process(
            *arguments,
            cwd=self.folder,
            OPENAI_COSTS_SEEDS=self.seeds,
            DBT_TARGET_PATH="target",
            DBT_LOG_PATH="logs",
        )

    def dbt(self, *arguments, succeeds=True):
        """Run dbt; returns what it printed."""
        done = self.run("-m", "dbt.cli.main", "--no-use-colors", *arguments)
        assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
        return done.stdout

    def manifest(self):
        return json.loads((self.folder / "target" / "manifest.json").read_text())

    def run_sql(self, *path):
        return self.folder.joinpath("target", "run", *path).read_text()

    def sql_of_facts(self):
        folder = ("openai_costs", "models", "intermediate", "facts")
        names = (self.folder / "target" / "run").joinpath(*folder).glob("*.sql")
        return {path.stem: path.read_text() for path in names}

    def rows(self, sql):
        with duckdb.connect(str(self.folder / "analytics.duckdb")) as connection:
            connection.execute(f"attach '{self.folder}/billing.duckdb' as billing (read_only)")
            return connection.execute(sql).fetchall()

    def mart(self, name):
        columns, rows = read_mart(self.rows, f"analytics_spend.{name}")
        if name == "unblended_costs_all_providers":
            # The column x_FocusTable names the table with its schema.
            ours = {"analytics_spend.focus_costs": "openai_marts.focus_costs"}
            rows = [tuple(ours.get(value, value) for value in row) for row in rows]
        return columns, rows


class Raw:
    """The raw data after each load, in DuckDB files with the schema `openai_api`; and our marts."""

    def __init__(self, folder):
        self.warehouse, self.loads = Warehouse(folder), []
        self.seeds = shutil.copytree(SEEDS, folder / "seeds")
        teams = (self.seeds / "teams.csv").read_text().splitlines(keepends=True)
        # Two rows overlap, and fail a test.
        (self.seeds / "teams.csv").write_text("".join(row for row in teams if "Euro," not in row))

    def copy(self):
        """Copy the raw tables to a file of their own."""
        path = self.warehouse.folder / f"billing{len(self.loads)}.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute(f"attach '{self.warehouse.path}' as loaded (read_only)")
            connection.execute("create schema openai_api")
            tables = "select table_name from duckdb_tables() where schema_name = 'openai_raw'"
            for (table,) in connection.execute(tables).fetchall():
                connection.execute(
                    f"create table openai_api.{table} as from loaded.openai_raw.{table}"
                )
        self.loads.append(path)

    def mart(self, name):
        return read_mart(self.warehouse.rows, f"openai_marts.{name}")


DOUBLES_OF_CHECKS = """(
    select * replace (
            case when tolerance = 0 then expected end as expected,
            case when tolerance = 0 then actual end as actual,
            case when tolerance = 0 then difference end as difference,
            case when tolerance = 0 then tolerance end as tolerance,
            case when status = 'equal' then 'within tolerance' else status end as status,
            case when tolerance = 0 or status = 'differs' then reason end as reason
        ),
        case when tolerance > 0 then cast(expected as double) end as expected_double,
        case when tolerance > 0 then cast(actual as double) end as actual_double,
        case when tolerance > 0 then cast(tolerance as double) end as tolerance_double
    from {})"""
"""`reconciliation` with doubles where checks compare doubles: their last digits vary."""


def read_mart(rows, table):
    """Return the columns and rows of a mart; the columns with doubles are the last ones."""
    if table.endswith(".reconciliation"):
        table = DOUBLES_OF_CHECKS.format(table)
    columns = [(kind == "DOUBLE", name) for name, kind, *_ in rows(f"describe from {table}")]
    columns.sort(key=lambda column: column[0])
    names = ", ".join(f'"{name}"' for _, name in columns)
    return columns, rows(f"select {names} from {table} order by all")


def assert_equal(name, actual, expected):
    """Compare all columns of a mart: exactly, except doubles."""
    (columns, rows), (expected_columns, expected_rows) = actual, expected
    assert columns == expected_columns, name
    assert len(rows) == len(expected_rows), name
    for row, expected_row in zip(rows, expected_rows, strict=True):
        for (is_double, column), value, wanted in zip(columns, row, expected_row, strict=True):
            assert is_same(value, wanted, is_double), (name, column, row, expected_row)


def is_same(value, wanted, is_double):
    if is_double and None not in (value, wanted):
        return math.isclose(value, wanted, rel_tol=1e-12, abs_tol=1e-15)
    return value == wanted


def warnings_in(printed):
    return set(re.findall(r" WARN \d+ (\w+)", printed))


def is_of_parts(check, parts):
    """True if a check of `reconciliation` reads one of these parts."""
    return any(re.search(CHECKS_OF_PARTS[part], check) for part in parts)


def without_package(project):
    project["models"].pop("openai_costs")
    project["seeds"].pop("openai_costs")
    project.pop("vars")


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    raw = Raw(tmp_path_factory.mktemp("raw"))
    with pytest.MonkeyPatch.context() as world, AllApis(small_organizations()) as api:
        world.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        world.setenv("DLT_DATA_DIR", str(raw.warehouse.folder / "dlt"))
        for day, settings in LOADS.items():
            world.setattr("openai_costs_source.source.datetime", clock(day))
            keys = api.read_on(day)
            raw.warehouse.load(api, resources=RESOURCES, admin_key=keys, **settings)
            raw.copy()
        build_models(warehouse=raw.warehouse, OPENAI_COSTS_SEEDS=str(raw.seeds))
    return raw


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A git repository with the files of the working tree."""
    folder = tmp_path_factory.mktemp("repository")
    shutil.copytree(
        DBT_PROJECT,
        folder / "dbt_project",
        ignore=shutil.ignore_patterns("target", "logs", "dbt_packages"),
    )
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    for command in (("init", "-q"), ("add", "."), (*author, "commit", "-q", "-m", "Package")):
        subprocess.run(["git", *command], cwd=folder, check=True)
    subprocess.run(["git", "tag", "v1"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def consumer(raw, tmp_path_factory):
    """The project after `dbt deps` and a first build, which read the first load."""
    consumer = Consumer(tmp_path_factory.mktemp("consumer") / "analytics", raw)
    consumer.read(raw, load=0)
    consumer.dbt("deps")
    consumer.printed = consumer.dbt("build", "--show-all-deprecations")
    return consumer


def test_package_builds_and_passes_its_tests_without_a_warning_of_dbt(consumer):
    assert "[WARNING]" not in consumer.printed
    assert warnings_in(consumer.printed) <= KNOWN_WARNINGS
    nodes = consumer.manifest()
    assert nodes["disabled"].keys() == {"model.openai_costs.openai__time_spine"}
    assert len(re.findall(r"PASS \w+::\w+", consumer.printed)) == len(nodes["unit_tests"]) > 90


def test_schemas_and_the_raw_database_are_those_of_the_project(consumer):
    relations = {
        (node["package_name"], node["resource_type"], node["schema"])
        for node in consumer.manifest()["nodes"].values()
        if node["resource_type"] in ("model", "seed")
    }
    assert relations == {
        ("analytics", "model", "analytics_core"),
        ("analytics", "seed", "analytics_core"),
        ("openai_costs", "seed", "analytics_openai_inputs"),
        ("openai_costs", "model", "analytics_openai_inputs"),
        ("openai_costs", "model", "analytics_openai_work"),
        ("openai_costs", "model", "analytics_spend"),
    }
    sources = consumer.manifest()["sources"].values()
    assert {source["relation_name"].rsplit(".", 1)[0] for source in sources} == {
        '"billing"."openai_api"'
    }
    existing = consumer.rows("""
        select distinct schema_name from duckdb_tables() where database_name = 'analytics'
        union select distinct schema_name from duckdb_views()
        where database_name = 'analytics' and not internal
    """)
    assert {schema for (schema,) in existing} == {
        *{schema for _, _, schema in relations},
        "analytics_dbt",  # The snapshot's.
    }


def test_relations_of_the_project_keep_their_names(consumer):
    assert consumer.rows("select name from analytics_core.users") == [("Ann",)]
    assert consumer.rows("select name from analytics_core.projects") == [("Shop",)]
    assert consumer.rows("select * from analytics_core.reconciliation") == [("platform", 10)]
    assert consumer.rows("select count(*) > 0 from analytics_core.costs_of_teams") == [(True,)]


def test_second_build_replaces_no_day_and_changes_nothing(consumer):
    before = {name: consumer.mart(name) for name in MARTS}
    printed = consumer.dbt("build")
    assert warnings_in(printed) <= KNOWN_WARNINGS
    facts = consumer.sql_of_facts()
    assert len(facts) == 6
    assert {name for name, sql in facts.items() if "no day is replaced" not in sql} == set()
    for name in MARTS:
        assert_equal(name, consumer.mart(name), before[name])


def test_only_the_days_of_a_load_are_replaced(consumer, raw):
    first = consumer.rows("select min(date) from billing.openai_api.cost_days")[0][0]
    consumer.read(raw, load=1)
    consumer.dbt("build", "--exclude-resource-type", "unit_test")
    for name, sql in consumer.sql_of_facts().items():
        pruned = re.findall(r"date >= cast\('(\d{4}-\d\d-\d\d)' as date\)", sql)
        assert pruned, name
        assert min(pruned) > str(first), name


def test_all_marts_equal_ours_although_a_model_of_the_project_fails(consumer, raw):
    consumer.read(raw)
    failing = "{{ config(materialized='table') }} select error('') as failure"
    consumer.write("models/broken.sql", failing)
    consumer.dbt("build", succeeds=False)
    consumer.folder.joinpath("models/broken.sql").unlink()
    results = json.loads((consumer.folder / "target" / "run_results.json").read_text())["results"]
    failed = {
        result["unique_id"]
        for result in results
        if result["status"] in ("error", "fail", "skipped")
    }
    assert failed == {"model.analytics.broken"}
    # All days are marked as built, and as tested.
    assert consumer.rows("select * from analytics_openai_work.int_openai__days_to_build") == []
    for name in MARTS:
        assert_equal(name, consumer.mart(name), raw.mart(name))


def test_documentation_is_generated(consumer):
    consumer.dbt("docs", "generate")
    catalog = json.loads((consumer.folder / "target" / "catalog.json").read_text())
    assert "model.openai_costs.openai__daily_costs_by_team" in catalog["nodes"]
    assert "source.openai_costs.openai_raw.costs" in catalog["sources"]


def test_metrics_are_valid_and_read_the_time_spine_of_the_project(consumer):
    pytest.importorskip("dbt_metricflow", reason="pip install 'dbt-metricflow[dbt-duckdb]'")
    currencies = ("--group-by", "openai_charge__currency")
    days = ("--group-by", "metric_time__day", "--explain")
    commands = consumer.folder / "commands.json"
    commands.write_text(json.dumps({
        "valid": ["validate-configs"],
        "costs": ["query", "--metrics", "openai_unblended_cost", *currencies, "--csv", "costs.csv"],
        "spine": ["query", "--metrics", "openai_unblended_cost_month_to_date", *days],
    }))  # fmt: skip
    done = consumer.run(PROJECT / "tests" / "engines" / "mf_commands.py", commands)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ERRORS: 0, FUTURE_ERRORS: 0") == 6
    assert "analytics_core" in json.loads(commands.read_text())["spine"]
    expected = consumer.rows("""
        select BillingCurrency, cast(sum(BilledCost) as double)
        from analytics_spend.focus_costs group by all order by all
    """)
    with duckdb.connect() as connection:
        queried = connection.execute(f"from '{consumer.folder}/costs.csv' order by all").fetchall()
    assert len(expected) == 2
    assert [row[0] for row in queried] == [row[0] for row in expected]
    assert [row[1] for row in queried] == pytest.approx([row[1] for row in expected], rel=1e-9)


@pytest.mark.parametrize("disabled", [*([part] for part in PARTS), PARTS], ids="-".join)
def test_parts_can_be_disabled(disabled, raw, repository, tmp_path):
    package = None
    if disabled == PARTS:
        package = {
            "git": f"file://{repository}", "subdirectory": "dbt_project", "revision": "v1"
        }  # fmt: skip
    consumer = Consumer(tmp_path / "analytics", raw, package)
    if package:
        # In an installed copy, a relative path starts at the package's folder.
        consumer.seeds = "../../openai_seeds"
    variables = {f"{part}_enabled": False for part in disabled}
    consumer.change_project(lambda project: project["vars"]["openai_costs"].update(variables))
    consumer.dbt("deps")
    printed = consumer.dbt("build", "--show-all-deprecations")
    assert "[WARNING]" not in printed
    assert warnings_in(printed) <= KNOWN_WARNINGS
    missing = set.union(*(MARTS_OF_PARTS[part] for part in disabled))
    built = consumer.rows("""
        select view_name from duckdb_views()
        where database_name = 'analytics' and schema_name = 'analytics_spend'
    """)
    assert {name for (name,) in built} == MARTS - missing
    for name in MARTS - missing - {"reconciliation"}:
        assert_equal(name, consumer.mart(name), raw.mart(name))
    checks = "select distinct check_name from {}.reconciliation"
    expected = {check for (check,) in raw.warehouse.rows(checks.format("openai_marts"))}
    assert {check for (check,) in consumer.rows(checks.format("analytics_spend"))} == {
        check for check in expected if not is_of_parts(check, disabled)
    }
    # The days are marked as built and checked without the part.
    assert consumer.rows("select * from analytics_openai_work.int_openai__days_to_build") == []
    manifest = consumer.manifest()
    has_metrics = {name.split(".")[1] for name in manifest["metrics"]} == {"openai_costs"}
    assert has_metrics == ("semantic_layer" not in disabled)


def test_models_of_the_project_run_the_same_sql_as_without_the_package(raw, tmp_path):
    def let_packages_replace_materializations(project):
        flag = "require_explicit_package_overrides_for_builtin_materializations"
        project["flags"][flag] = False

    def sql_of_two_builds(consumer):
        # The second build runs the incremental model on its table.
        for _ in range(2):
            consumer.dbt("build", "--select", "package:analytics", "--exclude", "tag:openai")
        target = consumer.folder / "target" / "run" / "analytics"
        paths = {path.relative_to(target): path for path in target.rglob("*.sql")}
        # The names of temporary tables end with the time.
        return {
            str(name): re.sub(r"__dbt_tmp\d+", "__dbt_tmp", path.read_text())
            for name, path in paths.items()
        }

    with_package = Consumer(tmp_path / "with", raw)
    with_package.change_project(let_packages_replace_materializations)
    with_package.dbt("deps")

    without = Consumer(tmp_path / "without", raw)
    without.change_project(without_package)
    without.write("packages.yml", {"packages": []})
    shutil.rmtree(without.folder / "models" / "openai")

    sql = sql_of_two_builds(with_package)
    assert sql == sql_of_two_builds(without)
    assert {Path(name).stem for name in sql} >= set(OWN_MODELS)


def test_models_of_the_project_are_built_in_a_warehouse_without_openai_data(raw, tmp_path):
    consumer = Consumer(tmp_path / "analytics", raw)
    consumer.folder.joinpath("billing.duckdb").unlink()
    duckdb.connect(str(consumer.folder / "billing.duckdb")).close()
    consumer.dbt("deps")
    assert "[WARNING]" not in consumer.dbt("build", "--select", "users")
    printed = consumer.dbt("build", succeeds=False)
    assert "No costs are loaded in the schema openai_api of billing" in printed
    assert consumer.rows("select name from analytics_core.projects") == [("Shop",)]


def test_time_spine_and_schemas_without_settings_of_the_project(raw, tmp_path):
    def parsed(change):
        consumer.change_project(change)
        consumer.dbt("parse", "--no-partial-parse")
        spines = json.loads((consumer.folder / "target" / "semantic_manifest.json").read_text())[
            "project_configuration"
        ]
        used = [each["node_relation"]["alias"] for each in spines["time_spines"]]
        legacy = [each["location"] for each in spines["time_spine_table_configurations"]]
        nodes = consumer.manifest()["nodes"]
        return used, legacy, nodes["model.openai_costs.openai__users"]

    consumer = Consumer(tmp_path / "analytics", raw)
    consumer.dbt("deps")

    # The project's time spine has no YAML, as in older projects; dbt's own macro names schemas.
    consumer.folder.joinpath("models/models.yml").unlink()
    consumer.folder.joinpath("macros/generate_schema_name.sql").unlink()
    used, legacy, users = parsed(lambda project: None)
    assert (used, legacy) == ([], ['"analytics"."dbt_core"."metricflow_time_spine"'])
    assert users["schema"] == "dbt_spend"

    # The project has no time spine: ours is used.
    consumer.folder.joinpath("models/metricflow_time_spine.sql").unlink()
    assert parsed(lambda project: None)[:2] == (["openai__time_spine"], [])

    # The project's time spine has another name.
    consumer.write("models/calendar.sql", "select date '2026-01-01' as date_day")
    consumer.write("models/calendar.yml", {"models": [{
        "name": "calendar",
        "time_spine": {"standard_granularity_column": "date_day"},
        "columns": [{"name": "date_day", "granularity": "day"}],
    }]})  # fmt: skip
    assert parsed(lambda project: None)[:2] == (["calendar"], [])

    # All layers in one schema, with other names for tables that the project has too.
    def in_one_schema(project):
        project["vars"]["openai_costs"]["time_spine_enabled"] = True
        project["models"] = {"openai_costs": {
            "+schema": "all",
            "marts": {
                f"openai__{name}": {"+alias": f"openai_{name}"}
                for name in ("users", "projects", "api_keys", "reconciliation")
            },
        }, "analytics": {"+schema": "all"}}  # fmt: skip
        project["seeds"] = {"openai_costs": {
            name: {"+alias": f"openai_{name}"} for name in ("teams", "invoices", "budgets")
        }, "+schema": "all"}  # fmt: skip

    used, _, users = parsed(in_one_schema)
    assert sorted(used) == ["calendar", "openai__time_spine"]
    assert (users["schema"], users["alias"]) == ("dbt_all", "openai_users")
