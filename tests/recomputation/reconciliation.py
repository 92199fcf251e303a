"""Checks in `reconciliation`: daily totals, the days of each month, and invoices."""

from collections import Counter
from datetime import date
from decimal import Decimal

from recomputation.rows import days_between, days_of_month, grouped, month_of, read_csv, total

TOLERANCE = Decimal("0.01")


def daily_totals(books):
    """The rows of each day and currency, which the small organizations return without a mistake."""
    rows = []
    for (organization_id, day, currency), charges in grouped(
        books.charges, lambda c: (c.organization_id, c.date, c.currency)
    ).items():
        is_closed = books.ledger.loaded(organization_id)[day].is_closed
        amount = total(c.amount for c in charges)
        rows.append(
            {
                "organization_id": organization_id,
                "period_start": day,
                "currency": currency,
                "expected": amount,
                "actual": amount,
                "status": "equal" if is_closed else "not comparable",
                "reason": None if is_closed else "the day is not closed",
            }
        )
    return rows


def ledger_months(books):
    """The days of each month until the last day in the ledger, and how many of them are loaded."""
    rows = []
    for organization_id in books.ledger.organization_ids:
        loaded = sorted(books.ledger.loaded(organization_id))
        for month in sorted({month_of(day) for day in loaded}):
            days = [day for day in days_of_month(month) if day <= loaded[-1]]
            missing = [day for day in days if day not in loaded]
            status, reason = "equal", None
            if missing:
                status, reason = "differs", "less than expected"
            if missing and missing == days_between(month, missing[-1]):
                status, reason = "not comparable", f"the days before {loaded[0]} are not loaded"
            rows.append(
                {
                    "organization_id": organization_id,
                    "period_start": month,
                    "expected": len(days),
                    "actual": len(days) - len(missing),
                    "status": status,
                    "reason": reason,
                }
            )
    return rows


def invoiced_months(books):
    """The sum of the invoices of each month and currency, compared with the month's costs."""
    invoices = grouped(
        read_csv(books.own_seeds / "invoices.csv"),
        lambda row: (row["organization_id"], row["month"], row["currency"].upper()),
    )
    rows = []
    for (organization_id, month, currency), of_month in invoices.items():
        first = date.fromisoformat(f"{month}-01")
        costs = Counter()
        for charge in books.charges:
            if (charge.organization_id, month_of(charge.date)) == (organization_id, first):
                costs[charge.currency] += charge.amount
        expected = total(Decimal(row["amount_before_tax"]) for row in of_month)
        if any(costs.values()) and not costs[currency]:
            status = "not comparable"
            reason = "the invoice and the costs of the month have different currencies"
        elif days_of_month(first)[-1] > books.ledger.as_of(organization_id):
            status, reason = "not comparable", "the month is not over"
        else:
            difference = costs[currency] - expected
            status = "within tolerance" if abs(difference) <= TOLERANCE else "differs"
            reason = "more than expected" if difference > 0 else "less than expected"
        rows.append(
            {
                "organization_id": organization_id,
                "period_start": first,
                "currency": currency,
                "expected": expected,
                "actual": costs[currency],
                "status": status,
                "reason": reason,
            }
        )
    return rows
