"""What the loads so far learned of an organization, kept in dlt's state at the destination.

dlt takes up the state of completed loads only. So what a killed load had put here, or into the
warehouse, is found out afresh by the next one, and no restatement is lost or told twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from openai_costs_source.api.date_ranges import FIRST_DAY, History, Stretch, days_to_load, is_final
from openai_costs_source.extract.rows import COST_RESTATEMENTS, ONE_ROUNDING

TRIED_AGAIN_AFTER = timedelta(days=30)
"""OpenAI may come to tell what it once refused."""

ONE_SECOND = timedelta(seconds=1)
"""Not all destinations keep the microseconds of a load's moment."""


@dataclass(frozen=True)
class Figure:
    """What a closed day came to when it was last loaded."""

    amount: Decimal
    row_count: int
    grouped_by: str
    loaded_at: datetime

    def differs(self, other: Figure) -> bool:
        """By more than another grouping explains, whose rows are rounded one by one."""
        if self.grouped_by == other.grouped_by:
            return (self.amount, self.row_count) != (other.amount, other.row_count)
        rounding = (self.row_count + other.row_count) * ONE_ROUNDING
        return abs(self.amount - other.amount) > rounding


@dataclass
class Memory:
    """Of one organization.

    `first_told` is, by dimension, the first day that tells it, as refusals taught on `learned_on`.
    `earliest_day` is how far back OpenAI's own history reached on `earliest_seen_on`. `loaded_at`
    is the last load that was completed. `read_young` is when days were last read that OpenAI could
    still restate then. `loaded_from` is where days of usage begin if all of them were requested.
    """

    history: History | None = None
    first_told: dict[str, date] = field(default_factory=dict)
    learned_on: date | None = None
    earliest_day: date | None = None
    earliest_seen_on: date | None = None
    closed_days: dict[date, Figure] = field(default_factory=dict)
    loaded_at: datetime | None = None
    read_young: dict[date, date] = field(default_factory=dict)
    loaded_from: date | None = None

    def missing_costs(self, loaded: Mapping[date, datetime]) -> set[date]:
        """The closed days that the ledger lacks, or has from another load than is remembered."""
        return {
            day
            for day, figure in self.closed_days.items()
            if day not in loaded or abs(loaded[day] - figure.loaded_at) > ONE_SECOND
        }

    def missing_usage(self, loaded: Collection[date]) -> set[date]:
        """The days of the history that the ledger lacks."""
        if not self.history:
            return set()
        asked_from = self.history.asked_from
        first = self.loaded_from if asked_from == FIRST_DAY else asked_from
        days = (self.history.first_open_day - first).days if first else 0
        return {first + timedelta(days=n) for n in range(days) if first} - set(loaded)

    def days_due(
        self,
        today: date,
        refetch_days: int,
        start_date: date | None,
        since: date | None = None,
        until: date | None = None,
        disagreeing: Collection[date] = (),
    ) -> Stretch:
        """The days for one run; those whose rows and ledger disagree are due, however old.

        Days that OpenAI no longer returns stay as they are.
        """
        young = (d for d, on in self.read_young.items() if not is_final(d, on, refetch_days))
        told = [d for d in (*young, *disagreeing) if d >= (self.earliest_day or FIRST_DAY)]
        return days_to_load(today, self.history, refetch_days, start_date, since, until, told)

    def note_read(self, days: Collection[date], today: date, refetch_days: int) -> None:
        """Note that these days were read today."""
        for day in days:
            self.read_young.pop(day, None)
            if not is_final(day, today, refetch_days):
                self.read_young[day] = today

    @property
    def rows_per_day(self) -> int:
        """The most that one of the newest closed days held, at least 1; 0 where there are none."""
        newest = [self.closed_days[day].row_count for day in sorted(self.closed_days)[-7:]]
        return max([1, *newest]) if newest else 0

    def learn(self, first_told: Mapping[str, date], earliest_day: date | None, today: date) -> None:
        """What this load was refused; None where it did not reach as far back as that."""
        if first_told != self.first_told:
            self.first_told, self.learned_on = dict(first_told), today
        if earliest_day:
            self.earliest_day, self.earliest_seen_on = earliest_day, today

    def restatements(self, ledger: Iterable[pa.Table]) -> pa.Table:
        """The rows of `cost_restatements` for the closed days of the ledger that changed."""
        changes = []
        for day in (day for table in ledger for day in table.to_pylist() if day["is_closed"]):
            was = self.closed_days.get(day["date"])
            now = Figure(*(day[k] for k in ("row_amount", "row_count", "grouped_by", "loaded_at")))
            if was and was.differs(now):
                changes.append(_restatement(day["organization_id"], day["date"], was, now))
            self.closed_days[day["date"]] = now
        return pa.Table.from_pylist(changes, schema=COST_RESTATEMENTS)

    def forget_before(self, first_kept: date) -> None:
        self.closed_days = {day: f for day, f in self.closed_days.items() if day >= first_kept}
        self.read_young = {day: on for day, on in self.read_young.items() if day >= first_kept}
        if self.history and self.history.asked_from < first_kept:
            self.history = History(first_kept, max(self.history.first_open_day, first_kept))

    def as_state(self) -> dict[str, Any]:
        return {
            "history": self.history.as_state() if self.history else None,
            "first_told": {name: day.isoformat() for name, day in self.first_told.items()},
            **{name: _text(getattr(self, name)) for name in _DAYS},
            "closed_days": {
                day.isoformat(): [
                    str(figure.amount),
                    figure.row_count,
                    figure.grouped_by,
                    figure.loaded_at.isoformat(),
                ]
                for day, figure in self.closed_days.items()
            },
            "loaded_at": self.loaded_at.isoformat() if self.loaded_at else None,
            "read_young": {d.isoformat(): on.isoformat() for d, on in self.read_young.items()},
        }

    @classmethod
    def from_state(cls, state: dict[str, Any] | None, today: date) -> Memory:
        """What is remembered today: what was refused long ago is to be tried again."""
        if not state:
            return cls()
        memory = cls(
            history=History.from_state(state["history"]),
            first_told={name: _day(day) for name, day in state["first_told"].items()},
            **{name: _day(state[name]) if state.get(name) else None for name in _DAYS},
            closed_days={
                _day(day): Figure(Decimal(amount), rows, by, datetime.fromisoformat(at))
                for day, (amount, rows, by, at) in state["closed_days"].items()
            },
            loaded_at=datetime.fromisoformat(state["loaded_at"]) if state["loaded_at"] else None,
            read_young={_day(d): _day(on) for d, on in state.get("read_young", {}).items()},
        )
        if memory.learned_on and today - memory.learned_on >= TRIED_AGAIN_AFTER:
            memory.first_told, memory.learned_on = {}, None
        return memory


_DAYS = ("learned_on", "earliest_day", "earliest_seen_on", "loaded_from")
_day = date.fromisoformat


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def microseconds(moment: datetime) -> int:
    """Since 1970, for comparisons in SQL that no session's time zone can shift."""
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)


def _restatement(organization_id: str, day: date, was: Figure, now: Figure) -> dict[str, Any]:
    return {
        "organization_id": organization_id,
        "date": day,
        "was_amount": was.amount,
        "is_amount": now.amount,
        "was_row_count": was.row_count,
        "is_row_count": now.row_count,
        "was_loaded_at": was.loaded_at,
        "seen_at": now.loaded_at,
        "seen_on": now.loaded_at.date(),
        "seen_us": microseconds(now.loaded_at),
    }
