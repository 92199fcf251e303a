"""Connections to the warehouse: pipelines, SQL clients, queries, and the lock for writers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, cast

import dlt
import duckdb
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from openai_costs.folders import COMMAND
from openai_costs.query import Query
from openai_costs.temporary_folders import temporary_folder
from openai_costs.terminal import Stop
from openai_costs.warehouse import destinations, duckdb_file
from openai_costs.warehouse.destinations import Warehouse
from openai_costs.warehouse.error_messages import explained
from openai_costs.warehouse.spark import open_spark_client

# PostgreSQL releases the lock when the connection ends.
_POSTGRES_LOCK = "select pg_try_advisory_lock(hashtext('openai_costs'), hashtext('openai_raw'))"


@contextlib.contextmanager
def open_pipeline(
    warehouse: Warehouse | duckdb.DuckDBPyConnection, read_only: bool = False
) -> Iterator[dlt.Pipeline]:
    """Open a pipeline with a new working folder, which is removed afterwards.

    With `read_only`, a DuckDB file is opened next to other readers.

    Nothing may depend on this machine's disk: what was loaded is stored in the warehouse, and the
    load of a killed run must not be resumed.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder())
        except OSError as error:
            raise explained(error, warehouse) or error from None
        yield dlt.pipeline(
            "openai_costs",
            destination=_destination(warehouse, read_only),
            dataset_name="openai_raw",
            pipelines_dir=str(folder),
        )


@contextlib.contextmanager
def open_client(
    warehouse: Warehouse, read_only: bool = True, wait: int | None = None
) -> Iterator[Any]:
    """Open a dlt SQL client, or for a lake, a client of the engine that reads it.

    A DuckDB file is opened next to other readers or, unless `read_only`, as the only program; see
    `duckdb_file.connected` for `wait`.
    """
    try:
        with contextlib.ExitStack() as stack:
            if warehouse.lake:
                yield stack.enter_context(open_spark_client())
                return
            if warehouse.file:
                # dlt would not wait for other programs.
                stack.enter_context(duckdb_file.connected(warehouse.file, read_only, wait))
            pipeline = stack.enter_context(open_pipeline(warehouse, read_only))
            yield stack.enter_context(cast(Any, pipeline.sql_client()))
    except Exception as error:
        raise explained(error, warehouse) or error from None


@contextlib.contextmanager
def open_query(warehouse: Warehouse) -> Iterator[Query]:
    """Open a connection; yield a function that runs SQL on it and returns the rows."""
    with open_client(warehouse) as client:
        yield query_through(client)


def query_through(client: Any) -> Query:
    return lambda sql, *values: client.execute_sql(sql, *values) or []


@contextlib.contextmanager
def locked(warehouse: Warehouse, must_have_costs: bool = False) -> Iterator[None]:
    """Keep other runs out of a warehouse that allows one writer, and explain errors as Stop.

    Raises Stop if another program uses the warehouse, or if it must have costs and has none.
    """
    if must_have_costs:
        require_costs(warehouse)
    try:
        with _lock(warehouse):
            yield
    except BaseException as error:
        raise explained(error, warehouse) or error from None


def require_costs(warehouse: Warehouse) -> None:
    """Raise Stop if no costs are loaded."""
    if warehouse.file and not warehouse.file.exists():
        raise Stop(f"{warehouse} does not exist: load costs first, with {COMMAND}.")
    try:
        loaded = _has_costs(warehouse)
    except DatabaseUndefinedRelation:
        loaded = False
    except Exception as error:
        raise explained(error, warehouse) or error from None
    if not loaded:
        raise Stop(f"{warehouse} has no costs yet: load them first, with {COMMAND}.")


def dbt_variables(warehouse: Warehouse) -> dict[str, str]:
    """Return the environment variables with which the dbt profile opens the warehouse."""
    if warehouse.file:
        return duckdb_file.dbt_variables(warehouse.file)
    try:
        with open_pipeline(warehouse) as pipeline:
            return destinations.dbt_variables(warehouse, pipeline.destination_client().config)
    except Exception as error:
        raise explained(error, warehouse) or error from None


def _destination(warehouse: Warehouse | duckdb.DuckDBPyConnection, read_only: bool = False) -> Any:
    if not isinstance(warehouse, Warehouse):
        credentials = DuckDbCredentials(warehouse)
    elif warehouse.file:
        credentials = DuckDbCredentials(str(warehouse.file), read_only=read_only)
    else:
        return warehouse.destination
    # The order of rows has no meaning. DuckDB writes on all cores if it need not keep it.
    credentials.local_config = {"preserve_insertion_order": False}
    # By default, DuckDB would use up to 80 % of the machine's memory.
    credentials.global_config = {"memory_limit": "400MB"}
    return dlt.destinations.duckdb(credentials)


def _lock(warehouse: Warehouse) -> contextlib.AbstractContextManager[None]:
    if warehouse.file:
        return duckdb_file.locked(warehouse.file)
    if warehouse.destination == "postgres":
        return _postgres_lock(warehouse)
    return contextlib.nullcontext()


@contextlib.contextmanager
def _postgres_lock(warehouse: Warehouse) -> Iterator[None]:
    """Keep other runs out, because two runs would write to the same staging tables of dlt."""
    with open_client(warehouse) as client:
        if not client.execute_sql(_POSTGRES_LOCK)[0][0]:
            raise Stop(f"{warehouse} is in use by another run: wait until it ends, and run again.")
        yield


def _has_costs(warehouse: Warehouse) -> bool:
    if warehouse.file:
        return duckdb_file.has_costs(warehouse.file)
    if warehouse.lake:
        with open_pipeline(warehouse) as pipeline, pipeline.destination_client() as files:
            return bool(cast(Any, files).list_table_files("cost_days"))
    with open_client(warehouse) as client:
        return bool(client.execute_sql("select 1 from openai_raw.cost_days limit 1"))
