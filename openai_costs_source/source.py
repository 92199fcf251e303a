"""The dlt source: from settings to resources."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from openai_costs_source.api.client import (
    MAX_WAIT_SECONDS,
    OPENAI_URL,
    WHERE_KEYS_COME_FROM,
    Client,
    OpenAICostsError,
    checked_key,
)
from openai_costs_source.api.date_ranges import (
    BY_USER,
    DIMENSIONS,
    FIRST_DAY,
    GROUP_BY,
    ONE_DAY,
    Stretch,
    after_loading,
    stretches,
)
from openai_costs_source.api.endpoint import Endpoint
from openai_costs_source.api.pages import Page
from openai_costs_source.extract import ledger, load_lock, rows
from openai_costs_source.extract import replace_days as replacing
from openai_costs_source.extract.interrupted_load import abort_interrupted_load
from openai_costs_source.extract.listing_rows import versioned
from openai_costs_source.extract.listings import KEY, Listings, versions
from openai_costs_source.extract.load_state import Memory, microseconds
from openai_costs_source.extract.organization import Organization
from openai_costs_source.extract.redaction import chosen, cover
from openai_costs_source.extract.replace_days import replacing_rows
from openai_costs_source.extract.resource_changes import refuse_changes
from openai_costs_source.extract.usage import (
    DAYS_PER_PAGE,
    KINDS,
    USAGE_DAYS,
    Kind,
    usage_day_rows,
    usage_rows,
)
from openai_costs_source.settings import SECTION, SETTINGS, unknown_setting

log = logging.getLogger(__name__)

REFETCH_DAYS = 35
BYTES_PER_ROW = 400
"""About what a row of costs, or of usage, takes in a reply."""
UNKNOWN = "unknown"
"""The organization that nothing names, where there is only one key."""


@dlt.source(name="openai_costs", section="openai_costs", max_table_nesting=0)
def openai_costs(
    admin_key: dlt.TSecretValue | None = None,
    base_url: str | None = None,
    start_date: Any = None,
    refetch_days: Any = None,
    group_by: Any = None,
    max_wait_seconds: Any = None,
    user_emails: str | None = None,
    keep_months: Any = None,
    since: date | None = None,
    until: date | None = None,
    loaded: set[str] | None = None,
) -> list[DltResource]:
    """The costs of each organization whose admin key is given, and the names that go with them.

    `since` and `until` (excluded) load these UTC days instead of the ones that are due. Where
    other keys load into the same warehouse, `loaded` names the organizations that they loaded in
    the same run: those are left out, this one is added, and replies must name their organization.

    Raises OpenAICostsError (wrong use) for settings that cannot be right, before any request.
    """
    if message := unknown_setting(SECTION, SETTINGS):
        raise _wrong_use(message)
    abort_interrupted_load()
    now = datetime.now(UTC)
    today = now.date()
    first_day = _day("start_date", start_date)
    if first_day and first_day > today:
        raise _wrong_use(f"start_date is {first_day}, which is in the future.")
    trailing = _whole_number("refetch_days", refetch_days, REFETCH_DAYS)
    dimensions = _dimensions(group_by)
    url = api_url(base_url)
    patience = _whole_number("max_wait_seconds", max_wait_seconds, MAX_WAIT_SECONDS)
    months = _whole_number("keep_months", keep_months or 0, 0)
    try:
        emails = chosen(user_emails)
    except ValueError as error:
        raise _wrong_use(str(error)) from None
    clients = [Client(key, url, patience) for key in admin_keys(admin_key)]
    organizations = [Organization(client, today) for client in clients]
    is_only_key = loaded is None and len(clients) == 1
    others = frozenset(loaded or ())
    # As many days of usage are held in memory at once.
    days_at_once = max(trailing + 1, DAYS_PER_PAGE)
    recent = Stretch(today - timedelta(days=trailing), today + ONE_DAY)
    first_kept = _months_ago(today, months) if months else None
    first_day = max(filter(None, [first_day, first_kept]), default=None)

    def identified() -> Iterator[tuple[Organization, str]]:
        """Each organization once, also where two keys open the same one, and its id."""
        state = dlt.current.source_state()
        seen = set(others)
        for organization in list(organizations):
            if not organization.totals:
                organization.read_totals(recent)
            organization_id = _id(organization, state, is_only_key)
            if organization_id in seen:
                log.warning("Two keys open %s; it is loaded once.", organization_id)
                organizations.remove(organization)
            else:
                seen.add(organization_id)
                yield organization, organization_id

    @functools.cache
    def ledgers() -> ledger.Ledgers:
        return ledger.read_ledgers([kind.name for kind in KINDS])

    def disagreeing_days(kind: str, ids: set[str]) -> set[date]:
        by_id = ledgers().disagreeing.get(kind, {})
        return {day for each in ids for day in by_id.get(each, ())}

    def loaded_days(kind: str, ids: set[str]) -> dict[date, datetime] | None:
        """The days of the ledger; None where nobody can read it."""
        if (by_kind := ledgers().loaded) is None:
            return None
        by_id = by_kind.get(kind, {})
        return {day: at for each in ids for day, at in by_id.get(each, {}).items()}

    def due_days(memory: Memory, disagreeing: set[date]) -> Stretch:
        due = memory.days_due(today, trailing, first_day, since, until, disagreeing)
        if first_kept and due.since < first_kept:
            due = replace(due, since=min(first_kept, due.until))
        return due

    def covered(table_name: str, table: pa.Table) -> pa.Table:
        return cover(table_name, table, emails, dlt.current.source_state().get("forgotten", ()))

    @functools.cache
    def prepare_destination() -> None:
        pipeline = dlt.current.pipeline()
        load_lock.holds(pipeline.working_dir)
        replacing.in_transactions(pipeline.destination)

    def begin(name: str, write_disposition: Any, merge_key: Any = None) -> None:
        refuse_changes(name, write_disposition, merge_key)
        prepare_destination()

    @dlt.resource(write_disposition=replacing.replacing([]))
    def costs() -> Iterator[Any]:
        """Also loads `costs_by_user`, `cost_days`, `cost_restatements` and `organizations`: what
        belongs to a day is replaced together."""
        begin("costs", replacing.replacing([]))
        state = dlt.current.source_state()
        memories = state.setdefault("organizations", {})
        besides = _Besides(first_kept)
        for organization, first_id in identified():
            former = organization.id_in_header or UNKNOWN
            if is_only_key and set(memories) == {UNKNOWN}:
                former = UNKNOWN
            memory = Memory.from_state(memories.get(first_id) or memories.get(former), today)
            if first_id != former and former in memories:
                # All is asked for again: days stored under another name take the id.
                memory.history = None
            ids = {first_id, former, organization.id_in_header or former}
            disagree = disagreeing_days("costs", ids)
            if (loaded_before := loaded_days("costs", ids)) is not None:
                disagree |= memory.missing_costs(loaded_before)
            due = due_days(memory, disagree)
            if first_kept and since and since < first_kept:
                log.warning("keep_months keeps no day before %s.", first_kept)
            organization.endpoint.bytes_per_day = memory.rows_per_day * BYTES_PER_ROW
            stretch = _reaching_back(organization, due, dimensions)
            # Who names days wants them as they can be had now.
            is_named = since is not None or until is not None
            organization.endpoint.first_told = {
                name: first
                for name, first in memory.first_told.items()
                if first <= stretch.since or not is_named
            }
            pages = organization.agreeing_costs(stretch)
            if not organization.id_in_rows:
                # An organization without rows is small, and a later page may still name it.
                pages = iter(list(pages))
            organization_id = _id(organization, state, is_only_key)
            if former != organization_id:
                state["ids"][former] = organization_id
            told_days: list[pa.Table] = []
            without_users: list[date] = []
            for asked, page in pages:
                whose = (organization_id, organization.name, asked.group_by, now)
                told_days.append(rows.cost_day_rows(page, *whose, organization.totals))
                if "user_id" in set(dimensions) - set(asked.group_by):
                    without_users += [bucket.day for bucket in page.buckets]
                found = rows.cost_rows(page, organization_id, asked.group_by, now)
                yield covered("costs", found)
            for page in _by_user(organization, without_users):
                found = rows.cost_rows(page, organization_id, BY_USER, now, rows.COSTS_BY_USER)
                besides.costs_by_user.append(covered("costs_by_user", found))
            # Days that were loaded when only the header named the organization are its days too.
            ids.add(organization_id)
            besides.add(ids, told_days, memory.restatements(told_days), memory.loaded_at)
            memory.loaded_at = now

            memory.learn(
                organization.endpoint.first_told, organization.endpoint.earliest_day, today
            )
            if organization_id != first_id:
                memory.history = None  # As above, in the next run.
            if history := after_loading(due, today, memory.history, first_day):
                memory.history = history.reopened(organization.odd_days)
            told = {day for table in told_days for day in table["date"].to_pylist()}
            memory.note_read(told, today, trailing)
            memories.pop(former, None)
            memories[organization_id] = memory.as_state()
            besides.organizations.append(
                rows.organization_row(
                    organization_id,
                    organization.id_in_header,
                    memory.earliest_day,
                    memory.earliest_seen_on,
                    now,
                )
            )
            for day in sorted(organization.odd_days):
                log.error(
                    "The rows of %s do not add up to OpenAI's own total of that day: what was "
                    "stored of it stays, and the next run asks again.",
                    day,
                )
            if since is None and until is None:
                _name_disagreeing("costs", disagree - told - set(organization.odd_days))
            if loaded is not None:
                loaded.add(organization_id)
        if first_kept:
            for each, remembered in memories.items():
                memory = Memory.from_state(remembered, today)
                memory.forget_before(first_kept)
                memories[each] = memory.as_state()
        yield from besides.replacing()

    def usage(kind: Kind) -> DltResource:
        group_by = tuple(d for d in kind.dimensions if d in dimensions or d not in DIMENSIONS)

        def days() -> Iterator[Any]:
            """Also loads the ledger `usage_days`."""
            begin(kind.table, replacing.replacing([]))
            memories = dlt.current.source_state().setdefault("usage", {})
            scopes = replacing.before(first_kept)
            told_days, is_used = [USAGE_DAYS.empty_table()], False
            for organization, organization_id in identified():
                remembered = memories.setdefault(organization_id, {})
                memory = Memory.from_state(remembered.get(kind.name), today)
                ids = {organization_id, organization.id_in_header or UNKNOWN}
                disagree = disagreeing_days(kind.name, ids)
                if (loaded_before := loaded_days(kind.name, ids)) is not None:
                    missing = memory.missing_usage(loaded_before)
                    disagree |= {day for day in missing if day >= (first_kept or day)}
                due = due_days(memory, disagree)
                first = due.since
                if first == FIRST_DAY and first in organization.totals:
                    first = organization.first_used or today  # Nothing was used before.
                    memory.loaded_from = first
                endpoint = Endpoint(organization.client, today, kind.path, kind.read, DAYS_PER_PAGE)
                endpoint.bytes_per_day = organization.endpoint.bytes_per_day
                endpoint.final = (404,)  # What an API that does not know the kind answers.
                endpoint.first_told = memory.first_told
                told: list[date] = []
                try:
                    while first < due.until:
                        part = Stretch(first, min(first + ONE_DAY * days_at_once, due.until))
                        # Nothing is given out before its days are known to be told once.
                        for asked, page in list(endpoint.pages(replace(part, group_by=group_by))):
                            whose = (kind, page, organization_id, asked.group_by, now)
                            told += [bucket.day for bucket in page.buckets]
                            told_days.append(usage_day_rows(*whose))
                            if page.results.num_rows:
                                is_used = True
                                yield usage_rows(*whose)
                        first = max(part.until, endpoint.earliest_day or part.until)
                    memory.history = after_loading(due, today, memory.history, first_day)
                except OpenAICostsError as error:
                    _usage_left_out(kind, error)
                memory.learn(endpoint.first_told, endpoint.earliest_day, today)
                memory.note_read(told, today, trailing)
                if first_kept:
                    memory.forget_before(first_kept)
                remembered[kind.name] = memory.as_state()
                scopes += replacing.days_of(ids, told)
                if since is None and until is None:
                    _name_disagreeing(kind.table, disagree - set(told))
            usage_scopes.extend(f"kind = '{kind.name}' AND ({scope})" for scope in scopes)
            # A kind that was never read or used has no table.
            if is_used or (scopes and kind.name not in ledgers().without_table):
                yield replacing_rows([kind.schema.empty_table()], scopes, "usage")
            yield replacing_rows(told_days, usage_scopes, "usage", "usage_days")

        return dlt.resource(days, name=kind.table, write_disposition=replacing.replacing([]))

    listings = Listings(now)
    usage_scopes: list[str] = []
    named: Any = {"write_disposition": versions(now), "merge_key": KEY}

    @dlt.resource(**named)
    def projects() -> Iterator[Any]:
        """Also loads `listed` and `listings`, as the other listings do: what was listed when."""
        begin("projects", versions(now), KEY)
        for whose in identified():
            yield versioned(listings.projects(*whose))
        yield from listings.log()

    @dlt.resource(**named)
    def users() -> Iterator[Any]:
        begin("users", versions(now), KEY)
        for whose in identified():
            yield versioned(covered("users", listings.users(*whose)))
        yield from listings.log()

    @dlt.resource(**named)
    def service_accounts() -> Iterator[Any]:
        begin("service_accounts", versions(now), KEY)
        for whose in identified():
            yield versioned(covered("service_accounts", listings.service_accounts(*whose)))
        yield from listings.log()

    @dlt.resource(**named)
    def api_keys() -> Iterator[Any]:
        begin("api_keys", versions(now), KEY)
        for whose in identified():
            yield versioned(covered("api_keys", listings.api_keys(*whose)))
        yield from listings.log()

    @dlt.resource(**named)
    def spend_limits() -> Iterator[Any]:
        begin("spend_limits", versions(now), KEY)
        for whose in identified():
            yield versioned(listings.spend_limits(*whose))
        yield from listings.log()

    return [costs, projects, users, service_accounts, api_keys, spend_limits, *map(usage, KINDS)]


def admin_keys(setting: Any = None) -> list[str]:
    """The keys of a setting (one, or a list), else those of OPENAI_ADMIN_KEY; each once.

    Raises OpenAICostsError (wrong use) where there is none, or one that is no admin key.
    """
    return list(dict.fromkeys(checked_key(key) for key in given_keys(setting)))


def given_keys(setting: Any = None) -> list[str]:
    """The same keys, whatever their form. Raises OpenAICostsError (wrong use) where none is."""
    given = _listed_in(setting) or _listed_in(os.environ.get("OPENAI_ADMIN_KEY"))
    if not given:
        raise _wrong_use(
            f"No key: set OPENAI_ADMIN_KEY to an admin key (sk-admin-…). {WHERE_KEYS_COME_FROM}"
        )
    return given


def api_url(setting: str | None = None) -> str:
    """Where the API is: a setting, else OPENAI_BASE_URL, else OpenAI."""
    return setting or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL


def _id(organization: Organization, state: dict[str, Any], is_only_key: bool) -> str:
    """The organization's id: what its rows say, or said when last it had rows under this header.

    The header of a reply may hold a name in place of the id; the state keeps what was learned.
    Raises OpenAICostsError where nothing tells which of several organizations it is.
    """
    ids = state.setdefault("ids", {})
    header = organization.id_in_header or UNKNOWN
    if organization.id_in_rows:
        ids[header] = organization.id_in_rows
    others = set(state.get("organizations", {})) - {UNKNOWN}
    if header == UNKNOWN and UNKNOWN not in ids and (others or not is_only_key):
        raise OpenAICostsError(
            "OpenAI's replies do not say which organization the key opens, and the warehouse may "
            f"hold several{' (' + ', '.join(sorted(others))[:200] + ')' if others else ''}: its "
            "days could be counted twice.",
            "A gateway may be dropping the header openai-organization: let it pass.",
        )
    return str(ids.get(header, header))


def _reaching_back(organization: Organization, due: Stretch, group_by: tuple[str, ...]) -> Stretch:
    """The days that are due, as far back as the API tells them, once it told their totals."""
    for untold in stretches(day for day in due if day not in organization.totals):
        organization.read_totals(untold)
    told = [day for day in due if day in organization.totals]
    if not due.days:
        return due
    if not told:
        log.warning("OpenAI does not tell the costs of %s; what is stored stays.", due)
        return Stretch(due.since, due.since)
    since = told[0]
    if since == FIRST_DAY:
        # No horizon: years of days before the first use say nothing.
        since = organization.first_used or organization.today
    return Stretch(since, due.until, group_by)


def _by_user(organization: Organization, days: list[date]) -> Iterator[Page]:
    """The user × line item answer of these days, as far as the API gives one that adds up."""
    for stretch in stretches(days, BY_USER):
        try:
            for _, page in organization.costs(stretch):
                if odd := organization.disagreeing(page):
                    log.warning("Costs by user do not add up on %s and are left out.", min(odd))
                yield page.without(odd)
        except OpenAICostsError as error:
            if error.status != 400:
                raise
            log.info("%s Users are told by the owners of their keys.", error)


def _usage_left_out(kind: Kind, error: OpenAICostsError) -> None:
    """Costs do not wait for usage: a kind that cannot be read keeps what is stored of it."""
    if error.is_missing_permission or error.status in (400, 403, 404):
        log.warning("%s Usage of the kind %s is left out.", error, kind.name)
    else:
        log.error("%s What is stored of %s stays; run again.", error, kind.table)


def _name_disagreeing(table: str, days: set[date]) -> None:
    """Name the days whose rows and ledger disagree, and that could not be loaded again."""
    if old := stretches(days):
        log.error(
            "The rows of %s in the table %s are not those that its ledger counts, and OpenAI no "
            "longer returns them: restore these days of both tables from a backup.",
            ", ".join(map(str, old)),
            table,
        )


class _Besides:
    """The tables that are loaded with `costs`, and which rows they replace, as SQL."""

    def __init__(self, first_kept: date | None) -> None:
        self.costs_by_user = [rows.COSTS_BY_USER.empty_table()]
        self.cost_days = [rows.COST_DAYS.empty_table()]
        self.cost_restatements = [rows.COST_RESTATEMENTS.empty_table()]
        self.organizations = [rows.ORGANIZATIONS.empty_table()]
        self._days, self._restatements = replacing.before(first_kept), replacing.before(first_kept)
        self._organizations: list[str] = []

    def add(
        self,
        ids: set[str],
        ledger: list[pa.Table],
        restatements: pa.Table,
        completed: datetime | None,
    ) -> None:
        """The days of an organization, which may be stored under each of these ids; `completed` is
        its last load that was: what is logged since then, a load that was killed has logged."""
        self.cost_days += ledger
        self.cost_restatements.append(restatements)
        told = (day for table in ledger for day in table["date"].to_pylist())
        self._days += replacing.days_of(ids, told)
        if completed:
            since = f"seen_us > {microseconds(completed)}"
            self._restatements.append(f"({replacing.is_one_of(ids)} AND {since})")
        self._organizations.append(replacing.is_one_of(ids))

    def replacing(self) -> Iterator[Any]:
        """The tables as dlt takes them, and what `costs` replaces."""
        of_days, of_restatements = (self._days, "costs"), (self._restatements, "costs")
        yield replacing_rows([rows.COSTS.empty_table()], *of_days)
        yield replacing_rows(self.costs_by_user, *of_days, "costs_by_user")
        yield replacing_rows(self.cost_days, *of_days, "cost_days")
        yield replacing_rows(self.cost_restatements, *of_restatements, "cost_restatements")
        yield replacing_rows(self.organizations, self._organizations, "costs", "organizations")


def _listed_in(setting: Any) -> list[str]:
    """A list, or text that holds one: separated by commas, or as a JSON list."""
    if isinstance(setting, str):
        setting = setting.strip().removeprefix("[").removesuffix("]").split(",")
    return [item for item in (str(item).strip(" \t\r\n\"'") for item in setting or ()) if item]


def _dimensions(setting: Any) -> tuple[str, ...]:
    chosen = _listed_in(setting) or list(GROUP_BY)
    if unknown := [name for name in chosen if name not in DIMENSIONS]:
        raise _wrong_use(f"group_by knows {', '.join(DIMENSIONS)}, not {', '.join(unknown)}.")
    return tuple(name for name in DIMENSIONS if name in chosen)


def _day(name: str, setting: Any) -> date | None:
    text = str(setting or "").strip()
    try:
        # Python also reads 20260131 and 2026-W05-6, which nobody means.
        return date.fromisoformat(text if len(text) == 10 else f"no day: {text}") if text else None
    except ValueError:
        raise _wrong_use(f"{name} is {setting}; it is a day such as 2026-01-31.") from None


def _whole_number(name: str, setting: Any, default: int) -> int:
    text = str(default if setting is None else setting).strip()
    if not text.isdecimal() or int(text) > 3650:
        raise _wrong_use(f"{name} is {text}; it is a whole number, such as {default}.")
    return int(text)


def _months_ago(today: date, months: int) -> date:
    """The first day of the month that many months ago."""
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return date(year, month + 1, 1)


def _wrong_use(message: str) -> OpenAICostsError:
    return OpenAICostsError(message, is_wrong_use=True)
