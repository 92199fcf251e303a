"""A SQL client of Spark's Thrift server: Spark reads the lake, which dlt can only write."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from dlt.destinations.exceptions import DatabaseTransientException, DatabaseUndefinedRelation


class _Cursor:
    """A cursor that returns dates and timestamps, which PyHive returns as text."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.description = cursor.description

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._converted(self._cursor.fetchall())

    def fetchmany(self, rows: int) -> list[tuple[Any, ...]]:
        return self._converted(self._cursor.fetchmany(rows))

    def _converted(self, rows: Any) -> list[tuple[Any, ...]]:
        types = [column[1] for column in self.description]
        return [tuple(map(_converted, row, types)) for row in rows]


def _converted(value: Any, column_type: str) -> Any:
    if not isinstance(value, str):
        return value
    if column_type == "DATE_TYPE":
        return date.fromisoformat(value)
    return datetime.fromisoformat(value) if column_type == "TIMESTAMP_TYPE" else value


class _Client:
    """A client with those methods of dlt's SQL clients that this project uses."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute_sql(self, sql: str, *values: Any) -> Any:
        with self.execute_query(sql, *values) as cursor:
            return cursor.fetchall() if cursor.description else None

    @contextlib.contextmanager
    def execute_query(self, sql: str, *values: Any) -> Iterator[_Cursor]:
        from pyhive.exc import Error

        cursor = self._connection.cursor()
        try:
            cursor.execute(sql, values or None)
        except Error as error:
            # The error contains the server's whole log; the first line is the message.
            status = getattr(error.args[0], "status", None) if error.args else None
            cause = RuntimeError(str(getattr(status, "errorMessage", error)).split("\n")[0])
            table_missing = "TABLE_OR_VIEW_NOT_FOUND" in str(cause)
            error_class = DatabaseUndefinedRelation if table_missing else DatabaseTransientException
            raise error_class(cause) from cause
        try:
            yield _Cursor(cursor)
        finally:
            cursor.close()


@contextlib.contextmanager
def open_spark_client() -> Iterator[_Client]:
    """Open a client of the server that the dbt profile uses."""
    from pyhive import hive

    connection = hive.connect(
        os.environ.get("SPARK_THRIFT_HOST", "localhost"),
        int(os.environ.get("SPARK_THRIFT_PORT", "10000")),
        username=os.environ.get("SPARK_THRIFT_USER", "dbt"),
    )
    try:
        yield _Client(connection)
    finally:
        connection.close()
