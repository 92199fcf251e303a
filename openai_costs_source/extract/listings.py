"""The listings: projects, users, service accounts and API keys, in versions (dlt's `scd2`).

An object that is missing in a listing keeps its last version; the tables `listed` and `listings`
show that it is gone. A listing that could not be read therefore makes nothing look deleted, and
costs load without it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from openai_costs_source.errors import OpenAICostsError
from openai_costs_source.extract.listing_rows import (
    API_KEYS,
    LISTED,
    LISTINGS,
    SERVICE_ACCOUNTS,
    api_key_rows,
    listed_rows,
    listing_row,
    project_rows,
    read_listing,
    service_account_rows,
    user_rows,
    versioned,
)
from openai_costs_source.extract.load import Load
from openai_costs_source.extract.organization import Organization

log = logging.getLogger(__name__)

Object = dict[str, Any]

KEY = ("organization_id", "id")
MOST_FAILURES = 3
"""After so many requests of an organization that failed, a path is no longer requested."""
_REFUSALS = range(400, 600)
_PROJECTS = "/organization/projects"
_USERS = "/organization/users"
_API_KEYS = "/organization/projects/{project_id}/api_keys"
_SERVICE_ACCOUNTS = "/organization/projects/{project_id}/service_accounts"


class Listings:
    """The listings of one load, which read the projects of each organization only once."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self._projects: dict[str, list[Object] | None] = {}
        self._failures: defaultdict[tuple[Organization, str], list[str]] = defaultdict(list)
        self._listed: dict[tuple[str, str, str], pa.Table] = {}
        self._listings: list[pa.Table] = []

    def projects_of(self, organization: Organization, organization_id: str) -> list[Object] | None:
        """The organization's projects; None if they cannot be read."""
        if organization_id not in self._projects:
            # Archived projects still have costs and need their names.
            params = {"include_archived": "true"}
            self._projects[organization_id] = _objects(self, organization, _PROJECTS, params)
        return self._projects[organization_id]

    def read(
        self, organization: Organization, path: str, read: Callable[[], list[Object] | None]
    ) -> list[Object] | None:
        """What `read` returns from this path; None, with an error in the log, during an outage.

        Each of hundreds of projects could take minutes then: after `MOST_FAILURES`, nothing is
        requested. Raises OpenAICostsError for any other error, such as a refusal of the key or a
        reply that cannot be used.
        """
        failures = self._failures[organization, path]
        if len(failures) >= MOST_FAILURES:
            return None
        try:
            return read()
        except OpenAICostsError as error:
            if is_refusal(error) or not (error.is_transient or error.status == 429):
                raise
            if str(error) not in failures:
                log_failure(error)
            failures.append(str(error))
            return None

    def note(
        self, kind: str, organization_id: str, project_id: str, objects: list[Object] | None
    ) -> None:
        """Note which objects were listed; nothing if the listing could not be read."""
        if objects is not None:
            listing = (organization_id, kind, project_id)
            for row in objects:
                # Two projects may list the same key, and a merge needs it once.
                listed = listed_rows(*listing, [row], self.load.now)
                self._listed[organization_id, kind, row["id"]] = listed
            self._listings.append(listing_row(*listing, self.load.now))

    def log(self) -> Iterator[Any]:
        """The rows of `listed` and `listings` since the last call, for dlt."""
        latest: Any = {"disposition": "merge", "strategy": "delete-insert"}
        listed = [LISTED.empty_table(), *self._listed.values()]
        listings = [LISTINGS.empty_table(), *self._listings]
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


def projects(listings: Listings) -> DltResource:
    """The projects of each organization, including archived ones."""

    def rows(organization: Organization, organization_id: str) -> pa.Table:
        objects = listings.projects_of(organization, organization_id)
        listings.note("project", organization_id, "", objects)
        return project_rows(organization_id, objects or [])

    return listing_resource("projects", listings, rows)


def users(listings: Listings) -> DltResource:
    """The users of each organization."""

    def rows(organization: Organization, organization_id: str) -> pa.Table:
        objects = _objects(listings, organization, _USERS, {})
        listings.note("user", organization_id, "", objects)
        return listings.load.redact("users", user_rows(organization_id, objects or []))

    return listing_resource("users", listings, rows)


