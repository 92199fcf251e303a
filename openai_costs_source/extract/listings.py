"""The listings of one organization, read and given to dlt: who and what was called how, and when,
and which budgets are set at OpenAI.

Both are kept in versions (dlt's `scd2`). What a listing lacks keeps its last one: that it is gone
follows from `listings`, because a listing that could not be read must not make anything look so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import dlt
import pyarrow as pa

from openai_costs_source.api.client import OpenAICostsError
from openai_costs_source.extract import listing_rows as names
from openai_costs_source.extract import spend_limits
from openai_costs_source.extract.organization import Organization
from openai_costs_source.extract.spend_limits import ALERT, LIMIT

log = logging.getLogger(__name__)

KEY = ("organization_id", "id")
_REFUSALS = range(400, 600)
_PROJECTS = "/organization/projects"
_USERS = "/organization/users"
_API_KEYS = "/organization/projects/{project_id}/api_keys"
_SERVICE_ACCOUNTS = "/organization/projects/{project_id}/service_accounts"
_SPEND_LIMITS = {LIMIT: "/organization/spend_limit", ALERT: "/organization/spend_alerts"}
_SPEND_LIMITS_OF_PROJECTS = {
    LIMIT: "/organization/projects/{project_id}/spend_limit",
    ALERT: "/organization/projects/{project_id}/spend_alerts",
}


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

    def spend_limits(self, organization: Organization, organization_id: str) -> pa.Table:
        """Limits and alerts of the organization and of each project that can spend.

        The bill does not wait for them: what cannot be read stays as it was.
        """
        tables, scopes = {}, [""]
        for project in self._of(organization, organization_id) or []:
            if project.get("status") != "archived":
                scopes.append(project["id"])
                continue
            # Nothing can be spent there, so nothing is in force.
            for kind in _SPEND_LIMITS:
                self._take(kind, organization_id, project["id"], [])
        kinds, refusal = list(_SPEND_LIMITS), None
        for kind, project_id in ((kind, each) for each in scopes for kind in tuple(kinds)):
            whose = (organization_id, kind, project_id)
            try:
                found = spend_limits.readable(kind, _spend_limits(organization, *whose))
            except OpenAICostsError as error:
                if not (_is_refusal(error) or error.is_unknown_path):
                    log.warning("%s What is stored of spend_limits stays.", error)
                    break
                refusal = refusal or error
                if error.is_missing_permission or error.is_unknown_path:
                    kinds.remove(kind)
                continue
            self._take(kind, organization_id, project_id, found)
            for each in found:
                tables[each["id"]] = spend_limits.spend_limit_rows(*whose, [each])
        if refusal:
            log.warning("%s Budgets that cannot be read stay as they were.", refusal)
        return pa.concat_tables([spend_limits.SPEND_LIMITS.empty_table(), *tables.values()])

    def log(self) -> Iterator[Any]:
        """The tables `listed` and `listings`, as dlt takes them, since they were last asked for."""
        latest: Any = {"disposition": "merge", "strategy": "delete-insert"}
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
                # Two projects may list one key: what is merged must be there once.
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


def _spend_limits(
    organization: Organization, organization_id: str, kind: str, project_id: str
) -> list[dict[str, Any]]:
    """The limit or the alerts that are set, of a project or of the whole organization."""
    path = (_SPEND_LIMITS_OF_PROJECTS if project_id else _SPEND_LIMITS)[kind]
    ids = {"project_id": project_id} if project_id else {}
    client = organization.client
    try:
        if kind == ALERT:
            return _once(client.listing(path, names.read_listing, {}, ids, (404,)))
        limit = client.one(path, spend_limits.read_limit, ids, (404,))
        return [{**limit, "id": project_id or organization_id}]
    except OpenAICostsError as error:
        if error.status == 404 and not error.is_unknown_path:
            return []  # None is set.
        raise


def _once(listing: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({item["id"]: item for item in listing}.values())


def _tell_refused(error: OpenAICostsError) -> None:
    """Costs need another permission than names: without names, ids stand in for them."""
    if not _is_refusal(error):
        raise error
    log.warning("%s Ids stand in for these names.", error)


def _is_refusal(error: OpenAICostsError) -> bool:
    return error.is_missing_permission or error.status in (400, 403)
