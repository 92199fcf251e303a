"""What the ledgers at the destination say: which days are loaded, and whether their rows agree.

A load replaces rows and ledger in one transaction where the destination has transactions.
Elsewhere, and in a table that was changed by hand, dropped or restored, they may disagree with each
other, or with the state of the pipeline. The ledgers win.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import dlt
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase


class Ledgers(NamedTuple):
    """Both by table of rows and organization, as it is stored.

    `disagreeing` are the days whose rows are not those that the ledger counts. `loaded` are all
    days of the ledger, each with the moment of its load; None if the destination only appends.
    """

    disagreeing: dict[str, dict[str, set[date]]]
    loaded: dict[str, dict[str, dict[date, datetime]]] | None


def read_ledgers(usage_tables: Iterable[str]) -> Ledgers:
    """The ledgers of `costs` and of these tables of usage, empty if they do not exist yet."""
    ledgers = {"costs": "cost_days", **dict.fromkeys(usage_tables, "usage_days")}
    disagreeing: dict[str, dict[str, set[date]]] = {}
    loaded: dict[str, dict[str, dict[date, datetime]]] = {}
    with dlt.current.pipeline().destination_client() as client:
        if not isinstance(client, SqlJobClientBase):
            return Ledgers({}, None)
        stored = {
            name
            for name, columns in client.get_storage_tables({*ledgers, *ledgers.values()})
            if columns
        }
        for table, ledger in ledgers.items():
            if ledger in stored:
                differing = _differing(client.sql_client, table, ledger, table in stored)
                for organization_id, day in client.sql_client.execute_sql(differing) or ():
                    days = disagreeing.setdefault(table, {}).setdefault(organization_id, set())
                    days.add(_date(day))
        for ledger in stored & {"cost_days", "usage_days"}:
            kind = "'costs'" if ledger == "cost_days" else "kind"
            days_of = f"""
                SELECT {kind}, organization_id, date, loaded_at
                FROM {client.sql_client.make_qualified_table_name(ledger)}
            """
            for name, organization_id, day, loaded_at in (
                client.sql_client.execute_sql(days_of) or ()
            ):
                table = name if name == "costs" else f"usage_{name}"
                moments = loaded.setdefault(table, {}).setdefault(organization_id, {})
                moments[_date(day)] = (
                    loaded_at if loaded_at.tzinfo else loaded_at.replace(tzinfo=UTC)
                )
    return Ledgers(disagreeing, loaded)


def _date(value: Any) -> date:
    return date.fromisoformat(str(value)[:10])


def _differing(client: SqlClientBase[Any], table: str, ledger: str, is_stored: bool) -> str:
    """SQL for the organizations and days on which row counts differ or, for costs, amounts."""
    is_costs = table == "costs"
    counted = f"""
        SELECT organization_id, date, row_count, {"row_amount" if is_costs else 0} AS amount
        FROM {client.make_qualified_table_name(ledger)}
    """
    if not is_costs:
        counted += f" WHERE kind = '{table.removeprefix('usage_')}'"
    stored = f"""
        UNION ALL
        SELECT
            organization_id, date, -COUNT(*) AS row_count,
            {"-COALESCE(SUM(amount), 0)" if is_costs else 0} AS amount
        FROM {client.make_qualified_table_name(table)}
        GROUP BY organization_id, date
    """
    return f"""
        SELECT organization_id, date
        FROM ({counted} {stored if is_stored else ""}) AS each_side
        GROUP BY organization_id, date
        HAVING SUM(row_count) <> 0 OR SUM(amount) <> 0
    """
