"""One key's organization: its id, its totals, and its costs by date range."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from openai_costs_source.api.client import Client
from openai_costs_source.api.date_ranges import DateRange, contiguous_ranges
from openai_costs_source.api.endpoint import Endpoint
from openai_costs_source.api.pages import Page, read_page
from openai_costs_source.errors import OpenAICostsError
from openai_costs_source.extract.rows import (
    NOTHING,
    ONE_ROUNDING,
    distinct_values,
    last_value,
    sums_per_day,
)

COSTS = "/organization/costs"
DAYS_PER_PAGE = 180
"""The most days that the API returns per page of costs."""
UNKNOWN = "unknown"
"""The id of an organization that no reply names, if there is only one key."""
# Two sums of the same amounts may differ by one rounding per row, or by more if the API adds up its
# total in doubles. A missing row that is smaller than this error is not noticed here; the dbt test
# against the API's total warns of it.
NOISE_OF_DOUBLES = Decimal("1e-12")
_ID = re.compile(r"[\w.:\-]{1,200}", re.ASCII)


class Organization:
    """The organization of one key.

    `id_in_rows` and `name` come from the rows read so far; `totals` are the API's own ungrouped
    amounts of the days read so far, by currency, and `first_used` is the first day that had any
    row. `mismatched_days` are the days with rows that did not add up to the total in two requests:
    these rows are never returned.
    """

    def __init__(self, client: Client, today: date) -> None:
        self.client = client
        self.today = today
        self.id_in_rows: str | None = None
        self.name: str | None = None
        self.totals: dict[date, Mapping[str, Decimal]] = {}
        self.first_used: date | None = None
        self.mismatched_days: set[date] = set()
        self.endpoint = Endpoint(client, today, COSTS, _read_costs, DAYS_PER_PAGE)

    @property
    def id_in_header(self) -> str | None:
        return self.client.organization

    def read_totals(self, date_range: DateRange) -> None:
        """Read the range ungrouped: the organization, the limit of its history and the total of
        each day."""
        for _, page in self.costs(replace(date_range, group_by=())):
            for day, sums in sums_per_day(page).items():
                self.totals[day] = {currency: total.amount for currency, total in sums.items()}
            used = [bucket.day for bucket in page.buckets if bucket.size]
            self.first_used = min([*used, *filter(None, [self.first_used])], default=None)

    def reconciled_costs(self, date_range: DateRange) -> Iterator[tuple[DateRange, Page]]:
        """`costs` without the closed days whose rows do not add up to the API's own total.

        Such a day is requested a second time: OpenAI may have restated it between two requests. A
        truncated page must never look like lower costs.
        """
        for request, page in self.costs(date_range):
            mismatched = self.mismatched(page)
            yield request, page.without(mismatched) if mismatched else page
            for days in contiguous_ranges(mismatched, request.group_by):
                self.read_totals(days)
                for second_request, second_page in self.costs(days):
                    still_mismatched = self.mismatched(second_page)
                    self.mismatched_days |= still_mismatched
                    yield second_request, second_page.without(still_mismatched)

    def mismatched(self, page: Page) -> set[date]:
        """The closed days of the page that differ from their totals by more than rounding."""
        all_sums = sums_per_day(page)
        days = set()
        for bucket in page.buckets:
            sums, totals = all_sums[bucket.day], self.totals.get(bucket.day, {})
            for currency in {*sums, *totals}:
                total = totals.get(currency, Decimal(0))
                tolerance = max((bucket.size + 1) * ONE_ROUNDING, abs(total) * NOISE_OF_DOUBLES)
                difference = sums.get(currency, NOTHING).amount - total
                if bucket.day < self.today and abs(difference) > tolerance:
                    days.add(bucket.day)
        return days

    def costs(self, date_range: DateRange) -> Iterator[tuple[DateRange, Page]]:
        """The range's pages, as `Endpoint.pages` returns them."""
        for request, page in self.endpoint.pages(date_range):
            self._read_identity(page)
            yield request, page

    def discover_limits(self, date_range: DateRange) -> list[DateRange]:
        """The requests with which a load reads the range; only the first day of each is read.

        If these days have rows, the organization then has its id and name. Raises OpenAICostsError
        if the range cannot be loaded.
        """
        requests = []
        for request, page in self.endpoint.first_pages(date_range):
            self._read_identity(page)
            requests.append(request)
        return requests

    def id_with(self, state: dict[str, Any], is_only_key: bool) -> str:
        """The organization's id: from its rows, now or when it last had rows under this header.

        A reply's header may hold a name instead of the id; the source's `state` maps it to
        the id. Raises OpenAICostsError if the organization could be any of several.
        """
        ids = state.setdefault("ids", {})
        header = self.id_in_header or UNKNOWN
        if self.id_in_rows:
            ids[header] = self.id_in_rows
        others = set(state.get("organizations", {})) - {UNKNOWN}
        if header == UNKNOWN and UNKNOWN not in ids and (others or not is_only_key):
            raise OpenAICostsError(
                "OpenAI's replies do not say which organization the key belongs to, and "
                "the warehouse may contain several"
                f"{' (' + ', '.join(sorted(others))[:200] + ')' if others else ''}"
                ": its days could be counted twice.",
                "A gateway may be dropping the header openai-organization: let it pass.",
            )
        return str(ids.get(header, header))

    def _read_identity(self, page: Page) -> None:
        self.name = last_value(page, "organization_name") or self.name
        ids = distinct_values(page, "organization_id")
        if self.id_in_rows:
            ids.add(self.id_in_rows)
        if len(ids) > 1:
            raise OpenAICostsError(
                f"OpenAI's {COSTS} returned several organizations, "
                f"{' and '.join(sorted(ids))[:200]}: a key reads one. Nothing was loaded."
            )
        for name in (*ids, self.id_in_header):
            if name and not _ID.fullmatch(name):
                raise OpenAICostsError(
                    f"OpenAI's {COSTS} named the organization {name[:60]!r}, which is not an id. "
                    "Nothing was loaded."
                )
        self.id_in_rows = next(iter(ids), None)


def _read_costs(body: bytes) -> Page:
    """Decode a page of costs. Raises ValueError if it is not one, or if a sum is too large."""
    page = read_page(body)
    sums_per_day(page)
    return page
