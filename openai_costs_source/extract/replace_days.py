"""Replaces whole days of one organization at the destination."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.destination import PreparedTableSchema
from dlt.common.destination.client import FollowupJobRequest
from dlt.common.destination.reference import Destination
from dlt.common.storages.load_package import LoadJobInfo, ParsedLoadJobFileName
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.job_impl import FollowupJobRequestImpl

from openai_costs_source.api.date_ranges import ONE_DAY, contiguous_ranges
from openai_costs_source.errors import OpenAICostsError
from openai_costs_source.extract.load_lock import release_locks, wait_for_other_loads

_TOGETHER: Any = "x-replaced-together"
"""A table hint: tables with the same value are replaced in one transaction."""

_FIRST: Any = "x-replaced-first"
"""A table hint: a table that is replaced before the others, because its rows come from theirs. It
matters without transactions, where a load may end between two statements."""


def in_transactions(destination: Destination[Any, Any] | None) -> None:
    """Make dlt replace the days of all tables that belong together in one transaction, and wait for
    other loads of the dataset.

    dlt 1.31 merges each table by itself, and commits after each statement unless a destination
    declares transactions: a process that is killed between two statements would leave days on which
    rows and ledger differ. Two concurrent loads would share the staging tables. The object
    `destination` is changed in place: dlt then loads the extracted rows with it.

    Raises OpenAICostsError (wrong use) for a destination that cannot replace days.
    """
    if not destination or not issubclass(destination.client_class, SqlJobClientBase):
        return
    if destination.destination_type == "dlt.destinations.sqlalchemy":
        raise OpenAICostsError(
            "dlt's destination sqlalchemy, which SQLite and MySQL need, cannot replace days.",
            "Load into DuckDB or PostgreSQL, or another warehouse in docs/warehouses.md.",
            is_wrong_use=True,
        )
    if destination.capabilities().supports_ddl_transactions:
        destination.caps_params.setdefault("supports_transactions", True)
    destination.__class__ = _replacing_together(type(destination))


@functools.cache
def _replacing_together(destination: type) -> type:
    """A subclass of the destination with a client that merges tables together."""

    @functools.cache
    def client_class(client: type[SqlJobClientBase]) -> type[SqlJobClientBase]:
        return type(client.__name__, (_MergesTogether, client), {})

    if hasattr(destination, "replaces_together"):
        return destination
    # dlt identifies a destination by the module and name of its class.
    named = {name: getattr(destination, name) for name in ("__module__", "__qualname__")}
    merged = property(lambda self: client_class(super(type(self), self).client_class))
    return type(
        destination.__name__,
        (destination,),
        {**named, "client_class": merged, "replaces_together": True},
    )


class _MergesTogether(SqlJobClientBase):
    """Merges all tables that belong together once the rows of the last one are staged.

    On PostgreSQL, one load at a time uses the staging tables of a dataset, until dlt has truncated
    them.
    """

    _is_complete = False

    def initialize_storage(self, truncate_tables: Any = None) -> None:
        if self.config.destination_type == "postgres":
            wait_for_other_loads(self.sql_client)
        super().initialize_storage(truncate_tables)

    def complete_load(self, load_id: str) -> None:
        super().complete_load(load_id)
        self._is_complete = True

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        if self._is_complete:
            release_locks()

    def create_table_chain_completed_followup_jobs(
        self,
        table_chain: Sequence[PreparedTableSchema],
        completed_table_chain_jobs: Sequence[LoadJobInfo] | None = None,
    ) -> list[FollowupJobRequest]:
        together = table_chain[0].get(_TOGETHER)
        if not together or not completed_table_chain_jobs:
            return super().create_table_chain_completed_followup_jobs(
                table_chain, completed_table_chain_jobs
            )
        package = Path(completed_table_chain_jobs[0].file_path).parent.parent
        tables = {
            state: {
                name
                for file in (package / state).iterdir()
                if (name := ParsedLoadJobFileName.parse(file.name).table_name) in self.schema.tables
                and self.schema.tables[name].get(_TOGETHER) == together
            }
            for state in ("new_jobs", "started_jobs", "completed_jobs")
        }
        this = str(table_chain[0]["name"])
        if (tables["new_jobs"] | tables["started_jobs"]) - {this}:
            return []
        in_order = sorted(
            tables["completed_jobs"] | {this},
            key=lambda name: (not self.schema.tables[name].get(_FIRST), name),
        )
        merges = [
            Path(job.new_file_path()).read_text("utf-8")
            for name in in_order
            for job in self._create_merge_followup_jobs([self.prepare_load_table(name)])
        ]
        file = ParsedLoadJobFileName(this, ParsedLoadJobFileName.new_file_id(), 0, "sql")
        merge = FollowupJobRequestImpl(file.file_name())
        merge._save_text_file("\n".join(merges))
        return [merge]


def replacing(scopes: Iterable[str]) -> Any:
    """The merge that deletes the rows of these SQL conditions and inserts what was loaded."""
    scope = " OR ".join(scopes) or "1 = 0"
    return {"disposition": "merge", "strategy": "delete-insert", "destination_scope": scope}


def replacing_rows(
    tables: list[pa.Table],
    scopes: Iterable[str],
    together: str,
    name: str | None = None,
    is_first: bool = False,
) -> Any:
    """The tables as one table for dlt, with the rows that it replaces.

    dlt uses the scopes that are yielded last in a run. All tables of a run with the same `together`
    are replaced in one transaction, those with `is_first` before the others.
    """
    hints = dlt.mark.make_hints(
        table_name=name,
        write_disposition=replacing(scopes),
        additional_table_hints={_TOGETHER: together, **({_FIRST: True} if is_first else {})},
    )
    whole = pa.concat_tables(tables)
    return dlt.mark.with_hints(whole, hints, create_table_variant=name is not None)


def days_of(ids: set[str], days: Iterable[date]) -> list[str]:
    """SQL conditions for an organization's days, which may be stored under any of these ids."""
    return [
        f"({is_one_of(ids)} AND date BETWEEN DATE '{span.since}' AND DATE '{span.until - ONE_DAY}')"
        for span in contiguous_ranges(days)
    ]


def days_of_rows(table: pa.Table) -> list[str]:
    """SQL conditions for the days of the table's rows, by their organization."""
    days: dict[str, set[date]] = {}
    for organization_id, day in zip(
        table["organization_id"].to_pylist(), table["date"].to_pylist(), strict=True
    ):
        days.setdefault(organization_id, set()).add(day)
    return [scope for id_, dates in days.items() for scope in days_of({id_}, dates)]


def before(first_kept: date | None) -> list[str]:
    """SQL conditions for the days that are not kept."""
    return [f"date < DATE '{first_kept}'"] if first_kept else []


def is_one_of(ids: set[str]) -> str:
    """An SQL condition; the characters of ids were checked when they were received."""
    return f"organization_id IN ({', '.join(repr(text) for text in sorted(ids))})"
