"""Fixtures of all tests: the simulated API over HTTP, and a DuckDB file for each test."""

import gc
import itertools
import json
import os
import pickle
import resource
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from weakref import WeakKeyDictionary

import dlt
import duckdb
import pytest
from forking import Forking
from hypothesis import settings
from running import OURS, SETTINGS, once, run_pipeline, run_pipeline_process

from openai_costs_source import openai_costs
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY, SimulatedApi
from openai_costs_source.simulator.buckets import BucketRequest
from openai_costs_source.simulator.organization import Organization

TODAY = datetime.now(UTC).date()

# `pytest --hypothesis-profile thorough` tries many more examples.
# The same examples in each run: `thorough` is the profile that searches for new ones.
settings.register_profile("quick", max_examples=60, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.load_profile("quick")

LONGEST = (
    *("test_spark", "test_postgres", "test_dialects"),
    *(
        "test_faults",
        "test_failure_modes",
        "test_models",
        "test_redaction",
        "test_usage",
        "test_source",
    ),
)


def pytest_collection_modifyitems(items):
    """Run the longest test files first: at the end, all other workers would wait for them."""
    items.sort(key=lambda item: [*LONGEST, item.path.stem].index(item.path.stem))


def cpu_seconds():
    """Return the user and system time of this process and of its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


CPU_SECONDS = pytest.StashKey[float]()
MAY_SKIP = os.environ.get("TESTS_MAY_SKIP") != "no"


def pytest_configure(config):
    config.stash[CPU_SECONDS] = cpu_seconds()
    # Collect garbage less often: parsed models and load schemas are many objects that stay.
    gc.set_threshold(200_000, 50, 1000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Add the CPU seconds of each phase of a test to its report.

    With TESTS_MAY_SKIP=no, a skipped test fails, except test_focus_rules.py without FOCUS_RULES.
    """
    report = yield
    lacks_rules = item.path.stem == "test_focus_rules" and "FOCUS_RULES" not in os.environ
    if report.skipped and not MAY_SKIP and not lacks_rules:
        report.outcome = "failed"
    now = cpu_seconds()
    report.user_properties.append(("cpu_seconds", now - item.config.stash[CPU_SECONDS]))
    item.config.stash[CPU_SECONDS] = now
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """With TESTS_MAY_SKIP=no, a file that is skipped as a whole fails."""
    report = yield
    if report.skipped and not MAY_SKIP:
        report.outcome = "failed"
    return report


def pytest_terminal_summary(terminalreporter):
    """Print the CPU seconds of the whole run, and its slowest tests."""
    cpu, wall = Counter(), Counter()
    for report in itertools.chain(*terminalreporter.stats.values()):
        for name, value in getattr(report, "user_properties", ()):
            if name == "cpu_seconds":
                cpu[report.nodeid] += value
                wall[report.nodeid] += report.duration
    terminalreporter.section(f"{cpu_seconds():.0f} CPU seconds; the ten slowest tests")
    for test, seconds in cpu.most_common(10):
        terminalreporter.line(f"{seconds:6.1f} CPU s {wall[test]:6.1f} s  {test}")
    if path := os.environ.get("TEST_CPU_JSON"):
        Path(path).write_text(json.dumps(cpu))


@pytest.fixture(scope="session", autouse=True)
def own_dbt_target(tmp_path_factory):
    """Give each worker its own folder for what dbt writes, because tests run in parallel."""
    folder = tmp_path_factory.mktemp("dbt")
    os.environ["DBT_TARGET_PATH"] = str(folder / "target")
    os.environ["DBT_LOG_PATH"] = str(folder / "logs")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["TESTS_SHARED_FOLDER"] = str(shared)


@pytest.fixture(autouse=True)
def own_world(monkeypatch, tmp_path):
    """Run each test in its own folder and without the settings of this machine."""
    for name in list(os.environ):
        if name.startswith(SETTINGS) and name not in OURS:
            monkeypatch.delenv(name)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    # Without this setting, each test of a locked warehouse would wait for a minute.
    monkeypatch.setenv("WAREHOUSE__LOCK_TIMEOUT_SECONDS", "0")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def organization():
    return ShortHistory()


class ShortHistory(Organization):
    """The demo organization with only 75 days, for tests that need no longer history."""

    def __init__(self, today=TODAY):
        super().__init__(today)
        self.earliest = today - timedelta(days=75)


class RememberingApi(SimulatedApi):
    """Caches days of costs and pages of usage, for an organization that no test changes."""

    _made: ClassVar = WeakKeyDictionary()

    def _cost_rows(self, dimensions, query, day):
        rows = super()._cost_rows(dimensions, query, day)
        if day in self.overrides:
            return rows
        values = query.values.items()
        key = (day, *((k, *v) for k, v in values if k not in BucketRequest.PARAMETERS))
        return self._once(key, lambda: list(rows))

    def _usage(self, name, sent):
        page = super()._usage
        if self.overrides:
            return page(name, sent)
        request = (name, repr(sent), self.failure_modes, self.days_per_page)
        return self._once(request, lambda: page(name, sent))

    def _once(self, request, make):
        made = self._made.setdefault(self.organization, {})
        if request not in made:
            made[request] = make()
        return made[request]


@pytest.fixture
def api(organization):
    with RememberingApi(organization, overrides={}) as api:
        yield api


# The resources that load fast: costs and names, without usage.
FEW = ("costs", "projects", "users", "service_accounts", "api_keys")


def complete_models(connection):
    """Create the relations that make the models look complete to the commands."""
    connection.execute("create schema if not exists openai_intermediate")
    connection.execute("""
        create view openai_intermediate.int_openai__loaded_days as
        select organization_id, date, 'costs' as kind, loaded_at, 'now' as built_by,
            'now' as checked_by
        from openai_raw.cost_days
    """)
    connection.execute("""
        create table openai_intermediate.int_openai__days_to_build
        (fact text, organization_id text, date date)
    """)
    connection.execute("""
        create table if not exists openai_raw.runs
        (ended_at timestamp, checked_by text, project_files text, inputs text)
    """)


def last_run(warehouse):
    """The last row of the run log, by column."""
    with duckdb.connect(str(warehouse.path), read_only=True) as connection:
        rows = connection.execute("from openai_raw.runs order by ended_at desc limit 1")
        names = [column[0] for column in rows.description]
        return dict(zip(names, rows.fetchone(), strict=True))


class Warehouse:
    """A DuckDB file; each load uses a new pipeline without local state."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "openai_costs.duckdb"

    def load(self, api, resources=("costs",), **settings):
        """Load these resources, by default only costs; None loads all."""
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
        # As in the command, DuckDB stays open, so that dlt's jobs do not each open it.
        with duckdb.connect(str(self.path)):
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


@pytest.fixture(scope="session")
def forking():
    with Forking() as forking:
        yield forking


OF_ANOTHER_PROJECT = {
    "DBT_EMPTY": "true",
    "DBT_TARGET": "prod",
    "DBT_RESOURCE_TYPES": "model",
    "DBT_ENGINE_EXCLUDE_RESOURCE_TYPES": "test",
    "DBT_ENGINE_INDIRECT_SELECTION": "empty",
}
"""dbt's environment variables that a CI job may set; none of them may change a run."""


@pytest.fixture(scope="session")
def demo():
    """The folder and the completed process of one run of the demo."""
    with once("demo") as folder:
        done = folder / "done.pickle"
        if not done.exists():
            run = run_pipeline_process("--demo", cwd=folder, **OF_ANOTHER_PROJECT)
            done.write_bytes(pickle.dumps(run))
        return folder, pickle.loads(done.read_bytes())


@pytest.fixture(scope="session")
def ten_days(organization):
    """A warehouse with ten days and today, with all usage and the models, which no test may change.

    `printed` is the completed process of the command that loaded and built it.
    """
    with once("ten_days") as folder, RememberingApi(organization, overrides={}) as api:
        warehouse, done = Warehouse(folder), folder / "done.pickle"
        if not done.exists():
            since = {"SOURCES__OPENAI_COSTS__START_DATE": str(days_ago(10))}
            done.write_bytes(pickle.dumps(run_pipeline(cwd=folder, **known(api), **since)))
        warehouse.printed = pickle.loads(done.read_bytes())
        assert warehouse.printed.returncode == 0, warehouse.printed.stderr
        return warehouse


@pytest.fixture
def own_ten_days(ten_days, tmp_path):
    """A copy of the warehouse `ten_days`, which a test may change."""
    shutil.copy(ten_days.path, tmp_path)
    return Warehouse(tmp_path)


def known(api):
    """Return the settings of the command for this API: its URL and a valid key."""
    return {"OPENAI_ADMIN_KEY": DEMO_ADMIN_KEY, "OPENAI_BASE_URL": api.base_url}
