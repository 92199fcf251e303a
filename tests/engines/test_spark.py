"""A lake: dlt writes Parquet files, and Spark builds of them the very marts that DuckDB has."""

import json
import math
from datetime import date
from itertools import zip_longest

import dlt
import duckdb
import pytest
from conftest import PROJECT, TODAY, DemoApi, Warehouse, days_ago, lacks, run, run_pipeline
from spark import Spark, missing
from test_incremental import FACTS, build
from test_source import charge

from command.models import DAILY
from openai_costs_source import openai_costs
from openai_costs_source.demo import Organization
from openai_costs_source.demo_api import DEMO_ADMIN_KEY
from reporting.summary import exact

RESTATED, EMPTIED, UNTOUCHED = days_ago(4), days_ago(6), days_ago(9)
# A price that is derived is a ratio too, whose last digits engines tell differently.
RATIOS = {
    "ContractedUnitPrice",
    "ListUnitPrice",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyListUnitPrice",
}


class Lake:
    """A folder that dlt loads into, and the Spark that builds the models over it."""

    def __init__(self, folder, spark):
        self.folder, self.spark = folder, spark
        self.bucket = folder / "lake"
        self.environment = {
            "DESTINATION__FILESYSTEM__BUCKET_URL": self.bucket.as_uri(),
            "SPARK_THRIFT_HOST": "127.0.0.1",
            "SPARK_THRIFT_PORT": str(spark.port),
            "SPARK_THRIFT_POLL": "0",
            "DBT_TARGET_PATH": str(folder / "target"),
        }

    def load(self, api, **settings):
        """Whoever loads next remembers nothing but what the lake does. Gives the load's id."""
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

    def build(self, *arguments):
        project = PROJECT / "dbt_project"
        folders = ("--project-dir", project, "--profiles-dir", project)
        given = ("build", "--target", "filesystem", "--exclude-resource-type", "unit_test")
        built = run(
            *("-m", "dbt.cli.main", *given, *arguments, *folders),
            cwd=self.folder,
            timeout=1200,
            **self.environment,
        )
        assert built.returncode == 0, built.stdout
        return built.stdout

    def files(self, fact, day):
        """The files of a fact's day, which a name of their own tells from others."""
        table = self.spark.warehouse / "openai_intermediate.db" / fact
        return sorted(table.glob(f"organization_id=*/date={day}/*.parquet"))


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    if reason := missing():
        lacks(reason)
    with Spark(tmp_path_factory.mktemp("spark")) as spark:
        yield spark


@pytest.fixture(scope="module")
def both(spark, tmp_path_factory):
    """The whole demo organization in a lake and in DuckDB, and the models of each."""
    with pytest.MonkeyPatch.context() as world:
        world.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        folder = tmp_path_factory.mktemp("both")
        world.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        lake, warehouse = Lake(folder, spark), Warehouse(folder)
        with DemoApi(Organization(TODAY), overrides={}) as api:
            lake.load(api)
            warehouse.load(api, resources=None)
            lake.told = lake.build()
            build(warehouse)
            yield api, lake, warehouse


def assert_equal(lake, warehouse):
    """Each mart's rows, to the last digit; ratios as far as engines divide alike."""
    marts = warehouse.rows("""
        select table_name from information_schema.tables where table_schema = 'openai_marts'
    """)
    assert len(marts) >= 12
    differing = {}
    for (mart,) in marts:
        names, found = lake.spark.rows(f"select * from openai_marts.{mart}")
        described = warehouse.rows(f"describe openai_marts.{mart}")
        assert names == [name for name, *_ in described]
        are_ratios = [name in RATIOS or type == "DOUBLE" for name, type, *_ in described]
        told = in_order(found, are_ratios)
        wanted = in_order(warehouse.rows(f"from openai_marts.{mart}"), are_ratios)
        differing[mart] = [pair for pair in zip_longest(told, wanted) if not is_same(*pair)][:2]
    assert {mart: pairs for mart, pairs in differing.items() if pairs} == {}


