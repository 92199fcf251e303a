"""Which days to request, and with which grouping. Pure: today is an argument.

A run reads one range of UTC days. The API may refuse part of it: its history is a rolling year, API
keys are known only from some day on, and not every organization can combine users with projects.
The refusal says what is available. The range is then shortened, or split into ranges with fewer
dimensions; no available day is skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from openai_costs_source.api.pages import Bucket

FIRST_DAY = date(2020, 6, 11)
"""OpenAI opened its API on this day; nothing can have been billed before."""

GROUP_BY = ("project_id", "user_id", "api_key_id", "line_item")
"""The grouping by default: all dimensions that costs are attributed by."""

BY_USER = ("user_id", "line_item")
"""The grouping that is also requested for days on which users do not combine with projects."""

DIMENSIONS = (*GROUP_BY, "api_source")
"""All dimensions that the costs endpoint can group by."""

ONE_DAY = timedelta(days=1)
NEVER = date.max
"""Stands for the first day of a dimension that the API does not return for any day yet."""


@dataclass(frozen=True)
class DateRange:
    """UTC days from `since` to `until`, `until` excluded, and how to group them."""

    since: date
    until: date
    group_by: tuple[str, ...] = ()

    @property
    def start_time(self) -> int:
        return _midnight(self.since)

    @property
    def end_time(self) -> int:
        return _midnight(self.until)

    @property
    def days(self) -> int:
        return (self.until - self.since).days

    def __iter__(self) -> Iterator[date]:
        return (self.since + ONE_DAY * n for n in range(self.days))

    def __str__(self) -> str:
        return f"{self.since} to {self.until - ONE_DAY}"


@dataclass(frozen=True)
class History:
    """Which days of an organization the warehouse holds without a gap; kept in dlt's state.

    `requested_from` is the first day that the first load requested; OpenAI's history may begin
    later. `first_open_day` is the first day that was not over, or not read, when the last load ran:
    all days before it are closed.
    """

    requested_from: date
    first_open_day: date

    def reopened(self, days: Iterable[date]) -> History:
        """The history with these days open again, so that each later run reads them."""
        return replace(self, first_open_day=min([self.first_open_day, *days]))

    def as_state(self) -> dict[str, str]:
        """The history for dlt's state, with the keys that older warehouses already have."""
        return {
            "asked_from": self.requested_from.isoformat(),
            "first_open_day": self.first_open_day.isoformat(),
        }

    @classmethod
    def from_state(cls, state: dict[str, str] | None) -> History | None:
        """The history that `as_state` returned; None if there is no state."""
        if not state:
            return None
        names = ("asked_from", "first_open_day")
        return cls(*(date.fromisoformat(state[name]) for name in names))


def days_to_load(
    today: date,
    history: History | None,
    refetch_days: int,
    start_date: date | None = None,
    since: date | None = None,
    until: date | None = None,
    not_final: Iterable[date] = (),
) -> DateRange:
    """The date range of a run; `not_final` are days that were last read before they were final.

    `since` and `until`, if given, take precedence. Otherwise, the first run reads all days from
    `start_date` on (without it: all that the API offers), and later runs read the trailing
    `refetch_days`. They reach further back after a pause, so that it leaves no gap. They also read
    each day again until it was read at an age of `refetch_days`, even if runs with `since` and
    `until` came in between.
    """
    until = min(until or today + ONE_DAY, today + ONE_DAY)
    requested_from = start_date or FIRST_DAY
    if since is None:
        if history is None or requested_from < history.requested_from:
            since = requested_from
        else:
            trailing = today - timedelta(days=refetch_days)
            # From this day on, days were last read while OpenAI could still restate them.
            young = history.first_open_day - timedelta(days=max(refetch_days - 1, 0))
            since = max(min(trailing, young), requested_from)
        since = min([since, *not_final])
    return DateRange(since, max(until, since))


def after_loading(
    date_range: DateRange, today: date, history: History | None, start_date: date | None = None
) -> History | None:
    """The history once `date_range` is loaded; unchanged if the range does not adjoin it."""
    requested_from = start_date or FIRST_DAY
    open_day = min(date_range.until, today)
    if date_range.since <= requested_from and (
        history is None or date_range.until >= history.requested_from
    ):
        reached = max(open_day, history.first_open_day) if history else open_day
        return History(requested_from, reached)
    if history and history.requested_from <= date_range.since <= history.first_open_day:
        return replace(history, first_open_day=max(open_day, history.first_open_day))
    return history


def is_final(day: date, read_on: date, refetch_days: int) -> bool:
    """Whether a day that was read on `read_on` was old enough not to be read again."""
    return (read_on - day).days >= max(refetch_days, 1)


def split_by_dimension(
    date_range: DateRange, first_day_by_dimension: Mapping[str, date]
) -> list[DateRange]:
    """The range in parts, each with all the dimensions that the API returns for its days.

    `first_day_by_dimension` is the first day for which the API returns each dimension. For users,
    it is the first day that combines them with projects; without projects, the API returns users
    for every day.
    """
    parts = [date_range]
    for name, first in first_day_by_dimension.items():
        parts = [new for part in parts for new in _split_once(part, name, first)]
    return parts


def _split_once(date_range: DateRange, name: str, first: date) -> list[DateRange]:
    needed = {name, "project_id"} if name == "user_id" else {name}
    if first <= date_range.since or not needed <= set(date_range.group_by):
        return [date_range]
    without = tuple(other for other in date_range.group_by if other != name)
    before = replace(date_range, until=min(first, date_range.until), group_by=without)
    return [before, replace(date_range, since=first)] if first < date_range.until else [before]


class MissingDimensions:
    """The days that were returned without a requested dimension."""

    def __init__(self, group_by: tuple[str, ...]) -> None:
        self._group_by = group_by
        self.days: dict[str, set[date]] = {}

    def add(self, request: DateRange, days: Iterable[date]) -> None:
        """Add the days that this request returned."""
        for name in set(self._group_by) - set(request.group_by):
            self.days.setdefault(name, set()).update(days)


def missing_days(date_range: DateRange, buckets: Sequence[Bucket]) -> list[date]:
    """The days of the range that have no bucket.

    Raises ValueError if two buckets have the same day or a bucket is outside of the range.
    """
    days: set[date] = set()
    for bucket in buckets:
        if bucket.day in days:
            raise ValueError(f"it returns {bucket.day} twice")
        if not date_range.since <= bucket.day < date_range.until:
            raise ValueError(f"it returns {bucket.day}, which was not requested")
        days.add(bucket.day)
    return [day for day in date_range if day not in days]


def contiguous_ranges(days: Iterable[date], group_by: tuple[str, ...] = ()) -> list[DateRange]:
    """The days as the fewest date ranges, the earliest first."""
    ranges: list[DateRange] = []
    for day in sorted(days):
        if ranges and ranges[-1].until == day:
            ranges[-1] = replace(ranges[-1], until=day + ONE_DAY)
        else:
            ranges.append(DateRange(day, day + ONE_DAY, group_by))
    return ranges


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
