"""`models`: build and test the models, and return the outcome."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import Any

from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation

from openai_costs.dbt_runner import PROJECT, Builder, BuildFailed
from openai_costs.terminal import Stop, first_lines, progress
from openai_costs.warehouse.connection import dbt_variables, locked, open_client
from openai_costs.warehouse.destinations import Warehouse

SEEDS = "OPENAI_COSTS_SEEDS"
"""The environment variable that names the folder of the user's own seeds."""

DAILY = ("config.materialized:incremental", "config.materialized:table", "tag:daily")
"""Selects what a load can change: facts, names and their tests. Views need no new build."""

_LAST_BUILD = "openai_intermediate.last_build"


def start_parsing(builder: Builder, warehouse: Warehouse) -> None:
    """Start parsing the models for the warehouse. Raises Stop if a seed is missing."""
    _refuse_missing_seeds()
    seeds = {SEEDS: os.environ[SEEDS]} if os.environ.get(SEEDS) else {}
    builder.prepare(dbt_variables(warehouse) | seeds)


def require_loaded(warehouse: Warehouse) -> None:
    """Raise Stop if no costs are loaded, or if another program uses the warehouse."""
    with locked(warehouse, must_have_costs=True):
        pass


def build(builder: Builder, warehouse: Warehouse, full: bool = False) -> tuple[int, list[str]]:
    """Build and test the models; return how many tests passed, and a sentence for each warning.

    If the models are unchanged since the last complete build, builds only what a load can change,
    and tests the replaced days; with `full`, builds and tests all days. A DuckDB file must be
    closed in this process, because dbt opens it in another one.
    """
    arguments = ["--exclude-resource-type", "unit_test"]
    with open_client(warehouse) as client:
        inputs = _inputs(client)
        if full:
            arguments.append("--full-refresh")
        elif inputs and _fingerprint(client, inputs) == _last_build(client):
            arguments += ["--indirect-selection", "empty", "--select", *DAILY]
            if warehouse.destination in ("postgres", "redshift"):
                # Replacing a table drops the views that depend on it.
                arguments.append("config.materialized:view")
    with progress("Building the models") as shown:
        try:
            nodes = builder.build(
                arguments, lambda node: shown.show(f"Building the models: {node}")
            )
        except BuildFailed as error:
            raise Stop(f"dbt could not start the build: {first_lines(error)}") from None
    with open_client(warehouse) as client:
        outcome = _outcome(client, nodes)
        if inputs:
            _store_last_build(client, _fingerprint(client, inputs))
    return outcome


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


def _inputs(client: Any) -> str | None:
    """Return a hash of what a build reads: the models' files, and which raw tables exist.

    Returns None if the warehouse cannot list its tables; then all models are built.
    """
    seeds = PROJECT / os.environ.get(SEEDS, "own_seeds")
    folders = [seeds, *(PROJECT / name for name in ("macros", "models", "seeds", "tests"))]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    digest = hashlib.sha256()
    for path in [PROJECT / "dbt_project.yml", PROJECT / "profiles.yml", *files]:
        digest.update(path.name.encode() + path.read_bytes())
    try:
        tables = client.execute_sql(
            # With the database: views contain its name, which changes if a DuckDB file is renamed.
            "select table_catalog, table_name from information_schema.tables "
            "where table_schema = 'openai_raw' order by table_name"
        )
    except DatabaseException:
        return None
    digest.update(repr([tuple(row) for row in tables]).encode())
    return digest.hexdigest()


def _fingerprint(client: Any, inputs: str) -> str:
    """Return a hash of the inputs and of the views, which others may have replaced."""
    views = client.execute_sql(
        "select table_schema, table_name, view_definition from information_schema.views "
        "where table_schema in ('openai_staging', 'openai_intermediate', 'openai_marts') "
        "order by table_schema, table_name"
    )
    return hashlib.sha256(repr([inputs, *map(tuple, views)]).encode()).hexdigest()


def _last_build(client: Any) -> str | None:
    """Return the fingerprint of the last complete build, from the warehouse."""
    with contextlib.suppress(DatabaseUndefinedRelation):
        rows = client.execute_sql(f"select models from {_LAST_BUILD}")  # noqa: S608
        return str(rows[0][0]) if rows else None
    return None


def _store_last_build(client: Any, fingerprint: str) -> None:
    client.execute_sql(f"create table if not exists {_LAST_BUILD} (models varchar(64))")
    client.execute_sql(f"delete from {_LAST_BUILD}")  # noqa: S608
    client.execute_sql(f"insert into {_LAST_BUILD} values (%s)", fingerprint)  # noqa: S608


def _refuse_missing_seeds() -> None:
    if not (folder := os.environ.get(SEEDS)):
        return
    # dbt resolves a relative path from the project's folder.
    for seed in sorted((PROJECT / "own_seeds").glob("*.csv")):
        if not (PROJECT / folder / seed.name).is_file():
            raise Stop(
                f"{SEEDS} names {folder}, which has no {seed.name}: copy it from {seed.parent}.", 2
            )
