"""The listings of one organization, read and given to dlt: who and what was called how, and when.

Names are kept in versions (dlt's `scd2`). What a listing lacks keeps its last one: that it is gone
follows from `listings`, because a listing that could not be read must not make anything look so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import dlt
import pyarrow as pa

from openai_costs_source import names
from openai_costs_source.client import OpenAICostsError
from openai_costs_source.organization import Organization

log = logging.getLogger(__name__)

KEY = ("organization_id", "id")
_REFUSALS = range(400, 600)
_PROJECTS = "/organization/projects"
_USERS = "/organization/users"
_API_KEYS = "/organization/projects/{project_id}/api_keys"
_SERVICE_ACCOUNTS = "/organization/projects/{project_id}/service_accounts"


def versions(now: datetime) -> Any:
    """The merge that keeps each version of a row; with `KEY` as merge key, it ends none that
    merely is not there."""
    return {
        "disposition": "merge",
        "strategy": "scd2",
        "validity_column_names": ["valid_from", "valid_to"],
        "row_version_column_name": "version",
        "boundary_timestamp": now.isoformat(),
    }


class Listings:
    """What the listings told, in this run, of each organization: read once, kept for all."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._projects: dict[str, list[dict[str, Any]] | None] = {}
        self._listed: dict[tuple[str, str, str], pa.Table] = {}
        self._listings: list[pa.Table] = []

    def projects(self, organization: Organization, organization_id: str) -> pa.Table:
        found = self._of(organization, organization_id)
        self._take("project", organization_id, "", found)
        return names.project_rows(organization_id, found or [])

    def users(self, organization: Organization, organization_id: str) -> pa.Table:
        found = _listed(organization, _USERS, {})
        self._take("user", organization_id, "", found)
        return names.user_rows(organization_id, found or [])

    def service_accounts(self, organization: Organization, organization_id: str) -> pa.Table:
        tables = {}
        for project in self._of(organization, organization_id) or []:
            found = _within(organization, _SERVICE_ACCOUNTS, {}, project)
            self._take("service_account", organization_id, project["id"], found)
            for each in found or []:
                tables[each["id"]] = names.service_account_rows(
                    organization_id, project["id"], [each]
                )
        return pa.concat_tables([names.SERVICE_ACCOUNTS.empty_table(), *tables.values()])

    def api_keys(self, organization: Organization, organization_id: str) -> pa.Table:
        tables = {}
        for project in self._of(organization, organization_id) or []:
            # Keys whose owner left the project go on costing money.
            found = _within(organization, _API_KEYS, {"owner_project_access": "any"}, project)
            self._take("api_key", organization_id, project["id"], found)
            for each in found or []:
                # A key that moved between two pages or projects is still one key.
                tables[each["id"]] = names.api_key_rows(organization_id, project["id"], [each])
        return pa.concat_tables([names.API_KEYS.empty_table(), *tables.values()])

    def log(self) -> Iterator[Any]:
        """The tables `listed` and `listings`, as dlt takes them, since they were last asked for."""
        latest: Any = {"disposition": "merge", "strategy": "upsert"}
        listed = [names.LISTED.empty_table(), *self._listed.values()]
        listings = [names.LISTINGS.empty_table(), *self._listings]
        self._listed.clear()
        self._listings.clear()
        for name, key, tables in (
            ("listed", ["organization_id", "kind", "id"], listed),
            ("listings", ["organization_id", "kind", "project_id"], listings),
        ):
            hints = dlt.mark.make_hints(
                table_name=name, write_disposition=latest, primary_key=key, merge_key=()
            )
            yield dlt.mark.with_hints(pa.concat_tables(tables), hints, create_table_variant=True)

    def _of(self, organization: Organization, organization_id: str) -> list[dict[str, Any]] | None:
        if organization_id not in self._projects:
            # Archived projects still have costs and need their names.
            every = {"include_archived": "true"}
            self._projects[organization_id] = _listed(organization, _PROJECTS, every)
        return self._projects[organization_id]

    def _take(
        self,
        kind: str,
        organization_id: str,
        project_id: str,
        found: list[dict[str, Any]] | None,
    ) -> None:
        if found is not None:
            whose = (organization_id, kind, project_id)
            for each in found:
                # Two projects may list one key: what is upserted must be there once.
                row = names.listed_rows(*whose, [each], self._now)
                self._listed[organization_id, kind, each["id"]] = row
            self._listings.append(names.listing_row(*whose, self._now))


def _within(
    organization: Organization, path: str, params: Mapping[str, str], project: dict[str, Any]
) -> list[dict[str, Any]] | None:
    """A listing of a project; None where it is archived and refuses to be read."""
    ids = {"project_id": project["id"]}
    is_archived = project.get("status") == "archived"
    try:
        found = organization.client.listing(
            path, names.read_listing, params, ids, _REFUSALS if is_archived else ()
        )
        return _once(found)
    except OpenAICostsError as error:
        if is_archived and error.status:
            return None
        if error.status == 400 and params:
            # An API that does not know them yet.
            return _listed(organization, path, {}, ids)
        _tell_refused(error)
        return None


def _listed(
    organization: Organization,
    path: str,
    params: Mapping[str, str],
    ids: Mapping[str, str] | None = None,
) -> list[dict[str, Any]] | None:
    """The objects of a listing; None, said aloud, where this key may not read it."""
    try:
        return _once(organization.client.listing(path, names.read_listing, params, ids or {}))
    except OpenAICostsError as error:
        _tell_refused(error)
        return None


def _once(listing: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({item["id"]: item for item in listing}.values())


def _tell_refused(error: OpenAICostsError) -> None:
    """Costs need another permission than names: without names, ids stand in for them."""
    if not error.is_missing_permission and error.status not in (400, 403):
        raise error
    log.warning("%s Ids stand in for these names.", error)
