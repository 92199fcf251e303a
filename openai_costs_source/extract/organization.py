"""One key's organization: who it is, and what it cost, stretch of days by stretch of days."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

from openai_costs_source.api.client import Client, OpenAICostsError
from openai_costs_source.api.date_ranges import Stretch, stretches
from openai_costs_source.api.endpoint import Endpoint
from openai_costs_source.api.pages import Page, read_page
from openai_costs_source.extract.rows import (
    ONE_ROUNDING,
    amount_per_day,
    distinct_values,
    last_value,
)

COSTS = "/organization/costs"
DAYS_PER_PAGE = 180
"""The most that the API gives."""
# The most that two sums of the same money differ by: one rounding for each row, or the noise of
# doubles, where the API's total was added up in them. A missing row that is worth less than that
# noise passes here, and the dbt test against the API's total warns of it.
NOISE_OF_DOUBLES = Decimal("1e-12")
_ID = re.compile(r"[\w.:\-]{1,200}", re.ASCII)


class Organization:
    """What one key opens.

    `id_in_rows` and `name` are what the rows told of it so far; `totals` holds the API's own
    ungrouped figure of each day that was read, and `first_used` the first day that held anything.
    `odd_days` are those whose rows did not add up to it, twice: their rows are never given out.
    """

    def __init__(self, client: Client, today: date) -> None:
        self.client = client
        self.today = today
        self.id_in_rows: str | None = None
        self.name: str | None = None
        self.totals: dict[date, Decimal] = {}
        self.first_used: date | None = None
        self.odd_days: set[date] = set()
        self.endpoint = Endpoint(client, today, COSTS, _read_costs, DAYS_PER_PAGE)

    @property
    def id_in_header(self) -> str | None:
        return self.client.organization

    def read_totals(self, stretch: Stretch) -> None:
        """One ungrouped request for the stretch: whose key it is, how far its history goes, and
        what each day must add up to."""
        for _, page in self.costs(replace(stretch, group_by=())):
            self.totals |= amount_per_day(page)
            used = [bucket.day for bucket in page.buckets if bucket.size]
            self.first_used = min([*used, *filter(None, [self.first_used])], default=None)

    def agreeing_costs(self, stretch: Stretch) -> Iterator[tuple[Stretch, Page]]:
        """`costs`, without the closed days whose rows do not add up to the API's own total.

        Such a day is asked for once more: OpenAI may have restated it between two requests. A page
        that was cut short must never look like a saving.
        """
        for asked, page in self.costs(stretch):
            odd = self.disagreeing(page)
            yield asked, page.without(odd) if odd else page
            for day in stretches(odd, asked.group_by):
                self.read_totals(day)
                for asked_again, page_again in self.costs(day):
                    still_odd = self.disagreeing(page_again)
                    self.odd_days |= still_odd
                    yield asked_again, page_again.without(still_odd)

    def disagreeing(self, page: Page) -> set[date]:
        """The closed days of the page that differ from their totals by more than rounding."""
        amounts = amount_per_day(page)
        odd = set()
        for bucket in page.buckets:
            amount, total = amounts[bucket.day], self.totals.get(bucket.day, Decimal(0))
            tolerance = max((bucket.size + 1) * ONE_ROUNDING, abs(total) * NOISE_OF_DOUBLES)
            if bucket.day < self.today and abs(amount - total) > tolerance:
                odd.add(bucket.day)
        return odd

    def costs(self, stretch: Stretch) -> Iterator[tuple[Stretch, Page]]:
        """The stretch's pages, as `Endpoint.pages` tells them."""
        for asked, page in self.endpoint.pages(stretch):
            self._take_identity(page)
            yield asked, page

    def _take_identity(self, page: Page) -> None:
        self.name = last_value(page, "organization_name") or self.name
        told = distinct_values(page, "organization_id")
        if self.id_in_rows:
            told.add(self.id_in_rows)
        if len(told) > 1:
            raise OpenAICostsError(
                f"OpenAI's {COSTS} told several organizations, {' and '.join(sorted(told))[:200]}: "
                "a key reads one. Nothing was loaded."
            )
        for name in (*told, self.id_in_header):
            if name and not _ID.fullmatch(name):
                raise OpenAICostsError(
                    f"OpenAI's {COSTS} named the organization {name[:60]!r}, which is no id. "
                    "Nothing was loaded."
                )
        self.id_in_rows = next(iter(told), None)


def _read_costs(body: bytes) -> Page:
    """A page of costs; ValueError where it is none, or where a day's sum is beyond all bounds."""
    page = read_page(body)
    amount_per_day(page)
    return page
