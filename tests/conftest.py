"""Real parts for the tests: the simulated organization over HTTP, and a DuckDB file each."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dlt
import duckdb
import pytest

from openai_costs_source import openai_costs
from openai_costs_source.demo import Organization
from openai_costs_source.demo_api import DEMO_ADMIN_KEY, DemoApi

PROJECT = Path(__file__).resolve().parent.parent
TODAY = datetime.now(UTC).date()
SETTINGS = ("OPENAI_", "SOURCES__", "DESTINATION_", "DBT_", "RUNTIME__", "SPARK_", "ALERTS__")
OURS = ("DBT_TARGET_PATH", "DBT_LOG_PATH")


LONGEST = (
    "test_spark",
    "test_dialects",
    "test_traps",
    "test_schedule",
    "test_alerts",
    "test_report",
)


def pytest_collection_modifyitems(items):
    """The files that take longest begin first: the last would keep all other workers waiting."""
    items.sort(key=lambda item: [*LONGEST, item.path.stem].index(item.path.stem))


@pytest.fixture(scope="session", autouse=True)
def own_dbt_target(tmp_path_factory):
    """Tests run side by side, and dbt writes what it compiled into one folder."""
    folder = tmp_path_factory.mktemp("dbt")
    os.environ["DBT_TARGET_PATH"] = str(folder / "target")
    os.environ["DBT_LOG_PATH"] = str(folder / "logs")


@pytest.fixture(autouse=True)
def own_world(monkeypatch, tmp_path):
    """No setting of this machine reaches a test, and no test leaves anything behind."""
    for name in list(os.environ):
        if name.startswith(SETTINGS) and name not in OURS:
            monkeypatch.delenv(name)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def organization():
    return Organization(TODAY)


@pytest.fixture
def api(organization):
    with DemoApi(organization, overrides={}) as api:
        yield api


def lacks(program):
    """This machine has no such program: the test is skipped, or fails where none may be."""
    if os.environ.get("TESTS_MAY_SKIP") == "no":
        pytest.fail(f"{program}, and no test may be skipped here.")
    pytest.skip(f"{program}.")


FEW = ("costs", "projects", "users", "service_accounts", "api_keys")


class Warehouse:
    """A DuckDB file, loaded through a pipeline that knows nothing but that file."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "warehouse.duckdb"

    def load(self, api, resources=FEW, **settings):
        """Costs and names alone, unless other resources are named; None: all of them."""
        self.runs = getattr(self, "runs", 0) + 1
        pipeline = dlt.pipeline(
            "openai_costs",
            destination=dlt.destinations.duckdb(str(self.path)),
            dataset_name="openai_raw",
            pipelines_dir=str(self.folder / f"pipelines{self.runs}"),
        )
        given = {
            "admin_key": DEMO_ADMIN_KEY,
            "base_url": api.base_url,
            "max_wait_seconds": 3,
            **settings,
        }
        source = openai_costs(**{name: value for name, value in given.items() if value is not None})
        source = source.with_resources(*resources) if resources else source
        return pipeline.run(source, loader_file_format="parquet")

    def rows(self, sql):
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def value(self, sql):
        return self.rows(sql)[0][0]


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path)


def days_ago(days):
    return TODAY - timedelta(days=days)


def run(*arguments, cwd, timeout=300, **environment):
    """Run a command of the project the way a person does; its exit code and what it printed."""
    settings = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS) or k in OURS}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**settings, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )


def run_pipeline(*arguments, cwd, **environment):
    return run(PROJECT / "pipeline.py", *arguments, cwd=cwd, **environment)


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """One run of the demo: the folder it ran in, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, run_pipeline("--demo", cwd=folder)
