"""One key's organization: who it is, and what it cost, stretch of days by stretch of days."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

from openai_costs_source.client import Client, OpenAICostsError
from openai_costs_source.pages import Page, read_page
from openai_costs_source.rows import amount_per_day, last_value
from openai_costs_source.windows import ONE_DAY, Stretch, after_refusal, untold_days

log = logging.getLogger(__name__)

COSTS = "/organization/costs"
# 60 days of a large organization are some 50 MB of JSON; the API allows 180 a page.
DAYS_PER_PAGE = 60
DAYS_PER_PAGE_UNGROUPED = 180
_ID = re.compile(r"[\w.:\-]{1,200}", re.ASCII)


class Organization:
    """`id` and `name` are known after `read_totals`, from the rows or else from the reply's header.

    `totals` holds the API's own ungrouped figure of each day that was read, and `first_used` the
    first of them that held anything.
    """

    def __init__(self, client: Client, today: date) -> None:
        self.client = client
        self.today = today
        self.name: str | None = None
        self.totals: dict[date, Decimal] = {}
        self.first_used: date | None = None
        self._id_in_rows: str | None = None

    @property
    def id(self) -> str:
        return self._id_in_rows or self.client.organization or "unknown"

    def read_totals(self, stretch: Stretch) -> None:
        """One ungrouped request for the stretch: whose key it is, how far its history goes, and
        what each day must add up to."""
        for _, page in self.costs(replace(stretch, group_by=())):
            self.totals |= amount_per_day(page)
            used = [bucket.day for bucket in page.buckets if bucket.size]
            self.first_used = min([*used, *filter(None, [self.first_used])], default=None)

    def _take_identity(self, page: Page) -> None:
        self.name = last_value(page, "organization_name") or self.name
        told = last_value(page, "organization_id")
        if told and self._id_in_rows not in (None, told):
            raise OpenAICostsError(
                f"OpenAI's {COSTS} told two organizations, {self._id_in_rows} and {told[:60]}: "
                "a key reads one. Nothing was loaded."
            )
        self._id_in_rows = told or self._id_in_rows
        if not _ID.fullmatch(self.id):
            raise OpenAICostsError(
                f"OpenAI's {COSTS} named the organization {self.id[:60]!r}, which is no id. "
                "Nothing was loaded."
            )

    def costs(self, stretch: Stretch) -> Iterator[tuple[Stretch, Page]]:
        """The stretch's pages, each with what was asked in the end: where the API refuses days or a
        grouping, the rest is asked as it allows.

        Raises OpenAICostsError where the pages do not tell each day once; only today may lack.
        """
        to_ask = deque([stretch])
        while to_ask:
            asked = to_ask.popleft()
            if asked.days <= 0:
                continue
            told: list[Page] = []
            try:
                for page in self.client.pages(COSTS, _query(asked), _read_costs):
                    self._take_identity(page)
                    told.append(replace(page, results=page.results.slice(0, 0)))
                    yield asked, page
            except OpenAICostsError as error:
                if error.status != 400:
                    raise
                days = [bucket.day for page in told for bucket in page.buckets]
                rest = replace(asked, since=max(days) + ONE_DAY) if days else asked
                instead = after_refusal(rest, str(error), error.code, error.param)
                if instead is None:
                    raise
                log.info("OpenAI cannot tell %s so: asking as it allows.", rest)
                to_ask.extendleft(reversed(instead))
                continue
            self._check_days(asked, told)
            log.info("Read %s.", asked)

    def _check_days(self, asked: Stretch, told: list[Page]) -> None:
        try:
            missing = untold_days(asked, [bucket for page in told for bucket in page.buckets])
        except ValueError as error:
            raise OpenAICostsError(f"OpenAI's {COSTS} gave a wrong reply: {error}.") from None
        if closed := [day for day in missing if day < self.today]:
            raise OpenAICostsError(
                f"OpenAI's {COSTS} left out {len(closed)} days that were asked for, the first "
                f"{closed[0]}. Nothing was loaded; run again."
            )


def _read_costs(body: bytes) -> Page:
    """A page of costs; ValueError where it is none, or where a day's sum is beyond all bounds."""
    page = read_page(body)
    amount_per_day(page)
    return page


def _query(stretch: Stretch) -> dict[str, str | int | tuple[str, ...]]:
    most = DAYS_PER_PAGE if stretch.group_by else DAYS_PER_PAGE_UNGROUPED
    return {
        "start_time": stretch.start_time,
        "end_time": stretch.end_time,
        "bucket_width": "1d",
        "limit": min(stretch.days, most),
        "group_by": stretch.group_by,
    }
