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
    contiguous_ranges,
    missing_days,
    split_by_dimension,
)
from openai_costs_source.api.pages import Bucket, Page
from openai_costs_source.api.refusals import (
    earliest_day,
    first_day_of_dimension,
    is_lasting,
    names_organization,
    refused_dimensions,
)
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

    @property
    def buckets(self) -> list[Bucket]:
        return [bucket for page in self.pages for bucket in page.buckets]


@dataclass
class Endpoint:
    """An endpoint of the API, and the limits that its refusals revealed.

    `decode` reads a page from its bytes and raises ValueError if they are not a page. A page has
    at most `days_per_page`. Refusals with one of the `final` statuses are not retried.
    `first_day_by_dimension` is the first day for which the API returns each dimension (users:
    within projects), `refusals` the last refusal of each, `passing` those that may soon be returned
    again, and `earliest_day` the first day of the API's history. `bytes_per_day` is the size of a
    day, or an estimate of it.
    """

    client: Client
    today: date
    path: str
    decode: Callable[[bytes], Page]
    days_per_page: int
    final: tuple[int, ...] = ()
    first_day_by_dimension: Mapping[str, date] = field(default_factory=dict)
    refusals: dict[str, OpenAICostsError] = field(default_factory=dict)
    passing: set[str] = field(default_factory=set)
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

    def first_pages(self, date_range: DateRange) -> Iterator[tuple[DateRange, Page]]:
        """The requests with which `pages` would read the range, each with its first day only.

        Raises OpenAICostsError if `pages` would not be able to read it.
        """
        requests = deque(split_by_dimension(date_range, self.first_day_by_dimension))
        while requests:
            request = requests.popleft()
            if not request.days:
                continue
            try:
                page = self._first_page(request)
            except OpenAICostsError as refusal:
                if refusal.status != 400:
                    raise
                requests.extendleft(reversed(self._smaller_requests(request, refusal)))
            else:
                yield request, page

    def _first_page(self, date_range: DateRange) -> Page:
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
        days = len(reply.buckets)
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
                for page in self.client.pages(self.path, query, read, self.final, cancelled):
                    # Checked page by page: a server may return the same days endlessly.
                    self._missing(window, [*reply.buckets, *page.buckets])
                    reply.pages.append(page)
            except BaseException as error:
                reply.error = error
            future.set_result(reply)

        threading.Thread(target=fetch, daemon=True).start()
        return future

    def _smaller_requests(
        self, rest: DateRange, refusal: OpenAICostsError, has_buckets: bool = False
    ) -> list[DateRange]:
        """What to request instead of a refused range; raises the refusal if nothing helps."""
        earliest = earliest_day(refusal)
        self.earliest_day = earliest or self.earliest_day
        if earliest and earliest > rest.since:
            return [replace(rest, since=earliest)] if earliest < rest.until else []
        refused = refused_dimensions(refusal, rest.group_by)
        if not refused and has_buckets:
            # The API's history moved on while the pages were read: the rest is a new request.
            return [rest]
        if not refused:
            raise refusal
        self.refusals |= dict.fromkeys(refused, refusal)
        without = tuple(name for name in rest.group_by if name not in refused)
        if len(refused) > 1 or ("user_id" in refused and "project_id" not in rest.group_by):
            return [replace(rest, group_by=without)]
        return self._split(rest, refused[0], without, refusal)

    def _split(
        self,
        refused: DateRange,
        dimension: str,
        without: tuple[str, ...],
        refusal: OpenAICostsError,
    ) -> list[DateRange]:
        """The refused range in parts with and without the dimension, as far as the API returns it.

        If the refusal names no first day, a few small requests find the refused days: they are
        assumed to include the first or the last day, or to be few.
        """
        named = first_day_of_dimension(refusal)
        if named and refused.since < named <= self.today + ONE_DAY:
            self._note_first_day(dimension, named)
            return split_by_dimension(refused, {dimension: named})
        ends = [
            replace(refused, until=refused.since + ONE_DAY),
            replace(refused, since=refused.until - ONE_DAY),
        ]
        if names_organization(refusal) or not any(self._returns(dimension, end) for end in ends):
            first = NEVER if refused.until > self.today else refused.until
            self._note_first_day(dimension, first)
            if not is_lasting(refusal, dimension):
                self.passing.add(dimension)
            return [replace(refused, group_by=without)]
        parts = self._bisect(refused, dimension, without)
        if [dimension in part.group_by for part in parts] == [False, True]:
            self._note_first_day(dimension, parts[1].since)
        return parts

    def _bisect(
        self, refused: DateRange, dimension: str, without: tuple[str, ...]
    ) -> list[DateRange]:
        if refused.days == 1:
            return [replace(refused, group_by=without)]
        middle = refused.since + ONE_DAY * (refused.days // 2)
        parts: list[DateRange] = []
        for half in (replace(refused, until=middle), replace(refused, since=middle)):
            is_whole = self._returns(dimension, half)
            for part in [half] if is_whole else self._bisect(half, dimension, without):
                if parts and parts[-1].group_by == part.group_by:
                    parts[-1] = replace(parts[-1], until=part.until)
                else:
                    parts.append(part)
        return parts

    def _note_first_day(self, dimension: str, first: date) -> None:
        first = max(first, self.first_day_by_dimension.get(dimension, first))
        self.first_day_by_dimension = {**self.first_day_by_dimension, dimension: first}

    @property
    def lasting_limits(self) -> dict[str, date]:
        """The first day of each dimension, without limits that may be a passing error."""
        return {
            name: first
            for name, first in self.first_day_by_dimension.items()
            if name not in self.passing
        }

    def _returns(self, dimension: str, date_range: DateRange) -> bool:
        """Whether the API returns the dimension; a refusal of another one does not count."""
        try:
            self._first_page(date_range)
        except OpenAICostsError as refusal:
            if refusal.status != 400:
                raise
            return dimension not in refused_dimensions(refusal, date_range.group_by)
        return True

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
