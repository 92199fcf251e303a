"""The dbt models: what is to be built of them, and what came of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Any

from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation

from openai_costs.dbt_runner import (
    FOLDERS,
    PROJECT,
    Builder,
    BuildFailed,
    close_warehouse,
    without_settings_of_dbt,
)
from openai_costs.terminal import Stop, first_line, progress
from openai_costs.warehouse import connection, duckdb_file
from openai_costs.warehouse.destinations import Warehouse
from openai_costs_source.doctor import Finding

SEEDS = "OPENAI_COSTS_SEEDS"
"""The environment variable that names the folder of the seeds that a person fills."""

DAILY = ("config.materialized:incremental", "config.materialized:table", "tag:daily")
"""What a load can change: facts, names, and the tests of both. Views follow by themselves."""

_LAST_BUILD = "openai_intermediate.last_build"


def made_folder(name: str) -> Path:
    """A folder for what a run makes, among what dbt makes."""
    return PROJECT / os.environ.get("DBT_TARGET_PATH", "target") / name


def environment(where: Warehouse) -> dict[str, str]:
    """What dbt is told of the warehouse and of the seeds that a person fills."""
    _refuse_missing_seeds()
    return connection.dbt_variables(where) | (
        {SEEDS: os.environ[SEEDS]} if os.environ.get(SEEDS) else {}
    )


def build(builder: Builder, where: Warehouse, is_full: bool = False) -> tuple[int, list[str]]:
    """Build and test the models on the warehouse; a DuckDB file nobody may hold open.

    Where they are those of the last complete build, only what a load can change is built, and the
    replaced days are tested; with `is_full`, all days are built and tested. Gives the number of
    tests that passed, and a sentence for each that warns.
    """
    arguments = ["--exclude-resource-type", "unit_test"]
    with connection.open_client(where) as client:
        inputs = _inputs(client)
        if is_full:
            arguments.append("--full-refresh")
        elif inputs and _fingerprint(client, inputs) == _last_build(client):
            arguments += ["--indirect-selection", "empty", "--select", *DAILY]
            if where.destination in ("postgres", "redshift"):
                # Views go with the tables that they read, when those are replaced.
                arguments.append("config.materialized:view")
    with progress("Building the models") as shown:
        try:
            nodes = builder.build(
                arguments, lambda node: shown.tell(f"Building the models: {node}")
            )
        except BuildFailed as error:
            raise Stop(f"dbt could not start on the models: {first_line(error)}") from None
    passed, warnings, failures = 0, [], []
    with connection.open_client(where) as client:
        for node in nodes:
            status = node["status"]
            reasons = _reasons(client, node) if status in ("warn", "fail") else ""
            sentence = f"{node['name'].replace('_', ' ')}: {reasons or first_line(node['message'])}"
            passed += status == "pass"
            if status == "warn":
                warnings.append(sentence)
            elif status in ("error", "fail"):
                failures.append(sentence)
        if failures:
            others = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
            raise Stop(f"The raw tables are loaded, but the models failed: {failures[0]}{others}.")
        if inputs:
            built = _fingerprint(client, inputs)
            client.execute_sql(f"create table if not exists {_LAST_BUILD} (models varchar(64))")
            client.execute_sql(f"delete from {_LAST_BUILD}")  # noqa: S608
            client.execute_sql(f"insert into {_LAST_BUILD} values (%s)", built)  # noqa: S608
    return passed, warnings


def _inputs(client: Any) -> str | None:
    """A hash of what a build reads: the models' files, and which raw tables exist.

    None if the warehouse cannot list its tables; then all models are built.
    """
    seeds = PROJECT / os.environ.get(SEEDS, "own_seeds")
    folders = [seeds, *(PROJECT / name for name in ("macros", "models", "seeds", "tests"))]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    digest = hashlib.sha256()
    for path in [PROJECT / "dbt_project.yml", PROJECT / "profiles.yml", *files]:
        digest.update(path.name.encode() + path.read_bytes())
    try:
        tables = client.execute_sql(
            # Views name the database too, which a DuckDB file that is renamed changes.
            "select table_catalog, table_name from information_schema.tables "
            "where table_schema = 'openai_raw' order by table_name"
        )
    except DatabaseException:
        return None
    digest.update(repr([tuple(row) for row in tables]).encode())
    return digest.hexdigest()


def _fingerprint(client: Any, inputs: str) -> str:
    """A hash of the inputs and of the views: another version, or a person, may replace a view."""
    views = client.execute_sql(
        "select table_schema, table_name, view_definition from information_schema.views "
        "where table_schema in ('openai_staging', 'openai_intermediate', 'openai_marts') "
        "order by table_schema, table_name"
    )
    return hashlib.sha256(repr([inputs, *map(tuple, views)]).encode()).hexdigest()


def _last_build(client: Any) -> str | None:
    """The fingerprint of the last complete build, as the warehouse remembers it."""
    with contextlib.suppress(DatabaseUndefinedRelation):
        found = client.execute_sql(f"select models from {_LAST_BUILD}")  # noqa: S608
        return str(found[0][0]) if found else None
    return None


def _refuse_missing_seeds() -> None:
    if not (folder := os.environ.get(SEEDS)):
        return
    # As dbt takes it: beside the project's other folders, unless it is absolute.
    for seed in sorted((PROJECT / "own_seeds").glob("*.csv")):
        if not (PROJECT / folder / seed.name).is_file():
            raise Stop(
                f"{SEEDS} names {folder}, which has no {seed.name}: copy it from {seed.parent}.", 2
            )


def _reasons(client: Any, test: dict[str, Any]) -> str:
    """Why a test's first rows are there, where they say so in a column `reason`."""
    with client.execute_query(test["sql"]) as rows:
        columns = [column[0].lower() for column in rows.description or ()]
        if "reason" not in columns:
            return ""
        told = [row[columns.index("reason")] for row in rows.fetchmany(2)]
    others = [f"and {test['failures'] - 2} more"] if test["failures"] > 2 else []
    return "; ".join([*told, *others])


def examined(where: Warehouse) -> Finding:
    """Whether dbt finds its profile and opens the same warehouse."""
    from dbt.cli.main import dbtRunner

    try:
        kept = without_settings_of_dbt(os.environ) | connection.dbt_variables(where)
    except Stop as stop:
        return Finding("dbt", "failed", str(stop), "Set what it lacks, and check again.")
    os.environ.clear()
    os.environ.update(kept)
    if where.file and not where.file.exists():
        os.environ[duckdb_file.VARIABLE] = ":memory:"
    elif where.file:
        os.environ[duckdb_file.VARIABLE] = str(where.file)
    with progress("Asking dbt"):
        try:
            result = dbtRunner().invoke(["debug", *FOLDERS, "--quiet", "--log-level", "none"])
        finally:
            close_warehouse()
    if result.success:
        return Finding("dbt", "ok", "Its profile is found, and opens the warehouse.")
    return Finding(
        "dbt",
        "failed",
        f"Its profile cannot be used: {first_line(result.exception or 'see dbt debug')}.",
        "Run dbt debug in dbt_project for the details.",
    )
