"""How days are replaced at the destination: whole, and an organization's own alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

import dlt
import pyarrow as pa
from dlt.destinations.job_client_impl import SqlJobClientBase

from openai_costs_source.windows import ONE_DAY, stretches


def in_transactions() -> None:
    """Make dlt delete and insert a day in one transaction, where the destination has them.

    dlt 1.31 leaves it unsaid for most whether they do, and then commits after each statement: a
    process killed between the two would lose the days.
    """
    destination = dlt.current.pipeline().destination
    if not destination or "supports_transactions" in destination.caps_params:
        return
    if destination.capabilities().supports_ddl_transactions:
        destination.caps_params["supports_transactions"] = True


def lacking(tables: Collection[str]) -> set[str]:
    """Which of these tables the destination lacks, so that nothing in them needs to be replaced."""
    with dlt.current.pipeline().destination_client() as client:
        if not isinstance(client, SqlJobClientBase):
            return set()
        return {name for name, columns in client.get_storage_tables(tables) if not columns}


def replacing(scopes: Iterable[str]) -> Any:
    """The merge that deletes the rows of these days, as SQL, and inserts what was loaded."""
    scope = " OR ".join(scopes) or "1 = 0"
    return {"disposition": "merge", "strategy": "delete-insert", "destination_scope": scope}


def replacing_rows(
    tables: list[pa.Table], scopes: Iterable[str], name: str | None = None, is_new: bool = False
) -> Any:
    """These tables as one, for dlt, and what they replace; the last scopes of a run count.

    Into a table that is new, rows go at once: a merge writes each of them twice.
    """
    disposition: Any = "append" if is_new else replacing(scopes)
    hints = dlt.mark.make_hints(table_name=name, write_disposition=disposition)
    whole = pa.concat_tables(tables)
    return dlt.mark.with_hints(whole, hints, create_table_variant=name is not None)


def days_of(ids: set[str], days: Iterable[date]) -> list[str]:
    """SQL for one organization's days, which may be stored under each of these ids."""
    return [
        f"({is_one_of(ids)} AND date BETWEEN DATE '{each.since}' AND DATE '{each.until - ONE_DAY}')"
        for each in stretches(days)
    ]


def before(first_kept: date | None) -> list[str]:
    """SQL for the days that are not kept."""
    return [f"date < DATE '{first_kept}'"] if first_kept else []


def is_one_of(ids: set[str]) -> str:
    """SQL; the characters of ids were checked when they were told."""
    return f"organization_id IN ({', '.join(repr(each) for each in sorted(ids))})"
