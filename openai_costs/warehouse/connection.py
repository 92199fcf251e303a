"""The warehouse: which one, whether it can be used, and what keeps others out of a file."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import dlt
import duckdb
import fsspec
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.destination.exceptions import DestinationException
from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.pipeline.exceptions import PipelineStepFailed

from openai_costs.query import Query
from openai_costs.settings import setting
from openai_costs.terminal import INTERRUPTED, Stop, first_line
from openai_costs.warehouse.spark import spark
from openai_costs_source import OpenAICostsError
from openai_costs_source.doctor import Finding

VARIABLE = "DESTINATION__DUCKDB__CREDENTIALS"
"""dlt's setting, which the dbt profile reads too."""

LAKE_TABLES = ("focus_costs", "reconciliation")

NEEDED = {
    "duckdb": (),
    "motherduck": (),
    "postgres": ("dbt.adapters.postgres", "psycopg2"),
    "redshift": ("dbt.adapters.redshift", "psycopg2"),
    "snowflake": ("dbt.adapters.snowflake", "snowflake.connector"),
    "bigquery": ("dbt.adapters.bigquery", "google.cloud.bigquery"),
    "databricks": ("dbt.adapters.databricks", "databricks.sql"),
    "clickhouse": ("dbt.adapters.clickhouse", "clickhouse_connect"),
    "filesystem": ("dbt.adapters.spark", "pyhive"),
}
"""dlt's destinations that the dbt profile has a target for, and the modules that each needs."""

_EXTRAS = {"filesystem": "spark"}
"""The extra that installs them, where it has not the destination's name."""


@dataclass(frozen=True)
class Warehouse:
    """A destination of dlt's, by its name; `file` is where DuckDB keeps it, else None."""

    destination: str = "duckdb"
    file: Path | None = None

    def __str__(self) -> str:
        """As it begins a sentence."""
        return str(self.file or f"The warehouse in {self.destination}")

    @property
    def name(self) -> str:
        return str(self.file or self.destination)

    @property
    def is_lake(self) -> bool:
        """Whether loads are files, which only grow, and another engine builds the models."""
        return self.destination == "filesystem"

    @property
    def file_format(self) -> Any:
        """What dlt hands over. PostgreSQL takes rows fastest as CSV, without a further driver."""
        known = {"postgres": "csv", "redshift": None}
        return known.get(self.destination, "parquet")

    def environment(self) -> dict[str, str]:
        """What the dbt profile reads: the destination, and what dlt finds of its credentials."""
        told = {"DESTINATION_TYPE": self.destination}
        if self.file:
            # Where a variable differs from that of the run before, dbt parses everything anew.
            here = self.file.parent == Path.cwd()
            is_said = "DESTINATION_TYPE" in os.environ
            named = {VARIABLE: self.file.name if here else str(self.file)}
            return told | named if is_said else named
        prefix = f"DESTINATION__{self.destination.upper()}__"
        try:
            with pipeline(self) as opened:
                client = opened.destination_client()
                credentials = getattr(client.config, "credentials", None) or {}
                for name in ("location", "bucket_url"):
                    if value := getattr(client.config, name, None):
                        told[f"{prefix}{name.upper()}"] = str(value)
        except Exception as error:
            raise foreseen(error, self) or error from None
        for name, value in dict(credentials).items():
            if isinstance(value, str | int):
                told[f"{prefix}CREDENTIALS__{name.upper()}"] = str(value)
        return told


def chosen(is_demo: bool, destination: str | None) -> Warehouse:
    """The warehouse of the settings. Raises Stop where it is none that can be used."""
    name = "duckdb" if is_demo else destination or setting("destination_type") or "duckdb"
    if name not in NEEDED:
        raise Stop(f"There is no destination {name}. There are: {', '.join(NEEDED)}.", 2)
    for module in NEEDED[name]:
        try:
            is_there = find_spec(module) is not None
        except ModuleNotFoundError:
            is_there = False
        if not is_there:
            raise Stop(
                f"The destination {name} needs more packages: "
                f"pip install '.[{_EXTRAS.get(name, name)}]'",
                2,
            )
    return Warehouse(name, _file(is_demo) if name == "duckdb" else None)