def service_accounts(listings: Listings) -> DltResource:
    """The service accounts of every project."""

    def rows(organization: Organization, organization_id: str) -> pa.Table:
        tables = {}
        for project in listings.projects_of(organization, organization_id) or []:
            objects = _objects_of_project(listings, organization, _SERVICE_ACCOUNTS, {}, project)
            listings.note("service_account", organization_id, project["id"], objects)
            for row in objects or []:
                tables[row["id"]] = service_account_rows(organization_id, project["id"], [row])
        table = pa.concat_tables([SERVICE_ACCOUNTS.empty_table(), *tables.values()])
        return listings.load.redact("service_accounts", table)

    return listing_resource("service_accounts", listings, rows)


def api_keys(listings: Listings) -> DltResource:
    """The API keys of every project, with their owners."""

    def rows(organization: Organization, organization_id: str) -> pa.Table:
        tables = {}
        for project in listings.projects_of(organization, organization_id) or []:
            # A key still causes costs after its owner has left the project.
            params = {"owner_project_access": "any"}
            objects = _objects_of_project(listings, organization, _API_KEYS, params, project)
            listings.note("api_key", organization_id, project["id"], objects)
            for row in objects or []:
                # A key that moved between two pages or projects is still one key.
                tables[row["id"]] = api_key_rows(organization_id, project["id"], [row])
        table = pa.concat_tables([API_KEYS.empty_table(), *tables.values()])
        return listings.load.redact("api_keys", table)

    return listing_resource("api_keys", listings, rows)


def listing_resource(
    name: str, listings: Listings, rows: Callable[[Organization, str], pa.Table]
) -> DltResource:
    """A resource that stores the rows of each organization in versions.

    Like every listing, it also loads `listed` and `listings`.
    """
    load = listings.load

    def extract() -> Iterator[Any]:
        load.begin(name, _versions(load.now), KEY)
        for organization, organization_id in load.organizations():
            yield versioned(rows(organization, organization_id))
        yield from listings.log()

    return dlt.resource(extract, name=name, write_disposition=_versions(load.now), merge_key=KEY)


def unique(objects: Iterator[Object]) -> list[Object]:
    """The objects of a listing, each id once."""
    return list({row["id"]: row for row in objects}.values())


def is_refusal(error: OpenAICostsError) -> bool:
    """Whether the API refuses this key or this request, as opposed to an outage."""
    is_refused = error.status in range(400, 500) and error.status not in (401, 407, 429)
    is_outage = error.is_transient and not error.is_unknown_path
    return (is_refused and not is_outage) or error.is_missing_permission


def log_failure(error: OpenAICostsError) -> None:
    """Log an error that costs load without. The command exits with 1 after it."""
    log.error("%s Stored names and budgets stay; ids replace missing names.", error)


def _versions(now: datetime) -> Any:
    """The merge that keeps each version of a row.

    With `KEY` as the merge key, a row that is missing in a load stays the current version.
    """
    return {
        "disposition": "merge",
        "strategy": "scd2",
        "validity_column_names": ["valid_from", "valid_to"],
        "row_version_column_name": "version",
        "boundary_timestamp": now.isoformat(),
    }


def _objects(
    listings: Listings,
    organization: Organization,
    path: str,
    params: Mapping[str, str],
    ids: Mapping[str, str] | None = None,
) -> list[Object] | None:
    """The objects of a listing; None, with a message, if it cannot be read."""

    def read() -> list[Object]:
        return unique(organization.client.listing(path, read_listing, params, ids or {}))

    try:
        return listings.read(organization, path, read)
    except OpenAICostsError as error:
        _warn_of_refusal(error)
        return None


def _objects_of_project(
    listings: Listings,
    organization: Organization,
    path: str,
    params: Mapping[str, str],
    project: Object,
) -> list[Object] | None:
    """The objects of a project's listing; None if it cannot be read, as of an archived project."""
    ids = {"project_id": project["id"]}
    is_archived = project.get("status") == "archived"
    final = _REFUSALS if is_archived else ()

    def read() -> list[Object] | None:
        try:
            return unique(organization.client.listing(path, read_listing, params, ids, final))
        except OpenAICostsError as error:
            if is_archived and error.status:
                return None
            raise

    try:
        return listings.read(organization, path, read)
    except OpenAICostsError as error:
        if error.status == 400 and params:
            # An API that does not know these parameters yet.
            return _objects(listings, organization, path, {}, ids)
        _warn_of_refusal(error)
        return None


def _warn_of_refusal(error: OpenAICostsError) -> None:
    """Warn of a refusal, because costs load without names; raise any other error."""
    if not is_refusal(error):
        raise error
    log.warning("%s Ids take the place of these names.", error)