def is_same(told, wanted):
    return bool(told and wanted) and told[0] == wanted[0] and all(map(is_close, told[1], wanted[1]))


def is_close(told, wanted):
    if told is None or wanted is None:
        return told is wanted
    return math.isclose(told, wanted, rel_tol=1e-12)


def in_order(rows, are_ratios):
    """Each row as what is compared exactly and its ratios."""
    split = [
        (
            tuple(v for v, is_ratio in zip(row, are_ratios, strict=True) if not is_ratio),
            tuple(v for v, is_ratio in zip(row, are_ratios, strict=True) if is_ratio),
        )
        # PyHive leaves days texts.
        for row in (tuple(plain(value) for value in row) for row in rows)
    ]
    return sorted(split, key=lambda row: repr(row))


def plain(value):
    return str(value) if type(value) is date else value


def test_marts_of_a_lake_equal_those_of_duckdb(both):
    api, lake, warehouse = both
    assert "ERROR=0" in lake.told
    assert_equal(lake, warehouse)
    days = "select min(date), max(date) from openai_marts.daily_costs_by_project"
    assert lake.spark.rows(days)[1] == [(str(api.organization.earliest), str(TODAY))]


def test_lake_follows_what_was_loaded_later_and_completely(both):
    api, lake, warehouse = both
    before = {fact: lake.files(fact, UNTOUCHED) for fact in FACTS}
    was_emptied = lake.files("int_daily_spend", EMPTIED)
    was_restated = lake.files("int_daily_spend", RESTATED)
    api.overrides[RESTATED] = [charge("1.25", "gpt-6-new, output"), charge("-2", "refund")]
    api.overrides[EMPTIED] = []
    api.organization.projects[0]["name"] = "Renamed"
    lake.load(api, since=days_ago(7), until=days_ago(3))
    assert len(lake.loads()) == 2
    warehouse.load(api, resources=None, since=days_ago(7), until=days_ago(3))
    # Of a load that was killed, the files are there, and dlt's note that it is complete is not.
    api.overrides[UNTOUCHED] = [charge("1000000")]
    api.organization.projects[0]["name"] = "Never told"
    killed = lake.load(api, since=UNTOUCHED, until=days_ago(8))
    (note,) = [path for path in lake.loads() if json.loads(path.read_text())["load_id"] == killed]
    note.unlink()
    # What a load can change, as the command builds it.
    lake.build("--indirect-selection", "empty", "--select", *DAILY)
    build(warehouse)
    assert_equal(lake, warehouse)
    assert warehouse.value("select count(*) from openai_marts.restatements") == 2
    assert {fact: lake.files(fact, UNTOUCHED) for fact in FACTS} == before
    assert all(before.values())
    assert was_emptied
    assert not lake.files("int_daily_spend", EMPTIED)
    assert not set(was_restated) & set(lake.files("int_daily_spend", RESTATED))


def test_commands_work_on_a_lake(tmp_path, tmp_path_factory, organization):
    if reason := missing():
        lacks(reason)
    with DemoApi(organization) as api, Spark(tmp_path_factory.mktemp("spark")) as spark:
        settings = {
            "OPENAI_ADMIN_KEY": DEMO_ADMIN_KEY,
            "OPENAI_BASE_URL": api.base_url,
            **Lake(tmp_path, spark).environment,
        }

        def command(*arguments):
            given = (*arguments, "--destination", "filesystem")
            done = run_pipeline(*given, cwd=tmp_path, timeout=1200, **settings)
            assert done.returncode == 0, done.stderr
            return done.stdout

        summary = command("--since", str(days_ago(2)))
        whole = spark.rows("select sum(BilledCost), count(*) from openai_marts.focus_costs")[1]
        assert f"exactly {exact(whole[0][0])}" in summary
        assert f"3, {days_ago(2)} to {TODAY}" in command("status")
        assert f"exactly {exact(whole[0][0])} USD" in command("export", "--to", "focus")
        files = duckdb.sql(f"select sum(BilledCost), count(*) from '{tmp_path}/focus/*.parquet'")
        assert files.fetchall() == whole
        assert "Its profile is found" in command("check")
