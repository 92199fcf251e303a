"""One reporting endpoint of one key: its days, asked for as finely as it tells them."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from datetime import date

from openai_costs_source.api.client import Client, OpenAICostsError, Params
from openai_costs_source.api.date_ranges import (
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
from openai_costs_source.api.pages import Bucket, Page

log = logging.getLogger(__name__)

PAGE_BYTES = 16_000_000
"""What one request is to bring: memory must not grow with the days or with the organization."""
FIRST_DAYS = 7
"""Asked for while nothing is known of how large a day is: what the API gives by default."""
SIDE_BY_SIDE = 2
"""Requests under way at once, for one key."""
LAST_SECONDS = 5
"""How long a request under way is waited for once its reply is not wanted any more."""


@dataclass
class _Reply:
    """A window's pages, `size` bytes in all, up to the error that ended them, if one did."""

    pages: list[Page] = field(default_factory=list)
    size: int = 0
    error: BaseException | None = None


@dataclass
class Endpoint:
    """`decode` takes a page's bytes and raises ValueError on what is no page; a page holds at most
    `days_per_page`; `final` statuses are not waited for.

    `first_told` is, by dimension, the first day that tells it, and `earliest_day` the first that is
    told at all, as refusals taught. `bytes_per_day` is how large a day was, or is thought to be.
    """

    client: Client
    today: date
    path: str
    decode: Callable[[bytes], Page]
    days_per_page: int
    final: tuple[int, ...] = ()
    first_told: Mapping[str, date] = field(default_factory=dict)
    earliest_day: date | None = None
    bytes_per_day: float | None = None

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
            next(self.client.pages(self.path, _query(stretch, 1), self.decode, self.final))
        except OpenAICostsError as error:
            if error.status != 400:
                raise
            return error
        return None

    def _pages(self, stretch: Stretch) -> Iterator[Page]:
        """The stretch in windows, the next ones fetched and decoded while one is worked on.

        A window is a query of its own: a page's token holds for its very query alone, so pages that
        follow tokens can neither be asked for side by side nor be chosen by their size.
        """
        is_abandoned = threading.Event()
        under_way: deque[Future[_Reply]] = deque()
        first = stretch.since
        try:
            while first < stretch.until or under_way:
                # What the first window brings tells how large the others may be.
                at_once = SIDE_BY_SIDE if self.bytes_per_day else 1
                while first < stretch.until and len(under_way) < at_once:
                    until = min(first + ONE_DAY * self._days_at_once(stretch), stretch.until)
                    window = replace(stretch, since=first, until=until)
                    under_way.append(self._in_background(window, is_abandoned))
                    first = until
                reply = under_way.popleft().result()
                if stretch.group_by:
                    self._learn_size(reply)
                yield from reply.pages
                if reply.error:
                    raise reply.error
        finally:
            is_abandoned.set()
            wait(under_way, LAST_SECONDS)

    def _learn_size(self, reply: _Reply) -> None:
        days = sum(len(page.buckets) for page in reply.pages)
        # Small days, or empty ones, may be followed by large ones: at most twice as many are next.
        least = (self.bytes_per_day or PAGE_BYTES / FIRST_DAYS) / 2
        self.bytes_per_day = max(reply.size / max(days, 1), least)

    def _days_at_once(self, stretch: Stretch) -> int:
        if not stretch.group_by:
            return self.days_per_page  # One result a day.
        days = int(PAGE_BYTES / self.bytes_per_day) if self.bytes_per_day else FIRST_DAYS
        return min(max(days, 1), self.days_per_page)

    def _in_background(self, window: Stretch, is_abandoned: threading.Event) -> Future[_Reply]:
        """What the window is answered; not asked for again once it is not wanted any more."""
        answered: Future[_Reply] = Future()
        reply = _Reply()

        def read(body: bytes) -> Page:
            reply.size += len(body)
            return self.decode(body)

        def fetch() -> None:
            query = _query(window, window.days)
            try:
                told = self.client.pages(self.path, query, read, self.final, is_abandoned)
                reply.pages.extend(told)
            except BaseException as error:
                reply.error = error
            answered.set_result(reply)

        threading.Thread(target=fetch, daemon=True).start()
        return answered

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


def _query(stretch: Stretch, limit: int) -> Params:
    return {
        "start_time": stretch.start_time,
        "end_time": stretch.end_time,
        "bucket_width": "1d",
        "limit": limit,
        "group_by": stretch.group_by,
    }
