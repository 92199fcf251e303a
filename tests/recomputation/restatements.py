"""`restatements`: closed days that a later load returned with other costs, by currency."""

from collections import Counter

from recomputation.listings import utc_date
from recomputation.rows import ZERO, currency_of, grouped, ratio, total


def restatements(books):
    rows, numbers, before = [], Counter(), {}
    for load in books.loads:
        costs = grouped(load["costs"], lambda row: (row["organization_id"], row["date"]))
        for day in load["cost_days"]:
            key = day["organization_id"], day["date"]
            now, was = _by_currency(costs[key]), before.pop(key, {})
            seen_on = utc_date(day["loaded_at"])
            for currency in was and sorted({*was, *now}):
                pair = was.get(currency, (ZERO, 0)), now.get(currency, (ZERO, 0))
                if pair[0] != pair[1]:
                    numbers[*key, currency] += 1
                    number = numbers[*key, currency]
                    rows.append(_row(books, key, currency, number, seen_on, *pair))
            if day["is_closed"]:
                before[key] = now
    return [
        {
            **row,
            "is_last": row["restatement"]
            == numbers[row["organization_id"], row["date"], row["currency"]],
        }
        for row in rows
        if row["date"] in books.ledger.loaded(row["organization_id"])
    ]


def _by_currency(rows):
    """The amount and the number of rows, by currency."""
    return {
        currency: (total(row["amount"] for row in of_currency), len(of_currency))
        for currency, of_currency in grouped(rows, currency_of).items()
    }


def _row(books, key, currency, number, seen_on, was, now):
    (organization_id, day), (was_cost, was_rows), (is_cost, is_rows) = key, was, now
    return {
        "date": day,
        "organization_id": organization_id,
        "organization_name": books.listings.organization_name(organization_id),
        "currency": currency,
        "restatement": number,
        "seen_on": seen_on,
        "days_after": (seen_on - day).days,
        "was_cost": was_cost,
        "is_cost": is_cost,
        "change": is_cost - was_cost,
        "change_share": ratio(is_cost - was_cost, was_cost),
        "was_row_count": was_rows,
        "is_row_count": is_rows,
    }
