"""Changes to stored rows: organization ids that became known later, and people's names.

Each function takes the pipeline that loads the warehouse and can be run again at any time.
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


def assign_organization_ids(pipeline: dlt.Pipeline) -> None:
    """Replace an organization's name (from the reply header) with its id, once rows returned it.

    A load does so for the days that OpenAI still returns; this function does it for older days.
    """
    state = pipeline.state.get("sources", {}).get("openai_costs", {})
    tables = [
        str(table["name"])
        for table in pipeline.default_schema.data_tables()
        if "organization_id" in table["columns"]
    ]
    with pipeline.sql_client() as client:
        stored: set[str] = set()
        for table in {"cost_days", "trimmed_costs", "usage_days", *_VERSIONED} & set(tables):
            qualified = client.make_qualified_table_name(table)
            rows = _rows(client, f"SELECT DISTINCT organization_id FROM {qualified}")
            stored |= {organization_id for (organization_id,) in rows}
        for name, organization_id in state.get("ids", {}).items():
            if name != organization_id and name in stored:
                with client.begin_transaction():
                    for table in tables:
                        _assign_id(client, table, name, organization_id)


def _assign_id(client: SqlClientBase[Any], table: str, name: str, organization_id: str) -> None:
    qualified = client.make_qualified_table_name(table)
    if table in _VERSIONED:
        client.execute_sql(
            f"DELETE FROM {qualified} WHERE organization_id = %s AND id IN "
            f"(SELECT id FROM {qualified} WHERE organization_id = %s)",
            name,
            organization_id,
        )
    if table == "listings":
        client.execute_sql(f"DELETE FROM {qualified} WHERE organization_id = %s", name)
    client.execute_sql(
        f"UPDATE {qualified} SET organization_id = %s WHERE organization_id = %s",
        organization_id,
        name,
    )


def redact_stored(pipeline: dlt.Pipeline, user_emails: str) -> None:
    """Hash or blank the e-mail addresses that were stored under another setting."""
    if user_emails == "plain":
        return
    with pipeline.sql_client() as client:
        for table, personal in PERSONAL.items():
            qualified = client.make_qualified_table_name(table)
            for column in personal.redacted:
                is_email = column == personal.email
                if is_email and user_emails == "none":
                    # This includes hashes, which another setting may have stored.
                    client.execute_sql(
                        f"UPDATE {qualified} SET {column} = NULL WHERE {column} <> ''"
                    )
                addresses = f"SELECT DISTINCT {column} FROM {qualified} WHERE {column} LIKE %s"
                for (text,) in _rows(client, addresses, "%@%"):
                    client.execute_sql(
                        f"UPDATE {qualified} SET {column} = %s WHERE {column} = %s",
                        hashed(text) if is_email else None,
                        text,
                    )


def has_user(pipeline: dlt.Pipeline, user_id: str) -> bool:
    """Whether any raw row has this user id."""
    with pipeline.sql_client() as client:
        return _count_rows(client, user_id) > 0


def forget(pipeline: dlt.Pipeline, user_id: str, file_format: Any = "parquet") -> int:
    """Blank a person's name and e-mail address in the raw tables, now and in every later load.

    The id and the amounts stay. Returns the number of rows that have the id.
    """
    pipeline.run(_forgetting(user_id), loader_file_format=file_format)
    with pipeline.sql_client() as client:
        for table, personal in PERSONAL.items():
            qualified = client.make_qualified_table_name(table)
            blank = ", ".join(f"{name} = NULL" for name in personal.redacted)
            client.execute_sql(f"UPDATE {qualified} SET {blank} WHERE {personal.id} = %s", user_id)
        return _count_rows(client, user_id)


@dlt.source(name="openai_costs", section="openai_costs")
def _forgetting(user_id: str) -> DltResource:
    """Records the id in a table and in dlt's state, where later loads find it."""

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


def _count_rows(client: SqlClientBase[Any], user_id: str) -> int:
    count = 0
    for table, personal in PERSONAL.items():
        qualified = client.make_qualified_table_name(table)
        sql = f"SELECT COUNT(*) FROM {qualified} WHERE {personal.id} = %s"
        count += _rows(client, sql, user_id)[0][0]
    return count


def _rows(client: SqlClientBase[Any], sql: str, *values: Any) -> Any:
    return client.execute_sql(sql, *values) or []
