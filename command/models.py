"""The dbt models: what is to be built of them, and what came of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Any

import duckdb

from command import warehouse
from command.building import FOLDERS, PROJECT, Builder, BuildFailed
from command.terminal import Stop, first_line, progress
from openai_costs_source.doctor import Finding

SEEDS = "OPENAI_COSTS_SEEDS"
"""The environment variable that names the folder of the seeds that a person fills."""

DAILY = ("config.materialized:incremental", "config.materialized:table", "tag:daily")
"""What a load can change: facts, names, and the tests of both. Views follow by themselves."""

_LAST_BUILD = "openai_intermediate.last_build"


def made_folder(name: str) -> Path:
    """A folder for what a run makes, among what dbt makes."""
    return PROJECT / os.environ.get("DBT_TARGET_PATH", "target") / name


def environment(file: Path) -> dict[str, str]:
    """What dbt is told of the warehouse and of the seeds that a person fills."""
    _refuse_missing_seeds()
    # Where a variable differs from that of the run before, dbt parses everything anew.
    told = {warehouse.VARIABLE: file.name if file.parent == Path.cwd() else str(file)}
    return told | ({SEEDS: os.environ[SEEDS]} if os.environ.get(SEEDS) else {})


def build(builder: Builder, file: Path, is_full: bool = False) -> tuple[int, list[str]]:
    """Build and test the models on the warehouse, which nobody may hold open.

    Where they are those of the last complete build, only what a load can change is built, and the
    replaced days are tested; with `is_full`, all days are built and tested. Gives the number of
    tests that passed, and a sentence for each that warns.
    """
    arguments = ["--exclude-resource-type", "unit_test"]
    with warehouse.opened(file) as connection:
        models = _fingerprint(connection)
        if is_full:
            arguments.append("--full-refresh")
        elif models == _last_build(connection):
            arguments += ["--indirect-selection", "empty", "--select", *DAILY]
    with progress("Building the models") as shown:
        try:
            nodes = builder.build(
                arguments, lambda node: shown.tell(f"Building the models: {node}")
            )
        except BuildFailed as error:
            raise Stop(f"dbt could not start on the models: {first_line(error)}") from None
    passed, warnings, failures = 0, [], []
    with warehouse.opened(file) as connection:
        for node in nodes:
            status = node["status"]
            reasons = _reasons(connection, node) if status in ("warn", "fail") else ""
            sentence = f"{node['name'].replace('_', ' ')}: {reasons or first_line(node['message'])}"
            passed += status == "pass"
            if status == "warn":
                warnings.append(sentence)
            elif status in ("error", "fail"):
                failures.append(sentence)
        if failures:
            others = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
            raise Stop(f"The raw tables are loaded, but the models failed: {failures[0]}{others}.")
        connection.execute(f"create or replace table {_LAST_BUILD} as select ? as models", [models])
    return passed, warnings


def _fingerprint(connection: duckdb.DuckDBPyConnection) -> str:
    """A hash of what the SQL of the models follows from: files, and which raw tables there are."""
    seeds = PROJECT / os.environ.get(SEEDS, "own_seeds")
    folders = [seeds, *(PROJECT / name for name in ("macros", "models", "seeds", "tests"))]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    digest = hashlib.sha256()
    for path in [PROJECT / "dbt_project.yml", PROJECT / "profiles.yml", *files]:
        digest.update(path.name.encode() + path.read_bytes())
    tables = connection.execute(
        # Views name the database too, which a file that is renamed changes.
        "select table_catalog, table_name from information_schema.tables "
        "where table_schema = 'openai_raw' order by table_name"
    )
    digest.update(repr(tables.fetchall()).encode())
    return digest.hexdigest()


def _last_build(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The fingerprint of the last complete build, as the warehouse remembers it."""
    with contextlib.suppress(duckdb.CatalogException):
        found = connection.execute(f"select models from {_LAST_BUILD}").fetchone()  # noqa: S608
        return str(found[0]) if found else None
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


def _reasons(connection: duckdb.DuckDBPyConnection, test: dict[str, Any]) -> str:
    """Why a test's first rows are there, where they say so in a column `reason`."""
    rows = connection.execute(test["sql"])
    columns = [column[0].lower() for column in rows.description or ()]
    if "reason" not in columns:
        return ""
    told = [row[columns.index("reason")] for row in rows.fetchmany(2)]
    others = [f"and {test['failures'] - 2} more"] if test["failures"] > 2 else []
    return "; ".join([*told, *others])


def examined(file: Path) -> Finding:
    """Whether dbt finds its profile and opens the same warehouse."""
    from dbt.cli.main import dbtRunner

    os.environ[warehouse.VARIABLE] = str(file) if file.exists() else ":memory:"
    with progress("Asking dbt"):
        result = dbtRunner().invoke(["debug", *FOLDERS, "--quiet", "--log-level", "none"])
    if result.success:
        return Finding("dbt", "ok", "Its profile is found, and opens the warehouse.")
    return Finding(
        "dbt",
        "failed",
        f"Its profile cannot be used: {first_line(result.exception or 'see dbt debug')}.",
        "Run dbt debug in dbt_project for the details.",
    )
