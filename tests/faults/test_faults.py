"""Faults at every point of a run: nothing is lost or doubled, and no day is half replaced."""

import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import dlt
import duckdb
import pytest
import running
from conftest import TODAY, RememberingApi, Warehouse, days_ago
from dlt.pipeline.exceptions import PipelineStepFailed
from running import permissions_hold, run_pipeline, run_pipeline_process
from test_source import charge

from openai_costs_source import OpenAICostsError, openai_costs
from openai_costs_source.api.usage_kinds import USAGE_KINDS
from openai_costs_source.extract.costs import BYTES_PER_ROW
from openai_costs_source.simulator.api import DEMO_ADMIN_KEY
from openai_costs_source.simulator.buckets import BucketRequest
from openai_costs_source.simulator.failure_modes import FAILURE_MODES
from openai_costs_source.simulator.organization import Organization
from openai_costs_source.simulator.query import Query
from openai_costs_source.simulator.server import Reply
from openai_costs_source.simulator.unix_time import midnight

FIRST_DAY = days_ago(4)
CORRECTED, EMPTIED, REFILLED, KEPT = (days_ago(n) for n in (4, 3, 2, 1))
MANY = [charge("0.1", f"gpt-5.6-sol, meter {n}", api_key_id=f"key_{n}") for n in range(300)]
SEVERAL = MANY[:9]
VERSIONS = {
    "A": {
        CORRECTED: [charge("1.5"), charge("2.5", "gpt-5.6-sol, output")],
        EMPTIED: SEVERAL,
        REFILLED: [],
        KEPT: MANY,
        TODAY: SEVERAL[:1],
    },
    "B": {
        CORRECTED: [charge("1.750000000000000001")],
        EMPTIED: [],
        REFILLED: SEVERAL,
        KEPT: MANY,
        TODAY: SEVERAL[:2],
    },
}
RESTATED = (CORRECTED, EMPTIED, REFILLED)
RESOURCES = ["costs", "projects", "users", "api_keys"]
MOMENTS = ("loaded_at", "valid_from", "version")
TABLES = ("costs", "costs_by_user", "cost_days", "organizations", "projects", "users", "api_keys")


class Small(Organization):
    """One project that is active and one that is archived."""

    def __init__(self, today):
        super().__init__(today)
        self.projects = [self.projects[0], self.projects[-1]]


def load(warehouse, api, **settings):
    usual = {"start_date": FIRST_DAY, "refetch_days": 4, "resources": RESOURCES}
    warehouse.load(api, **{**usual, **settings})


def contents(warehouse):
    """Return every row of the source's tables, without the times of loads."""
    return tables(warehouse, [f"openai_raw.{name}" for name in TABLES], MOMENTS)


def everything(warehouse):
    """Return every row of every table, including dlt's tables, but not the log of runs."""
    named = """
        select format('{}.{}', schema_name, table_name) from duckdb_tables()
        where table_name <> 'runs' order by all
    """
    return tables(warehouse, [name for (name,) in warehouse.rows(named)])


def tables(warehouse, names, excluded=("",)):
    columns = f"columns(name -> name not in {(*excluded, '')})"
    with duckdb.connect(str(warehouse.path), read_only=True) as connection:
        return {
            name: connection.execute(f"select {columns} from {name} order by all").fetchall()
            for name in names
        }


def restatements(warehouse):
    return warehouse.rows("""
        select
            date, row_number() over (partition by date order by seen_us),
            was_amount, is_amount, was_row_count, is_row_count
        from openai_raw.cost_restatements order by all
    """)


def restatements_between(*versions):
    """Return what `restatements` must return after these versions were loaded in this order."""
    changes = [(was, now) for was, now in itertools.pairwise(versions) if was != now]
    return sorted(
        (day, number, amount(was, day), amount(now, day), count(was, day), count(now, day))
        for day in RESTATED
        for number, (was, now) in enumerate(changes, start=1)
    )


def amount(version, day):
    return sum((charge.amount for charge in VERSIONS[version][day]), Decimal(0))


def count(version, day):
    return len(VERSIONS[version][day])


def other(version):
    return "B" if version == "A" else "A"


@pytest.fixture(scope="module")
def small():
    return Small(TODAY)


@pytest.fixture(scope="module")
def version_a(small, tmp_path_factory):
    """A warehouse with version A."""
    return loaded_once(small, "A", tmp_path_factory)


@pytest.fixture(scope="module")
def undisturbed(small, version_a, tmp_path_factory):
    """The contents of the warehouse with each version."""
    version_b = loaded_once(small, "B", tmp_path_factory)
    return {"A": contents(version_a), "B": contents(version_b)}


def loaded_once(organization, version, tmp_path_factory):
    warehouse = Warehouse(tmp_path_factory.mktemp(version))
    with RememberingApi(organization, overrides=VERSIONS[version]) as api:
        load(warehouse, api, resources=None)
    return warehouse


@pytest.fixture
def loaded(version_a, warehouse):
    """A copy of the warehouse with version A, which a test may change."""
    shutil.copy(version_a.path, warehouse.path)
    return warehouse


def check(warehouse, undisturbed, *versions):
    """Check that the contents are as if these versions had been loaded in turn without faults."""
    assert contents(warehouse) == undisturbed[versions[-1]]
    assert restatements(warehouse) == restatements_between(*versions)


