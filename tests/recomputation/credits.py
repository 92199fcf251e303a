"""`credit_balance`: prepaid credits, what is left of them, and how long they last."""

import math
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from recomputation.rows import ZERO, days_between, grouped, ratio, read_csv, total

TEN_YEARS = 3650
"""Days. A balance that lasts longer has no last day."""


def credit_balance(books):
    grants = grouped(
        read_csv(books.own_seeds / "credit_grants.csv"),
        lambda row: (row["organization_id"], row["currency"].upper()),
    )
    return [row for key, of_key in grants.items() for row in _rows(books, *key, of_key)]


def _rows(books, organization_id, currency, grants):
    granted, costs = defaultdict(Decimal), defaultdict(Decimal)
    for row in grants:
        granted[date.fromisoformat(row["granted_on"])] += Decimal(row["amount"])
    for c in (*books.charges, *books.trimmed):
        if (c.organization_id, c.currency) == (organization_id, currency):
            costs[c.date] += c.amount
    days = books.ledger.days(organization_id)
    balance, granted_before, below_since, missing = ZERO, ZERO, None, []
    for day in days_between(min(granted), max(days)):
        balance += granted[day] - costs[day]
        granted_before += granted[day]
        below_since = (below_since or day) if balance < 0 else None
        if day not in days:
            missing.append(day)
        if day not in days:
            continue
        granted_since, granted_before = granted_before, ZERO
        if days[day].is_trimmed:
            continue
        daily_cost = _daily_cost(days, costs, day)
        runs_out_on = below_since
        if not below_since and daily_cost and daily_cost > 0:
            left = float(balance)
            if not days[day].is_closed:
                left -= max(daily_cost - float(costs[day]), 0)
            number = math.floor(left / daily_cost) + 1
            runs_out_on = day + timedelta(days=number) if number <= TEN_YEARS else None
        yield {
            "date": day,
            "organization_id": organization_id,
            "organization_name": books.listings.organization_name(organization_id),
            "currency": currency,
            "granted": granted_since,
            "unblended_cost": costs[day],
            "balance": None if missing else balance,
            "daily_cost": daily_cost,
            "runs_out_on": None if missing else runs_out_on,
            "unknown_because": _unknown_because(missing),
        }


def _unknown_because(missing):
    if len(missing) > 1:
        return f"{len(missing)} days from {missing[0]} to {missing[-1]} are not loaded"
    return f"{missing[0]} is not loaded" if missing else None


def _daily_cost(days, costs, day):
    """The mean cost of the closed days among the 28 days up to this one."""
    closed = [
        past
        for past in days_between(day - timedelta(days=27), day)
        if past in days and days[past].is_closed
    ]
    return ratio(total(costs[past] for past in closed), len(closed))
