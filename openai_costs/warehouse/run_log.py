"""The table `openai_raw.runs`: one row per run of a command that changes the warehouse."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from dlt.destinations.exceptions import DatabaseException

from openai_costs.query import Query
from openai_costs.terminal import Stop, first_lines, say
from openai_costs.version import version
from openai_costs.warehouse.connection import open_client
from openai_costs.warehouse.destinations import Warehouse

RUNS = "openai_raw.runs"

_TYPES = {"int": "bigint", "str": "varchar(80)", "datetime": "timestamp"}


@dataclass
class Run:
    """What a run did; None where it did not come that far, or does no such thing."""

    command: str
    version: str = field(default_factory=version)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    exit_code: int = 0
    requests: int | None = None
    days_read: int | None = None
    days_replaced: int | None = None
    days_checked: int | None = None
    checks: int | None = None
    tests_passed: int | None = None
    built_by: str | None = None
    checked_by: str | None = None
    project_files: str | None = None
    """The hash of the project's files, if they were built and tested completely."""
    inputs: str | None = None
    """A hash of what else that build read: own seeds, views, and which raw tables exist."""


@contextlib.contextmanager
def logged(warehouse: Warehouse, command: str | None) -> Iterator[Run]:
    """Log what happens in the block, which sets the run's values.

    Wrong use is not logged, as nothing was attempted, nor a run before the first load.
    """
    run = Run(command or "run")
    try:
        yield run
    except BaseException as error:
        run.exit_code = error.exit_code if isinstance(error, Stop) else 1
        if run.exit_code != 2:
            # The warehouse may be what failed, perhaps because another program has it open.
            with contextlib.suppress(Exception):
                _insert(warehouse, run, wait=0)
        raise
    try:
        _insert(warehouse, run)
    except (DatabaseException, Stop) as error:
        # All that the run had to do is done, and the next run needs no row of this one.
        say(f"This run is missing in the log {RUNS}: {first_lines(error)}")


def last_build(query: Query) -> tuple[str, str] | None:
    """Return `project_files` and `inputs` of the last complete build."""
    row = _first(query, "project_files, inputs", "inputs is not null")
    return tuple(row) if row else None


def last_verified(query: Query) -> datetime | None:
    """Return when the last run ended that checked days."""
    row = _first(query, "ended_at", "days_checked > 0 and inputs is not null")
    return row[0] if row else None


def built_from(query: Query, checked_by: str) -> str | None:
    """Return `project_files` of the build with this fingerprint; None if dbt built by itself."""
    row = _first(query, "project_files", "inputs is not null and checked_by = %s", checked_by)
    return row[0] if row else None


def _first(query: Query, columns: str, condition: str, *values: Any) -> Any:
    """Return these columns of the latest run with this condition; None without one."""
    statement = f"select {columns} from {RUNS} where {condition} order by ended_at desc limit 1"  # noqa: S608
    # Another version may have created the table with other columns.
    with contextlib.suppress(DatabaseException):
        rows = query(statement, *values)
        return rows[0] if rows else None
    return None


def _insert(warehouse: Warehouse, run: Run, wait: int | None = None) -> None:
    if warehouse.file and not warehouse.file.exists():
        return
    if warehouse.lake and run.tests_passed is None:
        return  # Spark reads the lake's files; a load only writes them.
    run.ended_at = datetime.now(UTC)
    columns = {column.name: _TYPES[str(column.type).split(" ")[0]] for column in fields(Run)}
    # Without a time zone, as a session's would be applied: all times are UTC.
    values = [
        value.replace(tzinfo=None) if isinstance(value, datetime) else value
        for value in (getattr(run, name) for name in columns)
    ]
    with open_client(warehouse, False, wait) as client:
        client.execute_sql(
            f"create table if not exists {RUNS} "
            f"({', '.join(f'{name} {kind}' for name, kind in columns.items())})"
        )
        casts = ", ".join(f"cast(%s as {kind})" for kind in columns.values())
        client.execute_sql(f"insert into {RUNS} ({', '.join(columns)}) select {casts}", *values)
