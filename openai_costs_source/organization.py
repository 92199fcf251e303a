"""One key's organization: who it is, and what it cost, stretch of days by stretch of days."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from openai_costs_source.client import Client, OpenAICostsError
from openai_costs_source.pages import Bucket, Page, read_page
from openai_costs_source.rows import ONE_ROUNDING, amount_per_day, distinct_values, last_value
from openai_costs_source.windows import (
    NEVER,
    ONE_DAY,
    Stretch,
    after_refusal,
    cut,
    earliest_day,
    first_day_with_keys,
    stretches,
    untold_days,
)

log = logging.getLogger(__name__)

COSTS = "/organization/costs"
# 60 days of a large organization are some 50 MB of JSON; the API allows 180 a page.
DAYS_PER_PAGE = 60
DAYS_PER_PAGE_UNGROUPED = 180
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
    `first_told` is, by dimension, the first day that tells it, and `earliest_day` the first that is
    told at all, as refusals taught.
    """

    def __init__(self, client: Client, today: date) -> None:
        self.client = client
        self.today = today
        self.id_in_rows: str | None = None
        self.name: str | None = None
        self.totals: dict[date, Decimal] = {}
        self.first_used: date | None = None
        self.odd_days: set[date] = set()
        self.first_told: Mapping[str, date] = {}
        self.earliest_day: date | None = None

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
        """The stretch's pages, each with what was asked in the end: where the API refuses days or a
        grouping, the days that are left are asked for as it allows.

        Raises OpenAICostsError where the pages do not tell each day once; only today may lack.
        """
        to_ask = deque(cut(stretch, self.first_told))
        while to_ask:
            asked = to_ask.popleft()
            if not asked.days:
                continue
            told: list[Bucket] = []
            refusal: OpenAICostsError | None = None
            try:
                for page in self.client.pages(COSTS, _query(asked), _read_costs):
                    self._take_identity(page)
                    told += page.buckets
                    yield asked, page
            except OpenAICostsError as error:
                if error.status != 400:
                    raise
                refusal = error
            left = self._untold(asked, told)
            if refusal:
                log.info("OpenAI refuses %s as it was asked; asking for less.", asked)
                for rest in reversed(left):
                    to_ask.extendleft(reversed(self._instead(rest, refusal, bool(told))))
            elif closed := [rest for rest in left if rest.since < self.today]:
                raise OpenAICostsError(
                    f"OpenAI's {COSTS} left out days that were asked for, the first "
                    f"{closed[0].since}. Nothing was loaded; run again."
                )
            else:
                log.info("Read %s.", asked)

    def _instead(self, rest: Stretch, refusal: OpenAICostsError, is_less: bool) -> list[Stretch]:
        """What to ask instead of a refused stretch; raises the refusal where nothing helps."""
        instead = after_refusal(rest, str(refusal), refusal.code, refusal.param)
        self.earliest_day = earliest_day(str(refusal), refusal.code) or self.earliest_day
        if instead is None and is_less:
            # The horizon moved on while the pages were read: what is left may be asked for afresh.
            return [rest]
        if instead is None:
            raise refusal
        if "api_key_id" in rest.group_by and (floor := first_day_with_keys(str(refusal))):
            self.first_told = {**self.first_told, "api_key_id": floor}
        elif instead == cut(rest, {"user_id": NEVER}):
            first = max(
                self._first_day_with_users(rest), self.first_told.get("user_id", rest.since)
            )
            self.first_told = {**self.first_told, "user_id": first}
            return cut(rest, {"user_id": first})
        return instead

    def _first_day_with_users(self, refused: Stretch) -> date:
        """The first day on which users combine with projects.

        Whether they do depends on the time range. It is taken to be so from some day on, which a
        few small requests find.
        """
        known_from, refused_from = refused.until - ONE_DAY, refused.since
        if refused.days == 1 or not self._has_users(replace(refused, since=known_from)):
            return NEVER if refused.until > self.today else refused.until
        while (known_from - refused_from).days > 1:
            middle = refused_from + (known_from - refused_from) // 2
            if self._has_users(replace(refused, since=middle)):
                known_from = middle
            else:
                refused_from = middle
        return known_from

    def _has_users(self, stretch: Stretch) -> bool:
        """False where the stretch is refused for anything but its keys."""
        refusal = self.refusal(stretch)
        return refusal is None or first_day_with_keys(str(refusal)) is not None

    def refusal(self, stretch: Stretch) -> OpenAICostsError | None:
        """Why the API does not tell the stretch as it would be asked; None where it does."""
        try:
            next(self.client.pages(COSTS, {**_query(stretch), "limit": 1}, _read_costs))
        except OpenAICostsError as error:
            if error.status != 400:
                raise
            return error
        return None

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

    def _untold(self, asked: Stretch, told: list[Bucket]) -> list[Stretch]:
        try:
            return stretches(untold_days(asked, told), asked.group_by)
        except ValueError as error:
            raise OpenAICostsError(f"OpenAI's {COSTS} gave a wrong reply: {error}.") from None


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
