"""`model_efficiency`: tokens, money and requests of a month, and what caching and batch saved."""

import math
from collections import Counter, defaultdict
from dataclasses import replace
from decimal import Decimal

from recomputation.line_items import family
from recomputation.list_prices import ListPrices
from recomputation.rows import MILLION, grouped, month_of, ratio, total
from recomputation.usage import KINDS_OF_REQUESTS

INPUT = ("input", "cached input", "cache write")


def model_efficiency(books):
    charges = [c for c in books.charges if c.family]
    currencies = grouped(charges, lambda c: (month_of(c.date), c.organization_id, c.family))
    paid, prices = _paid(charges), ListPrices(books.seeds)
    rows = []
    for key, of_model in grouped(
        charges, lambda c: (month_of(c.date), c.organization_id, c.family, c.currency)
    ).items():
        month, organization_id, name, currency = key
        days = _days_with_usage(books, organization_id)
        requests = None
        if len({c.currency for c in currencies[month, organization_id, name]}) == 1:
            requests = _requests(books, month, organization_id, name, days)
        tokens, cost = Counter(), defaultdict(Decimal)
        for c in of_model:
            if c.tokens is not None:
                tokens[c.item.meter] += c.tokens
                cost[c.item.meter] += c.amount
        used, input_cost = (total(by_meter[m] for m in INPUT) for by_meter in (tokens, cost))
        caching, uncompared = _saved(
            [c for c in of_model if c.item.meter in INPUT[1:]], {"meter": "input"}, paid, prices
        )
        batch, also_uncompared = _saved(
            [c for c in of_model if c.item.tier == "batch"], {"tier": "standard"}, paid, prices
        )
        rows.append(
            {
                "month": month,
                "organization_id": organization_id,
                "organization_name": books.listings.organization_name(organization_id),
                "model_family": name,
                "currency": currency,
                "unblended_cost": total(c.amount for c in of_model),
                "uncached_input_tokens": tokens["input"] or None,
                "cached_input_tokens": tokens["cached input"] or None,
                "cache_write_tokens": tokens["cache write"] or None,
                "output_tokens": tokens["output"] or None,
                "cached_share": ratio(tokens["cached input"], used),
                "requests": requests,
                "cost_per_request": ratio(
                    total(c.amount for c in of_model if c.date in days), requests
                ),
                "cost_per_million_input_tokens": ratio(input_cost * MILLION, used),
                "cost_per_million_output_tokens": ratio(cost["output"] * MILLION, tokens["output"]),
                "saved_by_caching": caching,
                "saved_by_batch": batch,
                "tokens_without_saving": total(
                    c.tokens for c in {id(c): c for c in (*uncompared, *also_uncompared)}.values()
                ),
            }
        )
    return rows


def _days_with_usage(books, organization_id):
    """The days on which costs are loaded, and the usage of all kinds that were ever loaded."""
    by_kind = defaultdict(set)
    for row in books.raw.get("usage_days", ()):
        if row["organization_id"] == organization_id and row["kind"] in KINDS_OF_REQUESTS:
            by_kind[row["kind"]].add(row["date"])
    loaded = set(books.ledger.loaded(organization_id))
    return loaded.intersection(*by_kind.values()) if by_kind else set()


def _requests(books, month, organization_id, name, days):
    requests = [
        row["num_model_requests"]
        for kind in KINDS_OF_REQUESTS
        for row in books.raw.get(f"usage_{kind}", ())
        if row["organization_id"] == organization_id
        and row["date"] in days
        and month_of(row["date"]) == month
        and family(row["model"]) == name
        and row["num_model_requests"] is not None
    ]
    return sum(requests) if requests else None


def _priced_alike(charge, item):
    """What has one average price: a month's tokens of a model, meter, tier and so on."""
    return (
        *(charge.organization_id, month_of(charge.date), charge.currency),
        *(item.model, item.meter, item.tier, item.modality, item.context),
    )


def _paid(charges):
    """The average price of a token, without free ones."""
    paid = [c for c in charges if c.tokens and c.amount > 0]
    return {
        key: ratio(total(c.amount for c in alike), total(c.tokens for c in alike))
        for key, alike in grouped(paid, lambda c: _priced_alike(c, c.item)).items()
    }


def _saved(charges, otherwise, paid, prices):
    """What the paid tokens would have cost otherwise, less what they cost.

    Also returns the charges that have no price to compare with.
    """
    saved, uncompared = [], []
    for charge in charges:
        if charge.tokens is None or charge.amount <= 0:
            continue
        item = replace(charge.item, **otherwise)
        price = paid.get(_priced_alike(charge, item))
        if price is None and (
            listed := prices.price(
                item.sku_price_id, "1000000 Tokens", charge.currency, charge.date
            )
        ):
            price = float(listed[0] / MILLION)
        if price is None:
            uncompared.append(charge)
        else:
            saved.append(float(charge.tokens) * price - float(charge.amount))
    return math.fsum(saved), uncompared
