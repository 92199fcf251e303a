"""The resource `costs`, and the tables that are loaded with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from openai_costs_source.api.date_ranges import (
    BY_USER,
    FIRST_DAY,
    DateRange,
    MissingDimensions,
    after_loading,
    contiguous_ranges,
)
from openai_costs_source.api.pages import Page
from openai_costs_source.errors import OpenAICostsError
from openai_costs_source.extract import replace_days, rows
from openai_costs_source.extract.load import Load
from openai_costs_source.extract.load_state import LoadState, microseconds
from openai_costs_source.extract.organization import UNKNOWN, Organization
from openai_costs_source.extract.replace_days import replacing_rows
from openai_costs_source.extract.trimmed_costs import costs_before

log = logging.getLogger(__name__)

BYTES_PER_ROW = 400
"""The approximate size of a row of costs or usage in a reply."""


def costs(load: Load) -> DltResource:
    """The costs of each organization.

    Also loads `costs_by_user`, `cost_days`, `cost_days_by_currency`, `cost_restatements` and
    `organizations`: all rows of a day are replaced together. The costs of days that are no longer
    kept move to `trimmed_costs`.
    """

    def extract() -> Iterator[Any]:
        load.begin("costs", replace_days.replacing([]))
        related_tables = RelatedTables(load.first_kept)
        for organization, organization_id in load.organizations():
            yield from _costs_of(organization, organization_id, load, related_tables)
        if load.first_kept:
            states = dlt.current.source_state().setdefault("organizations", {})
            for organization_id, state in states.items():
                load_state = LoadState.from_state(state, load.today)
                load_state.forget_before(load.first_kept)
                states[organization_id] = load_state.as_state()
            trimmed = costs_before(load.first_kept, load.ledgers.mismatched.get("costs", {}))
            if trimmed.num_rows:
                days = replace_days.days_of_rows(trimmed)
                yield replacing_rows([trimmed], days, "costs", "trimmed_costs", is_first=True)
        yield from related_tables.replacing()

    return dlt.resource(extract, name="costs", write_disposition=replace_days.replacing([]))


class RelatedTables:
    """The tables that are loaded with `costs`, and SQL conditions for the rows they replace."""

    def __init__(self, first_kept: date | None) -> None:
        self.costs_by_user = [rows.COSTS_BY_USER.empty_table()]
        self.cost_days = [rows.COST_DAYS.empty_table()]
        self.cost_days_by_currency = [rows.COST_DAYS_BY_CURRENCY.empty_table()]
        self.cost_restatements = [rows.COST_RESTATEMENTS.empty_table()]
        self.organizations = [rows.ORGANIZATIONS.empty_table()]
        self._days = replace_days.before(first_kept)
        self._restatements = replace_days.before(first_kept)
        self._organizations: list[str] = []

    def add(
        self,
        ids: set[str],
        ledger: list[pa.Table],
        by_currency: list[pa.Table],
        restatements: pa.Table,
        loaded_at: datetime | None,
    ) -> None:
        """Add the days of an organization, which may be stored under any of these ids.

        `loaded_at` is the time of its last completed load: restatements after it were logged by a
        load that was killed, and are replaced.
        """
        self.cost_days += ledger
        self.cost_days_by_currency += by_currency
        self.cost_restatements.append(restatements)
        days = (day for table in ledger for day in table["date"].to_pylist())
        self._days += replace_days.days_of(ids, days)
        if loaded_at:
            since = f"seen_us > {microseconds(loaded_at)}"
            self._restatements.append(f"({replace_days.is_one_of(ids)} AND {since})")
        self._organizations.append(replace_days.is_one_of(ids))

    def replacing(self) -> Iterator[Any]:
        """The tables for dlt, and the rows of `costs` that are replaced."""
        yield replacing_rows([rows.COSTS.empty_table()], self._days, "costs")
        for name, tables, scopes in (
            ("costs_by_user", self.costs_by_user, self._days),
            ("cost_days", self.cost_days, self._days),
            ("cost_days_by_currency", self.cost_days_by_currency, self._days),
            ("cost_restatements", self.cost_restatements, self._restatements),
            ("organizations", self.organizations, self._organizations),
        ):
            yield replacing_rows(tables, scopes, "costs", name)


def _costs_of(
    organization: Organization, first_id: str, load: Load, related_tables: RelatedTables
) -> Iterator[pa.Table]:
    """The rows of an organization's due days; adds to the related tables and to dlt's state.

    `first_id` is its id as known before the days are read: their rows may return another one.
    """
    state = dlt.current.source_state()
    states = state.setdefault("organizations", {})
    former_id = organization.id_in_header or UNKNOWN
    if load.has_only_key and set(states) == {UNKNOWN}:
        former_id = UNKNOWN
    load_state = LoadState.from_state(states.get(first_id) or states.get(former_id), load.today)
    if first_id != former_id and former_id in states:
        # Days stored under the former id must get the new one: all are requested again.
        load_state.history = None
    ids = {first_id, former_id, organization.id_in_header or former_id}
    mismatched = load.mismatched_days("costs", ids)
    if (loaded := load.loaded_days("costs", ids)) is not None:
        mismatched |= load_state.missing_costs(loaded)
    due = load.due_days(load_state, mismatched)
    if load.first_kept and load.since and load.since < load.first_kept:
        log.warning("With keep_months, no day before %s is kept.", load.first_kept)
    pages = _pages(organization, load_state, due, load)
    organization_id = load.id_of(organization)
    if former_id != organization_id:
        state["ids"][former_id] = organization_id

    ledger: list[pa.Table] = []
    by_currency: list[pa.Table] = []
    missing = MissingDimensions(load.group_by)
    for request, page in pages:
        day_rows = (organization_id, organization.name, request.group_by, load.now)
        ledger.append(rows.cost_day_rows(page, *day_rows, organization.totals))
        amounts = (organization_id, load.now, organization.totals)
        by_currency.append(rows.cost_day_rows_by_currency(page, *amounts))
        missing.add(request, [bucket.day for bucket in page.buckets])
        table = rows.cost_rows(page, organization_id, request.group_by, load.now)
        yield load.redact("costs", table)
    for page in _pages_by_user(organization, sorted(missing.days.get("user_id", ()))):
        table = rows.cost_rows(page, organization_id, BY_USER, load.now, rows.COSTS_BY_USER)
        related_tables.costs_by_user.append(load.redact("costs_by_user", table))
    # Days may be stored under any of these ids, or under the one that only these rows returned.
    ids.add(organization_id)
    restatements = load_state.restatements(ledger, by_currency)
    related_tables.add(ids, ledger, by_currency, restatements, load_state.loaded_at)

    days = {day for table in ledger for day in table["date"].to_pylist()}
    _count(len(days), len(organization.mismatched_days))
    if organization_id != first_id:
        # Unless this load requested all days, the next one does, to store them under the new id.
        load_state.history = None
    _update(load_state, organization, due, days, load)
    states.pop(former_id, None)
    states[organization_id] = load_state.as_state()
    header, earliest = organization.id_in_header, load_state.earliest_day
    row = (organization_id, header, earliest, load_state.earliest_seen_on, load.now)
    related_tables.organizations.append(rows.organization_row(*row))
    for day in sorted(organization.mismatched_days):
        log.error(
            "The rows of %s do not add up to OpenAI's own total of that day: its stored rows stay, "
            "and the next run requests it again.",
            day,
        )
    load.report_missing("costs", missing, organization.endpoint, {"user_id"})
    load.report_mismatched("costs", mismatched - days - organization.mismatched_days)
    if load.loaded is not None:
        load.loaded.add(organization_id)


def _count(replaced: int, kept: int) -> None:
    """Add an organization's days to the resource's metrics in dlt's trace."""
    metrics = dlt.current.resource_metrics()
    metrics["days_replaced"] = metrics.get("days_replaced", 0) + replaced
    metrics["days_read"] = metrics.get("days_read", 0) + replaced + kept


