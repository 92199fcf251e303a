"""A lake: Spark builds the same marts from dlt's Parquet files as DuckDB builds."""

import json
import math
import shutil
from datetime import date
from itertools import zip_longest

import dlt
import duckdb
import pytest
from conftest import TODAY, SimulatedApi, Warehouse, days_ago, known
from parsed_project import ParsedProject
from running import PROJECT, dbt, run_pipeline, run_process
from spark import Spark, missing
from test_incremental import FACTS
from test_postgres import COMPARED_CHECKS
from test_source import charge

from openai_costs.commands.models import DAILY
from openai_costs.reports.amounts import exact
from openai_costs_source import openai_costs
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY
from openai_costs_source.simulator.organization import Organization
from openai_costs_source.simulator.seeds import write_seeds

# The last week, and the anomaly nine days ago with the weekdays that it is compared with. Each day
# of a fact is at least one file, and Hadoop starts a process to set the permissions of each file.
DAYS = {days_ago(age) for age in (*range(8), 9, 16, 23, 30, 37)}
RESTATED, EMPTIED, UNTOUCHED = days_ago(4), days_ago(6), days_ago(9)
# For each data test, Spark plans all views again, which takes longer than building all models.
DATA_TESTS = (
    "reconciliation_follows_its_checks",
    "reconciliation_is_exact",
    "charges_follow_focus",
    "raw_rows_equal_ledger_and_charges",
)
# A derived price is a ratio too, and engines differ in the last digits of ratios.
RATIOS = {
    "ContractedUnitPrice",
    "ListUnitPrice",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyListUnitPrice",
}


class FewDays(Organization):
    """The demo organization with charges on these days only."""

    def charges(self, day):
        return super().charges(day) if day in DAYS else []


class Lake:
    """A folder that dlt loads into, and the Spark server that builds the models from it."""

    def __init__(self, folder, spark):
        self.folder, self.spark = folder, spark
        self.bucket = folder / "lake"
        self.environment = {
            "DESTINATION__FILESYSTEM__BUCKET_URL": self.bucket.as_uri(),
            "SPARK_THRIFT_HOST": "127.0.0.1",
            "SPARK_THRIFT_PORT": str(spark.port),
            "SPARK_THRIFT_POLL": "0",
        }

    def load(self, api, **settings):
        """Load without local state; return the id of the load."""
        pipeline = dlt.pipeline(
            "openai_costs",
            destination=dlt.destinations.filesystem(self.bucket.as_uri()),
            dataset_name="openai_raw",
            pipelines_dir=str(self.folder / f"pipelines{len(self.loads())}"),
        )
        source = openai_costs(DEMO_ADMIN_KEY, api.base_url, **settings)
        return pipeline.run(source, loader_file_format="parquet").loads_ids[0]

    def loads(self):
        return list(self.bucket.glob("openai_raw/_dlt_loads/*.jsonl"))

    def files(self, fact, day):
        """Return the files of one day of a fact. A rewritten file has another name."""
        table = self.spark.warehouse / "openai_intermediate.db" / fact
        return sorted(table.glob(f"organization_id=*/date={day}/*.parquet"))


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    if reason := missing():
        pytest.skip(f"{reason}.")
    with Spark(tmp_path_factory.mktemp("spark")) as spark:
        yield spark


class Both:
    """The demo organization in a lake, loaded and modelled by the command, and in DuckDB."""

    def __init__(self, api, lake, warehouse, seeds):
        self.api, self.lake, self.warehouse = api, lake, warehouse
        self.seeds = {"OPENAI_COSTS_SEEDS": str(seeds)}
        self.settings = {
            **known(api),
            **self.seeds,
            **lake.environment,
            "DBT_TARGET_PATH": str(lake.folder / "target"),
        }
        pipeline = project_with_few_tests(lake.folder) / "pipeline.py"
        arguments = ("--since", min(DAYS), "--destination", "filesystem")
        self.first_run = run_process(
            pipeline, *arguments, cwd=lake.folder, timeout=1200, **self.settings
        )
        assert self.first_run.returncode == 0, self.first_run.stdout + self.first_run.stderr
        self.project = ParsedProject("filesystem", lake.folder, {**self.seeds, **lake.environment})

    def build_in_duckdb(self):
        without_tests = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
        built = dbt("build", *without_tests, warehouse=self.warehouse, **self.seeds)
        assert built.returncode == 0, built.stdout


