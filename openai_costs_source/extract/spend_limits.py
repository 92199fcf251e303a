"""Budgets that are set at OpenAI become Arrow rows: hard limits of a month's spend, and alerts.

Who is notified of an alert is not stored.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pyarrow as pa

from openai_costs_source.api.pages import MONEY, json_object
from openai_costs_source.extract.listing_rows import object_rows

log = logging.getLogger(__name__)

LIMIT = "spend_limit"
ALERT = "spend_alert"

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
"""A limit has no id at OpenAI: it goes by its project's, or by its organization's, where
`project_id` is null."""

_MOST_CENTS = 10**22


def read_limit(body: bytes) -> dict[str, Any]:
    """Decode a hard limit. Raises ValueError where the reply is none."""
    document = json_object(body)
    if not str(document.get("object")).endswith(LIMIT):
        raise ValueError("it is not a spend limit")
    return document


def readable(kind: str, told: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those whose threshold is a number of cents; the others are said and left out."""
    found = []
    for each in told:
        cents = each.get("threshold_amount")
        if type(cents) is int and 0 <= cents < _MOST_CENTS:
            found.append(each)
        else:
            log.warning(
                "The %s %s has a threshold that is no number of cents, and is left out.",
                kind.replace("_", " "),
                each["id"],
            )
    return found


def spend_limit_rows(
    organization_id: str, kind: str, project_id: str, told: Iterable[dict[str, Any]]
) -> pa.Table:
    """Limits or alerts that are readable; `project_id` is empty for the organization's."""
    flat = []
    for each in told:
        currency, enforcement = each.get("currency"), each.get("enforcement")
        flat.append(
            {
                "id": each["id"],
                "kind": kind,
                "project_id": project_id or None,
                "threshold_amount": Decimal(each["threshold_amount"]).scaleb(-2),
                "currency": currency.upper() if isinstance(currency, str) else None,
                "period": each.get("interval"),
                "enforcement_status": (
                    enforcement.get("status") if isinstance(enforcement, dict) else None
                ),
            }
        )
    return object_rows(SPEND_LIMITS, organization_id, flat)