def _pages(
    organization: Organization, load_state: LoadState, due: DateRange, load: Load
) -> Iterator[tuple[DateRange, Page]]:
    """The pages of the due days, each with its request, without mismatched days."""
    endpoint = organization.endpoint
    endpoint.bytes_per_day = load_state.rows_per_day * BYTES_PER_ROW
    available = _available(organization, due, load.group_by)
    # Days selected by since or until are requested in as much detail as the API returns now.
    endpoint.first_day_by_dimension = {
        name: first
        for name, first in load_state.first_day_by_dimension.items()
        if first <= available.since or not load.has_named_days
    }
    pages = organization.reconciled_costs(available)
    # Without rows so far, read all pages first: a later one may return the organization's id.
    return pages if organization.id_in_rows else iter(list(pages))


def _available(organization: Organization, due: DateRange, group_by: tuple[str, ...]) -> DateRange:
    """The due days as far back as the API returns them; also reads their totals."""
    for missing in contiguous_ranges(day for day in due if day not in organization.totals):
        organization.read_totals(missing)
    days = [day for day in due if day in organization.totals]
    if not due.days:
        return due
    if not days:
        log.warning("OpenAI returns no costs of %s; the stored days stay.", due)
        return DateRange(due.since, due.since)
    since = days[0]
    if since == FIRST_DAY:
        # The API sets no limit: skip the years before the first use.
        since = organization.first_used or organization.today
    return DateRange(since, due.until, group_by)


def _pages_by_user(organization: Organization, days: list[date]) -> Iterator[Page]:
    """The user × line item response for these days, if the API returns one that adds up."""
    for date_range in contiguous_ranges(days, BY_USER):
        try:
            for request, page in organization.costs(date_range):
                if "user_id" not in request.group_by:
                    raise organization.endpoint.refusals["user_id"]
                if mismatched := organization.mismatched(page):
                    first = min(mismatched)
                    log.warning("Costs by user do not add up on %s and are skipped.", first)
                yield page.without(mismatched)
        except OpenAICostsError as error:
            if error.status != 400:
                raise
            log.warning("%s Costs are attributed to the owners of API keys.", error)


def _update(
    load_state: LoadState, organization: Organization, due: DateRange, days: set[date], load: Load
) -> None:
    """Update the load state after the due days were read; `days` are those that were returned."""
    load_state.loaded_at = load.now
    endpoint = organization.endpoint
    load_state.note_limits(endpoint.lasting_limits, endpoint.earliest_day, load.today)
    if history := after_loading(due, load.today, load_state.history, load.first_day):
        load_state.history = history.reopened(organization.mismatched_days)
    load_state.note_read(days, load.today, load.refetch_days)
