"""The destinations: what each needs, how dlt loads it, and which one the settings choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from openai_costs.folders import extra
from openai_costs.settings import setting
from openai_costs.terminal import Stop
from openai_costs.warehouse.duckdb_file import file_in_settings, names_a_schema


@dataclass(frozen=True)
class Destination:
    """A destination of dlt for which the dbt profile has a target."""

    modules: tuple[str, ...] = ()
    """The Python modules that it needs in addition to dlt and DuckDB."""
    extra: str = ""
    """The extra of this project that installs these modules."""
    file_format: Any = "parquet"
    """The format of the files that dlt loads; None: dlt's default."""
    dbt_fields: tuple[str, ...] = ()
    """The fields of dlt's configuration that the dbt profile reads, in addition to credentials."""
    lake: bool = False
    """Whether loads only add files, and another engine builds the models."""
    kept_in: str = ""
    """Where the warehouse keeps rows for some time after they are changed or removed."""


DESTINATIONS: Mapping[str, Destination] = MappingProxyType(
    {
        "duckdb": Destination(),
        "motherduck": Destination(kept_in="snapshots and fail-safe storage"),
        "postgres": Destination(
            ("dbt.adapters.postgres", "psycopg2"),
            "postgres",
            "csv",  # The format that PostgreSQL loads fastest without another driver.
            kept_in="its tables until VACUUM, and in archives of its write-ahead log",
        ),
        "redshift": Destination(
            ("dbt.adapters.redshift", "psycopg2"),
            "redshift",
            None,
            kept_in="its tables until VACUUM, and in snapshots",
        ),
        "snowflake": Destination(
            ("dbt.adapters.snowflake", "snowflake.connector"),
            "snowflake",
            kept_in="Time Travel and Fail-safe",
        ),
        "bigquery": Destination(
            ("dbt.adapters.bigquery", "google.cloud.bigquery"),
            "bigquery",
            dbt_fields=("location",),
            kept_in="time travel and fail-safe storage",
        ),
        "databricks": Destination(
            ("dbt.adapters.databricks", "databricks.sql"),
            "databricks",
            kept_in="the files of Delta tables until VACUUM",
        ),
        "clickhouse": Destination(
            ("dbt.adapters.clickhouse", "clickhouse_connect"),
            "clickhouse",
            kept_in="inactive parts of its tables for some minutes",
        ),
        "filesystem": Destination(
            ("dbt.adapters.spark", "pyhive"), "spark", dbt_fields=("bucket_url",), lake=True
        ),
    }
)


@dataclass(frozen=True)
class Warehouse:
    """A destination, by dlt's name; `file` is the DuckDB file, or None for a server.

    `read_copy` is the file that each complete run replaces with a copy of the DuckDB file.
    """

    destination: str = "duckdb"
    file: Path | None = None
    read_copy: Path | None = None

    def __str__(self) -> str:
        """Return a name that can begin a sentence."""
        return str(self.file or f"The warehouse in {self.destination}")

    @property
    def name(self) -> str:
        return str(self.file or self.destination)

    @property
    def lake(self) -> bool:
        return DESTINATIONS[self.destination].lake

    @property
    def kept_in(self) -> str:
        return DESTINATIONS[self.destination].kept_in

    @property
    def file_format(self) -> Any:
        return DESTINATIONS[self.destination].file_format


DEMO = "demo.duckdb"
"""The file for the simulated organization."""


def configured_warehouse(destination: str | None, file: str | None = None) -> Warehouse:
    """Return this DuckDB file, or else the warehouse of `--destination` or of the settings.

    Raises Stop if the destination is unknown or its packages are missing.
    """
    name = "duckdb" if file else destination or setting("destination_type") or "duckdb"
    if name not in DESTINATIONS:
        raise Stop(f"There is no destination {name}. There are: {', '.join(DESTINATIONS)}.", 2)
    if not all(map(_installed, DESTINATIONS[name].modules)):
        packages = extra(DESTINATIONS[name].extra)
        raise Stop(f"The destination {name} needs more packages: {packages}", 2)
    if name != "duckdb":
        return Warehouse(name)
    if file:
        return Warehouse(name, Path(file).resolve())
    configured = file_in_settings()
    return Warehouse(name, configured, _read_copy(configured))


def dbt_variables(warehouse: Warehouse, configuration: Any) -> dict[str, str]:
    """Return the environment variables with which the dbt profile opens a server.

    `configuration` is the configuration of dlt's client: dbt uses the same credentials.
    """
    prefix = f"DESTINATION__{warehouse.destination.upper()}__"
    variables = {"DESTINATION_TYPE": warehouse.destination}
    for name in DESTINATIONS[warehouse.destination].dbt_fields:
        if value := getattr(configuration, name, None):
            variables[f"{prefix}{name.upper()}"] = str(value)
    credentials = getattr(configuration, "credentials", None) or {}
    for name, value in dict(credentials).items():
        if isinstance(value, str | int):
            variables[f"{prefix}CREDENTIALS__{name.upper()}"] = str(value)
    return variables


def _read_copy(warehouse: Path) -> Path | None:
    """Return the path of the copy that readers use. Raises Stop if it cannot be created there."""
    if not (path := setting("warehouse.read_copy")):
        return None
    file = Path(str(path)).resolve()
    if file == warehouse:
        raise Stop(f"warehouse.read_copy is {file}, the warehouse itself: name another file.", 2)
    if file.is_dir() or not file.parent.is_dir():
        raise Stop(f"warehouse.read_copy is {file}: name a file in a folder that exists.", 2)
    if names_a_schema(file):
        raise Stop(f"warehouse.read_copy is {file}: DuckDB cannot use this name.", 2)
    return file


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
