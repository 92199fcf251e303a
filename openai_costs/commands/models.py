"""`models`: build and test the models, and return what was checked."""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any

from dlt.destinations.exceptions import DatabaseException

from openai_costs.dbt_runner import Builder, BuildFailed
from openai_costs.folders import COMMAND, SEEDS, converted_seeds, dbt_folders, own_seeds
from openai_costs.project_files import other_unit_tests, project_files
from openai_costs.reports.checked import Checked, Day, checked
from openai_costs.seed_files import dbt_can_read, hash_of_seeds, read_seeds, write_seeds
from openai_costs.terminal import Stop, announce, first_lines, progress
from openai_costs.warehouse.connection import dbt_variables, locked, open_client, query_through
from openai_costs.warehouse.destinations import Warehouse
from openai_costs.warehouse.run_log import Run, last_build

DAILY = ("config.materialized:incremental", "config.materialized:table", "tag:daily")
"""Selects what a load can change: facts, names and their tests. Views need no new build."""

COMPLETE_ONLY = ("tag:whole_history",)
"""Excludes the checks of views over facts: they run if the project, its seeds or views changed."""

_REQUIRED_TESTS = {
    "charges_follow_focus",
    "raw_rows_equal_ledger_and_charges",
    "reconciliation_follows_its_checks",
    "reconciliation_is_exact",
}
"""Without these, nothing is proved."""

_TESTED = """
select organization_id, date, kind, loaded_at, fingerprint
from openai_intermediate.int_openai__built_days
where fact = 'tests'
"""
_LOADED = """
select organization_id, date, kind, loaded_at, checked_by
from openai_intermediate.int_openai__loaded_days
"""
_FINGERPRINTS = """
select max(built_by), max(checked_by)
from openai_intermediate.int_openai__loaded_days
"""


def start_parsing(builder: Builder, warehouse: Warehouse) -> str:
    """Start parsing the models for the warehouse, and return a hash of the user's own seeds.

    Raises Stop if a seed cannot be used.
    """
    folder = own_seeds()
    seeds = read_seeds(folder)
    variables = dbt_variables(warehouse) | dbt_folders(warehouse.name)
    if not dbt_can_read(folder, seeds):
        variables[SEEDS] = str(write_seeds(seeds, converted_seeds(warehouse.name)))
    builder.prepare(variables)
    return hash_of_seeds(seeds)


def require_loaded(warehouse: Warehouse) -> None:
    """Raise Stop if no costs are loaded, or if another program uses the warehouse."""
    with locked(warehouse, must_have_costs=True):
        pass


def build(
    builder: Builder, warehouse: Warehouse, run: Run, seeds: str, full: bool = False
) -> Checked:
    """Build and test the models; return what was checked, which `run` records too.

    `seeds` is the hash that `start_parsing` returned: if a file is changed later, the next run
    builds again.

    If the project's files are unchanged since the last complete build, builds only what a load can
    change, and tests the replaced days; with `full`, builds and tests all days. Raises Stop if a
    model or a test fails, or if a day was due and a required check did not run. A DuckDB file must
    be closed in this process, because dbt opens it in another one.
    """
    files = project_files()
    complete = True
    with open_client(warehouse) as client:
        tested = set() if full else _days(client, _TESTED)
        inputs, last = _inputs(client, seeds), last_build(query_through(client))
        is_changed = last is not None and last[0] != files
        # Only a changed project can have changed checks, which only their unit tests notice.
        excluded = other_unit_tests() if is_changed else ["resource_type:unit_test"]
        arguments = ["--exclude", *excluded]
        if full:
            arguments.append("--full-refresh")
        elif inputs and last == (files, inputs):
            complete = False
            arguments += COMPLETE_ONLY
            arguments += ["--indirect-selection", "empty", "--select", *DAILY]
            if warehouse.destination in ("postgres", "redshift"):
                # Replacing a table drops the views that depend on it.
                arguments.append("config.materialized:view")
    with progress("Building the models") as shown:
        announce("Building the models")
        try:
            nodes = builder.build(
                arguments, lambda node: shown.show(f"Building the models: {node}")
            )
        except BuildFailed as error:
            raise Stop(f"dbt could not start the build: {first_lines(error)}") from None
    with open_client(warehouse) as client:
        run.tests_passed, warnings = _outcome(client, nodes)
        query = query_through(client)
        ((run.built_by, run.checked_by),) = query(_FINGERPRINTS)
        due = {day[:2] for day in _days(client, _LOADED) - tested}
        _require_tests(due, nodes)
        result = checked(query, due, warnings, complete)
        run.days_checked, run.checks = len(result.days), result.checks
        run.project_files, run.inputs = files, _inputs(client, seeds)
    return result


def _outcome(client: Any, nodes: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """Return how many tests passed, and a sentence for each warning. Raises Stop for a failure."""
    passed, warnings, failures = 0, [], []
    for node in nodes:
        status = node["status"]
        reasons = _reasons(client, node) if status in ("warn", "fail") else ""
        sentence = f"{node['name'].replace('_', ' ')}: {reasons or first_lines(node['message'])}"
        passed += status == "pass"
        if status == "warn":
            warnings.append(sentence)
        elif status in ("error", "fail"):
            failures.append(sentence)
    if failures:
        others = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
        raise Stop(f"The raw tables are loaded, but the models failed: {failures[0]}{others}.")
    return passed, warnings


def _reasons(client: Any, test: dict[str, Any]) -> str:
    """Return the reasons in the first rows of a failed test, if it has a column `reason`."""
    with client.execute_query(test["sql"]) as rows:
        columns = [column[0].lower() for column in rows.description or ()]
        if "reason" not in columns:
            return ""
        reasons = [row[columns.index("reason")] for row in rows.fetchmany(2)]
    others = [f"and {test['failures'] - 2} more"] if test["failures"] > 2 else []
    return "; ".join([*reasons, *others])


def _days(client: Any, statement: str) -> set[Day]:
    """Return the days with their loads and fingerprints; none before the first build."""
    # The column of the fingerprint is missing in the tables of an earlier version.
    with contextlib.suppress(DatabaseException):
        return {tuple(row) for row in client.execute_sql(statement)}
    return set()


def _require_tests(due: set[Any], nodes: list[dict[str, Any]]) -> None:
    """Raise Stop if a day was due and a required test did not pass."""
    passed = {node["name"] for node in nodes if node["status"] == "pass"}
    if due and (missing := sorted(_REQUIRED_TESTS - passed)):
        raise Stop(
            f"The models are built, but not checked: dbt did not run {', '.join(missing)}. "
            f"Restore these tests in dbt_project, and run {COMMAND} models."
        )


def _inputs(client: Any, seeds: str) -> str | None:
    """Return a hash of own seeds, views, which others may replace, and the columns of raw tables.

    Returns None if the warehouse cannot list them; then all models are built.
    """
    try:
        columns = client.execute_sql(
            "select table_name, column_name from information_schema.columns "
            "where table_schema = 'openai_raw' and table_name <> 'runs' "
            "order by table_name, column_name"
        )
    except DatabaseException:
        return None
    views = client.execute_sql(
        "select table_schema, table_name, view_definition from information_schema.views "
        "where table_schema in ('openai_staging', 'openai_intermediate', 'openai_marts') "
        "order by table_schema, table_name"
    )
    inputs = [seeds, *map(tuple, columns), *map(tuple, views)]
    return hashlib.sha256(repr(inputs).encode()).hexdigest()
