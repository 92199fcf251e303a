"""The days that are loaded, and those that `keep_months` trimmed."""

from collections import defaultdict
from dataclasses import dataclass

from recomputation.rows import grouped


@dataclass(frozen=True)
class Day:
    """A day of the ledger, or a day that was trimmed: each of those was closed."""

    is_closed: bool
    is_trimmed: bool


class Ledger:
    """The days of each organization, from the raw tables after each load, the last one last."""

    def __init__(self, loads):
        kept = {(row["organization_id"], row["date"]) for row in loads[-1]["cost_days"]}
        self._days = defaultdict(dict)
        self._trimmed_rows = {}
        for load in loads:
            rows = grouped(load["costs"], lambda row: (row["organization_id"], row["date"]))
            for day in load["cost_days"]:
                key = organization_id, date = day["organization_id"], day["date"]
                is_trimmed = key not in kept
                self._days[organization_id][date] = Day(is_trimmed or day["is_closed"], is_trimmed)
                if is_trimmed:
                    self._trimmed_rows[key] = rows[key]
        self.organization_ids = sorted({organization_id for organization_id, _ in kept})

    @property
    def trimmed_rows(self):
        """The costs of trimmed days, as the last load that had them returned them."""
        return [row for rows in self._trimmed_rows.values() for row in rows]

    def days(self, organization_id):
        """All days that were ever loaded, by date."""
        return self._days[organization_id]

    def loaded(self, organization_id):
        """The days that are in the warehouse, by date."""
        days = self._days[organization_id]
        return {date: day for date, day in days.items() if not day.is_trimmed}

    def last_day(self, organization_id):
        return max(self.loaded(organization_id))

    def as_of(self, organization_id):
        """The last closed day."""
        return max(d for d, day in self.loaded(organization_id).items() if day.is_closed)

    def missing(self, organization_id, days):
        """How many of these days are not loaded, as a sentence; None if all are."""
        missing = sum(day not in self.loaded(organization_id) for day in days)
        return f"{missing} of {len(days)} days are not loaded" if missing else None
