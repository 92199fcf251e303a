"""One reporting endpoint of one key: its days, asked for as finely as it tells them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from openai_costs_source.client import Client, OpenAICostsError, Params
from openai_costs_source.pages import Bucket, Page
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


@dataclass
class Endpoint:
    """`decode` takes a page's bytes and raises ValueError on what is no page; a page holds at most
    `days_per_page`, or `days_per_page_ungrouped`; `final` statuses are not waited for.

    `first_told` is, by dimension, the first day that tells it, and `earliest_day` the first that is
    told at all, as refusals taught.
    """

    client: Client
    today: date
    path: str
    decode: Callable[[bytes], Page]
    days_per_page: int
    days_per_page_ungrouped: int
    final: tuple[int, ...] = ()
    first_told: Mapping[str, date] = field(default_factory=dict)
    earliest_day: date | None = None

    def pages(self, stretch: Stretch) -> Iterator[tuple[Stretch, Page]]:
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
                for page in self._pages(asked):
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
                    f"OpenAI's {self.path} left out days that were asked for, the first "
                    f"{closed[0].since}. Nothing was loaded; run again."
                )
            else:
                log.info("Read %s.", asked)

    def refusal(self, stretch: Stretch) -> OpenAICostsError | None:
        """Why the API does not tell the stretch as it would be asked; None where it does."""
        try:
            next(self._pages(stretch, limit=1))
        except OpenAICostsError as error:
            if error.status != 400:
                raise
            return error
        return None

    def _pages(self, stretch: Stretch, limit: int | None = None) -> Iterator[Page]:
        most = self.days_per_page if stretch.group_by else self.days_per_page_ungrouped
        query: Params = {
            "start_time": stretch.start_time,
            "end_time": stretch.end_time,
            "bucket_width": "1d",
            "limit": limit or min(stretch.days, most),
            "group_by": stretch.group_by,
        }
        return self.client.pages(self.path, query, self.decode, self.final)

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

    def _untold(self, asked: Stretch, told: list[Bucket]) -> list[Stretch]:
        try:
            return stretches(untold_days(asked, told), asked.group_by)
        except ValueError as error:
            raise OpenAICostsError(f"OpenAI's {self.path} gave a wrong reply: {error}.") from None
