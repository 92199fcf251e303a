"""Arrow rows of projects, users, service accounts and API keys. Pure, like `rows`.

A listing has no amounts, so a value of an unexpected type becomes null and is not an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from openai_costs_source.api.pages import END_OF_CALENDAR, MONEY, json_object
from openai_costs_source.extract.rows import INSTANT

_KEY = [
    pa.field("organization_id", pa.string(), nullable=False),
    pa.field("id", pa.string(), nullable=False),
]

PROJECTS = pa.schema(
    [
        *_KEY,
        ("name", pa.string()),
        ("status", pa.string()),
        ("created_at", INSTANT),
        ("archived_at", INSTANT),
        ("residency", pa.string()),
    ]
)
USERS = pa.schema(
    [
        *_KEY,
        ("name", pa.string()),
        ("email", pa.string()),
        ("role", pa.string()),
        ("is_service_account", pa.bool_()),
        ("added_at", INSTANT),
    ]
)
API_KEYS = pa.schema(
    [
        *_KEY,
        ("project_id", pa.string()),
        ("name", pa.string()),
        ("owner_type", pa.string()),
        ("owner_id", pa.string()),
        ("owner_name", pa.string()),
        ("owner_email", pa.string()),
        ("created_at", INSTANT),
    ]
)
"""Without the API's `redacted_value`: no part of a key is stored. The time of the last use is in
`LISTED`; in this table, each use would create a version."""

SERVICE_ACCOUNTS = pa.schema(
    [
        *_KEY,
        ("project_id", pa.string()),
        ("name", pa.string()),
        ("role", pa.string()),
        ("created_at", INSTANT),
    ]
)

LISTED = pa.schema(
    [
        pa.field("organization_id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        ("project_id", pa.string()),
        ("last_used_at", INSTANT),
        ("listed_at", INSTANT),
    ]
)
"""One row per object that was ever listed, with the time of its last listing."""

LISTINGS = pa.schema(
    [
        pa.field("organization_id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("project_id", pa.string(), nullable=False),
        ("listed_at", INSTANT),
    ]
)
"""One row per listing, with the time when it was last read completely: an object that it did not
contain then is deleted. `project_id` is empty for listings of the whole organization."""


@dataclass(frozen=True)
class Listing:
    """A decoded page of a listing."""

    objects: Sequence[dict[str, Any]]
    has_more: bool
    last_id: str | None


def read_listing(body: bytes) -> Listing:
    """Decode one page of a listing. Raises ValueError if the reply is not one."""
    document = json_object(body)
    objects = document.get("data")
    if document.get("object") != "list" or not isinstance(objects, list):
        raise ValueError("it is not a list of objects")
    for item in objects:
        if not isinstance(item, dict) or not isinstance(item.get("id"), str):
            raise ValueError("an object in the list has no id")
    last_id = document.get("last_id") or (objects[-1]["id"] if objects else None)
    return Listing(objects, bool(document.get("has_more")), last_id)


def project_rows(organization_id: str, projects: Iterable[dict[str, Any]]) -> pa.Table:
    return object_rows(PROJECTS, organization_id, projects)


def user_rows(organization_id: str, users: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows of `USERS`; OpenAI documents name and e-mail both in a user and in a nested `user`."""
    flat = [{**_object(user.get("user")), **_without_nulls(user)} for user in users]
    return object_rows(USERS, organization_id, flat)


def api_key_rows(
    organization_id: str, project_id: str, api_keys: Iterable[dict[str, Any]]
) -> pa.Table:
    """The keys of a project, each with its owner: a user or a service account."""
    flat = []
    for key in api_keys:
        owner = _object(key.get("owner"))
        person = _object(owner.get(str(owner.get("type"))))
        flat.append(
            {
                **key,
                "project_id": project_id,
                "owner_type": owner.get("type"),
                "owner_id": person.get("id"),
                "owner_name": person.get("name"),
                "owner_email": person.get("email"),
            }
        )
    return object_rows(API_KEYS, organization_id, flat)


def service_account_rows(
    organization_id: str, project_id: str, accounts: Iterable[dict[str, Any]]
) -> pa.Table:
    flat = [{**account, "project_id": project_id} for account in accounts]
    return object_rows(SERVICE_ACCOUNTS, organization_id, flat)


def listed_rows(
    organization_id: str,
    kind: str,
    project_id: str,
    objects: Iterable[dict[str, Any]],
    listed_at: datetime,
) -> pa.Table:
    """Rows of `LISTED`: these objects were listed."""
    flat = [
        {**item, "kind": kind, "project_id": project_id, "listed_at": listed_at} for item in objects
    ]
    return object_rows(LISTED, organization_id, flat)


def listing_row(organization_id: str, kind: str, project_id: str, listed_at: datetime) -> pa.Table:
    """One row of `LISTINGS`: this listing was read completely."""
    row = dict(zip(LISTINGS.names, (organization_id, kind, project_id, listed_at), strict=True))
    return pa.Table.from_pylist([row], schema=LISTINGS)


def versioned(table: pa.Table) -> pa.Table:
    """The rows with a column `version`, a hash of all other columns."""
    versions = [
        hashlib.sha256(repr(tuple(row.values())).encode()).hexdigest() for row in table.to_pylist()
    ]
    column = pa.field("version", pa.string(), nullable=False)
    return table.append_column(column, pa.array(versions, pa.string()))


def object_rows(
    schema: pa.Schema, organization_id: str, objects: Iterable[dict[str, Any]]
) -> pa.Table:
    """Objects as rows; a value of an unexpected type becomes null."""

    def stored(value: Any, kind: pa.DataType) -> Any:
        if kind == INSTANT and isinstance(value, datetime):
            return value
        if kind == INSTANT:
            is_moment = type(value) is int and 0 <= value < END_OF_CALENDAR
            return datetime.fromtimestamp(value, UTC) if is_moment else None
        if kind == MONEY:
            return value if isinstance(value, Decimal) else None
        if kind == pa.bool_():
            return value if isinstance(value, bool) else None
        return value.encode(errors="replace").decode() if isinstance(value, str) else None

    rows = [
        {
            **{field.name: stored(item.get(field.name), field.type) for field in schema},
            "organization_id": organization_id,
        }
        for item in objects
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _without_nulls(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if value is not None}
