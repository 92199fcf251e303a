"""Where the rows of a day and its ledger disagree at the destination.

A load replaces both in one transaction where the destination has transactions. Elsewhere, and in a
table that was changed by hand or restored, they may disagree.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import dlt
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase

Disagreeing = dict[str, dict[str, set[date]]]
"""Days by table of rows and organization, as it is stored."""


def disagreeing_days(usage_tables: Iterable[str]) -> Disagreeing:
    """The days of `costs` and of these tables of usage on which rows and ledger disagree.

    Nothing where there is no ledger yet, nor of a destination that only appends.
    """
    ledgers = {"costs": "cost_days", **dict.fromkeys(usage_tables, "usage_days")}
    found: Disagreeing = {}
    with dlt.current.pipeline().destination_client() as client:
        if not isinstance(client, SqlJobClientBase):
            return found
        stored = {
            name
            for name, columns in client.get_storage_tables({*ledgers, *ledgers.values()})
            if columns
        }
        for table, ledger in ledgers.items():
            if ledger in stored:
                is_stored = table in stored
                asked = _differing(client.sql_client, table, ledger, is_stored)
                rows = client.sql_client.execute_sql(asked)
                for organization_id, day in rows or ():
                    days = found.setdefault(table, {}).setdefault(organization_id, set())
                    days.add(date.fromisoformat(str(day)[:10]))
    return found


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
