"""The ledgers at the destination: which days are loaded, and whether their rows match.

A load replaces rows and ledger in one transaction if the destination has transactions. Without
transactions, or after a table was changed by hand, dropped or restored, rows, ledger and the state
of the pipeline may disagree. The ledgers take precedence.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import dlt
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase

BY_CURRENCY = "cost_days_by_currency"


class Ledgers(NamedTuple):
    """The days of the ledgers, by kind (`costs` or a kind of usage) and stored organization.

    `mismatched` are the days on which the ledger and the stored rows differ. `loaded` are all days
    of the ledger, each with the time of its load; None if the destination only appends.
    `without_table` are the kinds for which the destination has no table.
    """

    mismatched: dict[str, dict[str, set[date]]]
    loaded: dict[str, dict[str, dict[date, datetime]]] | None
    without_table: set[str]


def read_ledgers(usage_kinds: Collection[str]) -> Ledgers:
    """The ledgers of costs and of these kinds of usage, empty if they do not exist yet."""
    mismatched: dict[str, dict[str, set[date]]] = {}
    loaded: dict[str, dict[str, dict[date, datetime]]] = {}
    tables = {
        "cost_days": {"costs": "costs"},
        "usage_days": {kind: f"usage_{kind}" for kind in usage_kinds},
    }
    kinds = {kind: table for named in tables.values() for kind, table in named.items()}
    with dlt.current.pipeline().destination_client() as client:
        if not isinstance(client, SqlJobClientBase):
            return Ledgers({}, None, set())
        names = [*tables, BY_CURRENCY, *kinds.values()]
        stored = {name for name, columns in client.get_storage_tables(names) if columns}
        sql = client.sql_client
        for ledger in tables.keys() & stored:
            counted = {kind: table for kind, table in tables[ledger].items() if table in stored}
            for kind, organization_id, day in (
                sql.execute_sql(_mismatched(sql, ledger, counted, BY_CURRENCY in stored)) or ()
            ):
                mismatched.setdefault(kind, {}).setdefault(organization_id, set()).add(day_of(day))
            for kind, organization_id, day, loaded_at in sql.execute_sql(_days(sql, ledger)) or ():
                moment = loaded_at if loaded_at.tzinfo else loaded_at.replace(tzinfo=UTC)
                loaded.setdefault(kind, {}).setdefault(organization_id, {})[day_of(day)] = moment
    without_table = {kind for kind, table in kinds.items() if table not in stored}
    return Ledgers(mismatched, loaded, without_table)


def day_of(value: Any) -> date:
    return date.fromisoformat(str(value)[:10])


def _days(client: SqlClientBase[Any], ledger: str) -> str:
    return f"""
        SELECT {_kind(ledger)} AS kind, organization_id, date, loaded_at
        FROM {client.make_qualified_table_name(ledger)}
    """


def _mismatched(
    client: SqlClientBase[Any], ledger: str, tables: dict[str, str], has_currencies: bool
) -> str:
    """SQL that finds the kinds, organizations and days on which the ledger and the rows differ.

    They differ by the number of rows, by the amount (costs only), or because the ledger has a day
    twice, after dlt loaded a file of an interrupted load again. `tables` are the stored tables by
    kind; a kind without a table has no rows. The amounts of a day with several currencies are in
    `cost_days_by_currency`, if `has_currencies`.
    """
    is_costs = ledger == "cost_days"
    sides = [
        f"""
        SELECT
            {_kind(ledger)} AS kind, organization_id, date, row_count,
            {"COALESCE(row_amount, 0)" if is_costs else 0} AS amount, 1 AS in_ledger
        FROM {client.make_qualified_table_name(ledger)}
        """
    ]
    if is_costs and has_currencies:
        sides.append(
            f"""
            SELECT
                'costs' AS kind, organization_id, date, 0 AS row_count, row_amount AS amount,
                0 AS in_ledger
            FROM {client.make_qualified_table_name(BY_CURRENCY)}
            """
        )
    for kind, table in tables.items():
        sides.append(
            f"""
            SELECT
                '{kind}' AS kind, organization_id, date, -COUNT(*) AS row_count,
                {"-COALESCE(SUM(amount), 0)" if is_costs else 0} AS amount, 0 AS in_ledger
            FROM {client.make_qualified_table_name(table)}
            GROUP BY organization_id, date
            """
        )
    return f"""
        SELECT kind, organization_id, date
        FROM ({" UNION ALL ".join(sides)}) AS sides
        GROUP BY kind, organization_id, date
        HAVING SUM(row_count) <> 0 OR SUM(amount) <> 0 OR SUM(in_ledger) > 1
    """


def _kind(ledger: str) -> str:
    return "'costs'" if ledger == "cost_days" else "kind"
