"""Costs by day: `daily_costs_by_project`, `…_user`, `…_model` and `…_team`."""

from collections import Counter

from recomputation.rows import grouped, ratio, total


def daily_costs_by_project(books):
    return [
        {
            "date": day,
            "organization_id": organization_id,
            "organization_name": books.listings.organization_name(organization_id),
            "project_id": project_id,
            "project_name": books.listings.project_name(organization_id, project_id),
            "currency": currency,
            "unblended_cost": total(c.amount for c in charges),
        }
        for (day, organization_id, project_id, currency), charges in grouped(
            books.charges, lambda c: (c.date, c.organization_id, c.project_id, c.currency)
        ).items()
    ]


def daily_costs_by_user(books):
    rows = []
    for (day, organization_id, user_id, attribution, currency), charges in grouped(
        books.user_charges,
        lambda c: (c.date, c.organization_id, c.user_id, c.attribution, c.currency),
    ).items():
        rows.append(
            {
                "date": day,
                "organization_id": organization_id,
                "organization_name": books.listings.organization_name(organization_id),
                "user_id": user_id,
                "user_name": books.listings.user_name(organization_id, user_id),
                "user_type": books.listings.user_type(organization_id, user_id),
                "currency": currency,
                "unblended_cost": total(c.amount for c in charges),
                "attribution": attribution,
                "unattributed_because": reason_of_most(charges),
                "owner_assumed_because": max(c.owner_assumed_because or "" for c in charges)
                or None,
            }
        )
    return rows


def reason_of_most(charges):
    """The reason with the largest amount, regardless of its sign; None for attributed charges."""
    costs = Counter()
    for charge in charges:
        costs[charge.unattributed_because] += charge.amount
    largest = max(map(abs, costs.values()))
    return min(
        (reason for reason, cost in costs.items() if reason and abs(cost) == largest), default=None
    )


def by_model(charge):
    """What `daily_costs_by_model` and `unit_prices` group by."""
    item = charge.item
    return (
        ("date", charge.date),
        ("organization_id", charge.organization_id),
        ("service", item.service),
        ("model", item.model),
        ("meter", item.meter),
        ("tier", item.tier),
        ("modality", item.modality),
        ("context", item.context),
        ("quantity_unit", charge.quantity_unit),
        ("currency", charge.currency),
    )


def daily_costs_by_model(books):
    rows = []
    for key, charges in grouped(books.charges, by_model).items():
        counted = [c for c in charges if c.quantity is not None]
        quantity = total(c.quantity for c in counted) if counted else None
        rows.append(
            {
                **dict(key),
                "organization_name": books.listings.organization_name(charges[0].organization_id),
                "unblended_cost": total(c.amount for c in charges),
                "quantity": quantity,
                "unit_price": ratio(total(c.amount for c in counted), quantity),
                "model_family": charges[0].family,
            }
        )
    return rows


def daily_costs_by_team(books):
    limited = "users were returned separately from projects and keys"
    return [
        {
            "date": day,
            "organization_id": organization_id,
            "organization_name": books.listings.organization_name(organization_id),
            "team": team,
            "cost_center": cost_center,
            "currency": currency,
            "unblended_cost": total(c.amount for c in charges),
            "assignment_limited_because": limited
            if (organization_id, day) in books.days_by_user
            else None,
        }
        for (day, organization_id, team, cost_center, currency), charges in grouped(
            books.charges,
            lambda c: (c.date, c.organization_id, c.team, c.cost_center, c.currency),
        ).items()
    ]
