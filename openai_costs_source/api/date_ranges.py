"""Which days to ask for, and with which grouping. Pure: today comes in as an argument.

A run reads one stretch of UTC days. The API may refuse part of it (its history is a rolling year,
keys are known only from some day on, not every organization can combine users with projects): the
refusal says what can be had, and the stretch is cut or coarsened accordingly, never given up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from openai_costs_source.api.pages import Bucket

FIRST_DAY = date(2020, 6, 11)
"""OpenAI opened its API on this day; nothing can have been billed before."""

GROUP_BY = ("project_id", "user_id", "api_key_id", "line_item")
"""The finest grouping that every row can be attributed by."""

BY_USER = ("user_id", "line_item")
"""Asked for besides, where users cannot be combined with projects."""

DIMENSIONS = (*GROUP_BY, "api_source")
"""All that the costs endpoint can group by."""

ONE_DAY = timedelta(days=1)
NEVER = date.max
"""The first day on which a dimension is told, where none of the days so far tells it."""

_HORIZON = re.compile(r"start date:?\s*(\d{4}-\d{2}-\d{2})")
_KEY_FLOOR = re.compile(r"on or after (\d{9,11})")


@dataclass(frozen=True)
class Stretch:
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
    """What the warehouse holds of an organization without a gap; kept in dlt's state.

    `asked_from` is the day that the first load asked for, which OpenAI's horizon may have cut.
    `first_open_day` was not over, or not read, when the last load ran: all before it is closed.
    """

    asked_from: date
    first_open_day: date

    def reopened(self, days: Iterable[date]) -> History:
        """The history with these days open again, so that each later run reads them."""
        return replace(self, first_open_day=min([self.first_open_day, *days]))

    def as_state(self) -> dict[str, str]:
        return {name: day.isoformat() for name, day in vars(self).items()}

    @classmethod
    def from_state(cls, state: dict[str, str] | None) -> History | None:
        return cls(**{k: date.fromisoformat(day) for k, day in state.items()}) if state else None


def days_to_load(
    today: date,
    history: History | None,
    refetch_days: int,
    start_date: date | None = None,
    since: date | None = None,
    until: date | None = None,
    not_final: Iterable[date] = (),
) -> Stretch:
    """The stretch for one run; `not_final` are the days that were last read too young.

    Days that a person names win. Otherwise all from `start_date` (without one: all that the API
    offers) until the warehouse holds it, then the trailing `refetch_days`, reaching further back
    where the last run was longer ago, so that a pause leaves no gap, and each day is read until it
    is `refetch_days` old, whatever days a person named in between.
    """
    until = min(until or today + ONE_DAY, today + ONE_DAY)
    asked_from = start_date or FIRST_DAY
    if since is None:
        if history is None or asked_from < history.asked_from:
            since = asked_from
        else:
            trailing = today - timedelta(days=refetch_days)
            # The last load read these while they could still change, and not since.
            young = history.first_open_day - timedelta(days=max(refetch_days - 1, 0))
            since = max(min(trailing, young), asked_from)
        since = min([since, *not_final])
    return Stretch(since, max(until, since))


def after_loading(
    stretch: Stretch, today: date, history: History | None, start_date: date | None = None
) -> History | None:
    """The history once `stretch` is loaded; unchanged where the stretch does not adjoin it."""
    asked_from = start_date or FIRST_DAY
    open_day = min(stretch.until, today)
    if stretch.since <= asked_from and (history is None or stretch.until >= history.asked_from):
        reached = max(open_day, history.first_open_day) if history else open_day
        return History(asked_from, reached)
    if history and history.asked_from <= stretch.since <= history.first_open_day:
        return replace(history, first_open_day=max(open_day, history.first_open_day))
    return history


def is_final(day: date, read_on: date, refetch_days: int) -> bool:
    """Whether a day that was read then need not be read again: it was over, and old enough."""
    return (read_on - day).days >= max(refetch_days, 1)


def after_refusal(
    stretch: Stretch, message: str, code: str | None, param: str | None
) -> list[Stretch] | None:
    """What to ask instead of a stretch that was refused with a 400; None where nothing helps."""
    earliest = earliest_day(message, code)
    if earliest and earliest > stretch.since:
        return [replace(stretch, since=earliest)] if earliest < stretch.until else []
    if "api_key_id" in stretch.group_by and (floor := first_day_with_keys(message)):
        # A floor that was kept, and refused all the same, holds for the whole stretch.
        return cut(stretch, {"api_key_id": floor if floor > stretch.since else NEVER})
    if "api_source" in stretch.group_by and "api_source" in message:
        return cut(stretch, {"api_source": NEVER})
    if param == "group_by" or "user_id" in message:
        without_users = cut(stretch, {"user_id": NEVER})
        return without_users if without_users != [stretch] else None
    return None


def earliest_day(message: str, code: str | None) -> date | None:
    """The first day of the API's own history, where a refusal tells it."""
    horizon = _HORIZON.search(message) if code == "reporting_lookback_exceeded" else None
    try:
        return date.fromisoformat(horizon[1]) if horizon else None
    except ValueError:
        return None


def first_day_with_keys(message: str) -> date | None:
    """The first whole day that a refusal offers API keys for."""
    floor = _KEY_FLOOR.search(message)
    return _first_whole_day(int(floor[1])) if floor else None


def cut(stretch: Stretch, first_told: Mapping[str, date]) -> list[Stretch]:
    """The stretch in pieces, each with all the dimensions that are told of its days.

    `first_told` names, by dimension, the first day that tells it; for users, the first day on which
    they combine with projects, as users alone are always told.
    """
    pieces = [stretch]
    for name, first in first_told.items():
        pieces = [part for piece in pieces for part in _cut_once(piece, name, first)]
    return pieces


def _cut_once(stretch: Stretch, name: str, first: date) -> list[Stretch]:
    needed = {name, "project_id"} if name == "user_id" else {name}
    if first <= stretch.since or not needed <= set(stretch.group_by):
        return [stretch]
    without = tuple(other for other in stretch.group_by if other != name)
    before = replace(stretch, until=min(first, stretch.until), group_by=without)
    return [before, replace(stretch, since=first)] if first < stretch.until else [before]


def untold_days(stretch: Stretch, buckets: Sequence[Bucket]) -> list[date]:
    """The days of `stretch` that no bucket tells.

    Raises ValueError where buckets overlap or lie outside: they must tile the stretch.
    """
    told: set[date] = set()
    for bucket in buckets:
        if bucket.day in told:
            raise ValueError(f"it tells {bucket.day} twice")
        if not stretch.since <= bucket.day < stretch.until:
            raise ValueError(f"it tells {bucket.day}, which was not asked for")
        told.add(bucket.day)
    return [day for day in stretch if day not in told]


def stretches(days: Iterable[date], group_by: tuple[str, ...] = ()) -> list[Stretch]:
    """Days as the fewest stretches, the earliest first."""
    found: list[Stretch] = []
    for day in sorted(days):
        if found and found[-1].until == day:
            found[-1] = replace(found[-1], until=day + ONE_DAY)
        else:
            found.append(Stretch(day, day + ONE_DAY, group_by))
    return found


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _first_whole_day(moment: int) -> date:
    day = datetime.fromtimestamp(moment, UTC).date()
    return day if _midnight(day) == moment else day + ONE_DAY
