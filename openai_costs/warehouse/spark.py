"""Spark's Thrift server, asked as dlt's SQL clients are: it reads the lake that dlt only writes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from dlt.destinations.exceptions import DatabaseTransientException, DatabaseUndefinedRelation


class _Cursor:
    """Rows in Python's types: PyHive leaves some of them texts."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.description = cursor.description

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._told(self._cursor.fetchall())

    def fetchmany(self, rows: int) -> list[tuple[Any, ...]]:
        return self._told(self._cursor.fetchmany(rows))

    def _told(self, rows: Any) -> list[tuple[Any, ...]]:
        types = [column[1] for column in self.description]
        return [tuple(map(_told, row, types)) for row in rows]


def _told(value: Any, of_type: str) -> Any:
    if not isinstance(value, str):
        return value
    if of_type == "DATE_TYPE":
        return date.fromisoformat(value)
    return datetime.fromisoformat(value) if of_type == "TIMESTAMP_TYPE" else value


class _Client:
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
            # Its text is all that the server logged; the first line says what it is about.
            status = getattr(error.args[0], "status", None) if error.args else None
            said = RuntimeError(str(getattr(status, "errorMessage", error)).split("\n")[0])
            is_lacking = "TABLE_OR_VIEW_NOT_FOUND" in str(said)
            raise (DatabaseUndefinedRelation if is_lacking else DatabaseTransientException)(
                said
            ) from said
        try:
            yield _Cursor(cursor)
        finally:
            cursor.close()


@contextlib.contextmanager
def spark() -> Iterator[_Client]:
    """A client of the server that the dbt profile names too."""
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
