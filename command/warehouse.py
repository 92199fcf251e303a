"""The warehouse, a DuckDB file: which one, whether it can be used, and what keeps others out."""

from __future__ import annotations

import contextlib
import errno
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb
import fsspec
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from command.settings import setting
from command.terminal import INTERRUPTED, Stop, first_line
from openai_costs_source import OpenAICostsError
from openai_costs_source.doctor import Finding
from reporting.summary import Query

VARIABLE = "DESTINATION__DUCKDB__CREDENTIALS"
"""dlt's setting, which the dbt profile reads too."""

LAKE_TABLES = ("focus_costs", "reconciliation")


def file(is_demo: bool) -> Path:
    """Where the warehouse is. Raises Stop where the setting names none that is a file."""
    named = "demo.duckdb" if is_demo else setting("destination.duckdb.credentials")
    if isinstance(named, dict):
        named = named.get("database")
    text = str(named or "openai_costs.duckdb").removeprefix("duckdb:///")
    if re.match(r":memory:|\w{2,}:", text):
        raise Stop(f"The warehouse must be a DuckDB file, which {text.split(':')[0]}: is not.", 2)
    return Path(text).resolve()


@contextlib.contextmanager
def held(warehouse: Path, is_needed: bool = False) -> Iterator[None]:
    """The warehouse, kept from other programs: a DuckDB file has one writer.

    A file that held nothing before, and holds nothing when the work has failed, is removed.
    """
    if is_needed:
        refuse_empty(warehouse)
    if warehouse.is_file() and not warehouse.stat().st_size:
        warehouse.unlink()  # Such as mktemp makes; DuckDB wants to make its file itself.
    is_of_use = warehouse.exists()
    try:
        with duckdb.connect(str(warehouse)) as connection:
            try:
                yield
            finally:
                is_of_use = is_of_use or _holds_costs(connection)
    except BaseException as error:
        raise foreseen(error, warehouse) or error from None
    finally:
        if not is_of_use:
            for left in (warehouse, warehouse.with_name(f"{warehouse.name}.wal")):
                left.unlink(missing_ok=True)