def test_undisturbed_load_stores_each_version_exactly(undisturbed):
    for version, days in VERSIONS.items():
        costs = undisturbed[version]["openai_raw.costs"]
        assert len(costs) == sum(len(charges) for charges in days.values())
        ledger = undisturbed[version]["openai_raw.cost_days"]
        assert [row[2] for row in ledger] == sorted(days)
        assert [row[7] for row in ledger] == [amount(version, day) for day in sorted(days)]


def refused(status, message, code=None, **headers):
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    body = json.dumps({"error": error})
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda reply: Reply(status, body, {"Content-Type": "application/json", **headers})


def connection_dropped(reply):
    raise ConnectionResetError


def connection_dropped_within_a_body(reply):
    half = reply.body[: len(reply.body) // 2]
    chunked = {"Transfer-Encoding": "chunked", "Connection": "close"}
    return Reply(200, f"{len(reply.body):x}\r\n{half}", {**reply.headers, **chunked})


def half_a_body(reply):
    return Reply(200, reply.body[: len(reply.body) // 2], reply.headers)


def captive_portal(reply):
    return Reply(200, "<html>Welcome! Log in to go on.</html>", {"Content-Type": "text/html"})


def changed(**fields):
    def fault(reply):
        page = json.loads(reply.body, parse_float=str)
        return Reply(200, json.dumps({**page, **fields}), reply.headers)

    return fault


NO_PERMISSION = "You have insufficient permissions for this operation. Missing scopes: any."
REQUESTS = ("totals", "window 1", "window 2", "users", "projects", "keys", "keys of the archived")
LISTINGS = {"users", "projects", "keys"}
NAMES = {*LISTINGS, "keys of the archived"}
ANYWHERE = set(REQUESTS)
# Each fault, and the requests at which a load succeeds despite it.
FAULTS = {
    "rate limit": (refused(429, "Rate limit reached.", Retry_After="1"), ANYWHERE),
    "rate limit without seconds": (refused(429, "Rate limit reached."), ANYWHERE),
    "outage": (refused(404, "Not found."), ANYWHERE),
    "server error": (refused(500, "The server had an error."), ANYWHERE),
    "bad gateway": (lambda reply: Reply(502, "<html>Bad gateway</html>"), ANYWHERE),
    "connection dropped": (connection_dropped, ANYWHERE),
    "connection dropped within a body": (connection_dropped_within_a_body, ANYWHERE),
    "half a body": (half_a_body, set()),
    "captive portal": (captive_portal, set()),
    "wrong key": (refused(401, "Incorrect API key.", "invalid_api_key"), {REQUESTS[-1]}),
    "no permission": (refused(403, NO_PERMISSION), NAMES),
    "unknown refusal": (refused(400, "This cannot be done."), {"window 2", *NAMES}),
    # A listing continues after its last object; the archived project's response is not a listing.
    "more without a token": (changed(has_more=True, next_page=None, last_id=None), LISTINGS),
    "nothing, and more": (changed(data=[], has_more=True, next_page=None, last_id=None), set()),
    "wrong types": (changed(data=[{"id": 1, "start_time": "soon", "results": {}}]), set()),
}
# The client treats these differently: costs, a listing, and a page that an archived project may
# refuse.
OF_EACH_TYPE = ("window 2", "users", "keys of the archived")
AT_EVERY_REQUEST = ("connection dropped within a body", "wrong key", "half a body")


class Faulty:
    """An API with a fault at chosen requests of a load, the first time that each is sent."""

    def __init__(self, api):
        self.api = api
        self.prepare("A")

    def prepare(self, version, requests=(), fault=None):
        self.api.overrides = VERSIONS[version]
        self.received, self.targets, self.fault = [], requests, fault

    def reply(self, request, reply):
        name = name_of(request)
        self.received.append(name)
        first = self.received.count(name) == 1
        return self.fault(reply) if first and name in self.targets else reply


def name_of(request):
    """Return the name of a request in `REQUESTS`."""
    match request.path.split("/")[3:]:
        case ["costs"]:
            later = request.start_time > midnight(FIRST_DAY)
            return f"window {1 + later}" if request.group_by else "totals"
        case ["projects", project, "api_keys"]:
            return "keys of the archived" if project == "proj_prototype" else "keys"
        case [listing]:
            return listing


@pytest.fixture
def faulty(small, monkeypatch):
    monkeypatch.setattr("openai_costs_source.api.retry._wait", lambda state: 0.01)
    # Windows have three days, although the stored days are large, which would shorten them.
    monkeypatch.setattr("openai_costs_source.api.endpoint.FIRST_DAYS", 3)
    monkeypatch.setattr(
        "openai_costs_source.api.endpoint.PAGE_BYTES", 3 * len(MANY) * BYTES_PER_ROW
    )
    with RememberingApi(small, failure_modes=["fault"]) as api:
        faulty = Faulty(api)
        monkeypatch.setitem(FAILURE_MODES, "fault", faulty.reply)
        yield faulty


def sentence_in(error):
    """The message of the OpenAICostsError that dlt wrapped."""
    while not isinstance(error, OpenAICostsError):
        error = error.__cause__ or error.__context__
        assert error is not None
    return str(error)


def test_small_load_makes_these_requests(faulty, loaded):
    faulty.prepare("A")
    load(loaded, faulty.api)
    assert sorted(faulty.received) == sorted(REQUESTS)


@pytest.mark.parametrize("name", FAULTS)
def test_load_survives_a_fault_at_any_request_or_leaves_the_warehouse_unchanged(
    name, faulty, loaded, undisturbed
):
    fault, survived = FAULTS[name]
    versions = ["A"]
    before = everything(loaded)
    requests = REQUESTS if name in AT_EVERY_REQUEST else OF_EACH_TYPE
    at_once = [request for request in requests if request in survived]
    if at_once:
        versions.append("B")
        faulty.prepare("B", at_once, fault)
        load(loaded, faulty.api)
        assert set(at_once) <= set(faulty.received)
        check(loaded, undisturbed, *versions)
        before = everything(loaded)
    for request in requests:
        where = f"{name} at {request}"
        if request not in survived:
            faulty.prepare(other(versions[-1]), [request], fault)
            with pytest.raises(Exception) as failure:  # noqa: PT011
                load(loaded, faulty.api)
            sentence = sentence_in(failure.value)
            assert sentence.startswith("OpenAI's /organization/"), where
            assert len(sentence.splitlines()) == 1, where
            assert everything(loaded) == before, where
    if len(at_once) < len(requests):
        versions.append(other(versions[-1]))
        faulty.prepare(versions[-1])
        load(loaded, faulty.api)
        check(loaded, undisturbed, *versions)


USED = ("completions", "embeddings")


class Serving(RememberingApi):
    """The small organization's API; a test may do something before a request is answered.

    Only the kinds of usage in `USED` have rows.
    """

    @staticmethod
    def before_answering(number):
        pass

    def answer(self, method, target, authorization):
        self.before_answering(len(self.requests) + 1)
        return super().answer(method, target, authorization)

    def _usage(self, kind, sent):
        if kind in USED:
            return super()._usage(kind, sent)
        query = Query(sent, one=BucketRequest.PARAMETERS, many=("group_by",))
        request = BucketRequest(query, self.organization, 31, self.days_per_page)
        return request.page(kind, lambda day: ())

    def serve(self, version):
        self.overrides = VERSIONS[version]
        self.requests.clear()
        self.before_answering = lambda number: None


@pytest.fixture
def serving(small):
    with Serving(small) as api:
        yield api


@pytest.fixture
def started(forking):
    """Starts `python pipeline.py` with a command, and returns the running process."""

    def start(api, warehouse, *command, first=(), **environment):
        settings = settings_of(api, warehouse) | environment
        return forking.start(*command, cwd=warehouse.folder, environment=settings, first=first)

    return start


def settings_of(api, warehouse):
    return running.environment(
        OPENAI_ADMIN_KEY=DEMO_ADMIN_KEY,
        OPENAI_BASE_URL=api.base_url,
        SOURCES__OPENAI_COSTS__START_DATE=str(FIRST_DAY),
        SOURCES__OPENAI_COSTS__REFETCH_DAYS="4",
        DESTINATION__DUCKDB__CREDENTIALS=str(warehouse.path),
        TMPDIR=str(warehouse.folder),
    )


def ran(api, warehouse, *command):
    """Run `python pipeline.py` with a command in this process."""
    return run_pipeline(*command, cwd=warehouse.folder, **settings_of(api, warehouse))


def ended(process):
    """Wait for a process; return its exit code, its output and its error messages."""
    if isinstance(process, subprocess.CompletedProcess):
        return process.returncode, process.stdout, process.stderr
    try:
        printed, message = process.communicate()
    finally:
        process.kill()
    return process.returncode, printed, message


def succeeded(process):
    code, printed, message = ended(process)
    assert code == 0, message
    return printed


def was_killed(process):
    return ended(process)[0] == -signal.SIGKILL


def failed(process):
    """Check that a run failed with a message of one line, without a traceback; return it."""
    code, _, printed = ended(process)
    assert code == 1, printed
    assert "Traceback" not in printed
    steps = ("Requesting costs from OpenAI.", "Building the models.")
    (message,) = (line for line in printed.splitlines() if line not in steps)
    return message


def log_of(warehouse):
    return Path(f"{warehouse.path}.wal")


def every_day_complete(warehouse):
    """Return whether each day is stored as in one version; check usage against its ledger."""
    stored_tables = {name for (name,) in warehouse.rows("select table_name from duckdb_tables()")}
    for kind in USAGE_KINDS:
        ledger = f"select date, row_count from openai_raw.usage_days where kind = '{kind.name}'"
        if kind.table in stored_tables:
            rows = f"select date, count(*) from openai_raw.{kind.table} group by date"
            assert warehouse.rows(f"{rows} except {ledger}") == []
        else:
            assert warehouse.rows(f"{ledger} and row_count > 0") == []
    stored = {day: [] for day in VERSIONS["A"]}
    for day, *row in warehouse.rows("select date, line_item, amount from openai_raw.costs"):
        stored[day].append(tuple(row))
    versions = {
        (day, tuple(sorted((charge.line_item, charge.amount) for charge in charges)))
        for days in VERSIONS.values()
        for day, charges in days.items()
    }
    return {(day, tuple(sorted(rows))) for day, rows in stored.items()} <= versions


def stored_rows(warehouse):
    """Return the tables of rows and ledger, which must be of the same version."""
    rows = contents(warehouse)
    return [rows[f"openai_raw.{name}"] for name in ("costs", "costs_by_user", "cost_days")]


def test_run_that_is_killed_at_any_request_leaves_the_warehouse_unchanged(
    started, serving, loaded, undisturbed
):
    before = everything(loaded)
    for last in range(1, len(REQUESTS)):
        serving.serve("B")
        process = started(serving, loaded, "load")
        serving.before_answering = lambda number, last=last, process=process: (
            os.kill(process.pid, signal.SIGKILL) if number == last else None
        )
        assert was_killed(process)
        assert everything(loaded) == before
    serving.serve("B")
    load(loaded, serving)
    check(loaded, undisturbed, "A", "B")


COMPLETING = 'INSERT INTO "openai_raw"."_dlt_loads"'
"""The last statement of a load, after all rows were written."""


@pytest.fixture
def killed_before(started):
    """Runs a load that is killed before a SQL statement; returns whether it was killed."""

    def load_is_killed(statement, serving, warehouse, in_transactions=True, **settings):
        first = ("kill_before", statement, in_transactions)
        return was_killed(started(serving, warehouse, "load", first=first, **settings))

    return load_is_killed


def test_run_that_is_killed_between_two_statements_leaves_each_day_whole(
    killed_before, serving, loaded, undisturbed
):
    versions = ["A"]
    names = ("costs", "costs_by_user", "cost_days")
    either = [[rows[f"openai_raw.{name}"] for name in names] for rows in undisturbed.values()]
    for statement in (
        'INSERT INTO "openai_raw_staging"."costs"',
        'INSERT INTO "openai_raw"."_dlt_pipeline_state"',
        'DELETE FROM "openai_raw"."costs"',
        'INSERT INTO "openai_raw"."costs"',
        'DELETE FROM "openai_raw"."cost_days"',
        'INSERT INTO "openai_raw"."cost_days"',
        'INSERT INTO "openai_raw"."cost_restatements"',
        'DELETE FROM "openai_raw"."usage_days"',
        'INSERT INTO "openai_raw"."usage_days"',
        COMPLETING,
    ):
        versions.append(other(versions[-1]))
        serving.serve(versions[-1])
        assert killed_before(statement, serving, loaded)
        assert every_day_complete(loaded), f"killed before {statement}"
        assert stored_rows(loaded) in either, f"killed before {statement}"
        load(loaded, serving)
        check(loaded, undisturbed, *versions)


def costs_by_day_and_key(warehouse):
    """Return the costs of the days in the ledger, and the trimmed costs of all other days."""
    tables = ["costs semi join openai_raw.cost_days"]
    if warehouse.rows("from duckdb_tables() where table_name = 'trimmed_costs'"):
        tables.append("trimmed_costs anti join openai_raw.cost_days")
    found = [
        f"select date, api_key_id, sum(amount) from openai_raw.{table} using (date) group by all"
        for table in tables
    ]
    return [row for row in warehouse.rows(f"{' union all '.join(found)} order by all") if row[2]]


@pytest.mark.parametrize("in_transactions", [True, False])
def test_costs_of_removed_days_are_counted_once_wherever_the_removal_is_killed(
    killed_before, serving, loaded, in_transactions
):
    tables = ("costs", "cost_days")
    with duckdb.connect(str(loaded.path)) as connection:
        for table in tables:
            long_ago = f"select * replace (date - 90 as date) from openai_raw.{table}"
            connection.execute(f"insert into openai_raw.{table} {long_ago}")
    before = costs_by_day_and_key(loaded)
    keeping = {"SOURCES__OPENAI_COSTS__KEEP_MONTHS": "1"}
    serving.serve("A")
    statements = [
        'INSERT INTO "openai_raw"."trimmed_costs"',
        'DELETE FROM "openai_raw"."cost_days"',
        'DELETE FROM "openai_raw"."costs"',
        COMPLETING,
    ]
    for statement in statements[in_transactions * 2 :]:
        assert killed_before(statement, serving, loaded, in_transactions, **keeping)
        assert costs_by_day_and_key(loaded) == before, f"killed before {statement}"
    load(loaded, serving, keep_months=1)
    assert costs_by_day_and_key(loaded) == before
    for table in tables:
        assert loaded.value(f"select min(date) from openai_raw.{table}") == FIRST_DAY


def test_first_run_that_is_killed_is_completed_by_the_next_one_without_doubled_days(
    killed_before, serving, warehouse, undisturbed
):
    for statement in (
        'INSERT INTO "openai_raw"."costs"',
        'INSERT INTO "openai_raw"."_dlt_pipeline_state"',
        'INSERT INTO "openai_raw"."cost_days"',
        COMPLETING,
    ):
        for file in warehouse.folder.glob("*.duckdb*"):
            file.unlink()
        serving.serve("A")
        assert killed_before(statement, serving, warehouse)
        rows, days = (
            warehouse.value(f"select count(*) from openai_raw.{name}")
            for name in ("costs", "cost_days")
        )
        assert (rows > 0) == (days > 0), f"killed before {statement}"
        serving.serve("B")
        load(warehouse, serving)
        check(warehouse, undisturbed, "B")


DAMAGE = {
    "rows": f"delete from openai_raw.costs where date = '{KEPT}' and line_item like '%7'",
    "amount": (
        "update openai_raw.costs set amount = amount + 0.000000000000000001 "
        f"where date = '{CORRECTED}'"
    ),
    "ledger": f"delete from openai_raw.cost_days where date = '{CORRECTED}'",
    "rows twice": "insert into openai_raw.costs from openai_raw.costs",
    "load twice": (
        "insert into openai_raw.cost_days from openai_raw.cost_days; "
        "insert into openai_raw.costs from openai_raw.costs"
    ),
    "table": "drop table openai_raw.costs",
    "usage": "update openai_raw.usage_days set row_count = row_count + 1",
    "history": "drop table openai_raw.cost_days; drop table openai_raw.costs",
    "history of usage": (
        "drop table openai_raw.usage_completions; "
        "delete from openai_raw.usage_days where kind = 'completions'"
    ),
    # dlt's state, in a table of the warehouse, is newer than the rows and the ledger.
    "older backup": (
        f"update openai_raw.costs set amount = 2 * amount where date = '{CORRECTED}'; "
        "update openai_raw.cost_days set row_amount = 2 * row_amount, "
        f"loaded_at = loaded_at - interval 1 day where date = '{CORRECTED}'"
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_day_whose_rows_and_ledger_disagree_is_loaded_again_however_old(
    damage, small, loaded, undisturbed
):
    ledger = "select date, kind, row_count from openai_raw.usage_days order by all"
    before = loaded.rows(ledger)
    with duckdb.connect(str(loaded.path)) as connection:
        (changed,) = connection.execute(DAMAGE[damage]).fetchone() or (1,)
    assert changed
    with RememberingApi(small, overrides=VERSIONS["A"]) as api:
        load(loaded, api, refetch_days=0, resources=None)
    check(loaded, undisturbed, "A")
    assert loaded.rows(ledger) == before


@pytest.mark.parametrize("refresh", ["drop_resources", "drop_data", "drop_sources"])
def test_history_that_a_refresh_of_dlt_drops_is_loaded_again(
    refresh, small, loaded, undisturbed, tmp_path
):
    with RememberingApi(small, overrides=VERSIONS["A"]) as api:
        pipeline = dlt.pipeline(
            "openai_costs",
            destination=dlt.destinations.duckdb(str(loaded.path)),
            dataset_name="openai_raw",
            pipelines_dir=str(tmp_path / "refreshed"),
        )
        source = openai_costs(
            DEMO_ADMIN_KEY, api.base_url, start_date=FIRST_DAY, refetch_days=0
        ).with_resources(*RESOURCES)
        pipeline.run(source, refresh=refresh, loader_file_format="parquet")
        load(loaded, api, refetch_days=0, resources=None)
    check(loaded, undisturbed, "A")


def test_day_whose_rows_and_ledger_disagree_is_named_where_openai_no_longer_returns_it(
    small, loaded, caplog
):
    with duckdb.connect(str(loaded.path)) as connection:
        connection.execute(DAMAGE["amount"])
    forgetful = Small(TODAY)
    forgetful.earliest = EMPTIED
    with RememberingApi(forgetful, overrides=VERSIONS["A"]) as api:
        load(loaded, api, refetch_days=0, resources=["costs"])
        caplog.clear()
        load(loaded, api, refetch_days=0, resources=["costs"])
    (message,) = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert f"The rows of {CORRECTED} to {CORRECTED} in the table costs differ" in message
    assert "restore them in both tables from a backup" in message


def test_restatement_that_only_a_killed_run_saw_is_not_recorded(
    killed_before, serving, loaded, undisturbed
):
    """The next run reads the days with their former amounts."""
    serving.serve("B")
    assert killed_before(COMPLETING, serving, loaded)
    serving.serve("A")
    load(loaded, serving)
    check(loaded, undisturbed, "A")


def test_run_that_is_killed_at_any_time_while_loading_leaves_each_day_complete(
    started, serving, loaded, undisturbed
):
    last_request = threading.Event()
    requested_at = []

    def note(number):
        if number == len(REQUESTS) - 1:
            requested_at.append(time.monotonic())
            last_request.set()

    versions = ["A", "B"]
    serving.serve("B")
    serving.before_answering = note
    succeeded(started(serving, loaded, "load"))
    loading_takes = time.monotonic() - requested_at[0]
    for n in range(1, 5):
        versions.append(other(versions[-1]))
        serving.serve(versions[-1])
        serving.before_answering = note
        last_request.clear()
        process = started(serving, loaded, "load")
        assert last_request.wait(60)
        time.sleep(loading_takes * n / 5)
        process.kill()
        ended(process)
        assert every_day_complete(loaded), f"killed after {n} fifths"
        load(loaded, serving)
        check(loaded, undisturbed, *versions)


def released(warehouse):
    """Wait until dbt's process, after the run was killed, has closed the file; return success."""
    for _ in range(500):
        with contextlib.suppress(duckdb.IOException):
            duckdb.connect(str(warehouse.path), read_only=True).close()
            return True
        time.sleep(0.01)
    return False


def test_run_that_is_killed_while_it_builds_leaves_the_raw_days_and_the_next_one_builds_them(
    started, serving, loaded, undisturbed
):
    serving.serve("B")
    load(loaded, serving)
    log = log_of(loaded)
    for written in (1, 10_000):
        process = started(serving, loaded, "models")
        while process.poll() is None and not (log.exists() and log.stat().st_size >= written):
            time.sleep(0.005)
        process.kill()
        assert was_killed(process)
        assert released(loaded)
        check(loaded, undisturbed, "A", "B")
    succeeded(started(serving, loaded))
    check(loaded, undisturbed, "A", "B")
    billed = [(day, amount("B", day)) for day in sorted(VERSIONS["B"]) if VERSIONS["B"][day]]
    assert billed == loaded.rows("""
        select cast(ChargePeriodStart as date), sum(BilledCost)
        from openai_marts.focus_costs group by 1 order by 1
    """)
    for by in ("project", "user", "model"):
        mart = f"openai_marts.daily_costs_by_{by}"
        daily = f"select date, sum(unblended_cost) from {mart} group by 1 order by 1"
        assert loaded.rows(daily) == billed


def test_second_run_on_a_warehouse_is_refused_and_the_first_one_completes(
    started, serving, loaded, undisturbed
):
    requested, may_answer = threading.Event(), threading.Event()

    def hang(number):
        requested.set()
        assert may_answer.wait(60)

    serving.serve("B")
    serving.before_answering = hang
    first = started(serving, loaded, "load")
    try:
        assert requested.wait(60)
        requests = len(serving.requests)
        for command in ("load", "models"):
            message = failed(started(serving, loaded, command))
            assert f"{loaded.path} is open in another program" in message
            assert "perhaps another run" in message
        assert len(serving.requests) == requests
    finally:
        may_answer.set()
        code, _, message = ended(first)
    assert code == 0, message
    check(loaded, undisturbed, "A", "B")


@pytest.fixture(scope="module")
def log_size(forking, small, version_a, tmp_path_factory):
    """The largest size of the write-ahead log while version B is loaded over version A."""
    warehouse = Warehouse(tmp_path_factory.mktemp("log"))
    shutil.copy(version_a.path, warehouse.path)
    sizes = [0]
    with RememberingApi(small, overrides=VERSIONS["B"]) as api:
        process = forking.start(
            "load", cwd=warehouse.folder, environment=settings_of(api, warehouse)
        )
        while process.poll() is None:
            with contextlib.suppress(FileNotFoundError):
                sizes.append(log_of(warehouse).stat().st_size)
            time.sleep(0.002)
        succeeded(process)
    return max(sizes)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.7, 0.9])
def test_disk_that_is_full_leaves_each_day_whole(
    started, share, log_size, serving, loaded, undisturbed
):
    """Files can grow to a share of the write-ahead log's largest size. With the smallest shares, a
    file in the working folder reaches the limit first."""
    size = int(log_size * share)
    serving.serve("B")
    message = failed(started(serving, loaded, "load", first=("limit_file_size", size)))
    assert message.startswith("The disk is full")
    assert every_day_complete(loaded)
    load(loaded, serving)
    check(loaded, undisturbed, "A", "B")


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_disk_that_is_full_leaves_days_before_the_trailing_window_complete(
    started, share, log_size, serving, loaded, undisturbed
):
    """The replaced days are so old that a later run reads them only if they are incomplete."""
    serving.serve("B")
    limited = ("limit_file_size", int(log_size * share))
    settings = {"SOURCES__OPENAI_COSTS__REFETCH_DAYS": "0"}
    command = ("load", "--since", str(FIRST_DAY))
    failed(started(serving, loaded, *command, first=limited, **settings))
    assert every_day_complete(loaded)
    load(loaded, serving, since=FIRST_DAY, refetch_days=0)
    check(loaded, undisturbed, "A", "B")


@pytest.mark.parametrize("size", [0, 5_000, 14_000])
def test_first_run_that_finds_the_disk_full_leaves_nothing(
    started, size, serving, warehouse, undisturbed
):
    serving.serve("B")
    message = failed(started(serving, warehouse, "load", first=("limit_file_size", size)))
    assert message.startswith("The disk is full")
    assert list(warehouse.folder.glob("*.duckdb*")) == []
    load(warehouse, serving)
    check(warehouse, undisturbed, "B")


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a separate disk, and a function that sets the disk's size."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*settings):
        command = ["mount", "-t", "tmpfs", *settings, "tmpfs", folder]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    mounted = mount("-o", "size=100m")
    if mounted.returncode:
        pytest.skip(f"no separate disk can be mounted here: {mounted.stderr.strip()}")
    yield folder, lambda size: mount("-o", f"remount,size={size}")
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("share", [0, 0.5])
def test_disk_of_the_warehouse_that_is_full_leaves_each_day_complete(
    started, share, small_disk, log_size, serving, loaded, undisturbed
):
    folder, set_size = small_disk
    loaded.path = Path(shutil.move(loaded.path, folder))
    set_size(loaded.path.stat().st_size + 4096 + int(log_size * share))
    serving.serve("B")
    message = failed(started(serving, loaded, "load"))
    assert message.startswith("The disk is full")
    assert every_day_complete(loaded)
    set_size("100m")
    load(loaded, serving)
    check(loaded, undisturbed, "A", "B")


def test_first_run_that_fills_the_disk_of_the_warehouse_leaves_nothing(
    started, small_disk, serving, warehouse, undisturbed
):
    folder, set_size = small_disk
    warehouse.path = folder / warehouse.path.name
    set_size(16_384)
    serving.serve("B")
    message = failed(started(serving, warehouse, "load"))
    assert message.startswith("The disk is full")
    assert list(folder.iterdir()) == []
    set_size("100m")
    load(warehouse, serving)
    check(warehouse, undisturbed, "B")


def test_temporary_folder_that_is_full_leaves_the_warehouse_unchanged(
    started, small_disk, serving, loaded, undisturbed
):
    folder, set_size = small_disk
    before = everything(loaded)
    set_size(32_768)
    serving.serve("B")
    message = failed(started(serving, loaded, "load", TMPDIR=str(folder)))
    assert message.startswith("The disk is full")
    assert everything(loaded) == before
    assert list(folder.iterdir()) == []
    load(loaded, serving)
    check(loaded, undisturbed, "A", "B")


def overwritten(start, size=None):
    def damage(content):
        end = len(content) if size is None else start + size
        return content[:start] + random.Random(start).randbytes(end - start) + content[end:]

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(overwritten(0, 512), id="the start"),
        pytest.param(overwritten(4096, 8192), id="the headers"),
        pytest.param(overwritten(12288), id="all after the headers"),
        pytest.param(lambda content: content[:1000], id="only the start is left"),
        pytest.param(
            lambda content: content[: len(content) // 2], id="only the first half is left"
        ),
    ],
)
def test_damaged_warehouse_is_named_and_not_changed(damage, serving, loaded):
    damaged = damage(loaded.path.read_bytes())
    loaded.path.write_bytes(damaged)
    serving.serve("B")
    message = failed(ran(serving, loaded, "load"))
    assert str(loaded.path) in message
    assert "cannot be used as a DuckDB file" in message
    assert serving.requests == []
    assert loaded.path.read_bytes() == damaged


def test_damaged_warehouse_in_a_folder_named_after_locks_is_reported_as_damaged(serving, loaded):
    folder = loaded.folder / "blocks"
    folder.mkdir()
    loaded.path = Path(shutil.move(loaded.path, folder))
    loaded.path.write_bytes(b"no database" * 1000)
    serving.serve("B")
    assert "cannot be used as a DuckDB file" in failed(ran(serving, loaded, "load"))


def test_empty_file_is_a_new_warehouse(serving, warehouse, undisturbed):
    warehouse.path.touch()
    serving.serve("B")
    succeeded(ran(serving, warehouse, "load"))
    check(warehouse, undisturbed, "B")


@pytest.fixture
def forbidding():
    """A function that makes a file or folder read-only; skips the test where root ignores that."""
    if os.geteuid() == 0 and sys.platform != "linux":
        pytest.skip("permissions do not apply to root")
    forbidden = []

    def forbid(path):
        forbidden.append((path, path.stat().st_mode))
        path.chmod(path.stat().st_mode & 0o555)

    yield forbid
    for path, mode in forbidden:
        path.chmod(mode)


@pytest.mark.parametrize("what", ["the file", "its folder", "the folder of a new one"])
def test_warehouse_without_permission_to_write_is_named(what, forbidding, serving, loaded):
    folder = loaded.folder / "kept"
    folder.mkdir()
    content = loaded.path.read_bytes()
    loaded.path = Path(shutil.move(loaded.path, folder))
    if what == "the folder of a new one":
        loaded.path.unlink()
    forbidding(loaded.path if what == "the file" else folder)
    files = list(folder.iterdir())
    serving.serve("B")
    message = failed(
        run_pipeline_process(
            "load",
            cwd=loaded.folder,
            preexec_fn=permissions_hold,
            **settings_of(serving, loaded),
        )
    )
    assert str(loaded.path) in message
    assert "Permission denied" in message
    assert list(folder.iterdir()) == files
    assert [path.read_bytes() for path in files] == [content] * len(files)


def files_below(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_local_state_of_dlt_is_neither_used_nor_changed_nor_missed(
    serving, loaded, undisturbed, tmp_path
):
    """The local state belongs to another warehouse and contains an incomplete load."""
    serving.serve("A")
    elsewhere = dlt.pipeline(
        "openai_costs",
        destination=dlt.destinations.duckdb(str(tmp_path / "elsewhere.duckdb")),
        dataset_name="openai_raw",
    )
    source = partial(openai_costs, DEMO_ADMIN_KEY, serving.base_url, refetch_days=4)
    elsewhere.run(source(start_date=days_ago(1)), loader_file_format="parquet")
    elsewhere.extract(source(since=FIRST_DAY), loader_file_format="parquet")
    elsewhere.normalize()
    local = Path(os.environ["DLT_DATA_DIR"])
    left_behind = files_below(local)
    assert any("normalized" in path.parts for path in left_behind)

    serving.serve("B")
    succeeded(ran(serving, loaded, "load"))
    check(loaded, undisturbed, "A", "B")
    assert files_below(local) == left_behind
    shutil.rmtree(local)
    serving.serve("A")
    succeeded(ran(serving, loaded, "load"))
    check(loaded, undisturbed, "A", "B", "A")


def set_clock(monkeypatch, *moments):
    """Make the source read these times in turn, and the last one from then on."""
    times = list(moments)

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return times.pop(0) if len(times) > 1 else times[0]

    monkeypatch.setattr("openai_costs_source.source.datetime", Clock)


def noon(day):
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def ledger(warehouse):
    return warehouse.rows("""
        select date, is_closed, row_amount from openai_raw.cost_days order by date
    """)


def each_day(first, last=TODAY):
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@pytest.fixture
def two_months_paused(warehouse, monkeypatch):
    """A warehouse that was loaded 60 days ago, and today again. Each day has one charge on the day
    itself, two on the next day, and three from then on."""
    for today in (days_ago(60), TODAY):
        days = each_day(days_ago(70), today)
        charges = {day: SEVERAL[: min(1 + (today - day).days, 3)] for day in days}
        set_clock(monkeypatch, noon(today))
        with RememberingApi(Small(today), overrides=charges) as api:
            load(warehouse, api, start_date=days_ago(70), refetch_days=10)
    return warehouse


def test_pause_of_two_months_leaves_no_gap_and_closes_every_day_that_is_over(two_months_paused):
    days = each_day(days_ago(70))
    assert [(day, closed) for day, closed, _ in ledger(two_months_paused)] == [
        (day, day < TODAY) for day in days
    ]
    stored = dict(
        two_months_paused.rows("select date, sum(amount) from openai_raw.costs group by 1")
    )
    paused = each_day(days_ago(60), days_ago(2))
    assert {stored[day] for day in paused} == {Decimal("0.3")}
    assert (stored[days_ago(1)], stored[TODAY]) == (Decimal("0.2"), Decimal("0.1"))


def test_days_that_were_still_changing_when_a_pause_began_are_read_again(two_months_paused):
    amounts = {day: amount for day, _, amount in ledger(two_months_paused)}
    assert amounts[days_ago(61)] == Decimal("0.3")


def test_no_order_of_pauses_and_ranges_misses_what_changes_within_the_trailing_window(
    warehouse, monkeypatch
):
    """OpenAI restates days up to four days old; some runs load chosen days, or fail."""
    choices = random.Random(1)
    today, days = days_ago(40), {day: [] for day in each_day(days_ago(60))}
    usual = {"start_date": today, "refetch_days": 4, "resources": ["costs"]}
    for n in range(8):
        today = min(today + timedelta(days=choices.choice([0, 1, 2, 9])), TODAY)
        for day in each_day(usual["start_date"], today):
            if (today - day).days <= 4 and choices.random() < 0.6:
                days[day] = [charge(f"{n}.{day.day:02}")] * choices.randrange(3)
        since = choices.choice([None, today - timedelta(days=choices.randrange(9))])
        until = since and choices.choice([None, since + timedelta(days=2)])
        set_clock(monkeypatch, noon(today))
        with Serving(Small(today), overrides=days) as api:
            if choices.random() < 0.3:
                ends_at = choices.randrange(1, 5)
                api.before_answering = lambda number, ends_at=ends_at: 1 / (number < ends_at)
            with contextlib.suppress(PipelineStepFailed):
                load(warehouse, api, **usual, since=since, until=until, max_wait_seconds=0)
    with RememberingApi(Small(today), overrides=days) as api:
        load(warehouse, api, **usual)
    stored = {day: amount for day, _, amount in ledger(warehouse)}
    assert stored == {day: sum((c.amount for c in days[day]), Decimal(0)) for day in stored}
    assert set(each_day(usual["start_date"], today)) <= set(stored)


@pytest.mark.parametrize("request_name", REQUESTS[:3])
def test_run_across_midnight_loses_nothing_and_the_next_one_closes_the_day(
    request_name, faulty, warehouse, tmp_path, monkeypatch
):
    """The server's date changes after this request, the local date after the start of the run."""
    tomorrow = TODAY + timedelta(days=1)
    before, after = faulty.api.organization, Small(tomorrow)

    def midnight_passes(reply):
        faulty.api.organization = after
        return reply

    faulty.prepare("A", [request_name], midnight_passes)
    faulty.api.overrides = {}
    second_before = noon(TODAY).replace(hour=23, minute=59, second=59)
    set_clock(monkeypatch, second_before, second_before + timedelta(seconds=2))
    load(warehouse, faulty.api)
    days = [(day, day < TODAY) for day in each_day(FIRST_DAY)]
    assert [(day, closed) for day, closed, _ in ledger(warehouse)] == days
    for day in each_day(FIRST_DAY):
        rows = f"select count(*) from openai_raw.costs where date = '{day}'"
        counts = {len(organization.charges(day)) for organization in (before, after)}
        assert warehouse.value(rows) in counts

    set_clock(monkeypatch, noon(tomorrow))
    load(warehouse, faulty.api, refetch_days=0)
    is_closed = f"select is_closed, row_count from openai_raw.cost_days where date = '{TODAY}'"
    assert warehouse.rows(is_closed) == [(True, len(after.charges(TODAY)))]
    load(warehouse, faulty.api, refetch_days=5)
    (tmp_path / "fresh").mkdir()
    fresh = Warehouse(tmp_path / "fresh")
    load(fresh, faulty.api)
    stored = contents(warehouse)
    # At the end of some months, the simulated organization archives a project one month later.
    stored["openai_raw.projects"] = [row for row in stored["openai_raw.projects"] if not row[-1]]
    assert stored == contents(fresh)
    restated_today = f"select * from openai_raw.cost_restatements where date = '{TODAY}'"
    assert warehouse.rows(restated_today) == []
