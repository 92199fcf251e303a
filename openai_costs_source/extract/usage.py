"""The resources of usage: one per kind, each with its part of the ledger `usage_days`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from openai_costs_source.api.date_ranges import (
    FIRST_DAY,
    ONE_DAY,
    DateRange,
    MissingDimensions,
    after_loading,
)
from openai_costs_source.api.endpoint import Endpoint
from openai_costs_source.api.pages import Page
from openai_costs_source.api.usage_kinds import USAGE_KINDS, UsageKind
from openai_costs_source.errors import OpenAICostsError
from openai_costs_source.extract import replace_days
from openai_costs_source.extract.load import Load
from openai_costs_source.extract.load_state import LoadState
from openai_costs_source.extract.organization import UNKNOWN, Organization
from openai_costs_source.extract.replace_days import replacing_rows
from openai_costs_source.extract.rows import INSTANT, dated_rows

log = logging.getLogger(__name__)

DAYS_PER_PAGE = 31
"""The most days that the API returns per page of usage."""

USAGE_DAYS = pa.schema(
    [
        ("organization_id", pa.string()),
        ("kind", pa.string()),
        ("date", pa.date32()),
        ("loaded_at", INSTANT),
        ("is_closed", pa.bool_()),
        ("grouped_by", pa.string()),
        ("row_count", pa.int64()),
    ]
)
"""The ledger of usage: one row per organization, kind and loaded day, also for a day without
usage."""


def usage(load: Load) -> list[DltResource]:
    """One resource for each kind of usage."""
    # dlt uses the scopes that are yielded last, so those of `usage_days` grow with each kind.
    ledger_scopes: list[str] = []
    return [_usage_of_kind(kind, load, ledger_scopes) for kind in USAGE_KINDS]


def usage_schema(kind: UsageKind) -> pa.Schema:
    """The columns of a kind's table: one row per result. `date` is the bucket's UTC day."""
    return pa.schema(
        [
            ("organization_id", pa.string()),
            ("bucket_start", INSTANT),
            ("bucket_end", INSTANT),
            ("date", pa.date32()),
            *kind.columns,
            ("grouped_by", pa.string()),
            ("loaded_at", INSTANT),
        ]
    )


def usage_rows(
    kind: UsageKind,
    page: Page,
    organization_id: str,
    grouped_by: Sequence[str],
    loaded_at: datetime,
) -> pa.Table:
    """The page as rows of the kind's table."""
    return dated_rows(page, organization_id, grouped_by, loaded_at, usage_schema(kind))


def usage_day_rows(
    kind: UsageKind,
    page: Page,
    organization_id: str,
    grouped_by: Sequence[str],
    loaded_at: datetime,
) -> pa.Table:
    """The page's days as rows of the ledger `USAGE_DAYS`; a day is closed once it is over."""
    days = [
        {
            "organization_id": organization_id,
            "kind": kind.name,
            "date": bucket.day,
            "loaded_at": loaded_at,
            "is_closed": bucket.day < loaded_at.date(),
            "grouped_by": ",".join(grouped_by),
            "row_count": bucket.size,
        }
        for bucket in page.buckets
    ]
    return pa.Table.from_pylist(days, schema=USAGE_DAYS)


def _usage_of_kind(kind: UsageKind, load: Load, ledger_scopes: list[str]) -> DltResource:
    def extract() -> Iterator[Any]:
        load.begin(kind.table, replace_days.replacing([]))
        ledger, scopes = [USAGE_DAYS.empty_table()], replace_days.before(load.first_kept)
        has_rows = False
        for organization, organization_id in load.organizations():
            for table in _usage_of(organization, organization_id, kind, load, ledger, scopes):
                has_rows = True
                yield table
        ledger_scopes.extend(f"kind = '{kind.name}' AND ({scope})" for scope in scopes)
        # A kind that was never used has no table.
        if has_rows or (scopes and kind.name not in load.ledgers.without_table):
            yield replacing_rows([usage_schema(kind).empty_table()], scopes, "usage")
        yield replacing_rows(ledger, ledger_scopes, "usage", "usage_days")

    return dlt.resource(extract, name=kind.table, write_disposition=replace_days.replacing([]))


def _usage_of(
    organization: Organization,
    organization_id: str,
    kind: UsageKind,
    load: Load,
    ledger: list[pa.Table],
    scopes: list[str],
) -> Iterator[pa.Table]:
    """The rows of an organization's due days; adds to the ledger, the scopes and dlt's state."""
    usage_states = dlt.current.source_state().setdefault("usage", {})
    states = usage_states.setdefault(organization_id, {})
    load_state = LoadState.from_state(states.get(kind.name), load.today)
    ids = {organization_id, organization.id_in_header or UNKNOWN}
    mismatched = load.mismatched_days(kind.name, ids)
    if (loaded := load.loaded_days(kind.name, ids)) is not None:
        mismatched |= load_state.missing_usage(loaded)
    due = load.due_days(load_state, mismatched)
    first = due.since
    if first == FIRST_DAY and first in organization.totals:
        first = organization.first_used or load.today  # There was no usage before.
        load_state.loaded_from = first
    endpoint = Endpoint(organization.client, load.today, kind.path, kind.read, DAYS_PER_PAGE)
    endpoint.bytes_per_day = organization.endpoint.bytes_per_day
    endpoint.final = (404,)  # The reply of an API that does not have this kind.
    endpoint.first_day_by_dimension = load_state.first_day_by_dimension
    days: list[date] = []
    missing = MissingDimensions(kind.group_by(load.group_by))
    try:
        for request, page in _pages(endpoint, replace(due, since=first), kind, load):
            page_rows = (kind, page, organization_id, request.group_by, load.now)
            days += [bucket.day for bucket in page.buckets]
            missing.add(request, [bucket.day for bucket in page.buckets])
            ledger.append(usage_day_rows(*page_rows))
            if page.results.num_rows:
                yield usage_rows(*page_rows)
        load_state.history = after_loading(due, load.today, load_state.history, load.first_day)
    except OpenAICostsError as error:
        _report_skipped(kind, error)
    load.report_missing(f"usage of the kind {kind.name}", missing, endpoint)
    load_state.note_limits(endpoint.lasting_limits, endpoint.earliest_day, load.today)
    load_state.note_read(days, load.today, load.refetch_days)
    if load.first_kept:
        load_state.forget_before(load.first_kept)
    states[kind.name] = load_state.as_state()
    scopes += replace_days.days_of(ids, days)
    load.report_mismatched(kind.table, mismatched - set(days))


def _pages(
    endpoint: Endpoint, days: DateRange, kind: UsageKind, load: Load
) -> Iterator[tuple[DateRange, Page]]:
    """The pages of the days, each with its request.

    The days are read in parts, and the pages of a part are returned once it is complete.
    """
    group_by = kind.group_by(load.group_by)
    days_at_once = max(load.refetch_days + 1, DAYS_PER_PAGE)
    first = days.since
    while first < days.until:
        until = min(first + ONE_DAY * days_at_once, days.until)
        yield from list(endpoint.pages(DateRange(first, until, group_by)))
        first = max(until, endpoint.earliest_day or until)


def _report_skipped(kind: UsageKind, error: OpenAICostsError) -> None:
    """Log that a kind could not be read: its stored days stay, and costs load without it."""
    if error.is_missing_permission or error.status in (400, 403, 404):
        log.warning("%s Usage of the kind %s is skipped.", error, kind.name)
    else:
        log.error("%s The stored days of %s stay; run again.", error, kind.table)
