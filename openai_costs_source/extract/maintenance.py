"""What is changed in a warehouse besides loading days: ids that came late, and people's names.

Each function takes the pipeline that loads the warehouse and may be run again at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase
from dlt.extract import DltResource

from openai_costs_source.extract.redaction import PERSONAL, hashed

_VERSIONED = ("projects", "users", "service_accounts", "api_keys", "spend_limits", "listed")


def take_ids(pipeline: dlt.Pipeline) -> None:
    """Give rows that were stored under the name in a header the organization's id, once known.

    A load does so for the days that OpenAI still tells; this one for those that it has forgotten.
    """
    state = pipeline.state.get("sources", {}).get("openai_costs", {})
    tables = [
        str(table["name"])
        for table in pipeline.default_schema.data_tables()
        if "organization_id" in table["columns"]
    ]
    with pipeline.sql_client() as client:
        stored: set[str] = set()
        for table in {"cost_days", "usage_days", *_VERSIONED} & set(tables):
            known = client.make_qualified_table_name(table)
            stored |= {
                each for (each,) in _rows(client, f"SELECT DISTINCT organization_id FROM {known}")
            }
        for name, organization_id in state.get("ids", {}).items():
            if name != organization_id and name in stored:
                with client.begin_transaction():
                    for table in tables:
                        _take_id(client, table, name, organization_id)


def _take_id(client: SqlClientBase[Any], table: str, name: str, organization_id: str) -> None:
    known = client.make_qualified_table_name(table)
    if table in _VERSIONED:
        client.execute_sql(
            f"DELETE FROM {known} WHERE organization_id = %s AND id IN "
            f"(SELECT id FROM {known} WHERE organization_id = %s)",
            name,
            organization_id,
        )
    if table == "listings":
        client.execute_sql(f"DELETE FROM {known} WHERE organization_id = %s", name)
    client.execute_sql(
        f"UPDATE {known} SET organization_id = %s WHERE organization_id = %s", organization_id, name
    )


def cover_stored(pipeline: dlt.Pipeline, user_emails: str) -> None:
    """Hash or blank the e-mail addresses that were stored before the setting said so."""
    if user_emails == "plain":
        return
    with pipeline.sql_client() as client:
        for table, personal in PERSONAL.items():
            known = client.make_qualified_table_name(table)
            for column in personal.columns:
                is_email = column == personal.email
                if is_email and user_emails == "none":
                    # Hashes too, which another setting may have stored before.
                    client.execute_sql(f"UPDATE {known} SET {column} = NULL WHERE {column} <> ''")
                plain = f"SELECT DISTINCT {column} FROM {known} WHERE {column} LIKE %s"
                for (text,) in _rows(client, plain, "%@%"):
                    client.execute_sql(
                        f"UPDATE {known} SET {column} = %s WHERE {column} = %s",
                        hashed(text) if is_email else None,
                        text,
                    )


def is_known(pipeline: dlt.Pipeline, user_id: str) -> bool:
    """Whether any raw row names this id."""
    with pipeline.sql_client() as client:
        return _rows_that_name(client, user_id) > 0


def forget(pipeline: dlt.Pipeline, user_id: str, file_format: Any = "parquet") -> int:
    """Blank a person's name and e-mail address in the raw tables, now and in every later load.

    The id stays, and the money with it. Gives the number of rows that name the id.
    """
    pipeline.run(_forgetting(user_id), loader_file_format=file_format)
    with pipeline.sql_client() as client:
        for table, personal in PERSONAL.items():
            known = client.make_qualified_table_name(table)
            blank = ", ".join(f"{name} = NULL" for name in personal.columns)
            client.execute_sql(f"UPDATE {known} SET {blank} WHERE {personal.who} = %s", user_id)
        return _rows_that_name(client, user_id)


@dlt.source(name="openai_costs", section="openai_costs")
def _forgetting(user_id: str) -> DltResource:
    """Notes in dlt's state, which later loads heed, and in a table who is to be forgotten."""

    @dlt.resource(
        write_disposition={"disposition": "merge", "strategy": "delete-insert"},
        primary_key="user_id",
    )
    def forgotten_users() -> Iterator[dict[str, Any]]:
        forgotten = dlt.current.source_state().setdefault("forgotten", [])
        if user_id not in forgotten:
            forgotten.append(user_id)
        yield {"user_id": user_id, "forgotten_at": datetime.now(UTC)}

    return forgotten_users


def _rows_that_name(client: SqlClientBase[Any], user_id: str) -> int:
    found = 0
    for table, personal in PERSONAL.items():
        known = client.make_qualified_table_name(table)
        counted = f"SELECT COUNT(*) FROM {known} WHERE {personal.who} = %s"
        found += _rows(client, counted, user_id)[0][0]
    return found


def _rows(client: SqlClientBase[Any], sql: str, *values: Any) -> Any:
    return client.execute_sql(sql, *values) or []
