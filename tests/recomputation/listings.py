"""Names, owners and types of projects, users and API keys, at present and on a day."""

from collections import defaultdict
from datetime import UTC
from functools import cache
from itertools import pairwise

_TABLES = ("projects", "users", "service_accounts", "api_keys")


class Listings:
    """The versions of listed objects, and what the rows of costs add to them."""

    def __init__(self, raw):
        self._rows = [*raw["costs"], *raw.get("costs_by_user", ())]
        self._ledger = raw["cost_days"]
        self.listed, self.listings = raw["listed"], raw["listings"]
        self._versions = defaultdict(list)
        for table in _TABLES:
            for row in sorted(raw.get(table, ()), key=lambda row: row["valid_from"]):
                versions = self._versions[table, row["organization_id"], row["id"]]
                versions.append({**row, "begins": utc_date(row["valid_from"])})
        self._of_row = cache(self._of_row)
        self.organization_name = cache(self.organization_name)

    def objects(self, table):
        """The versions of each object, oldest first, by organization and id."""
        return {
            (organization_id, id_): versions
            for (name, organization_id, id_), versions in self._versions.items()
            if name == table
        }

    def version(self, table, organization_id, id_, day=None, having="name"):
        """The version of that day, else the first; without a day, the last; None without any.

        Versions without the value `having` are skipped.
        """
        versions = self._versions.get((table, organization_id, id_), ())
        versions = [version for version in versions if version[having] is not None]
        begun = [version for version in versions if day is None or version["begins"] <= day]
        return (begun[-1:] or versions[:1] or [None])[0]

    def key_owner(self, organization_id, key_id, day):
        """The owner of a key on a day, and whether it is assumed from a later day; or None."""
        version = self.version("api_keys", organization_id, key_id, day, having="owner_id")
        return version and (version["owner_id"], version["begins"] > day)

    def organization_name(self, organization_id):
        names = [
            (row["date"], row["organization_name"])
            for row in (*self._rows, *self._ledger)
            if row["organization_id"] == organization_id and row["organization_name"]
        ]
        return max(names)[1] if names else organization_id

    def project_name(self, organization_id, id_, day=None):
        if version := self.version("projects", organization_id, id_, day):
            return version["name"]
        return id_ and (self._of_row(organization_id, "project_name", "project_id", id_) or id_)

    def residency(self, organization_id, id_):
        """The data residency that was last listed with a project, on whatever day."""
        version = self.version("projects", organization_id, id_, having="residency")
        return version and version["residency"]

    def key_name(self, organization_id, id_, day=None):
        version = self.version("api_keys", organization_id, id_, day)
        return version["name"] if version else id_

    def user_name(self, organization_id, id_, day=None):
        for table in ("users", "service_accounts"):
            if version := self.version(table, organization_id, id_, day):
                return version["name"]
        owned = self._owned(organization_id, id_)
        email = self._of_row(organization_id, "user_email", "user_id", id_)
        return (owned and owned["owner_name"]) or email or id_

    def user_type(self, organization_id, id_):
        if id_ is None:
            return None
        if ("service_accounts", organization_id, id_) in self._versions:
            return "service_account"
        owned = self._owned(organization_id, id_)
        return owned["owner_type"] if owned else "user"

    def renamed(self, table, organization_id, id_):
        """The name before the current one, and the day of the change."""
        renamed = {"former_name": None, "renamed_on": None}
        versions = self._versions.get((table, organization_id, id_), ())
        for former, version in pairwise(versions):
            if former["name"] != version["name"]:
                renamed = {"former_name": former["name"], "renamed_on": version["begins"]}
        return renamed

    def is_deleted(self, organization_id, place, id_, last_seen):
        """Whether the last listing did not contain the object; None if that is unknown.

        `place` is the kind of the listing that would contain it, with its project. A service
        account is in the listing of its project.
        """
        for row in self.listed:
            is_alike = row["kind"] in place or (
                "user" in place and row["kind"] == "service_account"
            )
            if is_alike and (row["organization_id"], row["id"]) == (organization_id, id_):
                read_at = self._read_at(organization_id, row["kind"], row["project_id"])
                return row["listed_at"] < read_at
        ((kind, project_id),) = place.items()
        read_at = self._read_at(organization_id, kind, project_id)
        return True if read_at and utc_date(read_at) >= last_seen else None

    def _read_at(self, organization_id, kind, project_id):
        for row in self.listings:
            if (row["organization_id"], row["kind"], row["project_id"]) == (
                organization_id,
                kind,
                project_id,
            ):
                return row["listed_at"]
        return None

    def _owned(self, organization_id, user_id):
        """The latest version of a key that this user owns."""
        owned = [
            version
            for (organization, _), versions in self.objects("api_keys").items()
            if organization == organization_id and user_id is not None
            for version in versions
            if version["owner_id"] == user_id
        ]
        return max(owned, key=lambda version: version["valid_from"], default=None)

    def _of_row(self, organization_id, column, by, id_):
        """The last value of a column on the rows of costs with this id."""
        values = [
            (row["date"], row[column])
            for row in self._rows
            if row["organization_id"] == organization_id
            and row.get(by) == id_
            and row.get(column) is not None
        ]
        return max(values)[1] if values and id_ is not None else None


def utc_date(moment):
    return moment.astimezone(UTC).date()
