"""Reads days from a reporting endpoint, each with as many dimensions as it returns for them."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from datetime import date

from openai_costs_source.api.client import Client, Params
from openai_costs_source.api.date_ranges import (
    NEVER,
    ONE_DAY,
    DateRange,
    after_refusal,
    contiguous_ranges,
    earliest_day,
    first_day_with_keys,
    missing_days,
    split_by_dimension,
)
from openai_costs_source.api.pages import Bucket, Page
from openai_costs_source.errors import OpenAICostsError

log = logging.getLogger(__name__)

PAGE_BYTES = 16_000_000
"""The target size of a reply: memory must not grow with the days or with the organization."""
FIRST_DAYS = 7
"""Days per request while the size of a day is unknown: the API's own default."""
CONCURRENT_REQUESTS = 2
"""Concurrent requests of one key."""
CLOSE_SECONDS = 5
"""How long to wait for a running request when its reply is no longer needed."""


@dataclass
class _Reply:
    """The pages of a window and their total `size` in bytes, up to the `error` if there was one."""

    pages: list[Page] = field(default_factory=list)
    size: int = 0
    error: BaseException | None = None


@dataclass
class Endpoint:
    """An endpoint of the API, and the limits that its refusals revealed.

    `decode` reads a page from its bytes and raises ValueError if they are not a page. A page has
    at most `days_per_page`. Refusals with one of the `final` statuses are not retried.
    `first_day_by_dimension` is the first day for which the API returns each dimension, and
    `earliest_day` the first day of its history. `bytes_per_day` is the size of a day, or an
    estimate of it.
    """

    client: Client
    today: date
    path: str
    decode: Callable[[bytes], Page]
    days_per_page: int
    final: tuple[int, ...] = ()
    first_day_by_dimension: Mapping[str, date] = field(default_factory=dict)
    earliest_day: date | None = None
    bytes_per_day: float | None = None

    def pages(self, date_range: DateRange) -> Iterator[tuple[DateRange, Page]]:
        """The range's pages, each with the request that returned it.

        If the API refuses days or a grouping, the remaining days are requested as far as it allows.
        Raises OpenAICostsError unless the pages hold each day once; only today may be missing.
        """
        requests = deque(split_by_dimension(date_range, self.first_day_by_dimension))
        while requests:
            request = requests.popleft()
            if not request.days:
                continue
            buckets: list[Bucket] = []
            refusal: OpenAICostsError | None = None
            try:
                for page in self._pages(request):
                    buckets += page.buckets
                    yield request, page
            except OpenAICostsError as error:
                if error.status != 400:
                    raise
                refusal = error
            missing = self._missing(request, buckets)
            if refusal:
                log.info("Discovering which days and dimensions OpenAI returns for %s.", request)
                for rest in reversed(missing):
                    smaller = self._smaller_requests(rest, refusal, bool(buckets))
                    requests.extendleft(reversed(smaller))
            elif closed := [rest for rest in missing if rest.since < self.today]:
                raise OpenAICostsError(
                    f"OpenAI's {self.path} left out days that were requested, the first "
                    f"{closed[0].since}. Nothing was loaded; run again."
                )
            else:
                log.info("Read %s.", request)

    def refusal(self, date_range: DateRange) -> OpenAICostsError | None:
        """Why the API refuses the range with this grouping; None if it does not."""
        try:
            self.first_page(date_range)
        except OpenAICostsError as error:
            if error.status != 400:
                raise
            return error
        return None

    def first_page(self, date_range: DateRange) -> Page:
        """The page with only the range's first day. Raises OpenAICostsError if it is refused."""
        query = _query(date_range, 1)
        return next(self.client.pages(self.path, query, self.decode, self.final))

    def _pages(self, date_range: DateRange) -> Iterator[Page]:
        """The range's pages in windows; the next windows are read while one is processed.

        Each window is a separate query. A page token is valid for its exact query only, so the
        pages of one query can neither be requested concurrently nor be sized by the client.
        """
        cancelled = threading.Event()
        running: deque[Future[_Reply]] = deque()
        first = date_range.since
        try:
            while first < date_range.until or running:
                # The first window shows how large the others may be.
                concurrent = CONCURRENT_REQUESTS if self.bytes_per_day else 1
                while first < date_range.until and len(running) < concurrent:
                    until = min(
                        first + ONE_DAY * self._days_per_window(date_range), date_range.until
                    )
                    window = replace(date_range, since=first, until=until)
                    running.append(self._in_background(window, cancelled))
                    first = until
                reply = running.popleft().result()
                if date_range.group_by:
                    self._update_size(reply)
                yield from reply.pages
                if reply.error:
                    raise reply.error
        finally:
            cancelled.set()
            wait(running, CLOSE_SECONDS)

    def _update_size(self, reply: _Reply) -> None:
        days = sum(len(page.buckets) for page in reply.pages)
        # Large days may follow small or empty ones: the next window has at most twice as many.
        least = (self.bytes_per_day or PAGE_BYTES / FIRST_DAYS) / 2
        self.bytes_per_day = max(reply.size / max(days, 1), least)

    def _days_per_window(self, date_range: DateRange) -> int:
        if not date_range.group_by:
            return self.days_per_page  # One result per day.
        days = int(PAGE_BYTES / self.bytes_per_day) if self.bytes_per_day else FIRST_DAYS
        return min(max(days, 1), self.days_per_page)

    def _in_background(self, window: DateRange, cancelled: threading.Event) -> Future[_Reply]:
        """The reply to the window, read by a thread until `cancelled` is set."""
        future: Future[_Reply] = Future()
        reply = _Reply()

        def read(body: bytes) -> Page:
            reply.size += len(body)
            return self.decode(body)

        def fetch() -> None:
            query = _query(window, window.days)
            try:
                pages = self.client.pages(self.path, query, read, self.final, cancelled)
                reply.pages.extend(pages)
            except BaseException as error:
                reply.error = error
            future.set_result(reply)

        threading.Thread(target=fetch, daemon=True).start()
        return future

    def _smaller_requests(
        self, rest: DateRange, refusal: OpenAICostsError, has_buckets: bool
    ) -> list[DateRange]:
        """What to request instead of a refused range; raises the refusal if nothing helps."""
        smaller = after_refusal(rest, str(refusal), refusal.code, refusal.param)
        self.earliest_day = earliest_day(str(refusal), refusal.code) or self.earliest_day
        if smaller is None and has_buckets:
            # The API's history moved on while the pages were read: the rest is a new request.
            return [rest]
        if smaller is None:
            raise refusal
        if "api_key_id" in rest.group_by and (first := first_day_with_keys(str(refusal))):
            self.first_day_by_dimension = {**self.first_day_by_dimension, "api_key_id": first}
        elif smaller == split_by_dimension(rest, {"user_id": NEVER}):
            known = self.first_day_by_dimension.get("user_id", rest.since)
            first = max(self._first_day_with_users(rest), known)
            self.first_day_by_dimension = {**self.first_day_by_dimension, "user_id": first}
            return split_by_dimension(rest, {"user_id": first})
        return smaller

    def _first_day_with_users(self, refused: DateRange) -> date:
        """The first day on which users combine with projects.

        Whether the API combines them depends on the date range. It is assumed to do so from some
        day on, which a binary search finds with a few small requests.
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

    def _has_users(self, date_range: DateRange) -> bool:
        """Whether users combine with projects; a refusal of API keys does not count."""
        refusal = self.refusal(date_range)
        return refusal is None or first_day_with_keys(str(refusal)) is not None

    def _missing(self, request: DateRange, buckets: list[Bucket]) -> list[DateRange]:
        try:
            return contiguous_ranges(missing_days(request, buckets), request.group_by)
        except ValueError as error:
            raise OpenAICostsError(f"OpenAI's {self.path} gave a wrong reply: {error}.") from None


def _query(date_range: DateRange, limit: int) -> Params:
    return {
        "start_time": date_range.start_time,
        "end_time": date_range.end_time,
        "bucket_width": "1d",
        "limit": limit,
        "group_by": date_range.group_by,
    }
