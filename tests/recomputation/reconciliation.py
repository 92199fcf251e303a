"""Checks in `reconciliation`: each day's rows against the API's total, and the days of a month."""

from recomputation.rows import days_between, days_of_month, grouped, month_of, total


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