def _file(is_demo: bool) -> Path:
    named = "demo.duckdb" if is_demo else setting("destination.duckdb.credentials")
    if isinstance(named, dict):
        named = named.get("database")
    text = str(named or "openai_costs.duckdb").removeprefix("duckdb:///")
    if re.match(r":memory:|\w{2,}:", text):
        raise Stop(f"The warehouse must be a DuckDB file, which {text.split(':')[0]}: is not.", 2)
    return Path(text).resolve()


@contextlib.contextmanager
def held(warehouse: Warehouse, is_needed: bool = False) -> Iterator[None]:
    """The warehouse, kept from other programs: a DuckDB file has one writer.

    A file that held nothing before, and holds nothing when the work has failed, is removed.
    """
    if is_needed:
        refuse_empty(warehouse)
    file = warehouse.file
    if not file:
        try:
            with _locked(warehouse):
                yield
        except BaseException as error:
            raise foreseen(error, warehouse) or error from None
        return
    if file.is_file() and not file.stat().st_size:
        file.unlink()  # Such as mktemp makes; DuckDB wants to make its file itself.
    is_of_use = file.exists()
    try:
        with duckdb.connect(str(file)) as connection:
            try:
                yield
            finally:
                # A file that was of use is not asked: it may be damaged.
                is_of_use = is_of_use or _LEDGER in connection.execute(_TABLES).fetchall()
    except BaseException as error:
        raise foreseen(error, warehouse) or error from None
    finally:
        if not is_of_use:
            for left in (file, file.with_name(f"{file.name}.wal")):
                left.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(warehouse: Warehouse) -> Iterator[None]:
    """Keeps other runs out on PostgreSQL, where both would load the same days: dlt's staging
    tables are shared. The server frees the lock when the connection ends, however the run does."""
    if warehouse.destination != "postgres":
        yield
        return
    lock = "select pg_try_advisory_lock(hashtext('openai_costs'), hashtext('openai_raw'))"
    with client(warehouse) as connected:
        if not connected.execute_sql(lock)[0][0]:
            raise Stop(f"{warehouse} is in use by another run: wait until it ends, and run again.")
        yield


_TABLES = "select table_schema, table_name from information_schema.tables"
_LEDGER = ("openai_raw", "cost_days")


def refuse_empty(warehouse: Warehouse) -> None:
    """Raises Stop where nothing is loaded."""
    if warehouse.file and not warehouse.file.exists():
        raise Stop(f"{warehouse} does not exist: load costs first, with python pipeline.py.")
    try:
        if warehouse.file:
            with duckdb.connect(str(warehouse.file), read_only=True) as connection:
                is_loaded = _LEDGER in connection.execute(_TABLES).fetchall()
        elif warehouse.is_lake:
            with pipeline(warehouse) as opened, opened.destination_client() as files:
                is_loaded = bool(cast(Any, files).list_table_files("cost_days"))
        else:
            with client(warehouse) as opened:
                is_loaded = bool(opened.execute_sql("select 1 from openai_raw.cost_days limit 1"))
    except DatabaseUndefinedRelation:
        is_loaded = False
    except Exception as error:
        raise foreseen(error, warehouse) or error from None
    if not is_loaded:
        raise Stop(f"{warehouse} holds no costs yet: load them first, with python pipeline.py.")


@contextlib.contextmanager
def pipeline(warehouse: Warehouse | duckdb.DuckDBPyConnection) -> Iterator[dlt.Pipeline]:
    """A pipeline whose working folder lives as long as the run.

    What was loaded is remembered in the warehouse, and what a killed run left half loaded must not
    be resumed: nothing may depend on this machine's disk.
    """
    try:
        working_folder = tempfile.TemporaryDirectory(prefix="openai_costs_")
    except OSError as error:
        raise foreseen(error, warehouse) or error from None
    duck = warehouse.file if isinstance(warehouse, Warehouse) else warehouse
    destination: Any = getattr(warehouse, "destination", None)
    if duck:
        credentials = DuckDbCredentials(str(duck) if isinstance(duck, Path) else duck)
        # Rows have no order of their own, and DuckDB writes them on all cores where it need keep
        # none.
        credentials.local_config = {"preserve_insertion_order": False}
        # Of what it read or wrote, DuckDB may keep this much; the default is most of the machine.
        credentials.global_config = {"memory_limit": "400MB"}
        destination = dlt.destinations.duckdb(credentials)
    with working_folder as folder:
        yield dlt.pipeline(
            "openai_costs",
            destination=destination,
            dataset_name="openai_raw",
            pipelines_dir=folder,
        )


