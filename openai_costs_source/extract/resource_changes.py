"""Refuses changes to a resource that dlt allows but that would load wrong rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import dlt
from dlt.extract import DltResource
from dlt.extract.incremental import Incremental
from dlt.extract.items_transform import (
    FilterItem,
    LimitItem,
    MapItem,
    MetricsItem,
    YieldMapItem,
)

from openai_costs_source.errors import OpenAICostsError

_CONTENT_HINTS = {
    *("data_type", "precision", "scale", "timezone", "nullable"),
    *("primary_key", "merge_key", "unique", "dedup_sort", "hard_delete"),
}
"""The hints of a column that decide which rows and values are stored."""

_METHODS: dict[type, str] = {
    LimitItem: "add_limit",
    FilterItem: "add_filter",
    YieldMapItem: "add_yield_map",
    Incremental: "incremental",
}


def refuse_changes(name: str, write_disposition: Any, merge_key: Any = None) -> None:
    """Refuse the current resource if it was changed in a way that doubles or loses rows.

    A load replaces whole days, and the ledger counts their rows: a limit, a filter or another write
    disposition would double rows or contradict the ledger. Functions of `add_map` receive whole
    Arrow tables and may change them. The arguments are those that the resource was declared
    with. Raises OpenAICostsError (wrong use), which names the change.
    """
    resource = dlt.current.resource()
    for change in _changes(resource, name, write_disposition, merge_key):
        raise OpenAICostsError(
            f"The resource {name} cannot be loaded with {change}: each load must contain all rows "
            "that it replaces, as OpenAI returned them.",
            "Select days with since and until, resources with with_resources(), and filter rows in "
            "your dbt models.",
            is_wrong_use=True,
        )


def _changes(
    resource: DltResource, name: str, write_disposition: Any, merge_key: Any
) -> Iterator[str]:
    for step in resource._pipe.steps[1:]:
        if not isinstance(step, MapItem | MetricsItem):
            yield _METHODS.get(type(step), type(step).__name__)
    if "extract-threads" in threading.current_thread().name:
        yield "parallelize"  # dlt 1.31 loses its contexts if a generator changes threads.
    if resource.write_disposition != write_disposition:
        yield f"the write disposition {_name(resource.write_disposition)}"
    if resource.name != name:
        yield f"the name {resource.name}"
    if resource.table_name != name:
        yield f"the table name {resource.table_name}"
    hints = cast(dict[str, Any], resource._hints)
    if (hints.get("merge_key") or None) != merge_key:
        yield f"the merge key {hints['merge_key']}"
    for hint in ("primary_key", "table_format"):
        if value := hints.get(hint):
            yield f"the {hint.replace('_', ' ')} {value}"
    columns = hints.get("columns") or {}
    if callable(columns):
        yield "columns given by a function"
    else:
        for column, hints_of_column in columns.items():
            for hint in sorted(_CONTENT_HINTS & hints_of_column.keys()):
                yield f"the {hint} of the column {column}"
    for contract in (hints.get("schema_contract"), dlt.current.source().schema_contract):
        if "discard" in str(contract):
            yield f"the schema contract {contract}"
    if hints.get("file_format") == "jsonl":
        yield "the file format jsonl"  # dlt 1.31 writes an unreadable file for an empty table.


def _name(write_disposition: Any) -> str:
    if isinstance(write_disposition, dict):
        return str(write_disposition.get("strategy", write_disposition["disposition"]))
    return str(write_disposition)
