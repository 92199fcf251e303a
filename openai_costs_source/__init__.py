"""OpenAI's organization costs as a dlt source.

    import dlt
    from openai_costs_source import openai_costs

    pipeline = dlt.pipeline("openai_costs", destination="duckdb", dataset_name="openai_raw")
    pipeline.run(openai_costs())

Resources and the tables they load:

    costs      costs      one row per UTC day, project, user, API key and line item, exact
               cost_days  the ledger: one row per organization and day, also where nothing was spent
    projects   projects   archived ones too
    users      users      deleted ones keep their last known name
    api_keys   api_keys   every project's, each with its owner

The first run takes all the history that OpenAI offers (a rolling year); later runs read the
trailing `refetch_days` again, because OpenAI restates days, and replace those days whole. What was
loaded is remembered in dlt's state at the destination, so that a CI runner may lose its disk.

Settings, under `sources.openai_costs` in dlt's configuration or as arguments:

    admin_key     an admin key (sk-admin-…), or a list: one organization each; else the environment
                  variable OPENAI_ADMIN_KEY (comma-separated for several)
    base_url      else OPENAI_BASE_URL, else https://api.openai.com/v1
    start_date    first UTC day to load, as YYYY-MM-DD; without it, all the history
    refetch_days  how many closed days each run reads again; 35 covers the open and the last month
    group_by      dimensions of the `costs` table, any of project_id, user_id, api_key_id,
                  line_item, api_source

Errors are `OpenAICostsError`, with OpenAI's own words; inside `pipeline.run` dlt wraps them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from openai_costs_source import names, rows
from openai_costs_source.client import OPENAI_URL, WHERE_KEYS_COME_FROM, Client, OpenAICostsError
from openai_costs_source.organization import Organization
from openai_costs_source.windows import (
    DIMENSIONS,
    FIRST_DAY,
    GROUP_BY,
    ONE_DAY,
    History,
    Stretch,
    after_loading,
    days_to_load,
)

__all__ = ["SETTINGS", "OpenAICostsError", "admin_keys", "openai_costs"]

log = logging.getLogger(__name__)

SETTINGS = ("admin_key", "base_url", "start_date", "refetch_days", "group_by")
"""What a person may set under `sources.openai_costs`."""

REFETCH_DAYS = 35

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
    since: date | None = None,
    until: date | None = None,
) -> list[DltResource]:
    """The costs of each organization whose admin key is given, and the names that go with them.

    `since` and `until` (excluded) load these UTC days instead of the ones that are due. Raises
    OpenAICostsError (wrong use) for settings that cannot be right, before any request.
    """
    now = datetime.now(UTC)
    today = now.date()
    first_day = _day("start_date", start_date)
    if first_day and first_day > today:
        raise _wrong_use(f"start_date is {first_day}, which is in the future.")
    trailing = _whole_number("refetch_days", refetch_days, REFETCH_DAYS)
    dimensions = _dimensions(group_by)
    url = base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
    organizations = [Organization(Client(key, url), today) for key in admin_keys(admin_key)]
    recent = Stretch(today - timedelta(days=trailing), today + ONE_DAY)

    def identified() -> Iterator[Organization]:
        """Each organization once, also where two keys open the same one."""
        seen: set[str] = set()
        for organization in organizations:
            if not organization.totals:
                organization.read_totals(recent)
            if organization.id not in seen:
                yield organization
            seen.add(organization.id)

    @dlt.resource(write_disposition=_replacing([]))
    def costs() -> Iterator[Any]:
        """Also loads the ledger, `cost_days`: a day and its entry belong together."""
        histories = dlt.current.source_state().setdefault("histories", {})
        ledger = [rows.COST_DAYS.empty_table()]
        scopes = []
        for organization in identified():
            history = History.from_state(histories.get(organization.id))
            due = days_to_load(today, history, trailing, first_day, since, until)
            told: list[date] = []
            for stretch, page in organization.costs(_reaching_back(organization, due, dimensions)):
                yield rows.cost_rows(page, organization.id, stretch.group_by, now)
                ledger.append(
                    rows.cost_day_rows(
                        page,
                        organization.id,
                        organization.name,
                        stretch.group_by,
                        now,
                        organization.totals,
                    )
                )
                told += [bucket.day for bucket in page.buckets]
            if told:
                scopes.append(_days_of(organization.id, min(told), max(told)))
            if history := after_loading(due, today, history, first_day):
                histories[organization.id] = history.as_state()
        yield _replacing_rows(rows.COSTS.empty_table(), scopes)
        yield _replacing_rows(pa.concat_tables(ledger), scopes, table_name="cost_days")

    @dlt.resource(write_disposition=_LATEST, primary_key=_KEY)
    def projects() -> Iterator[pa.Table]:
        for organization in identified():
            # Archived projects still have costs and need their names.
            listed = _listed(organization, "/organization/projects", {"include_archived": "true"})
            yield names.project_rows(organization.id, listed)

    @dlt.resource(write_disposition=_LATEST, primary_key=_KEY)
    def users() -> Iterator[pa.Table]:
        for organization in identified():
            yield names.user_rows(organization.id, _listed(organization, "/organization/users", {}))

    @dlt.transformer(data_from=projects, write_disposition=_LATEST, primary_key=_KEY)
    def api_keys(project_table: pa.Table) -> Iterator[pa.Table]:
        by_id = {organization.id: organization for organization in identified()}
        yield names.API_KEYS.empty_table()
        for project in project_table.select(["organization_id", "id"]).to_pylist():
            organization, project_id = by_id[project["organization_id"]], project["id"]
            path = "/organization/projects/{project_id}/api_keys"
            # Keys whose owner left the project go on costing money.
            every_owner = {"owner_project_access": "any"}
            listed = _listed(organization, path, every_owner, project_id=project_id)
            yield names.api_key_rows(organization.id, project_id, listed)

    return [costs, projects, users, projects | api_keys]


def admin_keys(setting: Any = None) -> list[str]:
    """The keys of a setting (one, or a list), else those of OPENAI_ADMIN_KEY; each once.

    Raises OpenAICostsError (wrong use) where there is none.
    """
    keys = _listed_in(setting) or _listed_in(os.environ.get("OPENAI_ADMIN_KEY"))
    if not keys:
        raise _wrong_use(
            f"No key: set OPENAI_ADMIN_KEY to an admin key (sk-admin-…). {WHERE_KEYS_COME_FROM}"
        )
    return list(dict.fromkeys(keys))


def _reaching_back(organization: Organization, due: Stretch, group_by: tuple[str, ...]) -> Stretch:
    """The days that are due, as far back as the API tells them, once it told their totals."""
    untold = [day for day in due if day not in organization.totals]
    if untold:
        organization.read_totals(Stretch(untold[0], untold[-1] + ONE_DAY))
    told = [day for day in due if day in organization.totals]
    if not told:
        log.warning("OpenAI no longer tells the costs of %s; what is stored stays.", due)
        return Stretch(due.since, due.since)
    since = told[0]
    if since == FIRST_DAY:
        # No horizon: years of days before the first use say nothing.
        since = organization.first_used or organization.today
    return Stretch(since, due.until, group_by)


def _listed(
    organization: Organization, path: str, params: dict[str, str], **ids: str
) -> list[dict[str, Any]]:
    """The objects of a listing; none, said aloud, where this key may not read it.

    Costs need another permission than names, and archived projects may refuse to be read.
    """
    try:
        return list(organization.client.listing(path, names.read_listing, params, **ids))
    except OpenAICostsError as error:
        is_refused_project = bool(ids) and error.status in (400, 403, 404)
        if not error.is_missing_permission and not is_refused_project:
            raise
        level = logging.INFO if is_refused_project else logging.WARNING
        log.log(level, "%s Ids stand in for the names.", error)
        return []


def _replacing(scopes: list[str]) -> Any:
    """The merge that deletes the rows of these days and inserts what was loaded."""
    scope = " OR ".join(scopes) or "1 = 0"
    return {"disposition": "merge", "strategy": "delete-insert", "destination_scope": scope}


def _replacing_rows(table: pa.Table, scopes: list[str], table_name: str | None = None) -> Any:
    hints = dlt.mark.make_hints(table_name=table_name, write_disposition=_replacing(scopes))
    return dlt.mark.with_hints(table, hints, create_table_variant=table_name is not None)


def _days_of(organization_id: str, first: date, last: date) -> str:
    """SQL for one organization's days; the id's characters were checked when it was told."""
    return (
        f"(organization_id = '{organization_id}' AND date BETWEEN DATE '{first}' AND DATE '{last}')"
    )


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
    try:
        return date.fromisoformat(str(setting)[:10]) if setting else None
    except ValueError:
        raise _wrong_use(f"{name} is {setting}; it is a day such as 2026-01-31.") from None


def _whole_number(name: str, setting: Any, default: int) -> int:
    text = str(default if setting is None else setting).strip()
    if not text.isdecimal() or int(text) > 3650:
        raise _wrong_use(f"{name} is {text}; it is a number of days, such as {default}.")
    return int(text)


def _wrong_use(message: str) -> OpenAICostsError:
    return OpenAICostsError(message, is_wrong_use=True)
