"""The load state of an organization, kept in dlt's state at the destination.

dlt stores the state of completed loads only. After a killed load, the next one starts from the
same state and does the same work again, so that no restatement is lost or logged twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from openai_costs_source.api.date_ranges import (
    FIRST_DAY,
    DateRange,
    History,
    days_to_load,
    is_final,
)
from openai_costs_source.extract.rows import (
    COST_RESTATEMENTS,
    DEFAULT_CURRENCY,
    NOTHING,
    ONE_ROUNDING,
    DaySum,
)

RETRIED_AFTER = timedelta(days=30)
"""When to request a refused dimension again: OpenAI may have added it."""

ONE_SECOND = timedelta(seconds=1)
"""The tolerance between two times of a load: not all destinations store microseconds."""


@dataclass(frozen=True)
class ClosedDay:
    """The sums of a closed day by currency when it was last loaded; none for a day without rows."""

    sums: Mapping[str, DaySum]
    grouped_by: str
    loaded_at: datetime

    def restated_currencies(self, later: ClosedDay) -> list[str]:
        """The currencies in which OpenAI restated the day.

        Another grouping may change the number of rows, and the amount by the rounding of each row.
        """
        return [
            currency
            for currency in sorted({*self.sums, *later.sums})
            if self._differs(later, currency)
        ]

    def _differs(self, later: ClosedDay, currency: str) -> bool:
        was, now = self.sums.get(currency, NOTHING), later.sums.get(currency, NOTHING)
        if self.grouped_by == later.grouped_by:
            return was != now
        rounding = (was.row_count + now.row_count) * ONE_ROUNDING
        return abs(was.amount - now.amount) > rounding

    def as_state(self) -> list[Any]:
        """The day as JSON. Older versions of this project read and write only the first four."""
        usd = self.sums.get(DEFAULT_CURRENCY, NOTHING)
        others = {
            currency: [str(amount), row_count]
            for currency, (amount, row_count) in self.sums.items()
            if currency != DEFAULT_CURRENCY
        }
        state = [str(usd.amount), usd.row_count, self.grouped_by, self.loaded_at.isoformat()]
        return [*state, others] if others else state

    @classmethod
    def from_state(cls, state: list[Any]) -> ClosedDay:
        """The day that `as_state` returned."""
        amount, row_count, grouped_by, loaded_at, *others = state
        sums = {DEFAULT_CURRENCY: DaySum(Decimal(amount), row_count)} if row_count else {}
        for currencies in others:
            for currency, (other_amount, other_count) in currencies.items():
                sums[currency] = DaySum(Decimal(other_amount), other_count)
        return cls(sums, grouped_by, datetime.fromisoformat(loaded_at))


@dataclass
class LoadState:
    """What the loads of an organization (for usage, of one kind) keep for the next load.

    `first_day_by_dimension` is the first day for which the API returns each dimension, as refusals
    on `limits_found_on` revealed. `earliest_day` is the first day of OpenAI's own history on
    `earliest_seen_on`. `loaded_at` is the time of the last completed load. `read_before_final` maps
    each day that was last read while OpenAI could still restate it to the date of that read.
    `loaded_from` is the first day of usage if all days were requested.
    """

    history: History | None = None
    first_day_by_dimension: dict[str, date] = field(default_factory=dict)
    limits_found_on: date | None = None
    earliest_day: date | None = None
    earliest_seen_on: date | None = None
    closed_days: dict[date, ClosedDay] = field(default_factory=dict)
    loaded_at: datetime | None = None
    read_before_final: dict[date, date] = field(default_factory=dict)
    loaded_from: date | None = None

    def missing_costs(self, loaded: Mapping[date, datetime]) -> set[date]:
        """The closed days that are missing in the ledger, or that another load wrote to it."""
        return {
            day
            for day, closed in self.closed_days.items()
            if day not in loaded or abs(loaded[day] - closed.loaded_at) > ONE_SECOND
        }

    def missing_usage(self, loaded: Collection[date]) -> set[date]:
        """The days of the history that are missing in the ledger."""
        if not self.history:
            return set()
        requested_from = self.history.requested_from
        first = self.loaded_from if requested_from == FIRST_DAY else requested_from
        days = (self.history.first_open_day - first).days if first else 0
        return {first + timedelta(days=n) for n in range(days) if first} - set(loaded)

    def days_due(
        self,
        today: date,
        refetch_days: int,
        start_date: date | None,
        since: date | None = None,
        until: date | None = None,
        mismatched: Collection[date] = (),
    ) -> DateRange:
        """The date range of one run; days on which rows and ledger differ are due, however old.

        Days before the API's history are not due.
        """
        not_final = (
            day
            for day, read_on in self.read_before_final.items()
            if not is_final(day, read_on, refetch_days)
        )
        available_from = self.earliest_day or FIRST_DAY
        due = [day for day in (*not_final, *mismatched) if day >= available_from]
        return days_to_load(today, self.history, refetch_days, start_date, since, until, due)

    def note_read(self, days: Collection[date], today: date, refetch_days: int) -> None:
        """Note that these days were read today."""
        for day in days:
            self.read_before_final.pop(day, None)
            if not is_final(day, today, refetch_days):
                self.read_before_final[day] = today

    @property
    def rows_per_day(self) -> int:
        """The most rows of a day among the last seven closed ones, at least 1; 0 without any."""
        newest = [self.closed_days[day].sums.values() for day in sorted(self.closed_days)[-7:]]
        return max(1, *(sum(n for _, n in sums) for sums in newest)) if newest else 0

    def note_limits(
        self,
        first_day_by_dimension: Mapping[str, date],
        earliest_day: date | None,
        today: date,
    ) -> None:
        """Note the limits that this load discovered.

        `earliest_day` is None if the load did not reach back to the start of the API's history.
        """
        if first_day_by_dimension != self.first_day_by_dimension:
            self.first_day_by_dimension = dict(first_day_by_dimension)
            self.limits_found_on = today
        if earliest_day:
            self.earliest_day, self.earliest_seen_on = earliest_day, today

    def restatements(
        self, ledger: Sequence[pa.Table], by_currency: Sequence[pa.Table] = ()
    ) -> pa.Table:
        """The rows of `cost_restatements` for the closed days of the ledger that changed.

        `by_currency` are the rows of `cost_days_by_currency` for these days.
        """
        sums: dict[date, dict[str, DaySum]] = {}
        for row in (row for table in (*ledger, *by_currency) for row in table.to_pylist()):
            if row["row_count"] and row["row_amount"] is not None:
                day_sum = DaySum(row["row_amount"], row["row_count"])
                currency = row["currency"] or DEFAULT_CURRENCY
                sums.setdefault(row["date"], {})[currency] = day_sum
        changes = []
        for row in (row for table in ledger for row in table.to_pylist() if row["is_closed"]):
            day, before = row["date"], self.closed_days.get(row["date"])
            now = ClosedDay(sums.get(day, {}), row["grouped_by"], row["loaded_at"])
            if before:
                changes += [
                    _restatement(row["organization_id"], day, currency, before, now)
                    for currency in before.restated_currencies(now)
                ]
            self.closed_days[day] = now
        return pa.Table.from_pylist(changes, schema=COST_RESTATEMENTS)

    def forget_before(self, first_kept: date) -> None:
        """Remove all days before this one."""
        for days in (self.closed_days, self.read_before_final):
            for day in [day for day in days if day < first_kept]:
                del days[day]
        if self.history and self.history.requested_from < first_kept:
            self.history = History(first_kept, max(self.history.first_open_day, first_kept))

    def as_state(self) -> dict[str, Any]:
        """The load state as JSON, with the keys that older warehouses already have."""
        return {
            "history": self.history.as_state() if self.history else None,
            "first_told": _texts(self.first_day_by_dimension),
            "learned_on": _text(self.limits_found_on),
            "earliest_day": _text(self.earliest_day),
            "earliest_seen_on": _text(self.earliest_seen_on),
            "loaded_from": _text(self.loaded_from),
            "closed_days": {
                day.isoformat(): closed.as_state() for day, closed in self.closed_days.items()
            },
            "loaded_at": self.loaded_at.isoformat() if self.loaded_at else None,
            "read_young": _texts({d.isoformat(): on for d, on in self.read_before_final.items()}),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any] | None, today: date) -> LoadState:
        """The load state that `as_state` returned, without limits that are to be tried again."""
        if not state:
            return cls()
        load_state = cls(
            history=History.from_state(state["history"]),
            first_day_by_dimension={name: _day(day) for name, day in state["first_told"].items()},
            limits_found_on=_optional_day(state.get("learned_on")),
            earliest_day=_optional_day(state.get("earliest_day")),
            earliest_seen_on=_optional_day(state.get("earliest_seen_on")),
            closed_days={
                _day(day): ClosedDay.from_state(closed)
                for day, closed in state["closed_days"].items()
            },
            loaded_at=datetime.fromisoformat(state["loaded_at"]) if state["loaded_at"] else None,
            read_before_final={
                _day(day): _day(read_on) for day, read_on in state.get("read_young", {}).items()
            },
            loaded_from=_optional_day(state.get("loaded_from")),
        )
        found_on = load_state.limits_found_on
        if found_on and today - found_on >= RETRIED_AFTER:
            load_state.first_day_by_dimension, load_state.limits_found_on = {}, None
        return load_state


_day = date.fromisoformat


def _optional_day(text: str | None) -> date | None:
    return _day(text) if text else None


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _texts(days: Mapping[str, date]) -> dict[str, str]:
    return {name: day.isoformat() for name, day in days.items()}


def microseconds(moment: datetime) -> int:
    """The microseconds since 1970, to compare in SQL regardless of the session's time zone."""
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)


def _restatement(
    organization_id: str, day: date, currency: str, before: ClosedDay, now: ClosedDay
) -> dict[str, Any]:
    was, is_now = before.sums.get(currency, NOTHING), now.sums.get(currency, NOTHING)
    return {
        "organization_id": organization_id,
        "date": day,
        "currency": currency,
        "was_amount": was.amount,
        "is_amount": is_now.amount,
        "was_row_count": was.row_count,
        "is_row_count": is_now.row_count,
        "was_loaded_at": before.loaded_at,
        "seen_at": now.loaded_at,
        "seen_on": now.loaded_at.date(),
        "seen_us": microseconds(now.loaded_at),
    }
