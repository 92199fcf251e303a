"""A lake: the models' tables as Parquet files in a folder or an object store, read by DuckDB."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import fsspec
from dlt.destinations.exceptions import DatabaseException

from openai_costs.terminal import Stop, first_lines
from openai_costs.warehouse.connection import open_pipeline
from openai_costs.warehouse.error_messages import disk_full, explained

_TABLES = ("focus_costs", "reconciliation")


@contextlib.contextmanager
def open_lake_client(folder: str) -> Iterator[Any]:
    """Open a SQL client on the tables of a lake; each table is a subfolder with its name.

    `folder` is a path, or the URL of an object store for which fsspec has a file system installed.
    """
    with duckdb.connect() as connection:
        # Some engines write timestamps without a time zone; all write them in UTC.
        connection.execute("set TimeZone = 'UTC'; create schema openai_marts; use openai_marts")
        try:
            if "://" in folder:
                connection.register_filesystem(fsspec.filesystem(folder.partition("://")[0]))
            for table in _TABLES:
                # The folder's name may contain characters that are special in a glob pattern.
                escaped = re.sub(r"([*?\[])", r"[\1]", folder.rstrip("/"))
                files = f"{escaped}/{table}/**/*.parquet"
                connection.read_parquet(files).create_view(table)
        except (duckdb.Error, ImportError, ValueError, OSError) as error:
            raise Stop(f"{folder} cannot be read as a lake: {first_lines(error)}", 2) from None
        with open_pipeline(connection) as pipeline, pipeline.sql_client() as client:
            try:
                yield client
            except (duckdb.Error, DatabaseException) as error:
                if disk_full(error):
                    raise explained(error, folder) or error from None
                raise Stop(f"{folder} cannot be read as a lake: {first_lines(error)}") from None
