"""OpenAI's public prices, from the seed `list_prices`."""

import re
from datetime import date
from decimal import Decimal

from recomputation.line_items import family
from recomputation.rows import grouped, read_csv


class ListPrices:
    def __init__(self, seeds):
        self._rows = grouped(
            read_csv(seeds / "list_prices.csv"),
            lambda row: (row["sku_price_id"], row["pricing_unit"], row["currency"]),
        )

    def price(self, sku_price_id, unit, currency, day):
        """The price of one unit on a day, and its source; None if it is unknown.

        A row without the model's date applies to all versions of the model without rows of their
        own, except fine-tuned ones.
        """
        ids = [sku_price_id]
        if not sku_price_id.startswith("ft-"):
            ids.append(re.sub(r"-\d{4}-\d{2}-\d{2}(?=/)", "", sku_price_id))
        rows = next(filter(None, (self._rows.get((id_, unit, currency)) for id_ in ids)), ())
        begun = [row for row in rows if date.fromisoformat(row["valid_from"]) <= day]
        if not begun:
            return None
        row = max(begun, key=lambda row: row["valid_from"])
        return Decimal(row["price"]), row["source"]

    @property
    def families(self):
        """The model families that have a price."""
        return {family(sku_price_id.split("/")[0]) for sku_price_id, _, _ in self._rows}