@contextlib.contextmanager
def client(warehouse: Warehouse) -> Iterator[Any]:
    """A SQL client of dlt's, or what is asked of one, of the engine that reads a lake."""
    try:
        if warehouse.is_lake:
            with spark() as connected:
                yield connected
            return
        with pipeline(warehouse) as opened, opened.sql_client() as opened_client:
            yield opened_client
    except Exception as error:
        raise foreseen(error, warehouse) or error from None


@contextlib.contextmanager
def query(warehouse: Warehouse) -> Iterator[Query]:
    with client(warehouse) as opened:
        yield asked_through(opened)


def asked_through(client: Any) -> Query:
    return lambda sql, *values: client.execute_sql(sql, *values) or []


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
                    raise foreseen(error, folder) or error from None
                raise Stop(f"{folder} cannot be read as a lake: {first_line(error)}") from None


def examined(warehouse: Warehouse) -> Finding:
    """Whether the warehouse can be written; a file that does not exist yet is not made."""
    is_new = bool(warehouse.file and not warehouse.file.exists())
    try:
        with held(warehouse):
            if not warehouse.file:
                with client(warehouse) as opened:
                    opened.execute_sql("select 1")
    except Stop as stop:
        is_held = "is open in another program" in str(stop)
        remedy = "Name a file that can be written, or bring this one back from a copy."
        if not warehouse.file:
            remedy = f"See dlt's settings destination.{warehouse.destination}.credentials."
        remedy = "Close it there, or wait until it is done." if is_held else remedy
        return Finding("warehouse", "failed", str(stop), remedy)
    if is_new:
        return Finding("warehouse", "ok", f"{warehouse} can be made; nothing is loaded yet.")
    return Finding(
        "warehouse", "ok", f"{warehouse} can be {'written' if warehouse.file else 'used'}."
    )


def foreseen(error: BaseException, warehouse: Any) -> Stop | None:
    """What dlt wrapped, as a sentence about `warehouse`; None where nobody foresaw it."""
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
        if isinstance(cause, ConfigurationException):
            fields = re.findall(r"missing\s+field\(s\): ([^\n(]+)", str(cause))
            named = fields[-1].replace("`", "").strip() if fields else first_line(cause)
            return Stop(
                f"{warehouse} lacks settings of its credentials: {named}. The README's table of "
                "warehouses has them.",
                2,
            )
        cause = cause.__cause__ or cause.__context__
    if isinstance(warehouse, Warehouse) and not warehouse.file:
        return _foreseen_of_server(error, warehouse)
    return None


def _foreseen_of_server(error: BaseException, warehouse: Warehouse) -> Stop | None:
    """What a warehouse's driver said, in its own first words."""
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    for cause in causes:
        # PEP 249 names it so, for all drivers.
        if type(cause).__name__ in ("OperationalError", "InterfaceError"):
            return Stop(f"{warehouse} cannot be used: {first_line(cause)}")
    if isinstance(error, PipelineStepFailed | DestinationException):
        return Stop(f"{warehouse} cannot be used: {first_line(causes[-1])}")
    return None


def _is_full(cause: BaseException) -> bool:
    if isinstance(cause, duckdb.Error):
        return "No space left" in str(cause) or "File too large" in str(cause)
    if not isinstance(cause, OSError):
        return False
    # Where Python cannot write a file into any folder for temporary ones, it says that none exists.
    is_nowhere = "No usable temporary directory" in str(cause)
    return is_nowhere or cause.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
