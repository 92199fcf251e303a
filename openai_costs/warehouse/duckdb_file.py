"""The DuckDB file: its path, connections that wait for other programs, and whether it has costs."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from openai_costs.settings import lock_timeout_seconds, setting
from openai_costs.terminal import Stop, say

VARIABLE = "DESTINATION__DUCKDB__CREDENTIALS"
"""The environment variable of dlt's setting, which the dbt profile reads too."""
CONNECT_ATTEMPTS = "OPENAI_COSTS_CONNECT_ATTEMPTS"
"""The environment variable with dbt's attempts to open the file: after 1, 2, 4, … seconds."""

_TABLES = "select table_schema, table_name from information_schema.tables"
_LEDGER = ("openai_raw", "cost_days")

# DuckDB names the database after the file. It cannot distinguish it from a schema of this name.
_SCHEMAS = {"openai_raw", "openai_staging", "openai_intermediate", "openai_marts"}
_SCHEMAS |= {"information_schema", "pg_catalog"}
# DuckDB renames these databases, and dbt does not find them.
_RENAMED = {"main", "system", "temp"}


def file_in_settings() -> Path:
    """Return the path that dlt's setting names. Raises Stop if it is not the path of a file."""
    credentials = setting("destination.duckdb.credentials")
    if isinstance(credentials, dict):
        credentials = credentials.get("database")
    path = str(credentials or "openai_costs.duckdb").removeprefix("duckdb:///")
    if address := re.match(r":memory:|\w{2,}:", path):
        raise Stop(f"The warehouse must be a DuckDB file, and {address[0]} is not a path.", 2)
    file = Path(path).resolve()
    _refuse_unusable_name(file)
    return file


def names_a_schema(file: Path) -> bool:
    """Return whether DuckDB uses the name of the file itself, or confuses it with a schema."""
    database = file.name.lstrip(".").split(".")[0].lower()
    return database in _SCHEMAS | _RENAMED or not database


def _refuse_unusable_name(file: Path) -> None:
    """Raise Stop for a path that DuckDB or dbt cannot use as the name of a database."""
    if names_a_schema(file):
        raise Stop(
            f"A warehouse file cannot be named {file.name}, because DuckDB uses that name itself, "
            "or it is the name of a schema: choose another name.",
            2,
        )
    # dbt reads the path as a URL and writes the name between quotation marks.
    used = [*re.findall(r"['\"]", file.name), *re.findall("[#?;]", _path_for_dbt(file))]
    if used:
        raise Stop(f"dbt cannot use {file}, because it contains {used[0]}: choose another path.", 2)


@contextlib.contextmanager
def connected(
    file: Path, read_only: bool = False, wait: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the file, for writing or next to other readers.

    While another program prevents it, waits for `wait` seconds, or as long as the setting says.
    Raises duckdb.IOException after that.
    """
    end: float | None = None
    while True:
        try:
            before = _identity(file)
            connection = duckdb.connect(str(file), read_only=read_only)
            if before in (None, _identity(file)):
                break
            connection.close()  # Another run replaced or removed the file meanwhile.
        except duckdb.IOException as error:
            if not is_open_elsewhere(error):
                raise
            if end is None:
                seconds = lock_timeout_seconds() if wait is None else wait
                end = time.monotonic() + seconds
                if seconds:
                    say(f"{file} is open in another program{other_process(error)}: waiting for it.")
            if time.monotonic() >= end:
                raise
            time.sleep(0.1)
    with connection:
        yield connection


def _identity(file: Path) -> int | None:
    try:
        return file.stat().st_ino
    except OSError:
        return None


def is_open_elsewhere(error: BaseException) -> bool:
    return isinstance(error, duckdb.IOException) and "set lock on file" in str(error)


def other_process(error: BaseException) -> str:
    """Return the process that has the file open, such as " (PID 12)", or an empty string."""
    found = re.search(r" \(PID \d+\)", str(error))
    return found[0] if found else ""


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Lock the file for this process: DuckDB allows one writer.

    A file that did not exist before, and has no costs at the end, is removed.
    """
    if file.is_file() and not file.stat().st_size:
        file.unlink()  # mktemp creates such a file; DuckDB must create its file itself.
    keep = file.exists()
    try:
        with connected(file) as connection:
            try:
                yield
            finally:
                # Only a new file is queried: an existing one may be damaged.
                keep = keep or _LEDGER in connection.execute(_TABLES).fetchall()
                if not keep:
                    # As long as it is locked: another run may be waiting for it.
                    _remove(file)
    except duckdb.Error as error:
        # On a full disk, DuckDB creates the file, but cannot write to it.
        if not keep and not is_open_elsewhere(error):
            _remove(file)
        raise


def _remove(file: Path) -> None:
    for path in (file, file.with_name(f"{file.name}.wal")):
        path.unlink(missing_ok=True)


def has_costs(file: Path) -> bool:
    """Return whether costs were loaded into the file, which is opened read-only."""
    with connected(file, read_only=True) as connection:
        return _LEDGER in connection.execute(_TABLES).fetchall()


def dbt_variables(file: Path) -> dict[str, str]:
    """Return the environment variables with which the dbt profile opens the file."""
    attempts = lock_timeout_seconds().bit_length() + 1
    variables = {VARIABLE: _path_for_dbt(file), CONNECT_ATTEMPTS: str(attempts)}
    return variables | ({"DESTINATION_TYPE": "duckdb"} if "DESTINATION_TYPE" in os.environ else {})


def _path_for_dbt(file: Path) -> str:
    # dbt parses all models again if a variable differs from the previous run. So a file in the
    # current folder has no folder in its path, and the destination is set only if it was set.
    return file.name if file.parent == Path.cwd() else str(file)
