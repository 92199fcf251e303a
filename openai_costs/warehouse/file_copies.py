"""Complete copies of a DuckDB file: one for readers, and one that contains no removed row."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from openai_costs.replaced_files import replace, temporary_file
from openai_costs.terminal import Stop, first_lines
from openai_costs.warehouse.duckdb_file import connected
from openai_costs.warehouse.error_messages import disk_full

_CATALOG = (
    "select schema_name, table_name, comment, column_count from duckdb_tables()",
    "select schema_name, view_name, comment, sql from duckdb_views()",
    "select schema_name, table_name, column_name, data_type, is_nullable, column_default, comment "
    "from duckdb_columns()",
    "select schema_name, table_name, constraint_text from duckdb_constraints()",
    "select schema_name, index_name, sql from duckdb_indexes()",
    "select schema_name, function_name, macro_definition from duckdb_functions()",
    "select schema_name, sequence_name from duckdb_sequences()",
)


def copy_file(file: Path, read_copy: Path) -> None:
    """Copy a warehouse for programs that read it all the time. Raises Stop if that fails.

    They keep what they have open; when they open the copy again, they read the new one.
    """
    try:
        with connected(file, read_only=True), temporary_file(read_copy) as new:
            shutil.copyfile(file, new)
            # A program that wrote to the copy may have left changes, which are not for the new one.
            _log(read_copy).unlink(missing_ok=True)
            replace(read_copy, new)
    except (duckdb.Error, OSError) as error:
        raise Stop(
            f"The warehouse is complete, but its copy {read_copy} cannot be written: "
            f"{_reason(error)}."
        ) from None


def rewrite(file: Path) -> None:
    """Replace the file with a new one that contains only current rows.

    DuckDB leaves removed rows in the file until it needs the space. Raises Stop if the new file
    cannot be written or differs; then the file is unchanged.
    """
    try:
        # The connection for writing keeps other programs out until the file is replaced.
        with connected(file) as connection, temporary_file(file) as new:
            # Views of other tools may contain the database's name, which stays the same here.
            ((name,),) = connection.execute("select current_database()").fetchall()
            new.unlink()  # DuckDB must create its file itself.
            connection.execute("set memory_limit = '400MB'")
            connection.execute(f"attach '{str(new).replace(chr(39), 2 * chr(39))}' as rewritten")
            connection.execute(f"copy from database {_quoted(name)} to rewritten")
            if _contents(connection, name) != _contents(connection, "rewritten"):
                raise OSError("the new file differs")
            connection.execute("detach rewritten")
            replace(file, new)
    except (duckdb.Error, OSError) as error:
        remedy = (
            f"free {file.stat().st_size / 1_000_000:,.0f} MB"
            if disk_full(error)
            else "move the tables of other tools to another file"
        )
        raise Stop(
            f"The name is removed from all tables, but {file} may still contain it between them, "
            f"because the file cannot be written again: {_reason(error)}. If you can, {remedy}, "
            "and run forget again."
        ) from None


def _log(file: Path) -> Path:
    """Return DuckDB's write-ahead log of a file."""
    return file.with_name(f"{file.name}.wal")


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _contents(connection: duckdb.DuckDBPyConnection, database: str) -> list[object]:
    """Return all tables, views, columns, comments and so on, and a hash of each table's rows."""
    contents: list[object] = [
        connection.execute(f"{sql} where database_name = ? order by all", [database]).fetchall()
        for sql in _CATALOG
    ]
    for schema, table, *_ in contents[0]:  # type: ignore[attr-defined]
        rows = ".".join(map(_quoted, (database, schema, table)))
        sql = f"select count(*), bit_xor(hash(x)), sum(hash(x)) from {rows} as x"  # noqa: S608
        contents.append(connection.execute(sql).fetchall())
    return contents


def _reason(error: duckdb.Error | OSError) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or first_lines(error)