def project_with_few_tests(folder):
    """A copy of this project with few data tests in its dbt project."""
    project = folder / "project"
    for name in ("openai_costs", "openai_costs_source", "dbt_project"):
        leftovers = shutil.ignore_patterns("target", "logs", "__pycache__")
        shutil.copytree(PROJECT / name, project / name, ignore=leftovers)
    shutil.copy(PROJECT / "pipeline.py", project)
    # dbt_project.yml does not disable a test with a config in its own file.
    for file in (project / "dbt_project/tests").glob("*.sql"):
        if file.stem not in DATA_TESTS:
            file.unlink()
    enabled = "".join(f"    {test}: {{+enabled: true}}\n" for test in DATA_TESTS)
    with (project / "dbt_project" / "dbt_project.yml").open("a") as file:
        file.write(f"\ndata_tests:\n  openai_costs:\n    +enabled: false\n{enabled}")
    return project


@pytest.fixture(scope="module")
def both(spark, tmp_path_factory):
    with pytest.MonkeyPatch.context() as world:
        world.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        folder = tmp_path_factory.mktemp("both")
        world.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        organization = FewDays(TODAY)
        write_seeds(organization, folder / "seeds")
        with SimulatedApi(organization, overrides={}) as api:
            yield Both(api, Lake(folder, spark), Warehouse(folder), folder / "seeds")


def assert_equal(lake, warehouse):
    """Check that no mart is empty, exact values are equal, and ratios differ by at most 1e-12."""
    marts = warehouse.rows("""
        select table_name from information_schema.tables where table_schema = 'openai_marts'
    """)
    assert len(marts) >= 12
    differing = {}
    for (mart,) in marts:
        only = f" where {COMPARED_CHECKS}" if mart == "reconciliation" else ""
        names, actual = lake.spark.rows(f"select * from openai_marts.{mart}{only}")
        described = warehouse.rows(f"describe openai_marts.{mart}")
        assert names == [name for name, *_ in described]
        are_ratios = [name in RATIOS or type == "DOUBLE" for name, type, *_ in described]
        # An effect of zero may be a rounding error, as the effects add up to an amount.
        absolute = 1e-9 if mart == "cost_anomalies" else 0
        rows = in_order(actual, are_ratios)
        expected = in_order(warehouse.rows(f"from openai_marts.{mart}{only}"), are_ratios)
        pairs = zip_longest(rows, expected)
        differing[mart] = [pair for pair in pairs if not same(*pair, absolute)][:2]
        assert rows, mart
    assert {mart: pairs for mart, pairs in differing.items() if pairs} == {}


def same(row, expected, absolute):
    if not (row and expected) or row[0] != expected[0]:
        return False
    return all(
        ratio is twin if None in (ratio, twin)
        else math.isclose(ratio, twin, rel_tol=1e-12, abs_tol=absolute)
        for ratio, twin in zip(row[1], expected[1], strict=True)
    )  # fmt: skip


def in_order(rows, are_ratios):
    """Return the sorted rows, each as a pair: its exact values and its ratios."""
    split = [
        (
            tuple(v for v, is_ratio in zip(row, are_ratios, strict=True) if not is_ratio),
            tuple(v for v, is_ratio in zip(row, are_ratios, strict=True) if is_ratio),
        )
        # PyHive returns dates as text.
        for row in (tuple(plain(value) for value in row) for row in rows)
    ]
    return sorted(split, key=lambda row: repr(row))


def plain(value):
    return str(value) if type(value) is date else value


