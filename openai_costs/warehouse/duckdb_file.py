"""The DuckDB file: its path, the lock that keeps other programs out, and whether it has costs."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb

from openai_costs.settings import setting
from openai_costs.terminal import Stop

VARIABLE = "DESTINATION__DUCKDB__CREDENTIALS"
"""The environment variable of dlt's setting, which the dbt profile reads too."""

_TABLES = "select table_schema, table_name from information_schema.tables"
_LEDGER = ("openai_raw", "cost_days")


def demo_file() -> Path:
    return Path("demo.duckdb").resolve()


def file_in_settings() -> Path:
    """Return the path that dlt's setting names. Raises Stop if it is not the path of a file."""
    credentials = setting("destination.duckdb.credentials")
    if isinstance(credentials, dict):
        credentials = credentials.get("database")
    path = str(credentials or "openai_costs.duckdb").removeprefix("duckdb:///")
    if address := re.match(r":memory:|\w{2,}:", path):
        raise Stop(f"The warehouse must be a DuckDB file, and {address[0]} is not a path.", 2)
    return Path(path).resolve()


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Lock the file for this process: DuckDB allows one writer.

    A file that did not exist before, and has no costs at the end, is removed.
    """
    if file.is_file() and not file.stat().st_size:
        file.unlink()  # mktemp creates such a file; DuckDB must create its file itself.
    keep = file.exists()
    try:
        with duckdb.connect(str(file)) as connection:
            try:
                yield
            finally:
                # Only a new file is queried: an existing one may be damaged.
                keep = keep or _LEDGER in connection.execute(_TABLES).fetchall()
    finally:
        if not keep:
            for path in (file, file.with_name(f"{file.name}.wal")):
                path.unlink(missing_ok=True)


def has_costs(file: Path) -> bool:
    """Return whether costs were loaded into the file, which is opened read-only."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return _LEDGER in connection.execute(_TABLES).fetchall()


def dbt_variables(file: Path) -> dict[str, str]:
    """Return the environment variables with which the dbt profile opens the file."""
    # dbt parses all models again if a variable differs from the previous run. So a file in the
    # current folder has no folder in its path, and the destination is set only if it was set.
    path = file.name if file.parent == Path.cwd() else str(file)
    variables = {VARIABLE: path}
    return variables | ({"DESTINATION_TYPE": "duckdb"} if "DESTINATION_TYPE" in os.environ else {})
