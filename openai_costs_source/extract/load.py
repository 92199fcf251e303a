"""One load: its settings, its organizations, and what all its resources share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import dlt
import pyarrow as pa

from openai_costs_source.api.client import Client, Observe
from openai_costs_source.api.date_ranges import (
    NEVER,
    ONE_DAY,
    DateRange,
    MissingDimensions,
    contiguous_ranges,
)
from openai_costs_source.api.endpoint import Endpoint
from openai_costs_source.api.usage_kinds import USAGE_KINDS
from openai_costs_source.extract import ledger, load_lock, redaction
from openai_costs_source.extract.load_state import LoadState
from openai_costs_source.extract.organization import Organization
from openai_costs_source.extract.replace_days import in_transactions
from openai_costs_source.extract.resource_changes import refuse_changes

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Load:
    """The settings of a load, and its organizations once the first resource needs them.

    `admin_keys` returns the keys, or raises OpenAICostsError if there is none. `loaded` are the
    organizations that other keys loaded in the same run; None if no other key loads. `observe` is
    called with each reply.
    """

    admin_keys: Callable[[], list[str]]
    base_url: str
    max_wait_seconds: int
    start_date: date | None
    refetch_days: int
    group_by: tuple[str, ...]
    user_emails: str
    keep_months: int
    since: date | None
    until: date | None
    loaded: set[str] | None
    now: datetime
    observe: Observe | None = None

    def __post_init__(self) -> None:
        self.today = self.now.date()
        self.has_named_days = self.since is not None or self.until is not None
        self.first_kept = _months_ago(self.today, self.keep_months) if self.keep_months else None
        days = filter(None, [self.start_date, self.first_kept])
        self.first_day = max(days, default=None)
        self._loaded_before = frozenset(self.loaded or ())
        self._is_prepared = False

    def begin(self, name: str, write_disposition: Any, merge_key: Any = None) -> None:
        """Refuse changes of the current resource, and prepare the destination for all resources.

        The arguments are those that the resource was declared with.
        """
        refuse_changes(name, write_disposition, merge_key)
        if not self._is_prepared:
            pipeline = dlt.current.pipeline()
            load_lock.lock_working_directory(pipeline.working_dir)
            in_transactions(pipeline.destination)
            self._is_prepared = True

    def organizations(self) -> Iterator[tuple[Organization, str]]:
        """Each organization with its id; once, even if two keys belong to it."""
        recent = DateRange(self.today - timedelta(days=self.refetch_days), self.today + ONE_DAY)
        ids = set(self._loaded_before)
        for organization in list(self._organizations):
            if not organization.totals:
                organization.read_totals(recent)
            organization_id = self.id_of(organization)
            if organization_id in ids:
                log.warning("Two keys belong to %s; it is loaded once.", organization_id)
                self._organizations.remove(organization)
            else:
                ids.add(organization_id)
                yield organization, organization_id

    def id_of(self, organization: Organization) -> str:
        """The organization's id, from the rows read so far, else from dlt's state."""
        return organization.id_with(dlt.current.source_state(), self.has_only_key)

    @cached_property
    def has_only_key(self) -> bool:
        """Whether no other key can load into the same warehouse in this run."""
        return self.loaded is None and len(self._keys) == 1

    @cached_property
    def ledgers(self) -> ledger.Ledgers:
        """The ledgers at the destination, before this load."""
        return ledger.read_ledgers([kind.name for kind in USAGE_KINDS])

    def mismatched_days(self, kind: str, ids: set[str]) -> set[date]:
        """The days on which the ledger and the stored rows differ."""
        by_id = self.ledgers.mismatched.get(kind, {})
        return {day for id_ in ids for day in by_id.get(id_, ())}

    def loaded_days(self, kind: str, ids: set[str]) -> dict[date, datetime] | None:
        """The days of the ledger; None if the destination cannot be read."""
        if self.ledgers.loaded is None:
            return None
        by_id = self.ledgers.loaded.get(kind, {})
        return {day: at for id_ in ids for day, at in by_id.get(id_, {}).items()}

    def due_days(self, load_state: LoadState, mismatched: set[date]) -> DateRange:
        """The date range to load, without days that are not kept."""
        due = load_state.days_due(
            *(self.today, self.refetch_days, self.first_day, self.since, self.until),
            self._kept(mismatched),
        )
        if self.first_kept and due.since < self.first_kept:
            due = replace(due, since=min(self.first_kept, due.until))
        return due

    def redact(self, table_name: str, table: pa.Table) -> pa.Table:
        """The rows without the names and addresses that must not be stored."""
        forgotten = dlt.current.source_state().get("forgotten", ())
        return redaction.redact(table_name, table, self.user_emails, forgotten)

    def report_missing(
        self,
        what: str,
        missing: MissingDimensions,
        endpoint: Endpoint,
        separate: Collection[str] = (),
    ) -> None:
        """Log which dimensions the loaded days do not have, with OpenAI's refusal if there was one.

        Not those that are loaded separately, nor API keys of the days before OpenAI's first ones.
        """
        first_keys = endpoint.first_day_by_dimension.get("api_key_id", NEVER)
        for name in sorted(missing.days.keys() - set(separate)):
            days = missing.days[name]
            if name == "api_key_id" and first_keys < NEVER:
                days = {day for day in days if day >= first_keys}
            if ranges := ", ".join(map(str, contiguous_ranges(days))):
                refusal = endpoint.refusals.get(name)
                reason = f" {refusal.message}" if refusal else ""
                log.warning("OpenAI returned no %s in %s of %s.%s", name, what, ranges, reason)

    def report_mismatched(self, table: str, days: set[date]) -> None:
        """Log the days on which rows and ledger differ and that could not be loaded again."""
        if not self.has_named_days and (ranges := contiguous_ranges(self._kept(days))):
            log.error(
                "The rows of %s in the table %s differ from its ledger, and OpenAI no longer "
                "returns these days: restore them in both tables from a backup.",
                ", ".join(map(str, ranges)),
                table,
            )

    def _kept(self, days: set[date]) -> set[date]:
        return {day for day in days if day >= (self.first_kept or day)}

    @cached_property
    def _keys(self) -> list[str]:
        return self.admin_keys()

    @cached_property
    def _organizations(self) -> list[Organization]:
        clients = [Client(key, self.base_url, self.max_wait_seconds) for key in self._keys]
        for client in clients:
            client.observe = self.observe
        return [Organization(client, self.today) for client in clients]


def _months_ago(today: date, months: int) -> date:
    """The first day of the month that many months ago."""
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return date(year, month + 1, 1)
