"""The costs of the days that `keep_months` removes, which the table `trimmed_costs` keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import dlt
import pyarrow as pa
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase

from openai_costs_source.api.pages import MONEY
from openai_costs_source.extract.ledger import day_of

TRIMMED_COSTS = pa.schema(
    [
        ("organization_id", pa.string()),
        ("date", pa.date32()),
        ("project_id", pa.string()),
        ("user_id", pa.string()),
        ("api_key_id", pa.string()),
        ("currency", pa.string()),
        ("amount", MONEY),
        ("is_by_user", pa.bool_()),
        ("is_complete", pa.bool_()),
    ]
)
"""The sums of the rows of `costs`, and with `is_by_user` those of `costs_by_user`. A day without
costs has one row. `is_complete` is false if the day was not over when it was read, or if its rows
differed from the ledger."""

_IDS = {
    "costs": ("project_id", "user_id", "api_key_id", "currency"),
    "costs_by_user": ("user_id", "currency"),
}


def costs_before(first_kept: date, mismatched: Mapping[str, set[date]]) -> pa.Table:
    """The costs of the days in the ledger before `first_kept`, as rows of `TRIMMED_COSTS`.

    `mismatched` are the days on which ledger and rows differ, by organization. A lake has no rows
    here: nothing is removed from it.
    """
    rows: list[dict[str, Any]] = []
    with dlt.current.pipeline().destination_client() as client:
        if isinstance(client, SqlJobClientBase):
            tables = client.get_storage_tables(["cost_days", *_IDS])
            stored = {name for name, columns in tables if columns}
            if "cost_days" in stored:
                rows += _rows(client.sql_client, stored, first_kept, mismatched)
    return pa.Table.from_pylist(rows, schema=TRIMMED_COSTS)


def _rows(
    client: SqlClientBase[Any],
    stored: set[str],
    first_kept: date,
    mismatched: Mapping[str, set[date]],
) -> Iterator[dict[str, Any]]:
    def select(columns: str, table: str, group_by: str = "") -> Any:
        name = client.make_qualified_table_name(table)
        days = f"date < DATE '{first_kept}'"
        return client.execute_sql(f"SELECT {columns} FROM {name} WHERE {days} {group_by}") or ()  # noqa: S608

    # Only days of the ledger: the rows of another day are the rest of an interrupted removal.
    is_complete = {
        (organization_id, day_of(day)): bool(is_closed)
        and day_of(day) not in mismatched.get(organization_id, ())
        for organization_id, day, is_closed in select(
            "organization_id, date, is_closed", "cost_days"
        )
    }
    with_costs = set()
    for table in sorted(_IDS.keys() & stored if is_complete else ()):
        columns = ("organization_id", "date", *_IDS[table])
        names = ", ".join(columns)
        for *ids, amount in select(f"{names}, SUM(amount)", table, f"GROUP BY {names}"):
            row = dict(zip(columns, ids, strict=True))
            key = (row["organization_id"], day_of(row["date"]))
            if key in is_complete:
                with_costs.add(key)
                amounts = {"amount": amount or 0, "is_by_user": table == "costs_by_user"}
                yield {**row, "date": key[1], **amounts, "is_complete": is_complete[key]}
    for organization_id, day in sorted(is_complete.keys() - with_costs):
        key = (organization_id, day)
        named = {"organization_id": organization_id, "date": day, "amount": 0}
        yield {**named, "is_by_user": False, "is_complete": is_complete[key]}
