"""`reconciliation`: the check of each day's rows against the API's total, by currency."""

from recomputation.rows import grouped, total


def reconciliation(books):
    return [
        {
            "organization_id": organization_id,
            "period_start": day,
            "currency": currency,
            "actual": total(c.amount for c in charges),
        }
        for (organization_id, day, currency), charges in grouped(
            books.charges, lambda c: (c.organization_id, c.date, c.currency)
        ).items()
    ]
