"""Groups the anomalies of one day into events.

One event, such as a runaway API key, is flagged in several scopes: the key, its user, its model and
its project. It should raise one alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

SCOPES = {"api_key": "API key", "user": "user", "model": "model", "project": "project"}
"""The scopes of anomalies, from the narrowest to the widest, and their names in messages."""

EXPLAINED_SHARE = Decimal(2) / 3
"""A row joins narrower events that account for at least this share of its excess."""


class Anomaly(NamedTuple):
    """A row of the mart `cost_anomalies`: a day on which something cost unusually much."""

    organization_id: str
    organization_name: str
    date: date
    scope: str
    scope_id: str
    scope_name: str
    currency: str
    actual: Decimal
    expected: Decimal
    excess: Decimal
    explained_by: str | None

    @property
    def label(self) -> str:
        return f"{SCOPES[self.scope]} {self.scope_name}" if self.scope_id else self.scope_name


def group_into_events(
    anomalies: Iterable[Anomaly], charges: Sequence[Sequence[Any]]
) -> list[list[Anomaly]]:
    """Group the anomalies of one day and currency into events.

    An event is a list: its narrowest row, then the wider rows that contain it. An event explains
    at most its own excess, and at most the charges that it shares with the wider row. A row that
    no events explain well enough starts an event.

    `charges` are the day's charges: each row has the ids in the order of `SCOPES`, then the cost.
    """
    costs = [(set(zip(SCOPES, ids, strict=True)), cost) for *ids, cost in charges]

    def shared_cost(narrow: Anomaly, wide: Anomaly) -> Decimal:
        pair = {(narrow.scope, narrow.scope_id), (wide.scope, wide.scope_id)}
        if any(not any(scoped_id in ids for ids, _ in costs) for scoped_id in pair):
            # The day's charges do not contain the id, for example where OpenAI reports users
            # separately.
            return wide.excess
        return sum((cost for ids, cost in costs if pair <= ids), Decimal(0))

    scopes = list(SCOPES)
    events: list[list[Anomaly]] = []
    for row in sorted(anomalies, key=lambda row: (scopes.index(row.scope), -row.excess)):
        narrower = [event for event in events if event[0].scope != row.scope]
        explained = [min(event[0].excess, shared_cost(event[0], row)) for event in narrower]
        if sum(explained, Decimal(0)) < EXPLAINED_SHARE * row.excess:
            events.append([row])
            continue
        for event, amount in zip(narrower, explained, strict=True):
            if amount > 0:
                event.append(row)
    return events