@contextlib.contextmanager
def opened(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, for a moment; what keeps it closed is a sentence."""
    try:
        with duckdb.connect(str(file)) as connection:
            yield connection
    except duckdb.Error as error:
        raise foreseen(error, file) or error from None


def refuse_empty(warehouse: Path) -> None:
    if not warehouse.exists():
        raise Stop(f"{warehouse} does not exist: load costs first, with python pipeline.py.")
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            if _holds_costs(connection):
                return
    except duckdb.Error as error:
        raise foreseen(error, warehouse) or error from None
    raise Stop(f"{warehouse} holds no costs yet: load them first, with python pipeline.py.")


def _holds_costs(connection: duckdb.DuckDBPyConnection) -> bool:
    tables = connection.execute("select table_schema, table_name from information_schema.tables")
    return ("openai_raw", "cost_days") in tables.fetchall()


@contextlib.contextmanager
def pipeline(warehouse: Path | duckdb.DuckDBPyConnection) -> Iterator[dlt.Pipeline]:
    """A pipeline whose working folder lives as long as the run.

    What was loaded is remembered in the warehouse, and what a killed run left half loaded must not
    be resumed: nothing may depend on this machine's disk.
    """
    try:
        working_folder = tempfile.TemporaryDirectory(prefix="openai_costs_")
    except OSError as error:
        raise foreseen(error, Path(str(warehouse))) or error from None
    opened = str(warehouse) if isinstance(warehouse, Path) else warehouse
    credentials = DuckDbCredentials(opened)
    # Rows have no order of their own, and DuckDB writes them on all cores where it need keep none.
    credentials.local_config = {"preserve_insertion_order": False}
    # Of what it read or wrote, DuckDB may keep this much; the default is most of the machine.
    credentials.global_config = {"memory_limit": "400MB"}
    with working_folder as folder:
        yield dlt.pipeline(
            "openai_costs",
            destination=dlt.destinations.duckdb(credentials),
            dataset_name="openai_raw",
            pipelines_dir=folder,
        )


@contextlib.contextmanager
def client(file: Path) -> Iterator[Any]:
    """A SQL client of dlt's."""
    try:
        with pipeline(file) as opened, opened.sql_client() as opened_client:
            yield opened_client
    except Exception as error:
        raise foreseen(error, file) or error from None


@contextlib.contextmanager
def query(file: Path) -> Iterator[Query]:
    with client(file) as opened:
        yield lambda sql, *values: opened.execute_sql(sql, *values) or []


@contextlib.contextmanager
def lake(folder: str) -> Iterator[Any]:
    """A SQL client of the models' tables as Parquet files, each table in a folder of its name.

    `folder` is a path, or the URL of an object store for which fsspec has a file system installed.
    """
    with duckdb.connect() as connection:
        # Engines write moments with or without a time zone, always in UTC.
        connection.execute("set TimeZone = 'UTC'; create schema openai_marts; use openai_marts")
        try:
            if "://" in folder:
                connection.register_filesystem(fsspec.filesystem(folder.partition("://")[0]))
            for table in LAKE_TABLES:
                # In the folder's own name, nothing is a pattern.
                plain = re.sub(r"([*?\[])", r"[\1]", folder.rstrip("/"))
                files = f"{plain}/{table}/**/*.parquet"
                connection.read_parquet(files).create_view(table)
        except (duckdb.Error, ImportError, ValueError, OSError) as error:
            raise Stop(f"{folder} cannot be read as a lake: {first_line(error)}", 2) from None
        with pipeline(connection) as opened, opened.sql_client() as opened_client:
            try:
                yield opened_client
            except (duckdb.Error, DatabaseException) as error:
                if _is_full(error):
                    raise foreseen(error, Path(folder)) or error from None
                raise Stop(f"{folder} cannot be read as a lake: {first_line(error)}") from None


def examined(warehouse: Path) -> Finding:
    """Whether the warehouse can be written; a file that does not exist yet is not made."""
    is_new = not warehouse.exists()
    try:
        with held(warehouse):
            pass
    except Stop as stop:
        is_held = "is open in another program" in str(stop)
        remedy = "Name a file that can be written, or bring this one back from a copy."
        remedy = "Close it there, or wait until it is done." if is_held else remedy
        return Finding("warehouse", "failed", str(stop), remedy)
    if is_new:
        return Finding("warehouse", "ok", f"{warehouse} can be made; nothing is loaded yet.")
    return Finding("warehouse", "ok", f"{warehouse} can be written.")


def foreseen(error: BaseException, warehouse: Path) -> Stop | None:
    """What dlt wrapped, as a sentence; None where nobody foresaw it."""
    cause: BaseException | None = error
    if isinstance(error, Stop):
        return error
    while cause:
        if isinstance(cause, KeyboardInterrupt):
            return Stop(INTERRUPTED)
        if isinstance(cause, OpenAICostsError):
            return Stop(str(cause), 2 if cause.is_wrong_use else 1)
        if isinstance(cause, duckdb.IOException) and "set lock on file" in str(cause):
            process = re.search(r" \(PID \d+\)", str(cause))
            return Stop(
                f"{warehouse} is open in another program{process[0] if process else ''}, perhaps "
                "another run, and DuckDB allows one writer: close it there, or wait, and run again."
            )
        if _is_full(cause):
            return Stop(
                f"The disk is full, or a file may not grow further ({first_line(cause)}). The "
                "warehouse is as it was, or whole: make room and run again."
            )
        if isinstance(cause, duckdb.Error):
            return Stop(f"{warehouse} cannot be used as a DuckDB file: {first_line(cause)}")
        cause = cause.__cause__ or cause.__context__
    return None


def _is_full(cause: BaseException) -> bool:
    if isinstance(cause, duckdb.Error):
        return "No space left" in str(cause) or "File too large" in str(cause)
    if not isinstance(cause, OSError):
        return False
    # Where Python cannot write a file into any folder for temporary ones, it says that none exists.
    is_nowhere = "No usable temporary directory" in str(cause)
    return is_nowhere or cause.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
