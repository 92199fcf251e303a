"""OpenAI's organization costs as a dlt source.

    import dlt
    from openai_costs_source import openai_costs

    pipeline = dlt.pipeline("openai_costs", destination="duckdb", dataset_name="openai_raw")
    pipeline.run(openai_costs())

Resources and the tables they load:

    costs      costs      one row per UTC day, project, user, API key and line item, exact
               costs_by_user  the same money by user and line item, for days on which OpenAI cannot
                          combine users with projects, and `costs` tells no users
               cost_days  the ledger: one row per organization and day, also where nothing was spent
               cost_restatements  one row each time that a closed day came back different
               organizations  how OpenAI names each, and how far back its history reached
    projects   projects   archived ones too
    users      users      deleted ones keep their last known name
    api_keys   api_keys   every project's, each with its owner

The first run takes all the history that OpenAI offers (a rolling year); later runs read the
trailing `refetch_days` again, because OpenAI restates days, and replace those days whole. What was
loaded is remembered in dlt's state at the destination, so that a CI runner may lose its disk.

Settings, under `sources.openai_costs` in dlt's configuration or as arguments:

    admin_key         an admin key (sk-admin-…), or a list: one organization each; else the
                      environment variable OPENAI_ADMIN_KEY (comma-separated for several)
    base_url          else OPENAI_BASE_URL, else https://api.openai.com/v1
    start_date        first UTC day to load, as YYYY-MM-DD; without it, all the history
    refetch_days      how many closed days each run reads again; 35 covers the last month too
    group_by          dimensions of the `costs` table, any of project_id, user_id, api_key_id,
                      line_item, api_source
    max_wait_seconds  how long to wait, at most and in all, for replies that are withheld (rate
                      limits, outages)
    user_emails       how people's e-mail addresses are stored: plain, hashed (SHA-256) or none
    keep_months       whole months of days to keep, before the current one; without it, all

Errors are `OpenAICostsError`, with OpenAI's own words; inside `pipeline.run` dlt wraps them. A day
whose rows do not add up to OpenAI's own total, asked twice, is left as it was; the logger
`openai_costs_source` says so as an error.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from openai_costs_source import names, rows
from openai_costs_source.client import (
    MAX_WAIT_SECONDS,
    OPENAI_URL,
    WHERE_KEYS_COME_FROM,
    Client,
    OpenAICostsError,
    checked_key,
)
from openai_costs_source.memory import Memory, microseconds
from openai_costs_source.organization import Organization
from openai_costs_source.pages import Page
from openai_costs_source.privacy import chosen, cover
from openai_costs_source.windows import (
    BY_USER,
    DIMENSIONS,
    FIRST_DAY,
    GROUP_BY,
    ONE_DAY,
    Stretch,
    after_loading,
    days_to_load,
    stretches,
)

__all__ = ["SETTINGS", "OpenAICostsError", "admin_keys", "api_url", "given_keys", "openai_costs"]

log = logging.getLogger(__name__)

SETTINGS = (
    "admin_key",
    "base_url",
    "start_date",
    "refetch_days",
    "group_by",
    "max_wait_seconds",
    "user_emails",
    "keep_months",
)
"""What a person may set under `sources.openai_costs`."""

REFETCH_DAYS = 35
UNKNOWN = "unknown"
"""The organization that nothing names, where there is only one key."""

# The names of today over those of yesterday; what a listing no longer holds stays.
_LATEST: Any = {"disposition": "merge", "strategy": "upsert"}
_KEY = ("organization_id", "id")


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

    def covered(table_name: str, table: pa.Table) -> pa.Table:
        return cover(table_name, table, emails, dlt.current.source_state().get("forgotten", ()))

    @dlt.resource(write_disposition=_replacing([]))
    def costs() -> Iterator[Any]:
        """Also loads `costs_by_user`, `cost_days`, `cost_restatements` and `organizations`: what
        belongs to a day is replaced together."""
        _replace_in_transactions()
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
            due = days_to_load(today, memory.history, trailing, first_day, since, until)
            if first_kept and due.since < first_kept:
                log.warning("keep_months keeps no day before %s.", first_kept)
                due = replace(due, since=min(first_kept, due.until))
            stretch = _reaching_back(organization, due, dimensions)
            # Who names days wants them as they can be had now.
            is_named = since is not None or until is not None
            organization.first_told = {
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
            ledger: list[pa.Table] = []
            without_users: list[date] = []
            for asked, page in pages:
                whose = (organization_id, organization.name, asked.group_by, now)
                ledger.append(rows.cost_day_rows(page, *whose, organization.totals))
                if "user_id" in set(dimensions) - set(asked.group_by):
                    without_users += [bucket.day for bucket in page.buckets]
                found = rows.cost_rows(page, organization_id, asked.group_by, now)
                yield covered("costs", found)
            for page in _by_user(organization, without_users):
                found = rows.cost_rows(page, organization_id, BY_USER, now, rows.COSTS_BY_USER)
                besides.costs_by_user.append(covered("costs_by_user", found))
            # Days that were loaded when only the header named the organization are its days too.
            ids = {organization_id, first_id, former, organization.id_in_header or former}
            besides.add(ids, ledger, memory.restatements(ledger), memory.loaded_at)
            memory.loaded_at = now

            memory.learn(organization.first_told, organization.earliest_day, today)
            if organization_id != first_id:
                memory.history = None  # As above, in the next run.
            if history := after_loading(due, today, memory.history, first_day):
                memory.history = history.reopened(organization.odd_days)
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
            if loaded is not None:
                loaded.add(organization_id)
        if first_kept:
            for each, remembered in memories.items():
                memory = Memory.from_state(remembered, today)
                memory.forget_before(first_kept)
                memories[each] = memory.as_state()
        yield from besides.replacing()

    @dlt.resource(write_disposition=_LATEST, primary_key=_KEY)
    def projects() -> Iterator[pa.Table]:
        for organization, organization_id in identified():
            # Archived projects still have costs and need their names.
            listed = _listed(organization, "/organization/projects", {"include_archived": "true"})
            yield names.project_rows(organization_id, listed)

    @dlt.resource(write_disposition=_LATEST, primary_key=_KEY)
    def users() -> Iterator[pa.Table]:
        for organization, organization_id in identified():
            listed = _listed(organization, "/organization/users", {})
            yield covered("users", names.user_rows(organization_id, listed))

    @dlt.transformer(data_from=projects, write_disposition=_LATEST, primary_key=_KEY)
    def api_keys(project_table: pa.Table) -> Iterator[pa.Table]:
        by_id = {organization_id: organization for organization, organization_id in identified()}
        tables = {}
        for project in project_table.to_pylist():
            organization_id = project["organization_id"]
            for key in _keys_listed(by_id[organization_id], project):
                # A key that moved between two pages or projects is still one key.
                tables[key["id"]] = names.api_key_rows(organization_id, project["id"], [key])
        found = pa.concat_tables([names.API_KEYS.empty_table(), *tables.values()])
        yield covered("api_keys", found)

    return [costs, projects, users, projects | api_keys]


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


def _keys_listed(organization: Organization, project: dict[str, Any]) -> list[dict[str, Any]]:
    """The keys of a project; none where it is archived and refuses to be read."""
    path = "/organization/projects/{project_id}/api_keys"
    is_archived = project["status"] == "archived"
    try:
        # Keys whose owner left the project go on costing money.
        every_owner = {"owner_project_access": "any"}
        listing = organization.client.listing(
            path,
            names.read_listing,
            every_owner,
            {"project_id": project["id"]},
            is_patient=not is_archived,
        )
        return list(listing)
    except OpenAICostsError as error:
        if is_archived and error.status:
            return []
        if error.status != 400:
            return _nothing_listed(error)
    return _listed(organization, path, {}, project_id=project["id"])


def _listed(
    organization: Organization, path: str, params: dict[str, str], project_id: str | None = None
) -> list[dict[str, Any]]:
    """The objects of a listing, each id once; none, said aloud, where this key may not read it."""
    try:
        ids = {"project_id": project_id} if project_id else {}
        listing = organization.client.listing(path, names.read_listing, params, ids)
        return list({item["id"]: item for item in listing}.values())
    except OpenAICostsError as error:
        return _nothing_listed(error)


def _nothing_listed(error: OpenAICostsError) -> list[dict[str, Any]]:
    """Costs need another permission than names: without names, ids stand in for them."""
    if not error.is_missing_permission and error.status not in (400, 403):
        raise error
    log.warning("%s Ids stand in for these names.", error)
    return []


def _replace_in_transactions() -> None:
    """Make dlt delete and insert a day in one transaction, where the destination has them.

    dlt 1.31 leaves it unsaid for most whether they do, and then commits after each statement: a
    process killed between the two would lose the days.
    """
    destination = dlt.current.pipeline().destination
    if destination and destination.capabilities().supports_ddl_transactions:
        destination.caps_params.setdefault("supports_transactions", True)


class _Besides:
    """The tables that are loaded with `costs`, and which rows they replace, as SQL."""

    def __init__(self, first_kept: date | None) -> None:
        self.costs_by_user = [rows.COSTS_BY_USER.empty_table()]
        self.cost_days = [rows.COST_DAYS.empty_table()]
        self.cost_restatements = [rows.COST_RESTATEMENTS.empty_table()]
        self.organizations = [rows.ORGANIZATIONS.empty_table()]
        pruned = [f"date < DATE '{first_kept}'"] if first_kept else []
        self._days, self._restatements = list(pruned), list(pruned)
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
        self._days += [_days_of(ids, days) for days in stretches(told)]
        if completed:
            since = f"seen_us > {microseconds(completed)}"
            self._restatements.append(f"({_is_one_of(ids)} AND {since})")
        self._organizations.append(_is_one_of(ids))

    def replacing(self) -> Iterator[Any]:
        """The tables as dlt takes them, and what `costs` replaces."""
        yield _replacing_rows([rows.COSTS.empty_table()], self._days)
        yield _replacing_rows(self.costs_by_user, self._days, "costs_by_user")
        yield _replacing_rows(self.cost_days, self._days, "cost_days")
        yield _replacing_rows(self.cost_restatements, self._restatements, "cost_restatements")
        yield _replacing_rows(self.organizations, self._organizations, "organizations")


def _replacing(scopes: list[str]) -> Any:
    """The merge that deletes the rows of these days and inserts what was loaded."""
    scope = " OR ".join(scopes) or "1 = 0"
    return {"disposition": "merge", "strategy": "delete-insert", "destination_scope": scope}


def _replacing_rows(tables: list[pa.Table], scopes: list[str], name: str | None = None) -> Any:
    hints = dlt.mark.make_hints(table_name=name, write_disposition=_replacing(scopes))
    whole = pa.concat_tables(tables)
    return dlt.mark.with_hints(whole, hints, create_table_variant=name is not None)


def _days_of(ids: set[str], days: Stretch) -> str:
    """SQL for one organization's days."""
    between = f"DATE '{days.since}' AND DATE '{days.until - ONE_DAY}'"
    return f"({_is_one_of(ids)} AND date BETWEEN {between})"


def _is_one_of(ids: set[str]) -> str:
    """SQL; the characters of ids were checked when they were told."""
    return f"organization_id IN ({', '.join(repr(each) for each in sorted(ids))})"


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