def test_commands_work_on_a_lake(both, tmp_path):
    def command(*arguments):
        arguments = (*arguments, "--destination", "filesystem")
        done = run_pipeline(*arguments, cwd=tmp_path, **both.settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    total, rows = both.lake.spark.rows(
        "select sum(BilledCost), count(*) from openai_marts.focus_costs"
    )[1][0]
    assert f"exactly {exact(total)}" in both.first_run.stdout
    logged = both.lake.spark.rows("select tests_passed, exit_code from openai_raw.runs")[1]
    assert logged[0] == (len(DATA_TESTS), 0)
    assert f"38, {min(DAYS)} to {TODAY}" in command("status")
    assert f"exactly {exact(total)} USD" in command("export", "--to", "focus")
    files = duckdb.sql(f"select sum(BilledCost), count(*) from '{tmp_path}/focus/*.parquet'")
    assert files.fetchall() == [(total, rows)]
    assert "Its profile was found" in command("check")


def test_spark_accepts_every_data_test(both):
    compiled = both.project.run("compile", "--select", "resource_type:test")
    assert len(compiled.results) > 60
    for result in compiled.results:
        columns = both.lake.spark.rows(f"describe query {result.node.compiled_code}")[1]
        assert columns, result.node.name


def test_lake_follows_later_loads_and_equals_duckdb(both):
    api, lake, warehouse = both.api, both.lake, both.warehouse
    warehouse.load(api, resources=None, since=min(DAYS))
    # The first build had fewer tests, so the second one checks all days again.
    kept_facts = [fact for fact in FACTS if fact != "int_openai__daily_checks"]
    before = {fact: lake.files(fact, UNTOUCHED) for fact in kept_facts}
    files_of_emptied_day = lake.files("int_openai__daily_costs_by_identity", EMPTIED)
    files_of_restated_day = lake.files("int_openai__daily_costs_by_identity", RESTATED)
    api.overrides[RESTATED] = [charge("1.25", "gpt-6-new, output"), charge("-2", "refund")]
    api.overrides[EMPTIED] = []
    api.organization.projects[0]["name"] = "Renamed"
    lake.load(api, since=days_ago(7), until=days_ago(3))
    assert len(lake.loads()) == 2
    warehouse.load(api, resources=None, since=days_ago(7), until=days_ago(3))
    # A killed load leaves its files, without dlt's record that it is complete.
    api.overrides[UNTOUCHED] = [charge("1000000")]
    api.organization.projects[0]["name"] = "Never loaded"
    killed = lake.load(api, since=UNTOUCHED, until=days_ago(8))
    (record,) = [path for path in lake.loads() if json.loads(path.read_text())["load_id"] == killed]
    record.unlink()
    # The models that the command builds after a load.
    models = ("--indirect-selection", "empty", "--select", *DAILY)
    both.project.build(*models, "--exclude", "resource_type:test")
    both.build_in_duckdb()
    # Days that the second load did not replace are unchanged.
    assert_equal(lake, warehouse)
    days = "select min(date), max(date) from openai_marts.daily_costs_by_project"
    assert lake.spark.rows(days)[1] == [(str(min(DAYS)), str(TODAY))]
    assert warehouse.value("select count(*) from openai_marts.restatements") == 2
    assert {fact: lake.files(fact, UNTOUCHED) for fact in kept_facts} == before
    assert all(before.values())
    assert files_of_emptied_day
    assert not lake.files("int_openai__daily_costs_by_identity", EMPTIED)
    assert not set(files_of_restated_day) & set(
        lake.files("int_openai__daily_costs_by_identity", RESTATED)
    )


def test_models_are_built_on_a_standalone_cluster(both, tmp_path_factory):
    with Spark(tmp_path_factory.mktemp("cluster"), clustered=True) as cluster:
        both.project.build(
            "--select", "+openai__daily_costs_by_project", "--exclude", "resource_type:test",
            SPARK_THRIFT_PORT=str(cluster.port),
        )  # fmt: skip
        mart = "select * from openai_marts.daily_costs_by_project"
        rows = sorted(map(repr, cluster.rows(mart)[1]))
        assert rows
        assert rows == sorted(map(repr, both.lake.spark.rows(mart)[1]))
