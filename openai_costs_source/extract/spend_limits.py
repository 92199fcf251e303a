"""Budgets that are set at OpenAI: hard limits of monthly spend, and alerts.

The recipients of an alert are not stored.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Any

import pyarrow as pa
from dlt.extract import DltResource

from openai_costs_source.api.pages import MONEY, json_object
from openai_costs_source.errors import OpenAICostsError
from openai_costs_source.extract.listing_rows import object_rows, read_listing
from openai_costs_source.extract.listings import (
    Listings,
    Object,
    is_refusal,
    listing_resource,
    log_failure,
    unique,
)
from openai_costs_source.extract.organization import Organization

log = logging.getLogger(__name__)

LIMIT = "spend_limit"
ALERT = "spend_alert"
_PATHS = {LIMIT: "/organization/spend_limit", ALERT: "/organization/spend_alerts"}
_PROJECT_PATHS = {
    LIMIT: "/organization/projects/{project_id}/spend_limit",
    ALERT: "/organization/projects/{project_id}/spend_alerts",
}
_MOST_CENTS = 10**22

SPEND_LIMITS = pa.schema(
    [
        pa.field("organization_id", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        ("project_id", pa.string()),
        ("threshold_amount", MONEY),
        ("currency", pa.string()),
        ("period", pa.string()),
        ("enforcement_status", pa.string()),
    ]
)
"""A limit has no id at OpenAI: its `id` is that of its project, or that of its organization if
`project_id` is null."""


def spend_limits(listings: Listings) -> DltResource:
    """Limits and alerts of each organization and of each project that can spend.

    Budgets that cannot be read stay unchanged, and the costs load without them.
    """

    def rows(organization: Organization, organization_id: str) -> pa.Table:
        tables, project_ids = {}, [""]
        for project in listings.projects_of(organization, organization_id) or []:
            if project.get("status") != "archived":
                project_ids.append(project["id"])
                continue
            # An archived project cannot spend, so none of its budgets is in force.
            for kind in _PATHS:
                listings.note(kind, organization_id, project["id"], [])
        kinds, refusal = list(_PATHS), None
        for kind, project_id in ((kind, id_) for id_ in project_ids for kind in tuple(kinds)):
            budget = (organization_id, kind, project_id)
            path = (_PROJECT_PATHS if project_id else _PATHS)[kind]
            try:
                read = partial(_read_budgets, organization, path, *budget)
                objects = listings.read(organization, path, read)
            except OpenAICostsError as error:
                if not is_refusal(error):
                    if error.status == 401:
                        raise
                    # A new format of budgets must not stop the costs.
                    log_failure(error)
                    break
                refusal = refusal or error
                if error.is_missing_permission or error.is_unknown_path:
                    kinds.remove(kind)
                continue
            listings.note(kind, organization_id, project_id, objects)
            for row in objects or []:
                tables[row["id"]] = spend_limit_rows(*budget, [row])
        if refusal:
            log.warning("%s Budgets that cannot be read stay unchanged.", refusal)
        return pa.concat_tables([SPEND_LIMITS.empty_table(), *tables.values()])

    return listing_resource("spend_limits", listings, rows)


def read_limit(body: bytes) -> Object:
    """Decode a hard limit. Raises ValueError if the reply is not one."""
    document = json_object(body)
    if not str(document.get("object")).endswith(LIMIT):
        raise ValueError("it is not a spend limit")
    return document


def readable(kind: str, objects: Iterable[Object]) -> list[Object]:
    """The objects with a threshold in whole cents; the others are skipped with a warning."""
    budgets = []
    for row in objects:
        cents = row.get("threshold_amount")
        if type(cents) is int and 0 <= cents < _MOST_CENTS:
            budgets.append(row)
        else:
            log.warning(
                "The %s %s has a threshold that is not a number of cents, and is skipped.",
                kind.replace("_", " "),
                row["id"],
            )
    return budgets


def spend_limit_rows(
    organization_id: str, kind: str, project_id: str, objects: Iterable[Object]
) -> pa.Table:
    """Rows of readable limits or alerts; `project_id` is empty for the organization's."""
    flat: list[dict[str, Any]] = []
    for row in objects:
        currency, enforcement = row.get("currency"), row.get("enforcement")
        flat.append(
            {
                "id": row["id"],
                "kind": kind,
                "project_id": project_id or None,
                "threshold_amount": Decimal(row["threshold_amount"]).scaleb(-2),
                "currency": currency.upper() if isinstance(currency, str) else None,
                "period": row.get("interval"),
                "enforcement_status": (
                    enforcement.get("status") if isinstance(enforcement, dict) else None
                ),
            }
        )
    return object_rows(SPEND_LIMITS, organization_id, flat)


def _read_budgets(
    organization: Organization, path: str, organization_id: str, kind: str, project_id: str
) -> list[Object]:
    """The readable limit or alerts that are set for a project or for the organization."""
    ids = {"project_id": project_id} if project_id else {}
    client = organization.client
    try:
        if kind == ALERT:
            return readable(kind, unique(client.listing(path, read_listing, {}, ids, (404,))))
        limit = client.one(path, read_limit, ids, (404,))
        return readable(kind, [{**limit, "id": project_id or organization_id}])
    except OpenAICostsError as error:
        if error.status == 404 and not error.is_unknown_path:
            return []  # No budget is set.
        raise
